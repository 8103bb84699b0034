//! The rows of a block on their way into buckets: cut where they go on from another
//! base, and by the bucket that each falls into. Pure.

use super::base::{Bases, Values};
use super::bucket::{BucketPosition, Column, Cuts, Stretch};
use std::ops::Range;

/// Serves all columns of a block; its memory is used again for the next one.
#[derive(Debug, Default)]
pub struct Cutting {
    cuts: Vec<Cuts>,
    /// The rows of each of them, and which base they go on from.
    parts: Vec<(Option<usize>, Range<usize>)>,
}

impl Cutting {
    /// `place` says of later times that they are in the same place or in a later one.
    pub fn cut(&mut self, times: &[i64], bases: &Bases, place: &dyn Fn(i64) -> BucketPosition) {
        self.parts.clear();
        self.parts.extend(bases.stretches(times.len()));
        if self.cuts.len() < self.parts.len() {
            self.cuts.resize_with(self.parts.len(), Cuts::default);
        }
        for (cuts, (_, rows)) in self.cuts.iter_mut().zip(&self.parts) {
            cuts.cut(&times[rows.clone()], place);
        }
    }

    /// All rows as one stretch after the other, which go on from nothing.
    pub fn whole(&mut self, times: &[i64], place: &dyn Fn(i64) -> BucketPosition) -> &[Stretch] {
        self.cut(times, &Bases::default(), place);
        self.cuts.first().map_or(&[], |cuts| &cuts.stretches)
    }

    /// Adds a column of the rows that were cut: it is at `at` in the bases, and its
    /// values are divided by `scale`.
    pub fn add(
        &mut self,
        times: &[i64],
        values: Values<'_>,
        bases: &Bases,
        (at, scale): (usize, u32),
        column: &mut Column,
    ) {
        for (cuts, (base, rows)) in self.cuts.iter_mut().zip(&self.parts) {
            let values = values.of(rows.clone());
            column.before = match base {
                Some(base) => {
                    let before = bases.of(*base, at, values);
                    before.map(|(time_ms, value)| (time_ms, value.saturating_mul(scale.into())))
                }
                // From what is next to it in time, if that is before it.
                None => {
                    let first_ms = times.get(rows.start);
                    column
                        .before
                        .filter(|before| first_ms.is_some_and(|first| before.0 < *first))
                }
            };
            column.add(cuts, &times[rows.clone()], &values, scale);
        }
    }
}
