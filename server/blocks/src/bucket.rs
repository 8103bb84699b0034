//! What many samples of one series come to: count, least, greatest, sum, and
//! for a counter its exact growth, from one sample to the next in the order in which
//! they were taken. Pure.

use std::ops::Range;

use stardust_shared::ABSENT;
use stardust_shared::rates::increase;
use stardust_shared::series::Kind;

use super::block::Run;

/// What the samples of a stretch of time come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Samples.
    pub count: u64,
    /// Counters: growths from one sample to the next that end in here. Negative where
    /// one is taken back, since a sample in between has come later.
    pub steps: i64,
    /// Gauges: sum of the values; counters: growth.
    pub sum: i128,
    /// Counters: the time in which they grew.
    pub elapsed_ms: i64,
    /// Gauges: the value; counters: the rate per second as the bits of an
    /// `f64`, which for what is not negative are in the order of the numbers.
    /// Above `max` when there is none.
    pub min: i64,
    pub max: i64,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            count: 0,
            steps: 0,
            sum: 0,
            elapsed_ms: 0,
            min: i64::MAX,
            max: i64::MIN,
        }
    }
}

impl Bucket {
    /// Of gauges.
    fn of(count: u64, sum: i128, min: i64, max: i64) -> Self {
        Self {
            count,
            sum,
            min,
            max,
            ..Self::default()
        }
    }

    /// Of a step that is counted, or taken back, by itself.
    pub fn step(steps: i64, grown: i64, elapsed_ms: i64) -> Self {
        Self {
            steps,
            sum: i128::from(grown),
            elapsed_ms,
            ..Self::default()
        }
    }

    /// Steps that took as long each: the least and the greatest tell the rates.
    fn steps(&mut self, steps: &Steps) {
        if steps.count > 0 {
            let bits = |grown: i64| {
                let rate = grown as f64 * 1000.0 / steps.elapsed_ms as f64;
                rate.max(0.0).to_bits() as i64
            };
            self.elapsed_ms += steps.elapsed_ms * steps.count as i64;
            self.steps += steps.count as i64;
            self.sum += steps.sum;
            self.min = self.min.min(bits(steps.least));
            self.max = self.max.max(bits(steps.most));
        }
    }

    #[inline]
    fn extend(&mut self, count: u64, sum: i128, min: i64, max: i64) {
        self.min = self.min.min(min);
        self.max = self.max.max(max);
        self.count += count;
        self.sum += sum;
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        (self.count, self.steps, self.sum, self.elapsed_ms) == (0, 0, 0, 0)
    }
}

/// Steps of a counter that took the same time: a division for all of them
/// instead of one for each.
#[derive(Default)]
struct Steps {
    elapsed_ms: i64,
    count: u64,
    sum: i128,
    least: i64,
    most: i64,
}

impl Steps {
    /// Adds a step; one that took another time begins anew, what was before goes
    /// into `own`.
    #[inline]
    fn add(&mut self, grown: i64, elapsed_ms: i64, own: &mut Bucket) {
        if elapsed_ms == self.elapsed_ms {
            self.count += 1;
            self.sum += i128::from(grown);
            self.least = self.least.min(grown);
            self.most = self.most.max(grown);
        } else {
            own.steps(self);
            *self = Self {
                elapsed_ms,
                count: 1,
                sum: i128::from(grown),
                least: grown,
                most: grown,
            };
        }
    }
}

/// The buckets of one series, each part for itself: an answer takes the parts over
/// as they are, and what a kind has no use for takes no memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// Of more samples it stays at the most.
    pub counts: Vec<u32>,
    /// The lower 64 bits of each sum.
    sums: Vec<i64>,
    /// What is above those, for all of them once one needs it.
    above: Vec<i64>,
    /// Above `max` where there is none.
    pub min: Vec<i64>,
    pub max: Vec<i64>,
    /// Counters only.
    pub steps: Vec<i32>,
    pub elapsed_ms: Vec<i64>,
}

