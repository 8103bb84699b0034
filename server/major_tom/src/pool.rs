//! How much is done at the same time: places for whole pieces of work, and
//! places for logins under way by host.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::fault::{Cause, Fault};
use super::limits::{HANDSHAKES_MAX, HANDSHAKES_PER_HOST_MAX};
use super::patience::{Patience, cancelled};

/// Bounds the threads that work on nodes.
pub struct Pool {
    places: usize,
    taken: Mutex<Taken>,
    freed: Condvar,
}

#[derive(Default)]
struct Taken {
    places: usize,
    /// Who waits holds a thread too, so there are no more of them than places.
    waiting: usize,
}

/// Leave to hold one SSH connection; free again when dropped.
pub struct Permit(Arc<Pool>);

impl Pool {
    pub fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            places,
            taken: Mutex::default(),
            freed: Condvar::new(),
        })
    }

    /// Waits its turn for a while. Busy when it does not come, or when as many wait
    /// already.
    pub fn enter(self: &Arc<Self>, time: Duration) -> Result<Permit, Fault> {
        let deadline = Instant::now() + time;
        let mut taken = self.lock();
        if taken.places >= self.places && taken.waiting < self.places {
            taken.waiting += 1;
            while taken.places >= self.places {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let woken = self.freed.wait_timeout(taken, left);
                taken = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
            taken.waiting -= 1;
        }
        if taken.places >= self.places {
            return Err(Fault::new(
                Cause::Busy,
                "As many nodes as allowed are being worked on.",
                "Try again when one is done; --ssh-threads sets how many there may be.",
            ));
        }
        taken.places += 1;
        Ok(Permit(Arc::clone(self)))
    }

    #[cfg(any(test, feature = "testing"))]
    pub fn waiting(&self) -> usize {
        self.lock().waiting
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.lock().places -= 1;
        self.0.freed.notify_one();
    }
}

/// Bounds connections that are not logged in yet, which servers count and cut.
#[derive(Default)]
pub struct Handshakes {
    under_way: Mutex<HashMap<String, usize>>,
    freed: Condvar,
}

/// A login under way; its place is free again when dropped.
pub struct Handshake {
    of: Arc<Handshakes>,
    host: String,
}

impl Handshakes {
    /// Waits for a place until the deadline.
    pub fn enter(
        self: &Arc<Self>,
        host: &str,
        deadline: Instant,
        patience: &Patience,
    ) -> Result<Handshake, Fault> {
        let mut under_way = self.lock();
        loop {
            let here = under_way.get(host).copied().unwrap_or(0);
            let all: usize = under_way.values().sum();
            if here < HANDSHAKES_PER_HOST_MAX && all < HANDSHAKES_MAX {
                under_way.insert(host.to_owned(), here + 1);
                return Ok(Handshake {
                    of: Arc::clone(self),
                    host: host.to_owned(),
                });
            }
            if patience.is_over() {
                return Err(cancelled());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Fault::new(
                    Cause::Busy,
                    "Too many logins are under way at this moment.",
                    "Try again in a few seconds.",
                ));
            }
            under_way = self
                .freed
                .wait_timeout(under_way, patience.slice(left))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        let mut under_way = self.of.lock();
        if let Some(here) = under_way.get_mut(&self.host) {
            *here -= 1;
            if *here == 0 {
                under_way.remove(&self.host);
            }
        }
        drop(under_way);
        self.of.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let pool = Pool::new(2);
        let now = Duration::ZERO;
        let first = pool.enter(now).unwrap();
        let _second = pool.enter(now).unwrap();
        assert_eq!(pool.enter(now).err().unwrap().cause, Cause::Busy);
        drop(first);
        assert!(pool.enter(now).is_ok());
    }

    #[test]
    fn a_place_is_waited_for_by_as_many_as_there_are_places() {
        let pool = Pool::new(1);
        let long = Duration::from_secs(60);
        let held = pool.enter(long).unwrap();
        let other = Arc::clone(&pool);
        let waits = std::thread::spawn(move || other.enter(long).is_ok());
        while pool.waiting() == 0 {
            std::thread::yield_now();
        }
        // One more does not wait at all.
        assert_eq!(pool.enter(long).err().unwrap().cause, Cause::Busy);
        drop(held);
        assert!(waits.join().unwrap());
        assert_eq!(pool.waiting(), 0);
    }

    #[test]
    fn logins_are_bounded_by_host_and_in_all() {
        let handshakes = Arc::new(Handshakes::default());
        let now = Instant::now();
        let patience = Patience::default();
        let held: Vec<_> = (0..HANDSHAKES_PER_HOST_MAX)
            .map(|_| handshakes.enter("a", now, &patience).unwrap())
            .collect();
        assert_eq!(
            handshakes.enter("a", now, &patience).err().unwrap().cause,
            Cause::Busy
        );
        let others: Vec<_> = (held.len()..HANDSHAKES_MAX)
            .map(|number| {
                handshakes
                    .enter(&format!("h{number}"), now, &patience)
                    .unwrap()
            })
            .collect();
        assert!(handshakes.enter("z", now, &patience).is_err());
        drop(others);
        drop(held);
        assert!(handshakes.lock().is_empty());
        assert!(handshakes.enter("a", now, &patience).is_ok());
    }
}
