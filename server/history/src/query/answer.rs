//! A query from its question to its answer, in one snapshot.

use std::collections::HashMap;

use rusqlite::{Connection, params};
use stardust_blocks::base::Segment;
use stardust_blocks::bucket::{Bucket, BucketPosition, Column};
use stardust_blocks::columns::Columns;
use stardust_model::gap::GapCause;

use super::super::buckets;
use super::super::error::HistoryError;
use super::super::noted::note_samples;
use super::super::reader::{Fault, NodeReader, Wanted};
use super::super::runs::Runs;
use super::super::select::Selectors;
use super::super::state::HistoryState;
use super::super::tier::Tier;
use super::chosen::{Chosen, choose};
use super::plan::{Plan, plan};
use super::{Answer, GapAnswer, POINTS_MAX, Query};

/// Most points in one answer, all series together.
pub const ANSWER_POINTS_MAX: usize = 500_000;
pub fn run(
    connection: &Connection,
    shared: &HistoryState,
    query: &Query,
) -> Result<Answer, HistoryError> {
    if query.from_ms >= query.to_ms || query.from_ms < 0 {
        return Err(HistoryError::invalid(
            "The range is empty: `from` must be before `to`.",
            "Give both in Unix milliseconds.",
        ));
    }
    if query.points == 0 || query.points > POINTS_MAX {
        return Err(HistoryError::invalid(
            format!("`points` must be from 1 to {POINTS_MAX}."),
            "Ask for about one point a pixel.",
        ));
    }
    let selectors = Selectors::parse(query.selectors.iter().map(String::as_str));
    if selectors.is_empty() {
        return Err(HistoryError::invalid(
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
        return Err(HistoryError::invalid(
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

fn gaps_in_range(connection: &Connection, query: &Query) -> Result<Vec<GapAnswer>, HistoryError> {
    let mut statement = connection.prepare_cached(
        "SELECT from_ms, to_ms, cause, lost FROM gaps
         WHERE node = ?1 AND to_ms > ?2 AND from_ms < ?3 ORDER BY from_ms LIMIT 10000",
    )?;
    let rows = statement.query_map(params![query.node, query.from_ms, query.to_ms], |row| {
        let cause: String = row.get(2)?;
        let cause = GapCause::from_name(&cause);
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
