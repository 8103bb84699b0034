//! Counting TCP sockets by state: a dump of the kernel's socket diagnosis.
//!
//! TCPDIAG_GETSOCK (linux/inet_diag.h) covers IPv4 and IPv6 at once. The kernel
//! goes on with a dump only when an answer is read, so a long one can be spread
//! over as many samples as one likes.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::FromRawFd as _;

use crate::root::Buffer;

/// Numbers of the states (linux/tcp_states.h).
pub const ESTABLISHED: usize = 1;
pub const FIN_WAIT2: usize = 5;
pub const TIME_WAIT: usize = 6;
pub const CLOSE_WAIT: usize = 8;
pub const LISTEN: usize = 10;
const STATES: usize = 12;

/// Sockets by the number of their state.
pub type Counts = [i64; STATES];

const TCPDIAG_GETSOCK: u16 = 18;
const HEADER_BYTES: usize = 16;
/// Header and `struct inet_diag_req`.
const REQUEST_BYTES: usize = HEADER_BYTES + 60;
/// Where `idiag_states` is in the request.
const STATES_AT: usize = HEADER_BYTES + 52;
/// Where `idiag_state` is in the message of a socket.
const STATE_AT: usize = HEADER_BYTES + 1;
/// The kernel fills an answer up to what the reader has room for, so this
/// bounds the work of one read: some 70 sockets.
const ANSWER_BYTES: usize = 8 << 10;
/// After a failure it is not tried for this many times.
const RETRIES: u16 = 60;

/// One dump after the other, on a socket of its own.
#[derive(Default)]
pub struct Dump {
    socket: Option<File>,
    sequence: u32,
    /// Tries to leave out after a failure (no netlink in this sandbox or kernel).
    wait: u16,
    counts: Counts,
    running: bool,
}

impl Dump {
    /// Asks for the sockets whose states have their bits set in `states`, if no
    /// dump is under way, and reads up to `answers_max` answers. Returns the
    /// counts when they are complete, `Err` when this machine does not tell.
    pub fn advance(
        &mut self,
        states: u32,
        answers_max: usize,
        buffer: &mut Buffer,
    ) -> Result<Option<Counts>, ()> {
        if self.wait > 0 {
            self.wait -= 1;
            return Err(());
        }
        let result = self.try_advance(states, answers_max, buffer).ok_or(());
        if result.is_err() {
            // What is left in a socket belongs to no later question.
            self.socket = None;
            self.wait = RETRIES;
        }
        self.running = result == Ok(None);
        result
    }

    /// Whether a dump has begun and is not complete.
    pub fn is_running(&self) -> bool {
        self.running
    }

    fn try_advance(
        &mut self,
        states: u32,
        answers_max: usize,
        buffer: &mut Buffer,
    ) -> Option<Option<Counts>> {
        if self.socket.is_none() {
            self.socket = open();
            self.running = false;
        }
        let mut socket = self.socket.as_ref()?;
        if !self.running {
            self.sequence = self.sequence.wrapping_add(1);
            self.counts = Counts::default();
            let sent = socket.write(&request(self.sequence, states)).ok()?;
            if sent != REQUEST_BYTES {
                return None;
            }
        }
        let bytes = buffer.bytes();
        let room = bytes.len().min(ANSWER_BYTES);
        for _ in 0..answers_max {
            let length = socket.read(&mut bytes[..room]).ok()?;
            if count_answer(&bytes[..length], self.sequence, &mut self.counts)? {
                return Some(Some(self.counts));
            }
        }
        Some(None)
    }
}

fn open() -> Option<File> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: a call without pointers.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_SOCK_DIAG) };
    // SAFETY: a descriptor that socket() has just given is open and ours alone.
    (fd >= 0).then(|| unsafe { File::from_raw_fd(fd) })
}

fn request(sequence: u32, states: u32) -> [u8; REQUEST_BYTES] {
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    let mut out = [0; REQUEST_BYTES];
    out[..4].copy_from_slice(&(REQUEST_BYTES as u32).to_ne_bytes());
    out[4..6].copy_from_slice(&TCPDIAG_GETSOCK.to_ne_bytes());
    out[6..8].copy_from_slice(&flags.to_ne_bytes());
    out[8..12].copy_from_slice(&sequence.to_ne_bytes());
    out[HEADER_BYTES] = libc::AF_INET as u8;
    out[STATES_AT..STATES_AT + 4].copy_from_slice(&states.to_ne_bytes());
    out
}

