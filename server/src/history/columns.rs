//! The columnar format: a directory, then one compressed column a series. Pure.
//!
//! `length` and CRC of the directory (4 bytes each, little-endian), the
//! directory, the columns. The directory holds rows, columns, a tail (from where its
//! counters go on, [`super::base`]), and for each column (times first) its mode,
//! and either its value or its length and CRC: a reader that wants one series
//! reads the directory and two columns, and knows that they are sound.

use std::collections::HashMap;

use stardust_shared::Layout;
use stardust_shared::series::Kind;
use stardust_shared::varint::{Reader, put, put_signed};

use super::base::{self, Base, Bases, Segment};
use super::block::BlockError;
use super::check::crc32c;
use super::column::{self, Effort, MODE_CONSTANT, MODE_SAME};
use super::limits::{COLUMNS_MAX, ROWS_MAX};

/// Bytes before the directory.
const PREFIX: usize = 8;
/// Read at once in the hope that the directory is in it.
const FIRST_READ: usize = 1_024;
/// A directory of this size has more columns than a block can have.
const DIRECTORY_BYTES_MAX: usize = COLUMNS_MAX * 16 + (1 << 20);

/// Rows gathered column by column, to be encoded.
#[derive(Debug, Default)]
pub struct Columns {
    pub times: Vec<i64>,
    pub values: Vec<Vec<i64>>,
    /// From where the counters go on, by rows: empty where nobody knows.
    pub segments: Vec<Segment>,
    /// Which columns are those of counters, where segments are to be joined.
    counters: Vec<bool>,
}

impl Columns {
    pub fn new(width: usize) -> Self {
        Self {
            values: vec![Vec::new(); width],
            ..Self::default()
        }
    }

    /// Empties it for rows of `width` values; the memory is used again.
    pub fn reset(&mut self, width: usize) {
        self.truncate(0);
        self.values.resize_with(width, Vec::new);
        self.segments.clear();
        self.counters.clear();
    }

    /// The same for samples of a layout.
    pub fn reset_for(&mut self, layout: &Layout) {
        self.reset(layout.len());
        let counters = layout
            .series()
            .iter()
            .map(|series| series.kind == Kind::Counter);
        self.counters.extend(counters);
    }

    /// What is appended from now on goes on from `base`. It is no new segment where that
    /// is what the rows before end with.
    pub fn go_on_from(&mut self, base: Base) {
        self.begin_segment(self.rows(), base);
    }

    fn begin_segment(&mut self, row: usize, base: Base) {
        if row == 0 || !self.end_with(row, &base) {
            self.segments.push(Segment { row, base });
        }
    }

    /// Whether in the rows up to `row` each counter's last sample is that of `base`.
    fn end_with(&self, row: usize, base: &Base) -> bool {
        let Some(last) = self.segments.last() else {
            return false;
        };
        if self.counters.len() != self.values.len() {
            return false;
        }
        let counters = self.counters.iter().enumerate().filter(|(_, is)| **is);
        let mut counters = counters.map(|(at, _)| at);
        counters.all(|at| {
            let before = last.base.get(at).copied().flatten();
            let ended = base::last(
                &self.times[..row],
                &self.values[at][..row],
                last.row,
                before,
            );
            ended == base.get(at).copied().flatten()
        })
    }

    /// Appends the rows of a block of samples; `part` is used on the way.
    /// On an error some columns may be longer than others.
    pub fn append_rows(
        &mut self,
        block: Block<'_, [u8]>,
        part: &mut Vec<i64>,
    ) -> Result<(), BlockError> {
        let bases = block.bases()?;
        let (before, rows) = (self.rows(), block.rows);
        self.append(block, part)?;
        for segment in bases.known(rows, |at| &self.values[at][before..]) {
            self.begin_segment(before + segment.row, segment.base);
        }
        Ok(())
    }

