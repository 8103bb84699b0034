//! The columnar format: times, then one compressed column a series.
//!
//! `rows`, `columns`, then for each column (times first) its mode and length,
//! then the columns. A column is the differences between neighbours as signed
//! varints; a column that never changes is its one value.

use stardust_shared::varint::{Reader, put, put_signed};

use super::block::BlockError;

const MODE_CONSTANT: u8 = 0;
const MODE_DELTAS: u8 = 1;
const MODE_ZSTD: u8 = 2;
const ZSTD_LEVEL: i32 = 3;
/// Rows in one block at the most; bounds what a reader allocates.
pub const ROWS_MAX: usize = 1 << 16;
const COLUMNS_MAX: usize = stardust_shared::limits::SERIES_MAX + 1;

/// Rows gathered column by column, to be encoded.
#[derive(Debug)]
pub struct Columns {
    times: Vec<i64>,
    values: Vec<Vec<i64>>,
}

impl Columns {
    pub fn new(width: usize) -> Self {
        Self {
            times: Vec::new(),
            values: vec![Vec::new(); width],
        }
    }

    pub fn push(&mut self, time_ms: i64, row: &[i64]) {
        self.times.push(time_ms);
        for (column, &value) in self.values.iter_mut().zip(row) {
            column.push(value);
        }
    }

    pub fn rows(&self) -> usize {
        self.times.len()
    }

    pub fn time_min_ms(&self) -> Option<i64> {
        self.times.iter().copied().min()
    }

    pub fn time_max_ms(&self) -> Option<i64> {
        self.times.iter().copied().max()
    }

    pub fn encode(&self) -> std::io::Result<Vec<u8>> {
        let mut head = Vec::new();
        let mut body = Vec::new();
        put(&mut head, self.times.len() as u64);
        put(&mut head, self.values.len() as u64 + 1);
        for column in std::iter::once(&self.times).chain(&self.values) {
            let before = body.len();
            head.push(encode_column(column, &mut body)?);
            put(&mut head, (body.len() - before) as u64);
        }
        head.extend_from_slice(&body);
        Ok(head)
    }
}

fn encode_column(column: &[i64], out: &mut Vec<u8>) -> std::io::Result<u8> {
    let Some((&first, rest)) = column.split_first() else {
        return Ok(MODE_CONSTANT);
    };
    if rest.iter().all(|value| *value == first) {
        put_signed(out, first);
        return Ok(MODE_CONSTANT);
    }
    let mut deltas = Vec::with_capacity(column.len() + 16);
    let mut before = 0i64;
    for &value in column {
        put_signed(&mut deltas, value.wrapping_sub(before));
        before = value;
    }
    let packed = zstd::bulk::compress(&deltas, ZSTD_LEVEL)?;
    if packed.len() < deltas.len() {
        out.extend_from_slice(&packed);
        return Ok(MODE_ZSTD);
    }
    out.extend_from_slice(&deltas);
    Ok(MODE_DELTAS)
}

fn decode_column(mode: u8, bytes: &[u8], rows: usize) -> Result<Vec<i64>, BlockError> {
    if rows == 0 {
        return Ok(Vec::new());
    }
    let unpacked;
    let deltas = match mode {
        MODE_CONSTANT => return Ok(vec![Reader::new(bytes).signed()?; rows]),
        MODE_DELTAS => bytes,
        MODE_ZSTD => {
            unpacked = zstd::bulk::decompress(bytes, rows * 10)
                .map_err(|_| BlockError::Corrupt("column does not unpack"))?;
            &unpacked
        }
        _ => return Err(BlockError::Corrupt("column mode")),
    };
    let mut reader = Reader::new(deltas);
    let mut column = Vec::with_capacity(rows);
    let mut value = 0i64;
    for _ in 0..rows {
        value = value.wrapping_add(reader.signed()?);
        column.push(value);
    }
    Ok(column)
}

pub fn for_each_row(
    data: &[u8],
    wanted: &[usize],
    row: &mut dyn FnMut(i64, &[i64]),
) -> Result<(), BlockError> {
    let mut reader = Reader::new(data);
    let rows = reader.varint()? as usize;
    let count = reader.varint()? as usize;
    if rows > ROWS_MAX || count == 0 || count > COLUMNS_MAX {
        return Err(BlockError::Corrupt("size"));
    }
    let mut directory = Vec::with_capacity(count);
    let mut offset = 0usize;
    for _ in 0..count {
        let mode = reader.byte()?;
        let length = reader.varint()? as usize;
        directory.push((mode, offset, length));
        offset = offset
            .checked_add(length)
            .ok_or(BlockError::Corrupt("column length"))?;
    }
    let body = reader.rest();
    let column = |at: usize| -> Result<Vec<i64>, BlockError> {
        let &(mode, start, length) = directory
            .get(at)
            .ok_or(BlockError::Corrupt("series number"))?;
        let bytes = body
            .get(start..start.saturating_add(length))
            .ok_or(BlockError::Corrupt("column cut"))?;
        decode_column(mode, bytes, rows)
    };
    let times = column(0)?;
    let columns = wanted
        .iter()
        .map(|at| column(at + 1))
        .collect::<Result<Vec<_>, _>>()?;
    let mut values = vec![0; wanted.len()];
    for (n, &time_ms) in times.iter().enumerate() {
        for (value, column) in values.iter_mut().zip(&columns) {
            *value = column[n];
        }
        row(time_ms, &values);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_shared::ABSENT;

    fn rows(data: &[u8], wanted: &[usize]) -> Vec<(i64, Vec<i64>)> {
        let mut out = Vec::new();
        for_each_row(data, wanted, &mut |time, values| {
            out.push((time, values.to_vec()))
        })
        .unwrap();
        out
    }

    #[test]
    fn columns_come_back() {
        let mut columns = Columns::new(4);
        let expected: Vec<(i64, Vec<i64>)> = (0..500)
            .map(|n: i64| {
                let noise = n.wrapping_mul(0x5851_F42D_4C95_7F2D) >> 3;
                (
                    n * 1000 + n % 3,
                    vec![7, n * n, noise, if n % 7 == 0 { ABSENT } else { n }],
                )
            })
            .collect();
        for (time, values) in &expected {
            columns.push(*time, values);
        }
        let data = columns.encode().unwrap();
        assert_eq!(rows(&data, &[0, 1, 2, 3]), expected);
        let two: Vec<_> = expected
            .iter()
            .map(|(t, v)| (*t, vec![v[3], v[0]]))
            .collect();
        assert_eq!(rows(&data, &[3, 0]), two);
        assert_eq!(
            for_each_row(&data, &[4], &mut |_, _| {}),
            Err(BlockError::Corrupt("series number"))
        );
    }

    #[test]
    fn damage_is_an_error_never_a_panic() {
        let mut columns = Columns::new(2);
        for n in 0..200 {
            columns.push(n, &[n % 5, n * 3]);
        }
        let data = columns.encode().unwrap();
        for end in 0..data.len() {
            assert!(
                for_each_row(&data[..end], &[0, 1], &mut |_, _| {}).is_err(),
                "cut at {end}"
            );
        }
        for at in 0..data.len() {
            for flip in [1u8, 0x80, 0xff] {
                let mut damaged = data.clone();
                damaged[at] ^= flip;
                let _ = for_each_row(&damaged, &[0, 1], &mut |_, _| {});
            }
        }
    }
}
