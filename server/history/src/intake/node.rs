//! What waits of one node: its open block and those before, its runs and gaps.

use std::sync::Arc;

use stardust_shared::Layout;

use super::super::batch::{Block, Filled, Gap, HelloSeen};
use super::super::gap_fill;
use super::gap::{Before, Opening, gap_before, usual_ms};

/// Decoded lists of series that the samples of one node refer to, in one batch.
const NODE_LAYOUTS_BYTES_MAX: usize = 8 << 20;
/// What a gap takes.
const GAP_BYTES: usize = size_of::<Gap>();
/// Most that is reserved for a block before its samples are there.
const USUAL_BYTES_MAX: usize = 1 << 10;

/// A run of a Spider, and how far it is.
#[derive(Debug)]
pub struct Run {
    pub run: Arc<str>,
    pub boot_id: Arc<str>,
    pub durable_seq: u64,
    pub accepted_seq: u64,
    pub time_ms: i64,
    pub changed: bool,
}

#[derive(Debug, Default)]
pub struct Intake {
    /// Of the current session.
    pub run: Option<Run>,
    /// Newest first.
    pub older_runs: Vec<Run>,
    /// Records may be appended to it while they are of its layout.
    pub open: Option<Block>,
    /// Older than that.
    pub closed: Vec<Block>,
    /// The next record counts from the last one that was taken.
    pub goes_on: bool,
    pub gaps: Vec<Gap>,
    pub filled: Vec<Filled>,
    pub seen: Option<Box<HelloSeen>>,
    pub clock_at_boot_ms: Option<i64>,
    /// Newest sample of any run.
    pub last_ms: Option<i64>,
    /// Set by a hello until the first sample after it.
    pub opening: Option<Opening>,
    pub interval_ms: i64,
    /// Bytes of the last block that a batch took, and a little more.
    pub usual_bytes: usize,
    /// Its part of all that is pending.
    pub pending_bytes: usize,
    /// Lists of series that its blocks refer to.
    pub layouts_bytes: usize,
    /// Samples of the batch that the writer is at work on.
    pub sealed_rows: u64,
}

impl Intake {
    pub fn runs(&mut self) -> impl DoubleEndedIterator<Item = &mut Run> {
        self.run.iter_mut().chain(&mut self.older_runs)
    }

    pub fn close_block(&mut self) {
        self.closed.extend(self.open.take());
    }

    /// What comes next can't be appended: its delta would count from what is not there.
    pub fn break_off(&mut self) {
        self.close_block();
        self.goes_on = false;
    }

    /// Notes what is missing before a sample, and what one fills that comes late.
    /// Answers how many bytes that takes.
    pub fn note_gap(&mut self, time_ms: i64, lost: u64, now_ms: i64) -> usize {
        let usual_ms = usual_ms(self.interval_ms);
        if self.last_ms.is_some_and(|last_ms| time_ms < last_ms) {
            let sample = Filled {
                from_ms: time_ms,
                to_ms: time_ms,
                usual_ms,
            };
            gap_fill::fill_pending(&mut self.gaps, sample);
            gap_fill::note(&mut self.filled, sample);
        }
        let Some(run) = &self.run else {
            return 0;
        };
        let opening = self.opening.take();
        // A run that has sent nothing yet has no time.
        let own_ms = (run.accepted_seq > 0).then_some(run.time_ms);
        let goes_on = own_ms
            .is_some_and(|own_ms| own_ms < time_ms && time_ms.saturating_sub(own_ms) <= usual_ms);
        if opening.is_none() && lost == 0 && goes_on {
            return 0;
        }
        let others = self
            .older_runs
            .iter()
            .filter(|other| other.accepted_seq > 0);
        let earlier = others.clone().filter(|other| other.time_ms < time_ms);
        let before = Before {
            own_ms,
            other: earlier
                .max_by_key(|other| other.time_ms)
                .map(|other| (other.time_ms, other.boot_id == run.boot_id)),
            others: others.count() > 0,
        };
        let interval_ms = self.interval_ms;
        let gap = gap_before(opening, before, time_ms, lost, interval_ms, now_ms);
        let bytes = gap.as_ref().map_or(0, |_| GAP_BYTES);
        self.gaps.extend(gap);
        bytes
    }

    pub fn take_blocks(&mut self) -> Vec<Block> {
        if let Some(last) = &self.open {
            self.usual_bytes = (last.data.len() * 9 / 8).min(USUAL_BYTES_MAX);
        }
        self.close_block();
        (self.pending_bytes, self.layouts_bytes) = (0, 0);
        self.sealed_rows = self.pending_rows();
        std::mem::take(&mut self.closed)
    }

    pub fn pending_rows(&self) -> u64 {
        self.blocks().map(|block| u64::from(block.rows)).sum()
    }

    /// Begins a block of this layout: its bytes, and those that only samples of an
    /// earlier one still need. `None`: too many lists of series wait already.
    pub fn count_layout(&mut self, layout: &Arc<Layout>) -> Option<usize> {
        let before = self.blocks_from_last().next().map(|block| &block.layout);
        if before.is_some_and(|before| Arc::ptr_eq(before, layout)) {
            return Some(0);
        }
        // Where others have it too it is theirs, and counted as all are.
        let alone = before.filter(|before| Arc::strong_count(before) == 1);
        let alone_bytes = alone.map_or(0, |layout| layout.memory_bytes());
        let bytes = self.layouts_bytes + layout.memory_bytes();
        if bytes > NODE_LAYOUTS_BYTES_MAX {
            return None;
        }
        self.layouts_bytes = bytes;
        Some(alone_bytes)
    }

    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.closed.iter().chain(&self.open)
    }

    fn blocks_from_last(&self) -> impl Iterator<Item = &Block> {
        self.open.iter().chain(self.closed.last())
    }
}
