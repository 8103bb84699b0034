//! The walk over all sockets for the exact split by state, inside a budget.
//!
//! What a walk costs grows with the sockets and with the kernel's hash, so its
//! own CPU time is measured: every sample earns a share of what it costs, and a
//! part of a walk is done only when all parts before it are paid off. On the
//! average it adds a twenty-fifth, however slow the machine is and however
//! many sockets there are; with many, walks become rare, and
//! `tcp.split_age_ms` says how old the split is.
//!
//! A part is a few answers of the kernel, some 70 sockets each. A walk over
//! thousands is spread over minutes then; its age counts from where it began.

use super::diag::{Counts, Dump, LISTEN};
use crate::clock;
use crate::root::Buffer;

/// What a walk may cost: this part of everything else.
const SHARE: i64 = 25;
/// Answers in one sample.
const PART_ANSWERS: usize = 4;
/// Accounts are made every so many samples: asking for the time costs too.
const PART_SAMPLES: u8 = 8;
/// A younger split is not worth another walk.
const AGE_MS_MIN: i64 = 4_900;
/// Every state but LISTEN, which is counted by itself.
const STATES: u32 = 0xffe & !(1 << LISTEN);

/// CPU time to spend. Never above 0: what is not used is not kept.
#[derive(Default)]
struct Budget {
    balance_ns: i64,
    /// CPU time of this thread when accounts were last made.
    seen_ns: Option<i64>,
}

impl Budget {
    /// Earns for what the thread has used since; whether there is no debt.
    fn earn(&mut self, now_ns: i64) -> bool {
        let used_ns = self.seen_ns.map_or(0, |seen_ns| now_ns - seen_ns);
        self.seen_ns = Some(now_ns);
        self.balance_ns = (self.balance_ns + used_ns / SHARE).min(0);
        self.balance_ns == 0
    }

    /// Pays for what was used since `earn`.
    fn pay(&mut self, now_ns: i64) {
        self.balance_ns -= now_ns - self.seen_ns.unwrap_or(now_ns);
        self.seen_ns = Some(now_ns);
    }
}

#[derive(Default)]
pub struct Walk {
    dump: Dump,
    budget: Budget,
    /// Samples until accounts are made again.
    wait: u8,
    began_ms: i64,
    /// What the last complete walk found, and when it began.
    split: Option<(Counts, i64)>,
}

impl Walk {
    /// Goes on with the walk if that is paid for. Whether one is complete now.
    pub fn advance(&mut self, now_ms: i64, buffer: &mut Buffer) -> bool {
        if self.wait > 0 {
            self.wait -= 1;
            return false;
        }
        self.wait = PART_SAMPLES - 1;
        let running = self.dump.is_running();
        if !running && self.age_ms(now_ms).is_some_and(|age| age < AGE_MS_MIN) {
            return false;
        }
        if !self.budget.earn(clock::thread_cpu_ns()) {
            return false;
        }
        if !running {
            self.began_ms = now_ms;
        }
        let found = self.dump.advance(STATES, PART_ANSWERS, buffer);
        self.budget.pay(clock::thread_cpu_ns());
        match found {
            Ok(None) => false,
            Ok(Some(counts)) => {
                self.split = Some((counts, self.began_ms));
                true
            }
            Err(()) => {
                self.split = None;
                false
            }
        }
    }

    /// Whether this machine tells, as far as is known.
    pub fn is_possible(&self) -> bool {
        self.split.is_some() || self.dump.is_running()
    }

    pub fn counts(&self) -> Option<&Counts> {
        self.split.as_ref().map(|(counts, _)| counts)
    }

    /// How long ago the walk began that found the split.
    pub fn age_ms(&self, now_ms: i64) -> Option<i64> {
        let (_, began_ms) = self.split.as_ref()?;
        Some(now_ms.saturating_sub(*began_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::left_out::left_out;

    #[test]
    fn walks_add_their_share_at_most_whatever_they_cost() {
        for walk_ns in [1, 500, 10_000, 300_000, 40_000_000] {
            for sample_ns in [10_000, 150_000, 3_000_000] {
                let mut budget = Budget::default();
                let (mut now_ns, mut walks_ns) = (5, 0);
                let samples = 200_000;
                for _ in 0..samples {
                    now_ns += sample_ns;
                    if budget.earn(now_ns) {
                        now_ns += walk_ns;
                        walks_ns += walk_ns;
                        budget.pay(now_ns);
                    }
                }
                // The last one may not be paid off yet.
                let bound = samples * sample_ns / (SHARE - 1) + walk_ns;
                if walk_ns <= sample_ns {
                    assert!(walks_ns <= bound, "{walk_ns} {sample_ns}: {walks_ns}");
                }
                assert!(walks_ns > 0 && walks_ns <= bound);
            }
        }
    }

    #[test]
    fn the_first_sample_has_a_split_that_says_its_age() {
        let mut walk = Walk::default();
        let mut buffer = Buffer::default();
        let mut now_ms = 1_000_000;
        assert_eq!(walk.age_ms(now_ms), None);
        // With hundreds of sockets open on the machine a walk takes several parts,
        // and each is paid off by CPU time alone, however often it is asked for.
        let start_ns = clock::thread_cpu_ns();
        while !walk.advance(now_ms, &mut buffer) {
            if !walk.is_possible() {
                return left_out("this kernel or sandbox has no TCP diagnosis");
            }
            let used_ns = clock::thread_cpu_ns() - start_ns;
            assert!(used_ns < 120_000_000_000, "the walk does not end");
            now_ms += 1000;
        }
        let counts = walk.counts().unwrap();
        assert_eq!(counts[LISTEN], 0);
        let age_ms = walk.age_ms(now_ms + 7).unwrap();
        assert!(age_ms >= 7 && age_ms % 1000 == 7, "{age_ms}");
    }
}
