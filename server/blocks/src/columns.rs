//! The columnar format: a directory, then one compressed column a series. Pure.
//!
//! `length` and CRC of the directory (4 bytes each, little-endian), the
//! directory, the columns. The directory holds rows, columns, from where its counters
//! go on ([`super::base`]), patterns, and for each column (times first) its mode,
//! and either its value or its length and CRC: a reader that wants one series
//! reads the directory and two columns, and knows that they are sound.
//!
//! A column that some rows lack has the values of the others alone, and names the
//! pattern of these: series that come and go together share one. A pattern is how many
//! stretches of rows it has, then of one alone its first row and its rows, and of more
//! the mode, length and CRC of a column of such numbers: how many rows there are between
//! a stretch and the one before, and how many it has.

use std::cell::OnceCell;

use stardust_shared::ABSENT;
use stardust_shared::varint::Reader;

use super::base::{self, Base, Bases, Segment};
use super::column::{self, Effort, MODE_CONSTANT, MODE_SAME};
use super::crc32c::crc32c;
use super::error::BlockError;
use super::limits::{COLUMNS_MAX, ROWS_MAX};
use super::pack::{PREFIX, Part, SOME_ROWS, Stretch, encode};

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
    }

    /// All rows go on from `base`.
    pub fn go_on_from(&mut self, base: Base) {
        self.segments = vec![Segment { row: 0, base }];
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

    pub fn encode(&self, effort: Effort) -> std::io::Result<Vec<u8>> {
        let first = |at: usize, rows| base::first(&self.values[at][rows]);
        let bases = base::encode(&self.segments, self.values.len(), self.rows(), first);
        let values = self.values.iter().map(|values| Part {
            stretches: None,
            values,
        });
        encode(&self.times, &bases, values, effort)
    }
}

/// Where a block's bytes come from: memory, or a database page by page.
#[expect(clippy::len_without_is_empty, reason = "one of none is damage")]
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
    /// In the rows of a pattern, or in all.
    Constant(i64, Option<usize>),
    Same(usize),
    Stored(Bytes, Option<usize>),
}

/// An encoded column.
#[derive(Clone, Copy, Debug)]
struct Bytes {
    mode: u8,
    offset: usize,
    length: usize,
    crc: u32,
}

#[derive(Clone, Copy, Debug)]
enum Pattern {
    One(Stretch),
    Stored { count: usize, bytes: Bytes },
}

/// Those of a pattern, once they are decoded.
type Stretches = OnceCell<Vec<Stretch>>;

/// A block that is being read: its directory, checked.
pub struct Block<'a, S: Source + ?Sized> {
    source: &'a S,
    pub rows: usize,
    bases: Vec<u8>,
    patterns: Vec<(Pattern, Stretches)>,
    entries: Vec<Entry>,
}

