//! Plain log lines on stderr: time, level, words.
//!
//! Callers never pass secrets, and texts of other machines only after their
//! control characters were dropped.

use std::io::Write as _;

pub fn info(text: &str) {
    line("info", text);
}

pub fn warn(text: &str) {
    line("warn", text);
}

pub fn error(text: &str) {
    line("error", text);
}

fn line(level: &str, text: &str) {
    // One write a line, so that lines of different threads don't mix. There is
    // nobody to tell when stderr is gone.
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = format!("{} {level:5} {clean}\n", timestamp(crate::clock::wall_ms()));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// RFC 3339 in UTC with milliseconds.
fn timestamp(time_ms: i64) -> String {
    let (days, ms) = (
        time_ms.div_euclid(86_400_000),
        time_ms.rem_euclid(86_400_000),
    );
    let (year, month, day) = stardust_shared::civil::date(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        ms / 3_600_000,
        ms / 60_000 % 60,
        ms / 1_000 % 60,
        ms % 1_000
    )
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    #[test]
    fn dates_are_right_around_leap_days() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(951_782_400_123), "2000-02-29T00:00:00.123Z");
        assert_eq!(timestamp(1_709_251_199_000), "2024-02-29T23:59:59.000Z");
        assert_eq!(timestamp(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }
}
