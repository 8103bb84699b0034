//! What the operator wants kept.

use super::tier::Tier;

const DAY_MS: i64 = 24 * 3_600_000;

/// Smallest budget: below it there is no room for a write-ahead log beside data.
pub const BUDGET_BYTES_MIN: u64 = 32 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long each tier is kept, in the order of [`Tier::ALL`].
    pub keep_ms: [i64; 3],
    /// Most bytes of the database, write-ahead log included; `None` is without limit.
    pub budget_bytes: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keep_ms: [7 * DAY_MS, 90 * DAY_MS, 5 * 365 * DAY_MS],
            budget_bytes: None,
        }
    }
}

impl Settings {
    pub fn keep_ms(&self, tier: Tier) -> i64 {
        self.keep_ms[usize::from(tier.number())]
    }
}

/// How the budget is divided: the database file, and the log beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    pub file_bytes: u64,
    pub log_bytes: u64,
    /// On top of the file's: to make hours and minutes of what is about to go.
    pub reserve_bytes: u64,
}

/// The index of the log (-shm) grows with the log: 32 KiB for 4 MB.
const SHM_SHARE: u64 = 64;

pub fn shares(budget_bytes: u64) -> Shares {
    let log_bytes = (budget_bytes / 4).clamp(8 << 20, 64 << 20);
    let shm_bytes = log_bytes / SHM_SHARE + (64 << 10);
    let reserve_bytes = budget_bytes / 16;
    Shares {
        file_bytes: budget_bytes.saturating_sub(log_bytes + shm_bytes + reserve_bytes),
        log_bytes,
        reserve_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_never_add_up_to_more_than_the_budget() {
        for budget in [BUDGET_BYTES_MIN, 100 << 20, 1 << 30, 1 << 40] {
            let shares = shares(budget);
            let shm = shares.log_bytes / 128 + (32 << 10);
            let sum = shares.file_bytes + shares.reserve_bytes + shares.log_bytes + shm;
            assert!(sum <= budget);
            assert!(shares.file_bytes >= budget / 2);
        }
    }
}
