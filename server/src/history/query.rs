//! Range queries: from blocks on disk to aligned buckets.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::{Connection, params};
use serde::Serialize;
use stardust_shared::SeriesDef;

use super::block::is_aggregates;
use super::bucket::{Column, Place};
use super::buckets::{self, Grid, SeriesAnswer};
use super::gaps::Cause;
use super::layouts::Stored;
use super::reader::{Item, NodeReader, Wanted, fresh_of, hours_until_ms};
use super::select::Selectors;
use super::shared::Shared;
use super::tier::Tier;
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
        Self::Store(StoreError::from(error))
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

/// What a query has to read.
struct Plan {
    grid: Grid,
    /// Blocks of the hour tier, by time.
    hours: Vec<Item>,
    /// What is finer: samples from here on count.
    detail_ms: i64,
    detail: Vec<Item>,
    tier: Tier,
}

pub fn run(
    connection: &Connection,
    shared: &Shared,
    query: &Query,
) -> Result<Answer, HistoryError> {
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
    // One read transaction: the lists of blocks and their data must agree.
    let transaction = connection.unchecked_transaction()?;
    let mut reader = NodeReader::new(&transaction, &shared.layouts, query.node);
    let plan = plan(&transaction, &reader, shared, query)?;
    let grid = plan.grid;
    let chosen = choose(&reader, &plan, &selectors)?;
    let defs = &chosen.defs;
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
        .map(|def| Column::new(def.kind, grid.count))
        .collect();
    let mut faults = Vec::new();
    let hours_end_ms = plan.detail_ms;
    let in_hours = |time_ms: i64| {
        if time_ms < hours_end_ms {
            grid.place(time_ms)
        } else {
            Place::Nowhere
        }
    };
    let in_detail = |time_ms: i64| {
        if time_ms < plan.detail_ms || time_ms >= query.to_ms {
            Place::Nowhere
        } else {
            grid.place(time_ms)
        }
    };
    let hours = plan
        .hours
        .iter()
        .map(|item| (item, &in_hours as &dyn Fn(i64) -> Place));
    let detail = plan
        .detail
        .iter()
        .map(|item| (item, &in_detail as &dyn Fn(i64) -> Place));
    let mut last: Option<(i64, Arc<Stored>, Wanted)> = None;
    for (item, place) in hours.chain(detail) {
        if last.as_ref().is_none_or(|(id, ..)| *id != item.layout()) {
            let stored = reader.layout(item.layout())?;
            last = stored.map(|stored| {
                let wanted = chosen.of(&stored);
                (item.layout(), stored, wanted)
            });
        }
        if let Some((_, stored, wanted)) = &last {
            reader.feed(item, stored, wanted, place, &mut columns, &mut faults);
        }
    }
    let gaps = gaps_in_range(&transaction, query)?;
    shared.found(query.node, faults);
    Ok(Answer {
        from: query.from_ms,
        to: query.to_ms,
        step_ms: grid.step_ms,
        tier: plan.tier.name(),
        times: grid.times(),
        series: columns
            .into_iter()
            .zip(defs)
            .map(|(column, def)| buckets::answer(column, &def.key, def.unit))
            .collect(),
        gaps,
    })
}

