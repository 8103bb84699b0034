//! What many samples of one series come to: count, least, greatest, sum, and
//! for a counter its exact growth. Pure.

use std::ops::Range;

use stardust_shared::ABSENT;
use stardust_shared::series::Kind;

use super::block::Run;
use crate::hub::increase;

/// Counts gauge samples, or steps of a counter from one sample to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    pub count: u64,
    /// Gauges: sum of the values; counters: growth.
    pub sum: i128,
    /// Counters: the time in which they grew.
    pub elapsed_ms: i64,
    /// Gauges: the value; counters: the rate per second as the bits of an
    /// `f64`, which for what is not negative are in the order of the numbers.
    pub min: i64,
    pub max: i64,
}

impl Bucket {
    /// Steps that took as long each: the least and the greatest tell the rates.
    fn steps(&mut self, steps: &Steps) {
        if steps.count > 0 {
            let bits = |grown: i64| {
                let rate = grown as f64 * 1000.0 / steps.elapsed_ms as f64;
                rate.max(0.0).to_bits() as i64
            };
            self.elapsed_ms += steps.elapsed_ms * steps.count as i64;
            let (least, most) = (bits(steps.least), bits(steps.most));
            self.extend(steps.count, steps.sum, least, most);
        }
    }

    #[inline]
    fn extend(&mut self, count: u64, sum: i128, min: i64, max: i64) {
        if self.count == 0 {
            (self.min, self.max) = (min, max);
        } else {
            self.min = self.min.min(min);
            self.max = self.max.max(max);
        }
        self.count += count;
        self.sum += sum;
    }

    /// Adds what other samples came to.
    pub fn merge(&mut self, other: &Self) {
        if other.count > 0 {
            self.extend(other.count, other.sum, other.min, other.max);
            self.elapsed_ms = self.elapsed_ms.saturating_add(other.elapsed_ms);
        }
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

/// Where a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Bucket(usize),
    /// In no bucket, but the growth to the next row is counted from it.
    Before,
    Nowhere,
}

/// A stretch of rows that falls into one bucket; `None` is before all of them.
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
    /// From each row to the next, when every one is later than the one before and
    /// stretches join; empty otherwise, and with less than two rows.
    elapsed_ms: Vec<f64>,
    rates: Vec<f64>,
}

impl Cuts {
    /// `place` says of later times that they are in the same place or in a later one.
    pub fn cut(&mut self, times: &[i64], mut place: impl FnMut(i64) -> Place) {
        self.stretches.clear();
        self.elapsed_ms.clear();
        let later = times.windows(2).all(|pair| pair[0] < pair[1]);
        let (mut start, mut length) = (0, 1);
        while let Some(&time_ms) = times.get(start) {
            let here = place(time_ms);
            let mut end = start + 1;
            // Most are as long as the one before: then two looks are enough.
            let likely = (start + length).min(times.len());
            if later && here != Place::Nowhere && likely > end && place(times[likely - 1]) == here {
                end = likely;
            }
            while end < times.len() && place(times[end]) == here {
                end += 1;
            }
            let bucket = match here {
                Place::Nowhere => None,
                Place::Before => Some(None),
                Place::Bucket(bucket) => Some(Some(bucket)),
            };
            if let Some(bucket) = bucket {
                self.stretches.push(Stretch { bucket, start, end });
            }
            (start, length) = (end, end - start);
        }
        let mut pairs = self.stretches.windows(2);
        if later && pairs.all(|pair| pair[0].end == pair[1].start) {
            let elapsed = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64);
            self.elapsed_ms.extend(elapsed);
        }
    }

    /// The rate of each step of a counter (the first is that from row 0 to row 1).
    /// False when it can't be had so: the counter falls, or is absent somewhere.
    fn rates(&mut self, values: &[i64], scale: u32) -> bool {
        let (Some(&first), Some(&last)) = (values.first(), values.last()) else {
            return false;
        };
        // What only rises is between these two, so nothing below overflows.
        let fits = |value: i64| value != ABSENT && value.checked_mul(i64::from(scale)).is_some();
        if self.elapsed_ms.len() + 1 != values.len()
            || !(fits(first) && fits(last) && last.checked_sub(first).is_some())
        {
            return false;
        }
        let per_second = 1000.0 * f64::from(scale);
        let mut falls = false;
        self.rates.clear();
        let steps = values.windows(2).zip(&self.elapsed_ms);
        self.rates.extend(steps.map(|(pair, elapsed_ms)| {
            falls |= pair[1] < pair[0];
            pair[1].wrapping_sub(pair[0]) as f64 * per_second / elapsed_ms
        }));
        !falls
    }
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

/// Count, sum, least and greatest of what is there.
#[inline]
fn gauges(values: &[i64]) -> (u64, i128, i64, i64) {
    let (mut sum, mut least, mut most) = (0i64, i64::MAX, i64::MIN);
    for &value in values {
        sum = sum.wrapping_add(value);
        least = least.min(value);
        most = most.max(value);
    }
    let count = values.len() as i64;
    if least != ABSENT && least.checked_mul(count).is_some() && most.checked_mul(count).is_some() {
        return (values.len() as u64, i128::from(sum), least, most);
    }
    // Some are absent, or the sum is too large for that.
    let (mut count, mut sum) = (0, 0i128);
    (least, most) = (i64::MAX, i64::MIN);
    for &value in values.iter().filter(|value| **value != ABSENT) {
        count += 1;
        sum += i128::from(value);
        least = least.min(value);
        most = most.max(value);
    }
    (count, sum, least, most)
}

