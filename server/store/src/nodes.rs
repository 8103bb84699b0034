//! The `nodes` table.

use rusqlite::{OptionalExtension, Row, Transaction, params};
use stardust_model::node::{NodeHello, NodeRecord};

use super::audit::act;
use super::error::name_taken;
use super::{Store, StoreError};

/// Jobs in a row of which nobody knows what they did on the node; the tokens of
/// older ones are forgotten, but for the one that its Spider uses.
const NEXT_TOKENS_MAX: usize = 8;

const COLUMNS: &str = "id, name, tags, token_sha256, created_ms, last_seen_ms, address, \
                       spider_version, identity, next_token_sha256";

impl Store {
    /// All nodes, by id.
    pub fn nodes(&self) -> Result<Vec<NodeRecord>, StoreError> {
        let reader = self.reader()?;
        let mut statement =
            reader.prepare_cached(&format!("SELECT {COLUMNS} FROM nodes ORDER BY id"))?;
        let rows = statement.query_map([], from_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub fn node(&self, id: i64) -> Result<Option<NodeRecord>, StoreError> {
        let reader = self.reader()?;
        let mut statement =
            reader.prepare_cached(&format!("SELECT {COLUMNS} FROM nodes WHERE id = ?1"))?;
        Ok(statement.query_row([id], from_row).optional()?)
    }

    pub fn insert_node(
        &self,
        name: &str,
        tags: &[String],
        token_sha256: [u8; 32],
        created_ms: i64,
    ) -> Result<NodeRecord, StoreError> {
        let id = self.transact(|transaction| {
            transaction
                .execute(
                    "INSERT INTO nodes (name, tags, token_sha256, created_ms) \
                     VALUES (?1, ?2, ?3, ?4)",
                    params![name, to_json(tags), token_sha256, created_ms],
                )
                .map_err(name_taken)?;
            let id = transaction.last_insert_rowid();
            act::on_node(id, Some(name));
            Ok(id)
        })?;
        Ok(NodeRecord {
            id,
            name: name.to_owned(),
            tags: tags.to_vec(),
            token_sha256,
            next_tokens_sha256: Vec::new(),
            created_ms,
            last_seen_ms: None,
            address: None,
            spider_version: None,
            identity: None,
        })
    }

    /// Sets what is given; false when there is no such node. `then` gets the name
    /// and tags that hold now, while no other change can come between; `is_meant` those
    /// before, and says whether the change is meant for them ([`StoreError::Changed`]).
    pub fn update_node(
        &self,
        id: i64,
        name: Option<&str>,
        tags: Option<&[String]>,
        is_meant: impl FnOnce(&str, &[String]) -> bool,
        then: impl FnOnce(&str, &[String]),
    ) -> Result<bool, StoreError> {
        let one = format!("SELECT {COLUMNS} FROM nodes WHERE id = ?1");
        let work = |transaction: &Transaction<'_>| {
            let find = || transaction.query_row(&one, [id], from_row).optional();
            if find()?.is_some_and(|node| !is_meant(&node.name, &node.tags)) {
                return Err(StoreError::Changed);
            }
            transaction
                .execute(
                    "UPDATE nodes SET name = coalesce(?2, name), tags = coalesce(?3, tags) \
                     WHERE id = ?1",
                    params![id, name, tags.map(to_json)],
                )
                .map_err(name_taken)?;
            Ok(find()?)
        };
        self.transact_then(work, |now| {
            if let Some(node) = now {
                then(&node.name, &node.tags);
            }
            now.is_some()
        })
    }

    /// Notes a token that is to replace the node's own once it was seen. `in_use`
    /// is what its Spider has said hello with: of several it is the one to keep.
    /// False when there is no such node.
    pub fn add_next_token(
        &self,
        id: i64,
        hash: [u8; 32],
        in_use: Option<[u8; 32]>,
    ) -> Result<bool, StoreError> {
        self.change_tokens(id, |own, next| {
            if let Some(at) = next.iter().position(|known| Some(*known) == in_use) {
                let before = std::mem::replace(own, next.remove(at));
                next.insert(0, before);
            }
            next.push(hash);
            next.drain(..next.len().saturating_sub(NEXT_TOKENS_MAX));
        })
    }

    /// Gives one up that is not on the node. False when there is no such node.
    pub fn drop_next_token(&self, id: i64, hash: [u8; 32]) -> Result<bool, StoreError> {
        self.change_tokens(id, |_, next| next.retain(|known| *known != hash))
    }

    /// Whether the node has tokens that were good before this one, which is good too.
    pub fn has_older_tokens(&self, id: i64, hash: [u8; 32]) -> Result<bool, StoreError> {
        let reader = self.reader()?;
        let mut statement =
            reader.prepare_cached("SELECT next_token_sha256 FROM nodes WHERE id = ?1")?;
        let next = statement.query_row([id], |row| row.get(0)).optional()?;
        Ok(hashes(next.flatten()).contains(&hash))
    }

    /// Those before `hash` are over, which is answered; those after it stay.
    pub fn settle_token(&self, id: i64, hash: [u8; 32]) -> Result<Vec<[u8; 32]>, StoreError> {
        let mut over = Vec::new();
        self.change_tokens(id, |own, next| {
            if let Some(at) = next.iter().position(|known| *known == hash) {
                over.push(std::mem::replace(own, hash));
                over.extend(next.drain(..=at).filter(|known| *known != hash));
            }
        })?;
        Ok(over)
    }

    fn change_tokens(
        &self,
        id: i64,
        change: impl FnOnce(&mut [u8; 32], &mut Vec<[u8; 32]>),
    ) -> Result<bool, StoreError> {
        self.transact(|transaction| {
            let found = transaction
                .query_row(
                    "SELECT token_sha256, next_token_sha256 FROM nodes WHERE id = ?1",
                    [id],
                    |row| Ok((row.get(0)?, hashes(row.get(1)?))),
                )
                .optional()?;
            let Some((mut own, mut next)) = found else {
                return Ok(false);
            };
            change(&mut own, &mut next);
            let next = (!next.is_empty()).then(|| next.concat());
            transaction.execute(
                "UPDATE nodes SET token_sha256 = ?2, next_token_sha256 = ?3 WHERE id = ?1",
                params![id, own, next],
            )?;
            Ok(true)
        })
    }

    /// Makes `hash` the node's only token. False when there is no such node.
    pub fn set_token(&self, id: i64, hash: [u8; 32]) -> Result<bool, StoreError> {
        let changed = self.writer().execute(
            "UPDATE nodes SET token_sha256 = ?2, next_token_sha256 = NULL WHERE id = ?1",
            params![id, hash],
        )?;
        Ok(changed == 1)
    }

    /// False when there is no such node.
    pub fn delete_node(&self, id: i64) -> Result<bool, StoreError> {
        self.transact(|transaction| {
            let changed = transaction.execute("DELETE FROM nodes WHERE id = ?1", [id])?;
            Ok(changed == 1)
        })
    }

    /// Notes what Spiders said in their hellos, in one transaction. Nodes that
    /// are gone are skipped.
    pub fn note_hellos(&self, hellos: &[NodeHello]) -> Result<(), StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        {
            let mut statement = transaction.prepare_cached(
                "UPDATE nodes SET last_seen_ms = max(coalesce(last_seen_ms, 0), ?2), address = ?3,
                 spider_version = ?4, identity = ?5 WHERE id = ?1",
            )?;
            for hello in hellos {
                let identity = serde_json::to_string(&hello.identity).ok();
                statement.execute(params![
                    hello.id,
                    hello.seen_ms,
                    hello.address,
                    hello.spider_version,
                    identity
                ])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Notes when nodes were last heard of: pairs of id and time.
    pub fn note_seen(&self, seen: &[(i64, i64)]) -> Result<(), StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        {
            let mut statement = transaction.prepare_cached(
                "UPDATE nodes SET last_seen_ms = max(coalesce(last_seen_ms, 0), ?2) WHERE id = ?1",
            )?;
            for (id, seen_ms) in seen {
                statement.execute(params![id, seen_ms])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

/// One after the other, without anything between.
fn hashes(blob: Option<Vec<u8>>) -> Vec<[u8; 32]> {
    let blob = blob.unwrap_or_default();
    blob.as_chunks().0.to_vec()
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<NodeRecord> {
    // JSON that does not parse was written by a later release or by hand: it is
    // left out rather than making all nodes unreadable.
    let tags: String = row.get(2)?;
    let identity: Option<String> = row.get(8)?;
    Ok(NodeRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        tags: serde_json::from_str(&tags).unwrap_or_default(),
        token_sha256: row.get(3)?,
        next_tokens_sha256: hashes(row.get(9)?),
        created_ms: row.get(4)?,
        last_seen_ms: row.get(5)?,
        address: row.get(6)?,
        spider_version: row.get(7)?,
        identity: identity.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

fn to_json(tags: &[String]) -> String {
    // A list of texts: serialising it can't fail.
    serde_json::to_string(tags).unwrap_or_else(|_| "[]".into())
}
