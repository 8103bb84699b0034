//! Rows of the table `blocks`, written the same way by all.

use rusqlite::{Connection, params};

use super::tier::Tier;

/// To be merged again soon.
pub const LEVEL_SMALL: u8 = 0;
/// To be merged once more.
pub const LEVEL_FAIR: u8 = 1;
/// Merged for good.
pub const LEVEL_FULL: u8 = 2;

/// A block on its way into the table.
#[derive(Clone, Copy, Debug)]
pub struct NewBlock<'a> {
    pub node: i64,
    pub tier: Tier,
    pub level: u8,
    pub layout: i64,
    pub format: u8,
    pub span_ms: (i64, i64),
    pub rows: usize,
    /// Of series that few of its rows have.
    pub rare: bool,
    pub data: &'a [u8],
}

impl NewBlock<'_> {
    /// One whose samples are in no hours yet, or that is of hours.
    pub fn insert(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.insert_with_hours(connection, 0)
    }

    /// One whose samples before `hours_ms` are in the hours.
    pub fn insert_with_hours(
        &self,
        connection: &Connection,
        hours_ms: i64,
    ) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO blocks (node, tier, level, layout, format, time_min_ms, time_max_ms,
                                 rows, bytes, data, hours_ms, rare)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        statement.execute(params![
            self.node,
            self.tier.number(),
            self.level,
            self.layout,
            self.format,
            self.span_ms.0,
            self.span_ms.1,
            self.rows as i64,
            self.data.len() as i64,
            self.data,
            hours_ms,
            self.rare
        ])?;
        Ok(())
    }
}

pub fn delete_block(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("DELETE FROM blocks WHERE id = ?1")?;
    statement.execute([id]).map(|_| ())
}