/// Adds the sockets of one answer; whether it was the last one. `None` for an
/// error or something strange.
fn count_answer(mut bytes: &[u8], sequence: u32, counts: &mut Counts) -> Option<bool> {
    while !bytes.is_empty() {
        let header = bytes.get(..HEADER_BYTES)?;
        let word = |at: usize| Some(u32::from_ne_bytes(header.get(at..at + 4)?.try_into().ok()?));
        let length = word(0)? as usize;
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        if length < HEADER_BYTES || length > bytes.len() || word(8)? != sequence {
            return None;
        }
        match i32::from(kind) {
            libc::NLMSG_DONE => return Some(true),
            _ if kind == TCPDIAG_GETSOCK && length > STATE_AT => {
                // A state of a later kernel than this program counts nowhere.
                if let Some(count) = counts.get_mut(usize::from(bytes[STATE_AT])) {
                    *count += 1;
                }
            }
            _ => return None,
        }
        let next = length.next_multiple_of(4).min(bytes.len());
        bytes = &bytes[next..];
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::left_out::left_out;
    use std::net::TcpListener;

    fn message(kind: u16, sequence: u32, payload: usize) -> Vec<u8> {
        let mut out = vec![0; HEADER_BYTES + payload];
        let length = out.len() as u32;
        out[..4].copy_from_slice(&length.to_ne_bytes());
        out[4..6].copy_from_slice(&kind.to_ne_bytes());
        out[8..12].copy_from_slice(&sequence.to_ne_bytes());
        if payload > 1 {
            out[STATE_AT] = LISTEN as u8;
        }
        out
    }

    #[test]
    fn answers_are_counted_and_strange_ones_refused() {
        let count = |bytes: &[u8], sequence| {
            let mut counts = Counts::default();
            let done = count_answer(bytes, sequence, &mut counts)?;
            assert_eq!(counts.iter().sum::<i64>(), counts[LISTEN]);
            Some((done, counts[LISTEN]))
        };
        let two = [message(18, 7, 72), message(18, 7, 72)].concat();
        assert_eq!(count(&two, 7), Some((false, 2)));
        let done = [two.clone(), message(3, 7, 4)].concat();
        assert_eq!(count(&done, 7), Some((true, 2)));
        assert_eq!(count(&two, 8), None);
        assert_eq!(count(&message(2, 7, 20), 7), None);
        assert_eq!(count(&message(18, 7, 0), 7), None);
        assert_eq!(count(&two[..100], 7), None);
        let mut strange = message(18, 7, 72);
        strange[STATE_AT] = 200;
        assert_eq!(count(&strange, 7), Some((false, 0)));
        let mut short = two;
        short[..4].copy_from_slice(&3u32.to_ne_bytes());
        assert_eq!(count(&short, 7), None);
        assert_eq!(count(&[], 7), Some((false, 0)));
    }

    #[test]
    fn new_listeners_of_both_families_are_counted() {
        let mut buffer = Buffer::default();
        let mut dump = Dump::default();
        let mut count = || dump.advance(1 << LISTEN, 512, &mut buffer).ok()?;
        if count().is_none() {
            return left_out("this kernel or sandbox has no TCP diagnosis");
        }
        // Other tests open sockets at the same time, so look until it fits.
        let grown = (0..50).any(|_| {
            let before = count();
            let open: Vec<TcpListener> = (0..300)
                .filter_map(|n| {
                    TcpListener::bind(if n % 2 == 0 { "127.0.0.1:0" } else { "[::1]:0" }).ok()
                })
                .collect();
            let after = count();
            before
                .zip(after)
                .is_some_and(|(a, b)| b[LISTEN] - a[LISTEN] == open.len() as i64)
        });
        assert!(grown);
    }

    #[test]
    fn a_dump_in_parts_counts_as_one_in_a_whole() {
        let mut buffer = Buffer::default();
        let open: Vec<TcpListener> = (0..300)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let mut dump = Dump::default();
        let mut parts = 0;
        let counts = loop {
            parts += 1;
            match dump.advance(1 << LISTEN, 1, &mut buffer) {
                Ok(Some(counts)) => break counts,
                Ok(None) => assert!(dump.is_running()),
                Err(()) => return left_out("this kernel or sandbox has no TCP diagnosis"),
            }
        };
        assert!(parts > 3 && !dump.is_running(), "{parts}");
        assert!(counts[LISTEN] >= open.len() as i64);
    }
}
