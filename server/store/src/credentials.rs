//! The `credentials` table: what the vault has sealed. Nothing here can read it.

use rusqlite::{Connection, params};

use super::{Store, StoreError};
use stardust_base::error::Error;

/// A node, a field and its sealed value.
pub type SealedRow = (i64, String, Vec<u8>);

impl Store {
    /// Nodes that something is kept for.
    pub fn nodes_with_credentials(&self) -> Result<Vec<i64>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached("SELECT DISTINCT node FROM credentials")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All sealed values of a node.
    pub fn credentials(&self, node: i64) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader
            .prepare_cached("SELECT field, blob FROM credentials WHERE node = ?1 ORDER BY field")?;
        let rows = statement.query_map([node], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Two fields of every node, those of one node after each other.
    pub fn credentials_of_fields(&self, fields: [&str; 2]) -> Result<Vec<SealedRow>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(
            "SELECT node, field, blob FROM credentials WHERE field IN (?1, ?2) ORDER BY node",
        )?;
        let rows =
            statement.query_map(fields, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Puts `fields` in place of all that is there for the node, in one transaction.
    /// False when there is no such node.
    pub fn replace_credentials(
        &self,
        node: i64,
        fields: &[(&str, Vec<u8>)],
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        self.transact(|transaction| {
            let there: bool = transaction.query_row(
                "SELECT EXISTS (SELECT 1 FROM nodes WHERE id = ?1)",
                [node],
                |row| row.get(0),
            )?;
            if !there {
                return Ok(false);
            }
            transaction.execute("DELETE FROM credentials WHERE node = ?1", [node])?;
            for (field, blob) in fields {
                insert(transaction, node, field, blob, now_ms)?;
            }
            Ok(true)
        })
    }

    pub fn delete_credentials(&self, node: i64, fields: &[&str]) -> Result<(), StoreError> {
        self.transact(|transaction| {
            for field in fields {
                transaction.execute(
                    "DELETE FROM credentials WHERE node = ?1 AND field = ?2",
                    params![node, field],
                )?;
            }
            Ok(())
        })
    }

    /// Seals everything anew, writes `meta` and ends all sessions: all of it or,
    /// whatever happens before the commit, nothing. `before_commit` is the last
    /// that can still fail.
    pub fn reseal(
        &self,
        meta: &[(&str, Vec<u8>)],
        mut reseal: impl FnMut(i64, &str, &[u8]) -> Result<Vec<u8>, Error>,
        before_commit: impl FnOnce() -> Result<(), Error>,
    ) -> Result<usize, Error> {
        let mut writer = self.writer();
        let sql = |error| Error::from(StoreError::from(error));
        // What the old secret opens must not stay behind in free pages, and the
        // new state must be on disk before anyone is told.
        writer
            .pragma_update(None, "secure_delete", true)
            .map_err(sql)?;
        writer
            .pragma_update(None, "synchronous", "FULL")
            .map_err(sql)?;
        let transaction = writer
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(sql)?;
        let rows = all(&transaction).map_err(sql)?;
        for (node, field, blob) in &rows {
            let blob = reseal(*node, field, blob)?;
            transaction
                .execute(
                    "UPDATE credentials SET blob = ?3 WHERE node = ?1 AND field = ?2",
                    params![node, field, blob],
                )
                .map_err(sql)?;
        }
        let others = sealed(&transaction).map_err(sql)?;
        for (kind, owner, field, blob) in &others {
            let blob = reseal(*owner, &format!("{kind}.{field}"), blob)?;
            super::factors::put_sealed(&transaction, kind, *owner, field, &blob).map_err(sql)?;
        }
        super::meta::set(&transaction, meta).map_err(sql)?;
        transaction
            .execute("DELETE FROM sessions", [])
            .map_err(sql)?;
        before_commit()?;
        transaction.commit().map_err(sql)?;
        // The write-ahead log still holds the old pages. A reader may keep it
        // from being emptied; the next checkpoint does it then.
        let _ = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        Ok(rows.len() + others.len())
    }
}

type Other = (String, i64, String, Vec<u8>);

/// What is sealed for others than nodes.
fn sealed(connection: &Connection) -> rusqlite::Result<Vec<Other>> {
    connection
        .prepare("SELECT kind, owner, field, blob FROM sealed ORDER BY kind, owner, field")?
        .query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect()
}

fn all(connection: &Connection) -> rusqlite::Result<Vec<SealedRow>> {
    connection
        .prepare("SELECT node, field, blob FROM credentials ORDER BY node, field")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect()
}

fn insert(
    connection: &Connection,
    node: i64,
    field: &str,
    blob: &[u8],
    now_ms: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO credentials (node, field, blob, updated_ms) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![node, field, blob, now_ms])?;
    Ok(())
}
