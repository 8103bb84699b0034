//! Sample records: keyframes of full values, then deltas of what changed.
//!
//! A record is self-delimiting, so a frame is the kind byte and any number of
//! records. Values are divided by the scale of their series before they are
//! encoded; [`State`] holds them divided, and [`State::value`] multiplies.

use crate::layout::{Change, FLAG_PART, FLAG_RISING, FLAG_STEADY, FLAG_SUM};
use crate::limits::SERIES_MAX;
use crate::varint::{Reader, put, put_signed};
use crate::{ABSENT, Layout, WireError};

mod before;

/// First byte of a binary message: one or more sample records.
pub const KIND_SAMPLES: u8 = 2;

/// What both sides know after a record: the base of the next delta.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Sequence number within one run of the Spider; 0 before the first record.
    pub seq: u64,
    /// Sample time in milliseconds, on the clock of whoever holds the state.
    pub time_ms: i64,
    /// Time between the last two samples.
    step_ms: i64,
    /// Values divided by their scale, or [`ABSENT`].
    scaled: Vec<i64>,
    /// Last change of each steady series, in the order of the layout.
    steps: Vec<i64>,
    /// So many at the end have had no record: the next one counts them from 0.
    added: u32,
    /// So many had their first one with the last record. Nothing counts from this.
    first: u32,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let base = |state: &Self| (state.seq, state.time_ms, state.step_ms, state.added);
        base(self) == base(other) && self.scaled == other.scaled && self.steps == other.steps
    }
}

impl Eq for State {}

/// What a record turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    Keyframe,
    Delta,
}

impl State {
    /// Takes the first sample, to which no delta is known.
    pub fn start(&mut self, layout: &Layout, seq: u64, time_ms: i64, values: &[i64]) {
        debug_assert_eq!(values.len(), layout.len());
        self.seq = seq;
        self.time_ms = time_ms;
        self.step_ms = 0;
        self.scaled.clear();
        self.scaled.extend(
            values
                .iter()
                .zip(layout.series())
                .map(|(&v, s)| scale(v, s.scale)),
        );
        self.steps.clear();
        self.steps.resize(layout.steady(), 0);
        (self.added, self.first) = (0, 0);
    }

    /// Goes over from the layout `base` to the one that `change` makes of it: what stays
    /// keeps its value and its step, what is added has none until the next record.
    pub fn change(&mut self, base: &Layout, change: &Change) {
        if self.scaled.len() != base.len() {
            // Before the first record.
            return;
        }
        let added_before = base.len() - self.added as usize;
        let mut removed = change.removed().iter().peekable();
        let (mut kept, mut kept_steps, mut step) = (0, 0, 0);
        for (place, flags) in base.flags().iter().enumerate() {
            let is_steady = flags & FLAG_STEADY != 0;
            while removed.next_if(|(_, end)| *end <= place).is_some() {}
            if removed.peek().is_some_and(|(first, _)| *first <= place) {
                self.added -= u32::from(place >= added_before);
            } else {
                self.scaled[kept] = self.scaled[place];
                kept += 1;
                if is_steady {
                    self.steps[kept_steps] = self.steps[step];
                    kept_steps += 1;
                }
            }
            step += usize::from(is_steady);
        }
        let added = change.added();
        let steady = added.iter().filter(|series| series.steady).count();
        self.scaled.truncate(kept);
        self.scaled.resize(kept + added.len(), ABSENT);
        self.steps.truncate(kept_steps);
        self.steps.resize(kept_steps + steady, 0);
        self.added += added.len() as u32;
        self.first = 0;
    }

    /// Becomes what `other` is, in the memory that it has.
    pub fn copy_from(&mut self, other: &Self) {
        self.seq = other.seq;
        self.time_ms = other.time_ms;
        self.step_ms = other.step_ms;
        self.scaled.clone_from(&other.scaled);
        self.steps.clone_from(&other.steps);
        (self.added, self.first) = (other.added, other.first);
    }

    /// A delta begins: what was added counts from 0.
    fn begin_added(&mut self) {
        self.first = std::mem::take(&mut self.added);
        if self.first > 0 {
            let from = self.scaled.len() - self.first as usize;
            self.scaled[from..].fill(0);
        }
    }

    /// It ends: that was no change, and nothing is expected to go on from it.
    fn end_added(&mut self, layout: &Layout) {
        if self.first > 0 {
            let flags = layout.flags().iter().rev().take(self.first as usize);
            let steady = flags.filter(|flags| *flags & FLAG_STEADY != 0).count();
            let from = self.steps.len() - steady;
            self.steps[from..].fill(0);
        }
    }

