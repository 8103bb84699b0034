//! The two clocks: wall time for storage and expiry, monotonic for everything else.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix milliseconds. 0 when the clock stands before 1970.
pub fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}
