//! Log lines on stderr: time, level, words; or the same as JSON objects. Where stderr
//! is the journal of systemd, which has times of its own, a line begins with its priority
//! instead (sd-daemon(3)).
//!
//! Called from any thread. Callers never pass secrets, and texts of other
//! machines only after their control characters were dropped.

use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

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

static LEAST: AtomicU8 = AtomicU8::new(Level::Info as u8);

/// Lines below this level are left out; may change while the server runs.
pub fn set_level(level: Level) {
    LEAST.store(level as u8, Ordering::Relaxed);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Info,
    Warn,
    Error,
}

impl Level {
    /// As `--log-level` and its file have it.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Info, Self::Warn, Self::Error]
            .into_iter()
            .find(|level| level.name() == text.trim())
    }

    /// Of syslog.
    fn priority(self) -> u8 {
        match self {
            Self::Info => 6,
            Self::Warn => 4,
            Self::Error => 3,
        }
    }

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
    if (level as u8) < LEAST.load(Ordering::Relaxed) {
        return;
    }
    let format = match JSON.load(Ordering::Relaxed) {
        true => Format::Json,
        false => Format::Plain,
    };
    let now_ms = crate::clock::wall_ms();
    let line = line(format, is_journal(), now_ms, level, fields, text);
    // One write a line, so that lines of different threads don't mix. There is
    // nobody to tell when stderr is gone.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The last words of a program that ends, which are for people: in the journal with
/// their priority, line by line.
pub fn last_words(text: &str) {
    let prefix = if is_journal() { "<3>" } else { "" };
    for line in text.lines() {
        eprintln!("{prefix}{line}");
    }
}

/// Whether stderr goes to the journal: then this names its device and inode.
fn is_journal() -> bool {
    static IS: OnceLock<bool> = OnceLock::new();
    *IS.get_or_init(|| {
        // SAFETY: a stat is plain numbers, for all of which zero is one; the call gets
        // a pointer to a whole one, which it fills.
        let found = unsafe {
            let mut found: libc::stat = std::mem::zeroed();
            (libc::fstat(libc::STDERR_FILENO, &raw mut found) == 0).then_some(found)
        };
        let named = crate::environment::text("JOURNAL_STREAM");
        found
            .zip(named)
            .is_some_and(|(found, named)| named == format!("{}:{}", found.st_dev, found.st_ino))
    })
}

fn line(
    format: Format,
    is_journal: bool,
    time_ms: i64,
    level: Level,
    fields: &[(&str, Value)],
    text: &str,
) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let prefix = match is_journal {
        true => format!("<{}>", level.priority()),
        false => String::new(),
    };
    let (time, level) = (timestamp(time_ms), level.name());
    if format == Format::Plain && is_journal {
        return format!("{prefix}{clean}\n");
    }
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
    format!("{prefix}{}\n", Value::Object(object))
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
        let plain = line(Format::Plain, false, 0, Level::Warn, &fields, text);
        assert_eq!(
            plain,
            "1970-01-01T00:00:00.000Z warn  node 5 said \"a b [31m\"\n"
        );
        let json = line(Format::Json, false, 0, Level::Error, &fields, text);
        assert_eq!(json.matches('\n').count(), 1);
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["level"], "error");
        assert_eq!(json["node"], 5);
        assert_eq!(json["message"], "node 5 said \"a b [31m\"");
        assert_eq!(json["time"], "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn the_journal_gets_priorities_and_no_second_time() {
        let line = |format, level| line(format, true, 0, level, &[], "a\nb");
        assert_eq!(line(Format::Plain, Level::Error), "<3>a b\n");
        assert_eq!(line(Format::Plain, Level::Warn), "<4>a b\n");
        assert_eq!(line(Format::Plain, Level::Info), "<6>a b\n");
        assert!(line(Format::Json, Level::Warn).starts_with("<4>{"));
    }

    #[test]
    fn levels_have_one_spelling() {
        assert_eq!(Level::parse("warn\n"), Some(Level::Warn));
        assert_eq!(Level::parse("loud"), None);
        assert!(Level::Info < Level::Error);
    }
}
