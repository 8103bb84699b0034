//! What a node may send, told from the time that has passed. Pure.
//!
//! A Spider takes one sample each interval, whether it can send it or not. So what
//! comes over the years is no more than their time explains; what comes at once, no
//! more than the time that the node was away. The rest is a flood.

use std::time::{Duration, Instant};

use stardust_shared::limits::{INTERVAL_MS_MAX, INTERVAL_MS_MIN, LAYOUT_MS, LAYOUTS_AT_ONCE};

use super::limits::{AWAY_TIME_MAX, BURST_SAMPLES, UNKNOWN_TIME};

/// Time that may be spent on something that takes time, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    left_ms: i64,
    /// Until when time was added.
    at: Instant,
}

impl Allowance {
    fn new(left_ms: i64, now: Instant) -> Self {
        let left_ms = left_ms.clamp(0, ms(AWAY_TIME_MAX));
        Self { left_ms, at: now }
    }

    /// Spends so much. Nearly always that is a subtraction: the time that has passed
    /// is added when there is nothing left. False, and nothing spent, when it is more
    /// than there is.
    #[inline]
    fn spend(&mut self, cost_ms: i64, now: Instant, add: impl FnOnce(i64, i64) -> i64) -> bool {
        self.left_ms -= cost_ms;
        if self.left_ms >= 0 {
            return true;
        }
        self.left_ms += cost_ms;
        self.add(now, add);
        self.left_ms -= cost_ms;
        if self.left_ms >= 0 {
            return true;
        }
        self.left_ms += cost_ms;
        false
    }

    /// `add`: what there is, of what is left and the time that has passed.
    #[cold]
    fn add(&mut self, now: Instant, add: impl FnOnce(i64, i64) -> i64) {
        let passed_ms = ms(now.saturating_duration_since(self.at));
        // Less than a millisecond counts later.
        if passed_ms > 0 {
            self.at = now;
            self.left_ms = add(self.left_ms, passed_ms).min(ms(AWAY_TIME_MAX));
        }
    }
}

/// What the node may spend: kept for each, whether it is connected or not.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    samples: Allowance,
    layouts: Allowance,
    /// When a sample was taken last.
    taken: Instant,
}

/// What a session's samples cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    interval_ms: i64,
    /// Up to there they were taken before the session, at an interval that may have
    /// been another.
    ring_seq: u64,
}

impl Rates {
    pub fn new(interval_ms: u64, ring_seq: u64) -> Self {
        Self {
            interval_ms: interval_ms.min(INTERVAL_MS_MAX) as i64,
            ring_seq,
        }
    }

    pub fn interval_ms(self) -> i64 {
        self.interval_ms
    }

    #[inline]
    fn cost_ms(self, seq: u64) -> i64 {
        if seq <= self.ring_seq {
            self.interval_ms.min(INTERVAL_MS_MIN as i64)
        } else {
            self.interval_ms
        }
    }

    /// All time counts, also that in which samples come as they should: the balance
    /// stays. A clock of the node that is a little fast must not eat it up, so below
    /// so many samples there is a quarter more.
    fn add(self, left_ms: i64, passed_ms: i64) -> i64 {
        let burst_ms = self.interval_ms * i64::from(BURST_SAMPLES);
        let room_ms = (burst_ms - left_ms - passed_ms).max(0);
        left_ms + passed_ms + (passed_ms / 4).min(room_ms)
    }
}

impl Pace {
    /// Of a node that had no session since the start: `away_ms` since its newest
    /// durable sample, where there is one. Our clock may have been wrong, and a node
    /// that is new here may have samples of before.
    pub fn new(away_ms: Option<i64>, rates: Rates, now: Instant) -> Self {
        let known_ms = away_ms.unwrap_or(0).clamp(0, ms(AWAY_TIME_MAX));
        let burst_ms = rates.interval_ms * i64::from(BURST_SAMPLES);
        Self {
            samples: Allowance::new(known_ms.max(ms(UNKNOWN_TIME)) + burst_ms, now),
            layouts: Allowance::new(known_ms + LAYOUTS_BURST_MS, now),
            taken: now,
        }
    }

