//! One column of a block: integers in the order of the rows, and their ways to
//! be small. Pure.
//!
//! What fits a column is tried, and the smallest stays: a general compressor
//! finds what repeats, [`super::coder`] packs noise close to its entropy.
//! `benches/benches/history_codecs.rs` compares them with others.

use std::cell::{OnceCell, RefCell};

use stardust_shared::varint::{Reader, put_signed, zigzag};

use super::coder;
use super::error::BlockError;

/// The one value, in the directory.
pub const MODE_CONSTANT: u8 = 0;
/// Differences as signed varints.
pub const MODE_DELTAS: u8 = 1;
/// The same, behind zstd.
pub const MODE_ZSTD: u8 = 2;
/// The same as an earlier column, whose number is in the directory.
pub const MODE_SAME: u8 = 3;
/// By [`super::coder`].
pub const MODE_CODED: u8 = 4;

/// How much time an encoding is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// For blocks that are merged again soon.
    Quick,
    /// For blocks that are merged again, but stay for hours.
    Fair,
    /// For good.
    Best,
}

const ZSTD_FAIR: i32 = 3;
const ZSTD_BEST: i32 = 6;

/// Appends the column and answers its mode. Constant ones are the caller's.
pub fn encode(column: &[i64], effort: Effort, out: &mut Vec<u8>) -> std::io::Result<u8> {
    if effort == Effort::Quick {
        put_deltas(column, out);
        return Ok(MODE_DELTAS);
    }
    // Differences take a byte each at least: mostly there is no need to count them.
    let plain = OnceCell::new();
    let plain = || *plain.get_or_init(|| deltas_length(column));
    let coded = coder::encode(column);
    let coded = coded.filter(|coded| coded.len() < column.len() || coded.len() < plain());
    let best = coded.as_ref().map_or_else(plain, Vec::len);
    if effort == Effort::Best && repeats(column, best) {
        // zstd at its best takes its time: only where it is ahead anyway.
        let mut deltas = Vec::with_capacity(plain());
        put_deltas(column, &mut deltas);
        if zstd_encode(&deltas, ZSTD_FAIR)?.len() < best {
            out.extend_from_slice(&zstd_encode(&deltas, ZSTD_BEST)?);
            return Ok(MODE_ZSTD);
        }
    }
    let Some(coded) = coded else {
        put_deltas(column, out);
        return Ok(MODE_DELTAS);
    };
    out.extend_from_slice(&coded);
    Ok(MODE_CODED)
}

fn put_deltas(column: &[i64], out: &mut Vec<u8>) {
    out.reserve(column.len() * 2 + 16);
    let mut before = 0i64;
    for &value in column {
        put_signed(out, value.wrapping_sub(before));
        before = value;
    }
}

/// Bytes of what [`put_deltas`] writes.
fn deltas_length(column: &[i64]) -> usize {
    let mut before = 0i64;
    let lengths = column.iter().map(|&value| {
        let bits = 64 - (zigzag(value.wrapping_sub(before)) | 1).leading_zeros();
        before = value;
        bits.div_ceil(7) as usize
    });
    lengths.sum()
}

/// Bits of a stretch that is not twice in a column by chance.
const STRETCH_BITS: usize = 24;
/// Changes of a stretch.
const STRETCH_MIN: usize = 3;
const STRETCH_MAX: usize = 48;
/// Where stretches are remembered: 2^ so many.
const SEEN_BITS: u32 = 12;
/// One stretch in so many that was there before makes a general compressor worth
/// trying.
const REPEATED_SHARE: usize = 5;

/// Whether stretches of changes come again, which a general compressor uses and
/// an entropy coder does not. `coded` bytes say how much chance there is in a
/// change, and so how long a stretch has to be.
fn repeats(column: &[i64], coded: usize) -> bool {
    const BASE: u64 = 0x9E37_79B9_7F4A_7C15;
    // How long nothing changed belongs to the change that ended it.
    let mut changes = vec![0u64; column.len()];
    let (mut count, mut still) = (0, 0u64);
    for pair in column.windows(2) {
        // No branch: when it changes is what nobody can guess.
        let difference = pair[1].wrapping_sub(pair[0]) as u64;
        let changed = difference != 0;
        changes[count] = difference.wrapping_mul(BASE).wrapping_add(still);
        count += usize::from(changed);
        still = if changed { 0 } else { still + 1 };
    }
    changes.truncate(count);
    let length = (STRETCH_BITS * count / (8 * coded.max(1))).clamp(STRETCH_MIN, STRETCH_MAX);
    if count < 4 * length {
        return false;
    }
    let gone_by = (0..length).fold(1u64, |power, _| power.wrapping_mul(BASE));
    let mut seen = [0u32; 1 << SEEN_BITS];
    let (mut hash, mut found) = (0u64, 0);
    let before = std::iter::repeat_n(&0, length).chain(&changes);
    for (change, gone) in changes.iter().zip(before) {
        let moved = change.wrapping_sub(gone.wrapping_mul(gone_by));
        hash = hash.wrapping_mul(BASE).wrapping_add(moved);
        let mixed = (hash ^ (hash >> 32)).wrapping_mul(BASE);
        let place = &mut seen[(mixed >> (64 - SEEN_BITS)) as usize];
        let tag = mixed as u32 | 1;
        found += usize::from(std::mem::replace(place, tag) == tag);
    }
    found * REPEATED_SHARE > count
}

