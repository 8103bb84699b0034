//! What counters of a node grew from one run of its Spider to the next. Pure, but for
//! reading and writing the table `progress`.
//!
//! Within a run samples are in the order of their sequence, whatever its clock did and
//! whenever they came. Runs are in the order of their first samples: a counter grows
//! from the last sample of one run to its first in the next, unless these overlap (two
//! machines were given one token) or the clock says that it was the other way round.
//!
//! What has come so far decides. Where a run is delivered after a later one, or one
//! turns out to overlap another, what was counted is set right by rows that say by how
//! much: [`corrections`].

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};
use stardust_shared::varint::{Reader, put, put_signed};

use stardust_shared::rates::increase;

/// Counters of a run that are remembered.
const COUNTERS_MAX: usize = 1 << 14;
/// Of those that its newest sample lacks, so many that went last: where containers come
/// and go there is no end of them.
const ABSENT_MAX: usize = 1 << 10;

/// A counter by its key, shorter. Never 0.
pub fn name_of(key: &str) -> u64 {
    let hash: [u8; 32] = Sha256::digest(key).into();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    u64::from_le_bytes([a, b, c, d, e, f, g, h]).max(1)
}

/// Time and value, in units, of a sample of each counter. Or, of a step, its length and
/// growth.
pub type Points = BTreeMap<u64, (i64, i64)>;

/// What of a run is in blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Its row in `progress`; 0 of one that is not there any more.
    pub id: i64,
    /// Of its first and of its last sample, when there was one.
    pub span_ms: Option<(i64, i64)>,
    /// Of each counter the first sample that has it,
    pub first: Points,
    /// the last one,
    pub last: Points,
    /// and how long it took from the run before to the first, and how much it grew.
    pub linked: Points,
    /// It was there before anybody noted all this: what its next sample goes on from is
    /// in the blocks of that time only.
    pub old: bool,
}

/// The runs of a node that are remembered.
#[derive(Clone, Debug, Default)]
pub struct Runs(Vec<Run>);

/// A step that is counted from now on, or no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    pub name: u64,
    pub time_ms: i64,
    pub steps: i64,
    pub grown: i64,
    pub elapsed_ms: i64,
}

impl Runs {
    /// Those of a node. With `wanted`, only these counters of them.
    pub fn load(
        connection: &Connection,
        node: i64,
        wanted: Option<&dyn Fn(u64) -> bool>,
    ) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare_cached(
            "SELECT id, first_ms, last_ms, first, last, linked FROM progress WHERE node = ?1",
        )?;
        let mut rows = statement.query([node])?;
        let mut runs = Vec::new();
        while let Some(row) = rows.next()? {
            let span: (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
            let points = |column: usize| -> rusqlite::Result<Points> {
                let bytes = row.get_ref(column)?.as_blob_or_null().ok().flatten();
                // Of damage the counters are forgotten: the next sample is their first.
                Ok(bytes
                    .and_then(|bytes| decode(bytes, wanted))
                    .unwrap_or_default())
            };
            runs.push(Run {
                id: row.get(0)?,
                span_ms: span.0.zip(span.1),
                first: points(3)?,
                last: points(4)?,
                linked: points(5)?,
                old: span.0.is_some() && row.get_ref(4)?.as_blob_or_null().ok().flatten().is_none(),
            });
        }
        let mut runs = Self(runs);
        runs.sort();
        Ok(runs)
    }

    /// In the order of their first samples.
    fn sort(&mut self) {
        self.0
            .sort_by_key(|run| (run.span_ms.map_or(i64::MAX, |span| span.0), run.id));
    }

    fn position(&mut self, id: i64) -> usize {
        if let Some(at) = self.0.iter().position(|run| run.id == id) {
            return at;
        }
        self.0.push(Run {
            id,
            ..Run::default()
        });
        self.0.len() - 1
    }

    pub fn get(&self, id: i64) -> Option<&Run> {
        self.0.iter().find(|run| run.id == id)
    }

    pub fn of(&mut self, id: i64) -> &mut Run {
        let at = self.position(id);
        &mut self.0[at]
    }

    /// The sample that the next one of a run goes on from: its own last one, or for its
    /// first (at `time_ms`) the last one of the runs before.
    pub fn before(&self, id: i64, name: u64, time_ms: i64) -> Option<(i64, i64)> {
        let at = self.0.iter().position(|run| run.id == id)?;
        let own = self.0[at].last.get(&name).copied();
        own.or_else(|| self.earlier_last(at, name, time_ms))
    }

    /// The last sample of a counter in the runs before that one.
    fn earlier_last(&self, at: usize, name: u64, time_ms: i64) -> Option<(i64, i64)> {
        let mut begin_ms = self.0[at].span_ms?.0;
        for earlier in self.0[..at].iter().rev() {
            let span = earlier.span_ms?;
            if span.1 >= begin_ms {
                return None;
            }
            begin_ms = span.0;
            if let Some(last) = earlier.last.get(&name) {
                return Some(*last).filter(|last| last.0 < time_ms);
            }
        }
        None
    }

