//! Gathers samples between two commits. Pure: no clock, no disk.
//!
//! Runs on the gate thread. Records are kept as they came over the wire; a
//! block opens with a keyframe so that it can be read alone, and where it goes on
//! from the one before also as it came. What bounds it is
//! [`PENDING_BYTES_MAX`]: past that, samples are left to the rings of the
//! Spiders until the writer has caught up.

use std::sync::Arc;

use stardust_shared::limits::TIME_MS_MIN;
use stardust_shared::message::Hello;
use stardust_shared::varint::Reader;
use stardust_shared::{Layout, Record, State};

use super::batch::{Batch, Block, Committed, Continuation, Filled, Gap, NodeBatch, Progress, Seen};
use super::gap_fill;
use stardust_base::prefetch;
use stardust_base::slots::{Place, Places};
use stardust_model::gap::Cause;

/// Bytes of samples that wait for the writer, all nodes together.
pub const PENDING_BYTES_MAX: usize = 64 << 20;
/// Of one node: the others must have room when one sends more than the disk takes.
const NODE_BYTES_MAX: usize = PENDING_BYTES_MAX / 2;
/// Decoded lists of series that the samples of one node refer to, in one batch.
const NODE_LAYOUTS_BYTES_MAX: usize = 8 << 20;
/// What a gap takes.
const GAP_BYTES: usize = size_of::<Gap>();
/// A block is closed at this size; it is merged into larger ones later.
const BLOCK_BYTES_MAX: usize = 64 << 10;
const BLOCK_ROWS_MAX: u32 = 4096;
/// Most that is reserved for a block before its samples are there.
const USUAL_BYTES_MAX: usize = 1 << 10;
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

#[derive(Debug)]
struct Run {
    run: Arc<str>,
    boot_id: Arc<str>,
    durable_seq: u64,
    accepted_seq: u64,
    time_ms: i64,
    changed: bool,
}

#[derive(Debug, Default)]
struct Intake {
    /// Of the current session.
    run: Option<Run>,
    /// Newest first.
    older_runs: Vec<Run>,
    /// Records may be appended to it while they are of its layout.
    open: Option<Block>,
    /// Older than that.
    closed: Vec<Block>,
    /// The next record counts from the last one that was taken.
    goes_on: bool,
    gaps: Vec<Gap>,
    filled: Vec<Filled>,
    seen: Option<Box<Seen>>,
    clock_at_boot_ms: Option<i64>,
    /// Newest sample of any run.
    last_ms: Option<i64>,
    /// Set by a hello until the first sample after it.
    opening: Option<Opening>,
    interval_ms: i64,
    /// Bytes of the last block that a batch took, and a little more.
    usual_bytes: usize,
    /// Its part of all that is pending.
    pending_bytes: usize,
    /// Lists of series that its blocks refer to.
    layouts_bytes: usize,
    /// Samples of the batch that the writer is at work on.
    sealed_rows: u64,
}

impl Intake {
    fn runs(&mut self) -> impl DoubleEndedIterator<Item = &mut Run> {
        self.run.iter_mut().chain(&mut self.older_runs)
    }

    fn close_block(&mut self) {
        self.closed.extend(self.open.take());
    }

    /// What comes next can't be appended: its delta would count from what is not there.
    fn break_off(&mut self) {
        self.close_block();
        self.goes_on = false;
    }

    /// Notes what is missing before a sample, and what one fills that comes late.
    /// Answers how many bytes that takes.
    fn note_gap(&mut self, time_ms: i64, lost: u64, now_ms: i64) -> usize {
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

    fn take_blocks(&mut self) -> Vec<Block> {
        if let Some(last) = &self.open {
            self.usual_bytes = (last.data.len() * 9 / 8).min(USUAL_BYTES_MAX);
        }
        self.close_block();
        (self.pending_bytes, self.layouts_bytes) = (0, 0);
        self.sealed_rows = self.pending_rows();
        std::mem::take(&mut self.closed)
    }

    fn pending_rows(&self) -> u64 {
        self.blocks().map(|block| u64::from(block.rows)).sum()
    }

    /// Begins a block of this layout: its bytes, and those that only samples of an
    /// earlier one still need. `None`: too many lists of series wait already.
    fn count_layout(&mut self, layout: &Arc<Layout>) -> Option<usize> {
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

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.closed.iter().chain(&self.open)
    }

    fn blocks_from_last(&self) -> impl Iterator<Item = &Block> {
        self.open.iter().chain(self.closed.last())
    }
}

#[derive(Debug)]
struct Opening {
    outage: Cause,
    new_run: bool,
}

/// The pending samples of all nodes.
#[derive(Debug, Default)]
pub struct Intakes {
    nodes: Places<Intake>,
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

    fn node(&mut self, node: i64) -> (Place, &mut Intake) {
        self.nodes.get_or_insert_with(node, Intake::default)
    }

    /// Where samples of a node go, once it had a session.
    pub fn place(&self, node: i64) -> Option<Place> {
        self.nodes.place(node)
    }