thread_local! {
    /// A context of zstd is large: one a thread, not one a column.
    static PACKER: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<zstd::bulk::Decompressor<'static>>> =
        const { RefCell::new(None) };
}

fn zstd_encode(bytes: &[u8], level: i32) -> std::io::Result<Vec<u8>> {
    PACKER.with_borrow_mut(|packer| {
        let packer = match packer {
            Some(packer) => packer,
            none => none.insert(zstd::bulk::Compressor::new(level)?),
        };
        packer.set_compression_level(level)?;
        packer.compress(bytes)
    })
}

fn zstd_decode(bytes: &[u8], most: usize) -> std::io::Result<Vec<u8>> {
    UNPACKER.with_borrow_mut(|unpacker| {
        let unpacker = match unpacker {
            Some(unpacker) => unpacker,
            none => none.insert(zstd::bulk::Decompressor::new()?),
        };
        // The frame says how long it is; damage may say anything.
        let said = zstd::bulk::Decompressor::upper_bound(bytes).unwrap_or(most);
        unpacker.decompress(bytes, said.min(most))
    })
}

/// Replaces what is in `column` with the `rows` values of `bytes`.
pub fn decode(
    mode: u8,
    bytes: &[u8],
    rows: usize,
    column: &mut Vec<i64>,
) -> Result<(), BlockError> {
    column.clear();
    match mode {
        MODE_DELTAS => undelta(bytes, rows, column),
        MODE_ZSTD => {
            let unpacked = zstd_decode(bytes, rows * 10)
                .map_err(|_| BlockError::Corrupt("column does not unpack"))?;
            undelta(&unpacked, rows, column)
        }
        MODE_CODED => coder::decode(bytes, rows, column),
        _ => Err(BlockError::Corrupt("column mode")),
    }
}

fn undelta(deltas: &[u8], rows: usize, column: &mut Vec<i64>) -> Result<(), BlockError> {
    let mut reader = Reader::new(deltas);
    let mut value = 0i64;
    column.reserve(rows);
    for _ in 0..rows {
        value = value.wrapping_add(reader.signed()?);
        column.push(value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comes_back(column: &[i64]) -> Vec<u8> {
        let mut modes = Vec::new();
        for effort in [Effort::Quick, Effort::Fair, Effort::Best] {
            let mut bytes = Vec::new();
            let mode = encode(column, effort, &mut bytes).unwrap();
            if mode == MODE_DELTAS {
                assert_eq!(bytes.len(), deltas_length(column));
            }
            let mut back = vec![7; 3];
            decode(mode, &bytes, column.len(), &mut back).unwrap();
            assert_eq!(back, column, "{effort:?}");
            modes.push(mode);
        }
        modes
    }

    #[test]
    fn only_what_repeats_is_tried_with_a_general_compressor() {
        let mut state = 1u64;
        let mut noise = |below: u64| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            (state >> 33) as i64 % below as i64
        };
        let summed = |changes: &[i64]| -> Vec<i64> {
            let mut value = 0;
            let sums = changes.iter().map(|change| {
                value += change;
                value
            });
            sums.collect()
        };
        let tried = |changes: &[i64]| {
            let column = summed(changes);
            repeats(&column, coder::encode(&column).unwrap().len())
        };
        // Of few values or of many, often or rarely: noise is noise.
        for below in [2, 9, 1_000, 1 << 30] {
            let changes: Vec<i64> = (0..2_880).map(|_| noise(below)).collect();
            assert!(!tried(&changes), "{below}");
            let rare: Vec<i64> = (0..2_880)
                .map(|_| if noise(9) == 0 { noise(below) + 1 } else { 0 })
                .collect();
            assert!(!tried(&rare), "rare {below}");
        }
        // Windows of an hour that come again, in any order.
        let hours: Vec<Vec<i64>> = (0..4)
            .map(|_| (0..60).map(|_| noise(500)).collect())
            .collect();
        let order: Vec<usize> = (0..48).map(|_| noise(4) as usize).collect();
        let again: Vec<i64> = order.iter().flat_map(|hour| hours[*hour].clone()).collect();
        assert!(tried(&again));
        assert!(!repeats(&[1, 2], 2) && !repeats(&[], 0));
    }

    #[test]
    fn every_kind_of_column_comes_back_by_what_fits_it() {
        let mut noise = 1u64;
        let noisy: Vec<i64> = (0..5_000)
            .map(|n| {
                noise = noise.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
                n * 1_000 + (noise >> 56) as i64
            })
            .collect();
        assert_eq!(comes_back(&noisy), [MODE_DELTAS, MODE_CODED, MODE_CODED]);
        let repeats: Vec<i64> = (0..5_000).map(|n: i64| (n % 100).pow(3)).collect();
        assert_eq!(comes_back(&repeats)[2], MODE_ZSTD);
        assert_eq!(comes_back(&[1, 2, 4, 8]), [MODE_DELTAS; 3]);
        comes_back(&[]);
        let ends: Vec<i64> = (0..200)
            .map(|n| [i64::MIN, i64::MAX, 0, -1][n % 4])
            .collect();
        comes_back(&ends);
    }
}
