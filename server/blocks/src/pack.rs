//! Writing a block of columns, see [`super::columns`]. Pure.

use std::borrow::Cow;
use std::collections::HashMap;

use stardust_shared::ABSENT;
use stardust_shared::varint::{put, put_signed};

use super::column::{self, Effort, MODE_CONSTANT, MODE_SAME};
use super::crc32c::crc32c;

/// A column of the rows of a pattern alone, with its mode.
pub const SOME_ROWS: u8 = 0x80;
/// Bytes before the directory.
pub const PREFIX: usize = 8;

/// Rows in a row: the first one, and how many.
pub type Stretch = (u32, u32);

/// A column on its way into a block.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The rows that it has values of; all, where there are none.
    pub stretches: Option<&'a [Stretch]>,
    pub values: &'a [i64],
}

impl<'a> Part<'a> {
    /// The values that are there, and the stretches that have them; `None` of those that
    /// all rows have.
    fn there(self, rows: usize) -> (Option<Vec<Stretch>>, Cow<'a, [i64]>) {
        let whole = [(0, rows as u32)];
        let stretches = self.stretches.unwrap_or(&whole);
        if stretches == whole && !self.values.contains(&ABSENT) {
            return (None, Cow::Borrowed(self.values));
        }
        let (mut there, mut values) = (Vec::<Stretch>::new(), Vec::new());
        let mut rest = self.values;
        for &(start, length) in stretches {
            let (here, later) = rest.split_at((length as usize).min(rest.len()));
            rest = later;
            for (row, &value) in (start..).zip(here).filter(|(_, value)| **value != ABSENT) {
                match there.last_mut() {
                    Some((first, count)) if *first + *count == row => *count += 1,
                    _ => there.push((row, 1)),
                }
                values.push(value);
            }
        }
        if there == whole {
            return (None, Cow::Owned(values));
        }
        (Some(there), Cow::Owned(values))
    }
}

/// A column that others may be the same as: its number, pattern and values.
type Earlier<'a> = (usize, Option<usize>, Cow<'a, [i64]>);

/// A block of columns; `bases` is as [`super::base::encode`] makes them.
pub fn encode<'a>(
    times: &'a [i64],
    bases: &[u8],
    values: impl ExactSizeIterator<Item = Part<'a>>,
    effort: Effort,
) -> std::io::Result<Vec<u8>> {
    let rows = times.len();
    let mut directory = Vec::new();
    put(&mut directory, rows as u64);
    put(&mut directory, values.len() as u64 + 1);
    put(&mut directory, bases.len() as u64);
    directory.extend_from_slice(bases);
    let mut patterns = Patterns::default();
    let (mut entries, mut body) = (Vec::new(), Vec::new());
    let mut earlier: HashMap<u64, Vec<Earlier<'_>>> = HashMap::new();
    let times = std::iter::once(Part {
        stretches: None,
        values: times,
    });
    for (number, part) in times.chain(values).enumerate() {
        let (there, column) = part.there(rows);
        if there.is_some() && column.is_empty() {
            entries.push(MODE_CONSTANT);
            put_signed(&mut entries, ABSENT);
            continue;
        }
        let pattern = match there {
            Some(there) => Some(patterns.number(there, effort)?),
            None => None,
        };
        let begin = |mode: u8, entries: &mut Vec<u8>| match pattern {
            None => entries.push(mode),
            Some(pattern) => {
                entries.push(mode | SOME_ROWS);
                put(entries, pattern as u64);
            }
        };
        let first = column.first().copied().unwrap_or(0);
        if column.iter().all(|value| *value == first) {
            begin(MODE_CONSTANT, &mut entries);
            put_signed(&mut entries, first);
            continue;
        }
        // Packets of an idle interface, or two names of one disk. Looking for them
        // costs as much as a quick encoding, and more than it saves there.
        if effort > Effort::Quick {
            let alike = earlier.entry(fingerprint(&column)).or_default();
            let same = alike
                .iter()
                .find(|(_, of, like)| *of == pattern && **like == *column);
            if let Some((same, ..)) = same {
                entries.push(MODE_SAME);
                put(&mut entries, *same as u64);
                continue;
            }
        }
        let before = body.len();
        let mode = column::encode(&column, effort, &mut body)?;
        begin(mode, &mut entries);
        put(&mut entries, (body.len() - before) as u64);
        entries.extend_from_slice(&crc32c(&body[before..]).to_le_bytes());
        if effort > Effort::Quick {
            let alike = earlier.entry(fingerprint(&column)).or_default();
            alike.push((number, pattern, column));
        }
    }
    put(&mut directory, patterns.known.len() as u64);
    directory.extend_from_slice(&patterns.directory);
    directory.extend_from_slice(&entries);
    let length = PREFIX + directory.len() + patterns.body.len() + body.len();
    let mut block = Vec::with_capacity(length);
    block.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    block.extend_from_slice(&crc32c(&directory).to_le_bytes());
    block.extend_from_slice(&directory);
    block.extend_from_slice(&patterns.body);
    block.extend_from_slice(&body);
    Ok(block)
}

/// The patterns of a block that is being written.
#[derive(Default)]
struct Patterns {
    known: HashMap<Vec<Stretch>, usize>,
    directory: Vec<u8>,
    body: Vec<u8>,
}

impl Patterns {
    fn number(&mut self, stretches: Vec<Stretch>, effort: Effort) -> std::io::Result<usize> {
        if let Some(&number) = self.known.get(&stretches) {
            return Ok(number);
        }
        put(&mut self.directory, stretches.len() as u64);
        if let [(first, count)] = stretches[..] {
            put(&mut self.directory, u64::from(first));
            put(&mut self.directory, u64::from(count));
        } else {
            let mut end = 0;
            let mut numbers = Vec::with_capacity(2 * stretches.len());
            for &(first, count) in &stretches {
                numbers.extend([i64::from(first - end), i64::from(count)]);
                end = first + count;
            }
            let before = self.body.len();
            let mode = column::encode(&numbers, effort, &mut self.body)?;
            self.directory.push(mode);
            put(&mut self.directory, (self.body.len() - before) as u64);
            let crc = crc32c(&self.body[before..]);
            self.directory.extend_from_slice(&crc.to_le_bytes());
        }
        let number = self.known.len();
        self.known.insert(stretches, number);
        Ok(number)
    }
}

/// The same for equal columns, and rarely for others: of each 64 values it looks at
/// eight, which are beside each other in memory.
pub fn fingerprint(column: &[i64]) -> u64 {
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