    /// That a sample for this place will be pushed: asks for what says where it is.
    pub fn fetch_slot(&self, place: Place) {
        self.nodes.fetch_slot(place);
    }

    /// The same, a little later.
    pub fn fetch(&self, place: Place) {
        if let Some(intake) = self.nodes.at(place) {
            prefetch::fetch(intake);
        }
    }

    /// The same, a little later again.
    pub fn fetch_block(&self, place: Place) {
        if let Some(block) = self.nodes.at(place).and_then(|intake| intake.open.as_ref()) {
            prefetch::fetch(&block.data[block.data.len().saturating_sub(1)..]);
        }
    }

    /// A session opens. Answers the last durable sequence of its run, and the
    /// place where its samples go.
    pub fn open(&mut self, node: i64, hello: &Hello, interval_ms: u64, seen: Seen) -> (u64, Place) {
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
                .map_or(Cause::Unknown, Cause::from_name),
            new_run: known.is_none(),
        });
        (durable_seq, place)
    }

    /// The next record is of another layout: it goes on from no block.
    pub fn break_off(&mut self, place: Place) {
        if let Some(intake) = self.nodes.at_mut(place) {
            intake.break_off();
        }
    }

    /// Takes the record `bytes`, after which the stream's state is `state`.
    pub fn push(
        &mut self,
        place: Place,
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

/// What is known of the samples before one.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    /// Time of the last one of its own run.
    own_ms: Option<i64>,
    /// Of the other runs the last one before it, and whether that was of the same boot.
    other: Option<(i64, bool)>,
    /// There were other runs.
    others: bool,
}

/// A clock further ahead of the server's has jumped; up to this it just goes ahead.
const AHEAD_MS: i64 = 5 * 60_000;

/// So long nothing may come without anything being missing.
fn usual_ms(interval_ms: i64) -> i64 {
    interval_ms.saturating_mul(5) / 2
}

/// What is missing between the sample before and this one. No gap reaches past `now_ms`,
/// the server's: what is after it is a clock that is ahead, and others may follow there.
fn gap_before(
    opening: Option<Opening>,
    before: Before,
    time_ms: i64,
    lost: u64,
    interval_ms: i64,
    now_ms: i64,
) -> Option<Gap> {
    let other_ms = before.other.map(|(other_ms, _)| other_ms);
    let from_ms = match before.own_ms {
        Some(own_ms) if own_ms < time_ms => Some(own_ms).max(other_ms),
        // The clock went back: when the lost ones were taken, only their number tells.
        Some(_) if lost > 0 => Some(before_lost(time_ms, lost, interval_ms)).max(other_ms),
        None if other_ms.is_none() && before.others && lost > 0 => {
            Some(before_lost(time_ms, lost, interval_ms))
        }
        Some(_) => None,
        None => other_ms,
    }?;
    let mut to_ms = time_ms.min(now_ms);
    if time_ms.saturating_sub(now_ms) > AHEAD_MS && before.own_ms.is_some() {
        // Nobody slept: the clock jumped. What is missing is what was lost.
        let lost_ms = time_ms.saturating_sub(before_lost(time_ms, lost, interval_ms));
        to_ms = match lost {
            0 => from_ms,
            _ => to_ms.min(from_ms.saturating_add(lost_ms)),
        };
    }
    let silence_ms = to_ms.saturating_sub(from_ms);
    if silence_ms <= 0 {
        return None;
    }
    let gap = |cause| {
        Some(Gap {
            from_ms,
            to_ms,
            cause,
            lost,
        })
    };
    let same_boot = before.other.is_some_and(|(_, same_boot)| same_boot);
    let missed = silence_ms > usual_ms(interval_ms);
    match opening {
        Some(Opening { new_run: true, .. }) if !missed => None,
        // A new run that has lost its own first samples was cut off since it started.
        Some(Opening {
            new_run: true,
            outage,
        }) if lost > 0 => gap(outage),
        Some(Opening { new_run: true, .. }) if same_boot => gap(Cause::SpiderRestarted),
        Some(Opening { new_run: true, .. }) => gap(Cause::NodeOff),
        Some(Opening { outage, .. }) if lost > 0 => gap(outage),
        None if lost > 0 => gap(Cause::LinkDown),
        // Nothing is missing in the count: the Spider itself took no samples.
        _ if missed && silence_ms > interval_ms.saturating_add(5_000) => gap(Cause::Suspended),
        _ => None,
    }
}

