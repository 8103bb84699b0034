//! Through an HTTP proxy: CONNECT, and its answer.

use std::io::{ErrorKind, Read as _, Write as _};

use mio::net::TcpStream;
use stardust_shared::ServerUrl;
use stardust_shared::base64;

use super::fault::{Fault, plain};
use crate::config::Proxy;

/// Largest head of an answer. Proxies send a few hundred bytes, with a page of
/// reasons after it that nobody reads here.
pub const HEAD_BYTES_MAX: usize = 8 << 10;

/// The request on its way, then the answer. The session's deadline bounds both.
pub struct Tunnel {
    tcp: TcpStream,
    request: Vec<u8>,
    sent: usize,
    answer: Vec<u8>,
}

impl Tunnel {
    pub fn new(tcp: TcpStream, proxy: &Proxy, url: &ServerUrl) -> Self {
        Self {
            tcp,
            request: request(proxy, url),
            sent: 0,
            answer: Vec::new(),
        }
    }

    /// Goes on as far as the socket allows.
    pub fn step(mut self, proxy: &Proxy) -> Result<Step, Fault> {
        while self.sent < self.request.len() {
            match self.tcp.write(&self.request[self.sent..]) {
                Ok(0) => return Err(hung_up(proxy)),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Step::Waits(self));
                }
                Err(_) => return Err(hung_up(proxy)),
            }
        }
        let mut buffer = [0; 1 << 10];
        loop {
            match self.tcp.read(&mut buffer) {
                Ok(0) => return Err(hung_up(proxy)),
                Ok(count) => self.answer.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Step::Waits(self));
                }
                Err(_) => return Err(hung_up(proxy)),
            }
            if let Some(status) = read_answer(&self.answer).map_err(|why| fault(why, proxy))? {
                return match refusal(status, proxy) {
                    None => Ok(Step::Through(self.tcp)),
                    Some(fault) => Err(fault),
                };
            }
        }
    }
}

pub enum Step {
    Waits(Tunnel),
    /// The server is at the other end now.
    Through(TcpStream),
}

fn request(proxy: &Proxy, url: &ServerUrl) -> Vec<u8> {
    let (open, close) = if url.host.contains(':') {
        ("[", "]")
    } else {
        ("", "")
    };
    let server = format!("{open}{}{close}:{}", url.host, url.port());
    let mut request = format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n");
    if let Some(login) = &proxy.login {
        request.push_str("Proxy-Authorization: Basic ");
        request.push_str(&base64::STANDARD.encode_padded(login.expose().as_bytes()));
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request.into_bytes()
}

/// Why an answer can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadAnswer {
    NotHttp,
    TooLong,
    /// Something came behind a success, where the server speaks second.
    Talks,
}

/// The status of the proxy's answer, once its head is there.
pub fn read_answer(bytes: &[u8]) -> Result<Option<u16>, BadAnswer> {
    // "HTTP/1.x NNN", and then whatever up to an empty line.
    const START: &[u8] = b"HTTP/1.";
    let known = bytes.len().min(START.len());
    if bytes[..known] != START[..known] {
        return Err(BadAnswer::NotHttp);
    }
    let end = bytes
        .iter()
        .take(HEAD_BYTES_MAX)
        .zip(0..)
        .filter(|(byte, _)| **byte == b'\n')
        .map(|(_, at)| at)
        .find(|&at| {
            let line = bytes[..at].strip_suffix(b"\r").unwrap_or(&bytes[..at]);
            line.ends_with(b"\n")
        });
    let Some(end) = end else {
        return if bytes.len() >= HEAD_BYTES_MAX {
            Err(BadAnswer::TooLong)
        } else {
            Ok(None)
        };
    };
    let status = match bytes.get(START.len()..START.len() + 5) {
        Some(&[b'0'..=b'9', b' ', a, b, c]) if [a, b, c].iter().all(u8::is_ascii_digit) => {
            [a, b, c]
                .iter()
                .fold(0, |n, digit| n * 10 + u16::from(digit - b'0'))
        }
        _ => return Err(BadAnswer::NotHttp),
    };
    // No digit more, such as in "HTTP/1.1 2000".
    if bytes.get(START.len() + 5).is_some_and(u8::is_ascii_digit) {
        return Err(BadAnswer::NotHttp);
    }
    if (200..300).contains(&status) && bytes.len() > end + 1 {
        return Err(BadAnswer::Talks);
    }
    Ok(Some(status))
}

fn name(proxy: &Proxy) -> String {
    format!("the proxy {} (port {})", plain(&proxy.host), proxy.port)
}

fn hung_up(proxy: &Proxy) -> Fault {
    Fault::link_down(format!(
        "{} hung up instead of connecting us to the server; check its log and its access rules",
        name(proxy)
    ))
}

