//! What samples are of a run, for those that come after them. Pure.

use stardust_shared::ABSENT;

use super::layouts::Stored;
use super::runs::Runs;
use stardust_blocks::base::{self, Base};
use stardust_blocks::columns::Columns;

/// A sample's value as columns have it.
pub fn scaled(point: (i64, i64), scale: u32) -> (i64, i64) {
    (point.0, point.1.div_euclid(i64::from(scale)))
}

pub fn note_last(runs: &mut Runs, run: i64, stored: &Stored, last: &(i64, Vec<i64>)) {
    let series = stored.layout.series().iter();
    for ((&name, &value), series) in stored.names.iter().zip(&last.1).zip(series) {
        if name != 0 {
            let value = value.saturating_mul(i64::from(series.scale));
            runs.ended(run, name, (last.0, value));
        }
    }
    runs.reached(run, last.0);
}

/// Notes what these samples of a run are. Answers from where they go on, where anybody
/// knows.
pub fn note_samples(runs: &mut Runs, run: i64, stored: &Stored, columns: &Columns) -> Option<Base> {
    let (&begin_ms, &end_ms) = columns.times.first().zip(columns.times.last())?;
    let unknown = run == 0 || runs.of(run).old;
    if run != 0 {
        runs.begin(run, begin_ms);
    }
    let mut base: Base = vec![None; columns.values.len()];
    let series = stored.names.iter().zip(stored.layout.series());
    for (at, (&name, series)) in series.enumerate().filter(|(_, (name, _))| **name != 0) {
        let values = &columns.values[at];
        let unscaled =
            |(time_ms, value): (i64, i64)| (time_ms, value.saturating_mul(i64::from(series.scale)));
        let first = values.iter().position(|value| *value != ABSENT);
        let first = first.map(|row| unscaled((columns.times[row], values[row])));
        // One that is not in these samples goes on from its own last one at the most.
        let before = runs.before(run, name, first.map_or(i64::MIN, |first| first.0));
        base[at] = before.map(|before| scaled(before, series.scale));
        if let Some(first) = first.filter(|_| !unknown) {
            runs.counted(run, name, first, before);
        }
        let last = base::last(&columns.times, values, 0, None);
        if let Some(last) = last.filter(|_| run != 0) {
            runs.ended(run, name, unscaled(last));
        }
    }
    if run != 0 {
        runs.reached(run, end_ms);
        runs.of(run).old = false;
    }
    (!unknown).then_some(base)
}
