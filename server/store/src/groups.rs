//! The `groups` table: what several users may, together.

use rusqlite::{Connection, params};
use stardust_model::access::Grant;

use super::error::name_taken;
use super::grants::{self, GroupRecord, group, json};
use super::users::keep_an_admin;
use super::{Store, StoreError};

impl Store {
    /// All groups, by id.
    pub fn groups(&self) -> Result<Vec<GroupRecord>, StoreError> {
        Ok(grants::all_groups(&*self.reader()?)?)
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
            group(transaction, transaction.last_insert_rowid())
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
            group(transaction, id)
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
    let before = group(connection, id)?;
    match version.is_some_and(|version| version != before.version) {
        true => Err(StoreError::Changed),
        false => Ok(before),
    }
}