/// A part of a bucket that is added.
#[derive(Clone, Copy)]
struct Part {
    count: u32,
    steps: i32,
    sum: i64,
    ends: (i64, i64),
    elapsed_ms: i64,
}

#[expect(clippy::len_without_is_empty, reason = "nobody asks")]
impl Buckets {
    fn new(kind: Kind, count: usize) -> Self {
        let timed = if kind == Kind::Counter { count } else { 0 };
        let none = Bucket::default();
        Self {
            counts: vec![0; count],
            sums: vec![0; count],
            above: Vec::new(),
            min: vec![none.min; count],
            max: vec![none.max; count],
            steps: vec![0; timed],
            elapsed_ms: vec![0; timed],
        }
    }

    pub fn len(&self) -> usize {
        self.counts.len()
    }

    pub fn grow(&mut self, kind: Kind, count: usize) {
        if count > self.len() {
            let none = Bucket::default();
            self.counts.resize(count, 0);
            self.sums.resize(count, 0);
            self.min.resize(count, none.min);
            self.max.resize(count, none.max);
            if kind == Kind::Counter {
                self.steps.resize(count, 0);
                self.elapsed_ms.resize(count, 0);
            }
            if !self.above.is_empty() {
                self.above.resize(count, 0);
            }
        }
    }

    pub fn get(&self, at: usize) -> Bucket {
        Bucket {
            count: u64::from(self.counts[at]),
            steps: self.steps.get(at).copied().map_or(0, i64::from),
            sum: self.sum(at),
            elapsed_ms: self.elapsed_ms.get(at).copied().unwrap_or(0),
            min: self.min[at],
            max: self.max[at],
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Bucket> {
        (0..self.len()).map(|at| self.get(at))
    }

    pub fn sum(&self, at: usize) -> i128 {
        let above = self.above.get(at).copied().unwrap_or(0);
        (i128::from(above) << 64) + i128::from(self.sums[at])
    }

    fn merge(&mut self, at: usize, other: &Bucket) {
        if other.is_empty() {
            return;
        }
        let (small, large) = match i64::try_from(other.sum) {
            Ok(sum) => (sum, 0),
            Err(_) => (0, other.sum),
        };
        let part = Part {
            count: u32::try_from(other.count).unwrap_or(u32::MAX),
            steps: other.steps.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
            sum: small,
            ends: (other.min, other.max),
            elapsed_ms: other.elapsed_ms,
        };
        self.add(at, part);
        if large != 0 {
            self.add_large(at, large);
        }
    }

    /// The same in parts.
    #[inline(always)]
    fn add(&mut self, at: usize, part: Part) {
        let (min, max) = (&mut self.min[at], &mut self.max[at]);
        *min = part.ends.0.min(*min);
        *max = part.ends.1.max(*max);
        self.counts[at] = self.counts[at].saturating_add(part.count);
        if let (Some(steps), Some(all_ms)) = (self.steps.get_mut(at), self.elapsed_ms.get_mut(at)) {
            *steps = steps.saturating_add(part.steps);
            *all_ms = all_ms.saturating_add(part.elapsed_ms);
        }
        match self.sums[at].checked_add(part.sum) {
            Some(sum) => self.sums[at] = sum,
            None => self.add_large(at, i128::from(part.sum)),
        }
    }

    #[cold]
    fn add_large(&mut self, at: usize, more: i128) {
        let sum = self.sum(at).saturating_add(more);
        self.above.resize(self.len(), 0);
        self.sums[at] = sum as i64;
        self.above[at] = ((sum - i128::from(sum as i64)) >> 64) as i64;
    }
}

/// Where a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketPosition {
    Bucket(usize),
    /// In no bucket, but the growth to the next row is counted from it.
    Before,
    /// The same, of one after all buckets.
    Nowhere,
}

/// A stretch of rows that falls into one bucket, or into none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub bucket: Option<usize>,
    pub start: usize,
    pub end: usize,
}