    /// Another session begins. All the time since the last sample was taken has had its
    /// lists of series; before, those that were not changed were saved up to a bound.
    pub fn opened(&mut self, now: Instant) {
        let since = self.taken.max(self.layouts.at);
        self.layouts.add(since, add_online);
        let away_ms = ms(now.saturating_duration_since(since));
        self.layouts = Allowance::new(self.layouts.left_ms.saturating_add(away_ms), now);
    }

    /// A sample was taken.
    #[inline]
    pub fn taken(&mut self, now: Instant) {
        self.taken = now;
    }

    /// For what is not stored: what was taken already, or can't be taken now. Apart,
    /// since it will come again or has been paid for. `durable_later` samples may come
    /// again at once.
    pub fn unstored(&self, rates: Rates, durable_later: u64) -> Allowance {
        let again_ms = (durable_later.min(1 << 32) as i64).saturating_mul(rates.interval_ms);
        let burst_ms = rates.interval_ms * i64::from(BURST_SAMPLES);
        Allowance {
            left_ms: self
                .samples
                .left_ms
                .saturating_add(again_ms)
                .saturating_add(burst_ms),
            at: self.samples.at,
        }
    }

    /// One sample to be stored. False: the node sends more than it can have taken.
    #[inline]
    pub fn sample(&mut self, rates: Rates, seq: u64, now: Instant) -> bool {
        let cost_ms = rates.cost_ms(seq);
        self.samples
            .spend(cost_ms, now, |left, passed| rates.add(left, passed))
    }

    /// One that turned out not to be.
    pub fn give_back(&mut self, rates: Rates, seq: u64) {
        self.samples.left_ms += rates.cost_ms(seq);
    }

    /// One list of series that the node did not have before.
    pub fn layout(&mut self, now: Instant) -> bool {
        self.layouts.add(now, add_online);
        self.layouts.spend(LAYOUT_MS as i64, now, add_online)
    }
}

impl Allowance {
    /// One sample that is not stored.
    pub fn unstored(&mut self, rates: Rates, seq: u64, now: Instant) -> bool {
        let cost_ms = rates.cost_ms(seq);
        self.spend(cost_ms, now, |left, passed| rates.add(left, passed))
    }
}

/// Lists that were not changed are saved up only so far.
fn add_online(left_ms: i64, passed_ms: i64) -> i64 {
    left_ms.max(left_ms.saturating_add(passed_ms).min(LAYOUTS_BURST_MS))
}

