//! How long somebody waits who may change their mind: until a job is cancelled.
//!
//! Whatever waits for a host looks here several times a second, so that a cancelled
//! job ends at once and not when the host's time is up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::fault::{Cause, Fault};

/// Between two looks.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Without a flag: as long as it takes.
#[derive(Clone, Debug, Default)]
pub struct Patience(Option<Arc<AtomicBool>>);

impl Patience {
    pub fn until(cancelled: Option<Arc<AtomicBool>>) -> Self {
        Self(cancelled)
    }

    /// Whether it can end at all.
    pub fn is_bounded(&self) -> bool {
        self.0.is_some()
    }

    pub fn is_over(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|cancelled| cancelled.load(Ordering::SeqCst))
    }

    /// How long may be waited at a time.
    pub fn slice(&self, time: Duration) -> Duration {
        match &self.0 {
            Some(_) => time.min(LOOK_INTERVAL),
            None => time,
        }
    }

    /// Waits by calling `wait` with a time, until it brings something. None: the
    /// deadline has come, or the patience is at its end.
    pub fn wait<T>(
        &self,
        deadline: Instant,
        mut wait: impl FnMut(Duration) -> Option<T>,
    ) -> Option<T> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let found = wait(self.slice(left));
            if found.is_some() || left.is_zero() || self.is_over() {
                return found;
            }
        }
    }

    pub fn sleep(&self, time: Duration) {
        let _: Option<()> = self.wait(Instant::now() + time, |time| {
            std::thread::sleep(time);
            None
        });
    }
}

/// What a step says that was cut off.
pub fn cancelled() -> Fault {
    Fault::new(
        Cause::Cancelled,
        "The job was cancelled.",
        "Nothing had been changed on the node.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_with_what_was_waited_for_with_the_time_or_with_the_patience() {
        let soon = || Instant::now() + Duration::from_millis(30);
        let mut calls = 0;
        let mut third = |_| {
            calls += 1;
            (calls == 3).then_some("it")
        };
        assert_eq!(
            Patience::default().wait(soon() + LOOK_INTERVAL, &mut third),
            Some("it")
        );
        let nothing = |time| {
            std::thread::sleep(time);
            None::<()>
        };
        assert_eq!(Patience::default().wait(soon(), nothing), None);
        let flag = Arc::new(AtomicBool::new(false));
        let patience = Patience::until(Some(Arc::clone(&flag)));
        assert_eq!(patience.slice(Duration::from_secs(9)), LOOK_INTERVAL);
        flag.store(true, Ordering::SeqCst);
        // An hour, were it not for the flag.
        patience.sleep(Duration::from_secs(3600));
        assert!(patience.is_over() && !Patience::default().is_over());
    }
}
