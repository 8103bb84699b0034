//! Bins: ranges of values that share a symbol. Pure.

use stardust_shared::varint::{Reader, put, put_signed};

use super::BINS_MAX;
use crate::history::block::BlockError;

/// From `least` on, 2^`bits` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bin {
    pub least: i64,
    pub bits: u8,
}

/// Ranges of values that the choice is made from: fewer for fewer values.
const ATOMS_MIN: usize = 32;
const ATOMS_MAX: usize = 512;
/// Most of them in one bin.
const ATOMS_OF_BIN_MAX: usize = 64;
/// Values in a range below this are counted, not sorted.
const COUNTED_MAX: u64 = 1 << 14;
/// About what a bin takes in the tables, in bits.
const TABLE_BITS: f32 = 40.0;

/// A bin that takes so much more than the best one so far is not widened further.
const PATIENCE_BITS: f32 = 12.0 * TABLE_BITS;

/// A range of values that are there, and how many.
#[derive(Clone, Copy)]
struct Atom {
    least: i64,
    most: i64,
    count: u32,
}

/// The bins with which `values` take the least, bins themselves included.
pub fn choose(values: &[i64]) -> Vec<Bin> {
    let atoms = atoms(values);
    let mut table_bits = TABLE_BITS;
    loop {
        let bins = best(&atoms, values.len(), table_bits);
        if bins.len() <= BINS_MAX {
            return bins;
        }
        table_bits *= 2.0;
    }
}

fn best(atoms: &[Atom], rows: usize, table_bits: f32) -> Vec<Bin> {
    let all = log2(rows as f32);
    // best[n]: bits for the first n atoms, and where their last bin begins.
    let mut best: Vec<(f32, usize)> = vec![(0.0, 0)];
    for end in 1..=atoms.len() {
        let mut least = (f32::INFINITY, 0);
        let mut count = 0;
        for begin in (end.saturating_sub(ATOMS_OF_BIN_MAX)..end).rev() {
            count += atoms[begin].count;
            let bits = width(atoms[begin].least, atoms[end - 1].most);
            let count = count as f32;
            let within = count * f32::from(bits);
            let bits = best[begin].0 + within + count * (all - log2(count)) + table_bits;
            if bits < least.0 {
                least = (bits, begin);
            } else if bits > least.0 + PATIENCE_BITS {
                // Further back it hardly gets better again.
                break;
            }
        }
        best.push(least);
    }
    let mut bins = Vec::new();
    let mut end = atoms.len();
    while end > 0 {
        let begin = best[end].1;
        bins.push(Bin {
            least: atoms[begin].least,
            bits: width(atoms[begin].least, atoms[end - 1].most),
        });
        end = begin;
    }
    bins.reverse();
    bins
}

/// Distinct values, or when there are many of them, runs of neighbours of about
/// the same weight.
fn atoms(values: &[i64]) -> Vec<Atom> {
    let distinct = distinct(values);
    let most = (values.len() / 12).clamp(ATOMS_MIN, ATOMS_MAX);
    if distinct.len() <= most {
        return distinct;
    }
    // One that is full begins a new one, so that there are at most twice as many.
    let weight = (values.len() * 2 / most) as u32 + 1;
    let mut atoms: Vec<Atom> = Vec::new();
    for atom in distinct {
        match atoms.last_mut() {
            Some(last) if last.count + atom.count <= weight => {
                last.most = atom.most;
                last.count += atom.count;
            }
            _ => atoms.push(atom),
        }
    }
    atoms
}

/// Each value that is there, in order, with how often.
fn distinct(values: &[i64]) -> Vec<Atom> {
    let atom = |value: i64, count: u32| Atom {
        least: value,
        most: value,
        count,
    };
    let least = values.iter().copied().min().unwrap_or(0);
    let most = values.iter().copied().max().unwrap_or(0);
    let range = most.wrapping_sub(least) as u64;
    if range >= COUNTED_MAX.min(4 * values.len() as u64) {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let runs = sorted.chunk_by(|a, b| a == b);
        return runs.map(|run| atom(run[0], run.len() as u32)).collect();
    }
    // Close together: counting is faster than sorting.
    let mut counts = vec![0u32; range as usize + 1];
    for value in values {
        counts[value.wrapping_sub(least) as usize] += 1;
    }
    let counts = counts.iter().zip(0i64..).filter(|(count, _)| **count > 0);
    counts
        .map(|(&count, at)| atom(least.wrapping_add(at), count))
        .collect()
}

/// Near enough for a choice, and a fraction of the cost of the exact one.
pub fn log2(value: f32) -> f32 {
    let bits = value.to_bits();
    let fraction = f32::from_bits(bits & 0x007f_ffff | 0x3f80_0000);
    let exponent = (bits >> 23) as f32 - 127.0;
    exponent + (-0.344_845 * fraction + 2.024_658) * fraction - 1.674_873
}

fn width(least: i64, most: i64) -> u8 {
    (64 - (most.wrapping_sub(least) as u64).leading_zeros()) as u8
}

/// Entries of the table with which the bins of values are found.
const TABLE_BITS_OF_RANGE: u32 = 11;

