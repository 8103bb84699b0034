//! Makes coarser tiers of finer ones: hours beside the samples, minutes in the
//! place of samples that have become too old. On the writer's thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::catalogue;
use super::damage;
use super::error::Result;
use super::insert::{LEVEL_FULL, LEVEL_SMALL, NewBlock, delete_block};
use super::layouts::Stored;
use super::reader::{Fault, Head, NodeReader, Wanted};
use super::state::HistoryState;
use super::tier::Tier;
use stardust_blocks::aggregate;
use stardust_blocks::block::FORMAT_AGGREGATES;
use stardust_blocks::bucket::{BucketPosition, Column};
use stardust_blocks::column::Effort;

/// Of blocks whose samples all are in the hours.
const IN_HOURS_MS: i64 = i64::MAX;
/// Blocks that hours are made of in one step.
const BLOCKS_AT_ONCE: usize = 64;

/// Gathers buckets of the samples that it is fed, layout by layout.
struct Downsampling {
    step_ms: i64,
    made: Vec<Made>,
}

/// One block's worth.
struct Made {
    layout: i64,
    stored: Arc<Stored>,
    rare: bool,
    starts: Vec<i64>,
    columns: Vec<Column>,
}

/// Numbers buckets in the order in which they are met.
#[derive(Default)]
struct Slots {
    starts: Vec<i64>,
    at: HashMap<i64, usize>,
}

impl Slots {
    fn of(&mut self, start_ms: i64) -> usize {
        if self.starts.last() == Some(&start_ms) {
            return self.starts.len() - 1;
        }
        *self.at.entry(start_ms).or_insert_with(|| {
            self.starts.push(start_ms);
            self.starts.len() - 1
        })
    }
}

impl Downsampling {
    fn new(tier: Tier) -> Self {
        Self {
            step_ms: tier.step_ms(),
            made: Vec::new(),
        }
    }

    /// Takes those samples of a block that are of `from_ms` or later.
    fn take(
        &mut self,
        reader: &mut NodeReader<'_>,
        head: &Head,
        stored: &Arc<Stored>,
        from_ms: i64,
        faults: &mut Vec<Fault>,
    ) {
        let all = Wanted {
            at: (0..stored.len()).collect(),
            columns: (0..stored.len()).collect(),
            scales: stored.layout.series().iter().map(|s| s.scale).collect(),
        };
        let (starts, mut columns) = match self.made.pop_if(|made| made.layout == head.layout) {
            Some(made) => (made.starts, made.columns),
            None => (Vec::new(), columns_of(stored)),
        };
        let slots = Slots {
            at: starts
                .iter()
                .enumerate()
                .map(|(at, start)| (*start, at))
                .collect(),
            starts,
        };
        let slots = RefCell::new(slots);
        let step_ms = self.step_ms;
        let place = |time_ms: i64| {
            if time_ms < from_ms {
                return BucketPosition::Before;
            }
            let start_ms = time_ms.div_euclid(step_ms) * step_ms;
            BucketPosition::Bucket(slots.borrow_mut().of(start_ms))
        };
        reader.feed(head, &all, &place, &mut columns, faults);
        self.made.push(Made {
            layout: head.layout,
            stored: Arc::clone(stored),
            rare: head.rare,
            starts: slots.into_inner().starts,
            columns,
        });
    }

    /// Writes what was gathered.
    fn insert(self, transaction: &Transaction<'_>, node: i64, tier: Tier) -> Result<usize> {
        let mut bytes = 0;
        for mut made in self.made {
            let (Some(min), Some(max)) = (made.starts.iter().min(), made.starts.iter().max())
            else {
                continue;
            };
            for column in &mut made.columns {
                column.buckets.grow(column.kind, made.starts.len());
            }
            let whole = Stored::union([&*made.stored]);
            let mut places = vec![0; whole.len()];
            for (at, place) in whole.positions(&made.stored).into_iter().enumerate() {
                places[place] = at;
            }
            let columns = places.iter().map(|at| &made.columns[*at]);
            let series = whole.layout.series().iter().zip(columns);
            let columns = aggregate::columns(&made.starts, series);
            let data = columns.encode(Effort::Best)?;
            bytes += data.len();
            let block = NewBlock {
                node,
                tier,
                level: LEVEL_SMALL,
                layout: catalogue::row_of_stored(transaction, node, &whole)?,
                format: FORMAT_AGGREGATES,
                span_ms: (*min, max + tier.step_ms() - 1),
                rows: columns.rows(),
                rare: made.rare,
                data: &data,
            };
            // Minutes are made of what is in the hours.
            block.insert_with_hours(transaction, IN_HOURS_MS)?;
        }
        Ok(bytes)
    }
}

/// Blocks of a node that are full and not in the hours, oldest first, when it is time to
/// make hours of them.
pub fn hours_due(
    connection: &Connection,
    shared: &HistoryState,
    node: i64,
) -> rusqlite::Result<Vec<Head>> {
    let columns = Head::COLUMNS;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {columns} FROM blocks
         WHERE node = ?1 AND tier < 2 AND hours_ms <= time_max_ms AND level = {LEVEL_FULL}
         ORDER BY time_min_ms, id LIMIT {BLOCKS_AT_ONCE}"
    ))?;
    let heads: Vec<Head> = statement
        .query_map([node], Head::read)?
        .collect::<rusqlite::Result<_>>()?;
    let span_ms = |head: &Head| head.time_max_ms - head.time_min_ms.max(head.hours_ms);
    let all_ms: i64 = heads.iter().map(span_ms).fold(0, i64::saturating_add);
    let due = all_ms >= shared.sizes.hours_span_ms || heads.len() == BLOCKS_AT_ONCE;
    Ok(if due { heads } else { Vec::new() })
}

