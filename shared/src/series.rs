//! The telemetry model: a series has a key (name and labels), a unit and a kind.
//!
//! Keys are text, `name` or `name{label=value,label=value}`. In a label value
//! the characters `\ , { } =` are escaped with a backslash and control
//! characters are written `\xNN`, so every key reads back to the same parts.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::limits::{KEY_BYTES_MAX, LABEL_VALUE_BYTES_MAX};

/// How a series behaves over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A cumulative count since boot; rates are computed where they are read.
    Counter,
    /// A value of the moment.
    Gauge,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// Unit of the fixed-point values of a series.
///
/// Kept as its code on the wire, so that a unit of a newer Spider passes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unit(pub u8);

impl Unit {
    pub const COUNT: Self = Self(0);
    pub const BYTES: Self = Self(1);
    pub const MILLISECONDS: Self = Self(2);
    /// Thousandths of a dimensionless number (load averages).
    pub const MILLI: Self = Self(3);
    /// Thousandths of a degree Celsius.
    pub const MILLI_CELSIUS: Self = Self(4);

    pub fn name(self) -> &'static str {
        match self {
            Self::COUNT => "count",
            Self::BYTES => "bytes",
            Self::MILLISECONDS => "ms",
            Self::MILLI => "milli",
            Self::MILLI_CELSIUS => "celsius_milli",
            _ => "unknown",
        }
    }

    /// What a counter of this unit grows by in a second is told in.
    pub fn rate_name(self) -> &'static str {
        match self {
            Self::COUNT => "count/s",
            Self::BYTES => "bytes/s",
            // A thousand of them are one whole of it: a core that is busy all the time.
            Self::MILLISECONDS => "ms/s",
            Self::MILLI => "milli/s",
            Self::MILLI_CELSIUS => "celsius_milli/s",
            _ => "unknown/s",
        }
    }
}

/// One series as a layout announces it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SeriesDef {
    pub key: Box<str>,
    pub kind: Kind,
    pub unit: Unit,
    /// All values are multiples of this; on the wire they are divided by it.
    pub scale: u32,
    /// Grows steadily: the wire sends the change of the change.
    pub steady: bool,
    pub role: Role,
    /// Hardly ever falls below what is expected: residuals are sent without sign.
    pub rising: bool,
}

/// What the wire expects of a series from those before it in the layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    #[default]
    Alone,
    /// Its change is a part of that of the next sum.
    Part,
    /// Expected to change by as much as the parts since the sum before it.
    Sum,
}

/// What is known of a series by its name alone.
struct Known {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    scale: u32,
    steady: bool,
}

const fn known(name: &'static str, kind: Kind, unit: Unit, scale: u32) -> Known {
    Known {
        name,
        kind,
        unit,
        scale,
        steady: false,
    }
}

const fn steady(name: &'static str, unit: Unit, scale: u32) -> Known {
    Known {
        name,
        kind: Kind::Counter,
        unit,
        scale,
        steady: true,
    }
}

/// /proc/stat counts in USER_HZ ticks of 10 ms (man 5 proc).
const TICK_MS: u32 = 10;
/// /proc/diskstats counts in sectors of 512 bytes (Documentation/admin-guide/iostats.rst).
const SECTOR: u32 = 512;
/// /proc/meminfo shows kibibytes, and the kernel counts pages, which are never
/// smaller than this.
const PAGE: u32 = 4096;

use Kind::{Counter, Gauge};

/// The time of a machine is that of its cores, and what is available in a
/// filesystem changes with what is free.
fn role(name: &str, has_labels: bool) -> Role {
    match name {
        "cpu.user_ms" | "cpu.system_ms" if has_labels => Role::Part,
        "cpu.user_ms" | "cpu.system_ms" | "fs.available_bytes" => Role::Sum,
        "fs.free_bytes" => Role::Part,
        _ => Role::Alone,
    }
}