/// The rows of a block, cut by the bucket that each falls into; serves all of its
/// columns.
#[derive(Debug, Default)]
pub struct Cuts {
    pub stretches: Vec<Stretch>,
    /// All of their buckets are below this.
    buckets: usize,
    /// From each row to the next, when every one is later than the one before; empty
    /// otherwise, and with less than two rows.
    elapsed_ms: Vec<f64>,
    rates: Vec<f64>,
}

impl Cuts {
    /// `place` says of later times that they are in the same place or in a later one.
    pub fn cut(&mut self, times: &[i64], mut place: impl FnMut(i64) -> BucketPosition) {
        self.stretches.clear();
        self.elapsed_ms.clear();
        self.buckets = 0;
        let later = times.windows(2).all(|pair| pair[0] < pair[1]);
        let (mut start, mut length) = (0, 1);
        let mut last = BucketPosition::Before;
        while let Some(&time_ms) = times.get(start) {
            let here = place(time_ms);
            let mut end = start + 1;
            // Most are as long as the one before: then two looks are enough.
            let likely = (start + length).min(times.len());
            if later && likely > end && place(times[likely - 1]) == here {
                end = likely;
            }
            while end < times.len() && place(times[end]) == here {
                end += 1;
            }
            let bucket = match here {
                BucketPosition::Nowhere | BucketPosition::Before => None,
                BucketPosition::Bucket(bucket) => Some(bucket),
            };
            self.buckets = self.buckets.max(bucket.map_or(0, |at| at + 1));
            self.stretches.push(Stretch { bucket, start, end });
            last = here;
            (start, length) = (end, end - start);
        }
        // Nothing that counts goes on from there.
        if last == BucketPosition::Nowhere {
            self.stretches.pop();
        }
        if later {
            let elapsed = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64);
            self.elapsed_ms.extend(elapsed);
        }
    }

    /// The rate of each step of a counter (the first is that from row 0 to row 1).
    /// False when it can't be had so: the counter falls, grows beyond reason, or is
    /// absent somewhere.
    fn rates(&mut self, values: &[i64], scale: u32) -> bool {
        let (Some(&first), Some(&last)) = (values.first(), values.last()) else {
            return false;
        };
        let scaled = |value: i64| value.checked_mul(i64::from(scale));
        let fits = |value: i64| value != ABSENT && scaled(value).is_some();
        let grown = last.checked_sub(first).filter(|all| *all >= 0);
        let Some(grown) = grown.filter(|all| fits(first) && fits(last) && scaled(*all).is_some())
        else {
            return false;
        };
        if self.elapsed_ms.len() + 1 != values.len() || values.len() > STEPS_MAX {
            return false;
        }
        let per_second = 1000.0 * f64::from(scale);
        let (mut any, mut sum) = (0u64, 0u64);
        self.rates.clear();
        // No branch, and no conversion that takes one at a time.
        let steps = values.iter().zip(&values[1..]).zip(&self.elapsed_ms);
        self.rates
            .extend(steps.map(|((before, after), elapsed_ms)| {
                let step = after.wrapping_sub(*before) as u64;
                any |= step;
                sum = sum.wrapping_add(step);
                small(step) * per_second / elapsed_ms
            }));
        // All that rise are of so few bits, and add up to the whole.
        any < SMALL_MAX && sum == grown as u64
    }
}

/// Numbers below this are converted by their bits; so many steps of them fit 64 bits.
const SMALL_MAX: u64 = 1 << 52;
const STEPS_MAX: usize = 1 << 12;

/// The same as a float. Exact for what is small; with other numbers it is of no use.
#[inline]
fn small(number: u64) -> f64 {
    // Bits of the fraction of 2^52, whose last one is 1.
    let one = SMALL_MAX as f64;
    f64::from_bits(number | one.to_bits()) - one
}

