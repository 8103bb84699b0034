//! Stored layouts: decoded once, since they never change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};
use stardust_shared::Layout;

/// Layouts that are kept at hand.
const KEPT_MAX: usize = 1_024;

#[derive(Debug)]
pub struct Stored {
    pub layout: Layout,
}

#[derive(Debug, Default)]
pub struct Layouts(Mutex<HashMap<i64, Arc<Stored>>>);

impl Layouts {
    /// `None` when it is not there, or damaged.
    pub fn get(&self, connection: &Connection, id: i64) -> rusqlite::Result<Option<Arc<Stored>>> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stored) = kept().get(&id) {
            return Ok(Some(Arc::clone(stored)));
        }
        let series: Option<Vec<u8>> = connection
            .prepare_cached("SELECT series FROM layouts WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        let Some(series) = series else {
            return Ok(None);
        };
        let layout = match Layout::decode_series(0, &series) {
            Ok(layout) => layout,
            Err(error) => {
                crate::log::warn(&format!("history: layout {id} is damaged: {error}"));
                return Ok(None);
            }
        };
        let stored = Arc::new(Stored { layout });
        let mut kept = kept();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(id, Arc::clone(&stored));
        Ok(Some(stored))
    }
}