    /// Values in units, as the collector gave them.
    pub fn value(&self, layout: &Layout, index: usize) -> Option<i64> {
        match (self.scaled.get(index), layout.series().get(index)) {
            (Some(&scaled), Some(series)) if scaled != ABSENT => {
                Some(scaled.wrapping_mul(i64::from(series.scale)))
            }
            _ => None,
        }
    }

    /// Values divided by their scale, [`ABSENT`] where there is none.
    pub fn scaled(&self) -> &[i64] {
        &self.scaled
    }

    /// Time between the last two samples in milliseconds.
    pub fn step_ms(&self) -> i64 {
        self.step_ms
    }

    /// Last change of each steady series.
    pub fn steps(&self) -> &[i64] {
        &self.steps
    }

    /// Appends a record that needs no base. Time is shifted by `time_shift_ms`
    /// (from the Spider's monotonic clock to wall time).
    pub fn encode_keyframe(&self, layout: &Layout, time_shift_ms: i64, out: &mut Vec<u8>) {
        put(out, layout.id() << 1 | 1);
        put(out, self.seq);
        put_signed(out, self.time_ms.wrapping_add(time_shift_ms));
        put_signed(out, self.step_ms);
        for &value in &self.scaled {
            put_signed(out, value);
        }
        for &step in &self.steps {
            put_signed(out, step);
        }
    }

    /// Appends the next sample as a delta and moves the state on to it.
    ///
    /// `seq` must be above the state's.
    pub fn encode_delta(
        &mut self,
        layout: &Layout,
        seq: u64,
        time_ms: i64,
        values: &[i64],
        out: &mut Vec<u8>,
    ) {
        debug_assert_eq!(values.len(), self.scaled.len());
        put(out, (seq - self.seq) << 1);
        let step_ms = time_ms.wrapping_sub(self.time_ms);
        put_signed(out, step_ms.wrapping_sub(self.step_ms));
        self.seq = seq;
        self.time_ms = time_ms;
        self.step_ms = step_ms;

        self.begin_added();
        // Two-level bitmap: which groups of eight changed, then which of the eight.
        let groups = values.len().div_ceil(8);
        let top = out.len();
        out.resize(top + groups.div_ceil(8), 0);
        let mut expect = Expect::new(&mut self.steps);
        // The residuals follow all bitmaps, so they are written to the end first
        // and the group bytes are put in front of them.
        let mut group_bytes = [0u8; SERIES_MAX / 8];
        let mut groups_changed = 0usize;
        let body = out.len();
        for (group, chunk) in values.chunks(8).enumerate() {
            let mut bits = 0u8;
            for (bit, &value) in chunk.iter().enumerate() {
                let index = group * 8 + bit;
                let flags = layout.flags()[index];
                let now = scale(value, layout.series()[index].scale);
                let before = self.scaled[index];
                let residual = now.wrapping_sub(expect.next(flags, before));
                expect.came(flags, before, now);
                if residual != 0 {
                    bits |= 1 << bit;
                    if flags & FLAG_RISING != 0 {
                        put(out, residual as u64);
                    } else {
                        put_signed(out, residual);
                    }
                }
                self.scaled[index] = now;
            }
            if bits != 0 {
                out[top + group / 8] |= 1 << (group % 8);
                group_bytes[groups_changed] = bits;
                groups_changed += 1;
            }
        }
        let residuals = out.len() - body;
        out.extend_from_slice(&group_bytes[..groups_changed]);
        out[body..].rotate_left(residuals);
        self.end_added(layout);
    }

    /// Reads one record off `reader`. On an error the state must not be used on.
    pub fn apply(&mut self, layout: &Layout, reader: &mut Reader<'_>) -> Result<Record, WireError> {
        self.apply_as(layout, layout.id(), reader)
    }