/// Least and greatest; of none, infinities.
#[inline]
fn ends(rates: &[f64]) -> (f64, f64) {
    rates.iter().fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), &rate| {
            (
                if rate < least { rate } else { least },
                if rate > most { rate } else { most },
            )
        },
    )
}

/// Sum, least and greatest, where all are there and nothing is too much for 64 bits.
#[inline]
fn gauges(values: &[i64]) -> Option<(i64, i64, i64)> {
    let (mut sum, mut least, mut most) = (0i64, i64::MAX, i64::MIN);
    for &value in values {
        sum = sum.wrapping_add(value);
        least = least.min(value);
        most = most.max(value);
    }
    let fits = |value: i64| value.checked_mul(values.len() as i64).is_some();
    (least != ABSENT && fits(least) && fits(most)).then_some((sum, least, most))
}

/// Any gauges as a bucket.
fn any_gauges(values: &[i64], scale: u32) -> Bucket {
    let mut own = Bucket::default();
    for &value in values.iter().filter(|value| **value != ABSENT) {
        let value = unscaled(value, scale);
        own.extend(1, i128::from(value), value, value);
    }
    own
}

/// One series: takes its samples oldest first.
#[derive(Clone, Debug)]
pub struct Column {
    pub kind: Kind,
    /// Time and value of the last sample of a counter.
    pub before: Option<(i64, i64)>,
    pub buckets: Buckets,
}

impl Column {
    pub fn new(kind: Kind, buckets: usize) -> Self {
        Self {
            kind,
            before: None,
            buckets: Buckets::new(kind, buckets),
        }
    }

    /// Adds what other samples came to; grows to hold that bucket.
    #[inline]
    pub fn merge(&mut self, at: usize, other: &Bucket) {
        self.buckets.grow(self.kind, at + 1);
        self.buckets.merge(at, other);
    }

    /// `cuts` are of `times`; the values are divided by `scale`.
    ///
    /// Growth since the sample before counts to this sample's bucket, so that
    /// the buckets of any window add up exactly.
    pub fn add(&mut self, cuts: &mut Cuts, times: &[i64], run: &Run<'_>, scale: u32) {
        self.buckets.grow(self.kind, cuts.buckets);
        match (run, self.kind) {
            (Run::Constant(ABSENT), _) => {}
            (Run::Constant(value), Kind::Gauge) => {
                let value = unscaled(*value, scale);
                for stretch in &cuts.stretches {
                    if let Some(bucket) = stretch.bucket {
                        let count = stretch.end - stretch.start;
                        let sum = i128::from(value) * count as i128;
                        let all = Bucket::of(count as u64, sum, value, value);
                        self.buckets.merge(bucket, &all);
                    }
                }
            }
            (Run::Constant(value), Kind::Counter) => {
                let value = unscaled(*value, scale);
                if cuts.elapsed_ms.is_empty() {
                    self.add_steps(&cuts.stretches, times, |_| Some(value));
                } else {
                    self.add_rising(cuts, times, |_| value, |_| (0.0, 0.0));
                }
            }
            (Run::Each(values), Kind::Gauge) => {
                for stretch in &cuts.stretches {
                    let Some(bucket) = stretch.bucket else {
                        continue;
                    };
                    let values = &values[stretch.start..stretch.end];
                    // In scaled values: what they have in common is for the end.
                    let sum = gauges(values).and_then(|(sum, least, most)| {
                        let sum = sum.checked_mul(i64::from(scale))?;
                        Some((sum, unscaled(least, scale), unscaled(most, scale)))
                    });
                    match sum {
                        Some((sum, least, most)) => {
                            let part = Part {
                                count: values.len() as u32,
                                steps: 0,
                                sum,
                                ends: (least, most),
                                elapsed_ms: 0,
                            };
                            self.buckets.add(bucket, part);
                        }
                        None => self.buckets.merge(bucket, &any_gauges(values, scale)),
                    }
                }
            }
            (Run::Each(values), Kind::Counter) => {
                if cuts.rates(values, scale) {
                    let value = |row: usize| unscaled(values[row], scale);
                    self.add_rising(cuts, times, value, |steps| ends(&cuts.rates[steps]));
                } else {
                    let value = |row: usize| present(values[row], scale);
                    self.add_steps(&cuts.stretches, times, value);
                }
            }
        }
    }

