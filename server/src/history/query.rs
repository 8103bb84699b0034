//! Range queries: from blocks on disk to aligned buckets.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use stardust_shared::{Layout, SeriesDef};

use super::block::{self, BlockError};
use super::buckets::{Column, Grid, SeriesAnswer};
use super::gaps::Cause;
use super::select::Selectors;
use crate::store::StoreError;

/// Most points that one series may be asked for.
pub const POINTS_MAX: usize = 2_000;
/// Most series that one query may match.
pub const SERIES_MAX: usize = 512;
/// Most points in one answer, all series together.
pub const ANSWER_POINTS_MAX: usize = 500_000;
/// How far before the range a sample may be that a counter's growth is counted from.
const LOOK_BACK_MS: i64 = 10 * 60_000;

#[derive(Clone, Debug)]
pub struct Query {
    pub node: i64,
    pub selectors: Vec<String>,
    /// Unix milliseconds, inclusive.
    pub from_ms: i64,
    /// Unix milliseconds, exclusive.
    pub to_ms: i64,
    pub points: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    pub from: i64,
    pub to: i64,
    pub step_ms: i64,
    /// Which tier answered.
    pub tier: &'static str,
    /// Start of each bucket.
    pub times: Vec<i64>,
    pub series: Vec<SeriesAnswer>,
    pub gaps: Vec<GapAnswer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GapAnswer {
    pub from: i64,
    pub to: i64,
    pub cause: Cause,
    pub text: &'static str,
    pub lost: i64,
}

#[derive(Debug)]
pub enum HistoryError {
    /// The query makes no sense or asks for too much: what, and what to do.
    Invalid {
        message: String,
        hint: &'static str,
    },
    Store(StoreError),
}

impl From<rusqlite::Error> for HistoryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(StoreError::Sql(error))
    }
}

impl From<StoreError> for HistoryError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn invalid(message: impl Into<String>, hint: &'static str) -> HistoryError {
    HistoryError::Invalid {
        message: message.into(),
        hint,
    }
}

/// One stored layout, and which of its series the query wants.
struct Wanted {
    series: Vec<u8>,
    /// Positions in the layout, with their scales.
    at: Vec<usize>,
    scales: Vec<u32>,
    /// Positions in the answer, alongside.
    columns: Vec<usize>,
}

pub fn run(connection: &Connection, query: &Query) -> Result<Answer, HistoryError> {
    if query.from_ms >= query.to_ms || query.from_ms < 0 {
        return Err(invalid(
            "The range is empty: `from` must be before `to`.",
            "Give both in Unix milliseconds.",
        ));
    }
    if query.points == 0 || query.points > POINTS_MAX {
        return Err(invalid(
            format!("`points` must be from 1 to {POINTS_MAX}."),
            "Ask for about one point a pixel.",
        ));
    }
    let selectors = Selectors::parse(query.selectors.iter().map(String::as_str));
    if selectors.is_empty() {
        return Err(invalid(
            "No series were named.",
            "Add series=cpu.user_ms, or a prefix such as series=net.*; GET …/series lists them.",
        ));
    }
    // One read transaction: the list of blocks and their data must agree.
    let transaction = connection.unchecked_transaction()?;
    let since_ms = query.from_ms - LOOK_BACK_MS;
    let interval_ms = interval_in_range(&transaction, query, since_ms)?;
    let grid = Grid::new(query.from_ms, query.to_ms, query.points, interval_ms);
    let layouts = layouts_in_range(&transaction, query, since_ms)?;
    let (wanted, defs) = want(&transaction, &layouts, &selectors)?;
    if defs.len() * grid.count > ANSWER_POINTS_MAX {
        return Err(invalid(
            format!(
                "{} series of {} points are more than one answer holds.",
                defs.len(),
                grid.count
            ),
            "Ask for fewer points or fewer series.",
        ));
    }
    let mut columns: Vec<Column> = defs
        .iter()
        .map(|def| Column::new(def.kind, &grid))
        .collect();
    let mut damaged = 0u32;
    let mut blocks = transaction.prepare_cached(
        "SELECT layout, format, data FROM blocks
         WHERE node = ?1 AND time_max_ms >= ?2 AND time_min_ms < ?3 ORDER BY time_min_ms, id",
    )?;
    let mut rows = blocks.query(params![query.node, since_ms, query.to_ms])?;
    while let Some(row) = rows.next()? {
        let layout: i64 = row.get(0)?;
        let Some(wanted) = wanted.get(&layout) else {
            continue;
        };
        let data = row.get_ref(2)?.as_blob().unwrap_or_default();
        let result = block::for_each_row(
            row.get(1)?,
            &wanted.series,
            data,
            &wanted.at,
            &mut |time_ms, values| {
                if time_ms < since_ms || time_ms >= query.to_ms {
                    return;
                }
                for ((&value, &scale), &column) in
                    values.iter().zip(&wanted.scales).zip(&wanted.columns)
                {
                    columns[column].add(&grid, time_ms, value, scale);
                }
            },
        );
        // A damaged block costs its own samples, not the whole answer.
        if let Err(error) = result {
            damaged += 1;
            if damaged == 1 {
                crate::log::warn(&format!("history of node {}: {error}", query.node));
            }
        }
    }
    Ok(Answer {
        from: query.from_ms,
        to: query.to_ms,
        step_ms: grid.step_ms,
        tier: "raw",
        times: grid.times(),
        series: columns
            .iter()
            .zip(&defs)
            .map(|(column, def)| column.answer(&def.key, def.unit.name()))
            .collect(),
        gaps: gaps_in_range(&transaction, query)?,
    })
}