    /// Notes that `run` had its first samples: what is linked to it depends on where it is.
    pub fn begin(&mut self, id: i64, time_ms: i64) {
        let run = self.of(id);
        if run.span_ms.is_none() {
            run.span_ms = Some((time_ms, time_ms));
            self.sort();
        }
    }

    /// The first sample of a counter in a run was counted as one that goes on from `before`.
    pub fn counted(&mut self, id: i64, name: u64, first: (i64, i64), before: Option<(i64, i64)>) {
        let run = self.of(id);
        let known = run.first.contains_key(&name) || run.last.contains_key(&name);
        if known || run.first.len() >= COUNTERS_MAX {
            return;
        }
        run.first.insert(name, first);
        if let Some(before) = before {
            run.linked.insert(name, step(before, first));
        }
    }

    /// The newest sample of a counter.
    pub fn ended(&mut self, id: i64, name: u64, last: (i64, i64)) {
        let run = self.of(id);
        if run.last.len() < COUNTERS_MAX || run.last.contains_key(&name) {
            run.last.insert(name, last);
        }
    }

    /// The newest sample of all.
    pub fn reached(&mut self, id: i64, time_ms: i64) {
        if let Some(span) = &mut self.of(id).span_ms {
            span.1 = time_ms;
        }
    }

    /// What was counted from run to run and is otherwise now, which is noted as counted.
    pub fn corrections(&mut self) -> Vec<Correction> {
        let mut corrections = Vec::new();
        // Of the oldest, what was before is not known any more.
        for at in 1..self.0.len() {
            let run = &self.0[at];
            if run.old {
                continue;
            }
            let mut changed = Vec::new();
            for (&name, &first) in &run.first {
                let now = self
                    .earlier_last(at, name, first.0)
                    .map(|before| step(before, first));
                let counted = run.linked.get(&name).copied();
                if now != counted {
                    let (now_ms, grown) = now.unwrap_or_default();
                    let (was_ms, was) = counted.unwrap_or_default();
                    corrections.push(Correction {
                        name,
                        time_ms: first.0,
                        steps: i64::from(now.is_some()) - i64::from(counted.is_some()),
                        grown: grown.wrapping_sub(was),
                        elapsed_ms: now_ms - was_ms,
                    });
                    changed.push((name, now));
                }
            }
            let run = &mut self.0[at];
            for (name, now) in changed {
                match now {
                    Some(now) => run.linked.insert(name, now),
                    None => run.linked.remove(&name),
                };
            }
        }
        corrections
    }

    /// Forgets counters that went long ago.
    fn forget_absent(&mut self) {
        for run in &mut self.0 {
            let end_ms = run.span_ms.map(|span| span.1);
            let absent = run.last.iter().filter(|(_, last)| Some(last.0) != end_ms);
            let mut absent: Vec<(i64, u64)> = absent.map(|(name, last)| (last.0, *name)).collect();
            let Some(over) = absent
                .len()
                .checked_sub(ABSENT_MAX)
                .filter(|over| *over > 0)
            else {
                continue;
            };
            absent.sort_unstable();
            for (_, name) in &absent[..over] {
                run.last.remove(name);
                run.first.remove(name);
                run.linked.remove(name);
            }
        }
    }

    /// Writes those that are otherwise than in `before`.
    pub fn save(&mut self, connection: &Connection, before: &Self) -> rusqlite::Result<()> {
        self.forget_absent();
        for run in &self.0 {
            let was = before.0.iter().find(|was| was.id == run.id);
            if was == Some(run) || run.id == 0 {
                continue;
            }
            let was = was.cloned().unwrap_or_default();
            let id = run.id;
            // Mostly it is only the last one that changes.
            if was.first == run.first && was.linked == run.linked && was.span_ms.is_some() {
                connection
                    .prepare_cached("UPDATE progress SET last_ms = ?2, last = ?3 WHERE id = ?1")?
                    .execute(params![
                        id,
                        run.span_ms.map(|span| span.1),
                        encode(&run.last)
                    ])?;
                continue;
            }
            connection
                .prepare_cached(
                    "UPDATE progress SET first_ms = ?2, last_ms = ?3, first = ?4, last = ?5,
                                         linked = ?6
                     WHERE id = ?1",
                )?
                .execute(params![
                    id,
                    run.span_ms.map(|span| span.0),
                    run.span_ms.map(|span| span.1),
                    encode(&run.first),
                    encode(&run.last),
                    encode(&run.linked)
                ])?;
        }
        Ok(())
    }
}

/// How long it took and how much it grew.
fn step(before: (i64, i64), now: (i64, i64)) -> (i64, i64) {
    (now.0 - before.0, increase(before.1, now.1))
}

