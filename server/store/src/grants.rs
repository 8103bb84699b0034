//! Grants as they are stored, and the groups that hand them to their members.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stardust_model::access::{Grant, Role};

use super::users::{keep_an_admin, name_taken};
use super::{Store, StoreError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    pub id: i64,
    pub name: String,
    pub grant: Grant,
    /// Grows with each change.
    pub version: i64,
    pub created_ms: i64,
}

impl Store {
    /// All groups, by id.
    pub fn groups(&self) -> Result<Vec<GroupRecord>, StoreError> {
        Ok(all_groups(&*self.reader()?)?)
    }

    pub fn add_group(
        &self,
        name: &str,
        grant: &Grant,
        now_ms: i64,
    ) -> Result<GroupRecord, StoreError> {
        self.transact(|transaction| {
            transaction
                .execute(
                    "INSERT INTO groups (name, role, tags, rights, created_ms) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        name,
                        grant.role.name(),
                        json(&grant.tags),
                        json(&grant.rights),
                        now_ms
                    ],
                )
                .map_err(name_taken)?;
            one(transaction, transaction.last_insert_rowid())
        })
    }

    /// Sets what is given.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when `if_version` is not the one that is there;
    /// [`StoreError::LastAdmin`] when nobody would be left who may everything.
    pub fn change_group(
        &self,
        id: i64,
        name: Option<&str>,
        grant: Option<&Grant>,
        if_version: Option<i64>,
    ) -> Result<GroupRecord, StoreError> {
        self.transact(|transaction| {
            let before = expected(transaction, id, if_version)?;
            let grant = grant.unwrap_or(&before.grant);
            transaction
                .execute(
                    "UPDATE groups SET name = ?2, role = ?3, tags = ?4, rights = ?5, \
                     version = version + 1 WHERE id = ?1",
                    params![
                        id,
                        name.unwrap_or(&before.name),
                        grant.role.name(),
                        json(&grant.tags),
                        json(&grant.rights)
                    ],
                )
                .map_err(name_taken)?;
            keep_an_admin(transaction)?;
            one(transaction, id)
        })
    }

    /// Its members stay, without what it gave them.
    ///
    /// # Errors
    /// As of [`Self::change_group`].
    pub fn delete_group(
        &self,
        id: i64,
        if_version: Option<i64>,
    ) -> Result<GroupRecord, StoreError> {
        self.transact(|transaction| {
            let before = expected(transaction, id, if_version)?;
            transaction.execute("DELETE FROM groups WHERE id = ?1", [id])?;
            keep_an_admin(transaction)?;
            Ok(before)
        })
    }
}

fn expected(
    connection: &Connection,
    id: i64,
    version: Option<i64>,
) -> Result<GroupRecord, StoreError> {
    let before = one(connection, id)?;
    match version.is_some_and(|version| version != before.version) {
        true => Err(StoreError::Changed),
        false => Ok(before),
    }
}

const COLUMNS: &str = "id, name, role, tags, rights, version, created_ms";

pub(super) fn all_groups(connection: &Connection) -> rusqlite::Result<Vec<GroupRecord>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM groups ORDER BY id"))?;
    let rows = statement.query_map([], from_row)?;
    rows.collect()
}

fn one(connection: &Connection, id: i64) -> Result<GroupRecord, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM groups WHERE id = ?1"))?;
    let found = statement.query_row([id], from_row).optional()?;
    found.ok_or(StoreError::Missing)
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
        role: Role::parse(&role).unwrap_or_default(),
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
