//! What is missing between two samples of a node, and why. Pure.

use super::super::batch::Gap;
use stardust_model::gap::GapCause;

/// What a hello has told of the time before it.
#[derive(Debug)]
pub struct Opening {
    pub outage: GapCause,
    pub new_run: bool,
}

/// What is known of the samples before one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    /// Time of the last one of its own run.
    pub own_ms: Option<i64>,
    /// Of the other runs the last one before it, and whether that was of the same boot.
    pub other: Option<(i64, bool)>,
    /// There were other runs.
    pub others: bool,
}

/// A clock further ahead of the server's has jumped; up to this it just goes ahead.
const AHEAD_MS: i64 = 5 * 60_000;

/// So long nothing may come without anything being missing.
pub fn usual_ms(interval_ms: i64) -> i64 {
    interval_ms.saturating_mul(5) / 2
}

/// What is missing between the sample before and this one. No gap reaches past `now_ms`,
/// the server's: what is after it is a clock that is ahead, and others may follow there.
pub fn gap_before(
    opening: Option<Opening>,
    before: Before,
    time_ms: i64,
    lost: u64,
    interval_ms: i64,
    now_ms: i64,
) -> Option<Gap> {
    let other_ms = before.other.map(|(other_ms, _)| other_ms);
    let from_ms = match before.own_ms {
        Some(own_ms) if own_ms < time_ms => Some(own_ms).max(other_ms),
        // The clock went back: when the lost ones were taken, only their number tells.
        Some(_) if lost > 0 => Some(before_lost(time_ms, lost, interval_ms)).max(other_ms),
        None if other_ms.is_none() && before.others && lost > 0 => {
            Some(before_lost(time_ms, lost, interval_ms))
        }
        Some(_) => None,
        None => other_ms,
    }?;
    let mut to_ms = time_ms.min(now_ms);
    if time_ms.saturating_sub(now_ms) > AHEAD_MS && before.own_ms.is_some() {
        // Nobody slept: the clock jumped. What is missing is what was lost.
        let lost_ms = time_ms.saturating_sub(before_lost(time_ms, lost, interval_ms));
        to_ms = match lost {
            0 => from_ms,
            _ => to_ms.min(from_ms.saturating_add(lost_ms)),
        };
    }
    let silence_ms = to_ms.saturating_sub(from_ms);
    if silence_ms <= 0 {
        return None;
    }
    let gap = |cause| {
        Some(Gap {
            from_ms,
            to_ms,
            cause,
            lost,
        })
    };
    let same_boot = before.other.is_some_and(|(_, same_boot)| same_boot);
    let missed = silence_ms > usual_ms(interval_ms);
    match opening {
        Some(Opening { new_run: true, .. }) if !missed => None,
        // A new run that has lost its own first samples was cut off since it started.
        Some(Opening {
            new_run: true,
            outage,
        }) if lost > 0 => gap(outage),
        Some(Opening { new_run: true, .. }) if same_boot => gap(GapCause::SpiderRestarted),
        Some(Opening { new_run: true, .. }) => gap(GapCause::NodeOff),
        Some(Opening { outage, .. }) if lost > 0 => gap(outage),
        None if lost > 0 => gap(GapCause::LinkDown),
        // Nothing is missing in the count: the Spider itself took no samples.
        _ if missed && silence_ms > interval_ms.saturating_add(5_000) => gap(GapCause::Suspended),
        _ => None,
    }
}