/// Makes the hours of a node whose blocks are full, when it is time.
pub fn make_due_hours(connection: &mut Connection, shared: &HistoryState, node: i64) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let heads = hours_due(&transaction, shared, node)?;
    add_to_hours(&transaction, shared, node, &heads)?;
    Ok(transaction.commit()?)
}

/// Adds the samples of blocks to the hours. Blocks that turn out to be damaged are set
/// aside instead, and what is sound of them is left for the next time.
fn add_to_hours(
    transaction: &Transaction<'_>,
    shared: &HistoryState,
    node: i64,
    heads: &[Head],
) -> Result<()> {
    let mut reader = NodeReader::new(transaction, &shared.layouts, node);
    let mut downsampling = Downsampling::new(Tier::Hour);
    let mut faults = Vec::new();
    for head in heads {
        if let Some(stored) = reader.layout(head.layout)? {
            downsampling.take(&mut reader, head, &stored, head.hours_ms, &mut faults);
        }
    }
    if !faults.is_empty() {
        // Otherwise their sound samples would be in the hours twice.
        return set_aside_or_fail(transaction, shared, node, &faults);
    }
    downsampling.insert(transaction, node, Tier::Hour)?;
    let mut done = transaction.prepare_cached(&format!(
        "UPDATE blocks SET hours_ms = {IN_HOURS_MS} WHERE id = ?1"
    ))?;
    for head in heads {
        done.execute([head.id])?;
    }
    Ok(())
}

/// Damaged blocks are set aside; when bytes can't be read at all, what was made
/// would be less than there is.
fn set_aside_or_fail(
    transaction: &Transaction<'_>,
    shared: &HistoryState,
    node: i64,
    faults: &[Fault],
) -> Result<()> {
    for fault in faults {
        if !fault.error.is_damage() {
            return Err(fault.error.to_string().into());
        }
        damage::set_aside(transaction, shared, node, fault)?;
    }
    Ok(())
}

/// Puts minutes in the place of a block of samples; or leaves the samples, as
/// part of the minute tier, when minutes would be no smaller.
pub fn make_minutes(
    connection: &mut Connection,
    shared: &HistoryState,
    node: i64,
    head: &Head,
) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if head.hours_ms <= head.time_max_ms {
        add_to_hours(&transaction, shared, node, &[*head])?;
        let mut done = transaction
            .prepare_cached("SELECT 1 FROM blocks WHERE id = ?1 AND hours_ms > time_max_ms")?;
        if !done.exists([head.id])? {
            // It was damaged. What is sound of it is the next to go.
            drop(done);
            return Ok(transaction.commit()?);
        }
    }
    let mut reader = NodeReader::new(&transaction, &shared.layouts, node);
    let mut downsampling = Downsampling::new(Tier::Minute);
    let mut faults = Vec::new();
    let rare = head
        .interval_ms()
        .is_none_or(|interval| interval >= Tier::Minute.step_ms() / 2);
    let stays = rare || head.format == FORMAT_AGGREGATES;
    let Some(stored) = reader.layout(head.layout)?.filter(|_| !stays) else {
        drop(reader);
        relabel(&transaction, head.id)?;
        return Ok(transaction.commit()?);
    };
    downsampling.take(&mut reader, head, &stored, i64::MIN, &mut faults);
    if faults.iter().any(|fault| fault.error.is_damage()) {
        // What is sound of it is converted in the next step.
        set_aside_or_fail(&transaction, shared, node, &faults)?;
        drop(reader);
        return Ok(transaction.commit()?);
    }
    set_aside_or_fail(&transaction, shared, node, &faults)?;
    let before: i64 =
        transaction.query_row("SELECT bytes FROM blocks WHERE id = ?1", [head.id], |row| {
            row.get(0)
        })?;
    transaction.execute_batch("SAVEPOINT minutes")?;
    // First: the minutes then have room, however full the file is.
    delete_block(&transaction, head.id)?;
    let made = downsampling.insert(&transaction, node, Tier::Minute);
    drop(reader);
    // Where there is no room SQLite may have taken all of it back.
    if (made? as i64) < before {
        transaction.execute_batch("RELEASE minutes")?;
        catalogue::release(&transaction, shared, node, i64::MIN, [head.layout])?;
    } else {
        transaction.execute_batch("ROLLBACK TO minutes; RELEASE minutes")?;
        relabel(&transaction, head.id)?;
    }
    Ok(transaction.commit()?)
}

fn relabel(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("UPDATE blocks SET tier = ?2, level = ?3 WHERE id = ?1")?;
    statement
        .execute(params![id, Tier::Minute.number(), LEVEL_FULL])
        .map(|_| ())
}

fn columns_of(stored: &Stored) -> Vec<Column> {
    let series = stored.layout.series().iter();
    series.map(|series| Column::new(series.kind, 0)).collect()
}
