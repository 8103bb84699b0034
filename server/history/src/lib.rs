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
//!
//! # Decisions
//!
//! - **The wire form is also the fresh form on disk.** Deltas cost ~30 bytes a sample and
//!   need no re-encoding to be stored; columns and compression come later, in the
//!   background, where they pay. The alternative, building columns at ingest, costs CPU
//!   for every sample in the hot thread.
//! - **A commit appends to one table and to no index.** Which fresh rows are whose is
//!   kept in memory; all of them up to one id are merged together and deleted as a range,
//!   so that whole pages become free. Indexes and scattered deletes would write a page a
//!   sample.
//! - **Most commits go on from the one before.** A keyframe was half of what a commit
//!   wrote with a node at a second, and nearly all of it at ten seconds. A row of fresh
//!   records says which row of its node it counts from (`before`): at most 16 rows, never
//!   across the end of a generation, whose rows go, and never from one that could not be
//!   read. Only the writer knows that, so the intake hands it both beginnings, and the
//!   gate can still read what it holds alone. A reader takes the rows since the keyframe
//!   too; one whose row before is missing is damaged, and is named and set aside as that
//!   one is.
//! - **How far a run is durable is in its newest row.** A row of `progress` for each node
//!   and commit took as long as the samples and a quarter of the bytes. A commit of one
//!   run says it in its last row of fresh records; `progress` is written with a session,
//!   and when those rows are merged.
//! - **Only what stays is coded.** Coding costs ten times what plain differences do. At a
//!   sample a second a block is full within the hour: its parts wait plainly and are
//!   merged once. Where that takes hours they are coded on the way, so that the file
//!   stays small.
//! - **Commits of many samples stay as they came until they are merged for good**
//!   (`stardust_blocks::records`): with a node at a second the records of some commits,
//!   one keyframe included, are smaller than plain columns, and decoding, turning and
//!   encoding them was most of what a first merge cost. Who wants one series of the last
//!   hour decodes all of them; where a commit has fewer than five samples the block stays
//!   for hours, and becomes plain columns as before. Damage costs the samples of one
//!   keyframe.
//! - **Merging looks before it writes.** Most nodes have nothing to merge after a
//!   generation: they are read in one snapshot, and those that have something share a
//!   transaction, which ends after 50 ms or 512 KiB so that a commit does not wait and
//!   the log stays small. Each block comes and its parts go in the same transaction.
//! - **Only commits wait for the disk.** An acknowledgement promises that samples outlive
//!   a power cut; merging moves what is durable already. The log keeps the order of
//!   transactions: after a power cut samples are in their new place or in their old one,
//!   and the next commit makes sure of the former.
//! - **Pages that the next records fill stay in the file.** Merging frees the pages of a
//!   generation of fresh records every few minutes, and those of an hour of parts when
//!   blocks are made for good; as many are filled again. Only what was free at all times
//!   of six hours (one after a start) goes back to the file system, for at most 50 ms in
//!   a transaction. It is dear: for each page SQLite looks through its list of all free
//!   ones, which took 110 µs a page where 600 MB were free. SQLite gives back one page
//!   for each row of `incremental_vacuum` that is asked for, so the answer is read to its
//!   end; a library's `execute_batch` steps once, and then each page costs a sync.
//! - **Minutes are made late, and only where they are smaller.** Count, least, greatest
//!   and sum of a minute take more than six samples at ten seconds do: then the samples
//!   stay, as part of the minute tier. Hours are small, and made beside the samples.
//! - **A counter grows in the order in which its samples were taken**, within a run of a
//!   Spider, and from run to run in the order of their first samples (`runs`). In the
//!   order of time a clock that was twenty hours ahead for two minutes makes a reset of
//!   each counter, twenty hours later, and two machines with one token make one with
//!   every sample. Runs that overlap do not go on from each other. A run that is
//!   delivered late changes what the next one grew from it: the difference is a row of
//!   its own, at the time of the step. Only the least and greatest rate of that bucket
//!   keep what was counted before.
//! - **Hours are made of blocks that are full, each once** (`blocks.hours_ms` says which
//!   samples are in them), not up to a time: what comes late is another block, and adds
//!   its hours when it is full. A query of hours reads those and the blocks that are not
//!   in them.
//! - **A tight budget shrinks all tiers by the same share**, finest first: the one that
//!   holds most of the time it should gives the next block.
//! - **Retention has a time of its own** (`clock`, pure; `clock::keeper` reads the
//!   clocks): what is deleted does not come back, and a wall clock may be wrong by years.
//!   The agreed time is in `meta`, goes on with CLOCK_BOOTTIME, and follows the wall
//!   clock while both say the same. Nobody's samples move it: a Spider stamps them with
//!   the server's time where the two differ. In doubt the fleet's own clocks, told in the
//!   hellos, a person or a steady hour decide (`clock::voices`). Logins have a clock of
//!   the same kind (the server's `auth`).
//! - **A gap is where no samples are.** The intake notes it by the run's own last sample
//!   and never past the server's now; samples that come late, of an older run or a second
//!   machine, are noted as stretches, and the commit takes these out of the gaps
//!   (`gap_fill`).
//! - **The budget of history is shared by node**: whoever takes most gives its oldest
//!   first (`takers`), so that one that floods, or is forty times as large, pushes out
//!   nobody else's. Equal nodes take turns. Sums are made of nodes whose blocks have
//!   changed, when room is wanted.
//! - **A node's series are stored once, and lists are their numbers** (`catalogue`,
//!   `list`). A list of series of a host whose containers come and go is new with every
//!   other sample; kept whole, lists were more than the samples and stayed for ever. Now
//!   a definition is a row of its node (`series`), and a list (`layouts`) a few runs of
//!   row numbers, since what came together is numbered together. Lists are looked for by
//!   a hash of what they say, so that in memory the same list of ten thousand nodes is
//!   there once. With a block its list goes, if no other block has it, and with a list
//!   the series that no other list of the node names: looked up in an index, in the
//!   transaction that deletes the block, so nothing has to be counted or swept.
//! - **Blocks of different lists are merged** (`stardust_blocks::union`): a column has
//!   values of those rows alone that have it, and names the pattern of these rows, which
//!   series that come and go together share. Series that few rows of a full block have
//!   are put into a block of their own (`rare`): who asks for the others does not read
//!   past them. A query finds the numbers of what it asks for by key, and looks for them
//!   in lists of numbers: no definition is read that nobody asked for.
//! - **Letting go needs no room**: half of the budget's reserve is for it alone, and
//!   where minutes or hours of old samples do not fit even so, the samples go as they
//!   are.
//! - **When the writer can't keep up** (disk full), the gate goes on showing samples
//!   live, stores none out of order, acknowledges nothing, and asks the Spiders for a
//!   fresh session when there is room: their rings are the buffer.
//! - **History answers rates for counters**, computed from exact increases; a reset
//!   counts from zero, as in Prometheus.
//! - **Progress is kept for the four newest runs of a node**, so that two machines that
//!   were given one token don't make each other's samples double.

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

pub use batch::{Batch, Committed, HelloSeen, Progress};
pub use buckets::{Points, SeriesAnswer};
pub use clock::{ClockStatus, Reading, Source};
pub use error::HistoryError;
pub use intake::{Intakes, PushResult};
pub use parts::{NAMES as PARTS, Parts};
pub use query::{Answer, Query};
pub use settings::{BUDGET_BYTES_MIN, Settings};
pub use stardust_model::gap::GapCause;
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
