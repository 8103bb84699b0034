//! An entropy coder for columns of noise: the differences are put into bins,
//! and rANS writes the bins by how often they come after what came before. Pure.
//!
//! `bins` chooses the bins of a column, `contexts` what of the values before
//! tells which bins are likely. Both are written in front of the values:
//!
//! order (1: differences, 2: differences of differences), the first values,
//! the bins (least value as the gap to the bin before, bits beside it), the
//! contexts, the frequencies; then the state of rANS, its words, and the bits
//! that say where in its bin each value is.
//!
//! Decoding costs a table look-up and a multiplication a value, and two bytes of
//! tables for each of `SLOTS` a context.

mod bins;
mod contexts;

use std::cell::RefCell;

use stardust_shared::varint::{Reader, put, put_signed};

use crate::error::BlockError;
use bins::{BINS_MAX, Bin};
use contexts::{Contexts, Follow, Walk};

/// Frequencies add up to this.
const SLOT_BITS: u32 = 12;
const SLOTS: u32 = 1 << SLOT_BITS;
/// The state is from here up to 2^16 times as much.
const STATE_MIN: u32 = 1 << 16;
/// Columns with fewer values have no use for tables.
pub const ROWS_MIN: usize = 16;

/// The column in as few bytes as this coder can; `None` when it has too few values.
pub fn encode(column: &[i64]) -> Option<Vec<u8>> {
    if column.len() < ROWS_MIN {
        return None;
    }
    let mut residuals: Vec<i64> = differences(column);
    let mut order = 1;
    if are_steadier_again(&residuals) {
        (order, residuals) = (2, differences(&residuals));
    }
    let (bins, counts) = bins::choose(&residuals);
    let place_bits = bins.iter().zip(&counts);
    let place_bits = place_bits.map(|(bin, &count)| usize::from(bin.bits) * count as usize);
    let place_bits: usize = place_bits.sum();
    let numbers = bins::numbers_of(&bins, &residuals);
    let (contexts, counts) = contexts::choose(&bins, counts, &numbers);
    let frequencies: Vec<u32> = counts.chunks(bins.len()).flat_map(normalised).collect();

    let mut out = vec![order];
    put_signed(&mut out, column[0]);
    if order == 2 {
        put_signed(&mut out, column[1].wrapping_sub(column[0]));
    }
    bins::write(&bins, &mut out);
    contexts.write(&mut out);
    let mut bits = BitWriter::default();
    for of_context in frequencies.chunks(bins.len()) {
        write_frequencies(of_context, &mut bits);
    }
    out.extend_from_slice(&bits.finish());
    let (state, words) = put_symbols(&numbers, &contexts.follow(&bins), &frequencies, bins.len());
    out.extend_from_slice(&state.to_le_bytes());
    put(&mut out, words.len() as u64);
    // What was put last is read first.
    for word in words.iter().rev() {
        out.extend_from_slice(&word.to_le_bytes());
    }
    if place_bits > 0 {
        out.extend_from_slice(&put_places(&residuals, &numbers, &bins, place_bits));
    }
    Some(out)
}

/// Replaces what is in `column` with the `rows` values of `bytes`.
pub fn decode(bytes: &[u8], rows: usize, column: &mut Vec<i64>) -> Result<(), BlockError> {
    TABLES.with_borrow_mut(|tables| decode_by(tables, bytes, rows, column))
}

