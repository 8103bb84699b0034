//! What bounds history, in one place.

use std::time::Duration;

use stardust_blocks::limits::ROWS_MAX;
use stardust_shared::limits::SERIES_MAX;

/// How large blocks become. Those of tests are smaller: all that can happen to a sample
/// then happens within a few of them.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Rows of a block that is merged no further: eight hours at ten seconds. In
    /// blocks of a day noise would take 3 % less, but who asks for the last day would
    /// read two of them.
    pub full_rows: usize,
    /// Rows of a block that is worth a compressor's time.
    pub fair_rows: usize,
    /// Commits whose records stay as they came before they are merged.
    pub generation_commits: u32,
    /// So many series that few rows of a full block have are put into one of their own.
    pub rare_series: usize,
    /// Hours are made of blocks that are full and together this long: a block of fewer
    /// hours would be mostly directory.
    pub hours_span_ms: i64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            full_rows: FULL_ROWS,
            fair_rows: FAIR_ROWS,
            generation_commits: 32,
            rare_series: 32,
            hours_span_ms: 12 * 3_600_000,
        }
    }
}

const FULL_ROWS: usize = 2_880;
const FAIR_ROWS: usize = 512;
/// A block that spans this long is merged no further, however few its rows:
/// what is too old goes block by block.
pub const FULL_SPAN_MS: i64 = 24 * 3_600_000;
/// Series of lists that are merged into full blocks, of [`SERIES_MAX`] each: where
/// containers come and go, a block of eight hours has had thousands.
pub const UNION_SERIES_MAX: usize = 4 * SERIES_MAX;
/// A series that fewer than one in so many rows of a full block have is rare.
pub const RARE_SHARE: usize = 8;

/// Lists of series that readers keep at hand, decoded, in bytes.
pub const LAYOUTS_BYTES_MAX: usize = 16 << 20;

/// Bytes of the write-ahead log at which it is emptied, when there is no budget.
pub const LOG_BYTES_MAX: u64 = 64 << 20;
/// Bytes of such records that are merged before that. Of 10,000 nodes at a second they
/// are those of five minutes: in smaller portions the merging of each costs as much again.
pub const GENERATION_BYTES: u64 = 128 << 20;
/// Nodes whose records are merged in one transaction, at the most.
pub const FRESH_NODES: usize = 256;
/// After so long a step of other work than committing ends, so that a commit does not wait.
pub const STEP_TIME: Duration = Duration::from_millis(50);
/// Nodes whose blocks are looked at for what to merge, at a time.
pub const MERGE_NODES: usize = 32;

const _: () = assert!(FAIR_ROWS < FULL_ROWS && FULL_ROWS < ROWS_MAX);
