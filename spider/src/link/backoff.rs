//! When to try again. Pure: time and chance come from the caller.

use stardust_shared::limits::{BACKOFF_MS_MAX, BACKOFF_MS_MIN};

use super::fault::Pace;

/// A session that was welcomed and lived this long clears the failures before it.
pub const SOUND_SESSION_MS: i64 = 10_000;

/// Exponential backoff with full jitter: the delay is anywhere between 0 and a
/// ceiling that doubles from 1 s to 60 s, so a fleet whose server comes back
/// does not fall upon it at one moment.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Counts one failure and says for how long to wait.
    pub fn next_ms(&mut self, pace: Pace, random: u64) -> u64 {
        let ceiling = (BACKOFF_MS_MIN << self.failures.min(16)).min(BACKOFF_MS_MAX);
        self.failures = self.failures.saturating_add(1);
        match pace {
            Pace::Usual => 1 + random % ceiling,
            Pace::Slow => BACKOFF_MS_MAX / 2 + random % (BACKOFF_MS_MAX / 2 + 1),
            Pace::NotBefore(ms) => ms.min(BACKOFF_MS_MAX) + random % ceiling,
        }
    }

    /// A welcomed session ended after `lived_ms`.
    pub fn session_lived(&mut self, lived_ms: i64) {
        if lived_ms >= SOUND_SESSION_MS {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_double_from_one_second_to_a_minute() {
        let mut backoff = Backoff::default();
        // The largest and the smallest of what chance can give.
        let ceilings: Vec<u64> = (0..9)
            .map(|_| {
                let at = |random| backoff.clone().next_ms(Pace::Usual, random);
                assert_eq!(at(0), 1);
                let ceiling = (0..200_000).map(at).max().unwrap();
                backoff.next_ms(Pace::Usual, 0);
                ceiling
            })
            .collect();
        assert_eq!(
            ceilings,
            [
                1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000
            ]
        );
    }

    #[test]
    fn only_a_session_that_lived_starts_over() {
        let mut backoff = Backoff::default();
        for _ in 0..8 {
            backoff.next_ms(Pace::Usual, 0);
        }
        backoff.session_lived(SOUND_SESSION_MS - 1);
        assert_eq!(backoff.next_ms(Pace::Usual, 59_999), 60_000);
        backoff.session_lived(SOUND_SESSION_MS);
        assert_eq!(backoff.next_ms(Pace::Usual, 999), 1_000);
    }

    #[test]
    fn a_refused_token_and_a_full_server_wait_longer() {
        let mut backoff = Backoff::default();
        for random in [0, 1, 29_999, u64::MAX] {
            let ms = backoff.next_ms(Pace::Slow, random);
            assert!((30_000..=60_000).contains(&ms), "{ms}");
        }
        assert!(Backoff::default().next_ms(Pace::NotBefore(7_000), 0) >= 7_000);
        assert!(Backoff::default().next_ms(Pace::NotBefore(u64::MAX), u64::MAX) <= 61_000);
    }
}