/// Mean time between the samples of the newest block that has several; 0 when
/// there is none.
fn interval_in_range(
    connection: &Connection,
    query: &Query,
    since_ms: i64,
) -> Result<i64, HistoryError> {
    let mut statement = connection.prepare_cached(
        "SELECT (time_max_ms - time_min_ms) / (rows - 1) FROM blocks
         WHERE node = ?1 AND time_max_ms >= ?2 AND time_min_ms < ?3 AND rows > 1
         ORDER BY time_max_ms DESC LIMIT 1",
    )?;
    let interval = statement
        .query_row(params![query.node, since_ms, query.to_ms], |row| row.get(0))
        .optional()?;
    Ok(interval.unwrap_or(0))
}

fn layouts_in_range(
    connection: &Connection,
    query: &Query,
    since_ms: i64,
) -> Result<Vec<i64>, HistoryError> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT layout FROM blocks
         WHERE node = ?1 AND time_max_ms >= ?2 AND time_min_ms < ?3 ORDER BY layout",
    )?;
    let rows = statement.query_map(params![query.node, since_ms, query.to_ms], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

type WantedLayouts = HashMap<i64, Wanted>;

/// Matches the selectors against every layout of the range. The answer's series
/// are in the order of the newest layout, then what only older ones had.
fn want(
    connection: &Connection,
    layouts: &[i64],
    selectors: &Selectors,
) -> Result<(WantedLayouts, Vec<SeriesDef>), HistoryError> {
    let mut decoded = Vec::new();
    for &id in layouts.iter().rev() {
        let series: Option<Vec<u8>> = connection
            .prepare_cached("SELECT series FROM layouts WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        let Some(series) = series else { continue };
        match Layout::decode_series(0, &series) {
            Ok(layout) => decoded.push((id, series, layout)),
            Err(error) => {
                let error = BlockError::Wire(error);
                crate::log::warn(&format!("history: layout {id}: {error}"));
            }
        }
    }
    let mut positions: BTreeMap<Box<str>, usize> = BTreeMap::new();
    let mut defs: Vec<SeriesDef> = Vec::new();
    let mut wanted = HashMap::new();
    let bare: HashSet<&str> = decoded
        .iter()
        .flat_map(|(_, _, layout)| layout.series())
        .map(|series| &*series.key)
        .filter(|key| !key.contains('{'))
        .collect();
    for (id, bytes, layout) in &decoded {
        let mut one = Wanted {
            series: bytes.clone(),
            at: Vec::new(),
            scales: Vec::new(),
            columns: Vec::new(),
        };
        for (at, series) in layout.series().iter().enumerate() {
            if !selectors.matches(&series.key, |name| bare.contains(name)) {
                continue;
            }
            let column = match positions.get(&series.key) {
                Some(&column) => column,
                None => {
                    let column = defs.len();
                    if column >= SERIES_MAX {
                        return Err(invalid(
                            format!("More than {SERIES_MAX} series match."),
                            "Name fewer series, or a longer prefix.",
                        ));
                    }
                    positions.insert(series.key.clone(), column);
                    defs.push(series.clone());
                    column
                }
            };
            one.at.push(at);
            one.scales.push(series.scale);
            one.columns.push(column);
        }
        wanted.insert(*id, one);
    }
    Ok((wanted, defs))
}

fn gaps_in_range(connection: &Connection, query: &Query) -> Result<Vec<GapAnswer>, HistoryError> {
    let mut statement = connection.prepare_cached(
        "SELECT from_ms, to_ms, cause, lost FROM gaps
         WHERE node = ?1 AND to_ms > ?2 AND from_ms < ?3 ORDER BY from_ms LIMIT 10000",
    )?;
    let rows = statement.query_map(params![query.node, query.from_ms, query.to_ms], |row| {
        let cause: String = row.get(2)?;
        let cause = Cause::from_name(&cause);
        Ok(GapAnswer {
            from: row.get(0)?,
            to: row.get(1)?,
            cause,
            text: cause.text(),
            lost: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
