//! Listening TCP sockets of both families, by one dump of the legacy kind.
//!
//! TCPDIAG_GETSOCK (linux/inet_diag.h) with only LISTEN in its mask looks into
//! the short hash of listeners and not into that of connections, and it covers
//! IPv4 and IPv6 at once.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::FromRawFd as _;

use crate::root::Buffer;

const TCPDIAG_GETSOCK: u16 = 18;
/// 1 << TCP_LISTEN (10).
const LISTEN_MASK: u32 = 1 << 10;
const HEADER_BYTES: usize = 16;
/// Header and `struct inet_diag_req`.
const REQUEST_BYTES: usize = HEADER_BYTES + 60;
/// Where `idiag_states` is in the request.
const STATES_AT: usize = HEADER_BYTES + 52;
/// After a failure it is not tried for this many times.
const RETRY_COUNTS: u16 = 60;
/// A machine with more listeners than fit in these answers gets no count.
const ANSWERS_MAX: usize = 512;

#[derive(Default)]
pub struct Listeners {
    socket: Option<File>,
    sequence: u32,
    /// Counts to leave out after a failure (no netlink in this sandbox or kernel).
    wait: u16,
}

impl Listeners {
    pub fn count(&mut self, buffer: &mut Buffer) -> Option<i64> {
        if self.wait > 0 {
            self.wait -= 1;
            return None;
        }
        let count = self.ask(buffer);
        if count.is_none() {
            // What is left in a socket belongs to no later question.
            self.socket = None;
            self.wait = RETRY_COUNTS;
        }
        count
    }

    fn ask(&mut self, buffer: &mut Buffer) -> Option<i64> {
        if self.socket.is_none() {
            self.socket = open();
        }
        let mut socket = self.socket.as_ref()?;
        self.sequence = self.sequence.wrapping_add(1);
        let sent = socket.write(&request(self.sequence)).ok()?;
        if sent != REQUEST_BYTES {
            return None;
        }
        let mut total = 0;
        for _ in 0..ANSWERS_MAX {
            let length = socket.read(buffer.bytes()).ok()?;
            match parse_answer(&buffer.bytes()[..length], self.sequence)? {
                Answer::More(count) => total += count,
                Answer::Done(count) => return Some(total + count),
            }
        }
        None
    }
}

fn open() -> Option<File> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: a call without pointers.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_SOCK_DIAG) };
    // SAFETY: a descriptor that socket() has just given is open and ours alone.
    (fd >= 0).then(|| unsafe { File::from_raw_fd(fd) })
}

fn request(sequence: u32) -> [u8; REQUEST_BYTES] {
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    let mut out = [0; REQUEST_BYTES];
    out[..4].copy_from_slice(&(REQUEST_BYTES as u32).to_ne_bytes());
    out[4..6].copy_from_slice(&TCPDIAG_GETSOCK.to_ne_bytes());
    out[6..8].copy_from_slice(&flags.to_ne_bytes());
    out[8..12].copy_from_slice(&sequence.to_ne_bytes());
    out[HEADER_BYTES] = libc::AF_INET as u8;
    out[STATES_AT..STATES_AT + 4].copy_from_slice(&LISTEN_MASK.to_ne_bytes());
    out
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    More(i64),
    Done(i64),
}

/// Counts the sockets of one answer; `None` for an error or something strange.
fn parse_answer(mut bytes: &[u8], sequence: u32) -> Option<Answer> {
    let mut count = 0;
    while !bytes.is_empty() {
        let header = bytes.get(..HEADER_BYTES)?;
        let word = |at: usize| Some(u32::from_ne_bytes(header.get(at..at + 4)?.try_into().ok()?));
        let length = word(0)? as usize;
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        if length < HEADER_BYTES || length > bytes.len() || word(8)? != sequence {
            return None;
        }
        match i32::from(kind) {
            libc::NLMSG_DONE => return Some(Answer::Done(count)),
            _ if kind == TCPDIAG_GETSOCK => count += 1,
            _ => return None,
        }
        let next = length.next_multiple_of(4).min(bytes.len());
        bytes = &bytes[next..];
    }
    Some(Answer::More(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn message(kind: u16, sequence: u32, payload: usize) -> Vec<u8> {
        let mut out = vec![0; HEADER_BYTES + payload];
        let length = out.len() as u32;
        out[..4].copy_from_slice(&length.to_ne_bytes());
        out[4..6].copy_from_slice(&kind.to_ne_bytes());
        out[8..12].copy_from_slice(&sequence.to_ne_bytes());
        out
    }

    #[test]
    fn answers_are_counted_and_strange_ones_refused() {
        let two = [message(18, 7, 72), message(18, 7, 72)].concat();
        assert_eq!(parse_answer(&two, 7), Some(Answer::More(2)));
        let done = [two.clone(), message(3, 7, 4)].concat();
        assert_eq!(parse_answer(&done, 7), Some(Answer::Done(2)));
        assert_eq!(parse_answer(&two, 8), None);
        assert_eq!(parse_answer(&message(2, 7, 20), 7), None);
        assert_eq!(parse_answer(&two[..100], 7), None);
        let mut short = two;
        short[..4].copy_from_slice(&3u32.to_ne_bytes());
        assert_eq!(parse_answer(&short, 7), None);
        assert_eq!(parse_answer(&[], 7), Some(Answer::More(0)));
    }

    #[test]
    fn new_listeners_of_both_families_are_counted() {
        let mut buffer = Buffer::default();
        let mut listeners = Listeners::default();
        let Some(_) = listeners.count(&mut buffer) else {
            eprintln!("left out: no TCP diagnosis in this kernel or sandbox");
            return;
        };
        // Other tests open sockets at the same time, so look until it fits.
        let grown = (0..50).any(|_| {
            let before = listeners.count(&mut buffer);
            let open: Vec<TcpListener> = (0..300)
                .filter_map(|n| {
                    TcpListener::bind(if n % 2 == 0 { "127.0.0.1:0" } else { "[::1]:0" }).ok()
                })
                .collect();
            let after = listeners.count(&mut buffer);
            before
                .zip(after)
                .is_some_and(|(a, b)| b - a == open.len() as i64)
        });
        assert!(grown);
    }
}
