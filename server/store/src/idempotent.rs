//! The `idempotent` table: changes that were asked for under a key.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};

/// Keys of one user or token, and of all; the oldest go.
const OF_ONE_MAX: i64 = 1_000;

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: now it is begun.
    New,
    /// The same was asked before; this was answered.
    Answered(Vec<u8>),
    /// The same was asked before and is under way, or its end is not known.
    Unknown,
    /// Something else was asked under it.
    Other,
}

impl Store {
    /// Begins what was asked under a key; keys from before `before_ms` are forgotten.
    pub fn begin_idempotent(
        &self,
        who: &str,
        key: &str,
        asked: &[u8; 32],
        now_ms: i64,
        before_ms: i64,
    ) -> Result<Begun, StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        transaction.execute("DELETE FROM idempotent WHERE created_ms < ?1", [before_ms])?;
        let known: Option<([u8; 32], Option<Vec<u8>>)> = transaction
            .query_row(
                "SELECT asked, answer FROM idempotent WHERE who = ?1 AND key = ?2",
                [who, key],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let begun = match known {
            Some((before, _)) if before != *asked => Begun::Other,
            Some((_, Some(answer))) => Begun::Answered(answer),
            Some((_, None)) => Begun::Unknown,
            None => {
                transaction.execute(
                    "DELETE FROM idempotent WHERE who = ?1 AND key IN (SELECT key FROM idempotent
                     WHERE who = ?1 ORDER BY created_ms DESC LIMIT -1 OFFSET ?2)",
                    params![who, OF_ONE_MAX - 1],
                )?;
                transaction.execute(
                    "INSERT INTO idempotent (who, key, asked, created_ms) VALUES (?1, ?2, ?3, ?4)",
                    params![who, key, asked, now_ms],
                )?;
                Begun::New
            }
        };
        transaction.commit()?;
        Ok(begun)
    }

    /// What was answered; `None` forgets the key, so that the same can be tried again.
    pub fn end_idempotent(
        &self,
        who: &str,
        key: &str,
        answer: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        match answer {
            Some(answer) => self.writer().execute(
                "UPDATE idempotent SET answer = ?3 WHERE who = ?1 AND key = ?2",
                params![who, key, answer],
            )?,
            None => self.writer().execute(
                "DELETE FROM idempotent WHERE who = ?1 AND key = ?2",
                [who, key],
            )?,
        };
        Ok(())
    }
}
