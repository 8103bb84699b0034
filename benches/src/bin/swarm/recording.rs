//! What the nodes send: rows of values that a real Spider has seen.

use std::path::Path;

use stardust_benches::telemetry;
use stardust_shared::{ABSENT, SeriesDef};

use crate::Failure;

pub struct Recording {
    pub series: Vec<SeriesDef>,
    /// Values in units, in the order of the series.
    pub rows: Vec<Vec<i64>>,
}

/// Lines of `stardust-spider --stdout`, compressed with zstd or not.
pub fn read(path: &Path) -> Result<Recording, Failure> {
    let recorded = telemetry::Recording::load(path)?.into_iter().next();
    let recorded = recorded.ok_or("the recording is empty")?;
    let series = recorded.layout.series().to_vec();
    let in_units = |row: &Vec<i64>| -> Vec<i64> {
        row.iter()
            .zip(&series)
            .map(|(&value, series)| match value {
                ABSENT => ABSENT,
                value => value * i64::from(series.scale),
            })
            .collect()
    };
    let rows = recorded.rows.iter().map(in_units).collect();
    Ok(Recording { series, rows })
}
