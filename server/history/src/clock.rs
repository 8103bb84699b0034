//! The time by which samples are too old.
//!
//! What is deleted does not come back, and a wall clock may be wrong: after an empty
//! battery, a restored machine, a typing error. So what is old is told by an *agreed*
//! time. It follows the wall clock as long as that goes on as time does (by the time
//! since boot); once the wall clock has jumped, it goes on by itself, and nothing is
//! old by the jump. Then the wall clock is in doubt, until it comes back, the fleet's
//! own clocks say the same, a person says that it is right, or, where there is no other
//! machine to ask, it has gone on steadily for an hour.
//!
//! [`Clock`] is pure: times are arguments. The writer looks at it through [`Keeper`]
//! before it deletes anything by age.

mod keeper;
mod reading;
mod voices;

pub use keeper::{ClockStatus, Keeper, Source};
pub use reading::Reading;
use reading::{HOUR_MS, MINUTE_MS};
pub use voices::{Quorum, Voices};

/// The wall clock may be corrected by so much at a time, either way.
const DRIFT_MS: i64 = 5 * MINUTE_MS;
/// It may go ahead by so much at once. In all: this much in [`REGAIN_MS`], so that
/// many steps are no way round it.
const STEP_MS: i64 = HOUR_MS;
const REGAIN_MS: i64 = 24 * HOUR_MS;
/// With nobody else to ask it is believed after it went on steadily for so long...
const STEADY_MS: i64 = HOUR_MS;
/// ...if it did not jump further than this.
const ALONE_JUMP_MS_MAX: i64 = 31 * 24 * HOUR_MS;
/// A machine that was off for a day has a clock that is a day ahead of the last run:
/// that is told only if the fleet does not agree soon.
const SAID_AFTER_MS: i64 = 3 * MINUTE_MS;
/// A clock that goes to and fro is told of as often.
const SAID_AGAIN_MS: i64 = 10 * MINUTE_MS;

/// What outlives the process.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Kept {
    pub agreed_ms: i64,
    pub boot_ms: i64,
    pub boot_id: String,
    /// The wall clock is in doubt since then, and that was told.
    pub since_ms: Option<i64>,
}

/// How the wall clock came into doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// While the server ran.
    Jumped,
    /// It is not where the last run left it.
    Restarted,
    /// There are samples, and no agreed time: of an earlier release.
    FirstStart,
}

/// How a doubt came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The wall clock is back where it should be.
    Returned,
    Fleet,
    Steady,
    Person,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Doubted(Why),
    Settled(How),
}

#[derive(Clone, Copy, Debug)]
struct Doubt {
    why: Why,
    /// Agreed time at its beginning.
    since_ms: i64,
    since_boot_ms: i64,
    /// How far the wall clock is ahead of the time since boot, and since when it is so.
    offset_ms: i64,
    steady_boot_ms: i64,
    said: bool,
}

#[derive(Clone, Debug)]
pub struct Clock {
    /// At `boot_ms`.
    agreed_ms: i64,
    boot_ms: i64,
    /// What the wall clock went ahead of the time that has passed.
    gained_ms: i64,
    doubt: Option<Doubt>,
    said_boot_ms: Option<i64>,
}

impl Clock {
    /// Goes on from what was kept; without that from the newest samples, and where
    /// there are none, from the wall clock.
    pub fn start(
        kept: Option<&Kept>,
        samples_ms: Option<i64>,
        boot_id: &str,
        now: Reading,
    ) -> Self {
        let mut clock = Self {
            agreed_ms: now.wall_ms,
            boot_ms: now.boot_ms,
            gained_ms: 0,
            doubt: None,
            said_boot_ms: None,
        };
        let why = match (kept, samples_ms) {
            (Some(kept), _) => {
                clock.agreed_ms = kept.agreed_ms;
                // Within one boot of the machine it is known how long the server was away.
                if !boot_id.is_empty() && kept.boot_id == boot_id && kept.boot_ms <= now.boot_ms {
                    clock.boot_ms = kept.boot_ms;
                }
                Why::Restarted
            }
            (None, Some(samples_ms)) => {
                clock.agreed_ms = samples_ms;
                Why::FirstStart
            }
            (None, None) => return clock,
        };
        if !clock.follow(now) {
            clock.begin_doubt(why, now);
            if let (Some(since_ms), Some(doubt)) =
                (kept.and_then(|kept| kept.since_ms), &mut clock.doubt)
            {
                doubt.since_ms = since_ms;
                doubt.said = true;
            }
        }
        clock
    }

    /// Agreed time as it goes on by itself.
    fn going_on_ms(&self, now: Reading) -> i64 {
        let passed_ms = now.boot_ms.saturating_sub(self.boot_ms).max(0);
        self.agreed_ms.saturating_add(passed_ms)
    }

    fn set(&mut self, agreed_ms: i64, now: Reading) {
        (self.agreed_ms, self.boot_ms) = (agreed_ms, now.boot_ms);
    }