/// How many; the newest time; then for each its name (8 bytes), how much older it is,
/// and the value.
fn encode(points: &Points) -> Vec<u8> {
    let newest = points.values().map(|point| point.0).max().unwrap_or(0);
    let mut out = Vec::with_capacity(points.len() * 14 + 12);
    put(&mut out, points.len() as u64);
    put_signed(&mut out, newest);
    for (name, (time, value)) in points {
        out.extend_from_slice(&name.to_le_bytes());
        put(&mut out, newest.wrapping_sub(*time) as u64);
        put_signed(&mut out, *value);
    }
    out
}

fn decode(bytes: &[u8], wanted: Option<&dyn Fn(u64) -> bool>) -> Option<Points> {
    let mut reader = Reader::new(bytes);
    let count = reader.varint().ok()?;
    let newest = reader.signed().ok()?;
    let mut points = Points::new();
    for _ in 0..count {
        let name: [u8; 8] = reader.bytes(8).ok()?.try_into().ok()?;
        let name = u64::from_le_bytes(name);
        let age = reader.varint().ok()?;
        let value = reader.signed().ok()?;
        if wanted.is_none_or(|wanted| wanted(name)) {
            points.insert(name, (newest.wrapping_sub(age as i64), value));
        }
    }
    Some(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of one counter, from its first sample to its last.
    fn add(runs: &mut Runs, id: i64, first: (i64, i64), last: (i64, i64)) -> Option<(i64, i64)> {
        runs.begin(id, first.0);
        let before = runs.before(id, 7, first.0);
        runs.counted(id, 7, first, before);
        runs.ended(id, 7, last);
        runs.reached(id, last.0);
        before
    }

    fn sum(corrections: &[Correction]) -> (i64, i64, i64) {
        corrections.iter().fold((0, 0, 0), |sum, one| {
            (sum.0 + one.steps, sum.1 + one.grown, sum.2 + one.elapsed_ms)
        })
    }

    #[test]
    fn a_run_goes_on_from_the_one_before_in_time_whichever_came_first() {
        let mut runs = Runs::default();
        assert_eq!(add(&mut runs, 1, (0, 10), (100, 50)), None);
        assert_eq!(add(&mut runs, 2, (300, 90), (400, 99)), Some((100, 50)));
        assert_eq!(runs.corrections(), []);
        // More of the first run: it grew until there already.
        add(&mut runs, 1, (150, 55), (200, 60));
        let (steps, grown, elapsed_ms) = sum(&runs.corrections());
        assert_eq!((steps, grown, elapsed_ms), (0, -10, -100));
        assert_eq!(runs.corrections(), []);
        // A run between both, after a boot.
        assert_eq!(add(&mut runs, 3, (250, 3), (260, 8)), Some((200, 60)));
        assert_eq!(
            sum(&runs.corrections()),
            (0, (90 - 8) - (90 - 60), 40 - 100)
        );
    }

    #[test]
    fn two_machines_with_one_token_are_not_one() {
        let mut runs = Runs::default();
        add(&mut runs, 1, (0, 10), (100, 50));
        assert_eq!(
            add(&mut runs, 2, (150, 7_000), (160, 7_010)),
            Some((100, 50))
        );
        assert_eq!(runs.corrections(), []);
        add(&mut runs, 1, (170, 60), (180, 70));
        assert_eq!(sum(&runs.corrections()), (-1, -6_950, -50));
        assert_eq!(runs.corrections(), []);
    }

    #[test]
    fn a_counter_that_the_run_between_lacks_goes_on_from_the_one_before_that() {
        let mut runs = Runs::default();
        add(&mut runs, 1, (0, 10), (100, 50));
        runs.begin(2, 200);
        runs.reached(2, 300);
        assert_eq!(add(&mut runs, 3, (400, 80), (500, 90)), Some((100, 50)));
        assert_eq!(runs.corrections(), []);
    }

    #[test]
    fn of_counters_that_come_and_go_the_last_ones_are_remembered() {
        let mut runs = Runs::default();
        runs.begin(1, 0);
        for n in 1..=5_000i64 {
            for name in [1, n as u64 + 100] {
                let before = runs.before(1, name, n);
                runs.counted(1, name, (n, n), before);
                runs.ended(1, name, (n, n));
            }
            runs.reached(1, n);
            runs.forget_absent();
        }
        let run = runs.get(1).unwrap();
        assert_eq!(run.last.len(), ABSENT_MAX + 2);
        assert_eq!(run.first.len(), ABSENT_MAX + 2);
        assert_eq!(run.first[&1], (1, 1));
        assert!(run.last.contains_key(&(5_100 - ABSENT_MAX as u64)));
    }

    #[test]
    fn points_come_back() {
        let points = Points::from([(1, (5, -9)), (u64::MAX, (9, i64::MAX)), (77, (-4, 0))]);
        assert_eq!(decode(&encode(&points), None), Some(points.clone()));
        let one = decode(&encode(&points), Some(&|name| name == 77)).unwrap();
        assert_eq!(one, Points::from([(77, (-4, 0))]));
        let bytes = encode(&points);
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end], None), None);
        }
        assert_ne!(name_of("a"), name_of("b"));
    }
}
