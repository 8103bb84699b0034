//! Blocks of the coarse tiers: each row stands for all samples of a minute or
//! an hour that came together. Pure.
//!
//! A gauge has four columns: count, least, greatest less least, and the sum
//! less what count times the least is. A counter has six: count, how many of these have
//! no step that leads to them, the time that the steps took, exact growth, and the least
//! and the greatest rate (as the upper bits of their `f64`: a thousandth is lost, to
//! the outside; the greatest as the difference, which is -1 where there is no rate).
//!
//! Gauges come first in a block, so that its size says which series are which. A series
//! that had nothing in a row is absent there in all of its columns.
//!
//! Rows add up: there may be any number of them of one hour, and what comes late adds
//! another.

use stardust_shared::ABSENT;
use stardust_shared::series::{Kind, SeriesDef};

use super::bucket::{Bucket, Column};
use super::columns::{Block, Columns, Source};
use super::error::BlockError;

/// Bits of a rate that are not kept: ten of its fraction remain.
const RATE_BITS_LOST: u32 = 42;

/// Columns of a series.
fn parts(kind: Kind) -> usize {
    match kind {
        Kind::Gauge => 4,
        Kind::Counter => 6,
    }
}

/// Where the columns of each series are in a block whose gauges come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offsets {
    gauges: usize,
    series: usize,
}

impl Offsets {
    pub fn of(gauges: usize, series: usize) -> Self {
        Self { gauges, series }
    }

    /// What the columns of a block of so many series say of them.
    pub fn of_block(series: usize, width: usize) -> Result<Self, BlockError> {
        let (few, many) = (parts(Kind::Gauge), parts(Kind::Counter));
        let short = (series * many).checked_sub(width);
        let gauges = short.filter(|short| short % (many - few) == 0);
        let gauges = gauges.map(|short| short / (many - few));
        let gauges = gauges.filter(|gauges| *gauges <= series);
        let gauges = gauges.ok_or(BlockError::Corrupt("number of columns"))?;
        Ok(Self { gauges, series })
    }

    pub fn width(&self) -> usize {
        self.of_series(self.series).start
    }

    /// The columns of the series `at`.
    pub fn of_series(&self, at: usize) -> std::ops::Range<usize> {
        let (few, many) = (parts(Kind::Gauge), parts(Kind::Counter));
        match at.checked_sub(self.gauges) {
            None => at * few..(at + 1) * few,
            Some(counter) => {
                let start = self.gauges * few + counter * many;
                start..start + many
            }
        }
    }
}

/// Rows that start at `starts`, of series whose gauges come first.
pub fn columns<'a>(
    starts: &[i64],
    series: impl Iterator<Item = (&'a SeriesDef, &'a Column)> + Clone,
) -> Columns {
    let mut columns = Columns::new(series.clone().map(|(_, of)| parts(of.kind)).sum());
    columns.times = starts.to_vec();
    let mut into = columns.values.iter_mut();
    for (definition, column) in series {
        let scale = i64::from(definition.scale);
        let own: Vec<&mut Vec<i64>> = into.by_ref().take(parts(column.kind)).collect();
        let mut own = own.into_iter();
        let mut part = |value: &dyn Fn(&Bucket) -> i64| {
            if let Some(part) = own.next() {
                let buckets = column.buckets.iter();
                part.extend(buckets.map(|bucket| match bucket.is_empty() {
                    true => ABSENT,
                    false => value(&bucket),
                }));
            }
        };
        // All values are multiples of the scale.
        let least = |b: &Bucket| if b.min > b.max { 0 } else { b.min / scale };
        let most = |b: &Bucket| if b.min > b.max { 0 } else { b.max / scale };
        part(&|b| b.count as i64);
        match column.kind {
            Kind::Gauge => {
                part(&least);
                part(&|b| most(b).wrapping_sub(least(b)));
                part(&|b| {
                    let least = i128::from(least(b)) * i128::from(b.count);
                    clamp(b.sum / i128::from(scale) - least)
                });
            }
            Kind::Counter => {
                let low = |b: &Bucket| b.min >> RATE_BITS_LOST;
                let up = (1i64 << RATE_BITS_LOST) - 1;
                part(&|b| b.count as i64 - b.steps);
                part(&|b| b.elapsed_ms);
                part(&|b| clamp(b.sum / i128::from(scale)));
                part(&|b| if b.min > b.max { 0 } else { low(b) });
                part(&|b| {
                    if b.min > b.max {
                        return -1;
                    }
                    (b.max.saturating_add(up) >> RATE_BITS_LOST) - low(b)
                });
            }
        }
    }
    columns
}

