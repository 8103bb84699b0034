//! How often a token may ask: so many requests a minute, told with each answer. Pure.

use std::collections::HashMap;

/// Requests of one token in a minute: ten a second.
pub const PER_MINUTE: u32 = 600;
const SPAN_MS: u64 = 60_000;

#[derive(Default)]
pub struct Rates(HashMap<i64, Window>);

#[derive(Clone, Copy)]
struct Window {
    since_ms: u64,
    used: u32,
}

/// What is left of a token's minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub remaining: u32,
    pub reset_s: u64,
    /// This one is over it.
    pub is_over: bool,
}

impl Rates {
    pub fn take(&mut self, token: i64, now_ms: u64) -> Left {
        let window = self.0.entry(token).or_insert(Window {
            since_ms: now_ms,
            used: 0,
        });
        if now_ms.saturating_sub(window.since_ms) >= SPAN_MS {
            *window = Window {
                since_ms: now_ms,
                used: 0,
            };
        }
        let is_over = window.used >= PER_MINUTE;
        window.used += u32::from(!is_over);
        Left {
            remaining: PER_MINUTE - window.used,
            reset_s: (window.since_ms + SPAN_MS)
                .saturating_sub(now_ms)
                .div_ceil(1_000),
            is_over,
        }
    }

    /// Tokens that are gone take no room.
    pub fn keep(&mut self, is_known: impl Fn(i64) -> bool) {
        self.0.retain(|token, _| is_known(*token));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_its_minute() {
        let mut rates = Rates::default();
        let first = rates.take(1, 5_000);
        assert_eq!(
            (first.remaining, first.reset_s, first.is_over),
            (PER_MINUTE - 1, 60, false)
        );
        for _ in 1..PER_MINUTE {
            assert!(!rates.take(1, 30_000).is_over);
        }
        let over = rates.take(1, 64_999);
        assert_eq!((over.remaining, over.reset_s, over.is_over), (0, 1, true));
        assert!(!rates.take(2, 64_999).is_over, "another token has its own");
        assert!(!rates.take(1, 65_000).is_over);
        rates.keep(|token| token == 2);
        assert_eq!(rates.0.len(), 1);
    }
}
