//! Aligned buckets: what a range looks like at the asked-for resolution.

use serde::Serialize;
use stardust_shared::ABSENT;
use stardust_shared::series::Kind;

use crate::hub::increase;

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

    pub fn times(&self) -> Vec<i64> {
        (0..self.count as i64)
            .map(|n| self.start_ms + n * self.step_ms)
            .collect()
    }

    fn bucket(&self, time_ms: i64) -> Option<usize> {
        let offset = time_ms
            .checked_sub(self.start_ms)
            .filter(|offset| *offset >= 0)?;
        Some((offset / self.step_ms) as usize).filter(|bucket| *bucket < self.count)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    count: u32,
    sum: f64,
    min: f64,
    max: f64,
    increase: i64,
    elapsed_ms: i64,
}

impl Bucket {
    fn add(&mut self, value: f64) {
        if self.count == 0 {
            (self.min, self.max) = (value, value);
        } else {
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        }
        self.sum += value;
        self.count += 1;
    }
}

/// One series of the answer.
#[derive(Clone, Debug, Serialize)]
pub struct SeriesAnswer {
    pub key: String,
    pub unit: &'static str,
    pub kind: &'static str,
    /// Samples in each bucket.
    pub count: Vec<u32>,
    /// Gauges: the value; counters: the rate per second.
    pub avg: Vec<Option<f64>>,
    pub min: Vec<Option<f64>>,
    pub max: Vec<Option<f64>>,
    /// Counters only: exact growth within the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub increase: Option<Vec<Option<i64>>>,
}

/// Takes the samples of one series, oldest first.
#[derive(Debug)]
pub struct Column {
    kind: Kind,
    before: Option<(i64, i64)>,
    buckets: Vec<Bucket>,
}

impl Column {
    pub fn new(kind: Kind, grid: &Grid) -> Self {
        Self {
            kind,
            before: None,
            buckets: vec![Bucket::default(); grid.count],
        }
    }

    /// `value` in units. Growth since the sample before counts to this bucket,
    /// so that the buckets of any window add up exactly.
    pub fn add(&mut self, grid: &Grid, time_ms: i64, scaled: i64, scale: u32) {
        if scaled == ABSENT {
            return;
        }
        let value = scaled.saturating_mul(i64::from(scale));
        let bucket = grid.bucket(time_ms).and_then(|at| self.buckets.get_mut(at));
        match self.kind {
            Kind::Gauge => {
                if let Some(bucket) = bucket {
                    bucket.add(value as f64);
                }
            }
            Kind::Counter => {
                let before = self.before.replace((time_ms, value));
                if let (Some((then_ms, then)), Some(bucket)) = (before, bucket)
                    && time_ms > then_ms
                {
                    let grown = increase(then, value);
                    bucket.add(grown as f64 * 1000.0 / (time_ms - then_ms) as f64);
                    bucket.increase = bucket.increase.saturating_add(grown);
                    bucket.elapsed_ms += time_ms - then_ms;
                }
            }
        }
    }

    pub fn answer(&self, key: &str, unit: &'static str) -> SeriesAnswer {
        let some = |pick: &dyn Fn(&Bucket) -> f64| -> Vec<Option<f64>> {
            self.buckets
                .iter()
                .map(|b| (b.count > 0).then(|| pick(b)))
                .collect()
        };
        let counter = self.kind == Kind::Counter;
        SeriesAnswer {
            key: key.to_string(),
            unit,
            kind: self.kind.name(),
            count: self.buckets.iter().map(|bucket| bucket.count).collect(),
            avg: some(&|b| {
                if counter {
                    b.increase as f64 * 1000.0 / b.elapsed_ms as f64
                } else {
                    b.sum / f64::from(b.count)
                }
            }),
            min: some(&|b| b.min),
            max: some(&|b| b.max),
            increase: counter.then(|| {
                self.buckets
                    .iter()
                    .map(|b| (b.count > 0).then_some(b.increase))
                    .collect()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn gauges_average_and_counters_add_up_across_a_reset() {
        let grid = Grid {
            start_ms: 0,
            step_ms: 10_000,
            count: 2,
        };
        let mut gauge = Column::new(Kind::Gauge, &grid);
        let mut counter = Column::new(Kind::Counter, &grid);
        for (time, g, c) in [
            (-1_000, 9, 100),
            (1_000, 1, 160),
            (3_000, 5, 20),
            (12_000, ABSENT, 20),
            (15_000, 7, 50),
        ] {
            gauge.add(&grid, time, g, 2);
            counter.add(&grid, time, c, 10);
        }
        let gauge = gauge.answer("g", "count");
        assert_eq!(gauge.avg, [Some(6.0), Some(14.0)]);
        assert_eq!((gauge.min[0], gauge.max[0]), (Some(2.0), Some(10.0)));
        assert_eq!(gauge.count, [2, 1]);
        assert_eq!(gauge.increase, None);
        let counter = counter.answer("c", "count");
        // 600 since the sample before the range, then a reset to 200.
        assert_eq!(counter.increase, Some(vec![Some(800), Some(300)]));
        assert_eq!(counter.avg, [Some(200.0), Some(25.0)]);
        assert_eq!((counter.min[0], counter.max[0]), (Some(100.0), Some(300.0)));
        assert_eq!(counter.count, [2, 2]);
    }

    #[test]
    fn empty_buckets_are_null_not_zero() {
        let grid = Grid {
            start_ms: 0,
            step_ms: 1_000,
            count: 3,
        };
        let column = Column::new(Kind::Counter, &grid);
        let answer = column.answer("c", "bytes");
        assert_eq!(answer.avg, [None, None, None]);
        assert_eq!(answer.increase, Some(vec![None, None, None]));
    }
}