/// When the last one was taken before so many that are lost.
fn before_lost(time_ms: i64, lost: u64, interval_ms: i64) -> i64 {
    let lost = i64::try_from(lost).unwrap_or(i64::MAX);
    let lost_ms = lost.saturating_add(1).saturating_mul(interval_ms);
    time_ms.saturating_sub(lost_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST_MS: i64 = 1_000_000;

    fn opening((outage, new_run): (Cause, bool)) -> Opening {
        Opening { outage, new_run }
    }

    fn gap(
        of: Option<(Cause, bool)>,
        silence_ms: i64,
        lost: u64,
        same_boot: bool,
    ) -> Option<Cause> {
        let last = Some((LAST_MS, same_boot));
        let before = match of {
            Some((_, true)) => Before {
                own_ms: None,
                other: last.filter(|_| silence_ms > 0),
                others: true,
            },
            _ => Before {
                own_ms: Some(LAST_MS),
                ..Before::default()
            },
        };
        let time_ms = LAST_MS + silence_ms;
        let gap = gap_before(of.map(opening), before, time_ms, lost, 1_000, i64::MAX)?;
        assert_eq!((gap.from_ms, gap.to_ms), (LAST_MS, time_ms));
        Some(gap.cause)
    }

    #[test]
    fn every_kind_of_silence_has_its_cause() {
        let resumed = Some((Cause::ServerDown, false));
        let new_run = Some((Cause::LinkDown, true));
        assert_eq!(gap(resumed, 1_000, 0, true), None);
        assert_eq!(gap(resumed, 60_000, 59, true), Some(Cause::ServerDown));
        assert_eq!(gap(new_run, 1_500, 0, true), None);
        assert_eq!(gap(new_run, 60_000, 0, true), Some(Cause::SpiderRestarted));
        assert_eq!(gap(new_run, 60_000, 0, false), Some(Cause::NodeOff));
        assert_eq!(gap(new_run, 60_000, 5, false), Some(Cause::LinkDown));
        assert_eq!(gap(None, 60_000, 0, true), Some(Cause::Suspended));
        assert_eq!(gap(None, 3_000, 0, true), None);
        assert_eq!(gap(None, 3_000, 2, true), Some(Cause::LinkDown));
        // The first sample ever, and one that is not newer.
        let first = gap_before(None, Before::default(), 5, 0, 1_000, i64::MAX);
        assert_eq!(first, None);
        assert_eq!(gap(None, 0, 0, true), None);
    }

    /// From, to and lost of the gap before a sample at `time_ms`.
    fn told(before: Before, time_ms: i64, lost: u64, now_ms: i64) -> Option<(i64, i64, u64)> {
        let opening = before.own_ms.is_none().then_some(Opening {
            outage: Cause::LinkDown,
            new_run: true,
        });
        let gap = gap_before(opening, before, time_ms, lost, 1_000, now_ms)?;
        Some((gap.from_ms, gap.to_ms, gap.lost))
    }

    #[test]
    fn a_clock_that_jumps_makes_no_gap_and_hides_none() {
        let own = |own_ms| Before {
            own_ms: Some(own_ms),
            ..Before::default()
        };
        let hours = |hours: i64| LAST_MS + hours * 3_600_000;
        // 20 hours ahead: the server's clock knows better.
        let now_ms = LAST_MS + 1_000;
        assert_eq!(told(own(LAST_MS), hours(20), 0, now_ms), None);
        assert_eq!(told(own(LAST_MS), hours(20), 0, hours(10)), None);
        // What was lost at that moment lies before the server's now.
        let lost = told(own(LAST_MS), hours(20), 5, LAST_MS + 6_000);
        assert_eq!(lost, Some((LAST_MS, LAST_MS + 6_000, 5)));
        let lost = told(own(LAST_MS), hours(20), 5, hours(10));
        assert_eq!(lost, Some((LAST_MS, LAST_MS + 6_000, 5)));
        // Back again: nothing is missing, or as much as was lost.
        let back_ms = LAST_MS + 120_000;
        assert_eq!(told(own(hours(20)), back_ms, 0, back_ms), None);
        let lost = told(own(hours(20)), back_ms, 59, back_ms);
        assert_eq!(lost, Some((back_ms - 60_000, back_ms, 59)));
        let lost = told(own(hours(20)), back_ms, u64::MAX, back_ms).unwrap();
        assert_eq!((lost.1, lost.2), (back_ms, u64::MAX));
        // Not over what another run has there.
        let two = Before {
            other: Some((back_ms - 10_000, true)),
            others: true,
            ..own(hours(20))
        };
        let lost = told(two, back_ms, 59, back_ms);
        assert_eq!(lost, Some((back_ms - 10_000, back_ms, 59)));
        // A whole hour of sleep while the clock is a minute ahead.
        let slept = told(own(LAST_MS), hours(1), 0, hours(1) - 60_000);
        assert_eq!(slept, Some((LAST_MS, hours(1) - 60_000, 0)));
    }

    #[test]
    fn runs_beside_each_other_make_no_gaps() {
        let before = |own_ms, other_ms| Before {
            own_ms,
            other: Some((other_ms, false)),
            others: true,
        };
        let now_ms = LAST_MS + 600_000;
        // A second machine on the token has sent all the time.
        let both = before(Some(LAST_MS), LAST_MS + 599_000);
        assert_eq!(told(both, now_ms, 0, now_ms), None);
        // A new run after one whose clock was ahead, and nothing before it.
        let new = Before {
            own_ms: None,
            other: None,
            others: true,
        };
        assert_eq!(told(new, now_ms, 0, now_ms), None);
        assert_eq!(
            told(new, now_ms, 9, now_ms),
            Some((now_ms - 10_000, now_ms, 9))
        );
    }
}
