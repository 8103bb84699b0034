//! Aligned buckets: what a range looks like at the asked-for resolution.

use serde::Serialize;
use stardust_shared::series::{Kind, Unit};

use stardust_blocks::bucket::{BucketPosition, Buckets, Column};

/// Steps that people read easily, in milliseconds; each divides a day or is whole days.
const STEPS_MS: &[i64] = &[
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    20_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_200_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    14_400_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
];

/// The smallest step that needs at most about `points` buckets.
pub fn step_ms(span_ms: i64, points: usize) -> i64 {
    let wanted = span_ms.max(1) / points.max(1) as i64;
    let nice = STEPS_MS.iter().copied().find(|step| *step >= wanted);
    // Beyond weeks: whole weeks.
    nice.unwrap_or_else(|| (wanted / 604_800_000 + 1) * 604_800_000)
}

/// The grid of a query.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    pub start_ms: i64,
    pub step_ms: i64,
    pub count: usize,
}

impl Grid {
    /// Buckets that cover `from..to`, each starting at a multiple of the step.
    /// A step is never finer than the samples, which come every `interval_ms`
    /// or so: most buckets would be empty.
    pub fn new(from_ms: i64, to_ms: i64, points: usize, interval_ms: i64) -> Self {
        // Samples come a little early or late.
        let finest_ms = step_ms(interval_ms - interval_ms / 10, 1);
        let step_ms = step_ms(to_ms - from_ms, points).max(finest_ms);
        let start_ms = from_ms.div_euclid(step_ms) * step_ms;
        let count = (to_ms - start_ms + step_ms - 1) / step_ms;
        Self {
            start_ms,
            step_ms,
            count: count.max(1) as usize,
        }
    }

    /// Where the last bucket ends.
    pub fn end_ms(&self) -> i64 {
        self.start_ms
            .saturating_add(self.step_ms.saturating_mul(self.count as i64))
    }

    pub fn times(&self) -> Vec<i64> {
        (0..self.count as i64)
            .map(|n| self.start_ms + n * self.step_ms)
            .collect()
    }

    /// The bucket of a row, or that it is before all of them.
    pub fn place(&self, time_ms: i64) -> BucketPosition {
        match self.bucket(time_ms) {
            Some(bucket) => BucketPosition::Bucket(bucket),
            None if time_ms < self.start_ms => BucketPosition::Before,
            None => BucketPosition::Nowhere,
        }
    }

    pub fn bucket(&self, time_ms: i64) -> Option<usize> {
        let offset = time_ms
            .checked_sub(self.start_ms)
            .filter(|offset| *offset >= 0)?;
        Some((offset / self.step_ms) as usize).filter(|bucket| *bucket < self.count)
    }
}

/// One series of the answer. Where a bucket has no samples it has no numbers.
#[derive(Clone, Debug, Serialize)]
pub struct SeriesAnswer {
    pub key: String,
    /// Of `avg`, `min` and `max`.
    pub unit: &'static str,
    pub kind: &'static str,
    /// Samples in each bucket. What [`Parts`] leaves out is empty, here and below.
    ///
    /// [`Parts`]: super::Parts
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub count: Vec<u32>,
    /// Gauges: the value; counters: the rate per second.
    #[serde(skip_serializing_if = "Points::is_empty")]
    pub avg: Points,
    /// The least and the greatest sample, or rate between two samples.
    #[serde(skip_serializing_if = "Points::is_empty")]
    pub min: Points,
    #[serde(skip_serializing_if = "Points::is_empty")]
    pub max: Points,
    /// Counters only: exact growth within the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub increase: Option<Growth>,
    /// Of that growth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub increase_unit: Option<&'static str>,
}

/// A number for each bucket, `null` in JSON where there is none. NaN stands for that
/// here: an option would be twice as large.
#[derive(Clone, Debug)]
pub struct Points(Vec<f64>);

impl Points {
    pub fn iter(&self) -> impl Iterator<Item = Option<f64>> {
        self.0
            .iter()
            .map(|&number| (!number.is_nan()).then_some(number))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Rounds all to so many digits.
    pub fn round(&mut self, digits: i32) {
        for number in &mut self.0 {
            *number = rounded(*number, digits);
        }
    }
}

/// Powers of ten up to this are whole numbers of 64 bits' precision; past it rounding
/// would make digits.
const POWER_MAX: i32 = 22;
const POWER_MIN: i32 = -POWER_MAX;

/// To so many digits from the first that is not zero.
fn rounded(number: f64, digits: i32) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let size = number.abs().log10().floor() as i32;
    match digits - 1 - size {
        up @ 1..=POWER_MAX => {
            let unit = 10f64.powi(up);
            (number * unit).round() / unit
        }
        0 => number.round(),
        down @ POWER_MIN..0 => {
            let unit = 10f64.powi(-down);
            (number / unit).round() * unit
        }
        _ => number,
    }
}

