//! Blocks of the coarse tiers: each row stands for all samples of a minute or
//! an hour. Pure.
//!
//! A gauge has four columns: count, least, greatest less least, and the sum
//! less what count times the least is. A counter has five: count (of the steps
//! between samples), the time they took, exact growth, and the least and
//! greatest rate, as the upper bits of their `f64` (a thousandth is lost, to
//! the outside). Rows add up, so that an hour may be in several of them.
//!
//! The tail holds each counter's last sample: what comes after the block grows
//! from there.

use stardust_shared::Layout;
use stardust_shared::series::Kind;
use stardust_shared::varint::{Reader, put, put_signed};

use super::block::BlockError;
use super::bucket::{Bucket, Column};
use super::columns::{Block, Columns, Source};

/// Bits of a rate that are not kept: ten of its fraction remain.
const RATE_BITS_LOST: u32 = 42;

fn parts(kind: Kind) -> usize {
    match kind {
        Kind::Gauge => 4,
        Kind::Counter => 5,
    }
}

/// How many columns a block of this layout has.
pub fn width(layout: &Layout) -> usize {
    layout
        .series()
        .iter()
        .map(|series| parts(series.kind))
        .sum()
}

/// The first column of each series.
pub fn offsets(layout: &Layout) -> Vec<usize> {
    let mut offset = 0;
    let offsets = layout.series().iter().map(|series| {
        let own = offset;
        offset += parts(series.kind);
        own
    });
    offsets.collect()
}

/// Rows that start at `starts`, of all series in the layout's order.
pub fn columns(layout: &Layout, starts: &[i64], series: &[Column]) -> Columns {
    let mut columns = Columns::new(width(layout));
    columns.times = starts.to_vec();
    let mut into = columns.values.iter_mut();
    for (column, definition) in series.iter().zip(layout.series()) {
        let scale = i64::from(definition.scale);
        let own: Vec<&mut Vec<i64>> = into.by_ref().take(parts(column.kind)).collect();
        let mut own = own.into_iter();
        let mut part = |value: &dyn Fn(&Bucket) -> i64| {
            if let Some(part) = own.next() {
                part.extend(column.buckets.iter().map(|bucket| value(&bucket)));
            }
        };
        // All values are multiples of the scale.
        let least = |b: &Bucket| b.min / scale;
        let sum = |b: &Bucket| clamp(b.sum / i128::from(scale));
        part(&|b| b.count as i64);
        match column.kind {
            Kind::Gauge => {
                part(&least);
                part(&|b| (b.max / scale).wrapping_sub(least(b)));
                part(&|b| sum(b).wrapping_sub(least(b).wrapping_mul(b.count as i64)));
            }
            Kind::Counter => {
                let low = |b: &Bucket| b.min >> RATE_BITS_LOST;
                let up = (1i64 << RATE_BITS_LOST) - 1;
                part(&|b| b.elapsed_ms);
                part(&sum);
                part(&low);
                part(&|b| (b.max.saturating_add(up) >> RATE_BITS_LOST) - low(b));
            }
        }
    }
    columns.tail = tail(layout, series);
    columns
}

