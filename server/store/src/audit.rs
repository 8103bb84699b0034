//! The `audit` table: who did what, when, on which node, with which outcome.
//!
//! A line is written in the transaction of the act that it is about, so that there is
//! none without the other ([`Store::transact`]); what an act is stands in [`act`]. Each
//! row carries the hash of the one before it ([`chain`]). The API can add and read.

pub mod act;
pub mod chain;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde_json::Value;

use super::meta;
use super::{Store, StoreError};
use act::Act;
use chain::{Hash, Link};

/// `id` and hash of the row that came before the first one that is kept.
const META_ANCHOR: &str = "audit.anchor";
/// The same of the newest: rows that are missing at the end are noticed by it.
const META_HEAD: &str = "audit.head";
/// Rows that go at a time: the writer is held for so long.
const TRIMMED_AT_ONCE: i64 = 2_000;

/// A row, as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRecord {
    pub id: i64,
    pub time_ms: i64,
    pub actor: String,
    pub name: String,
    pub user_id: Option<i64>,
    pub via: String,
    pub address: String,
    pub action: String,
    pub node: Option<i64>,
    pub node_name: Option<String>,
    pub outcome: String,
    pub detail: Value,
    pub hash: Hash,
}

/// Which rows to list; newest first.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    pub node: Option<i64>,
    /// The name of a user.
    pub name: Option<String>,
    /// What an action begins with: `node`, `job.`, `auth.login`.
    pub action: Option<String>,
    pub outcome: Option<String>,
    pub from_ms: Option<i64>,
    pub to_ms: Option<i64>,
    pub address: Option<String>,
    /// Only those below this number.
    pub below: Option<i64>,
    /// Only those above this number.
    pub above: i64,
    /// The oldest first.
    pub ascending: bool,
}

/// What [`Store::verify_audit`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// So many rows, each with the hash that follows from the one before it.
    Whole { rows: u64, head: Option<Hash> },
    /// The first row that does not follow from the one before it, or is missing.
    Broken { id: i64 },
    /// Rows are missing at the end: the newest that was written has this number.
    CutOff { newest: i64 },
}

const COLUMNS: &str = "id, time_ms, actor, name, user_id, via, address, action, node, node_name, \
                       outcome, detail, hash";

impl Store {
    /// One transaction, with the line of what this thread is doing (see [`act`]).
    pub fn transact<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer();
        committed(&mut writer, work)
    }

    /// The same; `then` gets what was committed while no other change can come between.
    pub fn transact_then<T, U>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
        then: impl FnOnce(&T) -> U,
    ) -> Result<U, StoreError> {
        let mut writer = self.writer();
        let done = committed(&mut writer, work)?;
        Ok(then(&done))
    }

    /// A line on its own: of what changes nothing in the database, or was refused.
    pub fn add_audit(&self, act: &Act, outcome: &str) -> Result<(), StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        append(&transaction, act, outcome)?;
        transaction.commit()?;
        Ok(())
    }

    pub fn audit(
        &self,
        filter: &AuditFilter,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let reader = self.reader()?;
        let order = if filter.ascending { "ASC" } else { "DESC" };
        let mut statement = reader.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM audit WHERE (?1 IS NULL OR node = ?1) \
             AND (?2 IS NULL OR name = ?2) \
             AND (?3 IS NULL OR substr(action, 1, length(?3)) = ?3) \
             AND (?4 IS NULL OR outcome = ?4) AND (?5 IS NULL OR time_ms >= ?5) \
             AND (?6 IS NULL OR time_ms < ?6) AND (?7 IS NULL OR address = ?7) \
             AND (?8 IS NULL OR id < ?8) AND id > ?9 ORDER BY id {order} LIMIT ?10"
        ))?;
        let rows = statement.query_map(
            params![
                filter.node,
                filter.name,
                filter.action,
                filter.outcome,
                filter.from_ms,
                filter.to_ms,
                filter.address,
                filter.below,
                filter.above,
                limit as i64
            ],
            from_row,
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Lets go of rows from before `before_ms`, some at a time; true when there may be more.
    pub fn trim_audit(&self, before_ms: i64) -> Result<bool, StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        // Those that came before a clock was set back stay until the row behind them goes:
        // the chain has no holes.
        let last: Option<(i64, Hash)> = transaction
            .query_row(
                "SELECT id, hash FROM audit WHERE id < \
                 (SELECT min(id) FROM (SELECT id FROM audit WHERE time_ms >= ?1 \
                  UNION ALL SELECT max(id) + 1 FROM audit)) \
                 AND id < (SELECT min(id) FROM audit) + ?2 ORDER BY id DESC LIMIT 1",
                params![before_ms, TRIMMED_AT_ONCE],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let Some((id, hash)) = last else {
            return Ok(false);
        };
        let gone = transaction.execute("DELETE FROM audit WHERE id <= ?1", [id])?;
        meta::set(&transaction, &[(META_ANCHOR, mark(id, &hash))])?;
        transaction.commit()?;
        Ok(gone as i64 == TRIMMED_AT_ONCE)
    }

    pub fn verify_audit(&self) -> Result<Verdict, StoreError> {
        verify(&*self.reader()?)
    }
}

