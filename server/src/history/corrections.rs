//! What was counted from run to run, and is otherwise now that more is known: rows of
//! their own, which add up with the others.

use rusqlite::Transaction;

use super::aggregate;
use super::block::FORMAT_AGGREGATES;
use super::bucket::{Bucket, Column};
use super::column::Effort;
use super::insert::{LEVEL_FULL, NewBlock};
use super::merge::Result;
use super::reader::NodeReader;
use super::runs::Correction;
use super::tier::Tier;

/// What was counted otherwise than it is now that more is known.
pub fn insert(
    transaction: &Transaction<'_>,
    reader: &NodeReader<'_>,
    node: i64,
    mut corrections: Vec<Correction>,
) -> Result<()> {
    if corrections.is_empty() {
        return Ok(());
    }
    let layouts: Vec<i64> = transaction
        .prepare_cached("SELECT DISTINCT layout FROM blocks WHERE node = ?1 ORDER BY layout DESC")?
        .query_map([node], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for layout in layouts {
        let Some(stored) = reader.layout(layout)? else {
            continue;
        };
        let at = |name: u64| stored.names.iter().position(|known| *known == name);
        let (here, others) = corrections
            .into_iter()
            .partition(|one| at(one.name).is_some());
        let here: Vec<Correction> = here;
        corrections = others;
        if let (Some(min), Some(max)) = (
            here.iter().map(|one| one.time_ms).min(),
            here.iter().map(|one| one.time_ms).max(),
        ) {
            let mut times: Vec<i64> = here.iter().map(|one| one.time_ms).collect();
            times.sort_unstable();
            times.dedup();
            let series = stored.layout.series().iter();
            let mut columns: Vec<Column> = series
                .map(|series| Column::new(series.kind, times.len()))
                .collect();
            for one in &here {
                let (Some(at), Ok(row)) = (at(one.name), times.binary_search(&one.time_ms)) else {
                    continue;
                };
                columns[at].merge(row, &Bucket::step(one.steps, one.grown, one.elapsed_ms));
            }
            let rows = aggregate::columns(&stored.layout, &times, &columns);
            NewBlock {
                node,
                tier: Tier::Raw,
                level: LEVEL_FULL,
                layout,
                format: FORMAT_AGGREGATES,
                span_ms: (min, max),
                rows: rows.rows(),
                data: &rows.encode(Effort::Quick)?,
            }
            .insert(transaction)?;
        }
        if corrections.is_empty() {
            break;
        }
    }
    Ok(())
}
