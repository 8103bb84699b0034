//! Reading what tools print: lines, columns, sizes. Pure; whatever comes, these
//! answer something or nothing, and never more than a bounded part of it.

use super::limits::{ENTRIES_MAX, FIELD_CHARS_MAX, LINE_BYTES_MAX};
use stardust_shell::fault::printable;

/// The lines of an output: `\r` ends one as `\n` does, colours are gone.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r'])
        .map(|line| clip(line, LINE_BYTES_MAX))
        .filter(|line| !line.trim().is_empty())
        .take(ENTRIES_MAX)
}

/// At most `max` bytes of the beginning, whole characters.
pub fn clip(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The last `max` bytes, whole characters.
pub fn clip_front(text: &str, max: usize) -> &str {
    let mut start = text.len().saturating_sub(max);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// A text of a node in a field of ours: printable and short.
pub fn field(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(FIELD_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A text that may be absent: empty, or the words tools use for nothing.
pub fn some(text: &str) -> Option<String> {
    let text = text.trim();
    let nothing = text.is_empty() || matches!(text, "None" | "(none)" | "N/A");
    (!nothing).then(|| field(text))
}

/// Takes out escape sequences (colours and cursor moves).
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('[') => {
                for c in chars.by_ref() {
                    if ('@'..='~').contains(&c) {
                        break;
                    }
                }
            }
            Some(']') => {
                for c in chars.by_ref() {
                    if c == '\u{7}' {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    out
}

/// `6.1 k`, `12 KiB`, `1,234 kB`, `0 B`: bytes. What stands for a thousand is
/// the tool's own matter: `decimal` for those that count in thousands.
pub fn size(text: &str, decimal: bool) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.replace(',', "").parse().ok()?;
    let unit = unit.trim();
    let thousand = if decimal && !unit.contains('i') {
        1000f64
    } else {
        1024f64
    };
    let power = match unit.chars().next().map(|c| c.to_ascii_lowercase()) {
        None | Some('b') => 0,
        Some('k') => 1,
        Some('m') => 2,
        Some('g') => 3,
        Some('t') => 4,
        _ => return None,
    };
    let bytes = number * thousand.powi(power);
    (0.0..1e18).contains(&bytes).then_some(bytes as u64)
}

/// A number at the start of a text.
pub fn number(text: &str) -> Option<u32> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

/// `key : value` or `key: value`, the key without the space around it.
pub fn pair(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    Some((key.trim(), value.trim()))
}

/// `name-version-release` in two: the version begins at the second dash from the end.
pub fn split_nvr(text: &str) -> Option<(&str, &str)> {
    let release = text.rfind('-')?;
    let version = text[..release].rfind('-')?;
    (version > 0).then(|| (&text[..version], &text[version + 1..]))
}

/// `(2/15)` or `[2/15]` at the start of a text, and what follows.
pub fn counted(text: &str) -> Option<(u32, u32, &str)> {
    let text = text.trim_start();
    let close = match text.as_bytes().first()? {
        b'(' => ')',
        b'[' => ']',
        _ => return None,
    };
    let (inside, rest) = text[1..].split_once(close)?;
    let (done, total) = inside.split_once('/')?;
    Some((
        done.trim().parse().ok()?,
        total.trim().parse().ok()?,
        rest.trim_start(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, decimal, wanted) in [
            ("6.1 k", false, Some(6246)),
            ("12 KiB", false, Some(12288)),
            ("1,234 kB", true, Some(1_234_000)),
            ("4096 GB", true, Some(4_096_000_000_000)),
            ("0 B", true, Some(0)),
            ("26", false, Some(26)),
            ("", false, None),
            ("x", false, None),
            ("1 q", false, None),
            ("99999999999999999999999999 T", false, None),
        ] {
            assert_eq!(size(text, decimal), wanted, "{text}");
        }
    }

    #[test]
    fn escapes_go_and_the_rest_stays() {
        assert_eq!(plain("\u{1b}[1;31mred\u{1b}[0m é"), "red é");
        assert_eq!(plain("a\u{1b}]0;title\u{7}b"), "ab");
        assert_eq!(plain("\u{1b}"), "");
        assert_eq!(plain("\u{1b}[12"), "");
    }

    #[test]
    fn small_things() {
        assert_eq!(counted("(1/2) Upgrading"), Some((1, 2, "Upgrading")));
        assert_eq!(counted("[ 3/4] Verify"), Some((3, 4, "Verify")));
        assert_eq!(counted("(x"), None);
        assert_eq!(split_nvr("g++-12-1.0~rc-r1"), Some(("g++-12", "1.0~rc-r1")));
        assert_eq!(split_nvr("-a-b"), None);
        assert_eq!(clip("aé", 2), "a");
        assert_eq!(clip_front("éa", 2), "a");
        assert_eq!(number("12 x"), Some(12));
        assert_eq!(number("x"), None);
    }
}
