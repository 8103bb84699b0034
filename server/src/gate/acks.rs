//! When a Spider is told what is durable. Pure.
//!
//! That lets it forget, nothing more: the welcome of the next session says the same.
//! So one frame tells of several commits, where nobody waits for it.

use std::time::Instant;

use super::limits::{ACK_BYTES, ACK_SOON_TIME, ACK_TIME};

#[derive(Debug)]
pub struct Acks {
    /// When the session began.
    began: Instant,
    /// When the last one left, or the session began.
    last: Instant,
    /// Bytes of samples that came since.
    bytes: usize,
    /// One that has not left; a newer one takes its place.
    waiting: Option<u64>,
}

impl Acks {
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            last: now,
            bytes: 0,
            waiting: None,
        }
    }

    /// Samples came.
    pub fn came(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// All up to `seq` is durable.
    pub fn durable(&mut self, seq: u64) {
        self.waiting = Some(seq);
    }

    /// What the Spider is to be told now.
    pub fn take(&mut self, now: Instant) -> Option<u64> {
        let due = now.duration_since(self.began) < ACK_SOON_TIME
            || now.duration_since(self.last) >= ACK_TIME
            || self.bytes >= ACK_BYTES;
        let seq = self.waiting.take_if(|_| due)?;
        (self.last, self.bytes) = (now, 0);
        Some(seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn at_first_each_commit_is_told_of_and_later_every_few() {
        let begin = Instant::now();
        let mut acks = Acks::new(begin);
        assert_eq!(acks.take(begin), None);
        let mut told = Vec::new();
        // A commit every ten seconds, a look every second.
        for second in 1..=120 {
            acks.came(31);
            if second % 10 == 0 {
                acks.durable(second);
            }
            let now = begin + Duration::from_secs(second);
            told.extend(acks.take(now).map(|seq| (second, seq)));
        }
        let expected = [(10, 10), (35, 30), (60, 60), (85, 80), (110, 110)];
        assert_eq!(told, expected);
    }

    #[test]
    fn many_samples_are_told_of_at_once() {
        let begin = Instant::now();
        let mut acks = Acks::new(begin);
        let late = begin + 2 * ACK_TIME;
        acks.durable(1);
        assert_eq!(acks.take(late), Some(1));
        let soon = late + Duration::from_secs(1);
        acks.came(ACK_BYTES - 1);
        acks.durable(2);
        assert_eq!(acks.take(soon), None);
        acks.came(1);
        acks.durable(3);
        assert_eq!(acks.take(soon), Some(3));
        acks.durable(4);
        assert_eq!(acks.take(soon), None);
        assert_eq!(acks.take(soon + ACK_TIME), Some(4));
        assert_eq!(acks.take(soon + 2 * ACK_TIME), None);
    }
}
