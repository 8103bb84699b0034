//! A WebSocket in the loop: what Spiders' and browsers' connections share.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use stardust_shared::limits::{PING_INTERVAL_MS, PINGS_MISSED_MAX};
use tungstenite::error::{CapacityError, Error as WsError};
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Bytes, Message, WebSocket};

use super::frame::TextFrame;
use super::limits::{
    CLOSE_BYTES_MAX, CLOSE_TIME_MAX, CONTROL_FRAMES_PER_SECOND, FRAMES_BUFFER_BYTES,
    PING_INTERVAL_PROXY,
};
use super::stream::Stream;

/// Bytes that are thrown away at a time.
const DISCARD_BYTES: usize = 4 << 10;

/// Close codes of ours; the meanings are in PROTOCOL.md and the OpenAPI file.
pub mod code {
    pub const GOING_AWAY: u16 = 1001;
    pub const VIOLATION: u16 = 1008;
    pub const FRESH_SESSION: u16 = 1012;
    pub const SESSION_ENDED: u16 = 4401;
    pub const NODE_REMOVED: u16 = 4403;
    pub const TOO_SLOW: u16 = 4408;
    pub const REPLACED: u16 = 4409;
}

/// Why a connection ends, in words for the log and for the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Sent in the close frame; `None` when there is nobody to send it to.
    pub code: Option<u16>,
    pub reason: String,
}

impl Ending {
    pub fn close(code: u16, reason: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            reason: reason.into(),
        }
    }

    pub fn gone(reason: impl Into<String>) -> Self {
        Self {
            code: None,
            reason: reason.into(),
        }
    }
}

/// What reading gave.
pub enum Incoming {
    Message(Message),
    /// Something behind a violation, which nobody looks at.
    Discarded,
    /// Nothing more for now.
    Nothing,
}

/// Counts what comes in a second.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    since: Instant,
    count: u32,
}

impl Tally {
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            count: 0,
        }
    }

    /// One more. False: that is more than `most` in a second.
    pub fn one_of(&mut self, most: u32, now: Instant) -> bool {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self::new(now);
        }
        self.count += 1;
        self.count <= most
    }
}

pub struct Socket {
    /// Apart: of a Spider's only the stream is needed for most of what comes.
    ws: Box<WebSocket<Fed>>,
    message_bytes_max: usize,
    last_heard: Instant,
    pinged_at: Instant,
    ping_interval: Duration,
    /// Frames that carry no samples and no wishes.
    controls: Tally,
    /// Set once a close frame was queued.
    closing: Option<Instant>,
    flushed: bool,
    ignored_bytes: usize,
    /// After a violation tungstenite must not read on: its state is undefined.
    broken: bool,
}

/// What tungstenite reads from.
struct Fed {
    stream: Stream,
    /// Read already, and to be read first.
    given: Vec<u8>,
    /// How much of it was.
    at: usize,
    /// Whether it may read from the stream itself.
    open: bool,
    /// What is left of a frame that was not written by tungstenite: nothing may come
    /// in the middle of it.
    sending: Bytes,
}

impl Fed {
    fn send_rest(&mut self) -> io::Result<()> {
        while !self.sending.is_empty() {
            match self.stream.write(&self.sending) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.sending.split_to(count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Read for Fed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given.is_empty() {
            return if self.open {
                self.stream.read(out)
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            };
        }
        let count = (&self.given[self.at..]).read(out)?;
        self.at += count;
        if self.at == self.given.len() {
            (self.given, self.at) = (Vec::new(), 0);
        }
        Ok(count)
    }
}

impl Write for Fed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send_rest()?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_rest()?;
        self.stream.flush()
    }
}

