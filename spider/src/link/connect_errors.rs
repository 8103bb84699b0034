//! Failures to connect, in words: what failed, whose side it is on, what to do.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use stardust_shared::ServerUrl;
use tungstenite::Error;
use tungstenite::error::{CapacityError, ProtocolError};

use super::answer::Answer;
use super::fault::{Fault, Pace, plain};

/// A name that was not resolved.
pub fn resolve(error: &io::Error, host: &str) -> Fault {
    Fault::link_down(format!(
        "the name {host} could not be resolved ({error}); check --server, and the DNS or the network of this machine"
    ))
}

/// A proxy's name that was not resolved.
pub fn resolve_proxy(error: &io::Error, host: &str) -> Fault {
    Fault::link_down(format!(
        "the proxy's name {host} could not be resolved ({error}); check https_proxy or http_proxy, and the DNS of this machine"
    ))
}

/// A proxy that took the connection and then said nothing.
pub fn silent_proxy() -> Fault {
    Fault::link_down(
        "the proxy did not connect us to the server within 10 s; check the proxy, and that the server is up",
    )
}

/// A TCP connection to the server, or to the proxy, that did not come about.
pub fn connect(error: &io::Error, address: SocketAddr, proxy: bool) -> Fault {
    match error.kind() {
        ErrorKind::ConnectionRefused if proxy => Fault::link_down(format!(
            "nothing listens on the proxy's address {address} (connection refused); start the proxy, or correct https_proxy or http_proxy"
        )),
        _ if proxy => Fault::link_down(format!(
            "connecting to the proxy at {address} failed: {error}; check https_proxy or http_proxy, and the network"
        )),
        ErrorKind::ConnectionRefused => Fault::server_down(format!(
            "nothing listens on {address} (connection refused); start Ground Control, or check the port in --server"
        )),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Fault::server_down(format!(
            "{address} cut the connection off at once; check Ground Control or the proxy there"
        )),
        ErrorKind::TimedOut => Fault::link_down(format!(
            "{address} did not answer within 10 s; check the network, and the firewalls on the way"
        )),
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => Fault::link_down(format!(
            "there is no route to {address}; check the network of this machine"
        )),
        _ => Fault::link_down(format!(
            "connecting to {address} failed: {error}; check the network"
        )),
    }
}

/// A session that broke.
pub fn websocket(error: &Error, url: &ServerUrl) -> Fault {
    match error {
        Error::Io(error) => broken(error, url),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(
            ProtocolError::HandshakeIncomplete | ProtocolError::ResetWithoutClosingHandshake,
        ) => hung_up(),
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => Fault::violation(
            &format!("a message of {size} bytes where {max_size} are allowed"),
        ),
        Error::Protocol(error) => Fault::violation(&plain(&error.to_string())),
        // The others are of handshakes and of URLs, which are our own.
        _ => Fault::violation("its frames make no sense"),
    }
}

/// A connection that broke.
pub fn broken(error: &io::Error, url: &ServerUrl) -> Fault {
    #[cfg(feature = "tls")]
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return super::tls_errors::fault(error, &url.host);
    }
    let _ = url;
    match error.kind() {
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::WriteZero
        | ErrorKind::UnexpectedEof => hung_up(),
        ErrorKind::TimedOut | ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => {
            Fault::link_down(format!(
                "the link to the server is gone ({error}); check the network"
            ))
        }
        _ => Fault::link_down(format!("the connection failed: {error}; check the network")),
    }
}

fn hung_up() -> Fault {
    Fault::server_down(
        "the connection ended without a word (Ground Control, or a proxy before it, was stopped)",
    )
}

/// An answer that opens no WebSocket.
pub fn answer(answer: &Answer, url: &ServerUrl) -> Fault {
    match answer {
        Answer::Refused {
            status,
            location,
            retry_after,
        } => refused(*status, location.as_deref(), retry_after.as_deref(), url),
        Answer::NotWebSocket => Fault::unknown(
            "what answered is not a WebSocket server; check the port in --server (ws:// or wss://), and that a proxy passes Upgrade on",
        ),
        Answer::NotStardust => Fault::unknown(
            "what answered does not speak stardust.v1; does --server name Ground Control, of the same major version?",
        ),
        Answer::Endless => Fault::violation("its handshake has no end"),
    }
}

