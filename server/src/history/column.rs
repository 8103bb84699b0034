//! One column of a block: integers in the order of the rows, and their ways to
//! be small. Pure.
//!
//! What fits a column is tried, and the smallest stays: a general compressor
//! finds what repeats, [`super::coder`] packs noise close to its entropy.
//! `benches/benches/history_codecs.rs` compares them with others.

use std::borrow::Cow;
use std::cell::RefCell;

use pco::wrapped::FileDecompressor;
use stardust_shared::varint::{Reader, put_signed};

use super::block::BlockError;
use super::coder;

/// The one value, in the directory.
pub const MODE_CONSTANT: u8 = 0;
/// Differences as signed varints.
pub const MODE_DELTAS: u8 = 1;
/// The same, behind zstd.
pub const MODE_ZSTD: u8 = 2;
/// As pco has it, one chunk of one page: formats before [`super::block::FORMAT_ROWS`].
pub const MODE_PCO: u8 = 3;
/// The same as an earlier column, whose number is in the directory.
pub const MODE_SAME: u8 = 4;
/// By [`super::coder`].
pub const MODE_CODED: u8 = 5;

/// How much time an encoding is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// For blocks that are merged again within minutes.
    Quick,
    /// For blocks that are merged again within the day.
    Fair,
    /// For good.
    Best,
}

const ZSTD_FAIR: i32 = 3;
const ZSTD_BEST: i32 = 9;

/// Appends the column and answers its mode. Constant ones are the caller's.
pub fn encode(column: &[i64], effort: Effort, out: &mut Vec<u8>) -> std::io::Result<u8> {
    let mut deltas = Vec::with_capacity(column.len() * 2 + 16);
    let mut before = 0i64;
    for &value in column {
        put_signed(&mut deltas, value.wrapping_sub(before));
        before = value;
    }
    let (mut mode, mut best) = (MODE_DELTAS, Cow::Borrowed(&deltas[..]));
    if effort > Effort::Quick
        && let Some(coded) = coder::encode(column)
        && coded.len() < best.len()
    {
        (mode, best) = (MODE_CODED, coded.into());
    }
    if effort == Effort::Best {
        // zstd at its best takes its time: only where it is ahead anyway.
        let packed = zstd_encode(&deltas, ZSTD_FAIR)?;
        if packed.len() < best.len() {
            (mode, best) = (MODE_ZSTD, zstd_encode(&deltas, ZSTD_BEST)?.into());
        }
    }
    out.extend_from_slice(&best);
    Ok(mode)
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
        MODE_PCO => {
            column.resize(rows, 0);
            let done = pco_decode(bytes, column);
            done.map_err(|_| BlockError::Corrupt("column does not unpack"))
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

fn pco_decode(bytes: &[u8], column: &mut [i64]) -> Result<(), pco::errors::PcoError> {
    let (file, rest) = FileDecompressor::new(bytes)?;
    let (mut chunk, rest) = file.chunk_decompressor::<i64, _>(rest)?;
    let mut page = chunk.page_decompressor(rest, column.len())?;
    page.read(column)?;
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
            let mut back = vec![7; 3];
            decode(mode, &bytes, column.len(), &mut back).unwrap();
            assert_eq!(back, column, "{effort:?}");
            modes.push(mode);
        }
        modes
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
