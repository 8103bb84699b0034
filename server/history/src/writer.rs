//! The one thread that writes history.
//!
//! It takes a batch, commits it, and reports what has become durable; only then
//! does the gate acknowledge. A batch that can't be committed is tried again
//! until it can: meanwhile the Spiders keep everything in their rings. Between
//! batches it does one small piece of the other work at a time: merging, coarser
//! tiers, letting go of what is old or does not fit.

mod commits;
mod room;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::batch::{Batch, Committed, Progress};
use super::commit;
use super::damage;
use super::downsample;
use super::error;
use super::limits::{GENERATION_BYTES, LOG_BYTES_MAX, MERGE_NODES};
use super::merge::{self, Buffers};
use super::merge_fresh;
use super::reclaim::{Pages, Spare};
use super::retention::{self, Expired};
use super::settings::{Shares, shares};
use super::state::HistoryState;
use super::takers::Takers;
use stardust_store::{Store, StoreError, open_connection};

/// Pause before a failed batch is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// What a transaction writes besides its samples: table heads, progress, freed pages.
const OVERHEAD_BYTES: u64 = 512 << 10;
/// How often the writer looks for what is too old.
const AGE_INTERVAL: Duration = Duration::from_secs(60);
/// After other work failed, it rests for so long.
const REST: Duration = Duration::from_secs(30);
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
        "SELECT node, run, boot_id, seq, time_ms FROM durable ORDER BY node, time_ms DESC",
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
    shared: Arc<HistoryState>,
    connection: Connection,
    layouts: commit::LayoutRows,
    runs: commit::RunRows,
    /// Of merging; let go of when there is nothing to merge.
    buffers: Buffers,
    /// Nodes with blocks that may want merging, or new hours.
    to_merge: BTreeSet<i64>,
    next_age: Instant,
    spare: Spare,
    /// Pages that are being given back.
    giving: u64,
    /// When the log is looked at again after a reader was in the way.
    next_log: Instant,
    log_bytes_max: u64,
    /// Other work than committing has failed and rests until then.
    rest_until: Option<Instant>,
    budget: Option<Shares>,
    takers: Takers,
    /// Bytes that were missing for a commit besides those that it was thought to need.
    shortage: u64,
    /// Whether a transaction waits until the disk has it.
    waits_for_disk: bool,
}

