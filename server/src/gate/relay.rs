//! One request at the API, and its answer on the way back.
//!
//! The answer is read as fast as it comes, whatever the client takes, up to
//! [`RELAY_BUFFER_BYTES`]: the worker that made it, and the place among the relays,
//! are free then.

use std::io::{ErrorKind, Read, Write};

use mio::net::UnixStream;

use super::api_slots::ApiSlot;
use super::limits::RELAY_BUFFER_BYTES;

/// How the API's answers end their heads. Others are none of its own, and are handed
/// on as they are.
const CLOSES: &[u8] = b"Connection: close\r\n\r\n";
const KEEPS: &[u8] = b"Connection: keep-alive\r\n\r\n";
/// Longest head that is looked for.
const ANSWER_HEAD_BYTES_MAX: usize = 16 << 10;

pub struct Relay {
    pub upstream: UnixStream,
    /// Whose place among the relays it has.
    pub slot: ApiSlot,
    request: Vec<u8>,
    sent: usize,
    is_head: bool,
    keep: bool,
    /// What came and was not handed on.
    pub buffer: Vec<u8>,
    pub at: usize,
    frame: Frame,
}

enum Frame {
    AwaitHead,
    /// So many bytes of the body are still to come.
    Left(usize),
    /// Until its end, wherever that is.
    Open,
}

/// What a look at the API's side gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    More,
    Blocked,
    Over(After),
}

/// What follows an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The next request.
    Keep,
    /// The end, when the client has all of it.
    Close,
    /// It is not whole: the connection is cut, so that the client sees that.
    Cut,
    /// There was none.
    Nothing,
}

impl Relay {
    pub fn new(upstream: UnixStream, slot: ApiSlot, request: Vec<u8>, keep: bool) -> Self {
        Self {
            upstream,
            slot,
            is_head: request.starts_with(b"HEAD "),
            request,
            sent: 0,
            keep,
            buffer: Vec::new(),
            at: 0,
            frame: Frame::AwaitHead,
        }
    }

    /// Whether the client may be sent something.
    pub fn has_begun(&self) -> bool {
        !matches!(self.frame, Frame::AwaitHead)
    }

    /// There is nothing to hand on.
    pub fn is_empty(&self) -> bool {
        !self.has_begun() || self.at == self.buffer.len()
    }

    pub fn held_bytes(&self) -> usize {
        self.request.len() + self.buffer.len() - self.at
    }

