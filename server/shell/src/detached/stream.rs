//! What the follow script says, frame by frame. Pure.

use super::{End, Seen};

/// Longest first line of a frame.
const HEAD_BYTES_MAX: usize = 256;
/// Longest frame that the script sends.
const FRAME_BYTES_MAX: usize = 64 << 10;
/// No work says more than this; whoever goes on there is not asked from there.
const OFFSET_MAX: u64 = 1 << 50;

/// Takes the bytes as they come and passes the work's own output on.
#[derive(Debug)]
pub struct Stream {
    start: Vec<u8>,
    /// Just past the last byte that was passed on.
    offset: u64,
    head: Vec<u8>,
    /// Bytes of the current frame still to come, with its line break.
    left: usize,
    broken: bool,
    seen: Option<Seen>,
    end: Option<End>,
    pending: Option<Pending>,
}

/// What a frame says, once it is there to its end.
#[derive(Debug)]
struct Pending {
    seen: Seen,
    end: Option<End>,
    /// The output goes on there; what is before was not fetched.
    goes_on_at: Option<u64>,
}

impl Stream {
    pub fn new(mark: &str, from: u64) -> Self {
        Self {
            start: format!("@{mark} ").into_bytes(),
            offset: from,
            head: Vec::new(),
            left: 0,
            broken: false,
            seen: None,
            end: None,
            pending: None,
        }
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    /// How it ended, once all of its output has been passed on.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref().filter(|_| !self.broken)
    }

    /// What the script says makes no sense any more; nothing further is taken.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    pub fn take(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(&[u8])) {
        while !bytes.is_empty() && !self.broken && self.end.is_none() {
            if self.left > 0 {
                bytes = self.body(bytes, sink);
                continue;
            }
            let at = bytes.iter().position(|byte| *byte == b'\n');
            self.head
                .extend_from_slice(&bytes[..at.unwrap_or(bytes.len())]);
            // What comes before the first frame may be of anyone. However it is cut
            // into pieces on its way, a line that is too long is one.
            self.broken = self.head.len() > HEAD_BYTES_MAX;
            let Some(at) = at.filter(|_| !self.broken) else {
                return;
            };
            bytes = &bytes[at + 1..];
            let head = std::mem::take(&mut self.head);
            match head.strip_prefix(self.start.as_slice()) {
                Some(rest) => self.header(rest),
                // sudo's first words, or a frame that was cut short.
                None if self.seen.is_none() => {}
                None => self.broken = true,
            }
        }
    }

    fn header(&mut self, rest: &[u8]) {
        let text = String::from_utf8_lossy(rest);
        let words: Vec<&str> = text.split(' ').collect();
        let length = words.first().and_then(|word| word.parse::<usize>().ok());
        let (Some(length), Some(&state)) = (length, words.get(1)) else {
            self.broken = true;
            return;
        };
        if length > FRAME_BYTES_MAX {
            self.broken = true;
            return;
        }
        let code = || words.get(2).and_then(|word| word.parse::<i32>().ok());
        let phase: String = words
            .get(3)
            .unwrap_or(&"-")
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .take(32)
            .collect();
        let end = match state {
            "running" => None,
            "exit" => Some(code().map(|code| End::Exit {
                code,
                phase: phase.clone(),
            })),
            "cancelled" => Some(Some(End::Cancelled {
                phase: phase.clone(),
            })),
            "killed" => Some(Some(End::Killed {
                phase: phase.clone(),
            })),
            "rebooted" => Some(Some(End::Rebooted {
                phase: phase.clone(),
            })),
            "missing" => Some(Some(End::Missing)),
            _ => Some(None),
        };
        let end = match end {
            None => None,
            Some(Some(end)) => Some(end),
            Some(None) => {
                self.broken = true;
                return;
            }
        };
        let safe = words.get(4) == Some(&"safe");
        // It counts only when the frame is there to its end. An end counts with an
        // empty frame alone: the others have output behind them.
        let goes_on_at = words.get(5).and_then(|word| word.parse().ok());
        if goes_on_at.is_some_and(|at| at > OFFSET_MAX) {
            self.broken = true;
            return;
        }
        self.pending = Some(Pending {
            seen: Seen { phase, safe },
            end: end.filter(|_| length == 0 && words.len() <= 5),
            goes_on_at,
        });
        self.left = length + 1;
    }

    fn body<'a>(&mut self, bytes: &'a [u8], sink: &mut dyn FnMut(&[u8])) -> &'a [u8] {
        let (now, rest) = bytes.split_at(bytes.len().min(self.left));
        self.left -= now.len();
        let data = if self.left == 0 {
            let (last, data) = match now.split_last() {
                Some(split) => split,
                None => return rest,
            };
            // A frame that is shorter than it says: what follows is not to be trusted.
            if *last != b'\n' {
                self.broken = true;
                return rest;
            }
            data
        } else {
            now
        };
        if !data.is_empty() {
            sink(data);
            self.offset += data.len() as u64;
        }
        if self.left == 0
            && let Some(pending) = self.pending.take()
        {
            self.seen = Some(pending.seen);
            self.end = pending.end;
            if let Some(left_out) = pending
                .goes_on_at
                .and_then(|at| at.checked_sub(self.offset))
            {
                let words = format!("\n[… {left_out} bytes of output were not fetched …]\n");
                sink(words.as_bytes());
                self.offset += left_out;
            }
        }
        rest
    }
}
