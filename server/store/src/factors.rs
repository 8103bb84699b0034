//! Second factors: codes by time, recovery codes, passkeys.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Store, StoreError};

/// Codes by time of a user, without the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotpRecord {
    pub user_id: i64,
    /// A code of it was shown to be known.
    pub confirmed: bool,
    pub created_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyRecord {
    pub id: i64,
    pub user_id: i64,
    pub credential: Vec<u8>,
    pub name: String,
    pub algorithm: i64,
    pub public_key: Vec<u8>,
    pub uses: u32,
    pub created_ms: i64,
    pub used_ms: Option<i64>,
}

const PASSKEY: &str =
    "id, user_id, credential, name, algorithm, public_key, uses, created_ms, used_ms";

impl Store {
    pub fn totps(&self) -> Result<Vec<TotpRecord>, StoreError> {
        let reader = self.reader()?;
        let mut statement =
            reader.prepare_cached("SELECT user_id, confirmed, created_ms FROM totp")?;
        let rows = statement.query_map([], |row| {
            Ok(TotpRecord {
                user_id: row.get(0)?,
                confirmed: row.get(1)?,
                created_ms: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Begins with a new secret, which counts once it is confirmed. Refused while there is
    /// one that counts.
    pub fn begin_totp(&self, user: i64, blob: &[u8], now_ms: i64) -> Result<bool, StoreError> {
        self.transact(|transaction| {
            let changed = transaction.execute(
                "INSERT INTO totp (user_id, confirmed, last_step, created_ms) VALUES (?1, 0, 0, ?2)
                 ON CONFLICT (user_id) DO UPDATE SET last_step = 0, created_ms = ?2
                 WHERE NOT confirmed",
                params![user, now_ms],
            )?;
            if changed == 1 {
                put_sealed(transaction, "user", user, "totp", blob)?;
            }
            Ok(changed == 1)
        })
    }

    /// From here on codes are asked for, and these can stand in for one.
    pub fn confirm_totp(
        &self,
        user: i64,
        step: i64,
        recovery: &[[u8; 32]],
    ) -> Result<bool, StoreError> {
        self.transact(|transaction| {
            let changed = transaction.execute(
                "UPDATE totp SET confirmed = 1, last_step = ?2 WHERE user_id = ?1 AND NOT confirmed",
                [user, step],
            )?;
            if changed == 1 {
                put_recovery(transaction, user, recovery)?;
            }
            Ok(changed == 1)
        })
    }

    pub fn delete_totp(&self, user: i64) -> Result<bool, StoreError> {
        self.transact(|transaction| {
            let changed = transaction.execute("DELETE FROM totp WHERE user_id = ?1", [user])?;
            transaction.execute(
                "DELETE FROM sealed WHERE kind = 'user' AND owner = ?1 AND field = 'totp'",
                [user],
            )?;
            Ok(changed == 1)
        })
    }

    /// A code is good once: false when this step, or a later one, was used already.
    pub fn use_totp(&self, user: i64, step: i64) -> Result<bool, StoreError> {
        let changed = self.writer().execute(
            "UPDATE totp SET last_step = ?2 WHERE user_id = ?1 AND last_step < ?2",
            [user, step],
        )?;
        Ok(changed == 1)
    }

    /// New ones; the old are good no more.
    pub fn set_recovery(&self, user: i64, codes: &[[u8; 32]]) -> Result<(), StoreError> {
        self.transact(|transaction| Ok(put_recovery(transaction, user, codes)?))
    }

    /// False when it is none, or was used.
    pub fn use_recovery(&self, user: i64, code: [u8; 32], now_ms: i64) -> Result<bool, StoreError> {
        let changed = self.writer().execute(
            "UPDATE recovery_codes SET used_ms = ?3 WHERE user_id = ?1 AND sha256 = ?2
             AND used_ms IS NULL",
            params![user, code, now_ms],
        )?;
        Ok(changed == 1)
    }

    /// How many are left.
    pub fn recovery_left(&self, user: i64) -> Result<usize, StoreError> {
        let reader = self.reader()?;
        let count: i64 = reader
            .prepare_cached(
                "SELECT count(*) FROM recovery_codes WHERE user_id = ?1 AND used_ms IS NULL",
            )?
            .query_row([user], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    pub fn passkeys(&self) -> Result<Vec<PasskeyRecord>, StoreError> {
        let reader = self.reader()?;
        let mut statement =
            reader.prepare_cached(&format!("SELECT {PASSKEY} FROM passkeys ORDER BY id"))?;
        let rows = statement.query_map([], passkey)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Those of one user, by number.
    pub fn passkeys_of(&self, user: i64) -> Result<Vec<PasskeyRecord>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(&format!(
            "SELECT {PASSKEY} FROM passkeys WHERE user_id = ?1 ORDER BY id"
        ))?;
        let rows = statement.query_map([user], passkey)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The one that a browser calls so.
    pub fn passkey_named(&self, credential: &[u8]) -> Result<Option<PasskeyRecord>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(&format!(
            "SELECT {PASSKEY} FROM passkeys WHERE credential = ?1"
        ))?;
        Ok(statement.query_row([credential], passkey).optional()?)
    }

    /// `new.id` is not looked at.
    pub fn add_passkey(&self, new: &PasskeyRecord) -> Result<i64, StoreError> {
        self.transact(|transaction| {
            transaction
                .execute(
                    "INSERT INTO passkeys (user_id, credential, name, algorithm, public_key, uses,
                     created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        new.user_id,
                        new.credential,
                        new.name,
                        new.algorithm,
                        new.public_key,
                        new.uses,
                        new.created_ms
                    ],
                )
                .map_err(super::error::name_taken)?;
            Ok(transaction.last_insert_rowid())
        })
    }

    pub fn delete_passkey(&self, id: i64) -> Result<bool, StoreError> {
        self.transact(|transaction| {
            let changed = transaction.execute("DELETE FROM passkeys WHERE id = ?1", [id])?;
            Ok(changed == 1)
        })
    }

    /// Notes a use. False when the key has counted less than before, which a copy would.
    pub fn use_passkey(&self, id: i64, uses: u32, now_ms: i64) -> Result<bool, StoreError> {
        let changed = self.writer().execute(
            "UPDATE passkeys SET uses = ?2, used_ms = ?3 WHERE id = ?1
             AND (uses < ?2 OR (uses = 0 AND ?2 = 0))",
            params![id, uses, now_ms],
        )?;
        Ok(changed == 1)
    }

    /// All factors of a user: for who has lost them.
    pub fn delete_factors(&self, user: i64) -> Result<(), StoreError> {
        self.transact(|transaction| {
            for table in ["totp", "recovery_codes", "passkeys"] {
                transaction.execute(&format!("DELETE FROM {table} WHERE user_id = ?1"), [user])?;
            }
            transaction.execute(
                "DELETE FROM sealed WHERE kind = 'user' AND owner = ?1 AND field = 'totp'",
                [user],
            )?;
            Ok(())
        })
    }

    pub fn sealed(
        &self,
        kind: &str,
        owner: i64,
        field: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(
            "SELECT blob FROM sealed WHERE kind = ?1 AND owner = ?2 AND field = ?3",
        )?;
        let found = statement.query_row(params![kind, owner, field], |row| row.get(0));
        Ok(found.optional()?)
    }
}

pub(super) fn put_sealed(
    connection: &Connection,
    kind: &str,
    owner: i64,
    field: &str,
    blob: &[u8],
) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO sealed (kind, owner, field, blob) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (kind, owner, field) DO UPDATE SET blob = ?4",
        params![kind, owner, field, blob],
    )?;
    Ok(())
}

fn put_recovery(connection: &Connection, user: i64, codes: &[[u8; 32]]) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM recovery_codes WHERE user_id = ?1", [user])?;
    let mut insert = connection
        .prepare_cached("INSERT INTO recovery_codes (user_id, sha256) VALUES (?1, ?2)")?;
    for code in codes {
        insert.execute(params![user, code])?;
    }
    Ok(())
}

fn passkey(row: &Row<'_>) -> rusqlite::Result<PasskeyRecord> {
    Ok(PasskeyRecord {
        id: row.get(0)?,
        user_id: row.get(1)?,
        credential: row.get(2)?,
        name: row.get(3)?,
        algorithm: row.get(4)?,
        public_key: row.get(5)?,
        uses: row.get(6)?,
        created_ms: row.get(7)?,
        used_ms: row.get(8)?,
    })
}