const LAYOUTS_BURST_MS: i64 = LAYOUTS_AT_ONCE as i64 * LAYOUT_MS as i64;

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const DAY: Duration = Duration::from_secs(86_400);

    /// How many of these a fresh node gets through at once.
    fn flood(pace: &mut Pace, rates: Rates, first_seq: u64, now: Instant) -> u64 {
        let mut seq = first_seq;
        while pace.sample(rates, seq, now) {
            seq += 1;
        }
        seq - first_seq
    }

    #[test]
    fn at_once_comes_what_the_time_away_explains() {
        let start = Instant::now();
        let rates = Rates::new(1_000, 0);
        let unknown = UNKNOWN_TIME.as_secs() + u64::from(BURST_SAMPLES);
        let mut new = Pace::new(None, rates, start);
        assert_eq!(flood(&mut new, rates, 1, start), unknown);
        assert_eq!(flood(&mut new, rates, 1, start), 0);
        // Then one for each interval, and a quarter more.
        assert_eq!(flood(&mut new, rates, 1, start + SECOND * 100), 125);
        // Away for an hour: so much of it.
        let later = start + SECOND * 3_700;
        assert_eq!(flood(&mut new, rates, 1, later), 3_600);
        // What its last sample tells of a server's night counts whole.
        let away_ms = ms(DAY * 10);
        let mut known = Pace::new(Some(away_ms), rates, start);
        let count = 864_000 + u64::from(BURST_SAMPLES);
        assert_eq!(flood(&mut known, rates, 1, start), count);
        // A clock that was wrong takes nothing away.
        let mut ahead = Pace::new(Some(-5_000), rates, start);
        assert_eq!(flood(&mut ahead, rates, 1, start), unknown);
    }

    #[test]
    fn a_ring_may_be_of_a_shorter_interval() {
        let start = Instant::now();
        let rates = Rates::new(5_000, 400_000);
        let mut pace = Pace::new(None, rates, start);
        // Five a second in the ring, and one every five seconds after it.
        let seconds = UNKNOWN_TIME.as_secs() + 5 * u64::from(BURST_SAMPLES);
        assert!((1..=400_000).all(|seq| pace.sample(rates, seq, start)));
        let rest = flood(&mut pace, rates, 400_001, start);
        assert_eq!(rest, (seconds - 80_000) / 5);
    }

    #[test]
    fn who_sends_as_told_is_never_refused() {
        let start = Instant::now();
        for (interval_ms, fast) in [(200, 1.0), (1_000, 1.01), (5_000, 1.1), (3_600_000, 1.2)] {
            let rates = Rates::new(interval_ms, 0);
            let mut pace = Pace::new(None, rates, start);
            flood(&mut pace, rates, 1, start);
            // Its clock may be fast, and its samples may come in bursts after a stall.
            let step = Duration::from_millis(interval_ms).div_f64(fast);
            for n in 1..50_000u32 {
                let at = start + step * (n.div_ceil(60) * 60);
                assert!(pace.sample(rates, 1, at), "{interval_ms} {n}");
            }
        }
    }

    #[test]
    fn a_link_slower_than_the_ring_is_long_loses_nothing() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(ms(DAY * 20)), Rates::new(1_000, 0), start);
        // Twenty days of ring, and as many days until it is delivered.
        let rates = Rates::new(1_000, 20 * 86_400);
        let step = Duration::from_millis(500);
        assert!((1..40 * 86_400).all(|seq| pace.sample(rates, seq, start + step * seq as u32)));
    }

    #[test]
    fn what_is_not_stored_has_a_bound_of_its_own() {
        let start = Instant::now();
        let rates = Rates::new(1_000, 0);
        let mut pace = Pace::new(None, rates, start);
        flood(&mut pace, rates, 1, start);
        // What is not durable may come again, at once and each time.
        for _ in 0..3 {
            let mut again = pace.unstored(rates, 5_000);
            let count = (1..)
                .take_while(|_| again.unstored(rates, 1, start))
                .count();
            assert_eq!(count, 5_000 + BURST_SAMPLES as usize);
            // And what can't be stored goes on as it is taken.
            assert!((1..9_000).all(|n| again.unstored(rates, 1, start + SECOND * n)));
        }
        assert!(!pace.sample(rates, 1, start));
        pace.give_back(rates, 1);
        assert!(pace.sample(rates, 1, start));
    }

    #[test]
    fn lists_of_series_change_so_often_and_no_more() {
        let start = Instant::now();
        let rates = Rates::new(1_000, 0);
        let changes = |pace: &mut Pace, now: Instant| {
            let most = 1_000_000;
            (0..most).take_while(|_| pace.layout(now)).count()
        };
        let mut pace = Pace::new(None, rates, start);
        let at_once = LAYOUTS_AT_ONCE as usize;
        assert_eq!(changes(&mut pace, start), at_once);
        assert_eq!(changes(&mut pace, start + SECOND * 7), 7);
        // A host of containers, for a day: one in two seconds.
        assert!((0..43_200).all(|n| pace.layout(start + SECOND * (10 + n * 2))));
        // They are not saved up while it is there,
        let day = start + DAY * 2;
        pace.taken(day);
        assert_eq!(changes(&mut pace, day), at_once);
        pace.opened(day);
        assert_eq!(changes(&mut pace, day), 0);
        // but while it is away; and no time counts twice.
        let back = day + SECOND * 36_000;
        pace.opened(back);
        pace.opened(back);
        assert_eq!(changes(&mut pace, back), 36_000);
        // Where samples do not get through, that is away too.
        let stuck = back + SECOND * 500;
        pace.opened(back + SECOND * 100);
        pace.opened(stuck);
        assert_eq!(changes(&mut pace, stuck), 500);
        let mut known = Pace::new(Some(50_000), rates, start);
        assert_eq!(changes(&mut known, start), at_once + 50);
    }
}
