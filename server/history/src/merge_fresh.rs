//! Merging fresh records: those of some commits of a node become a block, and of each
//! run it is noted what is in blocks of it.
//!
//! On the writer's thread, between commits, one transaction a step. Where commits have
//! many samples each, those of one run and one list of series stay as they came for now;
//! all others come together, whatever they are of.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use stardust_shared::ABSENT;
use stardust_shared::limits::SERIES_MAX;

use super::catalogue;
use super::commit;
use super::corrections;
use super::damage;
use super::error::Result;
use super::fresh::{Merged, Row};
use super::insert::{LEVEL_FAIR, LEVEL_FULL, LEVEL_SMALL, NewBlock};
use super::layouts::Stored;
use super::limits::{FRESH_NODES, STEP_TIME, Sizes};
use super::merge::{Buffers, STEP_BYTES, insert_union};
use super::merge_choice::full_rows;
use super::noted::{note_last, note_samples, scaled};
use super::reader::{Fault, NodeReader};
use super::runs::{Run, Runs};
use super::state::HistoryState;
use super::tier::Tier;
use stardust_blocks::BlockError;
use stardust_blocks::base::{Base, Segment};
use stardust_blocks::block::{FORMAT_RECORDS, FORMAT_ROWS};
use stardust_blocks::column::Effort;
use stardust_blocks::columns::Columns;
use stardust_blocks::limits::MERGE_VALUES_MAX;
use stardust_blocks::records;
use stardust_blocks::union::Union;

/// Samples of a commit, on average, that make it worth keeping them as they came.
const DENSE_ROWS: usize = 5;

/// Whether it is time to merge fresh records, or a merge is under way.
pub fn is_due(
    connection: &Connection,
    shared: &HistoryState,
    bytes_max: u64,
) -> rusqlite::Result<bool> {
    if Merged::read(connection)?.end_id > 0 {
        return Ok(true);
    }
    let fresh = shared.fresh();
    Ok(fresh.longest() >= shared.sizes.generation_commits as usize || fresh.bytes >= bytes_max)
}

/// Merges the fresh records of the next few nodes. Answers which those were.
pub fn merge_fresh(
    connection: &mut Connection,
    shared: &HistoryState,
    buffers: &mut Buffers,
) -> Result<Vec<i64>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut merged = Merged::read(&transaction)?;
    if merged.end_id == 0 {
        merged.end_id = shared.fresh().last_id();
    }
    let mut fresh = shared.fresh();
    fresh.begin_merge(merged.end_id);
    let mut nodes = fresh.nodes_before(merged.end_id, merged.node, FRESH_NODES + 1);
    drop(fresh);
    let (begin, mut bytes, mut done) = (Instant::now(), 0, 0);
    for &node in nodes.iter().take(FRESH_NODES) {
        if bytes >= STEP_BYTES || begin.elapsed() >= STEP_TIME {
            break;
        }
        let (rows, reached) = {
            let fresh = shared.fresh();
            (fresh.to_merge(node, merged.end_id), fresh.reached(node))
        };
        commit::note_progress(&transaction, &reached)?;
        merge_fresh_of(&transaction, shared, buffers, node, merged.end_id, &rows)?;
        bytes += rows.iter().map(|row| row.bytes as usize).sum::<usize>();
        done += 1;
    }
    let more = nodes.len() > done;
    nodes.truncate(done);
    let end_id = merged.end_id;
    if !more {
        transaction
            .prepare_cached("DELETE FROM fresh WHERE id <= ?1")?
            .execute([end_id])?;
        merged = Merged::default();
    } else {
        merged.node = nodes.last().copied().unwrap_or(merged.node);
    }
    merged.write(&transaction)?;
    transaction.commit()?;
    let mut fresh = shared.fresh();
    fresh.retire(&nodes, end_id, Instant::now());
    if !more {
        fresh.end_generation();
    }
    Ok(nodes)
}