/// Reads where the bytes of a column are; each begins where the one before ends.
fn read_bytes(mode: u8, reader: &mut Reader<'_>, offset: &mut usize) -> Result<Bytes, BlockError> {
    let length = reader.varint()? as usize;
    let crc = reader.bytes(4)?;
    let bytes = Bytes {
        mode,
        offset: *offset,
        length,
        crc: u32::from_le_bytes([crc[0], crc[1], crc[2], crc[3]]),
    };
    *offset = offset.saturating_add(length);
    Ok(bytes)
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
        let bases = reader.varint()? as usize;
        let bases = reader.bytes(bases)?.to_vec();
        let mut offset = PREFIX + length;
        let patterns = read_patterns(&mut reader, (rows, count), &mut offset)?;
        let mut entries = Vec::with_capacity(count);
        for number in 0..count {
            let mode = reader.byte()?;
            let pattern = match mode & SOME_ROWS {
                0 => None,
                _ => {
                    let pattern = reader.varint()? as usize;
                    if pattern >= patterns.len() || number == 0 {
                        return Err(BlockError::Corrupt("number of a pattern"));
                    }
                    Some(pattern)
                }
            };
            entries.push(match mode & !SOME_ROWS {
                MODE_CONSTANT => Entry::Constant(reader.signed()?, pattern),
                MODE_SAME => {
                    let same = reader.varint()? as usize;
                    if same >= number || matches!(entries[same], Entry::Same(_)) {
                        return Err(BlockError::Corrupt("column number"));
                    }
                    Entry::Same(same)
                }
                mode => Entry::Stored(read_bytes(mode, &mut reader, &mut offset)?, pattern),
            });
        }
        if offset != source.len() {
            return Err(BlockError::Corrupt("length"));
        }
        Ok(Self {
            source,
            rows,
            bases,
            patterns,
            entries,
        })
    }

    /// From where its counters go on, of a block of samples.
    pub fn bases(&self) -> Result<Bases, BlockError> {
        Bases::decode(&self.bases, self.width(), self.rows)
    }

    /// How many columns there are besides the times.
    pub fn width(&self) -> usize {
        self.entries.len() - 1
    }

    pub fn times(&self, into: &mut Vec<i64>) -> Result<(), BlockError> {
        self.entry(0, into)
    }

    /// The column of the value `number`, with [`ABSENT`] in the rows that lack it.
    pub fn values(&self, number: usize, into: &mut Vec<i64>) -> Result<(), BlockError> {
        self.entry(number + 1, into)
    }

    /// The one value of that column, when it has just one, in all rows.
    pub fn constant(&self, number: usize) -> Option<i64> {
        match self.entries.get(number + 1) {
            Some(Entry::Constant(value, None)) => Some(*value),
            _ => None,
        }
    }

    /// The rows that have that column, `None` of all, and its values in these.
    pub fn there(
        &self,
        number: usize,
        into: &mut Vec<i64>,
    ) -> Result<Option<&[Stretch]>, BlockError> {
        let entry = match self.entries.get(number + 1) {
            Some(Entry::Same(same)) => self.entries.get(*same),
            entry => entry,
        };
        into.clear();
        match entry.copied() {
            None | Some(Entry::Same(_)) => Err(BlockError::Corrupt("series number")),
            Some(Entry::Constant(ABSENT, None)) => Ok(Some(&[])),
            Some(Entry::Constant(value, pattern)) => {
                let stretches = self.stretches(pattern)?;
                into.resize(count(stretches, self.rows), value);
                Ok(stretches)
            }
            Some(Entry::Stored(bytes, pattern)) => {
                let stretches = self.stretches(pattern)?;
                self.decode(bytes, count(stretches, self.rows), into)?;
                Ok(stretches)
            }
        }
    }

    fn entry(&self, number: usize, into: &mut Vec<i64>) -> Result<(), BlockError> {
        match self.entries.get(number).copied() {
            None => Err(BlockError::Corrupt("series number")),
            Some(Entry::Constant(value, pattern)) => {
                let stretches = self.stretches(pattern)?;
                into.clear();
                into.resize(count(stretches, self.rows), value);
                spread(stretches, self.rows, into);
                Ok(())
            }
            Some(Entry::Same(same)) => self.entry(same, into),
            Some(Entry::Stored(bytes, pattern)) => {
                let stretches = self.stretches(pattern)?;
                self.decode(bytes, count(stretches, self.rows), into)?;
                spread(stretches, self.rows, into);
                Ok(())
            }
        }
    }

    fn decode(&self, bytes: Bytes, rows: usize, into: &mut Vec<i64>) -> Result<(), BlockError> {
        if bytes.length > self.source.len() {
            return Err(BlockError::Corrupt("column cut"));
        }
        let mut data = vec![0; bytes.length];
        self.source.read(bytes.offset, &mut data)?;
        if crc32c(&data) != bytes.crc {
            return Err(BlockError::Corrupt("checksum of a column"));
        }
        column::decode(bytes.mode, &data, rows, into)
    }

    fn stretches(&self, pattern: Option<usize>) -> Result<Option<&[Stretch]>, BlockError> {
        let Some(number) = pattern else {
            return Ok(None);
        };
        let (pattern, known) = &self.patterns[number];
        if let Some(known) = known.get() {
            return Ok(Some(known));
        }
        let stretches = match *pattern {
            Pattern::One(stretch) => vec![stretch],
            Pattern::Stored { count, bytes } => {
                let mut numbers = Vec::new();
                self.decode(bytes, 2 * count, &mut numbers)?;
                let (pairs, _) = numbers.as_chunks::<2>();
                let mut end = 0i64;
                let mut stretch = |&[gone, count]: &[i64; 2]| {
                    let first = end.checked_add(gone).filter(|first| *first >= end)?;
                    end = first.checked_add(count).filter(|end| *end > first)?;
                    let fits = end <= self.rows as i64;
                    fits.then_some((first as u32, count as u32))
                };
                let stretches: Option<Vec<Stretch>> = pairs.iter().map(&mut stretch).collect();
                stretches.ok_or(BlockError::Corrupt("stretches of a pattern"))?
            }
        };
        Ok(Some(known.get_or_init(|| stretches)))
    }
}