fn decode_by(
    tables: &mut Tables,
    bytes: &[u8],
    rows: usize,
    column: &mut Vec<i64>,
) -> Result<(), BlockError> {
    column.clear();
    if rows < ROWS_MIN {
        return Err(BlockError::Corrupt("column is too short"));
    }
    let mut reader = Reader::new(bytes);
    let order = reader.byte()?;
    let mut value = reader.signed()?;
    let mut step = match order {
        1 => 0,
        2 => reader.signed()?,
        _ => return Err(BlockError::Corrupt("order of a column")),
    };
    let bins = bins::read(&mut reader)?;
    let contexts = Contexts::read(&mut reader)?;
    let mut bits = BitReader::new(reader.rest());
    for context in 0..contexts.count() {
        tables.fill(context, &read_frequencies(bins.len(), &mut bits)?);
    }
    reader.bytes(bits.bytes_read())?;
    let state: [u8; 4] = reader
        .bytes(4)?
        .try_into()
        .map_err(|_| BlockError::Corrupt("column cut"))?;
    let mut state = u32::from_le_bytes(state);
    let count = reader.varint()?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let words = reader.bytes(count.saturating_mul(2))?;
    let mut word_at = 0;
    let mut bits = BitReader::new(reader.rest());

    column.reserve(rows);
    column.push(value);
    if order == 2 {
        value = value.wrapping_add(step);
        column.push(value);
    }
    // Index and mask are of fixed sizes: no look-up below needs a check.
    let (mut least, mut wide) = ([0i64; BINS_MAX], [0u8; BINS_MAX]);
    for (number, bin) in bins.iter().enumerate() {
        (least[number], wide[number]) = (bin.least, bin.bits);
    }
    let next = contexts.follow(&bins).next(bins.len());
    let (mut carried, mut context) = next.start;
    for _ in column.len()..rows {
        // What comes next waits for this one's bin: as few steps as can be on the way
        // there, and no branch that depends on the values.
        let slot = state & (SLOTS - 1);
        let number = tables.bins[usize::from(context) << SLOT_BITS | slot as usize];
        let range = tables.ranges[usize::from(context) << 8 | usize::from(number)];
        (carried, context) = next.after(carried, number);
        state = u32::from(range.frequency) * (state >> SLOT_BITS) + slot - u32::from(range.start);
        let word = match words.get(word_at..word_at + 2) {
            Some(word) => u16::from_le_bytes(word.try_into().unwrap_or_default()),
            None => 0,
        };
        let low = state < STATE_MIN;
        state = if low {
            state << 16 | u32::from(word)
        } else {
            state
        };
        word_at += 2 * usize::from(low);
        let at = usize::from(number);
        let residual = least[at].wrapping_add(bits.take(u32::from(wide[at])) as i64);
        if order == 1 {
            value = value.wrapping_add(residual);
        } else {
            step = step.wrapping_add(residual);
            value = value.wrapping_add(step);
        }
        column.push(value);
    }
    if word_at > words.len() {
        return Err(BlockError::Corrupt("column cut"));
    }
    if state != STATE_MIN || word_at < words.len() || bits.overrun() {
        return Err(BlockError::Corrupt("column does not unpack"));
    }
    Ok(())
}

fn differences(values: &[i64]) -> Vec<i64> {
    let pairs = values.windows(2);
    pairs.map(|pair| pair[1].wrapping_sub(pair[0])).collect()
}

/// Rows of a column that parts of it tell about.
const ROWS_SAMPLED: usize = 1_024;
/// Of so many rows in a row...
const SAMPLE_OF: usize = 128;
/// ...so many are looked at, in a row: what has a period has it in there too.
const SAMPLE: usize = 32;

/// Whether the differences between those differences are about fewer bits.
fn are_steadier_again(first: &[i64]) -> bool {
    let (every, some) = match first.len() {
        0..ROWS_SAMPLED => (first.len(), first.len()),
        _ => (SAMPLE_OF, SAMPLE + 1),
    };
    let parts = || {
        first
            .chunks(every)
            .map(|part| &part[..part.len().min(some)])
    };
    let as_they_are: Vec<i64> = parts().flat_map(|part| &part[1..]).copied().collect();
    let again: Vec<i64> = parts().flat_map(differences).collect();
    magnitude(&again) < magnitude(&as_they_are)
}

/// About how many bits those values have around their middle: what all have in
/// common costs nothing.
fn magnitude(values: &[i64]) -> u64 {
    let mut some: Vec<i64> = values.iter().copied().step_by(2).collect();
    let at = some.len() / 2;
    let (_, &mut middle, _) = some.select_nth_unstable(at);
    let bits = |value: &i64| {
        let distance = value.saturating_sub(middle).unsigned_abs();
        u64::from(64 - distance.leading_zeros())
    };
    values.iter().map(bits).sum()
}

/// Counts as parts of [`SLOTS`], none that is there less than one.
fn normalised(counts: &[u32]) -> Vec<u32> {
    let all: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    let mut parts: Vec<u32> = counts
        .iter()
        .map(|&count| {
            let part = (u64::from(count) * u64::from(SLOTS) + all / 2) / all.max(1);
            (part as u32).max(u32::from(count > 0))
        })
        .collect();
    // What rounding left goes to the largest, or comes from it.
    loop {
        let sum: u32 = parts.iter().sum();
        let Some(largest) = (0..parts.len()).max_by_key(|&at| parts[at]) else {
            return parts;
        };
        if sum <= SLOTS {
            parts[largest] += SLOTS - sum;
            return parts;
        }
        let less = (sum - SLOTS).min(parts[largest] / 2);
        parts[largest] -= less;
    }
}