    /// Appends the rows of a block; `part` is used on the way.
    /// On an error some columns may be longer than others.
    pub fn append(
        &mut self,
        block: Block<'_, [u8]>,
        part: &mut Vec<i64>,
    ) -> Result<(), BlockError> {
        block.times(part)?;
        self.times.extend_from_slice(part);
        for (number, column) in self.values.iter_mut().enumerate() {
            if let Some(value) = block.constant(number) {
                column.resize(column.len() + block.rows, value);
            } else {
                block.values(number, part)?;
                column.extend_from_slice(part);
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub fn push(&mut self, time_ms: i64, row: &[i64]) {
        self.times.push(time_ms);
        for (column, &value) in self.values.iter_mut().zip(row) {
            column.push(value);
        }
    }

    pub fn rows(&self) -> usize {
        self.times.len()
    }

    pub fn truncate(&mut self, rows: usize) {
        self.times.truncate(rows);
        self.segments.retain(|segment| segment.row < rows);
        for column in &mut self.values {
            column.truncate(rows);
        }
    }

    /// First and last time, in the order of the clock.
    pub fn span_ms(&self) -> Option<(i64, i64)> {
        let min = self.times.iter().copied().min()?;
        Some((min, self.times.iter().copied().max()?))
    }

    pub fn encode(&self, effort: Effort) -> std::io::Result<Vec<u8>> {
        let mut directory = Vec::new();
        let mut body = Vec::new();
        put(&mut directory, self.rows() as u64);
        put(&mut directory, self.values.len() as u64 + 1);
        let bases;
        let tail: &[u8] = if self.segments.is_empty() {
            &[]
        } else {
            let first = |at: usize, rows| base::first(&self.values[at][rows]);
            bases = base::encode(&self.segments, self.values.len(), self.rows(), first);
            &bases
        };
        put(&mut directory, tail.len() as u64);
        directory.extend_from_slice(tail);
        let mut earlier: HashMap<u64, Vec<(usize, &[i64])>> = HashMap::new();
        for (number, column) in self.all().enumerate() {
            let first = column.first().copied().unwrap_or(0);
            if column.iter().all(|value| *value == first) {
                directory.push(MODE_CONSTANT);
                put_signed(&mut directory, first);
                continue;
            }
            // Packets of an idle interface, or two names of one disk. Looking for them
            // costs as much as a quick encoding, and more than it saves there.
            if effort > Effort::Quick {
                let alike = earlier.entry(fingerprint(column)).or_default();
                let same = alike.iter().find(|(_, like)| *like == column);
                if let Some((same, _)) = same {
                    directory.push(MODE_SAME);
                    put(&mut directory, *same as u64);
                    continue;
                }
                alike.push((number, column));
            }
            let before = body.len();
            directory.push(column::encode(column, effort, &mut body)?);
            put(&mut directory, (body.len() - before) as u64);
            directory.extend_from_slice(&crc32c(&body[before..]).to_le_bytes());
        }
        let mut block = Vec::with_capacity(PREFIX + directory.len() + body.len());
        block.extend_from_slice(&(directory.len() as u32).to_le_bytes());
        block.extend_from_slice(&crc32c(&directory).to_le_bytes());
        block.extend_from_slice(&directory);
        block.extend_from_slice(&body);
        Ok(block)
    }

    fn all(&self) -> impl Iterator<Item = &[i64]> {
        std::iter::once(&self.times)
            .chain(&self.values)
            .map(Vec::as_slice)
    }
}

/// The same for equal columns, and rarely for others: of each 64 values it looks at
/// eight, which are beside each other in memory.
fn fingerprint(column: &[i64]) -> u64 {
    let mix = |hash: u64, value: i64| {
        (hash.rotate_left(23) ^ value as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    };
    // Eight at a time: each step waits for the one before.
    let mut hashes = [1, 2, 3, 4, 5, 6, 7, 8];
    for some in column.chunks(64) {
        for (hash, value) in hashes.iter_mut().zip(some) {
            *hash = mix(*hash, *value);
        }
    }
    hashes.iter().fold(0, |hash, one| mix(hash, *one as i64))
}

/// Where a block's bytes come from: memory, or a database page by page.
pub trait Source {
    fn len(&self) -> usize;
    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), BlockError>;
}

impl Source for [u8] {
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), BlockError> {
        let end = offset.saturating_add(into.len());
        let bytes = self.get(offset..end).ok_or(BlockError::Corrupt("cut"))?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    Constant(i64),
    Same(usize),
    Stored {
        mode: u8,
        offset: usize,
        length: usize,
        crc: u32,
    },
}

/// A block that is being read: its directory, checked.
pub struct Block<'a, S: Source + ?Sized> {
    source: &'a S,
    pub rows: usize,
    pub tail: Vec<u8>,
    entries: Vec<Entry>,
}

impl<'a, S: Source + ?Sized> Block<'a, S> {
    pub fn open(source: &'a S) -> Result<Self, BlockError> {
        let mut bytes = vec![0; source.len().min(FIRST_READ)];
        source.read(0, &mut bytes)?;
        let [l0, l1, l2, l3, c0, c1, c2, c3, ..] = bytes[..] else {
            return Err(BlockError::Corrupt("cut"));
        };
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if length > DIRECTORY_BYTES_MAX || PREFIX + length > source.len() {
            return Err(BlockError::Corrupt("size of the directory"));
        }
        let had = bytes.len();
        bytes.resize(PREFIX + length, 0);
        if bytes.len() > had {
            source.read(had, &mut bytes[had..])?;
        }
        let directory = &bytes[PREFIX..];
        if crc32c(directory) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(BlockError::Corrupt("checksum of the directory"));
        }
        let mut reader = Reader::new(directory);
        let rows = reader.varint()? as usize;
        let count = reader.varint()? as usize;
        if rows > ROWS_MAX || count == 0 || count > COLUMNS_MAX {
            return Err(BlockError::Corrupt("size"));
        }
        let tail = reader.varint()? as usize;
        let tail = reader.bytes(tail)?.to_vec();
        let mut entries = Vec::with_capacity(count);
        let mut offset = PREFIX + length;
        for number in 0..count {
            let mode = reader.byte()?;
            entries.push(match mode {
                MODE_CONSTANT => Entry::Constant(reader.signed()?),
                MODE_SAME => {
                    let same = reader.varint()? as usize;
                    if same >= number || matches!(entries[same], Entry::Same(_)) {
                        return Err(BlockError::Corrupt("column number"));
                    }
                    Entry::Same(same)
                }
                mode => {
                    let length = reader.varint()? as usize;
                    let crc = reader.bytes(4)?;
                    let entry = Entry::Stored {
                        mode,
                        offset,
                        length,
                        crc: u32::from_le_bytes([crc[0], crc[1], crc[2], crc[3]]),
                    };
                    offset = offset.saturating_add(length);
                    entry
                }
            });
        }
        if offset != source.len() {
            return Err(BlockError::Corrupt("length"));
        }
        Ok(Self {
            source,
            rows,
            tail,
            entries,
        })
    }

    /// From where its counters go on, of a block of samples.
    pub fn bases(&self) -> Result<Bases, BlockError> {
        Bases::decode(&self.tail, self.width(), self.rows)
    }

    /// How many columns there are besides the times.
    pub fn width(&self) -> usize {
        self.entries.len() - 1
    }

    pub fn times(&self, into: &mut Vec<i64>) -> Result<(), BlockError> {
        self.entry(0, into)
    }

    /// The column of the value `number`.
    pub fn values(&self, number: usize, into: &mut Vec<i64>) -> Result<(), BlockError> {
        self.entry(number + 1, into)
    }

    /// The one value of that column, when it has just one.
    pub fn constant(&self, number: usize) -> Option<i64> {
        match self.entries.get(number + 1) {
            Some(Entry::Constant(value)) => Some(*value),
            _ => None,
        }
    }

    fn entry(&self, number: usize, into: &mut Vec<i64>) -> Result<(), BlockError> {
        match self.entries.get(number) {
            None => Err(BlockError::Corrupt("series number")),
            Some(&Entry::Constant(value)) => {
                into.clear();
                into.resize(self.rows, value);
                Ok(())
            }
            Some(&Entry::Same(same)) => self.entry(same, into),
            Some(&Entry::Stored {
                mode,
                offset,
                length,
                crc,
            }) => {
                if length > self.source.len() {
                    return Err(BlockError::Corrupt("column cut"));
                }
                let mut bytes = vec![0; length];
                self.source.read(offset, &mut bytes)?;
                if crc32c(&bytes) != crc {
                    return Err(BlockError::Corrupt("checksum of a column"));
                }
                column::decode(mode, &bytes, self.rows, into)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_shared::ABSENT;

    fn read(data: &[u8]) -> Result<Columns, BlockError> {
        let block = Block::open(data)?;
        let mut columns = Columns::new(block.width());
        block.times(&mut columns.times)?;
        for (number, column) in columns.values.iter_mut().enumerate() {
            block.values(number, column)?;
        }
        Ok(columns)
    }

    fn columns(rows: i64) -> Columns {
        let mut columns = Columns::new(6);
        for n in 0..rows {
            let noise = n.wrapping_mul(0x5851_F42D_4C95_7F2D) >> 3;
            let absent = if n % 7 == 0 { ABSENT } else { n };
            columns.push(n * 1000 + n % 3, &[7, n * n, noise, absent, n * n, 0]);
        }
        columns
    }

    #[test]
    fn columns_come_back_at_every_effort() {
        for effort in [Effort::Quick, Effort::Fair, Effort::Best] {
            for rows in [0, 1, 2, 500] {
                let columns = columns(rows);
                let data = columns.encode(effort).unwrap();
                let back = read(&data).unwrap();
                assert_eq!(back.times, columns.times);
                assert_eq!(back.values, columns.values);
                let block = Block::open(&data[..]).unwrap();
                assert_eq!(block.constant(0), Some(if rows == 0 { 0 } else { 7 }));
                assert_eq!(
                    block.values(6, &mut Vec::new()),
                    Err(BlockError::Corrupt("series number"))
                );
            }
        }
    }

    #[test]
    fn blocks_are_put_one_behind_the_other_in_memory_that_was_used_before() {
        let (first, second) = (columns(500), columns(40));
        let mut all = columns(9);
        all.reset(first.values.len() + 3);
        all.reset(first.values.len());
        for (part, effort) in [(&first, Effort::Quick), (&second, Effort::Best)] {
            let data = part.encode(effort).unwrap();
            let block = Block::open(&data[..]).unwrap();
            all.append(block, &mut vec![1; 7]).unwrap();
        }
        assert_eq!(all.rows(), 540);
        assert_eq!(all.times, [first.times, second.times].concat());
        for (column, (first, second)) in all
            .values
            .iter()
            .zip(first.values.iter().zip(&second.values))
        {
            assert_eq!(column, &[&first[..], &second[..]].concat());
        }
    }

    #[test]
    fn columns_that_look_alike_are_told_apart() {
        let column: Vec<i64> = (0..203).collect();
        for at in 0..column.len() {
            let mut other = column.clone();
            other[at] ^= 1;
            let differs = fingerprint(&column) != fingerprint(&other);
            assert_eq!(differs, at % 64 < 8, "{at}");
            let mut block = Columns::new(4);
            block.times.clone_from(&column);
            block.values = vec![column.clone(), other.clone(), other.clone(), column.clone()];
            let data = block.encode(Effort::Best).unwrap();
            let modes = Block::open(&data[..]).unwrap();
            let same = |number: usize| matches!(modes.entries[number], Entry::Same(_));
            assert_eq!([1, 2, 3, 4].map(same), [true, false, true, true], "{at}");
            assert_eq!(read(&data).unwrap().values, block.values);
        }
    }

    #[test]
    fn a_column_that_is_another_one_costs_two_bytes() {
        let mut columns = columns(500);
        let with = columns.encode(Effort::Best).unwrap().len();
        columns.values[4].fill(0);
        let without = columns.encode(Effort::Best).unwrap().len();
        assert!(with - without <= 1, "{with} {without}");
    }

    #[test]
    fn no_damage_goes_unnoticed() {
        let data = columns(200).encode(Effort::Best).unwrap();
        for end in 0..data.len() {
            assert!(read(&data[..end]).is_err(), "cut at {end}");
        }
        for at in 0..data.len() {
            for flip in [1u8, 0x80, 0xff] {
                let mut damaged = data.clone();
                damaged[at] ^= flip;
                assert!(read(&damaged).is_err(), "{flip:#x} at {at}");
            }
        }
        let mut longer = data;
        longer.push(0);
        assert!(read(&longer).is_err());
    }
}
