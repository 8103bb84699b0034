//! Earlier runs that are still to be delivered, oldest first, before our own.

use std::collections::VecDeque;

use stardust_shared::limits::TIME_MS_MIN;

use super::clocks::Clocks;
use super::ring::Ring;
use super::ring_format::{Part, SavedRun};

/// A run that the server refuses this often is given up: what it finds fault
/// with must not hold up all that comes after.
const REFUSALS_MAX: u32 = 3;

#[derive(Debug, Default)]
pub struct EarlierRuns {
    runs: VecDeque<Run>,
}

#[derive(Debug)]
struct Run {
    kept: SavedRun,
    /// Its boot is ours: its times are of the clock that still runs.
    same_boot: bool,
    refusals: u32,
}

impl EarlierRuns {
    /// Takes what a file held. Gives the shift that the last process of this very
    /// boot agreed on, and how many samples have no time and are left out.
    pub fn new(kept: Vec<SavedRun>, boot_id: &str, now: Clocks) -> (Self, Option<i64>, u64) {
        let (mut agreed_ms, mut left_out) = (None, 0);
        let mut runs = VecDeque::new();
        for kept in kept {
            let same_boot = !boot_id.is_empty()
                && kept.boot_id == boot_id
                && kept.ring.newest_boot_ms() <= now.boot_ms;
            if !same_boot && !kept.has_wall_time() {
                left_out += kept.ring.newest_seq() + 1 - kept.ring.oldest_seq();
                continue;
            }
            if same_boot && kept.agreed {
                agreed_ms = Some(kept.shift_ms);
            }
            runs.push_back(Run {
                kept,
                same_boot,
                refusals: 0,
            });
        }
        (Self { runs }, agreed_ms, left_out)
    }

    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// The run to deliver next.
    pub fn first(&self) -> Option<&SavedRun> {
        self.runs.front().map(|run| &run.kept)
    }

    pub fn first_ring(&mut self) -> Option<&mut Ring> {
        self.runs.front_mut().map(|run| &mut run.kept.ring)
    }

    pub fn remove_first(&mut self) {
        self.runs.pop_front();
    }

    /// The server refused the first run; its samples when that was once too often.
    pub fn refused(&mut self) -> Option<u64> {
        let run = self.runs.front_mut()?;
        run.refusals += 1;
        if run.refusals < REFUSALS_MAX {
            return None;
        }
        let lost = run.kept.ring.newest_seq() + 1 - run.kept.ring.oldest_seq();
        self.runs.pop_front();
        Some(lost)
    }

    /// The server has taken some of the first run: what it refused later is another
    /// matter, and may be a matter of time.
    pub fn progressed(&mut self) {
        if let Some(run) = self.runs.front_mut() {
            run.refusals = 0;
        }
    }

    pub fn waiting(&self) -> u64 {
        let held = |run: &Run| run.kept.ring.newest_seq() + 1 - run.kept.ring.oldest_seq();
        self.runs.iter().map(held).sum()
    }

    /// What makes wall time of the first run's times, when `shift_ms` does so for
    /// the clock of now and our own run began at `began_ms` of it.
    ///
    /// A run keeps the wall time that it had. But each ended before the next one
    /// began: one whose clock was ahead is moved back to where that holds. `None`:
    /// that is before the time that a server takes.
    pub fn first_shift_ms(&self, shift_ms: i64, began_ms: i64) -> Option<i64> {
        let mut limit_ms = shift_ms.saturating_add(began_ms);
        let mut first_ms = shift_ms;
        for run in self.runs.iter().rev() {
            first_ms = if run.same_boot {
                shift_ms
            } else {
                let ended_ms = run.kept.ring.newest_boot_ms();
                run.kept.shift_ms.min(limit_ms.saturating_sub(ended_ms))
            };
            limit_ms = first_ms.saturating_add(run.kept.began_ms);
        }
        let began_ms = self.runs.front().map_or(0, |run| run.kept.began_ms);
        (first_ms.saturating_add(began_ms) >= TIME_MS_MIN).then_some(first_ms)
    }

    /// For the file; `shift_ms` and `agreed` are those of the clock of now.
    pub fn parts(&self, shift_ms: i64, agreed: bool) -> impl Iterator<Item = Part<'_>> {
        self.runs.iter().map(move |run| {
            let (shift_ms, agreed) = if run.same_boot {
                (shift_ms, agreed)
            } else {
                (run.kept.shift_ms, run.kept.agreed)
            };
            Part {
                run: &run.kept.run,
                boot_id: &run.kept.boot_id,
                began_ms: run.kept.began_ms,
                shift_ms,
                agreed,
                ring: &run.kept.ring,
            }
        })
    }
}
