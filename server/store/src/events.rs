//! The `events` table. Gaps, ends of jobs and changes of nodes are written into it
//! by triggers (see the migration).

use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::{Store, StoreError};
use stardust_model::event::{Event, Known, NewEvent};

/// Which events to list; newest first.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    pub node: Option<i64>,
    /// Empty: all.
    pub kinds: Vec<String>,
    /// Only those below this number.
    pub below: Option<i64>,
    /// Only those above this number.
    pub above: i64,
    /// The oldest first.
    pub ascending: bool,
    /// Only those of these nodes, and none that is of no node; none for all.
    pub seen: Option<Vec<i64>>,
    /// Failed sign-ins say names that were typed: not everybody's business.
    pub hides_sign_ins: bool,
}

impl Store {
    pub fn add_events(&self, events: &[NewEvent]) -> Result<(), StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO events (time_ms, node, node_name, kind, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for event in events {
                let detail = event.detail.to_string();
                insert.execute(params![
                    event.time_ms,
                    event.node,
                    event.node_name,
                    event.kind,
                    detail
                ])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    pub fn events(&self, filter: &EventFilter, limit: usize) -> Result<Vec<Event>, StoreError> {
        let reader = self.reader()?;
        let order = if filter.ascending { "ASC" } else { "DESC" };
        let mut statement = reader.prepare_cached(&format!(
            "SELECT id, time_ms, node, node_name, kind, detail FROM events
             WHERE (?1 IS NULL OR node = ?1) AND (?2 IS NULL OR id < ?2)
             AND (?3 = '[]' OR kind IN (SELECT value FROM json_each(?3))) AND id > ?4
             AND (?6 IS NULL OR node IN (SELECT value FROM json_each(?6)))
             AND (NOT ?7 OR kind <> 'sign_in_failed')
             ORDER BY id {order} LIMIT ?5",
        ))?;
        let kinds = Value::from(filter.kinds.clone()).to_string();
        let rows = statement.query_map(
            params![
                filter.node,
                filter.below,
                kinds,
                filter.above,
                limit as i64,
                filter
                    .seen
                    .as_ref()
                    .map(|nodes| Value::from(nodes.clone()).to_string()),
                filter.hides_sign_ins,
            ],
            |row| {
                Ok(Event {
                    id: row.get(0)?,
                    time_ms: row.get(1)?,
                    node: row.get(2)?,
                    node_name: row.get(3)?,
                    kind: row.get(4)?,
                    detail: parsed(&row.get::<_, String>(5)?),
                })
            },
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The number of the newest, 0 when there is none.
    pub fn newest_event(&self) -> Result<i64, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached("SELECT ifnull(max(id), 0) FROM events")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// How the node was when that was last noted.
    pub fn known_state(&self, node: i64) -> Result<Option<Known>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(
            "SELECT kind, detail, time_ms FROM events
             WHERE node = ?1 AND kind IN ('online', 'offline', 'rebooted', 'spider')
             ORDER BY id DESC LIMIT 1",
        )?;
        let found = statement
            .query_row([node], |row| {
                let kind: String = row.get(0)?;
                let detail = parsed(&row.get::<_, String>(1)?);
                let text = |name: &str| detail[name].as_str().unwrap_or_default().to_owned();
                Ok(Known {
                    online: kind != "offline",
                    since_ms: row.get(2)?,
                    boot_id: text("boot_id"),
                    version: text("version"),
                })
            })
            .optional()?;
        Ok(found)
    }

    /// The kind of the latest event that is of no node.
    pub fn last_own_event(&self) -> Result<Option<String>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(
            "SELECT kind FROM events WHERE node IS NULL AND kind IN ('started', 'stopped')
             ORDER BY id DESC LIMIT 1",
        )?;
        Ok(statement.query_row([], |row| row.get(0)).optional()?)
    }

    /// Keeps the newest of all.
    pub fn trim_events(&self, kept: i64) -> Result<(), StoreError> {
        self.writer().execute(
            "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?1",
            [kept],
        )?;
        Ok(())
    }

    /// Keeps the newest of one kind.
    pub fn trim_events_of_kind(&self, kind: &str, kept: i64) -> Result<(), StoreError> {
        let id: Option<i64> = self
            .reader()?
            .prepare_cached(
                "SELECT id FROM events WHERE kind = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2",
            )?
            .query_row(params![kind, kept], |row| row.get(0))
            .optional()?;
        if let Some(id) = id {
            self.writer().execute(
                "DELETE FROM events WHERE kind = ?1 AND id <= ?2",
                params![kind, id],
            )?;
        }
        Ok(())
    }

    /// Keeps the newest of one node, so that one that comes and goes all day does
    /// not drive out what happened to the others.
    pub fn trim_events_of(&self, node: i64, kept: i64) -> Result<(), StoreError> {
        self.writer().execute(
            "DELETE FROM events WHERE node = ?1 AND id <
             (SELECT min(id) FROM (SELECT id FROM events WHERE node = ?1 ORDER BY id DESC LIMIT ?2))",
            params![node, kept],
        )?;
        Ok(())
    }
}

/// What does not parse was written by a later release.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}