/// Goes through the whole chain, also of a database that a server runs on.
pub fn verify(reader: &Connection) -> Result<Verdict, StoreError> {
    let mut before = marked(meta::get(reader, META_ANCHOR)?).unwrap_or_default();
    let mut statement = reader.prepare(&format!("SELECT {COLUMNS} FROM audit ORDER BY id"))?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let found = from_row(row)?;
        let follows = found.id == before.id + 1
            && chain::hash(&before.hash, &link(&found, row)?) == found.hash;
        if !follows {
            return Ok(Verdict::Broken { id: before.id + 1 });
        }
        before = Mark {
            id: found.id,
            hash: found.hash,
        };
        count += 1;
    }
    let newest = marked(meta::get(reader, META_HEAD)?).unwrap_or_default();
    if newest.id > before.id {
        return Ok(Verdict::CutOff { newest: newest.id });
    }
    if newest.id == before.id && newest.hash != before.hash {
        return Ok(Verdict::Broken { id: before.id });
    }
    Ok(Verdict::Whole {
        rows: count,
        head: (count > 0).then_some(before.hash),
    })
}

#[derive(Clone, Copy, Default)]
struct Mark {
    id: i64,
    hash: Hash,
}

fn mark(id: i64, hash: &Hash) -> Vec<u8> {
    [&id.to_be_bytes()[..], hash].concat()
}

fn marked(bytes: Option<Vec<u8>>) -> Option<Mark> {
    let bytes = bytes?;
    let (id, hash) = bytes.split_at_checked(8)?;
    Some(Mark {
        id: i64::from_be_bytes(id.try_into().ok()?),
        hash: hash.try_into().ok()?,
    })
}

fn committed<T>(
    writer: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = writer.transaction()?;
    let done = work(&transaction)?;
    append_pending(&transaction)?;
    transaction.commit()?;
    act::written();
    Ok(done)
}

/// The line of this thread's act, where that has none yet. Once the transaction is
/// committed, [`act::written`] says so.
pub(super) fn append_pending(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    match act::unwritten() {
        Some(act) => append(transaction, &act, act::DONE),
        None => Ok(()),
    }
}

fn append(transaction: &Transaction<'_>, act: &Act, outcome: &str) -> Result<(), StoreError> {
    let before = newest(transaction)?;
    let id = before.id + 1;
    let detail = act.detail_text();
    let hash = chain::hash(
        &before.hash,
        &Link {
            id,
            time_ms: act.time_ms,
            actor: act.who.actor(),
            name: &act.who.name,
            user_id: act.who.user_id,
            via: &act.who.via,
            address: &act.who.address,
            action: &act.action,
            node: act.node,
            node_name: act.node_name.as_deref(),
            outcome,
            detail: &detail,
        },
    );
    transaction
        .prepare_cached(
            "INSERT INTO audit (id, time_ms, actor, name, user_id, via, address, action, node, \
             node_name, outcome, detail, hash) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            id,
            act.time_ms,
            act.who.actor(),
            act.who.name,
            act.who.user_id,
            act.who.via,
            act.who.address,
            act.action,
            act.node,
            act.node_name,
            outcome,
            detail,
            hash
        ])?;
    meta::set(transaction, &[(META_HEAD, mark(id, &hash))])?;
    Ok(())
}

/// What the next row follows.
fn newest(connection: &Connection) -> Result<Mark, StoreError> {
    let row = connection
        .prepare_cached("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| {
            Ok(Mark {
                id: row.get(0)?,
                hash: row.get(1)?,
            })
        })
        .optional()?;
    Ok(match row {
        Some(row) => row,
        None => marked(meta::get(connection, META_ANCHOR)?).unwrap_or_default(),
    })
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    let detail: String = row.get(11)?;
    Ok(AuditRecord {
        id: row.get(0)?,
        time_ms: row.get(1)?,
        actor: row.get(2)?,
        name: row.get(3)?,
        user_id: row.get(4)?,
        via: row.get(5)?,
        address: row.get(6)?,
        action: row.get(7)?,
        node: row.get(8)?,
        node_name: row.get(9)?,
        outcome: row.get(10)?,
        detail: serde_json::from_str(&detail).unwrap_or(Value::Null),
        hash: row.get(12)?,
    })
}

/// The row as it was hashed: its detail is the text that is stored, byte for byte.
fn link<'a>(record: &'a AuditRecord, row: &'a Row<'_>) -> rusqlite::Result<Link<'a>> {
    Ok(Link {
        id: record.id,
        time_ms: record.time_ms,
        actor: &record.actor,
        name: &record.name,
        user_id: record.user_id,
        via: &record.via,
        address: &record.address,
        action: &record.action,
        node: record.node,
        node_name: record.node_name.as_deref(),
        outcome: &record.outcome,
        detail: row.get_ref(11)?.as_str()?,
    })
}

#[cfg(test)]
mod tests;