    /// The same, when the records call the layout by another number than it does.
    pub fn apply_as(
        &mut self,
        layout: &Layout,
        layout_id: u64,
        reader: &mut Reader<'_>,
    ) -> Result<Record, WireError> {
        let head = reader.varint()?;
        if head & 1 == 1 {
            if head >> 1 != layout_id {
                return Err(WireError::UnknownLayout);
            }
            self.apply_keyframe(layout, reader)?;
            return Ok(Record::Keyframe);
        }
        if self.seq == 0 || self.scaled.len() != layout.len() {
            return Err(WireError::NoKeyframe);
        }
        let ahead = head >> 1;
        if ahead == 0 {
            return Err(WireError::OutOfRange("sequence step"));
        }
        self.seq = self
            .seq
            .checked_add(ahead)
            .ok_or(WireError::OutOfRange("sequence"))?;
        self.step_ms = self.step_ms.wrapping_add(reader.signed()?);
        self.time_ms = self.time_ms.wrapping_add(self.step_ms);

        let groups = layout.len().div_ceil(8);
        let top = reader.bytes(groups.div_ceil(8))?;
        let changed: usize = top.iter().map(|byte| byte.count_ones() as usize).sum();
        let mut group_bytes = reader.bytes(changed)?.iter();
        if let Some(last) = top.last()
            && usize::from(*last) >> (groups - (top.len() - 1) * 8) != 0
        {
            return Err(WireError::OutOfRange("series number"));
        }
        self.begin_added();
        // Steady series and sums move even where nothing was sent.
        let mut expect = Expect::new(&mut self.steps);
        let eights = layout.flags().chunks(8).zip(layout.moving());
        for (group, (values, (flags, moving))) in self.scaled.chunks_mut(8).zip(eights).enumerate()
        {
            let mut bits = 0;
            if top[group / 8] >> (group % 8) & 1 == 1 {
                bits = *group_bytes.next().ok_or(WireError::Truncated)?;
            }
            // The others are as they were, as most are.
            let mut changing = bits | moving;
            while changing != 0 {
                let bit = changing.trailing_zeros() as usize;
                changing &= changing - 1;
                let (Some(value), Some(&flags)) = (values.get_mut(bit), flags.get(bit)) else {
                    return Err(WireError::OutOfRange("series number"));
                };
                let before = *value;
                *value = expect.next(flags, before);
                if bits >> bit & 1 == 1 {
                    *value = value.wrapping_add(residual(reader, flags)?);
                }
                expect.came(flags, before, *value);
            }
        }
        self.end_added(layout);
        Ok(Record::Delta)
    }

    fn apply_keyframe(
        &mut self,
        layout: &Layout,
        reader: &mut Reader<'_>,
    ) -> Result<(), WireError> {
        self.seq = reader.varint()?;
        if self.seq == 0 {
            return Err(WireError::OutOfRange("sequence"));
        }
        self.time_ms = reader.signed()?;
        self.step_ms = reader.signed()?;
        self.scaled.clear();
        self.scaled.reserve_exact(layout.len());
        for _ in 0..layout.len() {
            self.scaled.push(reader.signed()?);
        }
        self.steps.clear();
        self.steps.reserve_exact(layout.steady());
        for _ in 0..layout.steady() {
            self.steps.push(reader.signed()?);
        }
        (self.added, self.first) = (0, 0);
        Ok(())
    }
}

fn scale(value: i64, scale: u32) -> i64 {
    if value == ABSENT {
        ABSENT
    } else {
        value.div_euclid(i64::from(scale))
    }
}

/// What is expected of the series of one record, one after the other: the same
/// on both sides. One that neither is sent nor moves may be left out. Nothing is expected of an absent one but to stay so.
struct Expect<'a> {
    /// Last changes of the steady series that are still to come.
    steps: std::slice::IterMut<'a, i64>,
    /// Change of the parts since the sum before.
    parts: i64,
}

impl<'a> Expect<'a> {
    fn new(steps: &'a mut [i64]) -> Self {
        let steps = steps.iter_mut();
        Self { steps, parts: 0 }
    }

    /// The value that follows `before`, if all is as expected.
    fn next(&mut self, flags: u8, before: i64) -> i64 {
        let mut change = 0;
        if flags & FLAG_SUM != 0 {
            change = std::mem::take(&mut self.parts);
        }
        if flags & FLAG_STEADY != 0 {
            let step = self.steps.as_slice().first().copied().unwrap_or(0);
            change = step.wrapping_add(change);
        }
        if before == ABSENT {
            ABSENT
        } else {
            before.wrapping_add(change)
        }
    }

    /// What really came, once for each [`Self::next`].
    fn came(&mut self, flags: u8, before: i64, now: i64) {
        let change = step(before, now);
        if flags & FLAG_PART != 0 {
            self.parts = self.parts.wrapping_add(change);
        }
        if flags & FLAG_STEADY != 0
            && let Some(step) = self.steps.next()
        {
            *step = change;
        }
    }
}

/// By how much a value is not what was expected.
#[inline]
fn residual(reader: &mut Reader<'_>, flags: u8) -> Result<i64, WireError> {
    if flags & FLAG_RISING != 0 {
        Ok(reader.varint()? as i64)
    } else {
        reader.signed()
    }
}

