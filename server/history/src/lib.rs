//! History: samples on disk, and the three verbs that the rest of the server
//! knows of it: append a batch, query a range, status.
//!
//! [`Intakes`] runs on the gate thread and only gathers; [`Writer`] is the one thread that
//! writes; queries read on API workers, each on a connection of the store's, and never wait
//! for the writer. What is gathered is bounded by the intake, what is kept by the budget of
//! [`Settings`], and all else by `limits`.
//!
//! From the wire to old age: `commit` appends records as they came (`fresh`), `merge_fresh`
//! and `merge` make columnar blocks of them (the crate `stardust-blocks`) that grow, `downsample`
//! makes minutes and hours, `retention` lets go.

mod batch;
mod buckets;
mod catalogue;
mod clock;
mod commit;
mod corrections;
mod damage;
mod downsample;
mod error;
mod fresh;
mod gap_fill;
mod insert;
mod intake;
mod layouts;
mod limits;
mod list;
mod merge;
mod merge_choice;
mod merge_fresh;
mod noted;
mod parts;
mod query;
mod reader;
mod reclaim;
mod retention;
mod runs;
mod select;
mod settings;
mod state;
mod status;
mod takers;
mod tier;
mod unknown;
mod writer;

use std::path::Path;
use std::sync::Arc;

pub use batch::{Batch, Committed, Progress, Seen};
pub use buckets::{Points, SeriesAnswer};
pub use clock::{ClockStatus, Reading, Source};
pub use error::HistoryError;
pub use intake::{Intakes, PushResult};
pub use parts::{NAMES as PARTS, Parts};
pub use query::{Answer, Query};
pub use settings::{BUDGET_BYTES_MIN, Settings};
pub use stardust_model::gap::Cause;
use state::HistoryState;
pub use status::{Status, WriterStatus};
pub use writer::{Command, Outcome, Writer, durable_progress};

use stardust_store::{Store, StoreError};

/// The reading side.
pub struct History {
    store: Arc<Store>,
    shared: Arc<HistoryState>,
}

impl History {
    /// Reads where the fresh records are.
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn open(store: Arc<Store>, settings: Settings) -> Result<Self, StoreError> {
        Self::open_at(store, settings, Source::System)
    }

    /// The same with clocks of the caller's.
    ///
    /// # Errors
    /// As of [`Self::open`].
    pub fn open_at(
        store: Arc<Store>,
        settings: Settings,
        source: Source,
    ) -> Result<Self, StoreError> {
        let shared = HistoryState::load(&*store.reader()?, store.path(), settings, source)?;
        Ok(Self {
            store,
            shared: Arc::new(shared),
        })
    }

    /// The same with blocks of other sizes than usual.
    #[cfg(test)]
    fn open_with(
        store: Arc<Store>,
        settings: Settings,
        sizes: limits::Sizes,
    ) -> Result<Self, StoreError> {
        let source = Source::Samples;
        let mut shared = HistoryState::load(&*store.reader()?, store.path(), settings, source)?;
        shared.sizes = sizes;
        Ok(Self {
            store,
            shared: Arc::new(shared),
        })
    }

    /// The writing side of the same history. There must be one at the most.
    ///
    /// # Errors
    /// When the database can't be opened.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        Writer::open(Arc::clone(&self.store), Arc::clone(&self.shared))
    }

    /// Answers a range query with aligned buckets and the gaps in it.
    ///
    /// # Errors
    /// [`HistoryError::Invalid`] when the query makes no sense or asks for too
    /// much, [`HistoryError::Store`] when the database can't be read.
    pub fn query(&self, query: &Query) -> Result<Answer, HistoryError> {
        let reader = self.store.reader()?;
        query::run(&reader, &self.shared, query)
    }

    /// Which of the exact selectors of a query no list of the node has had a series for.
    /// `known` are keys that it certainly had.
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn unknown(&self, query: &Query, known: &[&str]) -> Result<Vec<String>, StoreError> {
        let reader = self.store.reader()?;
        let (node, selectors) = (query.node, &query.selectors);
        Ok(unknown::unknown(&reader, node, selectors, known)?)
    }

    /// What is held, what fits, and whether commits succeed. Of a damaged database
    /// that much can always be said: that it is.
    ///
    /// # Errors
    /// When the database can't be read for another reason.
    pub fn status(&self) -> Result<Status, StoreError> {
        let read = || -> Result<Status, StoreError> {
            let reader = self.store.reader()?;
            Ok(status::read(&reader, &self.shared)?)
        };
        match read() {
            Err(StoreError::Damaged { why, .. }) => Ok(status::of_damaged(&self.shared, &why)),
            other => other,
        }
    }

    /// Whether commits succeed.
    pub fn writer_status(&self) -> WriterStatus {
        status::writer(&self.shared, stardust_store::damage::found())
    }

    /// By which time samples are old, and whether the wall clock is in doubt.
    pub fn clock(&self) -> ClockStatus {
        self.shared.clock.status()
    }

    /// A person says that it is `time_ms` now. False where the wall clock says another
    /// time.
    ///
    /// # Errors
    /// When the database can't be written.
    pub fn confirm_clock(&self, time_ms: i64, by: &str) -> Result<bool, StoreError> {
        self.shared.clock.confirm(&self.store, time_ms, by)
    }

    /// Whether nothing can be stored at present.
    pub fn is_failing(&self) -> bool {
        self.shared.failing().is_some() || stardust_store::damage::found().is_some()
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        self.store.path()
    }
}

#[cfg(test)]
mod tests;
