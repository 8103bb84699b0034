//! The `jobs` and `job_output` tables.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audit::act;
use super::{Store, StoreError};
use stardust_model::failed_jobs::Ended;
use stardust_model::intent::Intent;
use stardust_model::job::{JobError, JobView, Progress, State, StepView};
use stardust_model::job_output::JobOutput;

/// Which jobs to list; newest first.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    pub node: Option<i64>,
    pub group: Option<i64>,
    pub kind: Option<String>,
    pub finished: Option<bool>,
    /// Only those below this number.
    pub below: Option<i64>,
    /// Only those of these nodes, and of several nodes those of no others; none for all.
    pub seen: Option<Vec<i64>>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    steps: Vec<StepView>,
    error: Option<JobError>,
    result: Option<Value>,
    progress: Option<Progress>,
}

const COLUMNS: &str = "id, kind, node, node_name, parent, title, intent, state, asked_by, \
     created_ms, started_ms, finished_ms, progress, \
     (SELECT length(CAST(head AS BLOB)) + left_out + length(CAST(tail AS BLOB)) FROM job_output WHERE job = id), \
     (SELECT left_out FROM job_output WHERE job = id)";

impl Store {
    /// The number of the new job.
    pub fn insert_job(&self, view: &JobView, intent: &Intent) -> Result<i64, StoreError> {
        act::also("job.add");
        self.transact(|transaction| {
            transaction.execute(
                "INSERT INTO jobs (kind, node, node_name, parent, title, intent, state, asked_by, \
             created_ms, progress) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    view.kind,
                    view.node,
                    view.node_name,
                    view.group,
                    view.title,
                    json(intent),
                    view.state.name(),
                    view.by,
                    view.created_ms,
                    written(view),
                ],
            )?;
            let id = transaction.last_insert_rowid();
            act::detail("job", id);
            act::detail("title", view.title.as_str());
            act::detail("intent", serde_json::to_value(intent).unwrap_or_default());
            Ok(id)
        })
    }

    /// Writes how far a job is, and its output where that is given.
    pub fn save_job(&self, view: &JobView, text: Option<&JobOutput>) -> Result<(), StoreError> {
        let mut writer = self.writer();
        let transaction = writer.transaction()?;
        transaction.execute(
            "UPDATE jobs SET state = ?2, started_ms = ?3, finished_ms = ?4, progress = ?5 \
             WHERE id = ?1",
            params![
                view.id,
                view.state.name(),
                view.started_ms,
                view.finished_ms,
                written(view)
            ],
        )?;
        if let Some(text) = text {
            let (head, tail, left_out) = text.parts();
            transaction.execute(
                "INSERT INTO job_output (job, head, left_out, tail) \
                 SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM jobs WHERE id = ?1) \
                 ON CONFLICT (job) DO UPDATE SET head = ?2, left_out = ?3, tail = ?4",
                params![view.id, head, left_out as i64, tail],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }

    pub fn job(&self, id: i64) -> Result<Option<(JobView, Intent)>, StoreError> {
        let reader = self.reader()?;
        let mut statement =
            reader.prepare_cached(&format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1"))?;
        let row = statement.query_row([id], from_row).optional()?;
        Ok(row.flatten())
    }

    /// Those that had not ended, oldest first.
    pub fn unfinished_jobs(&self) -> Result<Vec<(JobView, Intent)>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM jobs WHERE finished_ms IS NULL ORDER BY id"
        ))?;
        let rows = statement.query_map([], from_row)?;
        Ok(rows
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect())
    }

    /// How each job of a node that has ended did, in the order of their ends.
    pub fn ended_jobs(&self, mut take: impl FnMut(Ended<'_>)) -> Result<(), StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(
            "SELECT node, id, kind, title, state, finished_ms, \
             CASE WHEN state IN ('failed', 'lost') THEN progress END \
             FROM jobs WHERE finished_ms IS NOT NULL AND node IN (SELECT id FROM nodes) \
             ORDER BY finished_ms, id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let state: String = row.get(4)?;
            let (kind, title): (String, String) = (row.get(2)?, row.get(3)?);
            let Some(state) = State::parse(&state) else {
                continue;
            };
            let written: Option<String> = row.get(6)?;
            let written = written.and_then(|text| serde_json::from_str::<Written>(&text).ok());
            let error = written.and_then(|written| written.error);
            take(Ended {
                node: row.get(0)?,
                id: row.get(1)?,
                kind: &kind,
                title: &title,
                state,
                finished_ms: row.get(5)?,
                message: error.as_ref().map_or("", |error| &error.message),
            });
        }
        Ok(())
    }

    pub fn jobs(&self, filter: &JobFilter, limit: usize) -> Result<Vec<JobView>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM jobs WHERE (?1 IS NULL OR node = ?1) \
             AND (?2 IS NULL OR parent = ?2) AND (?3 IS NULL OR kind = ?3) \
             AND (?4 IS NULL OR (finished_ms IS NOT NULL) = ?4) AND (?5 IS NULL OR id < ?5) \
             AND (?7 IS NULL OR node IN (SELECT value FROM json_each(?7)) OR (node IS NULL \
             AND json_array_length(intent, '$.nodes') > 0 AND NOT EXISTS (SELECT 1 FROM \
             json_each(intent, '$.nodes') WHERE value NOT IN (SELECT value FROM json_each(?7))))) \
             ORDER BY id DESC LIMIT ?6"
        ))?;
        let rows = statement.query_map(
            params![
                filter.node,
                filter.group,
                filter.kind,
                filter.finished,
                filter.below,
                limit as i64,
                filter
                    .seen
                    .as_ref()
                    .map(|nodes| Value::from(nodes.clone()).to_string())
            ],
            from_row,
        )?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(rows.into_iter().flatten().map(|(view, _)| view).collect())
    }

    pub fn job_text(&self, id: i64) -> Result<JobOutput, StoreError> {
        let reader = self.reader()?;
        let mut statement =
            reader.prepare_cached("SELECT head, tail, left_out FROM job_output WHERE job = ?1")?;
        let text = statement
            .query_row([id], |row| {
                let left_out: i64 = row.get(2)?;
                Ok(JobOutput::restore(
                    row.get(0)?,
                    row.get(1)?,
                    usize::try_from(left_out).unwrap_or(0),
                ))
            })
            .optional()?;
        Ok(text.unwrap_or_default())
    }

    /// Forgets the oldest finished jobs beyond `keep`.
    pub fn prune_jobs(&self, keep: i64) -> Result<(), StoreError> {
        self.writer().execute(
            "DELETE FROM jobs WHERE finished_ms IS NOT NULL \
             AND id <= (SELECT max(id) FROM jobs) - ?1",
            [keep],
        )?;
        Ok(())
    }
}

