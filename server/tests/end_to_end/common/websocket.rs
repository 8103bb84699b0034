//! WebSockets of a client that shows every detail: the handshake by hand, then
//! tungstenite or plain bytes.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tungstenite::protocol::Role;
use tungstenite::{Error, Message};

use super::http::{Answer, read_answer};
use super::{PATIENCE, request_bytes};

/// How long one look at a socket takes.
const LOOK: Duration = Duration::from_millis(50);

/// Asks for a WebSocket; the connection is handed out with the answer, whatever it is.
pub fn upgrade(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> (Answer, TcpStream) {
    let stream = TcpStream::connect(address).expect("Ground Control takes connections");
    upgrade_on(stream, target, &address.to_string(), headers)
}

pub fn upgrade_on(
    mut stream: TcpStream,
    target: &str,
    host: &str,
    headers: &[(&str, &str)],
) -> (Answer, TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut all = vec![
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    all.extend(headers);
    stream
        .write_all(&request_bytes("GET", target, host, &all, None))
        .unwrap();
    // One byte at a time: nothing behind the head may get lost in a buffer.
    let mut reader = BufReader::with_capacity(1, &stream);
    let answer = read_answer(&mut reader).expect("an answer to the handshake");
    drop(reader);
    (answer, stream)
}

#[derive(Debug)]
pub enum Event {
    Message(Message),
    /// The other side closed: with a code and words, or `None` when the
    /// connection just ended.
    Closed(Option<(u16, String)>),
    /// Nothing came in time.
    Silence,
}

pub struct WebSocket {
    inner: tungstenite::WebSocket<TcpStream>,
}

impl WebSocket {
    /// After a 101 answer.
    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(LOOK)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            inner: tungstenite::WebSocket::from_raw_socket(stream, Role::Client, None),
        }
    }

    pub fn stream(&self) -> &TcpStream {
        self.inner.get_ref()
    }

    /// Plain bytes, past the WebSocket protocol.
    pub fn raw(&mut self, bytes: &[u8]) {
        // The other side may have closed already: what it said is read next.
        let _ = self.inner.get_mut().write_all(bytes);
    }

    /// False once the connection is over.
    pub fn send(&mut self, message: Message) -> bool {
        self.inner.send(message).is_ok()
    }

    /// What comes next within `limit`. Pings are answered on the way.
    pub fn next(&mut self, limit: Duration) -> Event {
        let until = Instant::now() + limit;
        loop {
            match self.inner.read() {
                Ok(Message::Close(frame)) => {
                    let _ = self.inner.flush();
                    return Event::Closed(
                        frame.map(|frame| (frame.code.into(), frame.reason.to_string())),
                    );
                }
                Ok(message) => return Event::Message(message),
                Err(Error::Io(error)) if is_timeout(&error) => {
                    if Instant::now() >= until {
                        return Event::Silence;
                    }
                }
                Err(_) => return Event::Closed(None),
            }
        }
    }

    /// Skips what comes until the connection is over.
    pub fn closed(&mut self) -> Option<(u16, String)> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.next(LOOK) {
                Event::Closed(why) => return why,
                _ => assert!(Instant::now() < until, "the connection stays open"),
            }
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
