//! What the gate writes to the log: each reason once, then now and then how
//! often it came again. Pure but for [`Notes::say`] and [`Notes::tick`], which
//! write.
//!
//! A peer can make things happen a million times; it must not be able to fill a
//! disk with the lines. Bounded by [`SUBJECTS_MAX`] and [`LINES_MAX`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::log::{self, Level};

/// For how long the same is not said again.
const QUIET: Duration = Duration::from_secs(60);
/// Lines of all subjects together in that time.
const LINES_MAX: u32 = 200;
/// Subjects that are remembered.
const SUBJECTS_MAX: usize = 4_096;

/// What a line is about. One with a node is said of each node by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Offline(i64),
    Replaced(i64),
    UnknownToken,
    ForeignHost,
    ProxyProtocol,
    Tls,
    Full,
    AcceptFailed,
    ApiUnreachable,
    Fault,
}

impl Subject {
    fn node(self) -> Option<i64> {
        match self {
            Self::Offline(node) | Self::Replaced(node) => Some(node),
            _ => None,
        }
    }
}

struct Said {
    since: Instant,
    again: u64,
}

pub struct Notes {
    said: HashMap<Subject, Said>,
    /// When the time that `lines` counts in began.
    since: Instant,
    lines: u32,
    left_out: u64,
}

impl Notes {
    pub fn new(now: Instant) -> Self {
        Self {
            said: HashMap::new(),
            since: now,
            lines: 0,
            left_out: 0,
        }
    }

    /// Writes a line, unless it was written a moment ago. The words are made
    /// only for a line that is written.
    pub fn say(
        &mut self,
        level: Level,
        subject: Subject,
        now: Instant,
        words: impl FnOnce() -> String,
    ) {
        let Some(again) = self.due(subject, now) else {
            return;
        };
        let mut words = words();
        if again > 0 {
            words.push_str(&format!(" (and {again} times more since this was said)"));
        }
        let node = subject.node().map(|node| ("node", node.into()));
        log::write(level, node.as_slice(), &words);
    }

    /// Looked at now and then: says how much was left out.
    pub fn tick(&mut self, now: Instant) {
        if let Some(left_out) = self.turn(now) {
            log::warn(&format!(
                "{left_out} more lines about connections were left out in the last {} s",
                QUIET.as_secs()
            ));
        }
    }

    /// `Some(n)`: say it, it came `n` times more since the last time.
    fn due(&mut self, subject: Subject, now: Instant) -> Option<u64> {
        if let Some(said) = self.said.get_mut(&subject)
            && now.duration_since(said.since) < QUIET
        {
            said.again += 1;
            return None;
        }
        if self.lines >= LINES_MAX || self.said.len() >= SUBJECTS_MAX {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        let fresh = Said {
            since: now,
            again: 0,
        };
        Some(
            self.said
                .insert(subject, fresh)
                .map_or(0, |said| said.again),
        )
    }

    fn turn(&mut self, now: Instant) -> Option<u64> {
        if now.duration_since(self.since) < QUIET {
            return None;
        }
        self.since = now;
        self.lines = 0;
        // Old ones that have nothing to add are forgotten.
        self.said
            .retain(|_, said| said.again > 0 || now.duration_since(said.since) < QUIET);
        if self.said.len() >= SUBJECTS_MAX {
            self.said.clear();
        }
        Some(std::mem::take(&mut self.left_out)).filter(|left_out| *left_out > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_and_then_counted() {
        let start = Instant::now();
        let mut notes = Notes::new(start);
        assert_eq!(notes.due(Subject::Tls, start), Some(0));
        for n in 0..1_000_000 {
            let now = start + Duration::from_micros(n);
            assert_eq!(notes.due(Subject::Tls, now), None);
        }
        // Others are not affected, each node by itself.
        assert_eq!(notes.due(Subject::Replaced(1), start), Some(0));
        assert_eq!(notes.due(Subject::Replaced(2), start), Some(0));
        assert_eq!(notes.due(Subject::Tls, start + QUIET), Some(1_000_000));
        assert_eq!(notes.due(Subject::Tls, start + QUIET * 2), Some(0));
    }

    #[test]
    fn many_at_once_are_summed_up() {
        let start = Instant::now();
        let mut notes = Notes::new(start);
        let said = (0..10_000).filter(|node| notes.due(Subject::Offline(*node), start).is_some());
        assert_eq!(said.count(), LINES_MAX as usize);
        assert_eq!(notes.turn(start + QUIET / 2), None);
        assert_eq!(
            notes.turn(start + QUIET),
            Some(10_000 - u64::from(LINES_MAX))
        );
        assert_eq!(notes.turn(start + QUIET * 2), None);
        assert!(notes.said.is_empty());
        assert_eq!(notes.due(Subject::Offline(1), start + QUIET * 2), Some(0));
    }
}