fn written(view: &JobView) -> String {
    json(&Written {
        steps: view.steps.clone(),
        error: view.error.clone(),
        result: view.result.clone(),
        progress: view.progress,
    })
}

/// None of these types can fail to serialise: no maps with odd keys, no custom impls.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// None for a job of a kind that this release does not know.
fn from_row(row: &Row<'_>) -> rusqlite::Result<Option<(JobView, Intent)>> {
    let intent: String = row.get(6)?;
    let state: String = row.get(7)?;
    let written: String = row.get(12)?;
    let intent = serde_json::from_str::<Intent>(&intent);
    let (Ok(intent), Some(state)) = (intent, State::parse(&state)) else {
        return Ok(None);
    };
    let written = serde_json::from_str(&written).unwrap_or(Written {
        steps: Vec::new(),
        error: None,
        result: None,
        progress: None,
    });
    let bytes = |column| -> rusqlite::Result<usize> {
        let bytes: Option<i64> = row.get(column)?;
        Ok(usize::try_from(bytes.unwrap_or(0)).unwrap_or(0))
    };
    let view = JobView {
        id: row.get(0)?,
        kind: row.get(1)?,
        node: row.get(2)?,
        node_name: row.get(3)?,
        group: row.get(4)?,
        title: row.get(5)?,
        state,
        by: row.get(8)?,
        created_ms: row.get(9)?,
        started_ms: row.get(10)?,
        finished_ms: row.get(11)?,
        steps: written.steps,
        error: written.error,
        result: written.result,
        output_bytes: bytes(13)?,
        left_out_bytes: bytes(14)?,
        can_cancel: !state.is_finished(),
        no_cancel: None,
        waits_for: None,
        cancelling: false,
        progress: written.progress,
        nodes: intent.nodes().to_vec(),
    };
    Ok(Some((view, intent)))
}