/// Picks the coarsest tier that is fine enough, and where there is nothing
/// finer left, what is left.
fn plan(
    connection: &Connection,
    reader: &NodeReader<'_>,
    shared: &Shared,
    query: &Query,
) -> Result<Plan, HistoryError> {
    let fresh = |from_ms| fresh_of(&shared.fresh, query.node, from_ms, query.to_ms);
    let since_ms = query.from_ms - LOOK_BACK_MS;
    let hours_until_ms = hours_until_ms(connection, query.node)?.unwrap_or(i64::MIN);
    let hour_ms = Tier::Hour.step_ms();
    let wanted_ms = buckets::step_ms(query.to_ms - query.from_ms, query.points);
    let hours = |grid: &Grid| -> Result<Vec<Item>, HistoryError> {
        let blocks = reader.blocks(Tier::Hour, grid.start_ms, query.to_ms)?;
        Ok(blocks.into_iter().map(Item::Block).collect())
    };
    let in_hours = |query: &Query| -> Result<Plan, HistoryError> {
        let grid = Grid::new(query.from_ms, query.to_ms, query.points, hour_ms);
        // Buckets are whole hours, and so is the edge of the tier.
        let detail_ms = hours_until_ms.max(grid.start_ms);
        Ok(Plan {
            grid,
            hours: hours(&grid)?,
            detail_ms,
            detail: reader.detail(&fresh(detail_ms), detail_ms, query.to_ms)?,
            tier: Tier::Hour,
        })
    };
    if wanted_ms >= hour_ms && query.from_ms < hours_until_ms {
        return in_hours(query);
    }
    let detail = reader.detail(&fresh(since_ms), since_ms, query.to_ms)?;
    // Does the range begin where only hours are left?
    let oldest_ms = detail
        .iter()
        .map(Item::time_min_ms)
        .min()
        .unwrap_or(i64::MAX);
    let only_hours_ms = oldest_ms.min(hours_until_ms).min(query.to_ms);
    if query.from_ms < only_hours_ms {
        let older = reader.blocks(Tier::Hour, query.from_ms, only_hours_ms - hour_ms)?;
        if !older.is_empty() {
            return in_hours(query);
        }
    }
    let aggregates = |item: &&Item| matches!(item, Item::Block(head) if is_aggregates(head.format));
    let minutes = detail.iter().any(|item| aggregates(&item));
    let samples = detail.iter().rev().filter(|item| !aggregates(item));
    let interval_ms = samples.filter_map(Item::interval_ms).next().unwrap_or(0);
    let (tier, finest_ms) = if minutes {
        (Tier::Minute, interval_ms.max(Tier::Minute.step_ms()))
    } else {
        (Tier::Raw, interval_ms)
    };
    Ok(Plan {
        grid: Grid::new(query.from_ms, query.to_ms, query.points, finest_ms),
        hours: Vec::new(),
        detail_ms: since_ms,
        detail,
        tier,
    })
}

/// The series that a query is for.
#[derive(Default)]
struct Chosen {
    /// Where in `defs` a key is.
    columns: HashMap<Box<str>, usize>,
    defs: Vec<SeriesDef>,
}

impl Chosen {
    /// Those that a layout has.
    fn of(&self, stored: &Stored) -> Wanted {
        let mut wanted = Wanted::default();
        for (at, series) in stored.layout.series().iter().enumerate() {
            // Of another kind now: it can't be in the same column.
            if let Some(&column) = self.columns.get(&series.key)
                && self.defs[column].kind == series.kind
            {
                wanted.at.push(at);
                wanted.columns.push(column);
            }
        }
        wanted
    }
}

/// Matches the selectors against every layout of the range. The answer's series
/// are in the order of the newest layout, then what only older ones had. A node may
/// have had thousands of layouts: one at a time is looked at, and none is held.
fn choose(
    reader: &NodeReader<'_>,
    plan: &Plan,
    selectors: &Selectors,
) -> Result<Chosen, HistoryError> {
    let mut seen = HashSet::new();
    let items = plan.hours.iter().chain(&plan.detail).rev();
    let layouts = items.map(Item::layout).filter(|id| seen.insert(*id));
    let layouts: Vec<i64> = layouts.collect();
    let mut bare: HashSet<Box<str>> = HashSet::new();
    for &id in &layouts {
        let stored = reader.layout(id)?;
        for series in stored.iter().flat_map(|stored| stored.layout.series()) {
            if selectors.names(&series.key) && !bare.contains(&series.key) {
                bare.insert(series.key.clone());
            }
        }
    }
    let mut chosen = Chosen::default();
    for &id in &layouts {
        let stored = reader.layout(id)?;
        for series in stored.iter().flat_map(|stored| stored.layout.series()) {
            if chosen.columns.contains_key(&series.key)
                || !selectors.matches(&series.key, |name| bare.contains(name))
            {
                continue;
            }
            if chosen.defs.len() >= SERIES_MAX {
                return Err(invalid(
                    format!("More than {SERIES_MAX} series match."),
                    "Name fewer series, or a longer prefix.",
                ));
            }
            let column = chosen.defs.len();
            chosen.columns.insert(series.key.clone(), column);
            chosen.defs.push(series.clone());
        }
    }
    Ok(chosen)
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
