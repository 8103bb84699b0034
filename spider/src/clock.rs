//! The two clocks, read without allocation.
//!
//! Samples are ordered by [`boot_ms`], which no one can set and which goes on
//! while the machine sleeps. [`wall_ms`] is only for showing.

use std::time::Duration;

/// Milliseconds since boot, time asleep included (CLOCK_BOOTTIME).
pub fn boot_ms() -> i64 {
    read_ms(libc::CLOCK_BOOTTIME)
}

/// Milliseconds since 1970 (CLOCK_REALTIME); may step at any time.
pub fn wall_ms() -> i64 {
    read_ms(libc::CLOCK_REALTIME)
}

/// CPU time that this thread has used, in nanoseconds.
pub fn thread_cpu_ns() -> i64 {
    let (seconds, nanos) = read(libc::CLOCK_THREAD_CPUTIME_ID);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// Sleeps for so long, or until a signal comes.
pub fn nap(duration: Duration) {
    // SAFETY: an all-zero timespec is a valid value of that plain struct.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    time.tv_sec = duration.as_secs() as _;
    time.tv_nsec = duration.subsec_nanos() as _;
    // SAFETY: `time` is a valid timespec, and nothing is asked about the rest.
    unsafe { libc::nanosleep(&time, std::ptr::null_mut()) };
}

fn read_ms(clock: libc::clockid_t) -> i64 {
    let (seconds, nanos) = read(clock);
    seconds
        .saturating_mul(1000)
        .saturating_add(nanos / 1_000_000)
}

/// Seconds and nanoseconds.
fn read(clock: libc::clockid_t) -> (i64, i64) {
    // SAFETY: an all-zero timespec is a valid value of that plain struct.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: `time` is a valid timespec for the kernel to write to; these clocks
    // exist on every kernel since 2.6.39, and on failure `time` stays zero.
    unsafe { libc::clock_gettime(clock, &mut time) };
    // time_t is 32 bits wide on some targets, so the cast is not always a no-op.
    #[allow(clippy::unnecessary_cast)]
    let parts = (time.tv_sec as i64, time.tv_nsec as i64);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_cpu_time_and_sleep_takes_none() {
        let start_ns = thread_cpu_ns();
        std::thread::sleep(std::time::Duration::from_millis(50));
        let slept_ns = thread_cpu_ns() - start_ns;
        assert!((0..20_000_000).contains(&slept_ns), "{slept_ns}");
        let mut work = 0u64;
        while thread_cpu_ns() - start_ns - slept_ns < 3_000_000 {
            work = std::hint::black_box(work + 1);
        }
        assert!(work > 10);
    }

    #[test]
    fn a_nap_is_as_long_as_it_was_to_be() {
        let start = std::time::Instant::now();
        nap(Duration::from_millis(30));
        nap(Duration::ZERO);
        assert!(start.elapsed() >= Duration::from_millis(30));
    }

    #[test]
    fn clocks_move_forward_and_are_in_milliseconds() {
        let (boot, wall) = (boot_ms(), wall_ms());
        std::thread::sleep(std::time::Duration::from_millis(20));
        let (boot_later, wall_later) = (boot_ms(), wall_ms());
        assert!((20..5_000).contains(&(boot_later - boot)));
        assert!((15..5_000).contains(&(wall_later - wall)));
        let std_ms = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_millis() as i64;
        assert!((std_ms - wall_later).abs() < 1_000);
    }
}
