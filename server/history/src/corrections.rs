//! What was counted from run to run, and is otherwise now that more is known: rows of
//! their own, which add up with the others.

use std::collections::HashMap;

use rusqlite::Transaction;
use stardust_shared::series::{Kind, SeriesDef};

use super::catalogue;
use super::error::Result;
use super::insert::{LEVEL_FULL, NewBlock};
use super::layouts::{Stored, definition};
use super::list::List;
use super::runs::{Correction, name_of};
use super::tier::Tier;
use stardust_blocks::aggregate;
use stardust_blocks::block::FORMAT_AGGREGATES;
use stardust_blocks::bucket::{Bucket, Column};
use stardust_blocks::column::Effort;
use stardust_shared::Layout;
use stardust_shared::limits::SERIES_MAX;

/// What was counted otherwise than it is now that more is known. Of series that the node
/// has not any more there is nothing to set right.
pub fn insert(
    transaction: &Transaction<'_>,
    node: i64,
    corrections: Vec<Correction>,
) -> Result<()> {
    if corrections.is_empty() {
        return Ok(());
    }
    let mut of_name: HashMap<u64, Option<(i64, SeriesDef)>> =
        corrections.iter().map(|one| (one.name, None)).collect();
    let mut statement = transaction
        .prepare_cached("SELECT id, key, flags, unit, scale FROM series WHERE node = ?1")?;
    let mut rows = statement.query([node])?;
    while let Some(row) = rows.next()? {
        let (id, series) = definition(row)?;
        if series.kind == Kind::Counter
            && let Some(found) = of_name.get_mut(&name_of(&series.key))
            && found.as_ref().is_none_or(|(before, _)| *before < id)
        {
            *found = Some((id, series));
        }
    }
    let mut found: Vec<(i64, SeriesDef)> = of_name.into_values().flatten().collect();
    found.sort_by_key(|(id, _)| *id);
    for some in found.chunks(SERIES_MAX) {
        let list = List::new(some.iter().map(|(id, _)| *id));
        let series = some.iter().map(|(_, series)| series.clone());
        let stored = Stored::new(list, Layout::new(0, series.collect()));
        insert_of(transaction, node, &stored, &corrections)?;
    }
    Ok(())
}

fn insert_of(
    transaction: &Transaction<'_>,
    node: i64,
    stored: &Stored,
    corrections: &[Correction],
) -> Result<()> {
    let places: HashMap<u64, usize> = stored.names.iter().copied().zip(0..).collect();
    let here = corrections.iter();
    let here = here.filter_map(|one| Some((*places.get(&one.name)?, one)));
    let mut times: Vec<i64> = here.clone().map(|(_, one)| one.time_ms).collect();
    times.sort_unstable();
    times.dedup();
    let (Some(min), Some(max)) = (times.first(), times.last()) else {
        return Ok(());
    };
    let series = stored.layout.series().iter();
    let mut columns: Vec<Column> = series
        .clone()
        .map(|series| Column::new(series.kind, times.len()))
        .collect();
    for (at, one) in here {
        if let Ok(row) = times.binary_search(&one.time_ms) {
            columns[at].merge(row, &Bucket::step(one.steps, one.grown, one.elapsed_ms));
        }
    }
    let rows = aggregate::columns(&times, series.zip(&columns));
    NewBlock {
        node,
        tier: Tier::Raw,
        level: LEVEL_FULL,
        layout: catalogue::row_of_stored(transaction, node, stored)?,
        format: FORMAT_AGGREGATES,
        span_ms: (*min, *max),
        rows: rows.rows(),
        rare: false,
        data: &rows.encode(Effort::Quick)?,
    }
    .insert(transaction)?;
    Ok(())
}