/// Each as how many bits it has, and all of them below the first. The last that
/// is not written follows from the sum.
fn write_frequencies(frequencies: &[u32], bits: &mut BitWriter) {
    for &frequency in frequencies {
        let length = 32 - frequency.leading_zeros();
        bits.put(u64::from(length), 4);
        if length > 1 {
            bits.put(u64::from(frequency & ((1 << (length - 1)) - 1)), length - 1);
        }
    }
}

fn read_frequencies(count: usize, bits: &mut BitReader<'_>) -> Result<Vec<u32>, BlockError> {
    let mut sum = 0;
    let mut frequencies = Vec::with_capacity(count);
    for _ in 0..count {
        let length = bits.take(4) as u32;
        let frequency = match length {
            0 => 0,
            1 => 1,
            _ => 1 << (length - 1) | bits.take(length - 1) as u32,
        };
        sum += frequency;
        frequencies.push(frequency);
    }
    if sum != SLOTS || bits.overrun() {
        return Err(BlockError::Corrupt("frequencies of a column"));
    }
    Ok(frequencies)
}

/// rANS, from the last symbol to the first: the state and the words it gave.
#[inline(never)]
fn put_symbols(
    numbers: &[u8],
    follow: &Follow,
    frequencies: &[u32],
    bins: usize,
) -> (u32, Vec<u16>) {
    let mut symbols = Vec::with_capacity(frequencies.len());
    for of_context in frequencies.chunks(bins) {
        let mut start = 0;
        for &frequency in of_context {
            symbols.push(Symbol::new(frequency, start));
            start += frequency;
        }
    }
    let mut words = Vec::with_capacity(numbers.len());
    let mut state = STATE_MIN;
    let mut put = |number: u8, walk: Walk| {
        let context = follow.context(walk);
        let symbol = symbols[usize::from(context) * bins + usize::from(number)];
        if u64::from(state) >= u64::from(symbol.frequency) << (32 - SLOT_BITS) {
            words.push(state as u16);
            state >>= 16;
        }
        // `parts * SLOTS + state % frequency + start`, with as few steps as can be
        // between a state and the next.
        let others = SLOTS - symbol.frequency;
        state = state + symbol.start + symbol.parts_of(state) * others;
    };
    for last in numbers.windows(3).rev() {
        put(last[2], follow.behind(&last[..2]));
    }
    for at in (0..numbers.len().min(2)).rev() {
        put(numbers[at], follow.behind(&numbers[..at]));
    }
    (state, words)
}

/// Where in its bin each value is: what [`BitWriter`] would write, of which the
/// length is known before.
#[inline(never)]
fn put_places(values: &[i64], numbers: &[u8], bins: &[Bin], place_bits: usize) -> Vec<u8> {
    // Eight bytes are written at once, of which what comes next replaces the last: there
    // is no branch that depends on the values.
    let mut bytes = vec![0u8; place_bits / 8 + 8];
    let (mut at, mut held, mut count) = (0, 0u64, 0u32);
    let mut put = |value: u64, bits: u32| {
        held |= value << count;
        bytes[at..at + 8].copy_from_slice(&held.to_le_bytes());
        count += bits;
        at += (count / 8) as usize;
        held >>= count & !7;
        count %= 8;
    };
    for (&value, &number) in values.iter().zip(numbers) {
        let bin = bins[usize::from(number)];
        let (place, bits) = (value.wrapping_sub(bin.least) as u64, u32::from(bin.bits));
        if bits > 56 {
            put(place & 0xffff_ffff, 32);
            put(place >> 32, bits - 32);
        } else {
            put(place, bits);
        }
    }
    bytes.truncate(place_bits.div_ceil(8));
    bytes
}

/// A bin as rANS writes it.
#[derive(Clone, Copy)]
struct Symbol {
    frequency: u32,
    start: u32,
    /// 2^64 divided by the frequency, rounded up; 0 for a frequency of one.
    inverse: u64,
}

impl Symbol {
    fn new(frequency: u32, start: u32) -> Self {
        let inverse = match frequency {
            0 | 1 => 0,
            more => u64::MAX / u64::from(more) + 1,
        };
        Self {
            frequency,
            start,
            inverse,
        }
    }

    /// `state / frequency`. Exact: what rounding adds is below 2^-32, and the
    /// next whole number is at least 2^-12 away.
    #[inline]
    fn parts_of(self, state: u32) -> u32 {
        if self.inverse == 0 {
            return state;
        }
        ((u128::from(state) * u128::from(self.inverse)) >> 64) as u32
    }
}