/// The bin of each of the values that they were chosen for.
pub fn numbers_of(bins: &[Bin], values: &[i64]) -> Vec<u8> {
    let (Some(first), Some(last)) = (bins.first(), bins.last()) else {
        return Vec::new();
    };
    // A table says which bins a part of the range has: mostly it is one.
    let offset = |value: i64| value.wrapping_sub(first.least) as u64;
    let beside = ((1u128 << last.bits) - 1) as u64;
    let range = offset(last.least).saturating_add(beside);
    let shift = (64 - range.leading_zeros()).saturating_sub(TABLE_BITS_OF_RANGE);
    let mut table = [0u8; (1 << TABLE_BITS_OF_RANGE) + 1];
    let parts = 1 << TABLE_BITS_OF_RANGE;
    let mut filled = 0;
    for (number, bin) in (0u8..=u8::MAX).zip(bins).skip(1) {
        // The part in which the bin begins still has the bin before.
        let begins = (offset(bin.least).wrapping_sub(1) >> shift) as usize + 1;
        table[filled..begins].fill(number - 1);
        filled = begins;
    }
    table[filled..].fill((bins.len() - 1) as u8);
    let numbers = values.iter().map(|&value| {
        let part = (offset(value) >> shift) as usize % parts;
        let (least, most) = (table[part], table[part + 1]);
        if least == most {
            return least;
        }
        let some = &bins[usize::from(least)..=usize::from(most)];
        least + (some.partition_point(|bin| bin.least <= value) as u8).saturating_sub(1)
    });
    numbers.collect()
}

pub fn write(bins: &[Bin], out: &mut Vec<u8>) {
    put(out, bins.len() as u64);
    let mut before = 0i64;
    for (number, bin) in bins.iter().enumerate() {
        if number == 0 {
            put_signed(out, bin.least);
        } else {
            put(out, bin.least.wrapping_sub(before) as u64);
        }
        before = bin.least;
    }
    // Most bins have no bits, and neighbours have as many: runs.
    for run in bins.chunk_by(|a, b| a.bits == b.bits) {
        out.push(run[0].bits);
        put(out, run.len() as u64);
    }
}

pub fn read(reader: &mut Reader<'_>) -> Result<Vec<Bin>, BlockError> {
    let wrong = BlockError::Corrupt("bins of a column");
    let count = reader.varint()? as usize;
    if count == 0 || count > BINS_MAX {
        return Err(wrong);
    }
    let mut bins = Vec::with_capacity(count);
    let mut least = reader.signed()?;
    bins.push(Bin { least, bits: 0 });
    for _ in 1..count {
        least = least.wrapping_add(reader.varint()? as i64);
        bins.push(Bin { least, bits: 0 });
    }
    let mut at = 0;
    while at < count {
        let bits = reader.byte()?;
        let run = reader.varint()? as usize;
        if bits > 64 || run == 0 || run > count - at {
            return Err(wrong);
        }
        bins[at..at + run]
            .iter_mut()
            .for_each(|bin| bin.bits = bits);
        at += run;
    }
    Ok(bins)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_their_bins(bins: &[Bin], values: &[i64]) {
        for (&number, &value) in numbers_of(bins, values).iter().zip(values) {
            let bin = bins[usize::from(number)];
            let beside = value.wrapping_sub(bin.least) as u64;
            assert!(value >= bin.least && (bin.bits == 64 || beside >> bin.bits == 0));
            let next = bins.get(usize::from(number) + 1);
            assert!(next.is_none_or(|next| value < next.least));
        }
    }

    #[test]
    fn heavy_values_are_alone_and_the_rest_shares_ranges() {
        let mut values = vec![0; 5_000];
        values.extend(vec![4_096; 900]);
        values.extend((0..1_000).map(|n| 10_000 + n));
        let bins = choose(&values);
        assert_eq!(bins[0], Bin { least: 0, bits: 0 });
        assert_eq!(bins[1].least, 4_096);
        assert!(bins.len() < 8, "{bins:?}");
        in_their_bins(&bins, &values);
        let ends = [i64::MIN, i64::MAX];
        for bin in choose(&ends) {
            assert!(bin.bits == 0 || bin.bits == 64);
        }
        in_their_bins(&choose(&ends), &ends);
        for bits in 0..63 {
            let values: Vec<i64> = (0..900)
                .map(|n: i64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15u64 as i64) >> bits)
                .collect();
            in_their_bins(&choose(&values), &values);
        }
    }

    #[test]
    fn there_are_never_more_than_an_index_can_name() {
        for rows in [100i64, 500, 8_640, 65_536] {
            let spread: Vec<i64> = (0..rows)
                .map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15u64 as i64))
                .collect();
            let light: Vec<i64> = (0..rows).map(|n| n % 300 * 1_000_003).collect();
            for values in [spread, light] {
                let bins = choose(&values);
                assert!(bins.len() <= BINS_MAX);
                in_their_bins(&bins, &values);
                let mut out = Vec::new();
                write(&bins, &mut out);
                let mut reader = Reader::new(&out);
                assert_eq!(read(&mut reader).unwrap(), bins);
                assert!(reader.is_empty());
            }
        }
    }
}
