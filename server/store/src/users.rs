//! The `users` table: who may sign in, and what they may.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use stardust_model::access::{Grant, Role};

use super::error::name_taken;
use super::grants::{self, json, read_grant};
use super::{Store, StoreError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    pub id: i64,
    pub name: String,
    pub password_hash: String,
    /// The password is that of the first start: nothing but changing it is allowed.
    pub must_change: bool,
    /// What it may by itself; its groups may add to it.
    pub grant: Grant,
    pub disabled: bool,
    /// Grows with each change.
    pub version: i64,
    pub created_ms: i64,
    pub login_ms: Option<i64>,
    /// Numbers of groups.
    pub groups: Vec<i64>,
    /// Who signs in elsewhere is known by this alone: no name and no address of mail.
    pub external: Option<External>,
}

/// Somebody as an issuer knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    pub issuer: String,
    pub subject: String,
}

/// A user to be made.
pub struct NewUser<'a> {
    pub name: &'a str,
    pub password_hash: &'a str,
    pub must_change: bool,
    pub grant: &'a Grant,
    pub groups: &'a [i64],
    pub now_ms: i64,
}

/// What is to be changed of one; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    pub name: Option<String>,
    /// Comes from outside: with a new password all sessions of the user end.
    pub password_hash: Option<String>,
    pub must_change: Option<bool>,
    pub grant: Option<Grant>,
    pub disabled: Option<bool>,
    pub groups: Option<Vec<i64>>,
}

const COLUMNS: &str = "id, name, password_hash, must_change, role, tags, rights, disabled, \
                       version, created_ms, login_ms, issuer, subject";

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
        self.transact(|transaction| {
            let changed = transaction.execute(
                "UPDATE users SET password_hash = ?2, must_change = ?3, changed_ms = ?4, \
                 version = version + 1 WHERE name = ?1",
                params![name, password_hash, must_change, now_ms],
            )?;
            transaction.execute(
                "DELETE FROM sessions WHERE user_id IN (SELECT id FROM users WHERE name = ?1)",
                [name],
            )?;
            Ok(changed > 0)
        })
    }

    pub fn user_by_name(&self, name: &str) -> Result<Option<UserRecord>, StoreError> {
        Ok(self.users()?.into_iter().find(|user| user.name == name))
    }

    /// The first one, who may everything.
    pub fn insert_user(
        &self,
        name: &str,
        password_hash: &str,
        must_change: bool,
        now_ms: i64,
    ) -> Result<UserRecord, StoreError> {
        self.add_user(&NewUser {
            name,
            password_hash,
            must_change,
            grant: &Grant::admin(),
            groups: &[],
            now_ms,
        })
    }

    pub fn add_user(&self, new: &NewUser<'_>) -> Result<UserRecord, StoreError> {
        self.transact(|transaction| {
            transaction
                .execute(
                    "INSERT INTO users (name, password_hash, must_change, created_ms, changed_ms, \
                     role, tags, rights) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)",
                    params![
                        new.name,
                        new.password_hash,
                        new.must_change,
                        new.now_ms,
                        new.grant.role.name(),
                        json(&new.grant.tags),
                        json(&new.grant.rights),
                    ],
                )
                .map_err(name_taken)?;
            let id = transaction.last_insert_rowid();
            join(transaction, id, new.groups)?;
            one(transaction, id)?.ok_or(StoreError::Missing)
        })
    }

    /// Sets what is given. `ends_sessions`: all of the user's sessions end with it.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when `if_version` is not the one that is there;
    /// [`StoreError::LastAdmin`] when nobody would be left who may everything.
    pub fn change_user(
        &self,
        id: i64,
        change: &UserChange,
        if_version: Option<i64>,
        ends_sessions: bool,
        now_ms: i64,
    ) -> Result<UserRecord, StoreError> {
        self.transact(|transaction| {
            let before = one(transaction, id)?.ok_or(StoreError::Missing)?;
            if if_version.is_some_and(|version| version != before.version) {
                return Err(StoreError::Changed);
            }
            let grant = change.grant.as_ref().unwrap_or(&before.grant);
            transaction
                .execute(
                    "UPDATE users SET name = ?2, password_hash = ?3, must_change = ?4, role = ?5, \
                     tags = ?6, rights = ?7, disabled = ?8, version = version + 1, changed_ms = ?9 \
                     WHERE id = ?1",
                    params![
                        id,
                        change.name.as_ref().unwrap_or(&before.name),
                        change
                            .password_hash
                            .as_ref()
                            .unwrap_or(&before.password_hash),
                        change.must_change.unwrap_or(before.must_change),
                        grant.role.name(),
                        json(&grant.tags),
                        json(&grant.rights),
                        change.disabled.unwrap_or(before.disabled),
                        now_ms,
                    ],
                )
                .map_err(name_taken)?;
            if let Some(groups) = &change.groups {
                transaction.execute("DELETE FROM group_members WHERE user_id = ?1", [id])?;
                join(transaction, id, groups)?;
            }
            if ends_sessions {
                transaction.execute("DELETE FROM sessions WHERE user_id = ?1", [id])?;
            }
            keep_an_admin(transaction)?;
            one(transaction, id)?.ok_or(StoreError::Missing)
        })
    }

    /// With all sessions and tokens.
    ///
    /// # Errors
    /// As of [`Self::change_user`].
    pub fn delete_user(&self, id: i64, if_version: Option<i64>) -> Result<UserRecord, StoreError> {
        self.transact(|transaction| {
            let before = one(transaction, id)?.ok_or(StoreError::Missing)?;
            if if_version.is_some_and(|version| version != before.version) {
                return Err(StoreError::Changed);
            }
            transaction.execute("DELETE FROM users WHERE id = ?1", [id])?;
            keep_an_admin(transaction)?;
            Ok(before)
        })
    }

    /// Somebody who has just signed in elsewhere: made where there is none, with the role and
    /// the groups that hold now, and no others. `name` is taken where it is free.
    pub fn sync_external(
        &self,
        who: &External,
        name: &str,
        grant: &Grant,
        groups: &[i64],
        now_ms: i64,
    ) -> Result<UserRecord, StoreError> {
        self.transact(|transaction| {
            let known: Option<i64> = transaction
                .query_row(
                    "SELECT id FROM users WHERE issuer = ?1 AND subject = ?2",
                    [&who.issuer, &who.subject],
                    |row| row.get(0),
                )
                .optional()?;
            let id = match known {
                Some(id) => id,
                None => {
                    let name = free_name(transaction, name)?;
                    transaction.execute(
                        "INSERT INTO users (name, password_hash, must_change, created_ms, \
                         changed_ms, issuer, subject) VALUES (?1, '', 0, ?2, ?2, ?3, ?4)",
                        params![name, now_ms, who.issuer, who.subject],
                    )?;
                    transaction.last_insert_rowid()
                }
            };
            transaction.execute(
                "UPDATE users SET role = ?2, tags = ?3, rights = ?4, version = version + 1, \
                 changed_ms = ?5 WHERE id = ?1 AND (role, tags, rights) IS NOT (?2, ?3, ?4)",
                params![
                    id,
                    grant.role.name(),
                    json(&grant.tags),
                    json(&grant.rights),
                    now_ms
                ],
            )?;
            transaction.execute("DELETE FROM group_members WHERE user_id = ?1", [id])?;
            join(transaction, id, groups)?;
            one(transaction, id)?.ok_or(StoreError::Missing)
        })
    }

    /// A better hash of the same password, made at a login; nothing else changes.
    pub fn rehash(&self, id: i64, before: &str, hash: &str) -> Result<(), StoreError> {
        self.writer().execute(
            "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2",
            params![id, before, hash],
        )?;
        Ok(())
    }
}

