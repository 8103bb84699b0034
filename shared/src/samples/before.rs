//! The way back: what the values were before the last record.
//!
//! Who keeps the latest state of thousands of nodes need not keep the one before
//! as well, only the few bytes of the record that lies between.

use super::{State, residual, step};
use crate::layout::{FLAG_PART, FLAG_STEADY, FLAG_SUM};
use crate::varint::Reader;
use crate::{ABSENT, Layout};

impl State {
    /// Values before `record`, which was the last that was applied, divided by
    /// their scale. [`ABSENT`] where there was none, and where there is none any more.
    ///
    /// `None` for a keyframe, which does not say, and for what is no record.
    pub fn before(&self, layout: &Layout, record: &[u8]) -> Option<Vec<i64>> {
        let mut reader = Reader::new(record);
        if reader.varint().ok()? & 1 == 1 || self.scaled.len() != layout.len() {
            return None;
        }
        reader.signed().ok()?;
        let groups = layout.len().div_ceil(8);
        let top = reader.bytes(groups.div_ceil(8)).ok()?;
        let changed: usize = top.iter().map(|byte| byte.count_ones() as usize).sum();
        let mut group_bytes = reader.bytes(changed).ok()?.iter();

        let mut before = self.scaled.clone();
        let mut steps = self.steps.iter();
        // Change of the parts of the next sum.
        let mut parts = 0i64;
        let eights = layout.flags().chunks(8).zip(layout.moving());
        for (group, (values, (flags, moving))) in before.chunks_mut(8).zip(eights).enumerate() {
            let mut bits = 0;
            if top[group / 8] >> (group % 8) & 1 == 1 {
                bits = *group_bytes.next()?;
            }
            let mut changing = bits | moving;
            while changing != 0 {
                let bit = changing.trailing_zeros() as usize;
                changing &= changing - 1;
                let (value, &flags) = (values.get_mut(bit)?, flags.get(bit)?);
                let now = *value;
                let sent = if bits >> bit & 1 == 1 {
                    residual(&mut reader, flags).ok()?
                } else {
                    0
                };
                let mut change = sent;
                if flags & FLAG_SUM != 0 {
                    change = change.wrapping_add(std::mem::take(&mut parts));
                }
                if flags & FLAG_STEADY != 0 {
                    change = *steps.next()?;
                }
                // Of one that was absent nothing else was expected.
                let appeared = now.wrapping_sub(sent) == ABSENT;
                *value = if appeared || now == ABSENT {
                    ABSENT
                } else {
                    now.wrapping_sub(change)
                };
                if flags & FLAG_PART != 0 {
                    parts = parts.wrapping_add(step(*value, now));
                }
            }
        }
        // Those that this record was the first of counted from 0, which they never were.
        let from = before.len() - self.first as usize;
        before[from..].fill(ABSENT);
        Some(before)
    }
}