fn clamp(value: i128) -> i64 {
    value.clamp(i128::from(i64::MIN + 1), i128::from(i64::MAX)) as i64
}

/// Reads the rows of one series: `of` are its columns.
pub fn read<S: Source + ?Sized>(
    block: &Block<'_, S>,
    kind: Kind,
    scale: u32,
    of: std::ops::Range<usize>,
    into: &mut Vec<Bucket>,
) -> Result<(), BlockError> {
    if of.len() != parts(kind) || of.end > block.width() {
        return Err(BlockError::Corrupt("kind of a series"));
    }
    let (scale, offset) = (i64::from(scale), of.start);
    let mut part = Vec::new();
    into.clear();
    block.values(offset, &mut part)?;
    into.extend(part.iter().map(|&count| Bucket {
        count: count.max(0) as u64,
        ..Bucket::default()
    }));
    let absent = part.iter().enumerate();
    let absent = absent.filter(|(_, count)| **count == ABSENT);
    let absent: Vec<usize> = absent.map(|(row, _)| row).collect();
    let mut read = |number: usize, set: &dyn Fn(&mut Bucket, i64)| -> Result<(), BlockError> {
        block.values(offset + number, &mut part)?;
        for (bucket, &value) in into.iter_mut().zip(&part) {
            set(bucket, value);
        }
        Ok(())
    };
    match kind {
        Kind::Gauge => {
            read(1, &|b, least| b.min = least)?;
            read(2, &|b, range| b.max = b.min.wrapping_add(range))?;
            read(3, &|b, rest| {
                let least = i128::from(b.min) * i128::from(b.count);
                b.sum = (i128::from(rest) + least) * i128::from(scale);
                b.min = b.min.saturating_mul(scale);
                b.max = b.max.saturating_mul(scale);
                if b.count == 0 {
                    *b = Bucket::default();
                }
            })
        }
        Kind::Counter => {
            read(1, &|b, more| b.steps = (b.count as i64).wrapping_sub(more))?;
            read(2, &|b, elapsed_ms| b.elapsed_ms = elapsed_ms)?;
            read(3, &|b, grown| b.sum = i128::from(grown) * i128::from(scale))?;
            read(4, &|b, low| b.min = low)?;
            read(5, &|b, range| {
                (b.min, b.max) = match range < 0 {
                    true => (i64::MAX, i64::MIN),
                    false => (
                        b.min << RATE_BITS_LOST,
                        b.min.wrapping_add(range) << RATE_BITS_LOST,
                    ),
                };
            })
        }
    }?;
    for row in absent {
        into[row] = Bucket::default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::block::Run;
    use super::super::bucket::{BucketPosition, Cuts};
    use super::super::column::Effort;
    use super::*;
    use stardust_shared::SeriesDef;

    #[test]
    fn rows_come_back() {
        let defs = [
            SeriesDef::new("mem.free_bytes", &[]),
            SeriesDef::new("temp.celsius_milli", &[("sensor", "x")]),
            SeriesDef::new("disk.written_bytes", &[("device", "a")]),
            SeriesDef::new("net.rx_errors", &[("iface", "gone")]),
        ];
        let times: Vec<i64> = (0..300).map(|n| n * 1_000).collect();
        let mut cuts = Cuts::default();
        cuts.cut(&times, |t| BucketPosition::Bucket((t / 60_000) as usize));
        let values: [Vec<i64>; 4] = [
            (0..300).map(|n| 1_000 + n % 17).collect(),
            (0..300).map(|n| if n < 60 { ABSENT } else { -n }).collect(),
            (0..300)
                .map(|n| if n == 100 { 3 } else { n * n % 5_000 })
                .collect(),
            vec![ABSENT; 300],
        ];
        let mut series = Vec::new();
        for (values, definition) in values.iter().zip(&defs) {
            let mut column = Column::new(definition.kind, 5);
            column.add(&mut cuts, &times, &Run::Each(values), definition.scale);
            series.push(column);
        }
        // An hour in which nothing came, but a step was taken back.
        for column in &mut series {
            column.buckets.grow(column.kind, 6);
        }
        series[2].merge(5, &Bucket::step(-1, -512, -1_000));
        let starts: Vec<i64> = (0..6).map(|n| n * 60_000).collect();
        let data = columns(&starts, defs.iter().zip(&series))
            .encode(Effort::Best)
            .unwrap();
        let block = Block::open(&data[..]).unwrap();
        let offsets = Offsets::of_block(4, block.width()).unwrap();
        assert_eq!(
            (offsets, offsets.width()),
            (Offsets::of(2, 4), block.width())
        );
        let mut back = Vec::new();
        for (at, (column, definition)) in series.iter().zip(&defs).enumerate() {
            let of = offsets.of_series(at);
            read(&block, column.kind, definition.scale, of, &mut back).unwrap();
            assert_eq!(back.len(), 6);
            for (back, bucket) in back.iter().zip(column.buckets.iter()) {
                if column.kind == Kind::Gauge || bucket.min > bucket.max {
                    assert_eq!(*back, bucket, "{}", definition.key);
                    continue;
                }
                assert_eq!(
                    (back.count, back.steps, back.sum, back.elapsed_ms),
                    (bucket.count, bucket.steps, bucket.sum, bucket.elapsed_ms)
                );
                let rate = |bits: i64| f64::from_bits(bits as u64);
                assert!(rate(back.min) <= rate(bucket.min));
                assert!(rate(back.min) >= rate(bucket.min) * 0.999);
                assert!(rate(back.max) >= rate(bucket.max));
                assert!(rate(back.max) <= rate(bucket.max) * 1.001);
            }
        }
    }

    #[test]
    fn a_sum_that_does_not_fit_alone_fits_with_what_its_values_have_in_common() {
        let def = SeriesDef::new("proc.total", &[]);
        let mut column = Column::new(Kind::Gauge, 1);
        let mut cuts = Cuts::default();
        let values = [i64::MAX, i64::MAX - 7, i64::MAX];
        cuts.cut(&[0; 3], |_| BucketPosition::Bucket(0));
        column.add(&mut cuts, &[0; 3], &Run::Each(&values), 1);
        let expected = column.buckets.get(0);
        let data = columns(&[0], std::iter::once((&def, &column)))
            .encode(Effort::Best)
            .unwrap();
        let block = Block::open(&data[..]).unwrap();
        let mut back = Vec::new();
        read(&block, Kind::Gauge, 1, 0..4, &mut back).unwrap();
        assert_eq!(back, [expected]);
        assert_eq!(expected.sum, 3 * i128::from(i64::MAX) - 7);
    }

    #[test]
    fn the_size_of_a_block_says_which_series_are_gauges() {
        for series in 0..20 {
            for gauges in 0..=series {
                let offsets = Offsets::of(gauges, series);
                assert_eq!(Offsets::of_block(series, offsets.width()), Ok(offsets));
                let mut next = 0;
                for at in 0..series {
                    let of = offsets.of_series(at);
                    assert_eq!(of.start, next);
                    assert_eq!(of.len(), if at < gauges { 4 } else { 6 });
                    next = of.end;
                }
            }
        }
        for width in [3, 5, 7, 13, 25] {
            assert!(Offsets::of_block(2, width).is_err(), "{width}");
        }
    }
}
