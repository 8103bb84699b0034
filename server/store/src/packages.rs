//! The `package_facts` and `package_runs` tables.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row, params};

use super::{Store, StoreError};
use stardust_model::job::JobError;
use stardust_packages::Manager;
use stardust_packages::facts::Facts;

/// What is known of a node's packages.
#[derive(Clone, Debug, Default)]
pub struct PackageRecord {
    pub node: i64,
    pub facts: Option<Facts>,
    pub as_of_ms: Option<i64>,
    pub index_ms: Option<i64>,
    pub error: Option<JobError>,
    pub next_ms: i64,
    /// Its upgrades are full ones, unless something else is asked for.
    pub full_upgrade: bool,
}

/// Work that is done on a node for a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRun {
    pub run: String,
    pub manager: Manager,
    pub output_from: usize,
}

const COLUMNS: &str = "node, facts, as_of_ms, index_ms, error, next_ms, full_upgrade";

impl Store {
    pub fn package_facts(&self, node: i64) -> Result<Option<PackageRecord>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM package_facts WHERE node = ?1"
        ))?;
        Ok(statement.query_row([node], from_row).optional()?)
    }

    pub fn all_package_facts(&self) -> Result<Vec<PackageRecord>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM package_facts ORDER BY node"
        ))?;
        let rows = statement.query_map([], from_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When each node has its turn to be looked at.
    pub fn package_turns(&self) -> Result<BTreeMap<i64, i64>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare_cached("SELECT node, next_ms FROM package_facts")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps what a look has found. A node that is gone meanwhile is skipped.
    pub fn put_package_facts(
        &self,
        node: i64,
        facts: &Facts,
        as_of_ms: i64,
        index_ms: Option<i64>,
        next_ms: i64,
    ) -> Result<(), StoreError> {
        self.writer().execute(
            "INSERT INTO package_facts (node, facts, as_of_ms, index_ms, error, next_ms)
             SELECT ?1, ?2, ?3, ?4, NULL, ?5 WHERE EXISTS (SELECT 1 FROM nodes WHERE id = ?1)
             ON CONFLICT (node) DO UPDATE SET facts = ?2, as_of_ms = ?3,
             index_ms = coalesce(?4, index_ms), error = NULL, next_ms = ?5",
            params![node, json(facts), as_of_ms, index_ms, next_ms],
        )?;
        Ok(())
    }

    /// Keeps why a look failed, beside what was known before.
    pub fn put_package_error(
        &self,
        node: i64,
        error: Option<&JobError>,
        next_ms: i64,
    ) -> Result<(), StoreError> {
        self.writer().execute(
            "INSERT INTO package_facts (node, error, next_ms)
             SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM nodes WHERE id = ?1)
             ON CONFLICT (node) DO UPDATE SET error = coalesce(?2, error), next_ms = ?3",
            params![node, error.map(json), next_ms],
        )?;
        Ok(())
    }

    /// False when there is no such node.
    pub fn set_full_upgrade(&self, node: i64, full: bool) -> Result<bool, StoreError> {
        self.transact(|transaction| {
            let changed = transaction.execute(
                "INSERT INTO package_facts (node, next_ms, full_upgrade)
                 SELECT ?1, 0, ?2 WHERE EXISTS (SELECT 1 FROM nodes WHERE id = ?1)
                 ON CONFLICT (node) DO UPDATE SET full_upgrade = ?2",
                params![node, full],
            )?;
            Ok(changed > 0)
        })
    }

    pub fn package_run(&self, job: i64) -> Result<Option<PackageRun>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader
            .prepare_cached("SELECT run, manager, output_from FROM package_runs WHERE job = ?1")?;
        let found = statement
            .query_row([job], |row| {
                let (run, manager, from): (String, String, i64) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Manager::from_name(&manager).map(|manager| PackageRun {
                    run,
                    manager,
                    output_from: usize::try_from(from).unwrap_or(0),
                }))
            })
            .optional()?;
        Ok(found.flatten())
    }

    pub fn put_package_run(&self, job: i64, run: &PackageRun) -> Result<(), StoreError> {
        self.writer().execute(
            "INSERT INTO package_runs (job, run, manager, output_from) VALUES (?1, ?2, ?3, ?4)",
            params![job, run.run, run.manager.name(), run.output_from as i64],
        )?;
        Ok(())
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".into())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<PackageRecord> {
    // What does not parse was written by a later release: it is looked up anew.
    let facts: Option<String> = row.get(1)?;
    let error: Option<String> = row.get(4)?;
    Ok(PackageRecord {
        node: row.get(0)?,
        facts: facts.and_then(|text| serde_json::from_str(&text).ok()),
        as_of_ms: row.get(2)?,
        index_ms: row.get(3)?,
        error: error.and_then(|text| serde_json::from_str(&text).ok()),
        next_ms: row.get(5)?,
        full_upgrade: row.get(6)?,
    })
}
