//! Blocks as they are stored: what formats there are, and how rows come out of them.

use stardust_shared::varint::Reader;
use stardust_shared::{Layout, State, WireError};

use super::base::{Bases, Values};
use super::columns::{Block, Columns, Source};
use super::columns_v1;

/// Columns as schema 3 and before wrote them.
pub const FORMAT_COLUMNS_V1: u8 = 1;
/// Rows, as [`super::columns`] has them, with columns by zstd and pco. Only read.
pub const FORMAT_ROWS_V2: u8 = 2;
/// Rows that each stand for many: [`super::aggregate`]. Only read.
pub const FORMAT_AGGREGATES_V2: u8 = 3;
/// Rows, with columns that may be of [`super::coder`]: earlier versions must not
/// take those for damage. Only read.
pub const FORMAT_ROWS_V4: u8 = 4;
/// Rows that each stand for many, the same.
pub const FORMAT_AGGREGATES_V5: u8 = 5;
/// Rows as [`super::records`] has them, without a base. Only read.
pub const FORMAT_RECORDS_V6: u8 = 6;
/// Rows that say from where their counters go on: [`super::base`].
pub const FORMAT_ROWS: u8 = 7;
/// Rows that each stand for many: [`super::aggregate`].
pub const FORMAT_AGGREGATES: u8 = 8;
/// Rows as [`super::records`] has them, until they are merged.
pub const FORMAT_RECORDS: u8 = 9;

/// Whether this version reads it.
pub fn is_known(format: u8) -> bool {
    (FORMAT_COLUMNS_V1..=FORMAT_RECORDS).contains(&format)
}

pub fn is_rows(format: u8) -> bool {
    matches!(format, FORMAT_ROWS | FORMAT_ROWS_V4 | FORMAT_ROWS_V2)
}

pub fn is_aggregates(format: u8) -> bool {
    format == FORMAT_AGGREGATES || is_old_aggregates(format)
}

/// Those of versions that counted the steps of a counter, not its samples.
pub fn is_old_aggregates(format: u8) -> bool {
    format == FORMAT_AGGREGATES_V5 || format == FORMAT_AGGREGATES_V2
}

pub fn is_records(format: u8) -> bool {
    format == FORMAT_RECORDS || format == FORMAT_RECORDS_V6
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockError {
    Wire(WireError),
    /// Written by a newer version.
    UnknownFormat(u8),
    /// The bytes are not what the format says.
    Corrupt(&'static str),
    /// The database does not give the bytes.
    Unreadable(String),
}

impl From<WireError> for BlockError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl std::fmt::Display for BlockError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wire(error) => write!(f, "damaged block: {error}"),
            Self::UnknownFormat(format) => write!(f, "block format {format} of a newer version"),
            Self::Corrupt(what) => write!(f, "damaged block: {what}"),
            Self::Unreadable(why) => write!(f, "block can't be read: {why}"),
        }
    }
}

impl std::error::Error for BlockError {}

impl BlockError {
    /// Whether the block itself is bad, and so to be set aside.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Wire(_) | Self::Corrupt(_))
    }
}

/// A column as it comes out of a block: all rows have one value, or each its own.
pub type Run<'a> = Values<'a>;

/// Gets the columns of a block, see [`read_rows`].
pub type Each<'a> = dyn FnMut(usize, &[i64], Run<'_>, &Bases) + 'a;

/// Buffers that are used again for each block.
#[derive(Default)]
pub struct Scratch {
    pub times: Vec<i64>,
    values: Vec<i64>,
}

/// Reads the columns `wanted` (positions in the layout) of a block of rows:
/// `each` gets the position in `wanted`, the times, the column, and from where
/// counters go on.
///
/// A damaged column does not keep the others from being read; the first error
/// is the answer.
pub fn read_rows<S: Source + ?Sized>(
    format: u8,
    source: &S,
    wanted: &[usize],
    scratch: &mut Scratch,
    each: &mut Each<'_>,
) -> Result<(), BlockError> {
    match format {
        FORMAT_COLUMNS_V1 => {
            let mut data = vec![0; source.len()];
            source.read(0, &mut data)?;
            let columns = columns_v1::decode(&data)?;
            scratch.times.clone_from(&columns.times);
            for (number, &at) in wanted.iter().enumerate() {
                let column = columns.values.get(at);
                let column = column.ok_or(BlockError::Corrupt("series number"))?;
                each(number, &columns.times, Run::Each(column), &Bases::default());
            }
            Ok(())
        }
        FORMAT_ROWS | FORMAT_ROWS_V4 | FORMAT_ROWS_V2 => {
            let block = Block::open(source)?;
            let bases = match format {
                FORMAT_ROWS => block.bases()?,
                _ => Bases::default(),
            };
            block.times(&mut scratch.times)?;
            let mut result = Ok(());
            for (number, &at) in wanted.iter().enumerate() {
                if let Some(value) = block.constant(at) {
                    each(number, &scratch.times, Run::Constant(value), &bases);
                    continue;
                }
                match block.values(at, &mut scratch.values) {
                    Ok(()) => each(number, &scratch.times, Run::Each(&scratch.values), &bases),
                    Err(error) => result = result.and(Err(error)),
                }
            }
            result
        }
        other => Err(BlockError::UnknownFormat(other)),
    }
}

