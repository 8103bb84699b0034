//! The columnar format of schema 3 and before, which is only read: merging
//! writes what it held as [`super::columns`].
//!
//! `rows`, `columns`, then for each column (times first) its mode and length,
//! then the columns. It has no checksums.

use stardust_shared::varint::Reader;

use super::block::BlockError;
use super::column::{self, MODE_CONSTANT, MODE_ZSTD};
use super::columns::Columns;
use super::limits::{COLUMNS_MAX, ROWS_MAX};

/// Values of a block: columns of one value take no bytes, and damage may say that
/// there are any number of them.
const VALUES_MAX: usize = 1 << 23;

pub fn decode(data: &[u8]) -> Result<Columns, BlockError> {
    let mut reader = Reader::new(data);
    let rows = reader.varint()? as usize;
    let count = reader.varint()? as usize;
    if rows > ROWS_MAX || count == 0 || count > COLUMNS_MAX || rows * count > VALUES_MAX {
        return Err(BlockError::Corrupt("size"));
    }
    let mut directory = Vec::with_capacity(count.min(data.len()));
    for _ in 0..count {
        let mode = reader.byte()?;
        directory.push((mode, reader.varint()? as usize));
    }
    let mut columns = Columns::new(count - 1);
    let into = std::iter::once(&mut columns.times).chain(&mut columns.values);
    for ((mode, length), column) in directory.into_iter().zip(into) {
        let bytes = reader.bytes(length)?;
        match mode {
            MODE_CONSTANT if rows > 0 => column.resize(rows, Reader::new(bytes).signed()?),
            MODE_CONSTANT => {}
            mode if mode <= MODE_ZSTD => column::decode(mode, bytes, rows, column)?,
            _ => return Err(BlockError::Corrupt("column mode")),
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_shared::varint::{put, put_signed};

    /// Three rows as that version wrote them.
    fn written() -> Vec<u8> {
        let (mut times, mut constant, mut grown) = (Vec::new(), Vec::new(), Vec::new());
        for delta in [1_000, 1_000, 1_001] {
            put_signed(&mut times, delta);
        }
        put_signed(&mut constant, -7);
        for delta in [5, -1, 300] {
            put_signed(&mut grown, delta);
        }
        let grown = zstd::bulk::compress(&grown, 3).unwrap();
        let mut data = vec![3, 3];
        for (mode, column) in [(1u8, &times), (0, &constant), (2, &grown)] {
            data.push(mode);
            put(&mut data, column.len() as u64);
        }
        for column in [times, constant, grown] {
            data.extend_from_slice(&column);
        }
        data
    }

    #[test]
    fn what_was_written_is_read() {
        let columns = decode(&written()).unwrap();
        assert_eq!(columns.times, [1_000, 2_000, 3_001]);
        assert_eq!(columns.values, [vec![-7; 3], vec![5, 4, 304]]);
    }

    #[test]
    fn a_block_that_claims_to_be_huge_is_refused() {
        let mut data = Vec::new();
        put(&mut data, ROWS_MAX as u64);
        put(&mut data, COLUMNS_MAX as u64);
        for _ in 0..COLUMNS_MAX {
            data.extend_from_slice(&[0, 1]);
        }
        data.resize(data.len() + COLUMNS_MAX, 0);
        assert!(matches!(decode(&data), Err(BlockError::Corrupt("size"))));
    }

    #[test]
    fn damage_is_an_error_or_other_values_never_a_panic() {
        let data = written();
        for end in 0..data.len() {
            assert!(decode(&data[..end]).is_err(), "cut at {end}");
        }
        for at in 0..data.len() {
            for flip in [1u8, 0x80, 0xff] {
                let mut damaged = data.clone();
                damaged[at] ^= flip;
                let _ = decode(&damaged);
            }
        }
    }
}