impl Socket {
    /// One whose frames are read elsewhere, and [given](Self::give) one by one.
    pub fn of_frames(stream: Stream, message_bytes_max: usize, now: Instant) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(FRAMES_BUFFER_BYTES)
            .write_buffer_size(4 << 10)
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max));
        let fed = Fed {
            stream,
            given: Vec::new(),
            at: 0,
            open: false,
            sending: Bytes::new(),
        };
        Self {
            ws: Box::new(WebSocket::from_raw_socket(fed, Role::Server, Some(config))),
            message_bytes_max,
            last_heard: now,
            pinged_at: now,
            ping_interval: Duration::from_millis(PING_INTERVAL_MS),
            controls: Tally::new(now),
            closing: None,
            flushed: true,
            ignored_bytes: 0,
            broken: false,
        }
    }

    /// Proxies end what is quiet, some of them after less than the usual interval.
    pub fn ping_often(&mut self, often: bool) {
        if often {
            self.ping_interval = PING_INTERVAL_PROXY;
        }
    }

    /// What is left of the answer that made it a WebSocket.
    pub fn send_first(&mut self, bytes: Vec<u8>) {
        self.flushed &= bytes.is_empty();
        self.ws.get_mut().sending = bytes.into();
    }

    pub fn stream(&mut self) -> &mut Stream {
        &mut self.ws.get_mut().stream
    }

    pub fn stream_ref(&self) -> &Stream {
        &self.ws.get_ref().stream
    }

    pub fn message_bytes_max(&self) -> usize {
        self.message_bytes_max
    }

    /// After a violation: what comes is only thrown away.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// The frame that [`Self::read`] reads next.
    pub fn give(&mut self, frame: &[u8]) {
        self.ws.get_mut().given.extend_from_slice(frame);
        // It may want an answer.
        self.flushed = false;
    }

    /// From here on it reads what comes itself.
    pub fn read_on(&mut self) {
        self.ws.get_mut().open = true;
    }

    /// The peer said something.
    pub fn heard(&mut self, now: Instant) {
        self.last_heard = now;
        self.pinged_at = now;
    }

    pub fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether all that was written has left.
    pub fn is_flushed(&self) -> bool {
        self.flushed
    }

    /// Next message. Pings are answered by tungstenite itself.
    pub fn read(&mut self, now: Instant) -> Result<Incoming, Ending> {
        if self.broken {
            return self.discard();
        }
        match self.ws.read() {
            Ok(message) => {
                self.heard(now);
                if message.is_ping() || message.is_pong() {
                    self.count_control(now)?;
                }
                // A ping and a close have an answer, which may not have left.
                self.flushed &= !(message.is_ping() || message.is_close());
                Ok(Incoming::Message(message))
            }
            Err(WsError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                Ok(Incoming::Nothing)
            }
            Err(error) => {
                self.broken = true;
                Err(ending(error))
            }
        }
    }

    /// Unread bytes would reset the connection, and the peer might lose the
    /// close frame with its reason. The deadline of the close bounds this.
    fn discard(&mut self) -> Result<Incoming, Ending> {
        match self.stream().read(&mut [0; DISCARD_BYTES]) {
            Ok(0) => Err(Ending::gone("closed")),
            Ok(count) => self.ignored(count).map(|()| Incoming::Discarded),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Incoming::Nothing),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Incoming::Discarded),
            Err(error) => Err(ending(WsError::Io(error))),
        }
    }

    /// One frame more that only costs time.
    pub fn count_control(&mut self, now: Instant) -> Result<(), Ending> {
        if self.controls.one_of(CONTROL_FRAMES_PER_SECOND, now) {
            return Ok(());
        }
        let reason = "too many control frames and messages of unknown kinds";
        Err(Ending::close(code::VIOLATION, reason))
    }

    /// So much came that nobody looks at any more.
    pub fn ignored(&mut self, bytes: usize) -> Result<(), Ending> {
        self.ignored_bytes = self.ignored_bytes.saturating_add(bytes);
        if self.ignored_bytes > CLOSE_BYTES_MAX {
            return Err(Ending::gone("closed"));
        }
        Ok(())
    }

    /// It has broken the rules: what comes from here on is thrown away.
    pub fn break_off(&mut self) {
        self.broken = true;
    }

    /// Queues a message; call [`Self::flush`] once per turn.
    pub fn write(&mut self, message: Message) -> Result<(), Ending> {
        if self.closing.is_some() {
            return Ok(());
        }
        self.flushed = false;
        match self.ws.write(message) {
            Ok(()) => Ok(()),
            // The frame is in tungstenite's buffer; the kernel's is full.
            Err(WsError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(ending(error)),
        }
    }

    /// Queues a frame that all browsers share, as it is. Only when all that was
    /// written before [has left](Self::is_flushed).
    pub fn send(&mut self, frame: TextFrame) {
        debug_assert!(self.flushed);
        if self.closing.is_none() {
            self.flushed = false;
            self.ws.get_mut().sending = frame.0;
        }
    }

    /// Sends what is queued, as far as the kernel takes it.
    pub fn flush(&mut self) -> Result<(), Ending> {
        match self.ws.flush() {
            Ok(()) => {
                self.flushed = true;
                Ok(())
            }
            Err(WsError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.flushed = false;
                Ok(())
            }
            Err(error) => Err(ending(error)),
        }
    }

    /// Queues a close frame. The connection is dropped when the peer has
    /// answered, or after a while.
    pub fn close(&mut self, code: u16, reason: &str, now: Instant) {
        if self.closing.is_some() {
            return;
        }
        self.closing = Some(now);
        // A control frame holds 125 bytes, two of them the code.
        let reason = stardust_shared::series::cut_at(reason, 120);
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        // Errors show up at the next read or flush; there is a deadline besides.
        let _ = self.ws.close(Some(frame));
        let _ = self.ws.flush();
    }

    /// Keep-alive and the deadline of a close, looked at now and then.
    pub fn tick(&mut self, now: Instant) -> Result<(), Ending> {
        if let Some(since) = self.closing {
            return if now.duration_since(since) > CLOSE_TIME_MAX {
                Err(Ending::gone("closed"))
            } else {
                Ok(())
            };
        }
        let silent = now.duration_since(self.last_heard);
        let ping = Duration::from_millis(PING_INTERVAL_MS);
        if silent > ping * PINGS_MISSED_MAX as u32 {
            return Err(Ending::gone(format!(
                "no answer for {} s",
                silent.as_secs()
            )));
        }
        if now.duration_since(self.pinged_at) >= self.ping_interval {
            self.pinged_at = now;
            self.write(Message::Ping(tungstenite::Bytes::new()))?;
            self.flush()?;
        }
        Ok(())
    }
}

