//! What many samples of one series come to: count, least, greatest, sum, and
//! for a counter its exact growth. Pure.

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

/// Cuts `times` by the bucket that each falls into.
pub fn stretches(times: &[i64], mut place: impl FnMut(i64) -> Place, into: &mut Vec<Stretch>) {
    into.clear();
    for (at, &time_ms) in times.iter().enumerate() {
        let bucket = match place(time_ms) {
            Place::Nowhere => continue,
            Place::Before => None,
            Place::Bucket(bucket) => Some(bucket),
        };
        match into.last_mut() {
            Some(last) if last.bucket == bucket && last.end == at => last.end = at + 1,
            _ => into.push(Stretch {
                bucket,
                start: at,
                end: at + 1,
            }),
        }
    }
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

    /// `stretches` cut `times`; the values are divided by `scale`.
    ///
    /// Growth since the sample before counts to this sample's bucket, so that
    /// the buckets of any window add up exactly.
    pub fn add(&mut self, stretches: &[Stretch], times: &[i64], run: &Run<'_>, scale: u32) {
        match (run, self.kind) {
            (Run::Constant(ABSENT), _) => {}
            (Run::Constant(value), Kind::Gauge) => {
                let value = unscaled(*value, scale);
                for stretch in stretches {
                    if let Some(bucket) = stretch.bucket {
                        let count = stretch.end - stretch.start;
                        let sum = i128::from(value) * count as i128;
                        self.bucket(bucket).extend(count as u64, sum, value, value);
                    }
                }
            }
            (Run::Constant(value), Kind::Counter) => {
                self.add_constant(stretches, times, unscaled(*value, scale));
            }
            (Run::Values(values), Kind::Gauge) => {
                for stretch in stretches {
                    let Some(bucket) = stretch.bucket else {
                        continue;
                    };
                    // In scaled values: what they have in common is for the end.
                    let (mut count, mut sum) = (0, 0i128);
                    let (mut least, mut most) = (i64::MAX, i64::MIN);
                    for &value in &values[stretch.start..stretch.end] {
                        if value != ABSENT {
                            count += 1;
                            sum += i128::from(value);
                            least = least.min(value);
                            most = most.max(value);
                        }
                    }
                    if count > 0 {
                        let (least, most) = (unscaled(least, scale), unscaled(most, scale));
                        let sum = sum * i128::from(scale);
                        self.bucket(bucket).extend(count, sum, least, most);
                    }
                }
            }
            (Run::Values(values), Kind::Counter) => {
                for stretch in stretches {
                    let rows = stretch.start..stretch.end;
                    let (mut own, mut steps) = (Bucket::default(), Steps::default());
                    for (&time_ms, &scaled) in times[rows.clone()].iter().zip(&values[rows]) {
                        if scaled != ABSENT {
                            self.step(time_ms, unscaled(scaled, scale), &mut steps, &mut own);
                        }
                    }
                    own.steps(&steps);
                    if let Some(bucket) = stretch.bucket {
                        self.bucket(bucket).merge(&own);
                    }
                }
            }
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

    /// A counter that stands still: only its first sample can differ from the one before.
    fn add_constant(&mut self, stretches: &[Stretch], times: &[i64], value: i64) {
        for stretch in stretches {
            let (mut own, mut steps) = (Bucket::default(), Steps::default());
            for &time_ms in &times[stretch.start..stretch.end] {
                match self.before {
                    Some((then_ms, then)) if then == value && time_ms > then_ms => {
                        own.elapsed_ms += time_ms - then_ms;
                        own.extend(1, 0, 0, 0);
                        self.before = Some((time_ms, value));
                    }
                    _ => self.step(time_ms, value, &mut steps, &mut own),
                }
            }
            own.steps(&steps);
            if let Some(bucket) = stretch.bucket {
                self.bucket(bucket).merge(&own);
            }
        }
    }
}

#[inline]
fn unscaled(value: i64, scale: u32) -> i64 {
    value.saturating_mul(i64::from(scale))
}
