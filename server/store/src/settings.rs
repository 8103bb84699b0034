//! The `settings` table: what admins have set, as JSON by name.

use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::{Store, StoreError};

impl Store {
    pub fn setting(&self, name: &str) -> Result<Option<Value>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached("SELECT value FROM settings WHERE name = ?1")?;
        let text: Option<String> = statement.query_row([name], |row| row.get(0)).optional()?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub fn set_setting(&self, name: &str, value: &Value) -> Result<(), StoreError> {
        self.transact(|transaction| {
            transaction.execute(
                "INSERT INTO settings (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = ?2",
                params![name, value.to_string()],
            )?;
            Ok(())
        })
    }
}