pub fn all(connection: &Connection) -> rusqlite::Result<Vec<UserRecord>> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM users ORDER BY id"))?;
    let rows = statement.query_map([], from_row)?;
    let mut users = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    for (user, group) in grants::members(connection)? {
        if let Ok(at) = users.binary_search_by_key(&user, |user| user.id) {
            users[at].groups.push(group);
        }
    }
    Ok(users)
}

fn one(connection: &Connection, id: i64) -> rusqlite::Result<Option<UserRecord>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM users WHERE id = ?1"))?;
    let Some(mut user) = statement.query_row([id], from_row).optional()? else {
        return Ok(None);
    };
    let mut groups = connection
        .prepare_cached("SELECT group_id FROM group_members WHERE user_id = ?1 ORDER BY 1")?;
    let rows = groups.query_map([id], |row| row.get(0))?;
    user.groups = rows.collect::<rusqlite::Result<_>>()?;
    Ok(Some(user))
}

/// Whoever changes accounts last must still find one who may: two requests at once come
/// here one after the other.
pub(super) fn keep_an_admin(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let groups = grants::all_groups(transaction)?;
    let is_admin = |grant: &Grant| grant.role == Role::Admin && grant.tags.is_empty();
    let some = all(transaction)?.iter().any(|user| {
        let by_group = |id: &i64| {
            let found = groups.iter().find(|group| group.id == *id);
            found.is_some_and(|group| is_admin(&group.grant))
        };
        !user.disabled && (is_admin(&user.grant) || user.groups.iter().any(by_group))
    });
    match some {
        true => Ok(()),
        false => Err(StoreError::LastAdmin),
    }
}

/// The name, or with the first number behind it that makes it free.
fn free_name(transaction: &Transaction<'_>, name: &str) -> Result<String, StoreError> {
    let mut taken = transaction.prepare("SELECT EXISTS (SELECT 1 FROM users WHERE name = ?1)")?;
    let mut found = name.to_owned();
    for number in 2.. {
        if !taken.query_row([&found], |row| row.get::<_, bool>(0))? {
            break;
        }
        found = format!("{name} {number}");
    }
    Ok(found)
}

fn join(transaction: &Transaction<'_>, user: i64, groups: &[i64]) -> Result<(), StoreError> {
    for group in groups {
        transaction.execute(
            "INSERT OR IGNORE INTO group_members (user_id, group_id) \
             SELECT ?1, id FROM groups WHERE id = ?2",
            [user, *group],
        )?;
    }
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<UserRecord> {
    Ok(UserRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        password_hash: row.get(2)?,
        must_change: row.get(3)?,
        grant: read_grant(row, 4)?,
        disabled: row.get(7)?,
        version: row.get(8)?,
        created_ms: row.get(9)?,
        login_ms: row.get(10)?,
        groups: Vec::new(),
        external: match (row.get(11)?, row.get(12)?) {
            (Some(issuer), Some(subject)) => Some(External { issuer, subject }),
            _ => None,
        },
    })
}
