//! Every sample that Ground Control has not confirmed yet, encoded, oldest first.
//!
//! Called by the link's one thread. Bounded in bytes: when a push does not fit,
//! the oldest samples are dropped and counted. What the server acknowledged is
//! dropped too. Dropping decodes the record into `base`, the values just before
//! the oldest sample held: with it a session can open anywhere although the ring
//! holds little more than deltas.
//!
//! Times in here are CLOCK_BOOTTIME milliseconds, which no clock step can
//! reorder; they become wall time when a keyframe goes out.

use std::rc::Rc;

use stardust_shared::limits::{CATCH_UP_FRAME_BYTES, LAYOUT_KEYS_BYTES_MAX, SERIES_MAX};
use stardust_shared::samples::KIND_SAMPLES;
use stardust_shared::varint::{Reader, put, put_signed};
use stardust_shared::{Layout, SeriesDef, State, WireError};

use super::queue::{Kind, Queue};

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
            let fitting = series[..self.series_count].to_vec();
            // Several generations may announce the same list: not worth a layout.
            if self.head.seq == 0 || self.head_layout.series() != fitting {
                self.head_layout = Rc::new(Layout::new(self.head_layout.id() + 1, fitting));
                self.push_layout(seq, boot_ms, values);
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
        let need = Queue::entry_len(list_len) + Queue::entry_len(self.pushed.len() - list_len);
        if self.make_room(need) {
            let (list, keyframe) = self.pushed.split_at(list_len);
            self.queue.push(Kind::Layout, list);
            self.queue.push(Kind::Keyframe, keyframe);
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
        if cursor.position < self.queue.start() || !cursor.keyed {
            // A fresh cursor, or what it would have read next is gone.
            cursor.position = self.queue.start();
            cursor.seq = self.base.seq;
            cursor.keyed = false;
        }
        let (kind, _) = self.queue.peek(cursor.position)?;
        if kind == Kind::Layout {
            let at = out.len();
            cursor.position = self.queue.copy(cursor.position, out);
            // The id follows the kind byte.
            cursor.layout_id = Reader::new(&out[at + 1..]).varint().ok();
            cursor.keyed = true;
            return Some(Chunk::Layout);
        }
        if !cursor.keyed && cursor.layout_id != Some(self.base_layout.id()) {
            self.base_layout.encode(out);
            cursor.layout_id = Some(self.base_layout.id());
            return Some(Chunk::Layout);
        }
        self.read_samples(cursor, wall_shift_ms, out);
        Some(Chunk::Samples {
            last_seq: cursor.seq,
        })
    }

    fn read_samples(&mut self, cursor: &mut Cursor, wall_shift_ms: i64, out: &mut Vec<u8>) {
        let at = out.len();
        out.push(KIND_SAMPLES);
        if !cursor.keyed {
            // Only at the start of the ring, where `base` holds what comes before.
            self.scratch.clear();
            cursor.position = self.queue.copy(cursor.position, &mut self.scratch);
            let mut state = self.base.clone();
            let applied = state.apply(&self.base_layout, &mut Reader::new(&self.scratch));
            debug_assert!(applied.is_ok(), "own record does not decode: {applied:?}");
            state.encode_keyframe(&self.base_layout, wall_shift_ms, out);
            cursor.keyed = true;
            cursor.seq = state.seq;
        }
        while let Some((kind, len)) = self.queue.peek(cursor.position) {
            if kind == Kind::Layout
                || (out.len() - at > 1 && out.len() - at + len > CATCH_UP_FRAME_BYTES)
            {
                break;
            }
            if kind == Kind::Keyframe {
                self.scratch.clear();
                cursor.position = self.queue.copy(cursor.position, &mut self.scratch);
                let shifted = shift_keyframe(&self.scratch, wall_shift_ms, out);
                debug_assert!(shifted.is_ok(), "own keyframe does not decode: {shifted:?}");
            } else {
                cursor.position = self.queue.copy(cursor.position, out);
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
        if self.oldest_kind() == Some(Kind::Layout) {
            let layout = Layout::decode(&self.scratch[1..])?;
            // Nearly always the list in use: then it is not held twice.
            self.base_layout = if layout.id() == self.head_layout.id() {
                Rc::clone(&self.head_layout)
            } else {
                Rc::new(layout)
            };
            self.queue.pop();
            self.scratch_oldest();
        }
        self.queue.pop();
        self.base
            .apply(&self.base_layout, &mut Reader::new(&self.scratch))?;
        Ok(())
    }

    fn oldest_kind(&self) -> Option<Kind> {
        self.queue.peek(self.queue.start()).map(|(kind, _)| kind)
    }

    fn scratch_oldest(&mut self) {
        self.scratch.clear();
        self.queue.copy(self.queue.start(), &mut self.scratch);
    }
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

mod saved;
#[cfg(test)]
mod tests;
