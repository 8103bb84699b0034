//! Keeps password hashing from taking all of a small machine: two at a time,
//! one of them only for known devices, and a short queue for the rest.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Hashes under way at the same time.
const RUNNING_MAX: usize = 2;
/// Of these, for browsers that were never seen: a flood leaves room for the owner.
const STRANGERS_RUNNING_MAX: usize = 1;
/// Who waits ties up a worker, so few may.
const WAITING_MAX: usize = 2;
const WAIT_MAX: Duration = Duration::from_millis(1500);

#[derive(Default)]
pub struct Work {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    running: usize,
    strangers_running: usize,
    waiting: usize,
}

impl State {
    fn admits(&self, known_device: bool) -> bool {
        self.running < RUNNING_MAX
            && (known_device || self.strangers_running < STRANGERS_RUNNING_MAX)
    }
}

/// A place; free again when dropped.
pub struct Place<'a> {
    work: &'a Work,
    known_device: bool,
}

impl Work {
    /// Waits shortly for a place; None when there is none to be had.
    pub fn enter(&self, known_device: bool) -> Option<Place<'_>> {
        let mut state = self.lock();
        if !state.admits(known_device) {
            if state.waiting >= WAITING_MAX {
                return None;
            }
            state.waiting += 1;
            let deadline = Instant::now() + WAIT_MAX;
            while !state.admits(known_device) {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                state = self
                    .freed
                    .wait_timeout(state, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
            state.waiting -= 1;
            if !state.admits(known_device) {
                return None;
            }
        }
        state.running += 1;
        state.strangers_running += usize::from(!known_device);
        Some(Place {
            work: self,
            known_device,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.work.lock();
        state.running -= 1;
        state.strangers_running -= usize::from(!self.known_device);
        drop(state);
        self.work.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_leave_a_place_for_known_devices() {
        let work = Work::default();
        let stranger = work.enter(false).unwrap();
        let owner = work.enter(true).unwrap();
        let started = Instant::now();
        assert!(work.enter(true).is_none(), "two at a time");
        assert!(started.elapsed() >= WAIT_MAX);
        drop(owner);
        assert!(work.enter(false).is_none(), "one stranger at a time");
        assert!(work.enter(true).is_some());
        drop(stranger);
        assert!(work.enter(false).is_some());
    }

    #[test]
    fn who_waits_gets_the_freed_place_and_few_wait() {
        let work = Work::default();
        let first = work.enter(false).unwrap();
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..WAITING_MAX)
                .map(|_| scope.spawn(|| work.enter(false).is_some()))
                .collect();
            while work.lock().waiting < WAITING_MAX {
                std::thread::sleep(Duration::from_millis(1));
            }
            let started = Instant::now();
            assert!(work.enter(false).is_none());
            assert!(started.elapsed() < WAIT_MAX / 2, "refused at once");
            drop(first);
            for thread in waiting {
                assert!(thread.join().unwrap());
            }
        });
        assert_eq!(work.lock().running, 0);
    }
}
