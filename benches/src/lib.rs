//! What the benches share: CPU time of this thread, what it read, and results
//! as text and JSON.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what can't be measured ends the measurement"
)]

pub mod floor;
pub mod history;
pub mod report;
pub mod telemetry;

use std::time::{SystemTime, UNIX_EPOCH};

pub use report::{RATIO, Report};

/// CPU time that this thread has used, in nanoseconds (CLOCK_THREAD_CPUTIME_ID).
pub fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec for the call to fill.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Time of day, in milliseconds since 1970.
pub fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as i64)
}

/// Mean CPU nanoseconds of `work` over `rounds`, after a tenth as many to warm up.
pub fn mean_ns(rounds: u32, mut work: impl FnMut()) -> f64 {
    for _ in 0..rounds / 10 {
        work();
    }
    let start = thread_cpu_ns();
    for _ in 0..rounds {
        work();
    }
    (thread_cpu_ns() - start) as f64 / f64::from(rounds)
}

/// Bytes that this process has handed to `write` and its kin so far.
pub fn bytes_written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("wchar:"));
    line.and_then(|value| value.trim().parse().ok())
        .unwrap_or(0)
}

/// Memory of this process.
pub fn resident_kb() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Bytes and calls of `read` and its kin, by this thread, as the kernel counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    pub bytes: u64,
    pub calls: u64,
}

impl Reads {
    /// So far. Asking is itself one call: see [`Reads::during`].
    fn so_far() -> Self {
        let text = std::fs::read_to_string("/proc/thread-self/io").unwrap_or_default();
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value
                .and_then(|value| value.trim().parse().ok())
                .unwrap_or(0)
        };
        Self {
            bytes: field("rchar:"),
            calls: field("syscr:"),
        }
    }

    /// What `work` reads, less what asking itself reads.
    pub fn during(work: impl FnOnce()) -> Self {
        let first = Self::so_far();
        let second = Self::so_far();
        work();
        let third = Self::so_far();
        let of = |a: u64, b: u64, c: u64| (c - b).saturating_sub(b - a);
        Self {
            bytes: of(first.bytes, second.bytes, third.bytes),
            calls: of(first.calls, second.calls, third.calls),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt as _;

    #[test]
    fn reads_are_counted_to_the_call() {
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        let mut buffer = [0; 10];
        let reads = Reads::during(|| {
            for _ in 0..7 {
                file.read_exact_at(&mut buffer, 0).unwrap();
            }
        });
        assert_eq!(reads.calls, 7);
        // The texts of the kernel's answers may differ by a digit.
        assert!((65..=75).contains(&reads.bytes), "{reads:?}");
    }
}
