//! Every sample that Ground Control has not confirmed yet, encoded, oldest first.
//!
//! Called by the link's one thread. Bounded in bytes: when a push does not fit,
//! the oldest samples are dropped and counted. What the server acknowledged is
//! dropped too. Dropping decodes the record into `base`, the values just before
//! the oldest sample held: with it a session can open anywhere although the ring
//! holds little more than deltas.
//!
//! A list of series that has much of the one before is held as the difference to it,
//! and no keyframe follows. A server that does not take differences is sent the whole
//! list and a keyframe: then the cursor has the values of where it is.
//!
//! Times in here are CLOCK_BOOTTIME milliseconds, which no clock step can
//! reorder; they become wall time when a keyframe goes out.

mod holding;
mod saved;

use std::rc::Rc;

use stardust_shared::layout::Change;
use stardust_shared::limits::{CATCH_UP_FRAME_BYTES, LAYOUT_KEYS_BYTES_MAX, SERIES_MAX};
use stardust_shared::samples::KIND_SAMPLES;
use stardust_shared::varint::{Reader, put, put_signed};
use stardust_shared::{Layout, SeriesDef, State, WireError};

use super::queue::{Kind, Queue};
pub use holding::Holding;

/// See the module. Sequence numbers are contiguous and count from 1.
#[derive(Debug)]
pub struct Ring {
    queue: Queue,
    /// After the last sample that left the ring: delta of the oldest one held
    /// counts from here. Its `seq` is therefore the last one gone.
    base: State,
    base_layout: Rc<Layout>,
    /// After the newest sample.
    head: State,
    head_layout: Rc<Layout>,
    /// The sampler's generation that `head_layout` was made from.
    generation: Option<u64>,
    /// How many of the sampler's series fit the wire.
    series_count: usize,
    /// Highest sequence known to be durable.
    acked_seq: u64,
    dropped: u64,
    /// Read from a file: the run took more samples than it holds.
    restored: bool,
    /// The record being pushed, and the one being read: kept so that the steady
    /// state allocates nothing.
    pushed: Vec<u8>,
    scratch: Vec<u8>,
}

/// How far one session has read.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    position: u64,
    /// Sequence of the record before `position`.
    seq: u64,
    layout_id: Option<u64>,
    /// The peer holds the values before `position`: the next delta makes sense to it.
    keyed: bool,
    /// The peer takes differences between lists.
    takes_changes: bool,
    /// What the values are before `position`, for a peer that does not, or is not keyed.
    here: Option<Box<Here>>,
}

/// Where a reader is.
#[derive(Clone, Debug)]
struct Here {
    state: State,
    layout: Rc<Layout>,
}

impl Here {
    fn change(&mut self, entry: &[u8]) -> Result<(), WireError> {
        let change = read_change(&self.layout, entry)?;
        self.state.change(&self.layout, &change);
        self.layout = Rc::new(change.apply(&self.layout));
        Ok(())
    }
}

impl Cursor {
    /// Of a session with a server that `takes_changes`, or not.
    pub fn new(takes_changes: bool) -> Self {
        Self {
            takes_changes,
            ..Self::default()
        }
    }
}

/// What [`Ring::read`] appended: always one whole message of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk {
    Layout,
    Samples { last_seq: u64 },
}

