//! Gathers samples between two commits. Pure: no clock, no disk.
//!
//! Runs on the gate thread. Records are kept as they came over the wire; a
//! block opens with a keyframe so that it can be read alone, and where it goes on
//! from the one before also as it came. What bounds it is
//! [`PENDING_BYTES_MAX`]: past that, samples are left to the rings of the
//! Spiders until the writer has caught up.

mod gap;
mod node;

use std::sync::Arc;

use stardust_shared::limits::TIME_MS_MIN;
use stardust_shared::message::Hello;
use stardust_shared::varint::Reader;
use stardust_shared::{Layout, Record, State};

use super::batch::{Batch, Block, Committed, Continuation, HelloSeen, NodeBatch, Progress};
use stardust_base::prefetch;
use stardust_base::slots::{SlotKey, Slots};
use stardust_model::gap::GapCause;

use gap::Opening;
use node::{Intake, Run};

/// Bytes of samples that wait for the writer, all nodes together.
pub const PENDING_BYTES_MAX: usize = 64 << 20;
/// Of one node: the others must have room when one sends more than the disk takes.
const NODE_BYTES_MAX: usize = PENDING_BYTES_MAX / 2;
/// A block is closed at this size; it is merged into larger ones later.
const BLOCK_BYTES_MAX: usize = 64 << 10;
const BLOCK_ROWS_MAX: u32 = 4096;
/// Runs of a Spider that are remembered per node, newest first. More than one
/// matters when two machines were given one token.
pub const RUNS_KEPT: usize = 4;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushResult {
    Taken,
    /// It was taken in before: a resend after a cut.
    Known,
    /// No room until the writer has caught up.
    Full,
}

/// The pending samples of all nodes.
#[derive(Debug, Default)]
pub struct Intakes {
    nodes: Slots<Intake>,
    pending_bytes: usize,
    /// The batch that the writer is at work on: not in the database yet.
    sealed: Option<Arc<Batch>>,
    /// The server's clock, as it was told last.
    now_ms: Option<i64>,
    /// The time since this machine has booted.
    boot_ms: i64,
}

impl Intakes {
    /// Starts from what the database says is durable, newest run first.
    pub fn new(progress: Vec<(i64, Progress)>) -> Self {
        let mut intakes = Self::default();
        for (node, progress) in progress {
            let (_, intake) = intakes.node(node);
            intake.last_ms = intake.last_ms.max(Some(progress.time_ms));
            intake.older_runs.push(Run {
                run: progress.run,
                boot_id: progress.boot_id,
                durable_seq: progress.seq,
                accepted_seq: progress.seq,
                time_ms: progress.time_ms,
                changed: false,
            });
        }
        intakes
    }

    /// What the server's clocks say: that of the wall, further than which no gap reaches,
    /// and that of the time since boot.
    pub fn now_is(&mut self, now_ms: i64, boot_ms: i64) {
        self.now_ms = Some(now_ms);
        self.boot_ms = boot_ms;
    }

    fn node(&mut self, node: i64) -> (SlotKey, &mut Intake) {
        self.nodes.get_or_insert_with(node, Intake::default)
    }

    /// Where samples of a node go, once it had a session.
    pub fn place(&self, node: i64) -> Option<SlotKey> {
        self.nodes.place(node)
    }

    /// That a sample for this place will be pushed: asks for what says where it is.
    pub fn fetch_slot(&self, place: SlotKey) {
        self.nodes.fetch_slot(place);
    }

    /// The same, a little later.
    pub fn fetch(&self, place: SlotKey) {
        if let Some(intake) = self.nodes.at(place) {
            prefetch::fetch(intake);
        }
    }

    /// The same, a little later again.
    pub fn fetch_block(&self, place: SlotKey) {
        if let Some(block) = self.nodes.at(place).and_then(|intake| intake.open.as_ref()) {
            prefetch::fetch(&block.data[block.data.len().saturating_sub(1)..]);
        }
    }

