//! Range queries: from blocks on disk to aligned buckets.
//!
//! Buckets are whole in every tier: they begin at multiples of the step, cover the range,
//! and have all samples of their time, also those of the last one that are after the
//! range. Blocks say by themselves what they come to, so each is read alone.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Connection, params};
use serde::Serialize;
use stardust_shared::SeriesDef;
use stardust_shared::series::Kind;

use super::buckets::{self, Grid, SeriesAnswer};
use super::error::HistoryError;
use super::fresh::{Merged, Row};
use super::layouts::definition;
use super::list::List;
use super::noted::note_samples;
use super::reader::{Fault, Head, NodeReader, Wanted, only_hours_ms};
use super::runs::{Runs, name_of};
use super::select::Selectors;
use super::state::HistoryState;
use super::tier::Tier;
use stardust_blocks::base::Segment;
use stardust_blocks::block::FORMAT_AGGREGATES;
use stardust_blocks::bucket::{Bucket, BucketPosition, Column};
use stardust_blocks::columns::Columns;
use stardust_model::gap::Cause;

/// Most points that one series may be asked for.
pub const POINTS_MAX: usize = 2_000;
/// Most series that one query may match.
pub const SERIES_MAX: usize = 512;
/// Most points in one answer, all series together.
pub const ANSWER_POINTS_MAX: usize = 500_000;
/// Steps of this many intervals are never finer than the samples are apart.
const FINE_INTERVALS: i64 = 3;

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
    /// Whether the last bucket goes on after `to`: more may come to it, or has.
    pub partial: bool,
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

fn invalid(message: impl Into<String>, hint: &'static str) -> HistoryError {
    HistoryError::Invalid {
        message: message.into(),
        hint,
    }
}

/// What a query has to read.
struct Plan {
    grid: Grid,
    blocks: Vec<Head>,
    /// Whether blocks of the hour tier are among them: what is in those is not counted
    /// again.
    hours: bool,
    /// All fresh rows of the node, when some of them count.
    fresh: Vec<Row>,
    tier: Tier,
}

impl Plan {
    fn layouts(&self) -> impl DoubleEndedIterator<Item = i64> {
        let blocks = self.blocks.iter().map(|head| head.layout);
        blocks.chain(self.fresh.iter().map(|row| row.layout))
    }
}

