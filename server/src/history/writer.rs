//! The one thread that writes history.
//!
//! It takes a batch, commits it, and reports what has become durable; only then
//! does the gate acknowledge. A batch that can't be committed is tried again
//! until it can: meanwhile the Spiders keep everything in their rings. Between
//! batches it merges small blocks into columns.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};
use stardust_shared::Layout;

use super::batch::{Batch, Committed, NodeBatch, Progress};
use super::block::{self, FORMAT_COLUMNS, FORMAT_WIRE};
use super::columns::{self, Columns};
use super::intake::RUNS_KEPT;
use crate::store::nodes::NodeHello;
use crate::store::{Store, StoreError, open_connection};

/// Small blocks of a node that make it worth merging them.
const MERGE_BLOCKS_MIN: u64 = 64;
/// Blocks read for one merge; bounds its memory.
const MERGE_BLOCKS_MAX: u64 = 256;
/// Layouts whose row number is kept at hand.
const LAYOUT_CACHE_MAX: usize = 4096;
/// Pause before a failed batch is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Rows of a removed node deleted in one transaction.
const FORGET_STEP: usize = 500;

pub enum Command {
    Commit(Arc<Batch>),
    /// The node was removed: its samples go too.
    Forget(i64),
    Stop,
}

/// What the writer tells the gate.
#[derive(Debug)]
pub enum Outcome {
    Committed(Vec<Committed>),
    /// A commit failed and is being tried again; nothing is acknowledged meanwhile.
    Failing(String),
}