fn step(before: i64, now: i64) -> i64 {
    if before == ABSENT || now == ABSENT {
        0
    } else {
        now.wrapping_sub(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeriesDef;

    struct Rng(u64);

    impl Rng {
        fn next(&mut self) -> u64 {
            // xorshift64*, enough to shake the codec.
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
        }
    }

    fn layout(count: usize) -> Layout {
        let names = [
            "cpu.idle_ms",
            "mem.free_bytes",
            "net.rx_bytes",
            "system.uptime_ms",
            "cpu.system_ms",
            "fs.available_bytes",
            "x",
        ];
        let series = (0..count)
            .map(|n| SeriesDef::new(names[n % names.len()], &[("n", &n.to_string())]))
            .collect();
        Layout::new(3, series)
    }

    #[test]
    fn random_streams_come_back_value_for_value() {
        for seed in 1..200u64 {
            let mut rng = Rng(seed * 77_777);
            let layout = layout((rng.next() % 150) as usize);
            let mut values: Vec<i64> = layout
                .series()
                .iter()
                .map(|s| (rng.next() as i32 as i64) * i64::from(s.scale))
                .collect();
            let mut encoder = State::default();
            let mut decoder = State::default();
            let mut bytes = Vec::new();
            encoder.start(&layout, 1, 1_000, &values);
            encoder.encode_keyframe(&layout, 0, &mut bytes);
            let mut seq = 1;
            let mut before = Vec::new();
            for round in 0..60 {
                let mut reader = Reader::new(&bytes);
                let record = decoder.apply(&layout, &mut reader).unwrap();
                assert!(reader.is_empty(), "seed {seed} round {round}");
                assert_eq!(record == Record::Keyframe, bytes[0] & 1 == 1);
                assert_eq!(decoder, encoder, "seed {seed} round {round}");
                for (index, &value) in values.iter().enumerate() {
                    let expected = (value != ABSENT).then_some(value);
                    assert_eq!(decoder.value(&layout, index), expected, "seed {seed}");
                }
                // And the way back; of what is gone nobody asks what it was.
                let back = decoder.before(&layout, &bytes);
                assert_eq!(back.is_none(), record == Record::Keyframe);
                let changes = before.iter().zip(back.iter().flatten());
                for ((&before, &back), &now) in changes.zip(decoder.scaled()) {
                    let expected = if now == ABSENT { ABSENT } else { before };
                    assert_eq!(back, expected, "seed {seed} round {round}");
                }
                before = decoder.scaled().to_vec();
                bytes.clear();
                seq += 1 + rng.next() % 3;
                for (value, series) in values.iter_mut().zip(layout.series()) {
                    *value = match rng.next() % 12 {
                        0 => ABSENT,
                        1..4 => (rng.next() as i32 as i64) * i64::from(series.scale),
                        4..6 if *value != ABSENT => *value + i64::from(series.scale),
                        _ => *value,
                    };
                }
                encoder.encode_delta(&layout, seq, seq as i64 * 997, &values, &mut bytes);
                // A reader may also open the stream right here.
                let mut key = Vec::new();
                encoder.encode_keyframe(&layout, 0, &mut key);
                let mut late = State::default();
                late.apply(&layout, &mut Reader::new(&key)).unwrap();
                assert_eq!(late, encoder);
            }
        }
    }

    #[test]
    fn a_sum_that_is_that_of_its_parts_costs_nothing() {
        let layout = Layout::new(
            1,
            vec![
                SeriesDef::new("cpu.user_ms", &[("core", "0")]),
                SeriesDef::new("cpu.user_ms", &[("core", "1")]),
                SeriesDef::new("cpu.user_ms", &[]),
                SeriesDef::new("fs.free_bytes", &[("mount", "/")]),
                SeriesDef::new("fs.available_bytes", &[("mount", "/")]),
            ],
        );
        let mut encoder = State::default();
        encoder.start(&layout, 1, 0, &[1000, 2000, 3010, 1 << 40, 1 << 39]);
        let mut decoder = encoder.clone();
        let mut bytes = Vec::new();
        let values = [1250, 2640, 3900, (1 << 40) - 4096, (1 << 39) - 4096];
        encoder.encode_delta(&layout, 2, 0, &values, &mut bytes);
        // Head, step, groups, group, 25 and 64 ticks, eight sectors.
        assert_eq!(bytes, [2, 0, 1, 0b01011, 25, 64, 15]);
        let mut reader = Reader::new(&bytes);
        decoder.apply(&layout, &mut reader).unwrap();
        assert_eq!(decoder, encoder);
        for (index, value) in values.into_iter().enumerate() {
            assert_eq!(decoder.value(&layout, index), Some(value));
        }
    }

    #[test]
    fn extreme_values_do_not_overflow() {
        let layout = Layout::new(
            1,
            vec![SeriesDef::new("x", &[]), SeriesDef::new("cpu.idle_ms", &[])],
        );
        let mut encoder = State::default();
        let mut decoder = State::default();
        let mut bytes = Vec::new();
        encoder.start(&layout, 1, 0, &[i64::MAX, 0]);
        encoder.encode_keyframe(&layout, 0, &mut bytes);
        for (seq, value) in [(2, i64::MIN + 1), (3, ABSENT), (4, i64::MAX), (5, 0)] {
            encoder.encode_delta(
                &layout,
                seq,
                i64::MAX - seq as i64,
                &[value, 10 * seq as i64],
                &mut bytes,
            );
        }
        let mut reader = Reader::new(&bytes);
        while !reader.is_empty() {
            decoder.apply(&layout, &mut reader).unwrap();
        }
        assert_eq!(decoder, encoder);
    }

    #[test]
    fn time_shift_moves_the_keyframe_only() {
        let layout = layout(2);
        let mut state = State::default();
        state.start(&layout, 9, 5_000, &[10, 1024]);
        let mut bytes = Vec::new();
        state.encode_keyframe(&layout, 1_700_000_000_000, &mut bytes);
        let mut decoder = State::default();
        decoder.apply(&layout, &mut Reader::new(&bytes)).unwrap();
        assert_eq!(decoder.time_ms, 1_700_000_005_000);
    }

    #[test]
    fn a_layout_may_have_another_number_than_the_records_say() {
        let layout = layout(2);
        let mut state = State::default();
        state.start(&layout, 9, 5_000, &[10, 1024]);
        let mut bytes = Vec::new();
        state.encode_keyframe(&layout, 0, &mut bytes);
        state.encode_delta(&layout, 10, 6_000, &[20, 2048], &mut bytes);
        let stored = Layout::new(0, layout.series().to_vec());
        let mut reader = Reader::new(&bytes);
        let mut decoder = State::default();
        let mut apply = |id| decoder.apply_as(&stored, id, &mut reader);
        assert_eq!(apply(layout.id()), Ok(Record::Keyframe));
        assert_eq!(apply(layout.id()), Ok(Record::Delta));
        assert_eq!(decoder, state);
        let wrong = decoder.apply(&stored, &mut Reader::new(&bytes));
        assert_eq!(wrong, Err(WireError::UnknownLayout));
    }

    #[test]
    fn hostile_records_are_refused() {
        let layout = layout(9);
        let apply = |bytes: &[u8]| State::default().apply(&layout, &mut Reader::new(bytes));
        assert_eq!(apply(&[2, 0, 0]), Err(WireError::NoKeyframe));
        assert_eq!(apply(&[9 << 1 | 1, 1, 0, 0]), Err(WireError::UnknownLayout));
        assert_eq!(
            apply(&[3 << 1 | 1, 0]),
            Err(WireError::OutOfRange("sequence"))
        );
        assert_eq!(apply(&[]), Err(WireError::Truncated));

        let mut state = State::default();
        state.start(&layout, 1, 0, &[0; 9]);
        let next = |bytes: &[u8]| state.clone().apply(&layout, &mut Reader::new(bytes));
        assert_eq!(
            next(&[0, 0, 0]),
            Err(WireError::OutOfRange("sequence step"))
        );
        // Nine series: the second group has one series only, bit 1 names a tenth.
        assert_eq!(
            next(&[2, 0, 0b10, 0b10, 2]),
            Err(WireError::OutOfRange("series number"))
        );
        // A third group does not exist.
        assert_eq!(
            next(&[2, 0, 0b100, 0b1, 2]),
            Err(WireError::OutOfRange("series number"))
        );
        assert_eq!(next(&[2, 0, 0b10, 0b1]), Err(WireError::Truncated));
        assert_eq!(next(&[2, 0, 0b11, 0b1]), Err(WireError::Truncated));
    }

    #[test]
    fn random_bytes_never_panic() {
        let layout = layout(77);
        let mut rng = Rng(42);
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..rng.next() % 64).map(|_| rng.next() as u8).collect();
            let mut state = State::default();
            state.start(&layout, 1, 0, &[5; 77]);
            let mut reader = Reader::new(&bytes);
            while !reader.is_empty() && state.apply(&layout, &mut reader).is_ok() {}
            let _ = Layout::decode(&bytes);
        }
    }
}
