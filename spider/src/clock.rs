//! The two clocks, read without allocation.
//!
//! Samples are ordered by [`boot_ms`], which no one can set and which goes on
//! while the machine sleeps. [`wall_ms`] is only for showing.

/// Milliseconds since boot, time asleep included (CLOCK_BOOTTIME).
pub fn boot_ms() -> i64 {
    read_ms(libc::CLOCK_BOOTTIME)
}

/// Milliseconds since 1970 (CLOCK_REALTIME); may step at any time.
pub fn wall_ms() -> i64 {
    read_ms(libc::CLOCK_REALTIME)
}

fn read_ms(clock: libc::clockid_t) -> i64 {
    // SAFETY: an all-zero timespec is a valid value of that plain struct.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: `time` is a valid timespec for the kernel to write to; both clocks
    // exist on every kernel since 2.6.39, and on failure `time` stays zero.
    unsafe { libc::clock_gettime(clock, &mut time) };
    // time_t is 32 bits wide on some targets, so the cast is not always a no-op.
    #[allow(clippy::unnecessary_cast)]
    let (seconds, nanos) = (time.tv_sec as i64, time.tv_nsec as i64);
    seconds
        .saturating_mul(1000)
        .saturating_add(nanos / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

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
