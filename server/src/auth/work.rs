//! Keeps password hashing from taking all of a small machine: few at a time, one of
//! them only for known devices, and a short queue for the rest.
//!
//! Who waits is let in by rank: an address that has never failed goes before those
//! that have. Of one rank each has its turn, and where too many wait, the one whose turn
//! comes last is sent away: so a guesser with many addresses does not keep the owner out.

use std::cmp::Reverse;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::throttle::{Rank, Turn};

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
    waiting: Vec<Waiter>,
    next: u64,
}

/// Smaller goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiter {
    rank: Reverse<Rank>,
    turn: Turn,
    number: u64,
}

impl Default for Work {
    fn default() -> Self {
        // One processor is left to everything else.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(processors.saturating_sub(1).clamp(1, STRANGERS_RUNNING_MAX))
    }
}

impl State {
    /// Lets it in, if there is a place and nobody goes before it.
    fn admit(&mut self, who: Waiter, strangers_max: usize) -> bool {
        let has_place = self.running <= strangers_max
            && (who.rank.0 == Rank::Device || self.strangers_running < strangers_max);
        if !has_place || self.waiting.iter().min() != Some(&who) {
            return false;
        }
        self.leave(who);
        self.running += 1;
        self.strangers_running += usize::from(who.rank.0 != Rank::Device);
        true
    }

    fn waits(&self, who: Waiter) -> bool {
        self.waiting.contains(&who)
    }

    fn leave(&mut self, who: Waiter) {
        self.waiting.retain(|other| *other != who);
    }

    /// Sends the last one of its rank away, where too many of them wait.
    fn thin_out(&mut self, rank: Rank) {
        let of_rank = self.waiting.iter().filter(|other| other.rank.0 == rank);
        if of_rank.clone().count() > WAITING_MAX[rank as usize]
            && let Some(last) = of_rank.max().copied()
        {
            self.leave(last);
        }
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
    pub fn enter(&self, rank: Rank, turn: Turn) -> Option<Place<'_>> {
        let deadline = Instant::now() + WAIT_MAX;
        let mut state = self.lock();
        state.next += 1;
        let who = Waiter {
            rank: Reverse(rank),
            turn,
            number: state.next,
        };
        state.waiting.push(who);
        let mut admitted = state.admit(who, self.strangers_max);
        if !admitted {
            state.thin_out(rank);
            // Whoever was sent away for it.
            self.freed.notify_all();
        }
        while !admitted && state.waits(who) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.leave(who);
                break;
            }
            state = self
                .freed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            admitted = state.admit(who, self.strangers_max);
        }
        drop(state);
        // Those behind it may go now.
        self.freed.notify_all();
        admitted.then(|| Place { work: self, rank })
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
        let stranger = work.enter(Rank::Stranger, Turn::default()).unwrap();
        let owner = work.enter(Rank::Device, Turn::default()).unwrap();
        let started = Instant::now();
        assert!(
            work.enter(Rank::Device, Turn::default()).is_none(),
            "two at a time"
        );
        assert!(started.elapsed() >= WAIT_MAX);
        drop(owner);
        assert!(
            work.enter(Rank::Fresh, Turn::default()).is_none(),
            "one stranger at a time"
        );
        assert!(work.enter(Rank::Device, Turn::default()).is_some());
        drop(stranger);
        assert!(work.enter(Rank::Stranger, Turn::default()).is_some());
    }

    fn until_waiting(work: &Work, rank: Rank, count: usize) {
        let waiting = || {
            let state = work.lock();
            let of_rank = state.waiting.iter().filter(|who| who.rank.0 == rank);
            of_rank.count()
        };
        while waiting() < count {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn who_waits_gets_the_freed_place_and_few_wait() {
        let work = Work::new(1);
        let most = WAITING_MAX[Rank::Stranger as usize];
        let first = work.enter(Rank::Stranger, Turn::default()).unwrap();
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..most)
                .map(|_| scope.spawn(|| work.enter(Rank::Stranger, Turn::default()).is_some()))
                .collect();
            until_waiting(&work, Rank::Stranger, most);
            let started = Instant::now();
            assert!(work.enter(Rank::Stranger, Turn::default()).is_none());
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
        let first = work.enter(Rank::Stranger, Turn::default()).unwrap();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let enter = |rank: Rank| {
                let (work, order) = (&work, &order);
                scope.spawn(move || {
                    let place = work.enter(rank, Turn::default()).unwrap();
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
    #[test]
    fn whose_turn_is_first_takes_the_place_of_whose_is_last() {
        let work = Work::new(1);
        let most = WAITING_MAX[Rank::Fresh as usize];
        let guessed = Turn::of(7);
        let first = work.enter(Rank::Fresh, Turn::default()).unwrap();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let enter = |turn: Turn| {
                let (work, order) = (&work, &order);
                scope.spawn(move || {
                    let place = work.enter(Rank::Fresh, turn);
                    if place.is_some() {
                        order.lock().unwrap().push(turn);
                    }
                    place.is_some()
                })
            };
            let guesses: Vec<_> = (0..most).map(|_| enter(guessed)).collect();
            until_waiting(&work, Rank::Fresh, most);
            // One like them, who has come later, waits for nothing.
            assert!(work.enter(Rank::Fresh, guessed).is_none());
            let owner = enter(Turn::default());
            // One of them goes for it.
            while guesses.iter().all(|guess| !guess.is_finished()) {
                std::thread::sleep(Duration::from_millis(1));
            }
            drop(first);
            assert!(owner.join().unwrap());
            let guesses = guesses.into_iter().map(|guess| guess.join().unwrap());
            assert_eq!(guesses.filter(|admitted| *admitted).count(), most - 1);
        });
        assert_eq!(order.lock().unwrap().first(), Some(&Turn::default()));
        assert_eq!(work.lock().running, 0);
    }
}