pub fn run(
    connection: &Connection,
    shared: &HistoryState,
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
    let chosen = choose(&transaction, &reader, &plan, &selectors)?;
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
    let mut last: Option<(i64, Wanted)> = None;
    for head in &plan.blocks {
        if last.as_ref().is_none_or(|(id, _)| *id != head.layout) {
            let list = reader.list(head.layout)?;
            last = list.map(|list| (head.layout, chosen.of(&list)));
        }
        let begin_ms = match plan.hours && head.tier != Tier::Hour {
            true => head.hours_ms,
            false => i64::MIN,
        };
        let place = |time_ms: i64| match time_ms < begin_ms {
            true => BucketPosition::Before,
            false => grid.place(time_ms),
        };
        if let Some((_, wanted)) = &last {
            reader.feed(head, wanted, &place, &mut columns, &mut faults);
        }
    }
    if !plan.fresh.is_empty() {
        feed_fresh(
            &transaction,
            &mut reader,
            &plan,
            &chosen,
            &mut columns,
            &mut faults,
        )?;
    }
    let gaps = gaps_in_range(&transaction, query)?;
    shared.found(query.node, faults);
    Ok(Answer {
        from: query.from_ms,
        to: query.to_ms,
        step_ms: grid.step_ms,
        tier: plan.tier.name(),
        times: grid.times(),
        partial: grid.end_ms() > query.to_ms,
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

/// Adds the fresh rows, run by run in the order in which they came.
fn feed_fresh(
    connection: &Connection,
    reader: &mut NodeReader<'_>,
    plan: &Plan,
    chosen: &Chosen,
    columns: &mut [Column],
    faults: &mut Vec<Fault>,
) -> rusqlite::Result<()> {
    let names: HashMap<u64, usize> = chosen.names().collect();
    let mut runs = Runs::load(
        connection,
        reader.node(),
        Some(&|name| names.contains_key(&name)),
    )?;
    let grid = plan.grid;
    let rows = plan
        .fresh
        .chunk_by(|a, b| (a.run, a.layout) == (b.run, b.layout));
    for rows in rows {
        let Some(list) = reader.list(rows[0].layout)? else {
            continue;
        };
        let wanted = chosen.of(&list);
        if wanted.at.is_empty() && rows[0].run != 0 {
            runs.begin(rows[0].run, rows[0].time_min_ms);
            runs.reached(rows[0].run, rows[rows.len() - 1].time_max_ms);
        }
        if wanted.at.is_empty() {
            continue;
        }
        let Some(stored) = reader.layout(rows[0].layout)? else {
            continue;
        };
        let part = stored.part(&wanted.at);
        let mut gathered = Columns::new(wanted.at.len());
        reader.read_fresh(rows, &stored, &wanted.at, &mut gathered, faults);
        let base = note_samples(&mut runs, rows[0].run, &part, &gathered);
        let begin = base.map(|base| Segment { row: 0, base });
        gathered.segments.extend(begin);
        reader.add(&gathered, &wanted, &|time_ms| grid.place(time_ms), columns);
    }
    for one in runs.corrections() {
        if let (Some(at), Some(bucket)) = (names.get(&one.name), grid.bucket(one.time_ms)) {
            let step = Bucket::step(one.steps, one.grown, one.elapsed_ms);
            columns[*at].merge(bucket, &step);
        }
    }
    Ok(())
}

/// The series that a query is for.
#[derive(Default)]
struct Chosen {
    defs: Vec<SeriesDef>,
    /// Their numbers, from small to large. A key may have several, where its definition
    /// has changed.
    ids: Vec<i64>,
    /// Of each number, where in `defs` it is, and its scale.
    places: Vec<(usize, u32)>,
}

impl Chosen {
    /// The counters, as runs call them, and where they are in `defs`.
    fn names(&self) -> impl Iterator<Item = (u64, usize)> {
        let all = self.defs.iter().enumerate();
        let counters = all.filter(|(_, def)| def.kind == Kind::Counter);
        counters.map(|(at, def)| (name_of(&def.key), at))
    }

    /// Those that a list has.
    fn of(&self, list: &List) -> Wanted {
        let mut wanted = Wanted::default();
        for (at, id) in list.find(&self.ids) {
            if let Ok(number) = self.ids.binary_search(&id) {
                let (column, scale) = self.places[number];
                wanted.at.push(at);
                wanted.columns.push(column);
                wanted.scales.push(scale);
            }
        }
        wanted
    }
}

/// Matches the selectors against the series of the node that lists of the range name.
/// The answer's series are in the order in which they came. Definitions that nobody asks
/// for are not read.
fn choose(
    connection: &Connection,
    reader: &NodeReader<'_>,
    plan: &Plan,
    selectors: &Selectors,
) -> Result<Chosen, HistoryError> {
    let named = named(connection, reader.node(), selectors)?;
    let ids: Vec<i64> = named.keys().copied().collect();
    let mut seen = HashSet::new();
    let layouts = plan.layouts().rev().filter(|id| seen.insert(*id));
    let (mut there, mut known) = (Vec::new(), HashSet::new());
    for id in layouts {
        if known.len() == ids.len() {
            break;
        }
        if let Some(list) = reader.list(id)? {
            let ids = list.find(&ids).map(|(_, id)| id);
            there.extend(ids.filter(|id| known.insert(*id)));
        }
    }
    there.sort_unstable();
    let bare: HashSet<&str> = there
        .iter()
        .map(|id| &*named[id].key)
        .filter(|key| selectors.names(key))
        .collect();
    let mut defs: Vec<SeriesDef> = Vec::new();
    let mut columns: HashMap<&str, usize> = HashMap::new();
    let newest: HashMap<&str, i64> = there.iter().map(|id| (&*named[id].key, *id)).collect();
    let mut places = BTreeMap::new();
    for id in &there {
        let series = &named[id];
        if !selectors.matches(&series.key, |name| bare.contains(name)) {
            continue;
        }
        let column = *columns.entry(&series.key).or_insert(defs.len());
        if column == defs.len() {
            if defs.len() >= SERIES_MAX {
                return Err(invalid(
                    format!("More than {SERIES_MAX} series match."),
                    "Name fewer series, or a longer prefix.",
                ));
            }
            defs.push(named[&newest[&*series.key]].clone());
        }
        // Of another kind once: that can't be in the same column.
        if defs[column].kind == series.kind {
            places.insert(*id, (column, series.scale));
        }
    }
    Ok(Chosen {
        defs,
        ids: places.keys().copied().collect(),
        places: places.into_values().collect(),
    })
}

/// Series of a node that the selectors may mean, by their numbers.
fn named(
    connection: &Connection,
    node: i64,
    selectors: &Selectors,
) -> rusqlite::Result<BTreeMap<i64, SeriesDef>> {
    let mut named = BTreeMap::new();
    let mut statement = connection.prepare_cached(
        "SELECT id, key, flags, unit, scale FROM series
         WHERE node = ?1 AND key >= ?2 AND key < CAST(?3 AS TEXT)",
    )?;
    for (from, to) in selectors.ranges() {
        let mut rows = statement.query(params![node, from, to])?;
        while let Some(row) = rows.next()? {
            let (id, series) = definition(row)?;
            named.insert(id, series);
        }
    }
    Ok(named)
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
