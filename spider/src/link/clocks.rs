//! From the clock that samples are stamped with to wall time.

use stardust_shared::limits::{TIME_AHEAD_MS_MAX, TIME_MS_MIN};

use super::fault::Fault;

/// Clocks nearer than this to each other are taken for the same.
pub const SAME_CLOCK_MS: i64 = 1_000;
/// A clock that is further from what was told has been set.
const CLOCK_SET_MS: u64 = 60_000;
/// How long it is waited before it is told again.
const TOLD_AGAIN_MS: i64 = 600_000;
/// No server of today lives after the year 2200.
pub const TIME_MS_MAX: i64 = 7_258_118_400_000;

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
    /// What the last session agreed on.
    pub fn agreed_ms(&self) -> Option<i64> {
        self.shift_ms
    }

    /// Goes on with what an earlier process agreed on since the same boot.
    pub fn resume(&mut self, shift_ms: i64) {
        self.shift_ms.get_or_insert(shift_ms);
    }

    /// Decides at a welcome that came at `clocks` for a hello sent at `hello_ms`.
    ///
    /// The server read its clock somewhere in between, which leaves a range. The
    /// last session's answer stays while it is in it, so that the times of
    /// neighbouring samples don't jump from one session to the next. Then our own
    /// clock counts. A machine without a battery-backed clock that booted in 1970
    /// takes the server's.
    pub fn agree(
        &mut self,
        clocks: Clocks,
        hello_ms: i64,
        server_ms: Option<i64>,
    ) -> Result<i64, Fault> {
        let own_ms = clocks.wall_ms.saturating_sub(clocks.boot_ms);
        let shift_ms = match server_ms {
            Some(server_ms) if !(TIME_MS_MIN..TIME_MS_MAX).contains(&server_ms) => {
                return Err(unusable(
                    "the server's clock is wrong (before 2020 or after 2200); set the time on the server",
                ));
            }
            Some(server_ms) => {
                let least_ms = server_ms - clocks.boot_ms;
                let most_ms = server_ms - hello_ms;
                let fits = least_ms - SAME_CLOCK_MS..=most_ms + SAME_CLOCK_MS;
                match self.shift_ms {
                    Some(kept_ms) if fits.contains(&kept_ms) => kept_ms,
                    _ if fits.contains(&own_ms) => own_ms,
                    _ => least_ms + (most_ms - least_ms) / 2,
                }
            }
            None if clocks.wall_ms < TIME_MS_MIN => {
                return Err(unusable(
                    "this machine's clock is before 2020 and the server did not tell the time; set the time here",
                ));
            }
            None => match self.shift_ms {
                Some(kept_ms) if kept_ms.abs_diff(own_ms) <= SAME_CLOCK_MS as u64 => kept_ms,
                _ => own_ms,
            },
        };
        self.shift_ms = Some(shift_ms);
        Ok(shift_ms)
    }
}

/// This machine's clock as the hello has told it: the server asks the fleet's clocks
/// when its own has jumped, so what was told must be what is.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReportedClock {
    reported: Option<Clocks>,
}

impl ReportedClock {
    pub fn report(&mut self, clocks: Clocks) {
        self.reported = Some(clocks);
    }

    /// Whether the clock was set since then. One that is set all the time is told of
    /// now and then.
    pub fn was_set(&self, clocks: Clocks) -> bool {
        self.reported.is_some_and(|told| {
            let passed_ms = clocks.boot_ms.saturating_sub(told.boot_ms);
            let went_ms = clocks.wall_ms.saturating_sub(told.wall_ms);
            passed_ms >= TOLD_AGAIN_MS && went_ms.abs_diff(passed_ms) > CLOCK_SET_MS
        })
    }
}

/// No session is possible until a person sets a clock. The server's log says so too.
fn unusable(words: &'static str) -> Fault {
    Fault {
        close_code: Some(1008),
        ..Fault::unknown(words).slow()
    }
}

const _: () = assert!(SAME_CLOCK_MS < TIME_AHEAD_MS_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    fn clocks(boot_ms: i64, wall_ms: i64) -> Clocks {
        Clocks { boot_ms, wall_ms }
    }

    #[test]
    fn our_clock_counts_while_it_agrees() {
        let agree = |server_ms| WallShift::default().agree(clocks(500, NOW), 500, server_ms);
        assert_eq!(agree(Some(NOW + 1_000)), Ok(NOW - 500));
        assert_eq!(agree(Some(NOW - 1_000)), Ok(NOW - 500));
        assert_eq!(agree(Some(NOW + 1_001)), Ok(NOW + 1_001 - 500));
        assert_eq!(agree(None), Ok(NOW - 500));
    }

    #[test]
    fn a_machine_that_booted_in_1970_takes_the_servers_time() {
        let agree = |server_ms| WallShift::default().agree(clocks(9_000, 12_000), 8_600, server_ms);
        // Half of the way there and back was over when the server read its clock.
        assert_eq!(agree(Some(NOW)), Ok(NOW - 8_800));
        assert!(agree(None).is_err());
    }

    #[test]
    fn times_do_not_jump_between_sessions() {
        let mut wall = WallShift::default();
        let mut agree = |boot_ms, hello_ms, wall_ms, server_ms| {
            wall.agree(clocks(boot_ms, wall_ms), hello_ms, Some(server_ms))
        };
        assert_eq!(agree(0, 0, NOW, NOW), Ok(NOW));
        // Slewed by half a second meanwhile: the old shift stays.
        assert_eq!(agree(1_000, 1_000, NOW + 1_500, NOW + 1_500), Ok(NOW));
        // A slow answer, and a clock that was set wrong: it still stays.
        assert_eq!(agree(10_000, 2_000, 0, NOW + 2_500), Ok(NOW));
        // The server's clock has stepped by an hour: it does not.
        let hour = 3_600_000;
        let stepped = agree(20_000, 20_000, NOW + hour, NOW + hour);
        assert_eq!(stepped, Ok(NOW + hour - 20_000));
    }

    #[test]
    fn a_clock_that_was_set_is_told_again_after_a_while() {
        let mut told = ReportedClock::default();
        assert!(!told.was_set(clocks(0, NOW)));
        told.report(clocks(1_000, 5_000));
        let after = |ms: i64, set_ms: i64| told.was_set(clocks(1_000 + ms, 5_000 + ms + set_ms));
        // Slewed, asleep, set; and set too soon after the hello.
        assert!(!after(700_000, 60_000) && !after(700_000, -60_000));
        assert!(!after(90_000_000, 0));
        assert!(after(700_000, NOW) && after(700_000, -60_001));
        assert!(!after(599_999, NOW) && after(600_000, NOW));
        assert!(told.was_set(clocks(i64::MAX, i64::MIN)));
    }

    #[test]
    fn a_server_in_the_wrong_century_is_refused() {
        for server_ms in [i64::MIN, -1, 0, TIME_MS_MIN - 1, TIME_MS_MAX, i64::MAX] {
            let mut wall = WallShift::default();
            let answer = wall.agree(clocks(0, NOW), 0, Some(server_ms));
            assert!(answer.is_err(), "{server_ms}");
            assert!(wall.shift_ms.is_none());
        }
    }
}
