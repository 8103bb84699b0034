//! The clocks: wall time for storage and expiry, monotonic (`Instant`) for everything
//! else, and the time since boot for what must also count while the machine sleeps.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix milliseconds. 0 when the clock stands before 1970.
pub fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}

/// Milliseconds since this machine has booted, its sleep included. Nobody sets this
/// clock, so what it says has passed has passed.
// The C types are of other sizes on 32-bit machines.
#[allow(clippy::useless_conversion)]
pub fn boot_ms() -> i64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a whole timespec, which is only written. Every Linux
    // since 2.6.39 has this clock; where a sandbox refuses it, zero stays.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    i64::from(time.tv_sec) * 1_000 + i64::from(time.tv_nsec) / 1_000_000
}

/// Which boot of this machine it is; empty where that can't be read.
pub fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}