fn merge_fresh_of(
    transaction: &Transaction<'_>,
    shared: &HistoryState,
    buffers: &mut Buffers,
    node: i64,
    end_id: i64,
    rows: &[Row],
) -> Result<()> {
    let reader = NodeReader::new(transaction, &shared.layouts, node);
    let mut faults = Vec::new();
    let known = Runs::load(transaction, node, None)?;
    let mut runs = known.clone();
    let mut gathered = Gathered::default();
    for rows in rows.chunk_by(|a, b| (a.run, a.layout) == (b.run, b.layout)) {
        let Some(stored) = reader.layout(rows[0].layout)? else {
            let error = BlockError::Corrupt("its layout is missing");
            faults.extend(rows.iter().map(|row| Fault {
                fresh: true,
                id: row.id,
                error: error.clone(),
            }));
            continue;
        };
        let rows_max = full_rows(&shared.sizes, stored.len());
        let mut rest = rows;
        while !rest.is_empty() {
            // What a Spider sends after a long cut can be more than one block's worth.
            let (mut count, mut length) = (0, 0);
            for chain in rest.chunk_by(|_, row| row.chain.before.is_some()) {
                let more: usize = chain.iter().map(|row| row.rows as usize).sum();
                if count > 0 && count + more > rows_max {
                    break;
                }
                count += more;
                length += chain.len();
            }
            let (now, later) = rest.split_at(length);
            rest = later;
            if are_dense(&shared.sizes, now) {
                gathered.insert(transaction, shared, node, &mut buffers.union)?;
                let base = match base_without_decoding(&reader, &runs, &stored, now) {
                    Some((base, last)) => {
                        note_last(&mut runs, now[0].run, &stored, &last);
                        Some(base)
                    }
                    None => {
                        let columns = &mut buffers.columns;
                        gather_fresh(&reader, &stored, now, columns, &mut Vec::new());
                        note_samples(&mut runs, now[0].run, &stored, columns)
                    }
                };
                insert_records(transaction, &reader, node, now, base, &mut faults)?;
                continue;
            }
            let mut columns = std::mem::take(&mut buffers.columns);
            gather_fresh(&reader, &stored, now, &mut columns, &mut faults);
            let base = note_samples(&mut runs, now[0].run, &stored, &columns);
            columns
                .segments
                .extend(base.map(|base| Segment { row: 0, base }));
            if !gathered.fits(&shared.sizes, &stored, columns.rows()) {
                gathered.insert(transaction, shared, node, &mut buffers.union)?;
            }
            buffers.columns = gathered.add(stored.clone(), columns);
        }
    }
    gathered.insert(transaction, shared, node, &mut buffers.union)?;
    for fault in faults {
        damage::set_aside(transaction, shared, node, &fault)?;
    }
    corrections::insert(transaction, node, runs.corrections())?;
    let mut gone: BTreeSet<i64> = rows.iter().map(|row| row.layout).collect();
    match shared.fresh().keep_list(node) {
        Some(before) => {
            gone.insert(before);
        }
        None => gone.extend(catalogue::lists(transaction, node)?),
    }
    catalogue::release(transaction, shared, node, end_id, gone)?;
    Ok(runs.save(transaction, &known)?)
}

/// Samples that will be one block, of whatever lists of series.
#[derive(Default)]
struct Gathered {
    parts: Vec<(Arc<Stored>, Columns)>,
    rows: usize,
    values: usize,
    series: BTreeSet<i64>,
}

impl Gathered {
    /// Whether so many rows more fit the block.
    fn fits(&self, sizes: &Sizes, stored: &Stored, rows: usize) -> bool {
        let values = self.values + rows * stored.len();
        let known = |(of, _): &(Arc<Stored>, Columns)| Arc::ptr_eq(&of.list, &stored.list);
        let new = match self.parts.last().is_some_and(known) {
            true => 0,
            false => stored
                .list
                .ids()
                .filter(|id| !self.series.contains(id))
                .count(),
        };
        let bases = (self.parts.len() + 1) * (self.series.len() + new);
        self.rows + rows <= sizes.full_rows
            && values <= MERGE_VALUES_MAX
            && bases <= MERGE_VALUES_MAX
            && self.series.len() + new <= SERIES_MAX
    }

    /// Answers memory for the next rows.
    fn add(&mut self, stored: Arc<Stored>, columns: Columns) -> Columns {
        self.rows += columns.rows();
        self.values += columns.rows() * stored.len();
        self.series.extend(stored.list.ids());
        self.parts.push((stored, columns));
        Columns::default()
    }