/// When the last one was taken before so many that are lost.
fn before_lost(time_ms: i64, lost: u64, interval_ms: i64) -> i64 {
    let lost = i64::try_from(lost).unwrap_or(i64::MAX);
    let lost_ms = lost.saturating_add(1).saturating_mul(interval_ms);
    time_ms.saturating_sub(lost_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST_MS: i64 = 1_000_000;

    fn opening((outage, new_run): (GapCause, bool)) -> Opening {
        Opening { outage, new_run }
    }

    fn gap(
        of: Option<(GapCause, bool)>,
        silence_ms: i64,
        lost: u64,
        same_boot: bool,
    ) -> Option<GapCause> {
        let last = Some((LAST_MS, same_boot));
        let before = match of {
            Some((_, true)) => Before {
                own_ms: None,
                other: last.filter(|_| silence_ms > 0),
                others: true,
            },
            _ => Before {
                own_ms: Some(LAST_MS),
                ..Before::default()
            },
        };
        let time_ms = LAST_MS + silence_ms;
        let gap = gap_before(of.map(opening), before, time_ms, lost, 1_000, i64::MAX)?;
        assert_eq!((gap.from_ms, gap.to_ms), (LAST_MS, time_ms));
        Some(gap.cause)
    }

    #[test]
    fn every_kind_of_silence_has_its_cause() {
        let resumed = Some((GapCause::ServerDown, false));
        let new_run = Some((GapCause::LinkDown, true));
        assert_eq!(gap(resumed, 1_000, 0, true), None);
        assert_eq!(gap(resumed, 60_000, 59, true), Some(GapCause::ServerDown));
        assert_eq!(gap(new_run, 1_500, 0, true), None);
        assert_eq!(
            gap(new_run, 60_000, 0, true),
            Some(GapCause::SpiderRestarted)
        );
        assert_eq!(gap(new_run, 60_000, 0, false), Some(GapCause::NodeOff));
        assert_eq!(gap(new_run, 60_000, 5, false), Some(GapCause::LinkDown));
        assert_eq!(gap(None, 60_000, 0, true), Some(GapCause::Suspended));
        assert_eq!(gap(None, 3_000, 0, true), None);
        assert_eq!(gap(None, 3_000, 2, true), Some(GapCause::LinkDown));
        // The first sample ever, and one that is not newer.
        let first = gap_before(None, Before::default(), 5, 0, 1_000, i64::MAX);
        assert_eq!(first, None);
        assert_eq!(gap(None, 0, 0, true), None);
    }

    /// From, to and lost of the gap before a sample at `time_ms`.
    fn told(before: Before, time_ms: i64, lost: u64, now_ms: i64) -> Option<(i64, i64, u64)> {
        let opening = before.own_ms.is_none().then_some(Opening {
            outage: GapCause::LinkDown,
            new_run: true,
        });
        let gap = gap_before(opening, before, time_ms, lost, 1_000, now_ms)?;
        Some((gap.from_ms, gap.to_ms, gap.lost))
    }

    #[test]
    fn a_clock_that_jumps_makes_no_gap_and_hides_none() {
        let own = |own_ms| Before {
            own_ms: Some(own_ms),
            ..Before::default()
        };
        let hours = |hours: i64| LAST_MS + hours * 3_600_000;
        // 20 hours ahead: the server's clock knows better.
        let now_ms = LAST_MS + 1_000;
        assert_eq!(told(own(LAST_MS), hours(20), 0, now_ms), None);
        assert_eq!(told(own(LAST_MS), hours(20), 0, hours(10)), None);
        // What was lost at that moment lies before the server's now.
        let lost = told(own(LAST_MS), hours(20), 5, LAST_MS + 6_000);
        assert_eq!(lost, Some((LAST_MS, LAST_MS + 6_000, 5)));
        let lost = told(own(LAST_MS), hours(20), 5, hours(10));
        assert_eq!(lost, Some((LAST_MS, LAST_MS + 6_000, 5)));
        // Back again: nothing is missing, or as much as was lost.
        let back_ms = LAST_MS + 120_000;
        assert_eq!(told(own(hours(20)), back_ms, 0, back_ms), None);
        let lost = told(own(hours(20)), back_ms, 59, back_ms);
        assert_eq!(lost, Some((back_ms - 60_000, back_ms, 59)));
        let lost = told(own(hours(20)), back_ms, u64::MAX, back_ms).unwrap();
        assert_eq!((lost.1, lost.2), (back_ms, u64::MAX));
        // Not over what another run has there.
        let two = Before {
            other: Some((back_ms - 10_000, true)),
            others: true,
            ..own(hours(20))
        };
        let lost = told(two, back_ms, 59, back_ms);
        assert_eq!(lost, Some((back_ms - 10_000, back_ms, 59)));
        // A whole hour of sleep while the clock is a minute ahead.
        let slept = told(own(LAST_MS), hours(1), 0, hours(1) - 60_000);
        assert_eq!(slept, Some((LAST_MS, hours(1) - 60_000, 0)));
    }

    #[test]
    fn runs_beside_each_other_make_no_gaps() {
        let before = |own_ms, other_ms| Before {
            own_ms,
            other: Some((other_ms, false)),
            others: true,
        };
        let now_ms = LAST_MS + 600_000;
        // A second machine on the token has sent all the time.
        let both = before(Some(LAST_MS), LAST_MS + 599_000);
        assert_eq!(told(both, now_ms, 0, now_ms), None);
        // A new run after one whose clock was ahead, and nothing before it.
        let new = Before {
            own_ms: None,
            other: None,
            others: true,
        };
        assert_eq!(told(new, now_ms, 0, now_ms), None);
        assert_eq!(
            told(new, now_ms, 9, now_ms),
            Some((now_ms - 10_000, now_ms, 9))
        );
    }
}
