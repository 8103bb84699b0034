//! From the clock that samples are stamped with to wall time.

use stardust_shared::limits::{TIME_AHEAD_MS_MAX, TIME_MS_MIN};

use super::fault::Fault;

/// Clocks nearer than this to each other are taken for the same.
pub const SAME_CLOCK_MS: u64 = 1_000;
/// No server of today lives after the year 2200.
const TIME_MS_MAX: i64 = 7_258_118_400_000;

/// Both clocks of this machine at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// CLOCK_BOOTTIME: stamps samples, measures every delay of the link.
    pub boot_ms: i64,
    /// CLOCK_REALTIME: may be wrong, may step.
    pub wall_ms: i64,
}

/// What to add to boot time; agreed on at each welcome.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallShift {
    shift_ms: Option<i64>,
}

impl WallShift {
    /// Decides at a welcome.
    ///
    /// Our own clock counts while it agrees with the server's; a machine without
    /// a battery-backed clock that booted in 1970 takes the server's. The last
    /// session's answer stays while it is nearly right, so that the times of
    /// neighbouring samples don't jump from one session to the next.
    pub fn agree(&mut self, clocks: Clocks, server_ms: Option<i64>) -> Result<i64, Fault> {
        let wall_ms = match server_ms {
            Some(server_ms) if !(TIME_MS_MIN..TIME_MS_MAX).contains(&server_ms) => {
                return Err(unusable(
                    "the server's clock is wrong (before 2020 or after 2200); set the time on the server",
                ));
            }
            Some(server_ms) if server_ms.abs_diff(clocks.wall_ms) > SAME_CLOCK_MS => server_ms,
            Some(_) => clocks.wall_ms,
            None if clocks.wall_ms < TIME_MS_MIN => {
                return Err(unusable(
                    "this machine's clock is before 2020 and the server did not tell the time; set the time here",
                ));
            }
            None => clocks.wall_ms,
        };
        let estimate_ms = wall_ms.saturating_sub(clocks.boot_ms);
        let shift_ms = match self.shift_ms {
            Some(kept) if kept.abs_diff(estimate_ms) <= SAME_CLOCK_MS => kept,
            _ => estimate_ms,
        };
        self.shift_ms = Some(shift_ms);
        Ok(shift_ms)
    }
}

/// No session is possible until a person sets a clock. The server's log says so too.
fn unusable(words: &'static str) -> Fault {
    Fault {
        close_code: Some(1008),
        ..Fault::unknown(words).slow()
    }
}

const _: () = assert!(SAME_CLOCK_MS * 2 < TIME_AHEAD_MS_MAX as u64);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    fn clocks(boot_ms: i64, wall_ms: i64) -> Clocks {
        Clocks { boot_ms, wall_ms }
    }

    #[test]
    fn our_clock_counts_while_it_agrees() {
        let shift = WallShift::default().agree(clocks(500, NOW), Some(NOW + 1_000));
        assert_eq!(shift, Ok(NOW - 500));
        let shift = WallShift::default().agree(clocks(500, NOW), Some(NOW + 1_001));
        assert_eq!(shift, Ok(NOW + 1_001 - 500));
        let shift = WallShift::default().agree(clocks(500, NOW), None);
        assert_eq!(shift, Ok(NOW - 500));
    }

    #[test]
    fn a_machine_that_booted_in_1970_takes_the_servers_time() {
        let shift = WallShift::default().agree(clocks(9_000, 12_000), Some(NOW));
        assert_eq!(shift, Ok(NOW - 9_000));
        assert!(
            WallShift::default()
                .agree(clocks(9_000, 12_000), None)
                .is_err()
        );
    }

    #[test]
    fn times_do_not_jump_between_sessions() {
        let mut wall = WallShift::default();
        assert_eq!(wall.agree(clocks(0, NOW), Some(NOW)), Ok(NOW));
        // Slewed by half a second meanwhile: the old shift stays.
        assert_eq!(
            wall.agree(clocks(1_000, NOW + 1_500), Some(NOW + 1_500)),
            Ok(NOW)
        );
        // Stepped by an hour: it does not.
        let hour = 3_600_000;
        let stepped = wall.agree(clocks(2_000, NOW + hour), Some(NOW + hour));
        assert_eq!(stepped, Ok(NOW + hour - 2_000));
    }

    #[test]
    fn a_server_in_the_wrong_century_is_refused() {
        for server_ms in [i64::MIN, -1, 0, TIME_MS_MIN - 1, TIME_MS_MAX, i64::MAX] {
            let mut wall = WallShift::default();
            assert!(
                wall.agree(clocks(0, NOW), Some(server_ms)).is_err(),
                "{server_ms}"
            );
            assert!(wall.shift_ms.is_none());
        }
    }
}
