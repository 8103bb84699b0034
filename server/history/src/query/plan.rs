//! Which blocks a query has to read, and how fine its answer can be.

use rusqlite::Connection;
use stardust_blocks::block::FORMAT_AGGREGATES;

use super::super::buckets::{self, Grid};
use super::super::error::HistoryError;
use super::super::fresh::{Merged, Row};
use super::super::reader::{Head, NodeReader, only_hours_ms};
use super::super::state::HistoryState;
use super::super::tier::Tier;
use super::Query;

/// Steps of this many intervals are never finer than the samples are apart.
const FINE_INTERVALS: i64 = 3;

/// What a query has to read.
pub struct Plan {
    pub grid: Grid,
    pub blocks: Vec<Head>,
    /// Whether blocks of the hour tier are among them: what is in those is not counted
    /// again.
    pub hours: bool,
    /// All fresh rows of the node, when some of them count.
    pub fresh: Vec<Row>,
    pub tier: Tier,
}

impl Plan {
    pub fn layouts(&self) -> impl DoubleEndedIterator<Item = i64> {
        let blocks = self.blocks.iter().map(|head| head.layout);
        blocks.chain(self.fresh.iter().map(|row| row.layout))
    }
}

/// Picks the coarsest tier that is fine enough, and where there is nothing
/// finer left, what is left.
pub fn plan(
    connection: &Connection,
    reader: &NodeReader<'_>,
    shared: &HistoryState,
    query: &Query,
) -> Result<Plan, HistoryError> {
    let hour_ms = Tier::Hour.step_ms();
    let wanted_ms = buckets::step_ms(query.to_ms - query.from_ms, query.points);
    let fresh_in = |grid: &Grid| fresh_rows(connection, shared, query.node, grid);
    let in_hours = || -> Result<Plan, HistoryError> {
        let grid = Grid::new(query.from_ms, query.to_ms, query.points, hour_ms);
        let mut blocks = reader.blocks(Tier::Hour, grid.start_ms, grid.end_ms())?;
        blocks.extend(reader.not_in_hours(grid.start_ms, grid.end_ms())?);
        Ok(Plan {
            fresh: fresh_in(&grid)?,
            grid,
            blocks,
            hours: true,
            tier: Tier::Hour,
        })
    };
    if wanted_ms >= hour_ms {
        return in_hours();
    }
    // The finest that it can be: what is read is what this covers.
    let mut grid = Grid::new(query.from_ms, query.to_ms, query.points, 0);
    // Does the range begin where only hours are left?
    let only_hours_ms = only_hours_ms(connection, query.node)?;
    if grid.start_ms < only_hours_ms {
        let end_ms = only_hours_ms.min(grid.end_ms());
        if !reader.blocks(Tier::Hour, grid.start_ms, end_ms)?.is_empty() {
            return in_hours();
        }
    }
    let mut blocks = reader.detail(grid.start_ms, grid.end_ms())?;
    let mut fresh = fresh_in(&grid)?;
    let are_minutes = |head: &Head| head.tier == Tier::Minute && head.format == FORMAT_AGGREGATES;
    let (tier, least_ms) = match blocks.iter().any(are_minutes) {
        true => (Tier::Minute, Tier::Minute.step_ms()),
        false => (Tier::Raw, 0),
    };
    let interval_ms = interval_ms(reader, &blocks, &fresh, grid.step_ms)?;
    let finest = Grid::new(
        query.from_ms,
        query.to_ms,
        query.points,
        interval_ms.max(least_ms),
    );
    if (finest.start_ms, finest.end_ms()) != (grid.start_ms, grid.end_ms()) {
        blocks = reader.detail(finest.start_ms, finest.end_ms())?;
        fresh = fresh_in(&finest)?;
    }
    grid = finest;
    Ok(Plan {
        grid,
        blocks,
        hours: false,
        fresh,
        tier,
    })
}

/// All fresh rows of the node, when some are of that time, or are of a run that others
/// may go on from.
fn fresh_rows(
    connection: &Connection,
    shared: &HistoryState,
    node: i64,
    grid: &Grid,
) -> rusqlite::Result<Vec<Row>> {
    let rows = shared.fresh().all_of(node, Merged::read(connection)?);
    let here = |row: &Row| row.time_max_ms >= grid.start_ms && row.time_min_ms < grid.end_ms();
    let counts = rows.iter().any(here)
        || (!rows.is_empty() && may_be_gone_on_from(connection, node, &rows)?);
    Ok(if counts { rows } else { Vec::new() })
}

/// Whether there is a run that begins after those of these rows: it may go on from them.
fn may_be_gone_on_from(connection: &Connection, node: i64, rows: &[Row]) -> rusqlite::Result<bool> {
    let mut statement =
        connection.prepare_cached("SELECT id, first_ms FROM progress WHERE node = ?1")?;
    let runs: Vec<(i64, Option<i64>)> = statement
        .query_map([node], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let begin_ms = |row: &Row| {
        let known = runs.iter().find(|(id, _)| *id == row.run);
        known
            .and_then(|(_, first_ms)| *first_ms)
            .unwrap_or(row.time_min_ms)
    };
    let later = |row: &Row| {
        let mut others = runs.iter().filter(|(id, _)| *id != row.run);
        others.any(|(_, first_ms)| first_ms.is_none_or(|first_ms| first_ms >= begin_ms(row)))
    };
    Ok(rows.iter().any(later))
}

/// How far the newest samples of the range are apart, when that may be more than `step_ms`
/// lets one see. A gap among them does not count.
fn interval_ms(
    reader: &NodeReader<'_>,
    blocks: &[Head],
    fresh: &[Row],
    step_ms: i64,
) -> rusqlite::Result<i64> {
    // Those of rare series are of the same times as others.
    let samples = |head: &&Head| head.format != FORMAT_AGGREGATES && head.rows > 1 && !head.rare;
    let means = blocks.iter().filter(samples).filter_map(Head::interval_ms);
    let fresh_means = fresh
        .iter()
        .filter(|row| row.rows > 1)
        .map(|row| (row.time_max_ms - row.time_min_ms) / i64::from(row.rows - 1));
    let mean_ms = means.chain(fresh_means).min();
    let apart = || {
        let newest = fresh
            .chunk_by(|a, b| a.run == b.run)
            .next_back()
            .unwrap_or(&[]);
        let times = newest
            .windows(2)
            .map(|pair| pair[1].time_max_ms - pair[0].time_max_ms);
        times.filter(|apart| *apart > 0).min()
    };
    let Some(mean_ms) = mean_ms
        .or_else(apart)
        .filter(|mean| mean * FINE_INTERVALS > step_ms)
    else {
        return Ok(0);
    };
    // The mean of a block with a gap in it says little.
    let newest = blocks.iter().rev().find(samples);
    let median_ms = match newest {
        Some(head) if fresh.iter().all(|row| row.rows < 2) => reader.median_interval_ms(head),
        _ => None,
    };
    Ok(median_ms.map_or(mean_ms, |median| median.min(mean_ms)))
}
