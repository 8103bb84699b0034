//! Log lines on stderr: time, level, words; or the same as JSON objects.
//!
//! Called from any thread. Callers never pass secrets, and texts of other
//! machines only after their control characters were dropped.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Plain,
    /// One object a line, for collectors of logs.
    Json,
}

static JSON: AtomicBool = AtomicBool::new(false);

/// Chosen once, before the first line.
pub fn set_format(format: Format) {
    JSON.store(format == Format::Json, Ordering::Relaxed);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Info,
    Warn,
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

pub fn info(text: &str) {
    write(Level::Info, &[], text);
}

pub fn warn(text: &str) {
    write(Level::Warn, &[], text);
}

pub fn error(text: &str) {
    write(Level::Error, &[], text);
}

/// A line with fields of its own. Plain lines leave them out: their words name
/// what matters.
pub fn write(level: Level, fields: &[(&str, Value)], text: &str) {
    let format = match JSON.load(Ordering::Relaxed) {
        true => Format::Json,
        false => Format::Plain,
    };
    let line = line(format, crate::clock::wall_ms(), level, fields, text);
    // One write a line, so that lines of different threads don't mix. There is
    // nobody to tell when stderr is gone.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

fn line(
    format: Format,
    time_ms: i64,
    level: Level,
    fields: &[(&str, Value)],
    text: &str,
) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let (time, level) = (timestamp(time_ms), level.name());
    if format == Format::Plain {
        return format!("{time} {level:5} {clean}\n");
    }
    let mut object = Map::new();
    object.insert("time".into(), time.into());
    object.insert("level".into(), level.into());
    object.insert("message".into(), clean.into());
    for (name, value) in fields {
        object.insert((*name).into(), value.clone());
    }
    format!("{}\n", Value::Object(object))
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
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(951_782_400_123), "2000-02-29T00:00:00.123Z");
        assert_eq!(timestamp(1_709_251_199_000), "2024-02-29T23:59:59.000Z");
        assert_eq!(timestamp(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn a_line_is_one_line_in_both_forms() {
        let text = "node 5 said \"a\nb\u{1b}[31m\"";
        let fields = [("node", Value::from(5))];
        let plain = line(Format::Plain, 0, Level::Warn, &fields, text);
        assert_eq!(
            plain,
            "1970-01-01T00:00:00.000Z warn  node 5 said \"a b [31m\"\n"
        );
        let json = line(Format::Json, 0, Level::Error, &fields, text);
        assert_eq!(json.matches('\n').count(), 1);
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["level"], "error");
        assert_eq!(json["node"], 5);
        assert_eq!(json["message"], "node 5 said \"a b [31m\"");
        assert_eq!(json["time"], "1970-01-01T00:00:00.000Z");
    }
}
