//! What the writer and the readers of history share.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::clock::{Keeper, Source};
use super::fresh::Fresh;
use super::layouts::Layouts;
use super::limits::Sizes;
use super::reader::Fault;
use super::settings::Settings;

/// Faults that wait for the writer; what comes on top is found again.
const FAULTS_MAX: usize = 64;

#[derive(Debug)]
pub struct HistoryState {
    pub path: PathBuf,
    pub settings: Settings,
    pub sizes: Sizes,
    pub fresh: Mutex<Fresh>,
    pub layouts: Layouts,
    pub clock: Keeper,
    /// What readers found damaged, with its node.
    faults: Mutex<Vec<(i64, Fault)>>,
    /// Lists of series that are not in the database any more.
    gone: Mutex<Vec<i64>>,
    /// Why nothing can be committed at present, and since when (Unix milliseconds).
    failing: Mutex<Option<(String, i64)>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HistoryState {
    pub fn load(
        connection: &Connection,
        path: &Path,
        settings: Settings,
        source: Source,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            settings,
            sizes: Sizes::default(),
            fresh: Mutex::new(Fresh::load(connection)?),
            layouts: Layouts::default(),
            clock: Keeper::load(connection, source)?,
            faults: Mutex::default(),
            gone: Mutex::default(),
            failing: Mutex::default(),
        })
    }

    pub fn fresh(&self) -> MutexGuard<'_, Fresh> {
        locked(&self.fresh)
    }

    /// A reader came upon these.
    pub fn found(&self, node: i64, faults: Vec<Fault>) {
        if faults.is_empty() {
            return;
        }
        let mut all = locked(&self.faults);
        for fault in faults {
            let known = all
                .iter()
                .any(|(_, other)| (other.fresh, other.id) == (fault.fresh, fault.id));
            if !known && all.len() < FAULTS_MAX {
                all.push((node, fault));
            }
        }
    }

    pub fn take_faults(&self) -> Vec<(i64, Fault)> {
        std::mem::take(&mut *locked(&self.faults))
    }

    /// A list of series was deleted: who remembers its number forgets it.
    pub fn list_went(&self, id: i64) {
        locked(&self.gone).push(id);
    }

    pub fn take_gone_lists(&self) -> Vec<i64> {
        std::mem::take(&mut *locked(&self.gone))
    }

    pub fn set_failing(&self, why: Option<(String, i64)>) {
        *locked(&self.failing) = why;
    }

    pub fn failing(&self) -> Option<(String, i64)> {
        locked(&self.failing).clone()
    }
}