impl Ring {
    /// An empty ring that takes at most `bytes_max` bytes of encoded samples.
    pub fn new(bytes_max: usize) -> Self {
        let none = Rc::new(Layout::new(0, Vec::new()));
        Self {
            queue: Queue::new(bytes_max),
            base: State::default(),
            base_layout: Rc::clone(&none),
            head: State::default(),
            head_layout: none,
            generation: None,
            series_count: 0,
            acked_seq: 0,
            dropped: 0,
            restored: false,
            pushed: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Oldest sequence held, 0 when empty.
    pub fn oldest_seq(&self) -> u64 {
        if self.is_empty() {
            0
        } else {
            self.base.seq + 1
        }
    }

    /// Newest sequence held, 0 when empty.
    pub fn newest_seq(&self) -> u64 {
        if self.is_empty() { 0 } else { self.head.seq }
    }

    /// Sequence of the last sample taken, held or not.
    pub fn last_seq(&self) -> u64 {
        self.head.seq
    }

    /// The series of the newest sample.
    pub fn series(&self) -> &[SeriesDef] {
        self.head_layout.series()
    }

    /// Whether the server can have `seq` of this run.
    pub fn may_have_taken(&self, seq: u64) -> bool {
        self.restored || seq <= self.head.seq
    }

    /// Time of the newest sample, on the clock that it was taken by.
    pub fn newest_boot_ms(&self) -> i64 {
        self.head.time_ms
    }

    pub fn is_empty(&self) -> bool {
        self.base.seq == self.head.seq
    }

    /// Samples that left the ring before the server confirmed them.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Bytes of encoded samples held.
    pub fn bytes(&self) -> usize {
        self.queue.len()
    }

    /// Bytes of memory that the encoded samples take up now.
    pub fn capacity(&self) -> usize {
        self.queue.capacity()
    }

    /// Takes a sample. `series` is looked at only when `generation` changes.
    pub fn push(
        &mut self,
        boot_ms: i64,
        generation: u64,
        series: &[SeriesDef],
        values: &[i64],
    ) -> u64 {
        let seq = self.head.seq + 1;
        if self.generation != Some(generation) {
            self.generation = Some(generation);
            self.series_count = fitting(series);
            let fitting = &series[..self.series_count];
            // Several generations may announce the same list: not worth a layout.
            if self.head.seq == 0 || self.head_layout.series() != fitting {
                let id = self.head_layout.id() + 1;
                let change = match self.head.seq {
                    0 => None,
                    _ => Change::between(&self.head_layout, id, fitting),
                };
                match change {
                    Some(change) => self.push_change(&change, seq, boot_ms, values),
                    None => {
                        self.head_layout = Rc::new(Layout::new(id, fitting.to_vec()));
                        self.push_layout(seq, boot_ms, values);
                    }
                }
                return seq;
            }
        }
        let values = &values[..self.series_count];
        self.pushed.clear();
        self.head
            .encode_delta(&self.head_layout, seq, boot_ms, values, &mut self.pushed);
        let need = Queue::entry_len(self.pushed.len());
        if self.make_room(need) {
            self.queue.push(Kind::Delta, &self.pushed);
        } else {
            self.forget_all();
        }
        seq
    }

    /// A list that has much of the one before: the difference, and a delta.
    fn push_change(&mut self, change: &Change, seq: u64, boot_ms: i64, values: &[i64]) {
        self.pushed.clear();
        change.encode(&self.head_layout, &mut self.pushed);
        self.head.change(&self.head_layout, change);
        self.head_layout = Rc::new(change.apply(&self.head_layout));
        let values = &values[..self.series_count];
        let list_len = self.pushed.len();
        self.head
            .encode_delta(&self.head_layout, seq, boot_ms, values, &mut self.pushed);
        self.push_both(Kind::Change, list_len, Kind::Delta);
    }

    /// A new list of series: the list, then a keyframe of full values.
    fn push_layout(&mut self, seq: u64, boot_ms: i64, values: &[i64]) {
        self.head.start(
            &self.head_layout,
            seq,
            boot_ms,
            &values[..self.series_count],
        );
        self.pushed.clear();
        self.head_layout.encode(&mut self.pushed);
        let list_len = self.pushed.len();
        self.head
            .encode_keyframe(&self.head_layout, 0, &mut self.pushed);
        self.push_both(Kind::Layout, list_len, Kind::Keyframe);
    }

    /// Pushes what is in `pushed`: a list, and the first record of it.
    fn push_both(&mut self, list_kind: Kind, list_len: usize, record_kind: Kind) {
        let need = Queue::entry_len(list_len) + Queue::entry_len(self.pushed.len() - list_len);
        if self.make_room(need) {
            let (list, record) = self.pushed.split_at(list_len);
            self.queue.push(list_kind, list);
            self.queue.push(record_kind, record);
        } else {
            self.forget_all();
        }
        // Both are rare and may be large.
        self.pushed.shrink_to(4 << 10);
    }

    /// The server has everything up to `seq`: it need not be kept.
    pub fn ack(&mut self, seq: u64) {
        self.acked_seq = self.acked_seq.max(seq.min(self.head.seq));
        if self.acked_seq == self.head.seq {
            // As nearly always: what is after the newest sample need not be worked out.
            self.base.copy_from(&self.head);
            self.base_layout = Rc::clone(&self.head_layout);
            self.queue.pop_all();
        }
        while !self.is_empty() && self.base.seq < self.acked_seq {
            self.drop_oldest();
        }
        self.queue.shrink();
    }

    /// Appends the next message for the session that `cursor` stands for, about
    /// [`CATCH_UP_FRAME_BYTES`] at most; `None` when it has everything.
    /// `wall_shift_ms` is added to times to make wall time of them.
    pub fn read(
        &mut self,
        cursor: &mut Cursor,
        wall_shift_ms: i64,
        out: &mut Vec<u8>,
    ) -> Option<Chunk> {
        if cursor.position < self.queue.start() || !cursor.keyed && cursor.here.is_none() {
            // A fresh cursor, or what it would have read next is gone.
            cursor.position = self.queue.start();
            cursor.seq = self.base.seq;
            cursor.keyed = false;
            cursor.here = None;
        }
        let (kind, _) = self.queue.peek(cursor.position)?;
        match kind {
            Kind::Layout => return Some(self.read_layout(cursor, out)),
            Kind::Change if cursor.keyed && cursor.takes_changes => {
                let at = out.len();
                cursor.position = self.queue.copy(cursor.position, out);
                // The id follows the kind byte.
                cursor.layout_id = Reader::new(&out[at + 1..]).varint().ok();
                return Some(Chunk::Layout);
            }
            _ => {}
        }
        if !cursor.keyed || kind == Kind::Change {
            let here = cursor.here.get_or_insert_with(|| {
                Box::new(Here {
                    state: self.base.clone(),
                    layout: Rc::clone(&self.base_layout),
                })
            });
            if kind == Kind::Change {
                self.scratch.clear();
                cursor.position = self.queue.copy(cursor.position, &mut self.scratch);
                let changed = here.change(&self.scratch);
                debug_assert!(changed.is_ok(), "own change does not decode: {changed:?}");
                // A keyframe follows.
                cursor.keyed = false;
            }
            if cursor.layout_id != Some(here.layout.id()) {
                here.layout.encode(out);
                cursor.layout_id = Some(here.layout.id());
                return Some(Chunk::Layout);
            }
        }
        self.read_samples(cursor, wall_shift_ms, out);
        Some(Chunk::Samples {
            last_seq: cursor.seq,
        })
    }

    /// A whole list as it lies here.
    fn read_layout(&mut self, cursor: &mut Cursor, out: &mut Vec<u8>) -> Chunk {
        let at = out.len();
        cursor.position = self.queue.copy(cursor.position, out);
        let layout = Layout::decode(&out[at + 1..]);
        debug_assert!(layout.is_ok(), "own layout does not decode: {layout:?}");
        cursor.layout_id = layout.as_ref().map(Layout::id).ok();
        cursor.keyed = true;
        cursor.here = match layout {
            Ok(layout) if !cursor.takes_changes => Some(Box::new(Here {
                state: State::default(),
                layout: self.held(layout),
            })),
            _ => None,
        };
        Chunk::Layout
    }

    fn read_samples(&mut self, cursor: &mut Cursor, wall_shift_ms: i64, out: &mut Vec<u8>) {
        let at = out.len();
        out.push(KIND_SAMPLES);
        if !cursor.keyed {
            // Of the first one all values are told.
            self.scratch.clear();
            cursor.position = self.queue.copy(cursor.position, &mut self.scratch);
            cursor.keyed = true;
            cursor.seq += 1;
            if let Some(here) = &mut cursor.here {
                let applied = here
                    .state
                    .apply(&here.layout, &mut Reader::new(&self.scratch));
                debug_assert!(applied.is_ok(), "own record does not decode: {applied:?}");
                here.state.encode_keyframe(&here.layout, wall_shift_ms, out);
            }
            if cursor.takes_changes {
                cursor.here = None;
            }
        }
        while let Some((kind, len)) = self.queue.peek(cursor.position) {
            if matches!(kind, Kind::Layout | Kind::Change)
                || (out.len() - at > 1 && out.len() - at + len > CATCH_UP_FRAME_BYTES)
            {
                break;
            }
            let from = out.len();
            if kind == Kind::Keyframe || cursor.here.is_some() {
                self.scratch.clear();
                cursor.position = self.queue.copy(cursor.position, &mut self.scratch);
                if let Some(here) = &mut cursor.here {
                    let mut record = Reader::new(&self.scratch);
                    let applied = here.state.apply(&here.layout, &mut record);
                    debug_assert!(applied.is_ok(), "own record does not decode: {applied:?}");
                }
            } else {
                cursor.position = self.queue.copy(cursor.position, out);
            }
            if kind == Kind::Keyframe {
                let shifted = shift_keyframe(&self.scratch, wall_shift_ms, out);
                debug_assert!(shifted.is_ok(), "own keyframe does not decode: {shifted:?}");
            } else if out.len() == from {
                out.extend_from_slice(&self.scratch);
            }
            cursor.seq += 1;
        }
    }

    /// Drops the oldest samples until `need` bytes fit; false when they never will.
    fn make_room(&mut self, need: usize) -> bool {
        if need > self.queue.bytes_max() {
            return false;
        }
        // `head` is already past the sample that asks for room.
        while !self.queue.fits(need) {
            self.dropped += 1;
            self.drop_oldest();
        }
        true
    }

    /// A sample larger than the whole ring: nothing can be kept up to it.
    fn forget_all(&mut self) {
        self.dropped += self.head.seq - self.base.seq;
        self.queue.clear();
        self.base.copy_from(&self.head);
        self.base_layout = Rc::clone(&self.head_layout);
    }

    fn drop_oldest(&mut self) {
        if self.step_base().is_err() {
            // Can't happen with records of our own making; if it does, what is
            // held can't be read and holding on to it helps nobody.
            debug_assert!(false, "own record does not decode");
            self.forget_all();
        }
    }

    /// Moves `base` over the oldest sample and frees its bytes.
    fn step_base(&mut self) -> Result<(), WireError> {
        self.scratch_oldest();
        let list = match self.oldest_kind() {
            Some(Kind::Layout) => Some(Layout::decode(&self.scratch[1..])?),
            Some(Kind::Change) => {
                let change = read_change(&self.base_layout, &self.scratch)?;
                self.base.change(&self.base_layout, &change);
                Some(change.apply(&self.base_layout))
            }
            _ => None,
        };
        if let Some(layout) = list {
            self.base_layout = self.held(layout);
            self.queue.pop();
            self.scratch_oldest();
        }
        self.queue.pop();
        self.base
            .apply(&self.base_layout, &mut Reader::new(&self.scratch))?;
        Ok(())
    }

    /// Nearly always the list in use: then it is not held twice.
    fn held(&self, layout: Layout) -> Rc<Layout> {
        if layout.id() == self.head_layout.id() {
            Rc::clone(&self.head_layout)
        } else {
            Rc::new(layout)
        }
    }

    fn oldest_kind(&self) -> Option<Kind> {
        self.queue.peek(self.queue.start()).map(|(kind, _)| kind)
    }

    fn scratch_oldest(&mut self) {
        self.scratch.clear();
        self.queue.copy(self.queue.start(), &mut self.scratch);
    }
}

/// An entry of the difference to `base`.
fn read_change(base: &Layout, entry: &[u8]) -> Result<Change, WireError> {
    Change::decode(base, entry.get(1..).ok_or(WireError::Truncated)?)
}

/// How many of `series` one layout message can hold. The sampler stays far
/// below; this is what keeps a mistake there from breaking the wire.
fn fitting(series: &[SeriesDef]) -> usize {
    let mut keys_bytes = 0;
    series
        .iter()
        .take(SERIES_MAX)
        .take_while(|series| {
            keys_bytes += series.key.len();
            keys_bytes <= LAYOUT_KEYS_BYTES_MAX
        })
        .count()
}

/// Copies a keyframe with its time moved by `shift_ms`.
fn shift_keyframe(record: &[u8], shift_ms: i64, out: &mut Vec<u8>) -> Result<(), WireError> {
    let mut reader = Reader::new(record);
    put(out, reader.varint()?);
    put(out, reader.varint()?);
    put_signed(out, reader.signed()?.wrapping_add(shift_ms));
    out.extend_from_slice(reader.rest());
    Ok(())
}

#[cfg(test)]
mod tests;
