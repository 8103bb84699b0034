//! Keeps password hashing from taking all of a small machine: few at a time, one of
//! them only for known devices, and a short queue for the rest.
//!
//! Who waits is let in by rank: an address that has never failed goes before those
//! that have, so that a guesser with many of them does not keep the owner out.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::throttle::Rank;

/// Hashes of strangers under way at the same time, whatever their rank; known devices
/// have one place more.
const STRANGERS_RUNNING_MAX: usize = 4;
/// Who waits ties up a worker, so few may: those who have failed, those who have not,
/// and known devices.
const WAITING_MAX: [usize; RANKS] = [2, 4, 2];
const RANKS: usize = 3;
const WAIT_MAX: Duration = Duration::from_millis(1500);

pub struct Work {
    state: Mutex<State>,
    freed: Condvar,
    strangers_max: usize,
}

#[derive(Default)]
struct State {
    running: usize,
    strangers_running: usize,
    waiting: [usize; RANKS],
}

impl Default for Work {
    fn default() -> Self {
        // One processor is left to everything else.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(processors.saturating_sub(1).clamp(1, STRANGERS_RUNNING_MAX))
    }
}

impl State {
    fn admits(&self, rank: Rank, strangers_max: usize) -> bool {
        let has_place = self.running <= strangers_max
            && (rank == Rank::Device || self.strangers_running < strangers_max);
        // Who is of a higher rank goes first.
        has_place
            && self.waiting[rank as usize + 1..]
                .iter()
                .all(|waiting| *waiting == 0)
    }
}

/// A place; free again when dropped.
pub struct Place<'a> {
    work: &'a Work,
    rank: Rank,
}

impl Work {
    fn new(strangers_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            freed: Condvar::new(),
            strangers_max,
        }
    }

    /// Waits shortly for a place; None when there is none to be had.
    pub fn enter(&self, rank: Rank) -> Option<Place<'_>> {
        let mut state = self.lock();
        if !state.admits(rank, self.strangers_max) {
            if state.waiting[rank as usize] >= WAITING_MAX[rank as usize] {
                return None;
            }
            state.waiting[rank as usize] += 1;
            let deadline = Instant::now() + WAIT_MAX;
            let mut admitted = false;
            while !admitted {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                state = self
                    .freed
                    .wait_timeout(state, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
                admitted = state.admits(rank, self.strangers_max);
            }
            state.waiting[rank as usize] -= 1;
            if !admitted {
                drop(state);
                // Those behind it may go now.
                self.freed.notify_all();
                return None;
            }
        }
        state.running += 1;
        state.strangers_running += usize::from(rank != Rank::Device);
        drop(state);
        self.freed.notify_all();
        Some(Place { work: self, rank })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.work.lock();
        state.running -= 1;
        state.strangers_running -= usize::from(self.rank != Rank::Device);
        drop(state);
        self.work.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_leave_a_place_for_known_devices() {
        let work = Work::new(1);
        let stranger = work.enter(Rank::Stranger).unwrap();
        let owner = work.enter(Rank::Device).unwrap();
        let started = Instant::now();
        assert!(work.enter(Rank::Device).is_none(), "two at a time");
        assert!(started.elapsed() >= WAIT_MAX);
        drop(owner);
        assert!(work.enter(Rank::Fresh).is_none(), "one stranger at a time");
        assert!(work.enter(Rank::Device).is_some());
        drop(stranger);
        assert!(work.enter(Rank::Stranger).is_some());
    }

    fn until_waiting(work: &Work, rank: Rank, count: usize) {
        while work.lock().waiting[rank as usize] < count {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn who_waits_gets_the_freed_place_and_few_wait() {
        let work = Work::new(1);
        let most = WAITING_MAX[Rank::Stranger as usize];
        let first = work.enter(Rank::Stranger).unwrap();
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..most)
                .map(|_| scope.spawn(|| work.enter(Rank::Stranger).is_some()))
                .collect();
            until_waiting(&work, Rank::Stranger, most);
            let started = Instant::now();
            assert!(work.enter(Rank::Stranger).is_none());
            assert!(started.elapsed() < WAIT_MAX / 2, "refused at once");
            drop(first);
            for thread in waiting {
                assert!(thread.join().unwrap());
            }
        });
        assert_eq!(work.lock().running, 0);
    }

    #[test]
    fn who_has_not_failed_goes_before_those_who_have() {
        let work = Work::new(1);
        let first = work.enter(Rank::Stranger).unwrap();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let enter = |rank: Rank| {
                let (work, order) = (&work, &order);
                scope.spawn(move || {
                    let place = work.enter(rank).unwrap();
                    order.lock().unwrap().push(rank);
                    drop(place);
                });
            };
            enter(Rank::Stranger);
            until_waiting(&work, Rank::Stranger, 1);
            enter(Rank::Fresh);
            until_waiting(&work, Rank::Fresh, 1);
            drop(first);
        });
        assert_eq!(*order.lock().unwrap(), [Rank::Fresh, Rank::Stranger]);
    }
}
