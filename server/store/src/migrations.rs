//! The schema, in numbered steps. A step that was released is never edited:
//! a change is a new file at the end of the list.

use std::path::Path;

use rusqlite::Connection;

use super::StoreError;
use super::open::{APPLICATION_ID, explain};

/// In order; the first is version 1 (`PRAGMA user_version`).
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_schema", include_str!("migrations/0001_schema.sql")),
    (
        "0002_accounts",
        include_str!("migrations/0002_accounts.sql"),
    ),
];

/// The schema version that this program writes.
pub fn latest() -> i64 {
    MIGRATIONS.len() as i64
}

/// Brings the database up to [`latest`]: each step in a transaction of its own,
/// so that a crash between two leaves a version that the next start goes on from.
pub(super) fn apply(path: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    apply_steps(path, connection, MIGRATIONS)
}

/// Refuses what a later release has written.
pub(super) fn check(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    check_version(path, connection, latest())
}

fn check_version(path: &Path, connection: &Connection, known: i64) -> Result<(), StoreError> {
    let found = version(connection).map_err(|error| explain(path, error))?;
    if (0..=known).contains(&found) {
        return Ok(());
    }
    Err(StoreError::Newer {
        path: path.to_owned(),
        found,
        known,
    })
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

pub(super) fn apply_steps(
    path: &Path,
    connection: &mut Connection,
    steps: &[(&str, &str)],
) -> Result<(), StoreError> {
    check_version(path, connection, steps.len() as i64)?;
    for (number, (name, sql)) in (1i64..).zip(steps) {
        // Immediate, and the version is read inside: two servers that start at
        // the same time on one file must not both apply a step.
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        if version(&transaction)? >= number {
            continue;
        }
        transaction
            .execute_batch(sql)
            .map_err(|error| StoreError::Path {
                path: path.to_owned(),
                why: format!("schema step {name} failed: {error}"),
            })?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