/// What each run of each node has durable, newest run first.
pub fn durable_progress(store: &Store) -> Result<Vec<(i64, Progress)>, StoreError> {
    let reader = store.reader()?;
    let mut statement = reader.prepare(
        "SELECT node, run, boot_id, seq, time_ms FROM progress ORDER BY node, time_ms DESC",
    )?;
    let rows = statement.query_map([], |row| {
        let progress = Progress {
            run: row.get(1)?,
            boot_id: row.get(2)?,
            // SQLite's integers are signed; sequences never reach the upper half.
            seq: row.get::<_, i64>(3)? as u64,
            time_ms: row.get(4)?,
        };
        Ok((row.get(0)?, progress))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub struct Writer {
    store: Arc<Store>,
    connection: Connection,
    layouts: HashMap<[u8; 32], i64>,
    /// Small blocks of each node, not merged yet.
    fresh: HashMap<i64, u64>,
}

impl Writer {
    pub fn open(store: Arc<Store>) -> Result<Self, StoreError> {
        let connection = open_connection(store.path())?;
        // An acknowledgement promises that the samples outlive a power cut.
        connection.pragma_update(None, "synchronous", "FULL")?;
        let mut fresh = HashMap::new();
        {
            let mut statement = connection
                .prepare("SELECT node, COUNT(*) FROM blocks WHERE format = 0 GROUP BY node")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                fresh.insert(row.get(0)?, row.get::<_, i64>(1)? as u64);
            }
        }
        Ok(Self {
            store,
            connection,
            layouts: HashMap::new(),
            fresh,
        })
    }

    /// Works until told to stop or until the sender is gone.
    pub fn run(mut self, commands: &Receiver<Command>, report: &dyn Fn(Outcome)) {
        loop {
            let wait = if self.next_merge().is_some() {
                Duration::ZERO
            } else {
                Duration::MAX
            };
            let command = match wait {
                Duration::ZERO => match commands.recv_timeout(wait) {
                    Err(RecvTimeoutError::Timeout) => {
                        self.merge_one();
                        continue;
                    }
                    other => other.ok(),
                },
                _ => commands.recv().ok(),
            };
            match command {
                Some(Command::Commit(batch)) => {
                    if !self.commit_until_done(&batch, commands, report) {
                        return;
                    }
                }
                Some(Command::Forget(node)) => self.forget(node),
                Some(Command::Stop) | None => return,
            }
        }
    }

    /// False when the server stops before the batch could be committed.
    fn commit_until_done(
        &mut self,
        batch: &Batch,
        commands: &Receiver<Command>,
        report: &dyn Fn(Outcome),
    ) -> bool {
        let mut failed_since: Option<Instant> = None;
        loop {
            match self.commit(batch) {
                Ok(()) => {
                    if let Some(since) = failed_since {
                        crate::log::info(&format!(
                            "history: committing again after {} s",
                            since.elapsed().as_secs()
                        ));
                    }
                    report(Outcome::Committed(batch.committed()));
                    return true;
                }
                Err(error) => {
                    if failed_since.is_none() {
                        failed_since = Some(Instant::now());
                        let reason = why_not_committed(&error);
                        crate::log::error(&format!(
                            "history: {reason} Samples stay with the Spiders until then."
                        ));
                        report(Outcome::Failing(reason));
                    }
                    self.layouts.clear();
                    match commands.recv_timeout(RETRY) {
                        Err(RecvTimeoutError::Timeout) => {}
                        Ok(Command::Forget(node)) => self.forget(node),
                        // The gate sends one batch at a time, so this is Stop.
                        Ok(_) | Err(RecvTimeoutError::Disconnected) => return false,
                    }
                }
            }
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let hellos: Vec<NodeHello> = batch
            .nodes
            .iter()
            .filter_map(|node| {
                let seen = node.seen.as_ref()?;
                Some(NodeHello {
                    id: node.node,
                    seen_ms: seen.time_ms,
                    address: seen.address.clone(),
                    spider_version: seen.version.clone(),
                    identity: seen.identity.clone(),
                })
            })
            .collect();
        if !hellos.is_empty() {
            self.store.note_hellos(&hellos)?;
        }
        let transaction = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut added = Vec::new();
        for node in &batch.nodes {
            if insert_node(&transaction, &mut self.layouts, node)? {
                added.push((node.node, node.blocks.len() as u64));
            }
        }
        transaction.commit()?;
        for (node, blocks) in added {
            *self.fresh.entry(node).or_default() += blocks;
        }
        Ok(())
    }

    fn next_merge(&self) -> Option<i64> {
        let most = self.fresh.iter().max_by_key(|(_, blocks)| **blocks)?;
        (*most.1 >= MERGE_BLOCKS_MIN).then_some(*most.0)
    }

    fn merge_one(&mut self) {
        let Some(node) = self.next_merge() else {
            return;
        };
        match merge(&mut self.connection, node) {
            Ok(merged) => {
                let fresh = self.fresh.entry(node).or_default();
                // What could not be merged is not counted again, or it would be
                // tried for ever.
                *fresh = if merged == 0 {
                    0
                } else {
                    fresh.saturating_sub(merged)
                };
            }
            Err(error) => {
                crate::log::warn(&format!("history: merging blocks of node {node}: {error}"));
                self.fresh.insert(node, 0);
            }
        }
    }

    fn forget(&mut self, node: i64) {
        self.fresh.remove(&node);
        let steps = [
            format!(
                "DELETE FROM blocks WHERE id IN (SELECT id FROM blocks WHERE node = ?1 LIMIT {FORGET_STEP})"
            ),
            format!(
                "DELETE FROM gaps WHERE rowid IN (SELECT rowid FROM gaps WHERE node = ?1 LIMIT {FORGET_STEP})"
            ),
            "DELETE FROM progress WHERE node = ?1".to_string(),
        ];
        for step in &steps {
            loop {
                match self.connection.execute(step, [node]) {
                    Ok(deleted) if deleted >= FORGET_STEP => {}
                    Ok(_) => break,
                    Err(error) => {
                        crate::log::warn(&format!("history: removing node {node}: {error}"));
                        return;
                    }
                }
            }
        }
    }
}

/// False when the node is gone.
fn insert_node(
    transaction: &Transaction<'_>,
    layouts: &mut HashMap<[u8; 32], i64>,
    batch: &NodeBatch,
) -> rusqlite::Result<bool> {
    let known = transaction
        .prepare_cached("SELECT 1 FROM nodes WHERE id = ?1")?
        .exists([batch.node])?;
    if !known {
        return Ok(false);
    }
    for block in &batch.blocks {
        let layout = layout_row(transaction, layouts, &block.layout)?;
        transaction
            .prepare_cached(
                "INSERT INTO blocks (node, layout, format, time_min_ms, time_max_ms, rows, data)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                batch.node,
                layout,
                FORMAT_WIRE,
                block.time_min_ms,
                block.time_max_ms,
                block.rows,
                block.data
            ])?;
    }
    for gap in &batch.gaps {
        transaction
            .prepare_cached(
                "INSERT INTO gaps (node, from_ms, to_ms, cause, lost) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                batch.node,
                gap.from_ms,
                gap.to_ms,
                gap.cause.name(),
                i64::try_from(gap.lost).unwrap_or(i64::MAX)
            ])?;
    }
    for progress in &batch.progress {
        let inserted = transaction
            .prepare_cached(
                "INSERT INTO progress (node, run, boot_id, seq, time_ms) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (node, run) DO UPDATE SET seq = excluded.seq, time_ms = excluded.time_ms",
            )?
            .execute(params![
                batch.node,
                progress.run,
                progress.boot_id,
                i64::try_from(progress.seq).unwrap_or(i64::MAX),
                progress.time_ms
            ])?;
        debug_assert_eq!(inserted, 1);
    }
    if batch.seen.is_some() {
        // Once a session: runs that nobody will come back to.
        transaction
            .prepare_cached(
                "DELETE FROM progress WHERE node = ?1 AND run NOT IN
                 (SELECT run FROM progress WHERE node = ?1 ORDER BY time_ms DESC LIMIT ?2)",
            )?
            .execute(params![batch.node, RUNS_KEPT as i64])?;
    }
    Ok(true)
}

fn layout_row(
    transaction: &Transaction<'_>,
    cache: &mut HashMap<[u8; 32], i64>,
    layout: &Layout,
) -> rusqlite::Result<i64> {
    let mut series = Vec::new();
    layout.encode_series(&mut series);
    let hash: [u8; 32] = Sha256::digest(&series).into();
    if let Some(&row) = cache.get(&hash) {
        return Ok(row);
    }
    let found = transaction
        .prepare_cached("SELECT id FROM layouts WHERE sha256 = ?1")?
        .query_row([hash], |row| row.get(0))
        .optional()?;
    let row = match found {
        Some(row) => row,
        None => {
            transaction
                .prepare_cached("INSERT INTO layouts (sha256, series) VALUES (?1, ?2)")?
                .execute(params![hash, series])?;
            transaction.last_insert_rowid()
        }
    };
    if cache.len() >= LAYOUT_CACHE_MAX {
        cache.clear();
    }
    cache.insert(hash, row);
    Ok(row)
}

/// Merges the oldest run of small blocks that share a layout. Answers how many.
fn merge(connection: &mut Connection, node: i64) -> Result<u64, Box<dyn std::error::Error>> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let mut ids = Vec::new();
    let mut gathered: Option<(i64, Columns)> = None;
    {
        let mut statement = transaction.prepare_cached(
            "SELECT blocks.id, blocks.layout, blocks.rows, blocks.data, layouts.series
             FROM blocks JOIN layouts ON layouts.id = blocks.layout
             WHERE node = ?1 AND format = 0 ORDER BY blocks.id LIMIT ?2",
        )?;
        let mut rows = statement.query(params![node, MERGE_BLOCKS_MAX as i64])?;
        while let Some(row) = rows.next()? {
            let (id, layout): (i64, i64) = (row.get(0)?, row.get(1)?);
            let series = row.get_ref(4)?.as_blob()?;
            let width = Layout::decode_series(0, series)?.len();
            let columns = match &mut gathered {
                None => &mut gathered.insert((layout, Columns::new(width))).1,
                Some((of, columns)) if *of == layout => columns,
                Some(_) => break,
            };
            if columns.rows() + row.get::<_, u32>(2)? as usize > columns::ROWS_MAX {
                break;
            }
            let all: Vec<usize> = (0..width).collect();
            block::for_each_row(
                FORMAT_WIRE,
                series,
                row.get_ref(3)?.as_blob()?,
                &all,
                &mut |t, v| {
                    columns.push(t, v);
                },
            )
            .map_err(|error| error.to_string())?;
            ids.push(id);
        }
    }
    let Some((layout, columns)) = gathered else {
        return Ok(0);
    };
    let (Some(min), Some(max)) = (columns.time_min_ms(), columns.time_max_ms()) else {
        return Ok(0);
    };
    transaction
        .prepare_cached(
            "INSERT INTO blocks (node, layout, format, time_min_ms, time_max_ms, rows, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            node,
            layout,
            FORMAT_COLUMNS,
            min,
            max,
            columns.rows() as i64,
            columns.encode()?
        ])?;
    for id in &ids {
        transaction
            .prepare_cached("DELETE FROM blocks WHERE id = ?1")?
            .execute([id])?;
    }
    transaction.commit()?;
    Ok(ids.len() as u64)
}

fn why_not_committed(error: &StoreError) -> String {
    use rusqlite::ErrorCode;
    let code = match error {
        StoreError::Sql(rusqlite::Error::SqliteFailure(failure, _)) => Some(failure.code),
        _ => None,
    };
    match code {
        Some(ErrorCode::DiskFull) => {
            "the disk of the database is full. Free some space; it goes on by itself.".to_string()
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds the database's lock. It goes on once that ends.".to_string()
        }
        Some(ErrorCode::ReadOnly) => {
            "the database has become read-only. Check its folder and mount.".to_string()
        }
        _ => format!("samples can't be committed: {error}"),
    }
}