fn ending(error: WsError) -> Ending {
    match error {
        WsError::ConnectionClosed | WsError::AlreadyClosed => {
            Ending::gone("the connection was closed")
        }
        WsError::Capacity(CapacityError::MessageTooLong { size, max_size }) => Ending::close(
            code::VIOLATION,
            format!("a message of {size} bytes is over the limit of {max_size}"),
        ),
        WsError::Io(error) => Ending::gone(format!("the connection broke: {error}")),
        WsError::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            Ending::gone("the connection broke")
        }
        WsError::Protocol(error) => Ending::close(
            code::VIOLATION,
            format!("not the WebSocket protocol: {error}"),
        ),
        other => Ending::close(code::VIOLATION, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(now: Instant) -> (Socket, std::net::TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        server.set_nonblocking(true).unwrap();
        let stream = Stream::plain(mio::net::TcpStream::from_std(server));
        (Socket::of_frames(stream, 1 << 10, now), client)
    }

    #[test]
    fn behind_a_proxy_pings_come_before_it_takes_the_connection_for_idle() {
        use std::io::Read;
        let start = Instant::now();
        for (often, quiet_s, due_s) in [(false, 19, 20), (true, 14, 15)] {
            let (mut socket, mut client) = pair(start);
            client.set_nonblocking(true).unwrap();
            socket.ping_often(often);
            let mut said = [0; 16];
            socket.tick(start + Duration::from_secs(quiet_s)).unwrap();
            assert!(client.read(&mut said).is_err(), "{often}: too early");
            socket.tick(start + Duration::from_secs(due_s)).unwrap();
            client.set_nonblocking(false).unwrap();
            assert_eq!((client.read(&mut said).unwrap(), said[0]), (2, 0x89));
        }
    }

    #[test]
    fn nothing_comes_in_the_middle_of_a_frame_that_all_share() {
        const BYTES: usize = 15 << 20;
        let (mut socket, client) = pair(Instant::now());
        socket.read_on();
        socket.send("x".repeat(BYTES).into());
        socket.flush().unwrap();
        assert!(!socket.is_flushed(), "more than the kernel keeps");
        let mut client = WebSocket::from_raw_socket(client, Role::Client, None);
        client
            .send(Message::Ping(Bytes::from_static(b"?")))
            .unwrap();
        let pinged = loop {
            match socket.read(Instant::now()).unwrap() {
                Incoming::Message(message) => break message,
                _ => std::thread::yield_now(),
            }
        };
        assert!(pinged.is_ping());
        let reader = std::thread::spawn(move || {
            let messages = [client.read().unwrap(), client.read().unwrap()];
            (messages[0].len(), messages[1].clone())
        });
        while !socket.is_flushed() {
            socket.flush().unwrap();
            std::thread::yield_now();
        }
        let (bytes, answer) = reader.join().unwrap();
        assert_eq!(bytes, BYTES);
        assert_eq!(answer, Message::Pong(Bytes::from_static(b"?")));
    }
}
