//! From a TCP connection to an open WebSocket, without blocking: TLS where it is
//! asked for, and the HTTP upgrade.
//!
//! The request and the reading of its answer are our own: tungstenite's bring all
//! that HTTP knows, which is a tenth of a Spider without TLS.

use std::io::{self, ErrorKind, Read as _, Write as _};

use mio::net::TcpStream;
use stardust_shared::SUBPROTOCOL;
use stardust_shared::limits::{CONTROL_BYTES_MAX, FRAME_BYTES_MAX};
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

use super::answer::Answer;
use super::connect::Target;
use super::connect_errors;
use super::fault::Fault;
use super::stream::Stream;
use super::tcp::Tcp;

/// Of both buffers: a sample is some forty bytes and an ack fewer.
const BUFFER_BYTES: usize = 4 << 10;
/// Largest head of an answer; proxies add a few lines to the server's own.
const HEAD_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 96;

/// The request on its way, then the answer. The session's deadline bounds both.
pub struct Upgrade {
    /// None once the WebSocket has it.
    stream: Option<Stream>,
    request: Vec<u8>,
    sent: usize,
    answer: Vec<u8>,
    /// What proves that the answer is one to our request.
    accept: String,
}

impl Upgrade {
    pub fn start(target: &Target, tcp: TcpStream) -> Result<Self, Fault> {
        let key = generate_key();
        Ok(Self {
            request: request(target, &key)?,
            stream: Some(wrap(target, tcp)?),
            sent: 0,
            answer: Vec::new(),
            accept: derive_accept_key(key.as_bytes()),
        })
    }

    /// Goes on as far as the socket allows; `Ok(None)` while it waits.
    pub fn step(&mut self, target: &Target) -> Result<Option<WebSocket<Stream>>, Fault> {
        let Some(stream) = &mut self.stream else {
            return Ok(None);
        };
        stream.refill();
        let end = match exchange(
            stream,
            &self.request,
            &mut self.sent,
            &mut self.answer,
            &self.accept,
        ) {
            Ok(end) => end,
            Err(Broken::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                if stream.exhausted() {
                    return Err(endless());
                }
                return Ok(None);
            }
            Err(Broken::Io(error)) => return Err(connect_errors::broken(&error, &target.url)),
            Err(Broken::Answer(answer)) => {
                return Err(connect_errors::answer(&answer, &target.url));
            }
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(BUFFER_BYTES)
            .max_write_buffer_size(2 * FRAME_BYTES_MAX)
            .max_message_size(Some(CONTROL_BYTES_MAX))
            .max_frame_size(Some(CONTROL_BYTES_MAX));
        // The server may have spoken right after its head.
        let rest = self.answer.split_off(end);
        Ok(self
            .stream
            .take()
            .map(|stream| WebSocket::from_partially_read(stream, rest, Role::Client, Some(config))))
    }
}

enum Broken {
    Io(io::Error),
    Answer(Answer),
}

fn endless() -> Fault {
    Fault::violation("its handshake has no end")
}

/// Sends what is left of the request and reads the answer; where its head ends.
fn exchange(
    stream: &mut Stream,
    request: &[u8],
    sent: &mut usize,
    answer: &mut Vec<u8>,
    accept: &str,
) -> Result<usize, Broken> {
    while *sent < request.len() {
        match stream.write(&request[*sent..]).map_err(Broken::Io)? {
            0 => return Err(Broken::Io(ErrorKind::WriteZero.into())),
            count => *sent += count,
        }
    }
    stream.flush().map_err(Broken::Io)?;
    let mut buffer = [0; 1 << 10];
    loop {
        match stream.read(&mut buffer).map_err(Broken::Io)? {
            0 => return Err(Broken::Io(ErrorKind::UnexpectedEof.into())),
            count => answer.extend_from_slice(&buffer[..count]),
        }
        if let Some(end) = read_answer(answer, accept).map_err(Broken::Answer)? {
            return Ok(end);
        }
    }
}

/// Where the head of an answer that opens a WebSocket ends; `None` while it is
/// not whole. RFC 6455, section 4.1.
pub fn read_answer(bytes: &[u8], accept: &str) -> Result<Option<usize>, Answer> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let end = match response.parse(bytes) {
        Ok(httparse::Status::Complete(end)) if end <= HEAD_BYTES_MAX => end,
        Ok(httparse::Status::Partial) if bytes.len() <= HEAD_BYTES_MAX => return Ok(None),
        Ok(_) => return Err(Answer::Endless),
        Err(_) => return Err(Answer::NotWebSocket),
    };
    let status = response.code.unwrap_or(0);
    let values = |name: &'static str| {
        let named = response.headers.iter();
        named
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.trim_ascii())
    };
    if status != 101 {
        let text = |name| {
            let value = values(name).next()?;
            std::str::from_utf8(value).ok().map(str::to_owned)
        };
        return Err(Answer::Refused {
            status,
            location: text("location"),
            retry_after: text("retry-after"),
        });
    }
    let lists = |name, word: &str| {
        values(name).any(|value| {
            value
                .split(|&byte| byte == b',')
                .any(|item| item.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    let once = |name, expected: &str| {
        let mut found = values(name);
        found.next() == Some(expected.as_bytes()) && found.next().is_none()
    };
    if response.version != Some(1)
        || !lists("upgrade", "websocket")
        || !lists("connection", "upgrade")
        || !once("sec-websocket-accept", accept)
    {
        return Err(Answer::NotWebSocket);
    }
    // An extension that nobody asked for would change what frames mean.
    if !once("sec-websocket-protocol", SUBPROTOCOL)
        || values("sec-websocket-extensions").next().is_some()
    {
        return Err(Answer::NotStardust);
    }
    Ok(Some(end))
}

fn request(target: &Target, key: &str) -> Result<Vec<u8>, Fault> {
    let (host, path, token) = (
        target.url.host_header(),
        &target.url.path,
        target.token.expose(),
    );
    // Nothing that would end its line may get into a head.
    let printable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if !printable(&host) || !printable(path) {
        return Err(Fault::unknown("--server is not a URL that HTTP can carry; check it").slow());
    }
    if !printable(token) {
        return Err(Fault::unknown(
            "the node token holds characters that no token has; copy it again into the token file",
        )
        .slow());
    }
    Ok([
        "GET ",
        path,
        " HTTP/1.1\r\nHost: ",
        &host,
        "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ",
        key,
        "\r\nSec-WebSocket-Protocol: ",
        SUBPROTOCOL,
        "\r\nAuthorization: Bearer ",
        token,
        concat!("\r\nUser-Agent: stardust-spider/", env!("CARGO_PKG_VERSION"), "\r\n\r\n"),
    ]
    .concat()
    .into_bytes())
}

fn wrap(target: &Target, tcp: TcpStream) -> Result<Stream, Fault> {
    if !target.url.tls {
        return Ok(Stream::Plain(Tcp::new(tcp)));
    }
    #[cfg(feature = "tls")]
    {
        let host = &target.url.host;
        super::tls::TlsStream::new(host, target.ca_file.as_deref(), &target.pins, Tcp::new(tcp))
            .map(|tls| Stream::Tls(Box::new(tls)))
            .map_err(|error| super::tls_errors::fault(&error, host))
    }
    #[cfg(not(feature = "tls"))]
    Err(Fault::unknown(
        "this Spider was built without TLS; use ws:// within a VPN, or install the build with TLS",
    )
    .slow())
}

#[cfg(test)]
mod tests;
