//! A batch becomes durable, or is tried again until it can.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use super::super::batch::{Batch, NodeBatch};
use super::super::commit;
use super::super::error::is_full;
use super::{Command, OVERHEAD_BYTES, Outcome, RETRY, Writer};
use stardust_base::clock::wall_ms;
use stardust_model::node::NodeHello;
use stardust_store::StoreError;

impl Writer {
    /// False when the server stops before the batch could be committed.
    pub(super) fn commit_until_done(
        &mut self,
        batch: &Batch,
        commands: &Receiver<Command>,
        report: &dyn Fn(Outcome),
    ) -> bool {
        let mut failed_since: Option<Instant> = None;
        // A batch goes in parts when the log is small; what is in is not written again.
        let mut done = 0;
        loop {
            match self.commit(batch, &mut done) {
                Ok(()) => {
                    if let Some(since) = failed_since {
                        self.shared.set_failing(None);
                        stardust_base::log::info(&format!(
                            "history: committing again after {} s",
                            since.elapsed().as_secs()
                        ));
                    }
                    report(Outcome::Committed(batch.committed()));
                    return true;
                }
                Err(reason) => {
                    if failed_since.is_none() {
                        failed_since = Some(Instant::now());
                        stardust_base::log::error(&format!(
                            "history: {reason} Samples stay with the Spiders until then."
                        ));
                        self.shared.set_failing(Some((reason.clone(), wall_ms())));
                        report(Outcome::Failing(reason));
                    }
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

    pub(super) fn commit(&mut self, batch: &Batch, done: &mut usize) -> Result<(), String> {
        self.store.presence().check()?;
        let why = |error: StoreError| why_not_committed(&error);
        if let Some(found) = stardust_store::damage::found() {
            return Err(why(StoreError::Damaged {
                path: None,
                why: found.to_owned(),
            }));
        }
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
            self.store.note_hellos(&hellos).map_err(why)?;
        }
        self.wait_for_disk(true)
            .map_err(|error| why(error.into()))?;
        let most = self.budget.map_or(u64::MAX, |budget| budget.log_bytes / 4);
        while *done < batch.nodes.len() {
            let mut bytes = 0;
            let rest = &batch.nodes[*done..];
            let part = rest.iter().take_while(|node| {
                bytes += commit::bytes_of(node);
                bytes <= most
            });
            let part = &rest[..part.count().max(1)];
            let bytes: u64 = part.iter().map(commit::bytes_of).sum();
            self.make_room(bytes + OVERHEAD_BYTES + self.shortage)
                .map_err(|error| why_no_room(&*error))?;
            let committed = self.commit_part(part);
            self.shortage = match (&committed, self.budget) {
                (Err(error), Some(budget)) if is_full(error) => {
                    // More was needed than was thought: the next try has more room.
                    (2 * self.shortage).clamp(OVERHEAD_BYTES, budget.file_bytes / 2)
                }
                (Err(_), _) => self.shortage,
                (Ok(()), _) => 0,
            };
            if committed.is_err() {
                // What was noted on the way may not be in the database.
                self.layouts.clear();
                self.runs.clear();
            }
            committed.map_err(|error| why(error.into()))?;
            *done += part.len();
        }
        // What was written is gone if the file is: it is not acknowledged.
        self.store.presence().check()
    }

    fn commit_part(&mut self, nodes: &[NodeBatch]) -> rusqlite::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for row in self.shared.take_gone_lists() {
            self.layouts.forget(row);
        }
        let mut next_id = self.shared.fresh().last_id() + 1;
        let mut added = Vec::new();
        let mut statements = commit::Statements::new(&transaction, nodes.len())?;
        let mut new_lists = Vec::new();
        for node in nodes {
            let before = self.layouts.added_bytes;
            commit::insert_node(
                &mut statements,
                (&mut self.layouts, &mut self.runs),
                node,
                &self.shared,
                &mut next_id,
                &mut added,
            )?;
            if self.layouts.added_bytes > before {
                new_lists.push(node.node);
            }
        }
        drop(statements);
        if let Some(newest_ms) = added.iter().map(|(_, row, _)| row.time_max_ms).max() {
            transaction
                .prepare_cached("UPDATE fresh_merge SET newest_ms = max(newest_ms, ?1)")?
                .execute([newest_ms])?;
        }
        transaction.commit()?;
        let mut fresh = self.shared.fresh();
        for (node, row, reached) in added {
            fresh.add(node, row, reached);
        }
        drop(fresh);
        self.changed(&new_lists);
        self.shared.clock.hear(nodes);
        Ok(())
    }
}

fn why_no_room(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    match error.downcast_ref::<rusqlite::Error>() {
        Some(rusqlite::Error::SqliteFailure(failure, message)) => {
            let error = rusqlite::Error::SqliteFailure(*failure, message.clone());
            why_not_committed(&error.into())
        }
        _ => error.to_string(),
    }
}

fn why_not_committed(error: &StoreError) -> String {
    use rusqlite::ErrorCode;
    if let StoreError::Damaged { why, .. } = error {
        return format!(
            "the database is damaged ({why}). {}",
            stardust_store::damage::ADVICE
        );
    }
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
