//! Blocks as they are stored: how to read either format.

use stardust_shared::varint::Reader;
use stardust_shared::{Layout, State, WireError};

use super::columns;

/// Records as they came over the wire: small and fresh.
pub const FORMAT_WIRE: u8 = 0;
/// Columns, compressed one by one: merged.
pub const FORMAT_COLUMNS: u8 = 1;

#[derive(Debug, PartialEq, Eq)]
pub enum BlockError {
    Wire(WireError),
    /// Written by a newer version.
    UnknownFormat(u8),
    /// The bytes are not what the format says.
    Corrupt(&'static str),
}

impl From<WireError> for BlockError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl std::fmt::Display for BlockError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wire(error) => write!(f, "damaged block: {error}"),
            Self::UnknownFormat(format) => write!(f, "block format {format} of a newer version"),
            Self::Corrupt(what) => write!(f, "damaged block: {what}"),
        }
    }
}

/// Calls `row` with the time and the values (scaled, in the order of
/// `wanted`) of each row. `series` is the stored layout, `wanted` positions in it.
pub fn for_each_row(
    format: u8,
    series: &[u8],
    data: &[u8],
    wanted: &[usize],
    row: &mut dyn FnMut(i64, &[i64]),
) -> Result<(), BlockError> {
    match format {
        FORMAT_WIRE => wire_rows(series, data, wanted, row),
        FORMAT_COLUMNS => columns::for_each_row(data, wanted, row),
        other => Err(BlockError::UnknownFormat(other)),
    }
}

fn wire_rows(
    series: &[u8],
    data: &[u8],
    wanted: &[usize],
    row: &mut dyn FnMut(i64, &[i64]),
) -> Result<(), BlockError> {
    let mut reader = Reader::new(data);
    // The first record is a keyframe that holds the Spider's number of the layout.
    let layout_id = Reader::new(data).varint()? >> 1;
    let layout = Layout::decode_series(layout_id, series)?;
    let mut state = State::default();
    let mut values = vec![0; wanted.len()];
    while !reader.is_empty() {
        state.apply(&layout, &mut reader)?;
        for (value, &at) in values.iter_mut().zip(wanted) {
            *value = *state
                .scaled()
                .get(at)
                .ok_or(BlockError::Corrupt("series number"))?;
        }
        row(state.time_ms, &values);
    }
    Ok(())
}