    /// A session opens. Answers the last durable sequence of its run, and the
    /// place where its samples go.
    pub fn open(
        &mut self,
        node: i64,
        hello: &Hello,
        interval_ms: u64,
        seen: HelloSeen,
    ) -> (u64, SlotKey) {
        let boot_ms = self.boot_ms;
        let (place, intake) = self.node(node);
        intake.older_runs.splice(..0, intake.run.take());
        let mut known = intake.older_runs.iter();
        let known = known.position(|run| *run.run == *hello.run);
        let run = match known {
            Some(at) => intake.older_runs.remove(at),
            None => Run {
                run: hello.run.as_str().into(),
                boot_id: hello.boot_id.as_str().into(),
                durable_seq: 0,
                accepted_seq: 0,
                time_ms: 0,
                changed: false,
            },
        };
        let durable_seq = run.durable_seq;
        intake.run = Some(run);
        intake.older_runs.truncate(RUNS_KEPT - 1);
        intake.break_off();
        intake.seen = Some(Box::new(seen));
        let clock_ms = hello.clock_ms.filter(|clock_ms| *clock_ms >= TIME_MS_MIN);
        intake.clock_at_boot_ms = clock_ms.map(|clock_ms| clock_ms.saturating_sub(boot_ms));
        intake.interval_ms = i64::try_from(interval_ms).unwrap_or(i64::MAX);
        intake.opening = Some(Opening {
            outage: hello
                .outage
                .as_deref()
                .map_or(GapCause::Unknown, GapCause::from_name),
            new_run: known.is_none(),
        });
        (durable_seq, place)
    }

    /// The next record is of another layout: it goes on from no block.
    pub fn break_off(&mut self, place: SlotKey) {
        if let Some(intake) = self.nodes.at_mut(place) {
            intake.break_off();
        }
    }

    /// Takes the record `bytes`, after which the stream's state is `state`.
    pub fn push(
        &mut self,
        place: SlotKey,
        layout: &Arc<Layout>,
        state: &State,
        record: Record,
        bytes: &[u8],
    ) -> PushResult {
        let Some(intake) = self.nodes.at_mut(place) else {
            return PushResult::Full;
        };
        let Some(accepted_seq) = intake.run.as_ref().map(|run| run.accepted_seq) else {
            return PushResult::Full;
        };
        if state.seq <= accepted_seq {
            // The next delta counts from this record, which no block holds.
            intake.break_off();
            return PushResult::Known;
        }
        // A session's layouts have different numbers, and its first block is its own.
        let appendable = intake.open.as_ref().is_some_and(|block| {
            block.layout.id() == layout.id()
                && block.rows < BLOCK_ROWS_MAX
                && block.data.len() < BLOCK_BYTES_MAX
        });
        let is_full =
            self.pending_bytes >= PENDING_BYTES_MAX || intake.pending_bytes >= NODE_BYTES_MAX;
        let layout_bytes = match appendable {
            true => Some(0),
            false => intake.count_layout(layout),
        };
        let Some(mut bytes_more) = layout_bytes.filter(|_| !is_full) else {
            intake.break_off();
            return PushResult::Full;
        };
        let lost = state.seq - accepted_seq - 1;
        let now_ms = self.now_ms.unwrap_or(i64::MAX);
        bytes_more += intake.note_gap(state.time_ms, lost, now_ms);
        let Some(run) = &mut intake.run else {
            return PushResult::Full;
        };
        run.accepted_seq = state.seq;
        run.time_ms = state.time_ms;
        run.changed = true;
        intake.last_ms = intake.last_ms.max(Some(state.time_ms));

        let of_run = (!appendable).then(|| Arc::clone(&run.run));
        if !appendable {
            intake.close_block();
        }
        let block = intake.open.get_or_insert_with(|| Block {
            run: of_run.unwrap_or_default(),
            layout: Arc::clone(layout),
            time_min_ms: state.time_ms,
            time_max_ms: state.time_ms,
            rows: 0,
            // About as much as last time: growing costs a copy each time.
            data: Vec::with_capacity(intake.usual_bytes),
            lead: None,
        });
        let before = block.data.len();
        let goes_on = std::mem::replace(&mut intake.goes_on, true);
        if !appendable && record == Record::Delta {
            state.encode_keyframe(layout, 0, &mut block.data);
            block.lead = goes_on.then_some(Continuation {
                keyframe_bytes: block.data.len(),
                delta_bytes: bytes.len(),
            });
        }
        if appendable || record == Record::Keyframe || goes_on {
            block.data.extend_from_slice(bytes);
        }
        block.rows += 1;
        block.time_min_ms = block.time_min_ms.min(state.time_ms);
        block.time_max_ms = block.time_max_ms.max(state.time_ms);
        bytes_more += block.data.len() - before;
        intake.pending_bytes += bytes_more;
        self.pending_bytes += bytes_more;
        PushResult::Taken
    }

