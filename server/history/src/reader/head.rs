//! What the database says of a block without its data.

use super::super::tier::Tier;

/// A block of the table `blocks`, without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub id: i64,
    pub node: i64,
    pub tier: Tier,
    pub layout: i64,
    pub format: u8,
    pub time_min_ms: i64,
    pub time_max_ms: i64,
    pub rows: u32,
    /// Samples before it are in the hours.
    pub hours_ms: i64,
    /// Of series that few of its rows have.
    pub rare: bool,
}

impl Head {
    /// What [`Self::read`] reads, of a query of the table `blocks`.
    pub const COLUMNS: &str =
        "id, node, tier, layout, format, time_min_ms, time_max_ms, rows, hours_ms, rare";

    pub fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let tier: u8 = row.get(2)?;
        Ok(Self {
            id: row.get(0)?,
            node: row.get(1)?,
            tier: Tier::ALL
                .get(usize::from(tier))
                .copied()
                .unwrap_or(Tier::Hour),
            layout: row.get(3)?,
            format: row.get(4)?,
            time_min_ms: row.get(5)?,
            time_max_ms: row.get(6)?,
            rows: row.get(7)?,
            hours_ms: row.get(8)?,
            rare: row.get(9)?,
        })
    }

    /// Mean time between rows, when that can be told.
    pub fn interval_ms(&self) -> Option<i64> {
        let span_ms = self.time_max_ms - self.time_min_ms;
        (self.rows > 1).then(|| span_ms / i64::from(self.rows - 1))
    }
}
