//! What a command said: its beginning and its end, whatever there was between.

use std::collections::VecDeque;

/// Kept of a command's output: this much of its start, and of its end.
pub const OUTPUT_HEAD_BYTES: usize = 64 << 10;
pub const OUTPUT_TAIL_BYTES: usize = 64 << 10;
/// Kept of what a login shell says before the command begins.
pub const NOISE_BYTES_MAX: usize = 1 << 10;

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    /// Killed: the signal's name without SIG.
    Signal(String),
}

impl Exit {
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }
}

/// A finished command.
#[derive(Clone, Debug)]
pub struct Output {
    pub exit: Exit,
    /// stdout and stderr in the order of their coming.
    pub text: Vec<u8>,
    /// Bytes that were left out between the kept beginning and end.
    pub left_out: u64,
}

impl Output {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

/// Cuts what comes before the mark, passes the rest on, and keeps both ends.
pub struct Capture<'a> {
    mark: Vec<u8>,
    begun: bool,
    /// Before the mark: what may still turn out to be its start, and a sample.
    pending: Vec<u8>,
    noise: Vec<u8>,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
    sink: &'a mut dyn FnMut(&[u8]),
}

impl<'a> Capture<'a> {
    pub fn new(mark: &str, sink: &'a mut dyn FnMut(&[u8])) -> Self {
        Self {
            mark: format!("\nstardust-{mark}\n").into_bytes(),
            begun: false,
            pending: Vec::new(),
            noise: Vec::new(),
            head: Vec::new(),
            tail: VecDeque::new(),
            left_out: 0,
            sink,
        }
    }

    pub fn begun(&self) -> bool {
        self.begun
    }

    /// What the login shell said of its own, shortened.
    pub fn noise(&self) -> String {
        let mut noise = self.noise.clone();
        noise.extend_from_slice(&self.pending);
        noise.truncate(NOISE_BYTES_MAX);
        String::from_utf8_lossy(&noise).into_owned()
    }

    pub fn take(&mut self, bytes: &[u8]) {
        if self.begun {
            return self.keep(bytes);
        }
        self.pending.extend_from_slice(bytes);
        let length = self.mark.len();
        if let Some(at) = self.pending.windows(length).position(|w| w == self.mark) {
            self.begun = true;
            let rest = self.pending.split_off(at + length);
            self.pending.clear();
            if !rest.is_empty() {
                self.keep(&rest);
            }
            return;
        }
        // The mark may be cut in two; what is before that is noise.
        let done = self.pending.len().saturating_sub(length - 1);
        let noise: Vec<u8> = self.pending.drain(..done).collect();
        self.noise_of_shell(&noise);
    }

    /// Kept for saying why no command was run.
    pub fn noise_of_shell(&mut self, bytes: &[u8]) {
        let room = NOISE_BYTES_MAX.saturating_sub(self.noise.len());
        self.noise
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn keep(&mut self, bytes: &[u8]) {
        (self.sink)(bytes);
        let room = OUTPUT_HEAD_BYTES - self.head.len();
        let (first, rest) = bytes.split_at(bytes.len().min(room));
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(OUTPUT_TAIL_BYTES);
        self.tail.drain(..over);
        self.left_out += over as u64;
    }

    /// The kept text and how much was left out.
    pub fn finish(self) -> (Vec<u8>, u64) {
        let mut text = self.head;
        if self.left_out > 0 {
            let note = format!("\n… {} bytes left out …\n", self.left_out);
            text.extend_from_slice(note.as_bytes());
        }
        text.extend(self.tail);
        (text, self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_cut_wherever_the_mark_is_split() {
        let whole = b"Welcome!\nstardust-\n\nstardust-abc\nhello\nstardust-abc\n";
        for at in 0..whole.len() {
            let mut seen = Vec::new();
            let mut sink = |bytes: &[u8]| seen.extend_from_slice(bytes);
            let mut capture = Capture::new("abc", &mut sink);
            capture.take(&whole[..at]);
            capture.take(&whole[at..]);
            assert!(capture.begun());
            assert_eq!(capture.finish().0, b"hello\nstardust-abc\n");
            assert_eq!(seen, b"hello\nstardust-abc\n");
        }
    }

    #[test]
    fn the_two_ends_of_a_flood_are_kept() {
        let mut count = 0;
        let mut sink = |bytes: &[u8]| count += bytes.len();
        let mut capture = Capture::new("m", &mut sink);
        capture.take(b"\nstardust-m\nfirst");
        for _ in 0..1000 {
            capture.take(&[b'x'; 1000]);
        }
        capture.take(b"last");
        let (text, left_out) = capture.finish();
        assert_eq!(count, 1_000_009);
        assert_eq!(
            left_out as usize,
            1_000_009 - OUTPUT_HEAD_BYTES - OUTPUT_TAIL_BYTES
        );
        assert!(text.starts_with(b"first") && text.ends_with(b"last"));
        assert!(text.len() < OUTPUT_HEAD_BYTES + OUTPUT_TAIL_BYTES + 100);
    }

    #[test]
    fn endless_noise_is_bounded() {
        let mut sink = |_: &[u8]| panic!("nothing of it is output");
        let mut capture = Capture::new("m", &mut sink);
        for _ in 0..1000 {
            capture.take(&[b'n'; 1000]);
        }
        assert!(!capture.begun());
        assert_eq!(capture.noise().len(), NOISE_BYTES_MAX);
        assert!(capture.pending.len() < 64);
    }
}