/// Every series of version 1. A new collector adds its names here.
const CATALOG: &[Known] = &[
    known("cpu.user_ms", Counter, Unit::MILLISECONDS, TICK_MS),
    known("cpu.nice_ms", Counter, Unit::MILLISECONDS, TICK_MS),
    known("cpu.system_ms", Counter, Unit::MILLISECONDS, TICK_MS),
    steady("cpu.idle_ms", Unit::MILLISECONDS, TICK_MS),
    known("cpu.iowait_ms", Counter, Unit::MILLISECONDS, TICK_MS),
    known("cpu.irq_ms", Counter, Unit::MILLISECONDS, TICK_MS),
    known("cpu.softirq_ms", Counter, Unit::MILLISECONDS, TICK_MS),
    known("cpu.steal_ms", Counter, Unit::MILLISECONDS, TICK_MS),
    known("mem.total_bytes", Gauge, Unit::BYTES, PAGE),
    known("mem.free_bytes", Gauge, Unit::BYTES, PAGE),
    known("mem.available_bytes", Gauge, Unit::BYTES, PAGE),
    known("mem.buffers_bytes", Gauge, Unit::BYTES, PAGE),
    known("mem.cached_bytes", Gauge, Unit::BYTES, PAGE),
    known("mem.active_bytes", Gauge, Unit::BYTES, PAGE),
    known("mem.inactive_bytes", Gauge, Unit::BYTES, PAGE),
    known("mem.zfs_arc_bytes", Gauge, Unit::BYTES, 1),
    known("swap.total_bytes", Gauge, Unit::BYTES, PAGE),
    known("swap.free_bytes", Gauge, Unit::BYTES, PAGE),
    known("load.1m_milli", Gauge, Unit::MILLI, 10),
    known("load.5m_milli", Gauge, Unit::MILLI, 10),
    known("load.15m_milli", Gauge, Unit::MILLI, 10),
    known("proc.running", Gauge, Unit::COUNT, 1),
    known("proc.total", Gauge, Unit::COUNT, 1),
    known("disk.reads", Counter, Unit::COUNT, 1),
    known("disk.writes", Counter, Unit::COUNT, 1),
    known("disk.read_bytes", Counter, Unit::BYTES, SECTOR),
    known("disk.written_bytes", Counter, Unit::BYTES, SECTOR),
    known("disk.io_ms", Counter, Unit::MILLISECONDS, 1),
    known("disk.in_flight", Gauge, Unit::COUNT, 1),
    known("fs.total_bytes", Gauge, Unit::BYTES, SECTOR),
    known("fs.free_bytes", Gauge, Unit::BYTES, SECTOR),
    known("fs.available_bytes", Gauge, Unit::BYTES, SECTOR),
    known("fs.files", Gauge, Unit::COUNT, 1),
    known("fs.files_free", Gauge, Unit::COUNT, 1),
    known("fs.readonly", Gauge, Unit::COUNT, 1),
    known("fs.device", Gauge, Unit::COUNT, 1),
    known("net.rx_bytes", Counter, Unit::BYTES, 1),
    known("net.tx_bytes", Counter, Unit::BYTES, 1),
    known("net.rx_packets", Counter, Unit::COUNT, 1),
    known("net.tx_packets", Counter, Unit::COUNT, 1),
    known("net.rx_errors", Counter, Unit::COUNT, 1),
    known("net.tx_errors", Counter, Unit::COUNT, 1),
    known("net.rx_dropped", Counter, Unit::COUNT, 1),
    known("net.tx_dropped", Counter, Unit::COUNT, 1),
    known("net.kind", Gauge, Unit::COUNT, 1),
    known("net.up", Gauge, Unit::COUNT, 1),
    known("net.speed_mbit", Gauge, Unit::COUNT, 1),
    known("temp.celsius_milli", Gauge, Unit::MILLI_CELSIUS, 1),
    known("temp.source", Gauge, Unit::COUNT, 1),
    known("tcp.connections", Gauge, Unit::COUNT, 1),
    // How old the split by state is: told in whole seconds, and grows evenly.
    Known {
        kind: Gauge,
        ..steady("tcp.split_age_ms", Unit::MILLISECONDS, 1000)
    },
    known("spider.left_out", Gauge, Unit::COUNT, 1),
    known("system.throttled", Gauge, Unit::COUNT, 1),
    steady("system.uptime_ms", Unit::MILLISECONDS, TICK_MS),
];

impl SeriesDef {
    /// The definition of `name` with `labels`, as version 1 knows it.
    ///
    /// A name that the catalogue does not hold is a plain gauge in `count`.
    pub fn new(name: &str, labels: &[(&str, &str)]) -> Self {
        let key = key(name, labels).into_boxed_str();
        match CATALOG.iter().find(|known| known.name == name) {
            Some(known) => {
                let role = role(name, !labels.is_empty());
                Self {
                    key,
                    kind: known.kind,
                    unit: known.unit,
                    scale: known.scale,
                    steady: known.steady,
                    role,
                    rising: known.kind == Kind::Counter && !known.steady && role != Role::Sum,
                }
            }
            None => Self {
                key,
                kind: Kind::Gauge,
                unit: Unit::COUNT,
                scale: 1,
                steady: false,
                role: Role::Alone,
                rising: false,
            },
        }
    }

    /// The part of the key before the labels.
    pub fn name(&self) -> &str {
        name_of(&self.key)
    }
}

/// The part of `key` before its labels.
pub fn name_of(key: &str) -> &str {
    key.split('{').next().unwrap_or(key)
}

