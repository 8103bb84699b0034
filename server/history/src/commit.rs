//! One batch into the tables: blocks, gaps and progress of each node together.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use rusqlite::{CachedStatement, Transaction, params};
use stardust_shared::Layout;

use super::batch::NodeBatch;
use super::catalogue;
use super::fresh::{Chain, Reached, Row};
use super::gap_fill;
use super::intake::RUNS_KEPT;
use super::state::HistoryState;
use stardust_blocks::crc32c::crc32c;

/// Lists whose row number is kept at hand: one a session, small.
const LISTS_MAX: usize = 1 << 16;

/// So many nodes' parts in a batch make it worth knowing all nodes.
const MANY_NODES: usize = 100;

/// Where a session keeps its layout, and its node.
type Address = (usize, i64);

/// Row numbers of stored layouts, by where a session keeps its own: looking for the list
/// with each block would cost more than the rest of a commit.
#[derive(Default)]
pub struct LayoutRows {
    /// The weak reference keeps the address from being used again, and nothing else.
    by_address: HashMap<Address, (Weak<Layout>, i64)>,
    addresses: HashMap<i64, Address>,
    /// Bytes of those that were new, until somebody takes note.
    pub added_bytes: u64,
}

impl LayoutRows {
    pub fn clear(&mut self) {
        self.by_address.clear();
        self.addresses.clear();
    }

    /// The row went.
    pub fn forget(&mut self, row: i64) {
        if let Some(address) = self.addresses.remove(&row) {
            self.by_address.remove(&address);
        }
    }

    fn row(
        &mut self,
        transaction: &Transaction<'_>,
        node: i64,
        layout: &Arc<Layout>,
    ) -> rusqlite::Result<i64> {
        let address = (Arc::as_ptr(layout) as usize, node);
        if let Some((_, row)) = self.by_address.get(&address) {
            return Ok(*row);
        }
        let row = catalogue::row_of(transaction, node, layout)?;
        self.added_bytes += row.added_bytes;
        if self.by_address.len() >= LISTS_MAX {
            self.clear();
        }
        // Of two sessions with the same list the last one is the one that goes on.
        if let Some(before) = self.addresses.insert(row.id, address) {
            self.by_address.remove(&before);
        }
        self.by_address
            .insert(address, (Arc::downgrade(layout), row.id));
        Ok(row.id)
    }
}

/// Row numbers of the runs that commits are of, by node.
#[derive(Default)]
pub struct RunRows(HashMap<i64, Vec<(Arc<str>, i64)>>);

impl RunRows {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn forget(&mut self, node: i64) {
        self.0.remove(&node);
    }

    fn row(&self, node: i64, run: &str) -> Option<i64> {
        let of_node = self.0.get(&node)?;
        let found = of_node.iter().find(|(name, _)| **name == *run)?;
        Some(found.1)
    }

    fn note(&mut self, node: i64, run: &Arc<str>, row: i64) {
        let of_node = self.0.entry(node).or_default();
        of_node.retain(|(name, _)| name != run);
        of_node.push((Arc::clone(run), row));
    }

    /// The number of the one run that a batch is of, when its row in `progress` need
    /// not be written: its newest samples say the same.
    fn only(&self, batch: &NodeBatch) -> Option<i64> {
        let [progress] = &batch.progress[..] else {
            return None;
        };
        let row = self.row(batch.node, &progress.run)?;
        (batch.seen.is_none() && !batch.blocks.is_empty()).then_some(row)
    }
}

/// About what a node's part of a batch takes in the database.
pub fn bytes_of(node: &NodeBatch) -> u64 {
    let blocks: usize = node.blocks.iter().map(|block| block.data.len() + 64).sum();
    // Each of its own list but the first, which nearly always is there already. On disk
    // the keys of new series are there twice, in memory they have something with them.
    let lists = node.blocks.windows(2).filter_map(|pair| {
        let is_new = !Arc::ptr_eq(&pair[0].layout, &pair[1].layout);
        is_new.then(|| pair[1].layout.memory_bytes())
    });
    let blocks = blocks + lists.sum::<usize>();
    (blocks + 64 * node.gaps.len() + 256 * node.progress.len()) as u64
}

/// What every node's part needs: looking a statement up costs a good part of
/// what running it does.
pub struct Statements<'a> {
    transaction: &'a Transaction<'a>,
    known: CachedStatement<'a>,
    /// All nodes that there are, where asking for each would take longer.
    all_known: Option<HashSet<i64>>,
    fresh: CachedStatement<'a>,
    /// Records that had to be put together: used again.
    records: Vec<u8>,
    progress: CachedStatement<'a>,
}

impl<'a> Statements<'a> {
    /// For so many nodes' parts.
    pub fn new(transaction: &'a Transaction<'a>, nodes: usize) -> rusqlite::Result<Self> {
        let all_known = if nodes < MANY_NODES {
            None
        } else {
            let mut all = transaction.prepare_cached("SELECT id FROM nodes")?;
            Some(
                all.query_map([], |row| row.get(0))?
                    .collect::<Result<_, _>>()?,
            )
        };
        Ok(Self {
            transaction,
            all_known,
            known: transaction.prepare_cached("SELECT 1 FROM nodes WHERE id = ?1")?,
            fresh: transaction.prepare_cached(
                "INSERT INTO fresh (id, node, layout, time_min_ms, time_max_ms, rows, crc, data,
                                    before, run, seq)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?,
            records: Vec::new(),
            progress: transaction.prepare_cached(
                "INSERT INTO progress (node, run, boot_id, seq, time_ms) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (node, run) DO UPDATE SET seq = excluded.seq, time_ms = excluded.time_ms
                 RETURNING id",
            )?,
        })
    }
}

