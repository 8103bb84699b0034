//! The `sessions` table: what makes a token good, until it ends.

use std::sync::PoisonError;

use rusqlite::{Connection, ErrorCode, Row, params};

use stardust_model::session::{SessionId, SessionRecord};

use super::audit::{self, act};
use super::owed::Owed;
use super::{Store, StoreError, damage};

const COLUMNS: &str = "id, user_id, created_ms, expires_ms, address, agent, used_ms, \
                       proof_ms, factor";

/// Ended sessions that are remembered while they can't be taken out.
const OWED_MAX: usize = 1_024;

impl Store {
    pub fn sessions(&self) -> Result<Vec<SessionRecord>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(&format!("SELECT {COLUMNS} FROM sessions"))?;
        let rows = statement.query_map([], from_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds a session and takes `ended` out, in one transaction.
    ///
    /// A damaged database is not written to, a full disk takes nothing, and whoever wants
    /// to see why must get in: then sessions are in memory alone, and end with the server.
    /// `salvage` takes none over, so that none comes back that has ended; what could not
    /// be taken out is, as soon as the disk lets it.
    pub fn insert_session(
        &self,
        session: &SessionRecord,
        ended: &[SessionId],
    ) -> Result<(), StoreError> {
        self.write_sessions(Some(session), ended)
    }

    pub fn delete_sessions(&self, ended: &[SessionId]) -> Result<(), StoreError> {
        self.write_sessions(None, ended)
    }

    /// Takes out what could not be taken out before.
    pub(super) fn pay_owed(&self) {
        // What stays is a session of somebody who knew the password.
        let _ = self.write_sessions(None, &[]);
    }

    fn write_sessions(
        &self,
        begun: Option<&SessionRecord>,
        ended: &[SessionId],
    ) -> Result<(), StoreError> {
        if damage::found().is_some() {
            return Ok(());
        }
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let all = [&owed.ended[..], ended].concat();
        let written = (|| -> Result<(), StoreError> {
            let mut writer = self.writer();
            let transaction = writer.transaction()?;
            delete(&transaction, &all)?;
            if let Some(session) = begun {
                insert(&transaction, session)?;
                transaction.execute(
                    "UPDATE users SET login_ms = ?2 WHERE id = ?1",
                    [session.user_id, session.created_ms],
                )?;
            }
            audit::append_pending(&transaction)?;
            transaction.commit()?;
            act::written();
            Ok(())
        })();
        match written {
            Ok(()) => *owed = Owed::default(),
            Err(StoreError::Sql(error)) if takes_nothing(&error) => {
                if !std::mem::replace(&mut owed.is_said, true) {
                    stardust_base::log::warn(&format!(
                        "sessions are in memory alone, and end with this server: {error}"
                    ));
                }
                let kept = all.len().saturating_sub(OWED_MAX);
                owed.ended = all[kept..].to_vec();
            }
            // It is said elsewhere, and from here on nothing is written.
            Err(StoreError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// A new password: every session of the user ends and `session` begins, all
    /// in one transaction.
    pub fn change_password(
        &self,
        password_hash: &str,
        session: &SessionRecord,
    ) -> Result<(), StoreError> {
        self.transact(|transaction| {
            transaction.execute(
                "UPDATE users SET password_hash = ?2, must_change = 0, changed_ms = ?3, \
                 version = version + 1 WHERE id = ?1",
                params![session.user_id, password_hash, session.created_ms],
            )?;
            transaction.execute("DELETE FROM sessions WHERE user_id = ?1", [session.user_id])?;
            insert(transaction, session)?;
            Ok(())
        })
    }
}

impl Store {
    /// Whoever has the session has proved to be there.
    pub fn note_proof(
        &self,
        session: SessionId,
        factor: &str,
        proof_ms: i64,
    ) -> Result<(), StoreError> {
        self.transact(|transaction| {
            transaction.execute(
                "UPDATE sessions SET proof_ms = ?2, factor = ?3 WHERE id = ?1",
                params![session.0, proof_ms, factor],
            )?;
            Ok(())
        })
    }
}

/// Whether nothing can be written at present, whatever it is.
fn takes_nothing(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::ReadOnly | ErrorCode::SystemIoFailure)
    )
}

fn insert(connection: &Connection, session: &SessionRecord) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO sessions (id, user_id, created_ms, expires_ms, address, agent,
             used_ms, proof_ms, factor) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            session.id.0,
            session.user_id,
            session.created_ms,
            session.expires_ms,
            session.address,
            session.agent,
            session.used_ms,
            session.proof_ms,
            session.factor,
        ])?;
    Ok(())
}

fn delete(connection: &Connection, ids: &[SessionId]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("DELETE FROM sessions WHERE id = ?1")?;
    for id in ids {
        statement.execute([id.0])?;
    }
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<SessionRecord> {
    Ok(SessionRecord {
        id: SessionId(row.get(0)?),
        user_id: row.get(1)?,
        created_ms: row.get(2)?,
        expires_ms: row.get(3)?,
        address: row.get(4)?,
        agent: row.get(5)?,
        used_ms: row.get(6)?,
        proof_ms: row.get(7)?,
        factor: row.get(8)?,
    })
}