/// Writes the key of `name` with `labels`, at most [`KEY_BYTES_MAX`] bytes.
///
/// Label values over [`LABEL_VALUE_BYTES_MAX`] bytes are cut and end in `…`;
/// labels that no longer fit are left out.
pub fn key(name: &str, labels: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(name.len() + 2 + labels.len() * 16);
    out.push_str(name);
    for (index, (label, value)) in labels.iter().enumerate() {
        let before = out.len();
        out.push(if index == 0 { '{' } else { ',' });
        out.push_str(label);
        out.push('=');
        let cut = cut_at(value, LABEL_VALUE_BYTES_MAX);
        for c in cut.chars() {
            match c {
                '\\' | ',' | '{' | '}' | '=' => {
                    out.push('\\');
                    out.push(c);
                }
                c if c.is_control() && (c as u32) < 0x100 => {
                    let _ = write!(out, "\\x{:02x}", c as u32);
                }
                c => out.push(c),
            }
        }
        if cut.len() < value.len() {
            out.push('…');
        }
        if out.len() >= KEY_BYTES_MAX {
            out.truncate(before);
            break;
        }
    }
    if out.contains('{') {
        out.push('}');
    }
    out
}

/// The longest prefix of `text` that is whole characters and at most `max` bytes.
pub fn cut_at(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// The value of `label` in `key`, with its escapes undone.
pub fn label<'a>(key: &'a str, label: &str) -> Option<Cow<'a, str>> {
    let open = key.find('{')?;
    let mut rest = key[open + 1..].strip_suffix('}')?;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let end = unescaped_comma(after).unwrap_or(after.len());
        if name == label {
            return Some(unescape(&after[..end]));
        }
        rest = after.get(end + 1..).unwrap_or("");
    }
    None
}

/// A key in three parts: up to its first label's value, that value as it is written,
/// and the rest. `None` without labels.
pub fn first_label(key: &str) -> Option<(&str, &str, &str)> {
    let open = key.find('{')?;
    let from = open + 1 + key[open + 1..].find('=')? + 1;
    let inside = key[from..].strip_suffix('}')?;
    let end = from + unescaped_comma(inside).unwrap_or(inside.len());
    Some((&key[..from], &key[from..end], &key[end..]))
}

fn unescaped_comma(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b',' => return Some(index),
            _ => {}
        }
    }
    None
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('x') => {
                let code = chars
                    .as_str()
                    .get(..2)
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok());
                if let Some(code) = code {
                    out.push(char::from(code));
                    chars.nth(1);
                }
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_the_protocol_says() {
        assert_eq!(key("cpu.user_ms", &[]), "cpu.user_ms");
        assert_eq!(key("cpu.user_ms", &[("core", "0")]), "cpu.user_ms{core=0}");
        assert_eq!(
            key("fs.free_bytes", &[("mount", "/"), ("type", "ext4")]),
            "fs.free_bytes{mount=/,type=ext4}"
        );
    }

    #[test]
    fn hostile_label_values_read_back() {
        for value in [
            "a,b",
            "x=y",
            "{}",
            "back\\slash",
            "new\nline",
            "\u{7f}",
            "é\t\"'<b>",
            "",
            "\\x41",
        ] {
            let key = key("fs.files", &[("mount", value), ("type", "ext4")]);
            assert_eq!(label(&key, "mount").as_deref(), Some(value), "{key}");
            assert_eq!(label(&key, "type").as_deref(), Some("ext4"), "{key}");
            assert_eq!(name_of(&key), "fs.files");
        }
        assert_eq!(label("cpu.user_ms", "core"), None);
        assert_eq!(label("a{b=c}", "d"), None);
    }

    #[test]
    fn the_first_label_of_a_key() {
        for (key, parts) in [
            ("a{b=c}", Some(("a{b=", "c", "}"))),
            ("a{b=c,d=e}", Some(("a{b=", "c", ",d=e}"))),
            ("a{b=c\\,d,e=f}", Some(("a{b=", "c\\,d", ",e=f}"))),
            ("a{b=}", Some(("a{b=", "", "}"))),
            ("a=b{c=d}", Some(("a=b{c=", "d", "}"))),
            ("a", None),
            ("a{b}", None),
            ("a{b=c", None),
            ("}={", None),
        ] {
            assert_eq!(first_label(key), parts, "{key}");
        }
    }

    #[test]
    fn keys_stay_within_their_limit() {
        let long = "é".repeat(500);
        let key = key(
            "fs.files",
            &[("mount", &long), ("type", &long), ("more", &long)],
        );
        assert!(key.len() <= KEY_BYTES_MAX, "{}", key.len());
        assert!(key.ends_with('}'));
        assert!(label(&key, "mount").unwrap().ends_with('…'));
    }

    #[test]
    fn the_catalogue_names_each_series_once() {
        for (index, known) in CATALOG.iter().enumerate() {
            assert!(
                !CATALOG[..index]
                    .iter()
                    .any(|other| other.name == known.name),
                "{}",
                known.name
            );
            assert!(known.scale >= 1 && known.scale <= crate::limits::SCALE_MAX);
        }
    }
}