    /// A counter step by step; `value` is that of a row, if it is there.
    fn add_steps(
        &mut self,
        stretches: &[Stretch],
        times: &[i64],
        value: impl Fn(usize) -> Option<i64>,
    ) {
        for stretch in stretches {
            let (mut own, mut steps) = (Bucket::default(), Steps::default());
            let rows = stretch.start..stretch.end;
            for (row, &time_ms) in rows.clone().zip(&times[rows]) {
                if let Some(value) = value(row) {
                    own.count += 1;
                    self.step(time_ms, value, &mut steps, &mut own);
                }
            }
            own.steps(&steps);
            if let Some(bucket) = stretch.bucket {
                self.buckets.merge(bucket, &own);
            }
        }
    }

    /// A counter that never falls, which nearly all are: what it grew in a stretch
    /// is the difference of two values. `value` is that of a row, `ends` the least
    /// and the greatest rate of steps.
    fn add_rising(
        &mut self,
        cuts: &Cuts,
        times: &[i64],
        value: impl Fn(usize) -> i64,
        ends: impl Fn(Range<usize>) -> (f64, f64),
    ) {
        let Some(first) = cuts.stretches.first() else {
            return;
        };
        // Its first step is from what was before these rows.
        let mut own = Bucket::default();
        let mut steps = Steps::default();
        self.step(times[first.start], value(first.start), &mut steps, &mut own);
        own.steps(&steps);
        own.count = 1;
        if let Some(bucket) = first.bucket {
            self.buckets.merge(bucket, &own);
        }
        let mut before = first.start;
        for stretch in &cuts.stretches {
            let last = stretch.end - 1;
            if let Some(bucket) = stretch.bucket
                && last > before
            {
                let (least, most) = ends(before..last);
                let count = (last - before) as u32;
                let part = Part {
                    count,
                    steps: count as i32,
                    sum: value(last) - value(before),
                    ends: (least.to_bits() as i64, most.to_bits() as i64),
                    elapsed_ms: times[last] - times[before],
                };
                self.buckets.add(bucket, part);
            }
            before = last;
        }
        self.before = Some((times[before], value(before)));
    }

    #[inline]
    fn step(&mut self, time_ms: i64, value: i64, steps: &mut Steps, own: &mut Bucket) {
        if let Some((then_ms, then)) = self.before.replace((time_ms, value)) {
            let grown = increase(then, value);
            if time_ms > then_ms {
                steps.add(grown, time_ms - then_ms, own);
            } else {
                // The clock went back: it grew all the same, in no time that anyone knows.
                own.steps += 1;
                own.sum += i128::from(grown);
            }
        }
    }
}

#[inline]
fn present(value: i64, scale: u32) -> Option<i64> {
    (value != ABSENT).then(|| unscaled(value, scale))
}

