//! Stored layouts: decoded once, since they never change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};
use stardust_shared::Layout;
use stardust_shared::series::Kind;

use super::limits::LAYOUTS_BYTES_MAX;
use super::runs::name_of;

#[derive(Debug)]
pub struct Stored {
    pub layout: Layout,
    /// What [`super::runs`] calls the counters; 0 in the place of gauges.
    pub names: Box<[u64]>,
}

impl Stored {
    pub fn new(layout: Layout) -> Self {
        let series = layout.series().iter();
        let names = series.map(|series| match series.kind {
            Kind::Counter => name_of(&series.key),
            Kind::Gauge => 0,
        });
        Self {
            names: names.collect(),
            layout,
        }
    }

    /// A list of some of its series.
    pub fn part(&self, at: &[usize]) -> Self {
        let series = at.iter().map(|at| self.layout.series()[*at].clone());
        Self {
            names: at.iter().map(|at| self.names[*at]).collect(),
            layout: Layout::new(self.layout.id(), series.collect()),
        }
    }
}

/// Those that are kept at hand, [`LAYOUTS_BYTES_MAX`] of them.
#[derive(Debug, Default)]
struct Kept {
    by_id: HashMap<i64, Arc<Stored>>,
    bytes: usize,
}

impl Kept {
    fn insert(&mut self, id: i64, stored: &Arc<Stored>) {
        let bytes = stored.layout.memory_bytes();
        if self.bytes + bytes > LAYOUTS_BYTES_MAX {
            *self = Self::default();
        }
        let before = self.by_id.insert(id, Arc::clone(stored));
        self.bytes += bytes;
        self.bytes -= before.map_or(0, |before| before.layout.memory_bytes());
    }
}

#[derive(Debug, Default)]
pub struct Layouts(Mutex<Kept>);

impl Layouts {
    /// `None` when it is not there, or damaged.
    pub fn get(&self, connection: &Connection, id: i64) -> rusqlite::Result<Option<Arc<Stored>>> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stored) = kept().by_id.get(&id) {
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
        let stored = Arc::new(Stored::new(layout));
        kept().insert(id, &stored);
        Ok(Some(stored))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_shared::SeriesDef;

    #[test]
    fn what_is_kept_at_hand_is_bounded_by_its_bytes() {
        let mut kept = Kept::default();
        let wide = |id: usize| {
            let key = |n: usize| format!("{id:06}{n:0122}");
            let series = (0..2_000).map(|n| SeriesDef::new(&key(n), &[])).collect();
            let layout = Layout::new(0, series);
            Arc::new(Stored::new(layout))
        };
        let bytes = wide(1).layout.memory_bytes();
        for id in 0..200 {
            kept.insert(id as i64, &wide(id));
            // Twice the same is there once.
            kept.insert(id as i64, &wide(id));
            assert!(kept.bytes <= LAYOUTS_BYTES_MAX);
            assert_eq!(kept.bytes, kept.by_id.len() * bytes);
            assert!(kept.by_id.contains_key(&(id as i64)));
        }
        assert!(kept.by_id.len() < LAYOUTS_BYTES_MAX / bytes);
    }
}