    /// Hands the request over and takes what there is of the answer.
    pub fn fill(&mut self, scratch: &mut [u8]) -> Fill {
        while self.sent < self.request.len() {
            match self.upstream.write(&self.request[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Fill::Blocked,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // It may have answered and closed before it read everything.
                Err(_) => self.sent = self.request.len(),
            }
        }
        (self.request, self.sent) = (Vec::new(), 0);
        // Seldom: what is left is moved.
        if self.at * 2 > self.buffer.len() {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        let room = RELAY_BUFFER_BYTES.saturating_sub(self.buffer.len());
        if room == 0 {
            return Fill::Blocked;
        }
        let most = scratch.len().min(room);
        match self.upstream.read(&mut scratch[..most]) {
            Ok(0) => Fill::Over(self.end()),
            Ok(count) => self.take(&scratch[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Fill::Blocked,
            Err(error) if error.kind() == ErrorKind::Interrupted => Fill::More,
            Err(_) => Fill::Over(self.end()),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Fill {
        match &mut self.frame {
            Frame::Open => self.buffer.extend_from_slice(bytes),
            Frame::Left(left) => {
                let part = bytes.len().min(*left);
                *left -= part;
                self.buffer.extend_from_slice(&bytes[..part]);
            }
            Frame::AwaitHead => {
                self.buffer.extend_from_slice(bytes);
                self.look_for_head();
            }
        }
        match self.frame {
            Frame::Left(0) => Fill::Over(self.end()),
            _ => Fill::More,
        }
    }

    fn look_for_head(&mut self) {
        let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end.map(|at| at + 4) else {
            if self.buffer.len() > ANSWER_HEAD_BYTES_MAX {
                self.frame = Frame::Open;
            }
            return;
        };
        let Some(length) = length(&self.buffer[..end], self.is_head) else {
            self.frame = Frame::Open;
            return;
        };
        let body = self.buffer.split_off(end);
        if self.keep {
            self.buffer.truncate(end - CLOSES.len());
            self.buffer.extend_from_slice(KEEPS);
        }
        self.frame = Frame::Left(length);
        self.take(&body);
    }

    fn end(&self) -> After {
        match self.frame {
            Frame::AwaitHead => After::Nothing,
            Frame::Left(0) if self.keep => After::Keep,
            Frame::Left(0) | Frame::Open => After::Close,
            Frame::Left(_) => After::Cut,
        }
    }
}

/// How long the body of an answer of ours is; `None` when that is not said.
fn length(head: &[u8], is_head: bool) -> Option<usize> {
    let text = std::str::from_utf8(head.strip_suffix(CLOSES)?).ok()?;
    let mut lines = text.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?;
    if is_head || matches!(status, "204" | "304") {
        return Some(0);
    }
    let mut lengths = lines.filter_map(|line| line.strip_prefix("Content-Length: "));
    let length = lengths.next()?.parse().ok()?;
    lengths.next().is_none().then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream as Other;

    /// An answer that comes in parts of `step` bytes: what the client gets, and what
    /// follows.
    fn relayed(answer: &[u8], method: &str, keep: bool, step: usize) -> (String, After) {
        let (ours, mut other) = Other::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let request = format!("{method} / HTTP/1.1\r\n\r\n").into_bytes();
        let source = std::net::IpAddr::from([192, 0, 2, 1]).into();
        let slot = (super::super::pools::Standing::Stranger, source);
        let mut relay = Relay::new(UnixStream::from_std(ours), slot, request, keep);
        let mut scratch = vec![0; step];
        assert_eq!(relay.fill(&mut scratch), Fill::Blocked);
        other.write_all(answer).unwrap();
        drop(other);
        loop {
            match relay.fill(&mut scratch) {
                Fill::More => {}
                Fill::Blocked => panic!("everything is there"),
                Fill::Over(after) => {
                    return (String::from_utf8(relay.buffer).unwrap(), after);
                }
            }
        }
    }

    #[test]
    fn an_answer_says_whether_the_connection_is_kept() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
        for step in 1..answer.len() + 2 {
            let (text, after) = relayed(answer, "GET", true, step);
            assert_eq!(after, After::Keep, "{step}");
            assert_eq!(
                text,
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello"
            );
            let (text, after) = relayed(answer, "GET", false, step);
            assert_eq!((text.as_bytes(), after), (&answer[..], After::Close));
        }
    }

    #[test]
    fn bodies_end_where_the_head_says() {
        let head = |more: &str| format!("HTTP/1.1 {more}\r\nConnection: close\r\n\r\n");
        for (answer, method, after, body) in [
            (
                head("200 OK\r\nContent-Length: 5") + "hel",
                "GET",
                After::Cut,
                "hel",
            ),
            (
                head("200 OK\r\nContent-Length: 2") + "hello",
                "GET",
                After::Keep,
                "he",
            ),
            (head("200 OK\r\nContent-Length: 5"), "HEAD", After::Keep, ""),
            (
                head("304 Not Modified\r\nETag: \"x\""),
                "GET",
                After::Keep,
                "",
            ),
            (head("204 No Content"), "DELETE", After::Keep, ""),
            // Not of ours, or unclear: as it is, and the connection ends.
            (head("200 OK") + "hello", "GET", After::Close, "hello"),
            (
                head("200 OK\r\nContent-Length: 1\r\nContent-Length: 5") + "hello",
                "GET",
                After::Close,
                "hello",
            ),
            (
                "HTTP/1.1 400 Bad Request\r\nServer: x\r\nContent-Length: 0\r\n\r\n".to_owned(),
                "GET",
                After::Close,
                "",
            ),
            (String::new(), "GET", After::Nothing, ""),
            (
                "HTTP/1.1 200".to_owned(),
                "GET",
                After::Nothing,
                "HTTP/1.1 200",
            ),
        ] {
            let (text, found) = relayed(answer.as_bytes(), method, true, 7);
            assert_eq!(found, after, "{answer:?}");
            let found = text
                .split_once("\r\n\r\n")
                .map_or(text.as_str(), |(_, body)| body);
            assert_eq!(found, body, "{answer:?}");
        }
    }
}
