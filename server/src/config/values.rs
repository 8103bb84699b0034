//! Values of flags: what each has to look like, and what is said when it does not.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::auth::strength;
use crate::error::{Error, Kind};
use crate::history;
use crate::secret::Secret;

/// Shortest STARDUST_SECRET, in characters.
pub const SECRET_CHARS_MIN: usize = 16;
/// Different characters that it has at the least: one again and again is no secret.
pub const SECRET_DIFFERENT_MIN: usize = 4;
/// Longest STARDUST_SECRET, in bytes.
pub const SECRET_BYTES_MAX: usize = 4096;

/// `--flag=value` apart; a flag that is not UTF-8 or no flag at all is refused.
pub fn split_flag(arg: &OsStr) -> Result<(String, Option<OsString>), Error> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let bytes = arg.as_bytes();
    let (name, value) = match bytes.iter().position(|&b| b == b'=') {
        Some(at) => (
            &bytes[..at],
            Some(OsString::from_vec(bytes[at + 1..].to_vec())),
        ),
        None => (bytes, None),
    };
    match std::str::from_utf8(name) {
        Ok(name) if name.starts_with('-') => Ok((name.to_owned(), value)),
        _ => Err(usage(
            format!("{arg:?} is not a flag."),
            "stardust-server --help lists all flags.",
        )),
    }
}

pub fn no_value(flag: &str, value: Option<OsString>) -> Result<(), Error> {
    match value {
        None => Ok(()),
        Some(_) => Err(usage(
            format!("{flag} takes no value."),
            &format!("Write {flag} alone."),
        )),
    }
}

pub fn number(flag: &str, text: &str, min: u64, max: u64, range: &str) -> Result<u64, Error> {
    // `parse` alone would take a leading plus sign.
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u64>() {
        Ok(number) if digits && (min..=max).contains(&number) => Ok(number),
        _ => Err(usage(
            format!("{flag} {text:?} is not a whole number in its range."),
            &format!("Use {range}."),
        )),
    }
}

/// A whole number with an optional letter for its unit.
fn with_unit(text: &str, units: &[(char, u64)], bare: u64) -> Option<u64> {
    let upper = text.to_ascii_uppercase();
    let (digits, unit) = match upper.chars().last() {
        Some(last) if last.is_ascii_alphabetic() => {
            let unit = units.iter().find(|(letter, _)| *letter == last)?.1;
            (&upper[..upper.len() - 1], unit)
        }
        _ => (upper.as_str(), bare),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

pub fn duration_ms(flag: &str, text: &str) -> Result<i64, Error> {
    const HOUR_MS: u64 = 3_600_000;
    const DAY_MS: u64 = 24 * HOUR_MS;
    let units = [
        ('H', HOUR_MS),
        ('D', DAY_MS),
        ('W', 7 * DAY_MS),
        ('Y', 365 * DAY_MS),
    ];
    with_unit(text, &units, DAY_MS)
        .filter(|ms| (HOUR_MS..=100 * 365 * DAY_MS).contains(ms))
        .and_then(|ms| i64::try_from(ms).ok())
        .ok_or_else(|| {
            usage(
                format!("{flag} {text:?} is not a time in its range."),
                "Use 1h to 100y: a whole number of days, or one with h, d, w or y after it.",
            )
        })
}

pub fn refresh_ms(flag: &str, text: &str) -> Result<i64, Error> {
    const MINUTE_MS: u64 = 60_000;
    let units = [
        ('M', MINUTE_MS),
        ('H', 60 * MINUTE_MS),
        ('D', 24 * 60 * MINUTE_MS),
        ('W', 7 * 24 * 60 * MINUTE_MS),
    ];
    with_unit(text, &units, MINUTE_MS)
        .filter(|ms| (MINUTE_MS..=52 * 7 * 24 * 60 * MINUTE_MS).contains(ms))
        .and_then(|ms| i64::try_from(ms).ok())
        .ok_or_else(|| {
            usage(
                format!("{flag} {text:?} is not a time in its range."),
                "Use 1m to 52w: a whole number of minutes, or one with m, h, d or w after it; \
                 or never.",
            )
        })
}

pub fn budget_bytes(flag: &str, text: &str) -> Result<u64, Error> {
    let units = [
        ('K', 1 << 10),
        ('M', 1 << 20),
        ('G', 1 << 30),
        ('T', 1 << 40),
    ];
    with_unit(text, &units, 1)
        .filter(|bytes| (history::BUDGET_BYTES_MIN..=1 << 60).contains(bytes))
        .ok_or_else(|| {
            usage(
                format!("{flag} {text:?} is not a size in its range."),
                "Use 32M or more: a whole number of bytes, or one with K, M, G or T after it.",
            )
        })
}

pub fn path(flag: &str, value: OsString) -> Result<PathBuf, Error> {
    use std::os::unix::ffi::OsStrExt;
    if value.is_empty() || value.as_bytes().contains(&0) {
        return Err(usage(
            format!("{flag} needs the name of a file or folder."),
            &format!("Write {flag} PATH."),
        ));
    }
    Ok(value.into())
}

pub fn checked_secret(name: &str, secret: Secret) -> Result<Secret, Error> {
    let text = secret.expose();
    let wrong = if text.chars().count() < SECRET_CHARS_MIN {
        format!("shorter than {SECRET_CHARS_MIN} characters")
    } else if text.len() > SECRET_BYTES_MAX {
        format!("longer than {SECRET_BYTES_MAX} bytes")
    } else if strength::different(text) < SECRET_DIFFERENT_MIN {
        format!("made of fewer than {SECRET_DIFFERENT_MIN} different characters")
    } else {
        return Ok(secret);
    };
    Err(Error::new(
        Kind::Config,
        format!("{name} is {wrong}."),
        "Make one with `openssl rand -hex 32`. A database that was made with such a secret gets \
         another one by `stardust-server rekey`.",
    ))
}

pub fn usage(message: String, hint: &str) -> Error {
    Error::new(Kind::Usage, message, hint)
}