    /// Writes the block; nothing when there are no rows.
    fn insert(
        &mut self,
        transaction: &Transaction<'_>,
        shared: &HistoryState,
        node: i64,
        union: &mut Union,
    ) -> Result<()> {
        let Self { parts, .. } = std::mem::take(self);
        let whole = Stored::union(parts.iter().map(|(stored, _)| &**stored));
        union.reset(whole.len(), whole.gauges());
        for (stored, columns) in &parts {
            union.append(columns, &whole.positions(stored));
        }
        let Some(span_ms) = union.span_ms() else {
            return Ok(());
        };
        let (level, effort) = if union.rows() >= full_rows(&shared.sizes, whole.len()) {
            (LEVEL_FULL, Effort::Best)
        } else if union.rows() >= shared.sizes.fair_rows {
            (LEVEL_FAIR, Effort::Quick)
        } else {
            (LEVEL_SMALL, Effort::Quick)
        };
        let of = NewBlock {
            node,
            tier: Tier::Raw,
            level,
            layout: 0,
            format: FORMAT_ROWS,
            span_ms,
            rows: 0,
            rare: false,
            data: &[],
        };
        insert_union(transaction, &shared.sizes, union, &whole, of, effort, 0)?;
        Ok(())
    }
}

fn gather_fresh(
    reader: &NodeReader<'_>,
    stored: &Stored,
    rows: &[Row],
    columns: &mut Columns,
    faults: &mut Vec<Fault>,
) {
    let all: Vec<usize> = (0..stored.layout.len()).collect();
    columns.reset(stored.len());
    reader.read_fresh(rows, stored, &all, columns, faults);
}

/// From where the samples of these rows go on, and the last one of them, when it is
/// enough to look at the last chain: the run has begun and has had all of these counters,
/// and all of them are in that sample.
fn base_without_decoding(
    reader: &NodeReader<'_>,
    runs: &Runs,
    stored: &Stored,
    rows: &[Row],
) -> Option<(Base, (i64, Vec<i64>))> {
    let begun = |run: &&Run| !run.old && run.span_ms.is_some();
    let run = runs.get(rows[0].run).filter(begun)?;
    let base = |at: usize| match stored.names[at] {
        0 => Some(None),
        name => Some(Some(scaled(
            *run.last.get(&name)?,
            stored.layout.series()[at].scale,
        ))),
    };
    let base: Option<Base> = (0..stored.layout.len()).map(base).collect();
    let base = base?;
    let begin = rows.iter().rposition(|row| row.chain.before.is_none())?;
    // What can't be read is told when it is read for good.
    let mut faults = Vec::new();
    let last = reader.last_fresh(&rows[begin..], stored, &mut faults)?;
    let mut there = stored.names.iter().zip(&last.1);
    let whole = there.all(|(name, value)| *name == 0 || *value != ABSENT);
    (whole && faults.is_empty()).then_some((base, last))
}

/// Whether records are better left as they are until they are merged for good: where
/// samples are rare, their columns stay for hours and are read often, and what is
/// nearly a full block is made one.
fn are_dense(sizes: &Sizes, rows: &[Row]) -> bool {
    let count: usize = rows.iter().map(|row| row.rows as usize).sum();
    count >= DENSE_ROWS * rows.len() && count < sizes.fair_rows
}

fn insert_records(
    transaction: &Transaction<'_>,
    reader: &NodeReader<'_>,
    node: i64,
    rows: &[Row],
    base: Option<Base>,
    faults: &mut Vec<Fault>,
) -> Result<()> {
    let (mut data, mut chain) = (Vec::new(), Vec::new());
    records::put_base(base.as_ref(), &mut data);
    let (mut count, mut span_ms) = (0, (i64::MAX, i64::MIN));
    reader.each_fresh(rows, faults, |row, records| {
        if row.chain.before.is_none() {
            records::put_records(&chain, &mut data);
            chain.clear();
        }
        chain.extend_from_slice(records);
        count += row.rows as usize;
        span_ms.0 = span_ms.0.min(row.time_min_ms);
        span_ms.1 = span_ms.1.max(row.time_max_ms);
        Ok(())
    });
    records::put_records(&chain, &mut data);
    if count == 0 {
        return Ok(());
    }
    NewBlock {
        node,
        tier: Tier::Raw,
        level: LEVEL_SMALL,
        layout: rows[0].layout,
        format: FORMAT_RECORDS,
        span_ms,
        rows: count,
        rare: false,
        data: &data,
    }
    .insert(transaction)?;
    Ok(())
}
