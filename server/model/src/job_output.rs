//! A job's output: its beginning and its end, addressed by byte. Pure.

/// Kept of a job's output: this much of its start …
pub const HEAD_BYTES: usize = 192 << 10;
/// … and of its end.
pub const TAIL_BYTES: usize = 320 << 10;
/// Text in one answer or message.
pub const READ_BYTES_MAX: usize = 256 << 10;

/// What a job has said. Offsets count all that was ever said, so they stay
/// right when the middle is cut out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobOutput {
    head: String,
    /// Follows the head, after `left_out` bytes.
    tail: String,
    left_out: usize,
}

/// A piece of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputChunk {
    /// Where it begins: later than asked for when that was cut out.
    pub from: usize,
    pub text: String,
    /// Where the next piece begins.
    pub next: usize,
}

impl JobOutput {
    pub fn restore(head: String, tail: String, left_out: usize) -> Self {
        Self {
            head,
            tail,
            left_out,
        }
    }

    pub fn parts(&self) -> (&str, &str, usize) {
        (&self.head, &self.tail, self.left_out)
    }

    /// Just past the last byte.
    pub fn end(&self) -> usize {
        self.head.len() + self.left_out + self.tail.len()
    }

    pub fn left_out(&self) -> usize {
        self.left_out
    }

    pub fn push(&mut self, text: &str) {
        let mut text = text;
        if self.tail.is_empty() && self.left_out == 0 && self.head.len() < HEAD_BYTES {
            let cut = floor(text, HEAD_BYTES - self.head.len());
            let (first, rest) = text.split_at(cut);
            self.head.push_str(first);
            text = rest;
            if text.is_empty() {
                return;
            }
        }
        self.tail.push_str(text);
        // Cut in large steps: each moves what is kept.
        if self.tail.len() > TAIL_BYTES + TAIL_BYTES / 4 {
            let cut = ceil(&self.tail, self.tail.len() - TAIL_BYTES);
            self.tail.drain(..cut);
            self.left_out += cut;
        }
    }

    /// Forgets what was said from `at` on; what is cut out can't come back.
    pub fn truncate(&mut self, at: usize) {
        let tail_at = self.head.len() + self.left_out;
        if at >= tail_at {
            self.tail.truncate(floor(&self.tail, at - tail_at));
        } else if self.left_out == 0 || at <= self.head.len() {
            self.head.truncate(floor(&self.head, at));
            self.tail.clear();
            self.left_out = 0;
        } else {
            self.tail.clear();
        }
    }

    /// From `from` on, at most [`READ_BYTES_MAX`].
    pub fn read(&self, from: usize) -> OutputChunk {
        let tail_at = self.head.len() + self.left_out;
        let (part, at) = if from < self.head.len() {
            (&self.head, 0)
        } else {
            (&self.tail, tail_at)
        };
        let start = ceil(part, from.saturating_sub(at).min(part.len()));
        let end = floor(part, (start + READ_BYTES_MAX).min(part.len()));
        OutputChunk {
            from: at + start,
            text: part[start..end].to_owned(),
            next: at + end,
        }
    }

    /// All that is kept, with a line that says what was cut out.
    pub fn whole(&self) -> String {
        if self.left_out == 0 {
            return format!("{}{}", self.head, self.tail);
        }
        format!(
            "{}\n[… {} bytes were left out here …]\n{}",
            self.head, self.left_out, self.tail
        )
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &JobOutput) -> (String, Vec<usize>) {
        let (mut at, mut out, mut holes) = (0, String::new(), Vec::new());
        while at < text.end() {
            let piece = text.read(at);
            if piece.from > at {
                holes.push(piece.from - at);
            }
            assert!(piece.next > at);
            out.push_str(&piece.text);
            at = piece.next;
        }
        (out, holes)
    }

    #[test]
    fn little_is_kept_whole_and_read_from_anywhere() {
        let mut text = JobOutput::default();
        text.push("one\n");
        text.push("zwölf\n");
        assert_eq!(text.end(), 11);
        assert_eq!(text.read(0).text, "one\nzwölf\n");
        assert_eq!(text.read(4).text, "zwölf\n");
        // Inside of a character: from the next one on.
        assert_eq!(text.read(7).text, "lf\n");
        assert_eq!(text.read(99).text, "");
        assert_eq!(text.whole(), "one\nzwölf\n");
    }

    #[test]
    fn much_keeps_both_ends_and_offsets_go_on() {
        let mut text = JobOutput::default();
        let mut said = 0;
        for number in 0..200_000 {
            let line = format!("línea {number}\n");
            said += line.len();
            text.push(&line);
        }
        assert_eq!(text.end(), said);
        let (out, holes) = read_all(&text);
        assert_eq!(holes, [text.left_out()]);
        assert!(out.starts_with("línea 0\n") && out.ends_with("línea 199999\n"));
        assert!(out.len() <= HEAD_BYTES + TAIL_BYTES * 5 / 4);
        assert_eq!(out.len() + text.left_out(), said);
        assert!(text.whole().contains("bytes were left out"));
        let (head, tail, left_out) = text.parts();
        let again = JobOutput::restore(head.into(), tail.into(), left_out);
        assert_eq!(again, text);
    }

    #[test]
    fn the_end_can_be_taken_back() {
        let mut text = JobOutput::default();
        text.push("step 1\nstep 2\n");
        text.truncate(7);
        text.push("again\n");
        assert_eq!(text.whole(), "step 1\nagain\n");
        text.push(&"x".repeat(HEAD_BYTES));
        text.truncate(HEAD_BYTES + 2);
        assert_eq!(text.end(), HEAD_BYTES + 2);
        text.truncate(3);
        assert_eq!((text.end(), text.whole().as_str()), (3, "ste"));
    }
}