/// HTTP where an upgrade was asked for.
fn refused(
    status: u16,
    location: Option<&str>,
    retry_after: Option<&str>,
    url: &ServerUrl,
) -> Fault {
    match status {
        401 => Fault::unknown(
            "the server refused the token of this node (HTTP 401); it is mistyped or was revoked: put this node's token from Ground Control into the token file and restart the Spider",
        )
        .slow(),
        403 => Fault::unknown(
            "a proxy or the server forbids this connection (HTTP 403); check its access rules for this machine",
        )
        .slow(),
        404 => Fault::unknown(format!(
            "there is no Ground Control at {} (HTTP 404); check the path in --server",
            plain(&url.path)
        )),
        300..400 => Fault::unknown(format!(
            "the server sends us elsewhere (HTTP {status}: {}); put the final address into --server",
            plain(location.unwrap_or_default())
        )),
        429 | 503 => Fault {
            pace: retry_after
                .and_then(|seconds| seconds.parse::<u64>().ok())
                .map_or(Pace::Usual, |s| Pace::NotBefore(s.saturating_mul(1000))),
            ..Fault::server_down(format!(
                "the server is full or not ready (HTTP {status}); it says to try later"
            ))
        },
        500.. => Fault::server_down(format!(
            "the server, or the proxy before it, is failing (HTTP {status}); check Ground Control"
        )),
        400..500 => Fault::unknown(format!(
            "the server refused the handshake (HTTP {status}); does a proxy before it pass Upgrade on, and are both of the same major version?"
        )),
        _ => Fault::unknown(format!(
            "what answered is not Ground Control (HTTP {status}); check --server"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::fault::Outage;
    use crate::link::upgrade::read_answer;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Fault {
        let mut head = format!("HTTP/1.1 {status} Because\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let answer = read_answer((head + "\r\n").as_bytes(), "").unwrap_err();
        super::answer(&answer, &ServerUrl::parse("ws://a.example/x").unwrap())
    }

    #[test]
    fn http_answers_tell_the_cause_and_the_pace() {
        let fault = answer(401, &[]);
        assert_eq!((fault.pace, fault.outage), (Pace::Slow, None));
        assert!(fault.words.contains("token file"));
        let fault = answer(503, &[("Retry-After", "7")]);
        assert_eq!(fault.pace, Pace::NotBefore(7_000));
        assert_eq!(fault.outage, Some(Outage::ServerDown));
        assert_eq!(answer(503, &[("Retry-After", "soon")]).pace, Pace::Usual);
        assert_eq!(answer(502, &[]).outage, Some(Outage::ServerDown));
        assert_eq!(answer(599, &[]).outage, Some(Outage::ServerDown));
        assert_eq!(answer(400, &[]).outage, None);
        assert!(answer(404, &[]).words.contains("/x"));
        let moved = answer(301, &[("Location", "https://b.example/")]);
        assert!(moved.words.contains("https://b.example/"));
        assert!(answer(200, &[]).words.contains("not Ground Control"));
    }

    #[test]
    fn connect_errors_tell_server_from_link() {
        let address = "192.0.2.1:80".parse().unwrap();
        let outage = |kind: ErrorKind| connect(&kind.into(), address, false).outage;
        assert_eq!(
            outage(ErrorKind::ConnectionRefused),
            Some(Outage::ServerDown)
        );
        assert_eq!(outage(ErrorKind::TimedOut), Some(Outage::LinkDown));
        assert_eq!(outage(ErrorKind::HostUnreachable), Some(Outage::LinkDown));
        assert_eq!(outage(ErrorKind::PermissionDenied), Some(Outage::LinkDown));
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::TimedOut] {
            let fault = connect(&kind.into(), address, true);
            assert_eq!(fault.outage, Some(Outage::LinkDown));
            assert!(fault.words.contains("proxy"), "{}", fault.words);
        }
    }
}