/// One series: takes its samples oldest first.
#[derive(Clone, Debug)]
pub struct Column {
    pub kind: Kind,
    /// Time and value of the last sample of a counter.
    pub before: Option<(i64, i64)>,
    pub buckets: Vec<Bucket>,
}

impl Column {
    pub fn new(kind: Kind, buckets: usize) -> Self {
        Self {
            kind,
            before: None,
            buckets: vec![Bucket::default(); buckets],
        }
    }

    /// Grows to hold that bucket.
    fn bucket(&mut self, at: usize) -> &mut Bucket {
        if at >= self.buckets.len() {
            self.buckets.resize(at + 1, Bucket::default());
        }
        &mut self.buckets[at]
    }

    /// Adds what other samples came to.
    pub fn merge(&mut self, at: usize, other: &Bucket) {
        self.bucket(at).merge(other);
    }

    /// `cuts` are of `times`; the values are divided by `scale`.
    ///
    /// Growth since the sample before counts to this sample's bucket, so that
    /// the buckets of any window add up exactly.
    pub fn add(&mut self, cuts: &mut Cuts, times: &[i64], run: &Run<'_>, scale: u32) {
        match (run, self.kind) {
            (Run::Constant(ABSENT), _) => {}
            (Run::Constant(value), Kind::Gauge) => {
                let value = unscaled(*value, scale);
                for stretch in &cuts.stretches {
                    if let Some(bucket) = stretch.bucket {
                        let count = stretch.end - stretch.start;
                        let sum = i128::from(value) * count as i128;
                        self.bucket(bucket).extend(count as u64, sum, value, value);
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
            (Run::Values(values), Kind::Gauge) => {
                for stretch in &cuts.stretches {
                    let Some(bucket) = stretch.bucket else {
                        continue;
                    };
                    // In scaled values: what they have in common is for the end.
                    let (count, sum, least, most) = gauges(&values[stretch.start..stretch.end]);
                    if count > 0 {
                        let (least, most) = (unscaled(least, scale), unscaled(most, scale));
                        let sum = sum * i128::from(scale);
                        self.bucket(bucket).extend(count, sum, least, most);
                    }
                }
            }
            (Run::Values(values), Kind::Counter) => {
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
            for row in stretch.start..stretch.end {
                if let Some(value) = value(row) {
                    self.step(times[row], value, &mut steps, &mut own);
                }
            }
            own.steps(&steps);
            if let Some(bucket) = stretch.bucket {
                self.bucket(bucket).merge(&own);
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
        for (number, stretch) in cuts.stretches.iter().enumerate() {
            let (mut own, mut before) = (Bucket::default(), stretch.start);
            if number == 0 {
                let mut steps = Steps::default();
                self.step(times[before], value(before), &mut steps, &mut own);
                own.steps(&steps);
            } else {
                before -= 1;
            }
            let last = stretch.end - 1;
            if let Some(bucket) = stretch.bucket {
                if last > before {
                    let grown = i128::from(value(last)) - i128::from(value(before));
                    let (least, most) = ends(before..last);
                    let (least, most) = (least.to_bits() as i64, most.to_bits() as i64);
                    own.extend((last - before) as u64, grown, least, most);
                    own.elapsed_ms += times[last] - times[before];
                }
                self.bucket(bucket).merge(&own);
            }
            self.before = Some((times[last], value(last)));
        }
    }

    #[inline]
    fn step(&mut self, time_ms: i64, value: i64, steps: &mut Steps, own: &mut Bucket) {
        let before = self.before.replace((time_ms, value));
        if let Some((then_ms, then)) = before
            && time_ms > then_ms
        {
            steps.add(increase(then, value), time_ms - then_ms, own);
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
                    ..0 => Place::Before,
                    at @ 0..40 => Place::Bucket(at as usize),
                    _ => Place::Nowhere,
                };
                let mut cuts = Cuts::default();
                cuts.cut(&times, place);
                if cuts.rates(&values, scale) {
                    quick += 1;
                } else {
                    others += 1;
                }
                one.add(&mut cuts, &times, &Run::Values(&values), scale);
                let mut each = Vec::new();
                for (at, &time_ms) in times.iter().enumerate() {
                    let bucket = match place(time_ms) {
                        Place::Nowhere => continue,
                        Place::Before => None,
                        Place::Bucket(bucket) => Some(bucket),
                    };
                    let (start, end) = (at, at + 1);
                    each.push(Stretch { bucket, start, end });
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
        let values = [i64::MAX, i64::MAX, ABSENT, 5];
        assert_eq!(
            gauges(&values),
            (3, 2 * i128::from(i64::MAX) + 5, 5, i64::MAX)
        );
        assert_eq!(gauges(&[ABSENT; 3]), (0, 0, i64::MAX, i64::MIN));
        assert_eq!(gauges(&[-4, 9, 1]), (3, 6, -4, 9));
    }
}
