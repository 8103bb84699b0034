//! Grants as they are stored, and the groups that hand them to their members.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stardust_model::access::{Grant, Role};

use super::StoreError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    pub id: i64,
    pub name: String,
    pub grant: Grant,
    /// Grows with each change.
    pub version: i64,
    pub created_ms: i64,
}

const COLUMNS: &str = "id, name, role, tags, rights, version, created_ms";

pub(super) fn all_groups(connection: &Connection) -> rusqlite::Result<Vec<GroupRecord>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM groups ORDER BY id"))?;
    let rows = statement.query_map([], from_row)?;
    rows.collect()
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<GroupRecord> {
    Ok(GroupRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        grant: read_grant(row, 2)?,
        version: row.get(5)?,
        created_ms: row.get(6)?,
    })
}

pub(super) fn group(connection: &Connection, id: i64) -> Result<GroupRecord, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM groups WHERE id = ?1"))?;
    let found = statement.query_row([id], from_row).optional()?;
    found.ok_or(StoreError::Missing)
}

/// Pairs of user and group, by user.
pub(super) fn members(connection: &Connection) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut statement = connection
        .prepare_cached("SELECT user_id, group_id FROM group_members ORDER BY user_id, group_id")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Role, tags and rights, from the column `at` on. What can't be read allows less, never
/// more: a role of a later release is a viewer's, and tags that are none stand for no node.
pub(super) fn read_grant(row: &Row<'_>, at: usize) -> rusqlite::Result<Grant> {
    let (role, tags, rights): (String, String, String) =
        (row.get(at)?, row.get(at + 1)?, row.get(at + 2)?);
    let nowhere = || BTreeSet::from([String::new()]);
    Ok(Grant {
        role: match role.as_str() {
            "none" => Role::None,
            other => Role::parse(other).unwrap_or_default(),
        },
        tags: read(&tags).unwrap_or_else(nowhere),
        rights: read(&rights).unwrap_or_default(),
    })
}

fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// A set of texts can't fail to be written.
pub(super) fn json(set: &impl Serialize) -> String {
    serde_json::to_string(set).unwrap_or_else(|_| "[]".into())
}
