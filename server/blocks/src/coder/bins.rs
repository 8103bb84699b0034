//! Bins: ranges of values that share a symbol. Pure.

use stardust_shared::varint::{Reader, put, put_signed};

use crate::error::BlockError;

/// From `least` on, 2^`bits` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bin {
    pub least: i64,
    pub bits: u8,
}

/// Bins of a column: an index fits a byte.
pub const BINS_MAX: usize = 256;

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

/// The bins with which `values` take the least, bins themselves included, and how
/// many values are in each.
pub fn choose(values: &[i64]) -> (Vec<Bin>, Vec<u32>) {
    let atoms = atoms(values);
    let mut table_bits = TABLE_BITS;
    loop {
        let bins = best(&atoms, values.len(), table_bits);
        if bins.0.len() <= BINS_MAX {
            return bins;
        }
        table_bits *= 2.0;
    }
}

fn best(atoms: &[Atom], rows: usize, table_bits: f32) -> (Vec<Bin>, Vec<u32>) {
    let all = log2(rows as f32);
    // least_bits[n]: for the first n atoms; begins[n]: where the last bin of those begins.
    let mut least_bits = vec![0.0f32; atoms.len() + 1];
    let mut begins = vec![0; atoms.len() + 1];
    for (last, atom) in atoms.iter().enumerate() {
        let (mut least, mut begin) = (f32::INFINITY, 0);
        let mut count = 0;
        let nearest = last.saturating_sub(ATOMS_OF_BIN_MAX - 1)..last + 1;
        let before = atoms[nearest.clone()]
            .iter()
            .zip(&least_bits[nearest.clone()]);
        for (at, (first, bits_before)) in nearest.zip(before).rev() {
            count += first.count;
            let within = count as f32 * f32::from(width(first.least, atom.most));
            let names = count as f32 * (all - log2_of(count));
            let bits = bits_before + within + names + table_bits;
            if bits < least {
                (least, begin) = (bits, at);
            } else if bits > least + PATIENCE_BITS {
                // Further back it hardly gets better again.
                break;
            }
        }
        (least_bits[last + 1], begins[last + 1]) = (least, begin);
    }
    let mut bins = Vec::new();
    let mut counts = Vec::new();
    let mut end = atoms.len();
    while end > 0 {
        let of_bin = &atoms[begins[end]..end];
        bins.push(Bin {
            least: of_bin[0].least,
            bits: width(of_bin[0].least, atoms[end - 1].most),
        });
        counts.push(of_bin.iter().map(|atom| atom.count).sum());
        end = begins[end];
    }
    bins.reverse();
    counts.reverse();
    (bins, counts)
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
    let (least, most) = ends(values);
    let range = most.wrapping_sub(least) as u64;
    if range >= COUNTED_MAX.min(4 * values.len() as u64) {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let runs = sorted.chunk_by(|a, b| a == b);
        return runs.map(|run| atom(run[0], run.len() as u32)).collect();
    }
    // Close together: counting is faster than sorting.
    let mut counts = vec![[0u32; 2]; range as usize + 1];
    let (first, second) = values.split_at(values.len() / 2);
    let mut count = |half: usize, value: i64| {
        counts[value.wrapping_sub(least) as usize][half] += 1;
    };
    // Halves beside each other: often a value follows itself, and each counter waits
    // for what it was before.
    for (&one, &other) in first.iter().zip(second) {
        count(0, one);
        count(1, other);
    }
    second[first.len()..]
        .iter()
        .for_each(|&value| count(1, value));
    let counts = counts.iter().map(|[one, other]| one + other);
    let there = counts.zip(0i64..).filter(|(count, _)| *count > 0);
    there
        .map(|(count, at)| atom(least.wrapping_add(at), count))
        .collect()
}

