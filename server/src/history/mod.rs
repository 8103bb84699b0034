//! History: samples on disk, and the three verbs that the rest of the server
//! knows of it: append a batch, query a range, status.
//!
//! `intake` runs on the gate thread and only gathers; `writer` is the one
//! thread that writes; queries read on connections of their own and never
//! wait for it.

mod batch;
mod block;
mod buckets;
mod columns;
mod gaps;
mod intake;
mod query;
mod select;
mod writer;

use std::sync::Arc;

pub use batch::{Batch, Committed, Progress, Seen};
pub use gaps::Cause;
pub use intake::{Intakes, Pushed};
pub use query::{Answer, HistoryError, Query};
pub use writer::{Command, Outcome, Writer, durable_progress};

use crate::store::Store;

/// The reading side.
pub struct History {
    store: Arc<Store>,
}

impl History {
    pub fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    /// Answers a range query with aligned buckets and the gaps in it.
    ///
    /// # Errors
    /// [`HistoryError::Invalid`] when the query makes no sense or asks for too
    /// much, [`HistoryError::Store`] when the database can't be read.
    pub fn query(&self, query: &Query) -> Result<Answer, HistoryError> {
        let reader = self.store.reader()?;
        query::run(&reader, query)
    }
}

#[cfg(test)]
mod tests;
