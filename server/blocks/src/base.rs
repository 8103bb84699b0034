//! From where counters go on in a block: of each one the last sample before it. Pure.
//!
//! With it a block says by itself what its samples come to. Blocks then may arrive in
//! any order, be merged with any others, and go, and what the rest say stays true.
//!
//! A block of rows begins with a base, and has another one wherever its rows do not go
//! on from those before: the run of a Spider is another one, or samples of the same run
//! are in a block between them. What was written before there were bases has none, and
//! goes on from what is next to it in time.
//!
//! Stored: how many bases there are, then for each how many rows after the one before
//! it begins, and its bytes: flags, the time of the newest sample that it names (signed),
//! a bit for each column that it names, and for each of those how much older its sample
//! is, unless none is (1), and the value, signed, as what the first one behind it grew.

use stardust_shared::ABSENT;
use stardust_shared::varint::{Reader, put, put_signed};

use super::error::BlockError;
use super::limits::{MERGE_VALUES_MAX, ROWS_MAX};

/// Time and value (scaled, as in columns) of the sample before, by column; `None` of
/// gauges, and of counters that have none.
pub type Base = Vec<Option<(i64, i64)>>;

/// From this row on samples go on from `base`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub row: usize,
    pub base: Base,
}

/// Their samples are not all of the same time.
const FLAG_AGES: u8 = 1;
/// The same columns as in the base before.
const FLAG_SAME: u8 = 2;

/// `first` answers the first value of a column from one row to another, if there is one.
pub fn encode(
    segments: &[Segment],
    width: usize,
    rows: usize,
    first: impl Fn(usize, std::ops::Range<usize>) -> Option<i64>,
) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, segments.len() as u64);
    let (mut before, mut names_before) = (0, Vec::new());
    for (number, segment) in segments.iter().enumerate() {
        put(&mut out, (segment.row - before) as u64);
        before = segment.row;
        let end = segments.get(number + 1).map_or(rows, |next| next.row);
        let there = || segment.base.iter().take(width).enumerate();
        let there = || there().filter_map(|(at, base)| Some((at, (*base)?)));
        let newest_ms = there().map(|(_, (time_ms, _))| time_ms).max().unwrap_or(0);
        let mut names = vec![0u8; width.div_ceil(8)];
        there().for_each(|(at, _)| names[at / 8] |= 1 << (at % 8));
        let ages = there().any(|(_, (time_ms, _))| time_ms != newest_ms);
        let same = number > 0 && names == names_before;
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        out.push(flag(ages, FLAG_AGES) | flag(same, FLAG_SAME));
        put_signed(&mut out, newest_ms);
        if !same {
            out.extend_from_slice(&names);
        }
        for (at, (time_ms, value)) in there() {
            if ages {
                put(&mut out, newest_ms.wrapping_sub(time_ms) as u64);
            }
            let first = first(at, segment.row..end).unwrap_or(0);
            put_signed(&mut out, first.wrapping_sub(value));
        }
        names_before = names;
    }
    out
}

/// The bases of a block, as they are stored or in columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bases {
    segments: Vec<Segment>,
    /// What is stored is by how much the first value behind it is more.
    stored: bool,
}

impl Bases {
    pub fn decode(bytes: &[u8], width: usize, rows: usize) -> Result<Self, BlockError> {
        let mut reader = Reader::new(bytes);
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let count = reader.varint()?;
        // A base that names the same columns as the one before takes three bytes: damage
        // may say that there are more of them than fit the memory.
        let values = count.saturating_mul(width as u64);
        if count > ROWS_MAX as u64 || values > 2 * MERGE_VALUES_MAX as u64 {
            return Err(BlockError::Corrupt("number of bases"));
        }
        let mut segments: Vec<Segment> = Vec::new();
        let mut names: &[u8] = &[];
        for _ in 0..count {
            let before = segments.last().map_or(0, |segment| segment.row as u64);
            let row = reader.varint()?.saturating_add(before);
            let row = usize::try_from(row).ok().filter(|row| *row <= rows);
            let row = row.ok_or(BlockError::Corrupt("row of a base"))?;
            let flags = reader.byte()?;
            let newest_ms = reader.signed()?;
            if flags & FLAG_SAME == 0 {
                names = reader.bytes(width.div_ceil(8))?;
            } else if segments.is_empty() {
                return Err(BlockError::Corrupt("columns of a base"));
            }
            let mut base = vec![None; width];
            for (at, base) in base.iter_mut().enumerate() {
                if names[at / 8] & 1 << (at % 8) == 0 {
                    continue;
                }
                let age = if flags & FLAG_AGES == 0 {
                    0
                } else {
                    reader.varint()?
                };
                *base = Some((newest_ms.wrapping_sub(age as i64), reader.signed()?));
            }
            segments.push(Segment { row, base });
        }
        Ok(Self {
            segments,
            stored: true,
        })
    }

    /// Those of rows that were gathered.
    pub fn of_columns(segments: &[Segment]) -> Self {
        Self {
            segments: segments.to_vec(),
            stored: false,
        }
    }