/// Digits of what is no whole number: more come of dividing, not of measuring.
const FRACTION_DIGITS: i32 = 12;
/// Up to this every whole number is one of these.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A number as briefly as JSON has it.
struct Brief(f64);

impl Serialize for Brief {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 && self.0.abs() <= WHOLE_MAX {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(rounded(self.0, FRACTION_DIGITS))
        }
    }
}

impl PartialEq for Points {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl FromIterator<Option<f64>> for Points {
    fn from_iter<T: IntoIterator<Item = Option<f64>>>(numbers: T) -> Self {
        let numbers = numbers.into_iter();
        Self(numbers.map(|number| number.unwrap_or(f64::NAN)).collect())
    }
}

impl Serialize for Points {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|number| number.map(Brief)))
    }
}

/// What a counter grew in each bucket, `null` in JSON where there is none. That is -1
/// here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth(Vec<i64>);

impl Growth {
    pub fn iter(&self) -> impl Iterator<Item = Option<i64>> {
        self.0.iter().map(|&grown| (grown >= 0).then_some(grown))
    }
}

impl Serialize for Growth {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// The parts of the buckets become the answer in the memory that they have.
pub fn answer(column: Column, key: &str, unit: Unit) -> SeriesAnswer {
    let Column { kind, buckets, .. } = column;
    let averages = (0..buckets.len()).map(|at| match kind {
        Kind::Gauge if buckets.counts[at] > 0 => {
            float(buckets.sum(at)) / f64::from(buckets.counts[at])
        }
        Kind::Counter if buckets.steps[at] > 0 && buckets.elapsed_ms[at] > 0 => {
            float(buckets.sum(at)) * 1000.0 / buckets.elapsed_ms[at] as f64
        }
        _ => f64::NAN,
    });
    let avg = Points(averages.collect());
    let increase = (kind == Kind::Counter).then(|| {
        let grown = (0..buckets.len()).map(|at| match buckets.steps[at] {
            ..=0 => -1,
            _ => i64::try_from(buckets.sum(at)).unwrap_or(i64::MAX).max(0),
        });
        Growth(grown.collect())
    });
    let number = |bits: i64| match kind {
        Kind::Gauge => bits as f64,
        Kind::Counter => f64::from_bits(bits as u64),
    };
    let Buckets {
        counts, min, max, ..
    } = buckets;
    let there: Vec<bool> = min.iter().zip(&max).map(|(min, max)| min <= max).collect();
    let ends = |part: Vec<i64>| {
        let each = part.into_iter().zip(&there);
        let numbers = each.map(|(bits, &there)| if there { number(bits) } else { f64::NAN });
        Points(numbers.collect())
    };
    SeriesAnswer {
        key: key.to_string(),
        unit: match kind {
            Kind::Gauge => unit.name(),
            Kind::Counter => unit.rate_name(),
        },
        increase_unit: (kind == Kind::Counter).then(|| unit.name()),
        kind: kind.name(),
        avg,
        min: ends(min),
        max: ends(max),
        increase,
        count: counts,
    }
}

/// The conversion from 128 bits is a call; nearly no sum needs it.
fn float(sum: i128) -> f64 {
    match i64::try_from(sum) {
        Ok(sum) => sum as f64,
        Err(_) => float_of_large(sum),
    }
}

/// Cold, since else it is called always, and its result used rarely.
#[cold]
fn float_of_large(sum: i128) -> f64 {
    sum as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_blocks::block::Run;
    use stardust_blocks::bucket::Cuts;

    /// What is too large to be exact is written as serde writes it.
    #[test]
    fn numbers_have_the_digits_that_they_need() {
        let numbers = [
            Some(4096.0),
            Some(0.1 + 0.2),
            None,
            Some(-0.0),
            Some(1.0 / 3.0),
            Some(-1e300),
            Some(9_007_199_254_740_991.0),
            Some(1234.5),
        ];
        let mut points: Points = numbers.into_iter().collect();
        let written = |points: &Points| serde_json::to_string(points).unwrap();
        assert_eq!(
            written(&points),
            "[4096,0.3,null,0,0.333333333333,-1e+300,9007199254740991,1234.5]"
        );
        points.round(3);
        assert_eq!(
            written(&points),
            "[4100,0.3,null,0,0.333,-1e+300,9010000000000000.0,1230]"
        );
        for number in [1e-310, 5e-324, f64::MAX, 999_999.6, 0.000_123_456] {
            let off = (rounded(number, 12) - number).abs();
            assert!(off <= number * 1e-11, "{number}");
        }
    }
    use stardust_shared::ABSENT;

    #[test]
    fn grids_are_aligned_and_cover_the_range() {
        let grid = Grid::new(1_000_500, 1_060_500, 60, 0);
        assert_eq!(
            (grid.step_ms, grid.start_ms, grid.count),
            (1_000, 1_000_000, 61)
        );
        assert_eq!(Grid::new(0, 60_000, 2_000, 5_003).step_ms, 5_000);
        assert_eq!(Grid::new(0, 60_000, 2_000, 1_000).step_ms, 1_000);
        assert_eq!(grid.bucket(999_999), None);
        assert_eq!(grid.bucket(1_000_000), Some(0));
        assert_eq!(grid.bucket(1_060_999), Some(60));
        assert_eq!(grid.bucket(1_061_000), None);
        for (span, points) in [
            (1, 1),
            (3_600_000, 300),
            (5 * 365 * 86_400_000, 300),
            (i64::MAX / 4, 1),
        ] {
            let step = step_ms(span, points);
            assert!(step * points as i64 >= span, "{span} {points} {step}");
        }
    }

    /// In pieces, as blocks hand them over.
    fn add(column: &mut Column, grid: &Grid, samples: &[(i64, i64)], scale: u32) {
        let times: Vec<i64> = samples.iter().map(|s| s.0).collect();
        let values: Vec<i64> = samples.iter().map(|s| s.1).collect();
        let mut cuts = Cuts::default();
        cuts.cut(&times, |time_ms| grid.place(time_ms));
        column.add(&mut cuts, &times, &Run::Each(&values), scale);
    }

    #[test]
    fn gauges_average_and_counters_add_up_across_a_reset() {
        let grid = Grid {
            start_ms: 0,
            step_ms: 10_000,
            count: 2,
        };
        let mut gauge = Column::new(Kind::Gauge, grid.count);
        let mut counter = Column::new(Kind::Counter, grid.count);
        let gauges = [
            (-1_000, 9),
            (1_000, 1),
            (3_000, 5),
            (12_000, ABSENT),
            (15_000, 7),
        ];
        let counters = [
            (-1_000, 100),
            (1_000, 160),
            (3_000, 20),
            (12_000, 20),
            (15_000, 50),
        ];
        for cut in 0..5 {
            gauge = Column::new(Kind::Gauge, grid.count);
            counter = Column::new(Kind::Counter, grid.count);
            for part in [&gauges[..cut], &gauges[cut..]] {
                add(&mut gauge, &grid, part, 2);
            }
            for part in [&counters[..cut], &counters[cut..]] {
                add(&mut counter, &grid, part, 10);
            }
        }
        let gauge = answer(gauge, "g", Unit::COUNT);
        let first = |points: &Points| points.iter().next().unwrap();
        assert!(gauge.avg.iter().eq([Some(6.0), Some(14.0)]));
        assert_eq!(
            (first(&gauge.min), first(&gauge.max)),
            (Some(2.0), Some(10.0))
        );
        assert_eq!(gauge.count, [2, 1]);
        assert_eq!(gauge.increase, None);
        let counter = answer(counter, "c", Unit::COUNT);
        // 600 since the sample before the range, then a reset to 200.
        assert_eq!(counter.increase, Some(Growth(vec![800, 300])));
        assert!(counter.avg.iter().eq([Some(200.0), Some(25.0)]));
        assert_eq!(
            (first(&counter.min), first(&counter.max)),
            (Some(100.0), Some(300.0))
        );
        assert_eq!(counter.count, [2, 2]);
    }

    #[test]
    fn what_stands_still_comes_to_the_same_in_one_step() {
        let grid = Grid::new(0, 60_000, 6, 0);
        let times: Vec<i64> = (0..60).map(|n| n * 1_000).collect();
        let mut cuts = Cuts::default();
        cuts.cut(&times, |time_ms| grid.place(time_ms));
        for kind in [Kind::Gauge, Kind::Counter] {
            for before in [
                None,
                Some((-1_000, 0)),
                Some((-1_000, 70)),
                Some((5_000, 9)),
            ] {
                let mut one = Column::new(kind, grid.count);
                one.before = before;
                let mut other = one.clone();
                one.add(&mut cuts, &times, &Run::Constant(7), 10);
                other.add(&mut cuts, &times, &Run::Each(&[7; 60]), 10);
                assert_eq!(one.buckets, other.buckets, "{kind:?} {before:?}");
                if kind == Kind::Counter {
                    assert_eq!(one.before, other.before);
                }
            }
        }
    }

    #[test]
    fn empty_buckets_are_null_not_zero() {
        let answer = answer(Column::new(Kind::Counter, 3), "c", Unit::BYTES);
        assert!(answer.avg.iter().eq([None, None, None]));
        let json = serde_json::to_value(&answer).unwrap();
        assert_eq!(
            (&json["unit"], &json["increase_unit"]),
            (&"bytes/s".into(), &"bytes".into())
        );
        let none = serde_json::json!([null, null, null]);
        for part in ["avg", "min", "max", "increase"] {
            assert_eq!(json[part], none, "{part}");
        }
        assert_eq!(json["count"], serde_json::json!([0, 0, 0]));
    }
}
