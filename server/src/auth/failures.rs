//! Failed sign-ins, as the log and the events tell of them. Pure: time comes in, what is
//! to be said goes out.
//!
//! Whoever guesses makes a line each time, so lines are bounded in rate: what is over
//! that is counted, and the next line says how many.

use std::net::IpAddr;

use super::USER_CHARS_MAX;

/// In this time so many are told one by one.
const SPAN_MS: i64 = 60_000;
const LINES_MAX: u32 = 20;
const EVENTS_MAX: u32 = 10;

/// Bounded by two counts.
#[derive(Debug, Default)]
pub struct Failures {
    lines: Quota,
    events: Quota,
}

/// What is to be said of one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// With how many that were left out before it.
    pub line: Option<u64>,
    pub event: Option<u64>,
}

#[derive(Debug, Default)]
struct Quota {
    since_ms: i64,
    used: u32,
    left_out: u64,
}

impl Quota {
    fn take(&mut self, most: u32, now_ms: i64) -> Option<u64> {
        // Also when the clock was set back.
        if !(0..SPAN_MS).contains(&(now_ms - self.since_ms)) {
            self.since_ms = now_ms;
            self.used = 0;
        }
        if self.used >= most {
            self.left_out += 1;
            return None;
        }
        self.used += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

impl Failures {
    pub fn note(&mut self, now_ms: i64) -> Told {
        Told {
            line: self.lines.take(LINES_MAX, now_ms),
            event: self.events.take(EVENTS_MAX, now_ms),
        }
    }
}

/// A name as it was typed, in a line of ours: whoever typed it may be anybody.
pub fn shown_name(name: &str) -> String {
    shown(name, USER_CHARS_MAX)
}

/// Any text of whoever knocks.
pub fn shown(text: &str, chars_max: usize) -> String {
    let is_odd = |c: char| c.is_control() || is_invisible(c);
    let shown: String = text
        .chars()
        .take(chars_max)
        .map(|c| if is_odd(c) { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(chars_max).is_some() {
        return format!("{shown}…");
    }
    shown
}

/// Characters that change how others are shown, and are not seen themselves.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// Where a password was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    SignIn,
    /// The password was right, and the code of the second factor was not.
    Factor,
    /// Somebody who is signed in wants another password: the session may be stolen.
    Change,
}

/// The line of the log.
pub fn words(door: Door, user: &str, address: IpAddr, more: u64) -> String {
    let name = shown_name(user);
    let said = match door {
        Door::SignIn => format!("a sign-in as {name:?} from {address} failed"),
        Door::Factor => {
            format!("a sign-in as {name:?} from {address} failed: the code was wrong")
        }
        Door::Change => format!(
            "the password of {name:?} was to be changed from {address} with a wrong current one"
        ),
    };
    match more {
        0 => said,
        more => format!("{said}, and {more} more before it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_told_later() {
        let mut failures = Failures::default();
        let told: Vec<_> = (0..1_000).map(|n| failures.note(n)).collect();
        let lines = told.iter().filter(|told| told.line.is_some()).count();
        let events = told.iter().filter(|told| told.event.is_some()).count();
        assert_eq!((lines, events), (20, 10));
        let next = failures.note(SPAN_MS);
        assert_eq!((next.line, next.event), (Some(980), Some(990)));
        assert_eq!(failures.note(SPAN_MS + 1).line, Some(0));
        // A clock that was set back does not silence it.
        assert_eq!(failures.note(-1).line, Some(0));
    }

    #[test]
    fn a_name_stays_within_its_line() {
        let address = IpAddr::from([203, 0, 113, 9]);
        let said = words(Door::SignIn, "ad\nmin\u{1b}[2J\u{202e}", address, 0);
        assert_eq!(
            said,
            "a sign-in as \"ad\u{fffd}min\u{fffd}[2J\u{fffd}\" from 203.0.113.9 failed"
        );
        let long = shown_name(&"x".repeat(10_000));
        assert_eq!(long.chars().count(), USER_CHARS_MAX + 1);
        assert!(words(Door::SignIn, "a", address, 7).ends_with("and 7 more before it"));
        assert_eq!(
            words(Door::Change, "a\u{202e}", address, 2),
            "the password of \"a\u{fffd}\" was to be changed from 203.0.113.9 with a wrong \
             current one, and 2 more before it"
        );
    }
}