    /// The rows that are one stretch each. The first one may have no base that is known.
    pub fn stretches(
        &self,
        rows: usize,
    ) -> impl Iterator<Item = (Option<usize>, std::ops::Range<usize>)> {
        let first = self.segments.first().map_or(rows, |segment| segment.row);
        let before = (first > 0 || rows == 0).then_some((None, 0..first));
        let ends = self.segments.iter().skip(1).map(|segment| segment.row);
        let ends = ends.chain(std::iter::once(rows));
        let all = self.segments.iter().zip(ends).enumerate();
        let all = all.map(|(number, (segment, end))| (Some(number), segment.row..end));
        before.into_iter().chain(all)
    }

    /// The sample before, of a column whose values in this stretch are `values`.
    pub fn of(&self, number: usize, at: usize, values: Values<'_>) -> Option<(i64, i64)> {
        let known = (*self.segments.get(number)?.base.get(at)?)?;
        Some(self.value(known, values.first().unwrap_or(0)))
    }

    /// All of them; `first` answers the first value of a column in some rows.
    pub fn known(
        &self,
        rows: usize,
        first: impl Fn(usize, std::ops::Range<usize>) -> Option<i64>,
    ) -> Vec<Segment> {
        let stretches = self
            .stretches(rows)
            .filter_map(|(number, rows)| Some((number?, rows)));
        let known = stretches.map(|(number, rows)| {
            let width = self.segments[number].base.len();
            let base = (0..width).map(|at| {
                let known = self.segments[number].base[at]?;
                let first = first(at, rows.clone()).unwrap_or(0);
                Some(self.value(known, first))
            });
            Segment {
                row: rows.start,
                base: base.collect(),
            }
        });
        known.collect()
    }

    fn value(&self, (time_ms, value): (i64, i64), first: i64) -> (i64, i64) {
        match self.stored {
            true => (time_ms, first.wrapping_sub(value)),
            false => (time_ms, value),
        }
    }
}

/// Values of a column in a stretch of rows.
#[derive(Clone, Copy)]
pub enum Values<'a> {
    Constant(i64),
    Each(&'a [i64]),
}

impl Values<'_> {
    /// Those of some rows.
    pub fn of(self, rows: std::ops::Range<usize>) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(value),
            Self::Each(values) => Self::Each(&values[rows]),
        }
    }

    /// The first one that is there.
    fn first(self) -> Option<i64> {
        match self {
            Self::Constant(value) => Some(value).filter(|value| *value != ABSENT),
            Self::Each(values) => first(values),
        }
    }
}

pub fn first(values: &[i64]) -> Option<i64> {
    values.iter().copied().find(|value| *value != ABSENT)
}

/// The last sample of a column that is there, of rows from `from` on; else its base.
pub fn last(
    times: &[i64],
    values: &[i64],
    from: usize,
    base: Option<(i64, i64)>,
) -> Option<(i64, i64)> {
    let rows = times[from..].iter().zip(&values[from..]).rev();
    let mut there = rows.filter(|(_, value)| **value != ABSENT);
    there
        .next()
        .map(|(time_ms, value)| (*time_ms, *value))
        .or(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_come_back_and_damage_is_an_error() {
        let columns: [Vec<i64>; 3] = [
            vec![5, 6, 7, 100, 101],
            vec![1; 5],
            vec![ABSENT, ABSENT, 3, ABSENT, ABSENT],
        ];
        let segments = vec![
            Segment {
                row: 0,
                base: vec![Some((900, 4)), None, Some((900, 1))],
            },
            Segment {
                row: 3,
                base: vec![Some((-5, 99)), None, Some((700, -8))],
            },
            Segment {
                row: 4,
                base: vec![None, None, Some((i64::MAX, i64::MIN + 1))],
            },
        ];
        let at = |at: usize, rows: std::ops::Range<usize>| first(&columns[at][rows]);
        let data = encode(&segments, 3, 5, at);
        let bases = Bases::decode(&data, 3, 5).unwrap();
        assert_eq!(bases.known(5, at), segments);
        let stretches: Vec<_> = bases.stretches(5).collect();
        assert_eq!(
            stretches,
            [(Some(0), 0..3), (Some(1), 3..4), (Some(2), 4..5)]
        );
        let later = Bases::decode(&encode(&segments[1..], 3, 5, at), 3, 5).unwrap();
        let stretches: Vec<_> = later.stretches(5).collect();
        assert_eq!(stretches, [(None, 0..3), (Some(0), 3..4), (Some(1), 4..5)]);
        assert_eq!(
            Bases::decode(&[], 3, 5).unwrap().stretches(5).next(),
            Some((None, 0..5))
        );
        for end in 1..data.len() {
            assert!(Bases::decode(&data[..end], 3, 5).is_err(), "{end}");
        }
        assert!(Bases::decode(&data, 3, 3).is_err());
        // The same three bytes again and again, of a block of many columns.
        let none = Segment {
            row: 0,
            base: vec![None; 8_000],
        };
        let many: Vec<Segment> = std::iter::repeat_n(none, 300).collect();
        let many = encode(&many, 8_000, 60_000, |_, _| None);
        assert!(many.len() < 3_000);
        assert!(Bases::decode(&many, 8_000, 60_000).is_err());
    }

    #[test]
    fn most_of_a_base_takes_a_byte_or_two_a_counter() {
        let rows: Vec<i64> = (0..2_880).collect();
        let base = Segment {
            row: 0,
            base: vec![Some((-1, -40)); 60],
        };
        assert!(encode(&[base], 60, rows.len(), |_, at| Some(rows[at.start])).len() < 80);
    }
}