    /// Takes all that is pending as one batch; `None` when there is nothing.
    pub fn seal(&mut self) -> Option<Arc<Batch>> {
        let mut batch = Batch::default();
        for (node, intake) in self.nodes.iter_mut() {
            let changed = intake.runs().any(|run| run.changed);
            if !changed && intake.seen.is_none() && intake.gaps.is_empty() {
                continue;
            }
            // Oldest first, so that the newest run gets the newest row.
            let progress = intake
                .runs()
                .rev()
                .filter(|run| run.changed)
                .map(|run| {
                    run.changed = false;
                    Progress {
                        run: Arc::clone(&run.run),
                        boot_id: Arc::clone(&run.boot_id),
                        seq: run.accepted_seq,
                        time_ms: run.time_ms,
                    }
                })
                .collect();
            batch.nodes.push(NodeBatch {
                node,
                progress,
                blocks: intake.take_blocks(),
                gaps: std::mem::take(&mut intake.gaps),
                filled: std::mem::take(&mut intake.filled),
                seen: intake.seen.take(),
                clock_at_boot_ms: intake.clock_at_boot_ms.take(),
            });
        }
        self.pending_bytes = 0;
        if batch.nodes.is_empty() {
            return None;
        }
        let batch = Arc::new(batch);
        self.sealed = Some(Arc::clone(&batch));
        Some(batch)
    }

    /// Calls `each` with every sample of a node that a query can't see yet,
    /// oldest first.
    pub fn for_each_pending(&self, node: i64, each: &mut dyn FnMut(&Layout, &State)) {
        let sealed = self.sealed.iter().flat_map(|batch| &batch.nodes);
        let sealed = sealed
            .filter(|batch| batch.node == node)
            .flat_map(|batch| &batch.blocks);
        let open = self.nodes.get(node).into_iter().flat_map(Intake::blocks);
        for block in sealed.chain(open) {
            let mut state = State::default();
            for records in block.alone() {
                let mut reader = Reader::new(records);
                while !reader.is_empty() && state.apply(&block.layout, &mut reader).is_ok() {
                    each(&block.layout, &state);
                }
            }
        }
    }

    /// Notes that a batch is durable.
    pub fn committed(&mut self, committed: &[Committed]) {
        self.sealed = None;
        for done in committed {
            let Some(intake) = self.nodes.get_mut(done.node) else {
                continue;
            };
            intake.sealed_rows = 0;
            if let Some(run) = intake.runs().find(|run| run.run == done.run) {
                run.durable_seq = run.durable_seq.max(done.seq);
            }
        }
    }

    /// The node was removed.
    pub fn forget(&mut self, node: i64) {
        if let Some(intake) = self.nodes.remove(node) {
            let bytes = intake.pending_bytes;
            self.pending_bytes = self.pending_bytes.saturating_sub(bytes);
        }
    }

    /// Time of the newest sample that was taken from a node.
    pub fn newest_ms(&self, node: i64) -> Option<i64> {
        self.nodes.get(node)?.last_ms
    }

    /// How many samples of a node were taken and are not known to be durable: all of
    /// these may come again.
    pub fn undurable(&self, node: i64) -> u64 {
        let intake = self.nodes.get(node);
        intake.map_or(0, |intake| intake.sealed_rows + intake.pending_rows())
    }

    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }
}