fn read_patterns(
    reader: &mut Reader<'_>,
    (rows, columns): (usize, usize),
    offset: &mut usize,
) -> Result<Vec<(Pattern, Stretches)>, BlockError> {
    let patterns = reader.varint()? as usize;
    if patterns > columns {
        return Err(BlockError::Corrupt("number of patterns"));
    }
    let mut read = || -> Result<Pattern, BlockError> {
        let count = reader.varint()? as usize;
        if count == 1 {
            let (first, count) = (reader.varint()?, reader.varint()?);
            let fits = count > 0 && first.saturating_add(count) <= rows as u64;
            return match fits {
                true => Ok(Pattern::One((first as u32, count as u32))),
                false => Err(BlockError::Corrupt("stretch of a pattern")),
            };
        }
        if count > rows {
            return Err(BlockError::Corrupt("stretches of a pattern"));
        }
        let mode = reader.byte()?;
        let bytes = read_bytes(mode, reader, offset)?;
        Ok(Pattern::Stored { count, bytes })
    };
    let read = (0..patterns).map(|_| Ok((read()?, OnceCell::new())));
    read.collect()
}

/// Values of a column that these rows have.
fn count(stretches: Option<&[Stretch]>, rows: usize) -> usize {
    match stretches {
        None => rows,
        Some(stretches) => stretches.iter().map(|(_, count)| *count as usize).sum(),
    }
}

/// Puts values where they belong among all rows.
fn spread(stretches: Option<&[Stretch]>, rows: usize, values: &mut Vec<i64>) {
    let Some(stretches) = stretches else { return };
    let mut end = values.len();
    values.resize(rows, ABSENT);
    let mut below = rows;
    // From behind: nothing is written over that is still to be moved.
    for &(first, count) in stretches.iter().rev() {
        let (first, count) = (first as usize, count as usize);
        let from = end - count;
        values.copy_within(from..end, first);
        values[first + count..below].fill(ABSENT);
        (end, below) = (from, first);
    }
    values[..below].fill(ABSENT);
}

#[cfg(test)]
mod tests {
    use super::super::pack::fingerprint;
    use super::*;

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

    /// Two containers that come and go with two series each, one that was there once, and
    /// one series that nothing ever had.
    fn containers() -> Columns {
        let mut columns = Columns::new(7);
        let often = |n: i64| (n + 3) % 40 < 11;
        for n in 0..500i64 {
            let there = |is: bool, value: i64| if is { value } else { ABSENT };
            let other = n % 60 > 20 && n > 100;
            let row = [
                there(often(n), n * n % 977),
                there(often(n), 7),
                there(other, n * 31),
                there((200..206).contains(&n), n),
                ABSENT,
                there(often(n), n * n % 977),
                n,
            ];
            columns.push(n * 1_000, &row);
        }
        columns
    }

    #[test]
    fn columns_that_some_rows_lack_come_back_and_share_their_patterns() {
        for effort in [Effort::Quick, Effort::Fair, Effort::Best] {
            let columns = containers();
            let data = columns.encode(effort).unwrap();
            assert_eq!(read(&data).unwrap().values, columns.values);
            let block = Block::open(&data[..]).unwrap();
            assert_eq!(block.patterns.len(), 3);
            assert_eq!((block.constant(1), block.constant(4)), (None, Some(ABSENT)));
            let mut there = Vec::new();
            let once = block.there(3, &mut there).unwrap();
            assert_eq!(
                (once, &there[..]),
                (Some(&[(200, 6)][..]), &[200, 201, 202, 203, 204, 205][..])
            );
            assert_eq!(block.there(4, &mut there).unwrap(), Some(&[][..]));
            assert_eq!(block.there(6, &mut there).unwrap(), None);
            assert_eq!(there.len(), 500);
        }
        // What is only absent at times costs little more than its values.
        let containers = containers();
        let mut dense = Columns::new(1);
        let mut sparse = Columns::new(1);
        dense.times = (0..500).collect();
        sparse.times.clone_from(&dense.times);
        sparse.values[0].clone_from(&containers.values[2]);
        dense.values[0] = (0..500).map(|n| n * 31).collect();
        let sizes = [sparse, dense].map(|columns| columns.encode(Effort::Best).unwrap().len());
        assert!(sizes[0] < sizes[1] + 40, "{sizes:?}");
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
        no_damage(columns(200).encode(Effort::Best).unwrap());
        no_damage(containers().encode(Effort::Best).unwrap());
    }

    fn no_damage(data: Vec<u8>) {
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
