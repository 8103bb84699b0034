//! When to ask a node again, and when to give it up. Pure: time comes in as an
//! argument, in milliseconds of a clock that only goes forward.

use std::time::Duration;

use super::{End, Seen};

const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// One look at the node: short where the work may be cancelled, since that is
/// noticed between two looks.
const LOOK_SAFE: Duration = Duration::from_secs(3);
const LOOK_UNSAFE: Duration = Duration::from_secs(20);

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Connect, and follow from this offset for so long.
    Follow { from: u64, time: Duration },
    /// The link is away: wait, then ask again.
    Wait { until_ms: u64 },
    /// It is over.
    Done(End),
    /// Nobody knows.
    GiveUp,
}

#[derive(Debug)]
pub struct Follower {
    offset: u64,
    seen: Option<Seen>,
    end: Option<End>,
    failures: u32,
    wait_until_ms: u64,
    give_up_ms: u64,
}

impl Follower {
    pub fn new(from: u64, now_ms: u64, time: Duration) -> Self {
        Self {
            offset: from,
            seen: None,
            end: None,
            failures: 0,
            wait_until_ms: 0,
            give_up_ms: now_ms.saturating_add(millis(time)),
        }
    }

    pub fn next(&self, now_ms: u64) -> Act {
        if let Some(end) = &self.end {
            return Act::Done(end.clone());
        }
        if now_ms >= self.give_up_ms {
            return Act::GiveUp;
        }
        if now_ms < self.wait_until_ms {
            return Act::Wait {
                until_ms: self.wait_until_ms,
            };
        }
        let safe = self.seen.as_ref().is_none_or(|seen| seen.safe);
        Act::Follow {
            from: self.offset,
            time: if safe { LOOK_SAFE } else { LOOK_UNSAFE },
        }
    }

    /// The stream got this far; both at the end of a look and when it broke.
    pub fn reached(&mut self, offset: u64, seen: Option<&Seen>) {
        if offset > self.offset || seen.is_some() {
            self.failures = 0;
        }
        self.offset = self.offset.max(offset);
        if let Some(seen) = seen {
            self.seen = Some(seen.clone());
        }
    }

    pub fn ended(&mut self, end: End) {
        self.end = Some(end);
    }

    /// The link broke, or could not be made. `random` is any number.
    pub fn lost(&mut self, now_ms: u64, random: u64) {
        let doubled = PAUSE_MIN.saturating_mul(1 << self.failures.min(10));
        let pause = millis(doubled.min(PAUSE_MAX));
        self.failures += 1;
        // Half of it by chance: many followers of one site come back together.
        let pause = pause / 2 + random % (pause / 2 + 1);
        self.wait_until_ms = now_ms.saturating_add(pause);
    }

    pub fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