thread_local! {
    /// Used again for each column: to empty them would cost as much as to fill them.
    static TABLES: RefCell<Tables> = RefCell::new(Tables::default());
}

/// What decoding looks up, context by context.
#[derive(Default)]
struct Tables {
    /// The bin of each slot.
    bins: Vec<u8>,
    /// For each context [`BINS_MAX`] of them.
    ranges: Vec<Range>,
}

/// The slots of a bin.
#[derive(Clone, Copy, Default)]
struct Range {
    frequency: u16,
    start: u16,
}

impl Tables {
    /// The frequencies add up to [`SLOTS`], so every slot is written, and no bin
    /// is found there that has no range.
    fn fill(&mut self, context: usize, frequencies: &[u32]) {
        let (bins, ranges) = (context * SLOTS as usize, context * BINS_MAX);
        if self.bins.len() == bins {
            self.bins.resize(bins + SLOTS as usize, 0);
            self.ranges.resize(ranges + BINS_MAX, Range::default());
        }
        let mut start = 0;
        for (number, &frequency) in frequencies.iter().enumerate() {
            let end = start + frequency as usize;
            self.bins[bins + start..bins + end].fill(number as u8);
            self.ranges[ranges + number] = Range {
                frequency: frequency as u16,
                start: start as u16,
            };
            start = end;
        }
    }
}

/// Bits from the lowest of each byte upwards.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    held: u64,
    /// Less than 32 between two calls.
    count: u32,
}

impl BitWriter {
    #[inline]
    fn put(&mut self, value: u64, bits: u32) {
        if bits > 32 {
            self.put(value & 0xffff_ffff, 32);
            return self.put(value >> 32, bits - 32);
        }
        self.held |= value << self.count;
        self.count += bits;
        if self.count >= 32 {
            self.bytes
                .extend_from_slice(&(self.held as u32).to_le_bytes());
            self.held >>= 32;
            self.count -= 32;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let rest = self.held.to_le_bytes();
        self.bytes
            .extend_from_slice(&rest[..self.count.div_ceil(8) as usize]);
        self.bytes
    }
}

/// Past the end there are zeros, and [`BitReader::overrun`] says so.
struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    #[inline]
    fn take(&mut self, bits: u32) -> u64 {
        if bits > 56 {
            return self.take_short(32) | self.take_short(bits - 32) << 32;
        }
        self.take_short(bits)
    }

    /// At most 56 bits.
    #[inline(always)]
    fn take_short(&mut self, bits: u32) -> u64 {
        let byte = self.at >> 3;
        let word = match self.bytes.get(byte..byte + 8) {
            Some(word) => u64::from_le_bytes(word.try_into().unwrap_or_default()),
            None => self.last(byte),
        };
        let value = word >> (self.at & 7) & ((1u64 << bits) - 1);
        self.at += bits as usize;
        value
    }

    #[cold]
    fn last(&self, byte: usize) -> u64 {
        let mut word = [0; 8];
        let rest = self.bytes.get(byte..).unwrap_or_default();
        let rest = &rest[..rest.len().min(8)];
        word[..rest.len()].copy_from_slice(rest);
        u64::from_le_bytes(word)
    }

    fn bytes_read(&self) -> usize {
        self.at.div_ceil(8)
    }

    fn overrun(&self) -> bool {
        self.bytes_read() > self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comes_back(column: &[i64]) -> usize {
        let bytes = encode(column).unwrap();
        let mut back = vec![3; 5];
        decode(&bytes, column.len(), &mut back).unwrap();
        assert!(back == column, "{:?}", &column[..16]);
        bytes.len()
    }

    fn noise(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            state >> 33
        }
    }

    #[test]
    fn columns_of_every_kind_come_back() {
        let mut random = noise(1);
        comes_back(&[7; 16]);
        comes_back(&(0..16).collect::<Vec<i64>>());
        comes_back(&(0..5_000).map(|n: i64| n * n).collect::<Vec<_>>());
        let ends = [i64::MIN, i64::MAX, 0, -1, i64::MAX, i64::MIN];
        comes_back(&ends.repeat(50));
        comes_back(&(0..300).map(|n| ends[n % 6] ^ n as i64).collect::<Vec<_>>());
        for bits in 0..64 {
            let column: Vec<i64> = (0..700)
                .map(|_| ((random() << 31 ^ random()) >> (63 - bits)) as i64)
                .collect();
            comes_back(&column);
        }
        for rows in ROWS_MIN..100 {
            comes_back(&(0..rows).map(|_| (random() % 9) as i64).collect::<Vec<_>>());
        }
        assert!(encode(&[1; ROWS_MIN - 1]).is_none());
    }