impl Writer {
    pub fn open(store: Arc<Store>, shared: Arc<HistoryState>) -> Result<Self, StoreError> {
        let connection = open_connection(store.path())?;
        let budget = shared.settings.budget_bytes.map(shares);
        if let Some(budget) = budget {
            // The log is cut back to this after each time it is emptied.
            connection.pragma_update(None, "journal_size_limit", budget.log_bytes as i64 / 2)?;
        } else {
            connection.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX as i64)?;
        }
        let nodes: Vec<i64> = connection
            .prepare("SELECT DISTINCT node FROM blocks WHERE level < 2")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let takers = match budget {
            None => Vec::new(),
            Some(_) => connection
                .prepare("SELECT id FROM nodes")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?,
        };
        let now = Instant::now();
        Ok(Self {
            takers: Takers::new(takers),
            store,
            shared,
            connection,
            layouts: commit::LayoutRows::default(),
            runs: commit::RunRows::default(),
            buffers: Buffers::default(),
            to_merge: nodes.into_iter().collect(),
            next_age: now,
            spare: Spare::new(now),
            giving: 0,
            next_log: now,
            log_bytes_max: LOG_BYTES_MAX,
            rest_until: None,
            budget,
            shortage: 0,
            waits_for_disk: false,
        })
    }

    /// Works until told to stop or until the sender is gone.
    pub fn run(mut self, commands: &Receiver<Command>, report: &dyn Fn(Outcome)) {
        loop {
            let now = Instant::now();
            let wait = if self.rest_until.is_some_and(|until| now < until) {
                REST
            } else if self.work(now) {
                Duration::ZERO
            } else {
                self.next_age.saturating_duration_since(now).max(RETRY)
            };
            match commands.recv_timeout(wait) {
                Ok(Command::Commit(batch)) => {
                    if !self.commit_until_done(&batch, commands, report) {
                        return;
                    }
                }
                Ok(Command::Forget(node)) => self.forget(node),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Commits a batch at once, on the caller's thread.
    ///
    /// # Errors
    /// In words, when it can't be committed.
    pub fn write(&mut self, batch: &Batch) -> Result<Vec<Committed>, String> {
        self.commit(batch, &mut 0)?;
        Ok(batch.committed())
    }

    #[cfg(test)]
    pub fn try_to_empty_log(&mut self, bytes_max: u64) {
        self.log_bytes_max = bytes_max;
        self.next_log = Instant::now();
        self.settle();
    }

    /// Does all work that is due now, without waiting for commands.
    pub fn settle(&mut self) {
        while self.rest_until.is_none() && self.work(Instant::now()) {}
    }

    /// The file can't grow any more, and has no free page.
    #[cfg(test)]
    pub fn fill_file(&self) {
        let pages = Pages::of(&self.connection).unwrap();
        super::reclaim::shrink(&self.connection, pages.free).unwrap();
        let pages = Pages::of(&self.connection).unwrap();
        self.connection
            .pragma_update(None, "max_page_count", pages.count as i64)
            .unwrap();
    }

    /// Lets the oldest block of a tier go. False when there is none.
    #[cfg(test)]
    pub fn age_one(&mut self, tier: super::tier::Tier) -> bool {
        let oldest = retention::oldest(&self.connection, tier).unwrap();
        retention::age(&mut self.connection, &self.shared, tier, oldest).unwrap()
    }

    #[cfg(test)]
    pub fn settle_at(&mut self, now: Instant) {
        while self.rest_until.is_none() && self.work(now) {}
    }

    /// One piece of the other work. False when there is none.
    fn work(&mut self, now: Instant) -> bool {
        if stardust_store::damage::found().is_some() || self.store.presence().check().is_err() {
            self.rest_until = Some(now + REST);
            return false;
        }
        match self.work_or_fail(now) {
            Ok(more) => {
                self.rest_until = None;
                more
            }
            Err(error) => {
                stardust_base::log::warn(&format!(
                    "history: merging and retention rest for a while: {error}"
                ));
                self.rest_until = Some(now + REST);
                false
            }
        }
    }

    /// An acknowledgement promises that samples outlive a power cut, so commits wait
    /// for the disk. What only moves them need not: the log keeps the order, and who
    /// comes back after a power cut has them in their old place.
    fn wait_for_disk(&mut self, wait: bool) -> rusqlite::Result<()> {
        if self.waits_for_disk != wait {
            let mode = if wait { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", mode)?;
            self.waits_for_disk = wait;
        }
        Ok(())
    }

    fn work_or_fail(&mut self, now: Instant) -> error::Result<bool> {
        self.wait_for_disk(false)?;
        self.spare.note(Pages::of(&self.connection)?.free);
        self.bound_log(now)?;
        self.shared.clock.look(&self.store, &self.connection)?;
        for (node, fault) in self.shared.take_faults() {
            if fault.error.is_damage() {
                let transaction = self.connection.transaction()?;
                damage::set_aside(&transaction, &self.shared, node, &fault)?;
                transaction.commit()?;
            } else {
                stardust_base::log::error(&format!("history: node {node}: {}", fault.error));
            }
        }
        let generation = match self.budget {
            Some(budget) => GENERATION_BYTES.min(budget.log_bytes / 4),
            None => GENERATION_BYTES,
        };
        // Lists of series that only fresh records need can't be given for others.
        let many_lists = self.budget.is_some() && self.layouts.added_bytes >= generation;
        if many_lists || merge_fresh::is_due(&self.connection, &self.shared, generation)? {
            self.layouts.added_bytes = 0;
            self.make_room(generation + OVERHEAD_BYTES)?;
            let (connection, buffers) = (&mut self.connection, &mut self.buffers);
            let nodes = merge_fresh::merge_fresh(connection, &self.shared, buffers)?;
            self.changed(&nodes);
            self.to_merge.extend(nodes);
            return Ok(true);
        }
        if !self.to_merge.is_empty() {
            self.make_room(4 * OVERHEAD_BYTES)?;
            self.merge_some()?;
            return Ok(true);
        }
        self.buffers = Buffers::default();
        if now >= self.next_age {
            if let Some(budget) = self.budget {
                self.bound_file(budget.file_bytes + budget.reserve_bytes)?;
            }
            let expired = retention::expire_one(&mut self.connection, &self.shared)?;
            if let Expired::Block(node) = expired {
                self.changed(&[node]);
            }
            if !matches!(expired, Expired::Nothing) {
                self.keep_log_small()?;
                return Ok(true);
            }
            self.next_age = now + AGE_INTERVAL;
        }
        self.shrink(now)
    }

    /// Merges blocks and makes hours of the next few nodes, where that is due.
    fn merge_some(&mut self) -> error::Result<()> {
        let nodes: Vec<i64> = self.to_merge.iter().copied().take(MERGE_NODES).collect();
        let (blocks, hours) = {
            // One snapshot for all: each alone would take the log's lock anew.
            let snapshot = self.connection.transaction()?;
            let blocks = merge::with_blocks_to_merge(&snapshot, &self.shared, &nodes)?;
            let mut hours = Vec::new();
            for &node in &nodes {
                if !downsample::hours_due(&snapshot, &self.shared, node)?.is_empty() {
                    hours.push(node);
                }
            }
            snapshot.commit()?;
            (blocks, hours)
        };
        if !blocks.is_empty() {
            let (connection, buffers) = (&mut self.connection, &mut self.buffers);
            merge::merge_blocks(connection, &self.shared, buffers, &blocks)?;
            self.changed(&blocks);
        } else if let Some(&node) = hours.first() {
            downsample::make_due_hours(&mut self.connection, &self.shared, node)?;
            self.changed(&[node]);
        }
        // What had nothing to do is looked at again when it has new blocks.
        for node in nodes {
            if !blocks.contains(&node) && !hours.contains(&node) {
                self.to_merge.remove(&node);
            }
        }
        Ok(())
    }

    /// Blocks of these nodes came or went.
    fn changed(&mut self, nodes: &[i64]) {
        if self.budget.is_some() {
            nodes.iter().for_each(|node| self.takers.changed(*node));
        }
    }

    fn forget(&mut self, node: i64) {
        self.to_merge.remove(&node);
        self.runs.forget(node);
        self.shared.clock.forget(node);
        self.changed(&[node]);
        if stardust_store::damage::found().is_some() {
            return;
        }
        self.shared.fresh().forget(node);
        let step = |table: &str| {
            format!(
                "DELETE FROM {table} WHERE rowid IN
                 (SELECT rowid FROM {table} WHERE node = ?1 LIMIT {FORGET_STEP})"
            )
        };
        let steps = [
            step("blocks"),
            step("fresh"),
            step("gaps"),
            step("damaged"),
            step("layouts"),
            step("series"),
            "DELETE FROM only_hours WHERE node = ?1".to_string(),
            "DELETE FROM progress WHERE node = ?1".to_string(),
        ];
        for step in &steps {
            loop {
                match self.connection.execute(step, [node]) {
                    Ok(deleted) if deleted >= FORGET_STEP => {}
                    Ok(_) => break,
                    Err(error) => {
                        stardust_base::log::warn(&format!(
                            "history: removing node {node}: {error}"
                        ));
                        return;
                    }
                }
            }
        }
    }
}
