//! The `api_tokens` table: what programs show instead of a login.

use rusqlite::{OptionalExtension, Row, params};
use stardust_model::access::Grant;

use super::error::name_taken;
use super::grants::{json, read_grant};
use super::{Store, StoreError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiTokenRecord {
    pub id: i64,
    pub user_id: i64,
    pub name: String,
    pub sha256: [u8; 32],
    /// At most this of what its owner may.
    pub grant: Grant,
    pub read_only: bool,
    pub created_ms: i64,
    pub expires_ms: Option<i64>,
    pub used_ms: Option<i64>,
    pub used_address: Option<String>,
}

/// A use of a token or a session that is to be noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    pub used_ms: i64,
    pub address: String,
}

const COLUMNS: &str = "id, user_id, name, token_sha256, role, tags, rights, read_only, \
                       created_ms, expires_ms, used_ms, used_address";

impl Store {
    pub fn api_tokens(&self) -> Result<Vec<ApiTokenRecord>, StoreError> {
        let reader = self.reader()?;
        let mut statement =
            reader.prepare_cached(&format!("SELECT {COLUMNS} FROM api_tokens ORDER BY id"))?;
        let rows = statement.query_map([], from_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// `new.id` is not looked at.
    pub fn add_api_token(&self, new: &ApiTokenRecord) -> Result<ApiTokenRecord, StoreError> {
        self.transact(|transaction| {
            transaction
                .execute(
                    "INSERT INTO api_tokens (user_id, name, token_sha256, role, tags, rights, \
                     read_only, created_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                    params![
                        new.user_id,
                        new.name,
                        new.sha256,
                        new.grant.role.name(),
                        json(&new.grant.tags),
                        json(&new.grant.rights),
                        new.read_only,
                        new.created_ms,
                        new.expires_ms,
                    ],
                )
                .map_err(name_taken)?;
            Ok(ApiTokenRecord {
                id: transaction.last_insert_rowid(),
                ..new.clone()
            })
        })
    }

    pub fn delete_api_token(&self, id: i64) -> Result<(), StoreError> {
        self.transact(|transaction| {
            let gone: Option<i64> = transaction
                .query_row(
                    "DELETE FROM api_tokens WHERE id = ?1 RETURNING id",
                    [id],
                    |row| row.get(0),
                )
                .optional()?;
            gone.map(|_| ()).ok_or(StoreError::Missing)
        })
    }

    /// When tokens and sessions were last used, and from where.
    pub fn note_uses(
        &self,
        tokens: &[(i64, Used)],
        sessions: &[([u8; 16], Used)],
    ) -> Result<(), StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        for (id, used) in tokens {
            transaction.execute(
                "UPDATE api_tokens SET used_ms = ?2, used_address = ?3 WHERE id = ?1",
                params![id, used.used_ms, used.address],
            )?;
        }
        for (id, used) in sessions {
            transaction.execute(
                "UPDATE sessions SET used_ms = ?2, address = ?3 WHERE id = ?1",
                params![id, used.used_ms, used.address],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<ApiTokenRecord> {
    Ok(ApiTokenRecord {
        id: row.get(0)?,
        user_id: row.get(1)?,
        name: row.get(2)?,
        sha256: row.get(3)?,
        grant: read_grant(row, 4)?,
        read_only: row.get(7)?,
        created_ms: row.get(8)?,
        expires_ms: row.get(9)?,
        used_ms: row.get(10)?,
        used_address: row.get(11)?,
    })
}