fn fault(why: BadAnswer, proxy: &Proxy) -> Fault {
    let why = match why {
        BadAnswer::NotHttp => "did not answer as an HTTP proxy does",
        BadAnswer::TooLong => "answered with a head of more than 8 KiB",
        BadAnswer::Talks => "said more than that the way is free",
    };
    Fault::unknown(format!(
        "{} {why}; check the address in https_proxy or http_proxy",
        name(proxy)
    ))
}

fn refusal(status: u16, proxy: &Proxy) -> Option<Fault> {
    let name = name(proxy);
    Some(match status {
        200..300 => return None,
        // Tinyproxy says 401.
        401 | 407 if proxy.login.is_some() => Fault::unknown(format!(
            "{name} refused our user and password (HTTP {status}); correct them in https_proxy or http_proxy and restart the Spider"
        ))
        .slow(),
        401 | 407 => Fault::unknown(format!(
            "{name} wants a user and a password (HTTP {status}); give them as http://USER:PASSWORD@HOST:PORT in https_proxy or http_proxy and restart the Spider"
        ))
        .slow(),
        403 | 405 => Fault::unknown(format!(
            "{name} forbids the connection (HTTP {status}); allow CONNECT to the server and its port there"
        ))
        .slow(),
        502..505 => Fault::server_down(format!(
            "{name} does not reach the server (HTTP {status}); start Ground Control, or check the network of the proxy"
        )),
        _ => Fault::unknown(format!(
            "{name} does not connect us to the server (HTTP {status}); check its log, and that it is a proxy that knows CONNECT"
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::proxy::parse;
    use crate::link::fault::{Outage, Pace};

    fn text(proxy: &str, url: &str) -> String {
        let request = request(&parse(proxy).unwrap(), &ServerUrl::parse(url).unwrap());
        String::from_utf8(request).unwrap()
    }

    #[test]
    fn the_request_names_the_server_and_its_port() {
        assert_eq!(
            text("http://p:1", "wss://gc.example"),
            "CONNECT gc.example:443 HTTP/1.1\r\nHost: gc.example:443\r\n\r\n"
        );
        assert_eq!(
            text("http://Aladdin:open%20sesame@p:1", "ws://[::1]:8933"),
            "CONNECT [::1]:8933 HTTP/1.1\r\nHost: [::1]:8933\r\n\
             Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
        );
    }

    #[test]
    fn answers_are_read_when_they_are_whole() {
        let whole = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(read_answer(&whole[..end]), Ok(None), "{end}");
        }
        assert_eq!(read_answer(whole), Ok(Some(200)));
        assert_eq!(read_answer(b"HTTP/1.0 200\n\n"), Ok(Some(200)));
        assert_eq!(
            read_answer(b"HTTP/1.1 407 x\r\nA: b\r\n\r\n<html>"),
            Ok(Some(407))
        );
        assert_eq!(
            read_answer(b"HTTP/1.1 200 OK\r\n\r\n\x16"),
            Err(BadAnswer::Talks)
        );
    }

    #[test]
    fn hostile_answers_are_refused() {
        for bytes in [
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            b"HTTP/2",
            b"h",
            b"HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 20\r\n\r\n",
            b"HTTP/1.1 2000\r\n\r\n",
            b"HTTP/1.1 -20 \r\n\r\n",
            b"HTTP/1.x 200 \r\n\r\n",
            b"\0\0\0",
        ] {
            assert_eq!(read_answer(bytes), Err(BadAnswer::NotHttp), "{bytes:?}");
        }
        let mut long = b"HTTP/1.1 200 OK\r\n".to_vec();
        long.resize(HEAD_BYTES_MAX - 1, b'a');
        assert_eq!(read_answer(&long), Ok(None));
        long.push(b'a');
        assert_eq!(read_answer(&long), Err(BadAnswer::TooLong));
    }

    #[test]
    fn refusals_say_what_to_do_and_keep_the_password() {
        let proxy = parse("http://u:s3cr3t@p:3128").unwrap();
        let fault = |status| refusal(status, &proxy).unwrap();
        for (status, words, pace, outage) in [
            (407, "refused our user", Pace::Slow, None),
            (403, "allow CONNECT", Pace::Slow, None),
            (502, "does not reach", Pace::Usual, Some(Outage::ServerDown)),
            (400, "knows CONNECT", Pace::Usual, None),
            (100, "knows CONNECT", Pace::Usual, None),
        ] {
            let fault = fault(status);
            assert!(fault.words.contains(words) && !fault.words.contains("s3cr3t"));
            assert!(
                fault.words.contains("the proxy p (port 3128)"),
                "{}",
                fault.words
            );
            assert_eq!((fault.pace, fault.outage), (pace, outage), "{status}");
        }
        let open = parse("p:3128").unwrap();
        assert!(refusal(407, &open).unwrap().words.contains("wants a user"));
        assert_eq!(refusal(200, &open), None);
    }
}