/// The least of them and the most.
fn ends(values: &[i64]) -> (i64, i64) {
    let first = values.first().copied().unwrap_or(0);
    // Four at a time: each step waits for the one before.
    let (mut least, mut most) = ([first; 4], [first; 4]);
    let (fours, rest) = values.as_chunks::<4>();
    for four in fours {
        for (at, &value) in four.iter().enumerate() {
            least[at] = least[at].min(value);
            most[at] = most[at].max(value);
        }
    }
    let of_rest = |ends: (i64, i64), &value: &i64| (ends.0.min(value), ends.1.max(value));
    let ends = rest.iter().fold((first, first), of_rest);
    let ends = least.iter().fold(ends, of_rest);
    most.iter().fold(ends, of_rest)
}

/// Near enough for a choice, and a fraction of the cost of the exact one.
pub const fn log2(value: f32) -> f32 {
    let bits = value.to_bits();
    let fraction = f32::from_bits(bits & 0x007f_ffff | 0x3f80_0000);
    let exponent = (bits >> 23) as f32 - 127.0;
    exponent + (-0.344_845 * fraction + 2.024_658) * fraction - 1.674_873
}

/// Counts with a logarithm in a table: those of a block that is full.
const LOGARITHMS: usize = 4_096;

static LOG2: [f32; LOGARITHMS] = {
    let mut table = [0.0; LOGARITHMS];
    let mut count = 1;
    while count < LOGARITHMS {
        table[count] = log2(count as f32);
        count += 1;
    }
    table
};

/// The same, of a count.
#[inline]
pub fn log2_of(count: u32) -> f32 {
    let known = LOG2.get(count as usize);
    known.copied().unwrap_or_else(|| log2(count as f32))
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
    if shift == 0 {
        // Each value has its part.
        let numbers = values.iter();
        let numbers = numbers.map(|&value| table[offset(value) as usize % parts]);
        return numbers.collect();
    }
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

    /// The bins; each has as many values as it says.
    fn chosen(values: &[i64]) -> Vec<Bin> {
        let (bins, counts) = choose(values);
        let mut found = vec![0u32; bins.len()];
        for number in numbers_of(&bins, values) {
            found[usize::from(number)] += 1;
        }
        assert_eq!(found, counts);
        bins
    }

    #[test]
    fn heavy_values_are_alone_and_the_rest_shares_ranges() {
        let mut values = vec![0; 5_000];
        values.extend(vec![4_096; 900]);
        values.extend((0..1_000).map(|n| 10_000 + n));
        let bins = chosen(&values);
        assert_eq!(bins[0], Bin { least: 0, bits: 0 });
        assert_eq!(bins[1].least, 4_096);
        assert!(bins.len() < 8, "{bins:?}");
        in_their_bins(&bins, &values);
        let ends = [i64::MIN, i64::MAX];
        for bin in chosen(&ends) {
            assert!(bin.bits == 0 || bin.bits == 64);
        }
        in_their_bins(&chosen(&ends), &ends);
        for bits in 0..63 {
            let values: Vec<i64> = (0..900)
                .map(|n: i64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15u64 as i64) >> bits)
                .collect();
            in_their_bins(&chosen(&values), &values);
        }
    }

    #[test]
    fn values_at_the_ends_are_found_in_small_ranges_and_in_large_ones() {
        for begin in [i64::MIN, -1_024, 0, i64::MAX - 4_096] {
            for range in [1, 2, 2_047, 2_048, 2_049, 4_096] {
                let values: Vec<i64> = (0..=range).map(|n| begin + n).collect();
                assert_eq!(ends(&values), (begin, begin + range));
                in_their_bins(&chosen(&values), &values);
                let alone: Vec<i64> = (0..900).map(|n| begin + n % 3 * range / 2).collect();
                assert_eq!(ends(&alone), (begin, begin + range));
                in_their_bins(&chosen(&alone), &alone);
            }
        }
        let places = [7, 3, i64::MAX, i64::MIN, 0];
        assert_eq!(ends(&places), (i64::MIN, i64::MAX));
        assert_eq!((ends(&[]), ends(&[5])), ((0, 0), (5, 5)));
    }

    #[test]
    fn logarithms_of_counts_are_those_of_numbers() {
        for count in 1..2 * LOGARITHMS as u32 {
            assert_eq!(log2_of(count), log2(count as f32));
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
                let bins = chosen(&values);
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