    /// Takes the wall clock's time where it goes on as it should. False where it does not.
    fn follow(&mut self, now: Reading) -> bool {
        let going_on_ms = self.going_on_ms(now);
        let passed_ms = going_on_ms.saturating_sub(self.agreed_ms);
        let ahead_ms = now.wall_ms.saturating_sub(going_on_ms);
        let forgiven_ms = passed_ms / (REGAIN_MS / STEP_MS);
        let gained_ms = self
            .gained_ms
            .saturating_sub(forgiven_ms)
            .max(0)
            .saturating_add(ahead_ms);
        // What is left of a second makes no doubt where the hour was taken whole.
        if !(-DRIFT_MS..=STEP_MS).contains(&ahead_ms) || gained_ms > STEP_MS + DRIFT_MS {
            return false;
        }
        self.gained_ms = gained_ms.max(0);
        self.set(now.wall_ms, now);
        true
    }

    fn begin_doubt(&mut self, why: Why, now: Reading) {
        let agreed_ms = self.going_on_ms(now);
        self.set(agreed_ms, now);
        self.doubt = Some(Doubt {
            why,
            since_ms: agreed_ms,
            since_boot_ms: now.boot_ms,
            offset_ms: now.wall_ms.saturating_sub(now.boot_ms),
            steady_boot_ms: now.boot_ms,
            said: false,
        });
    }

    /// Brings the agreed time up to now. Answers what is to be told.
    pub fn look(&mut self, now: Reading, quorum: Quorum) -> Option<News> {
        if self.follow(now) {
            return self.settle(How::Returned);
        }
        if self.doubt.is_none() {
            self.begin_doubt(Why::Jumped, now);
        }
        let agreed_ms = self.going_on_ms(now);
        self.set(agreed_ms, now);
        let doubt = self.doubt.as_mut()?;
        let offset_ms = now.wall_ms.saturating_sub(now.boot_ms);
        if offset_ms.saturating_sub(doubt.offset_ms).saturating_abs() > DRIFT_MS {
            (doubt.offset_ms, doubt.steady_boot_ms) = (offset_ms, now.boot_ms);
        }
        let jump_ms = now.wall_ms.saturating_sub(agreed_ms).saturating_abs();
        let is_steady = now.boot_ms - doubt.steady_boot_ms >= STEADY_MS;
        let how = match quorum {
            Quorum::Agrees => Some(How::Fleet),
            Quorum::NobodyElse if is_steady && jump_ms <= ALONE_JUMP_MS_MAX => Some(How::Steady),
            _ => None,
        };
        if let Some(how) = how {
            self.believe(now);
            return self.settle(how);
        }
        let doubted_ms = now.boot_ms - doubt.since_boot_ms;
        let is_due = doubt.why == Why::Jumped || doubted_ms >= SAID_AFTER_MS;
        let is_new = self
            .said_boot_ms
            .is_none_or(|said| now.boot_ms - said >= SAID_AGAIN_MS);
        if doubt.said || !is_due || !is_new {
            return None;
        }
        doubt.said = true;
        self.said_boot_ms = Some(now.boot_ms);
        Some(News::Doubted(doubt.why))
    }

    /// A person says that the wall clock is right.
    pub fn confirm(&mut self, now: Reading) -> Option<News> {
        self.believe(now);
        // Also where it was not told yet: somebody did something.
        let was_doubted = self.doubt.take().is_some();
        was_doubted.then_some(News::Settled(How::Person))
    }

    fn believe(&mut self, now: Reading) {
        self.gained_ms = 0;
        self.set(now.wall_ms, now);
    }

    fn settle(&mut self, how: How) -> Option<News> {
        let was_said = self.doubt.take().is_some_and(|doubt| doubt.said);
        was_said.then_some(News::Settled(how))
    }

    /// Agreed time.
    pub fn agreed_ms(&self, now: Reading) -> i64 {
        self.going_on_ms(now)
    }

    /// The time by which samples are old: in doubt the earlier of the two.
    pub fn time_ms(&self, now: Reading) -> i64 {
        let agreed_ms = self.going_on_ms(now);
        match self.doubt {
            None => agreed_ms,
            Some(_) => agreed_ms.min(now.wall_ms),
        }
    }

    /// Why and since when (agreed time) the wall clock is in doubt.
    pub fn doubt(&self) -> Option<(Why, i64)> {
        self.doubt.map(|doubt| (doubt.why, doubt.since_ms))
    }

    /// In a doubt that most likely ends by itself soon, and nobody was told of.
    pub fn is_waiting(&self) -> bool {
        self.doubt
            .is_some_and(|doubt| !doubt.said && doubt.why != Why::Jumped)
    }

    pub fn keep(&self, boot_id: &str) -> Kept {
        Kept {
            agreed_ms: self.agreed_ms,
            boot_ms: self.boot_ms,
            boot_id: boot_id.to_owned(),
            since_ms: self
                .doubt
                .filter(|doubt| doubt.said)
                .map(|doubt| doubt.since_ms),
        }
    }
}

#[cfg(test)]
mod tests;
