//! The `meta` table: small facts about the database itself.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, StoreError};

impl Store {
    pub fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        get(&*self.reader()?, key)
    }

    /// Writes several at once: all or none.
    pub fn set_meta(&self, pairs: &[(&str, &[u8])]) -> Result<(), StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        set(&transaction, pairs)?;
        transaction.commit()?;
        Ok(())
    }
}

pub(super) fn set<V: AsRef<[u8]>>(
    connection: &Connection,
    pairs: &[(&str, V)],
) -> rusqlite::Result<()> {
    for (key, value) in pairs {
        connection.execute(
            "INSERT INTO meta (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            params![key, value.as_ref()],
        )?;
    }
    Ok(())
}

pub(super) fn get(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?)
}