#[inline]
fn unscaled(value: i64, scale: u32) -> i64 {
    value.saturating_mul(i64::from(scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of a counter that mostly rises, now and then falls or is absent, at
    /// times that mostly are in order.
    #[test]
    fn a_counter_comes_to_the_same_in_stretches_as_step_by_step() {
        let mut state = 1u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            (state >> 33) % below
        };
        let (mut quick, mut others) = (0, 0);
        for round in 0..2_000 {
            let scale = [1, 10, 512][random(3) as usize];
            let mut one = Column::new(Kind::Counter, 40);
            let mut other = one.clone();
            let (mut time_ms, mut value) = (random(9_000) as i64 - 4_000, random(1_000) as i64);
            for _ in 0..3 {
                let rows = 1 + random(60) as usize;
                let (mut times, mut values) = (Vec::new(), Vec::new());
                let shaky = random(3) == 0;
                for _ in 0..rows {
                    time_ms += 990 + random(20) as i64;
                    value += (random(3) * random(100)) as i64;
                    if shaky && random(40) == 0 {
                        value = [ABSENT, 0, i64::MAX, -7][random(4) as usize];
                    }
                    if shaky && random(60) == 0 {
                        time_ms -= 3_000;
                    }
                    times.push(time_ms);
                    values.push(value);
                    if value == ABSENT || value == i64::MAX {
                        value = 5;
                    }
                }
                let place = |time_ms: i64| match time_ms.div_euclid(5_000) {
                    ..0 => BucketPosition::Before,
                    at @ 0..40 => BucketPosition::Bucket(at as usize),
                    _ => BucketPosition::Nowhere,
                };
                let mut cuts = Cuts::default();
                cuts.cut(&times, place);
                if cuts.rates(&values, scale) {
                    quick += 1;
                } else {
                    others += 1;
                }
                one.add(&mut cuts, &times, &Run::Each(&values), scale);
                let mut each = Vec::new();
                for (at, &time_ms) in times.iter().enumerate() {
                    let bucket = match place(time_ms) {
                        BucketPosition::Nowhere | BucketPosition::Before => None,
                        BucketPosition::Bucket(bucket) => Some(bucket),
                    };
                    let (start, end) = (at, at + 1);
                    each.push(Stretch { bucket, start, end });
                }
                while let Some(last) = each.last()
                    && place(times[last.start]) == BucketPosition::Nowhere
                {
                    each.pop();
                }
                other.add_steps(&each, &times, |row| present(values[row], scale));
                assert_eq!(one.before, other.before, "{round}");
                assert_eq!(one.buckets, other.buckets, "{round}");
            }
        }
        assert!(quick > 1_000 && others > 500, "{quick} {others}");
    }

    #[test]
    fn what_is_too_much_for_64_bits_is_added_up_all_the_same() {
        let mut column = Column::new(Kind::Gauge, 2);
        let most = i128::from(i64::MAX);
        for (sum, expected) in [
            (most, most),
            (-most, 0),
            (most, most),
            (9, most + 9),
            (2 * most, 3 * most + 9),
            (-5 * most, 9 - 2 * most),
            (2 * most, 9),
        ] {
            column.merge(1, &Bucket::of(1, sum, -1, 1));
            assert_eq!(column.buckets.get(1).sum, expected);
        }
        column.merge(4, &Bucket::of(u64::MAX, 3, -1, 1));
        column.merge(4, &Bucket::of(1, 4, -9, 1));
        assert_eq!(
            column.buckets.get(4),
            Bucket::of(u64::from(u32::MAX), 7, -9, 1)
        );
        assert_eq!(column.buckets.get(0), Bucket::default());
        let values = [i64::MAX, i64::MAX, ABSENT, 5];
        assert_eq!(gauges(&values), None);
        assert_eq!(
            any_gauges(&values, 1),
            Bucket::of(3, 2 * most + 5, 5, i64::MAX)
        );
        assert_eq!(gauges(&[ABSENT; 3]), None);
        assert_eq!(any_gauges(&[ABSENT; 3], 1), Bucket::default());
        assert_eq!(gauges(&[-4, 9, 1]), Some((6, -4, 9)));
        assert_eq!(any_gauges(&[-4, 9, 1], 2), Bucket::of(3, 12, -8, 18));
    }

    #[test]
    fn small_numbers_are_floats_by_their_bits() {
        for number in [0, 1, 9, 1 << 31, (1 << 51) + 1, SMALL_MAX - 1] {
            assert_eq!(small(number), number as f64);
        }
    }
}
