//! Blocks as they are stored: what formats there are, and how rows come out of them.

use stardust_shared::varint::Reader;
use stardust_shared::{Layout, State, WireError};

use super::base::{Bases, Values};
use super::columns::{Block, Columns, Source};
use super::error::BlockError;

/// Rows, as [`super::columns`] has them, that say from where their counters go on:
/// [`super::base`].
pub const FORMAT_ROWS: u8 = 1;
/// Rows that each stand for many: [`super::aggregate`].
pub const FORMAT_AGGREGATES: u8 = 2;
/// Rows as [`super::records`] has them, until they are merged.
pub const FORMAT_RECORDS: u8 = 3;

/// Whether this version reads it.
pub fn is_known(format: u8) -> bool {
    (FORMAT_ROWS..=FORMAT_RECORDS).contains(&format)
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
    source: &S,
    wanted: &[usize],
    scratch: &mut Scratch,
    each: &mut Each<'_>,
) -> Result<(), BlockError> {
    let block = Block::open(source)?;
    let bases = block.bases()?;
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