/// Reads fresh blocks of one stored layout.
pub struct WireReader<'a> {
    layout: &'a Layout,
    /// The number by which the records call it.
    number: u64,
    state: State,
    /// Rows that are not in their columns yet, one behind the other.
    rows: Vec<i64>,
}

/// Rows that are put into their columns at a time: one by one each value would be in
/// another place of the memory than the one before.
const ROWS_AT_ONCE: usize = 32;

impl<'a> WireReader<'a> {
    pub fn new(layout: &'a Layout) -> Self {
        Self {
            layout,
            number: 0,
            state: State::default(),
            rows: Vec::new(),
        }
    }

    /// Values of a row.
    pub fn width(&self) -> usize {
        self.layout.len()
    }

    /// The last sample that was read: its time, and its values as in columns.
    pub fn last(&self) -> (i64, &[i64]) {
        (self.state.time_ms, self.state.scaled())
    }

    /// Appends the records to `into`, which holds the columns `wanted`; the first one
    /// is a keyframe. On an error nothing is appended.
    pub fn read(
        &mut self,
        data: &[u8],
        wanted: &[usize],
        into: &mut Columns,
    ) -> Result<(), BlockError> {
        // It has the number that the Spider gave the layout.
        let head = Reader::new(data).varint()?;
        if head & 1 == 0 {
            return Err(WireError::NoKeyframe.into());
        }
        self.number = head >> 1;
        self.go_on(data, wanted, into)
    }

    /// The same with records that go on from the last ones, which were read.
    pub fn go_on(
        &mut self,
        data: &[u8],
        wanted: &[usize],
        into: &mut Columns,
    ) -> Result<(), BlockError> {
        let before = into.rows();
        self.rows.clear();
        let result = self.append(data, wanted, into);
        if result.is_err() {
            into.truncate(before);
        }
        result
    }

    fn append(
        &mut self,
        data: &[u8],
        wanted: &[usize],
        into: &mut Columns,
    ) -> Result<(), BlockError> {
        let mut reader = Reader::new(data);
        if wanted.iter().any(|at| *at >= self.layout.len()) {
            return Err(BlockError::Corrupt("series number"));
        }
        while !reader.is_empty() {
            self.state.apply_as(self.layout, self.number, &mut reader)?;
            into.times.push(self.state.time_ms);
            self.rows.extend_from_slice(self.state.scaled());
            if self.rows.len() >= ROWS_AT_ONCE * self.layout.len() {
                self.put_rows(wanted, into);
            }
        }
        self.put_rows(wanted, into);
        Ok(())
    }

    fn put_rows(&mut self, wanted: &[usize], into: &mut Columns) {
        let (rows, width) = (&self.rows, self.layout.len());
        for (column, &at) in into.values.iter_mut().zip(wanted) {
            column.extend((0..rows.len() / width).map(|row| rows[row * width + at]));
        }
        self.rows.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_shared::ABSENT;

    #[test]
    fn a_kept_block_of_format_2_is_read() {
        let data: &[u8] = include_bytes!("../../tests/kept/block-format-2");
        let mut noise = 1u64;
        let noisy: Vec<i64> = (0..2_000)
            .map(|n| {
                noise = noise.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
                n * 1_000 + (noise >> 56) as i64
            })
            .collect();
        let repeats = (0..2_000).map(|n: i64| (n % 100).pow(3)).collect();
        let gone = |n: i64| if n % 7 == 0 { ABSENT } else { n };
        let expected = [
            noisy.clone(),
            noisy,
            repeats,
            (0..2_000).map(gone).collect(),
        ];
        let mut seen = 0;
        let mut each = |number: usize, times: &[i64], run: Run<'_>, _: &Bases| {
            let late = |n: i64| i64::from(n % 10 == 3);
            assert!(
                (0i64..)
                    .zip(times)
                    .all(|(n, time)| { *time == 1_790_000_000_000 + n * 10_000 + late(n) })
            );
            match run {
                Run::Constant(value) => assert_eq!((number, value), (0, 42)),
                Run::Each(values) => assert!(values == expected[number - 1], "{number}"),
            }
            seen += 1;
        };
        let wanted = [0, 1, 2, 3, 4];
        let format = FORMAT_ROWS_V2;
        read_rows(format, data, &wanted, &mut Scratch::default(), &mut each).unwrap();
        assert_eq!(
            (seen, Block::open(data).unwrap().tail),
            (5, b"tail".to_vec())
        );
        let newer = read_rows(
            6,
            data,
            &wanted,
            &mut Scratch::default(),
            &mut |_, _, _, _| {},
        );
        assert_eq!(newer, Err(BlockError::UnknownFormat(6)));
    }
}
