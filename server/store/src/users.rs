//! The `users` table.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::is_unique_violation;
use super::{Store, StoreError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    pub id: i64,
    pub name: String,
    pub password_hash: String,
    /// The password is that of the first start: nothing but changing it is allowed.
    pub must_change: bool,
}

impl Store {
    /// All users, by id. There are few: they are held in memory.
    pub fn users(&self) -> Result<Vec<UserRecord>, StoreError> {
        Ok(all(&*self.reader()?)?)
    }

    /// A password from outside of the API: all sessions of the user end. False when
    /// there is no such user.
    pub fn reset_password(
        &self,
        name: &str,
        password_hash: &str,
        must_change: bool,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        let changed = transaction.execute(
            "UPDATE users SET password_hash = ?2, must_change = ?3, changed_ms = ?4 WHERE name = ?1",
            params![name, password_hash, must_change, now_ms],
        )?;
        transaction.execute(
            "DELETE FROM sessions WHERE user_id IN (SELECT id FROM users WHERE name = ?1)",
            [name],
        )?;
        transaction.commit()?;
        Ok(changed > 0)
    }

    pub fn user_by_name(&self, name: &str) -> Result<Option<UserRecord>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(
            "SELECT id, name, password_hash, must_change FROM users WHERE name = ?1",
        )?;
        Ok(statement.query_row([name], from_row).optional()?)
    }

    pub fn insert_user(
        &self,
        name: &str,
        password_hash: &str,
        must_change: bool,
        now_ms: i64,
    ) -> Result<UserRecord, StoreError> {
        let writer = self.writer();
        writer
            .execute(
                "INSERT INTO users (name, password_hash, must_change, created_ms, changed_ms)
                 VALUES (?1, ?2, ?3, ?4, ?4)",
                params![name, password_hash, must_change, now_ms],
            )
            .map_err(|error| {
                if is_unique_violation(&error) {
                    StoreError::NameTaken
                } else {
                    StoreError::from(error)
                }
            })?;
        Ok(UserRecord {
            id: writer.last_insert_rowid(),
            name: name.to_owned(),
            password_hash: password_hash.to_owned(),
            must_change,
        })
    }
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<UserRecord>> {
    let mut statement =
        connection.prepare("SELECT id, name, password_hash, must_change FROM users ORDER BY id")?;
    let rows = statement.query_map([], from_row)?;
    rows.collect()
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<UserRecord> {
    Ok(UserRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        password_hash: row.get(2)?,
        must_change: row.get(3)?,
    })
}