fn clamp(value: i128) -> i64 {
    value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

fn tail(layout: &Layout, series: &[Column]) -> Vec<u8> {
    let counters = || {
        let both = series.iter().zip(layout.series());
        both.filter(|(column, _)| column.kind == Kind::Counter)
    };
    let newest_ms = counters().filter_map(|(c, _)| Some(c.before?.0)).max();
    let newest_ms = newest_ms.unwrap_or(0);
    let mut out = Vec::new();
    put_signed(&mut out, newest_ms);
    for (column, definition) in counters() {
        match column.before {
            // None can be this much older.
            None => put(&mut out, u64::MAX),
            Some((time_ms, value)) => {
                put(&mut out, newest_ms.wrapping_sub(time_ms) as u64);
                put_signed(&mut out, value / i64::from(definition.scale));
            }
        }
    }
    out
}

/// Time and value (in units) of each series' last sample; `None` for gauges
/// and for counters that had none.
pub fn read_tail(layout: &Layout, tail: &[u8]) -> Result<Vec<Option<(i64, i64)>>, BlockError> {
    let mut reader = Reader::new(tail);
    let newest_ms = reader.signed()?;
    let mut read = |kind, scale: u32| -> Result<_, BlockError> {
        if kind == Kind::Gauge {
            return Ok(None);
        }
        let age = reader.varint()?;
        if age == u64::MAX {
            return Ok(None);
        }
        let value = reader.signed()?.saturating_mul(i64::from(scale));
        Ok(Some((newest_ms.wrapping_sub(age as i64), value)))
    };
    let series = layout.series().iter();
    series
        .map(|series| read(series.kind, series.scale))
        .collect()
}

/// Reads the rows of one series: `offset` is its first column.
pub fn read<S: Source + ?Sized>(
    block: &Block<'_, S>,
    kind: Kind,
    scale: u32,
    offset: usize,
    into: &mut Vec<Bucket>,
) -> Result<(), BlockError> {
    let scale = i64::from(scale);
    let mut part = Vec::new();
    into.clear();
    block.values(offset, &mut part)?;
    into.extend(part.iter().map(|&count| Bucket {
        count: count.max(0) as u64,
        ..Bucket::default()
    }));
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
                let sum = rest.wrapping_add(b.min.wrapping_mul(b.count as i64));
                b.sum = i128::from(sum) * i128::from(scale);
                b.min = b.min.saturating_mul(scale);
                b.max = b.max.saturating_mul(scale);
            })
        }
        Kind::Counter => {
            read(1, &|b, elapsed_ms| b.elapsed_ms = elapsed_ms)?;
            read(2, &|b, grown| b.sum = i128::from(grown) * i128::from(scale))?;
            read(3, &|b, low| b.min = low)?;
            read(4, &|b, range| {
                b.max = b.min.wrapping_add(range) << RATE_BITS_LOST;
                b.min <<= RATE_BITS_LOST;
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::Run;
    use super::super::bucket::{Cuts, Place};
    use super::super::column::Effort;
    use super::*;
    use stardust_shared::{ABSENT, SeriesDef};

    #[test]
    fn rows_and_tail_come_back() {
        let layout = Layout::new(
            1,
            vec![
                SeriesDef::new("mem.free_bytes", &[]),
                SeriesDef::new("disk.written_bytes", &[("device", "a")]),
                SeriesDef::new("temp.celsius_milli", &[("sensor", "x")]),
                SeriesDef::new("net.rx_errors", &[("iface", "gone")]),
            ],
        );
        let times: Vec<i64> = (0..300).map(|n| n * 1_000).collect();
        let mut cuts = Cuts::default();
        cuts.cut(&times, |t| Place::Bucket((t / 60_000) as usize));
        let values: [Vec<i64>; 4] = [
            (0..300).map(|n| 1_000 + n % 17).collect(),
            (0..300)
                .map(|n| if n == 100 { 3 } else { n * n % 5_000 })
                .collect(),
            (0..300).map(|n| if n < 60 { ABSENT } else { -n }).collect(),
            vec![ABSENT; 300],
        ];
        let mut series = Vec::new();
        for (values, definition) in values.iter().zip(layout.series()) {
            let mut column = Column::new(definition.kind, 5);
            column.add(&mut cuts, &times, &Run::Values(values), definition.scale);
            series.push(column);
        }
        let starts: Vec<i64> = (0..5).map(|n| n * 60_000).collect();
        let data = columns(&layout, &starts, &series)
            .encode(Effort::Best)
            .unwrap();
        let block = Block::open(&data[..]).unwrap();
        assert_eq!(block.width(), width(&layout));
        let mut back = Vec::new();
        for ((column, definition), offset) in
            series.iter().zip(layout.series()).zip(offsets(&layout))
        {
            read(&block, column.kind, definition.scale, offset, &mut back).unwrap();
            for (back, bucket) in back.iter().zip(column.buckets.iter()) {
                if column.kind == Kind::Gauge {
                    assert_eq!(*back, bucket, "{}", definition.key);
                    continue;
                }
                assert_eq!(
                    (back.count, back.sum, back.elapsed_ms),
                    (bucket.count, bucket.sum, bucket.elapsed_ms)
                );
                let rate = |bits: i64| f64::from_bits(bits as u64);
                assert!(rate(back.min) <= rate(bucket.min));
                assert!(rate(back.min) >= rate(bucket.min) * 0.999);
                assert!(rate(back.max) >= rate(bucket.max));
                assert!(rate(back.max) <= rate(bucket.max) * 1.001);
            }
        }
        let tails = read_tail(&layout, &block.tail).unwrap();
        assert_eq!(tails[0], None);
        assert_eq!(tails[1], Some((299_000, 299 * 299 % 5_000 * 512)));
        assert_eq!(tails[3], None);
        for end in 0..block.tail.len() {
            assert!(read_tail(&layout, &block.tail[..end]).is_err());
        }
    }
}