    #[test]
    fn places_are_written_as_bits_are() {
        let mut random = noise(5);
        for wide in [1, 8, 9, 32, 33, 56, 57, 63, 64] {
            let bits = [0, wide, 3, wide / 2, 64];
            let bins = bits.map(|bits| Bin {
                least: i64::MIN / 3,
                bits,
            });
            let numbers: Vec<u8> = (0..300).map(|_| (random() % 5) as u8).collect();
            let (mut slow, mut place_bits) = (BitWriter::default(), 0);
            let mut values = Vec::new();
            for number in &numbers {
                let bits = u32::from(bits[usize::from(*number)]);
                let place =
                    (random() << 40 ^ random() << 20 ^ random()) & ((1u128 << bits) - 1) as u64;
                slow.put(place, bits);
                place_bits += bits as usize;
                values.push((i64::MIN / 3).wrapping_add(place as i64));
            }
            let places = put_places(&values, &numbers, &bins, place_bits);
            assert_eq!(places, slow.finish(), "{wide}");
        }
    }

    #[test]
    fn parts_of_a_column_tell_what_all_of_it_would() {
        let mut random = noise(6);
        for rows in [20, ROWS_SAMPLED as i64 - 1, ROWS_SAMPLED as i64, 2_880] {
            let steady: Vec<i64> = (0..rows).map(|n| n * 1_000).collect();
            assert!(are_steadier_again(&steady), "{rows}");
            let noisy: Vec<i64> = (0..rows).map(|_| (random() % 500) as i64).collect();
            assert!(!are_steadier_again(&noisy), "{rows}");
            // Every fourth would be one value.
            let turns: Vec<i64> = (0..rows).map(|n| [0, 0, 0, 900][n as usize % 4]).collect();
            assert!(!are_steadier_again(&turns), "{rows}");
        }
    }

    #[test]
    fn division_by_multiplication_is_exact() {
        let mut random = noise(4);
        for frequency in 1..=SLOTS {
            let symbol = Symbol::new(frequency, 0);
            let ends = [0, 1, frequency - 1, frequency, STATE_MIN, u32::MAX];
            let near = (u32::MAX / frequency) * frequency;
            let others = (0..20).map(|_| random() as u32 * 2 + 1);
            for state in ends.into_iter().chain([near, near - 1]).chain(others) {
                assert_eq!(symbol.parts_of(state), state / frequency);
            }
        }
    }

    #[test]
    fn noise_takes_little_more_than_its_entropy() {
        let mut random = noise(2);
        // Sum of two dice: 3.27 bits.
        let mut value = 0;
        let column: Vec<i64> = (0..8_000)
            .map(|_| {
                value += (random() % 6 + random() % 6) as i64;
                value
            })
            .collect();
        assert!(comes_back(&column) < 8_000 * 327 / 800 * 102 / 100 + 40);
        // Rare steps of one size.
        let column: Vec<i64> = (0..8_000).map(|n| n / 1_000 * 4_096).collect();
        assert!(comes_back(&column) < 40);
        // Quiet and loud by turns: half of it is nearly nothing.
        let column: Vec<i64> = (0..8_000)
            .map(|n| {
                if n / 400 % 2 == 0 {
                    0
                } else {
                    (random() % 256) as i64
                }
            })
            .collect();
        assert!(comes_back(&column) < 4_500);
    }

    #[test]
    fn damage_is_an_error_or_other_values_never_a_panic() {
        let mut random = noise(3);
        let column: Vec<i64> = (0..200).map(|_| (random() % 3_000) as i64).collect();
        let bytes = encode(&column).unwrap();
        let mut back = Vec::new();
        for end in 0..bytes.len() {
            assert!(
                decode(&bytes[..end], column.len(), &mut back).is_err(),
                "{end}"
            );
        }
        for rows in [0, 1, 16, 199, 201, 60_000] {
            let _ = decode(&bytes, rows, &mut back);
        }
        for _ in 0..20_000 {
            let mut damaged = bytes.clone();
            for _ in 0..=random() % 3 {
                let at = random() as usize % damaged.len();
                damaged[at] = random() as u8;
            }
            let _ = decode(&damaged, column.len(), &mut back);
            assert!(back.len() <= column.len());
        }
    }
}