impl Statements<'_> {
    fn knows(&mut self, node: i64) -> rusqlite::Result<bool> {
        match &self.all_known {
            Some(all) => Ok(all.contains(&node)),
            None => self.known.exists([node]),
        }
    }
}

/// Writes a node's part. What was added to the table `fresh` is noted in `added`: it
/// is known to `shared` when all of the batch is. Nothing is written when the node is
/// gone.
pub fn insert_node(
    statements: &mut Statements<'_>,
    (layouts, runs): (&mut LayoutRows, &mut RunRows),
    batch: &NodeBatch,
    shared: &HistoryState,
    next_id: &mut i64,
    added: &mut Vec<(i64, Row, Option<Reached>)>,
) -> rusqlite::Result<()> {
    let transaction = statements.transaction;
    if !statements.knows(batch.node)? {
        return Ok(());
    }
    let only = runs.only(batch);
    if only.is_none() {
        note_runs(statements, runs, batch)?;
    }
    for (number, block) in batch.blocks.iter().enumerate() {
        let layout = layouts.row(transaction, batch.node, &block.layout)?;
        let run = runs.row(batch.node, &block.run).unwrap_or(0);
        // The first goes on from what is committed; others are rare, and stand alone.
        let going_on = block.going_on().filter(|_| number == 0);
        let going_on = going_on.and_then(|records| {
            let chain = shared.fresh().chain(batch.node, run, layout, block.rows)?;
            Some((records, chain))
        });
        let (records, chain) = match (going_on, block.alone()) {
            (Some(going_on), _) => going_on,
            (None, [all, []]) => (all, Chain::begin(block.rows)),
            (None, parts) => {
                let records = &mut statements.records;
                records.clear();
                parts
                    .iter()
                    .for_each(|part| records.extend_from_slice(part));
                (&records[..], Chain::begin(block.rows))
            }
        };
        let newest = number + 1 == batch.blocks.len();
        let reached = only.filter(|_| newest).zip(batch.progress.last());
        let reached = reached.map(|(run, progress)| Reached {
            run,
            seq: signed(progress.seq),
            time_ms: progress.time_ms,
        });
        statements.fresh.execute(params![
            *next_id,
            batch.node,
            layout,
            block.time_min_ms,
            block.time_max_ms,
            block.rows,
            crc32c(records),
            records,
            chain.before,
            (run != 0).then_some(run),
            reached.map(|reached| reached.seq)
        ])?;
        added.push((
            batch.node,
            Row {
                id: *next_id,
                run,
                layout,
                time_min_ms: block.time_min_ms,
                time_max_ms: block.time_max_ms,
                rows: block.rows,
                bytes: u32::try_from(records.len()).unwrap_or(u32::MAX),
                chain,
            },
            reached,
        ));
        *next_id += 1;
    }
    note_gaps(transaction, batch)?;
    if batch.seen.is_some() {
        // Their rows may have gone.
        runs.forget(batch.node);
    }
    Ok(())
}

/// Notes stretches without samples, once those that came late are taken out of them.
fn note_gaps(transaction: &Transaction<'_>, batch: &NodeBatch) -> rusqlite::Result<()> {
    gap_fill::fill(transaction, batch.node, &batch.filled)?;
    for gap in &batch.gaps {
        if gap_fill::is_known(transaction, batch.node, gap)? {
            continue;
        }
        transaction
            .prepare_cached(
                "INSERT INTO gaps (node, from_ms, to_ms, cause, lost) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                batch.node,
                gap.from_ms,
                gap.to_ms,
                gap.cause.name(),
                signed(gap.lost)
            ])?;
    }
    Ok(())
}

/// Notes how far the runs of a batch are, in rows of their own.
fn note_runs(
    statements: &mut Statements<'_>,
    runs: &mut RunRows,
    batch: &NodeBatch,
) -> rusqlite::Result<()> {
    for progress in &batch.progress {
        let row = statements.progress.query_row(
            params![
                batch.node,
                progress.run,
                progress.boot_id,
                signed(progress.seq),
                progress.time_ms
            ],
            |row| row.get(0),
        )?;
        runs.note(batch.node, &progress.run, row);
    }
    if batch.seen.is_some() {
        // Once a session: runs that nobody will come back to. More stay than are asked
        // for, since the newest may have times of some minutes ago here.
        statements
            .transaction
            .prepare_cached(
                "DELETE FROM progress WHERE node = ?1 AND run NOT IN
                 (SELECT run FROM progress WHERE node = ?1 ORDER BY time_ms DESC LIMIT ?2)",
            )?
            .execute(params![batch.node, 2 * RUNS_KEPT as i64])?;
    }
    Ok(())
}

/// SQLite's integers are signed; sequences never reach the upper half.
fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// Notes in `progress` what rows that will go say of it.
pub fn note_progress(transaction: &Transaction<'_>, reached: &[Reached]) -> rusqlite::Result<()> {
    for reached in reached {
        transaction
            .prepare_cached(
                "UPDATE progress SET seq = ?2, time_ms = max(time_ms, ?3)
                 WHERE id = ?1 AND seq < ?2",
            )?
            .execute(params![reached.run, reached.seq, reached.time_ms])?;
    }
    Ok(())
}
