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
/// About what a bin takes in the tables, in bits.
const TABLE_BITS: f32 = 40.0;

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
            }
            // Alone that is too much, and further back it only grows.
            if within > least.0 {
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
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let distinct = sorted.chunk_by(|a, b| a == b).map(|run| Atom {
        least: run[0],
        most: run[0],
        count: run.len() as u32,
    });
    let distinct: Vec<Atom> = distinct.collect();
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

/// The bin of a value that they were chosen for.
pub fn number_of(bins: &[Bin], value: i64) -> u8 {
    let after = bins.partition_point(|bin| bin.least <= value);
    after.saturating_sub(1) as u8
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

    #[test]
    fn heavy_values_are_alone_and_the_rest_shares_ranges() {
        let mut values = vec![0; 5_000];
        values.extend(vec![4_096; 900]);
        values.extend((0..1_000).map(|n| 10_000 + n));
        let bins = choose(&values);
        assert_eq!(bins[0], Bin { least: 0, bits: 0 });
        assert_eq!(bins[1].least, 4_096);
        assert!(bins.len() < 8, "{bins:?}");
        for value in values {
            let bin = bins[usize::from(number_of(&bins, value))];
            assert!(value >= bin.least && (value - bin.least) >> bin.bits == 0);
        }
        let ends = [i64::MIN, i64::MAX];
        for bin in choose(&ends) {
            assert!(bin.bits == 0 || bin.bits == 64);
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
                let mut out = Vec::new();
                write(&bins, &mut out);
                let mut reader = Reader::new(&out);
                assert_eq!(read(&mut reader).unwrap(), bins);
                assert!(reader.is_empty());
            }
        }
    }
}
