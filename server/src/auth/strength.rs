//! Which passwords are refused, and why. Pure.
//!
//! One set of rules for every way in: the API, `STARDUST_ADMIN_PASS` and
//! `reset-password`. They keep out what is tried first by those who guess, and
//! nothing else: no rule asks for capitals or digits.

use std::collections::HashSet;
use std::sync::OnceLock;

use super::{ADMIN_PASSWORD_DEFAULT, PASSWORD_BYTES_MAX};
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// Shortest new password, in characters.
pub const CHARS_MIN: usize = 10;
/// Fewer different characters than this are as good as one.
const DIFFERENT_MIN: usize = 4;
/// A text that is repeated to make a longer one is no better than itself.
const UNIT_CHARS_MAX: usize = 5;
/// What may stand around a common word without making it less common.
const AROUND_WORD_CHARS_MAX: usize = 6;
/// What must be there besides a name that everybody knows.
const BESIDES_NAME_CHARS_MIN: usize = 6;
/// So many characters of a password that is one sequence after another are one of these.
const CHARS_PER_RUN: usize = 4;
/// Rows of keyboards: neighbours are what a finger finds next.
const ROWS: [&str; 6] = [
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "azertyuiop",
];
/// Names that everybody knows who tries.
const KNOWN_NAMES: [&str; 2] = ["stardust", "admin"];

const COMMON: &str = include_str!("common.txt");

/// Whether `new` may become the password of `user`.
pub fn check(new: &Secret, user: &str) -> Result<(), Error> {
    match weakness(new.expose(), user) {
        None => Ok(()),
        Some(why) => Err(Error::new(
            Kind::WeakPassword,
            format!("The new password is {why}."),
            hint(),
        )),
    }
}

/// What to do instead.
pub fn hint() -> String {
    format!("Use at least {CHARS_MIN} characters; a few unusual words are good.")
}

/// Why it is too weak, without a word of it: goes on after "The password is".
pub fn weakness(text: &str, user: &str) -> Option<String> {
    if text.len() > PASSWORD_BYTES_MAX {
        return Some(format!("longer than {PASSWORD_BYTES_MAX} bytes"));
    }
    if text == ADMIN_PASSWORD_DEFAULT {
        return Some("the default password".into());
    }
    let lower = text.to_lowercase();
    let user = user.to_lowercase();
    if lower == user {
        return Some("the name of the user".into());
    }
    let chars: Vec<char> = lower.chars().collect();
    if chars.len() < CHARS_MIN {
        return Some(format!("shorter than {CHARS_MIN} characters"));
    }
    let different = different(&lower);
    if different < DIFFERENT_MIN {
        return Some(match different {
            1 => "one character again and again".into(),
            _ => format!("made of {different} different characters alone"),
        });
    }
    let unit = unit(&chars);
    if unit.len() < chars.len() && unit.len() <= UNIT_CHARS_MAX {
        return Some("the same few characters again and again".into());
    }
    if runs(&chars) * CHARS_PER_RUN <= chars.len() {
        return Some("a sequence that is easily guessed".into());
    }
    if is_common(&lower) || (unit.len() < chars.len() && is_common(&String::from_iter(unit))) {
        return Some("one of those that are tried first".into());
    }
    let is_mostly = |name: &str| {
        let rest = lower.replace(name, "");
        rest.len() < lower.len() && rest.chars().count() < BESIDES_NAME_CHARS_MIN
    };
    if user.chars().count() >= 3 && is_mostly(&user) {
        return Some("hardly more than the name of the user".into());
    }
    if KNOWN_NAMES.iter().any(|name| is_mostly(name)) {
        return Some("hardly more than a name that everybody knows".into());
    }
    None
}

/// How many different characters there are.
pub fn different(text: &str) -> usize {
    text.chars().collect::<HashSet<_>>().len()
}

/// The shortest text of which this is a repetition; itself when it is none.
fn unit(chars: &[char]) -> &[char] {
    (1..=chars.len() / 2)
        .find(|length| chars.iter().zip(&chars[*length..]).all(|(a, b)| a == b))
        .map_or(chars, |length| &chars[..length])
}

/// Stretches in which each character follows from the one before it.
fn runs(chars: &[char]) -> usize {
    1 + chars
        .windows(2)
        .filter(|pair| !follows(pair[0], pair[1]))
        .count()
}

fn follows(a: char, b: char) -> bool {
    let step = i64::from(u32::from(b)) - i64::from(u32::from(a));
    if step == 0 || (step.abs() == 1 && a.is_alphanumeric() && b.is_alphanumeric()) {
        return true;
    }
    ROWS.iter().any(|row| {
        let place = |c| row.find(c);
        matches!((place(a), place(b)), (Some(a), Some(b)) if a.abs_diff(b) == 1)
    })
}

/// Whether it is a common one, also with a few digits and signs around it, or with
/// digits and signs in the place of letters.
fn is_common(lower: &str) -> bool {
    let common = common();
    let known = |text: &str| {
        let word = text.trim_matches(|c: char| !c.is_alphabetic());
        let around = text.chars().count() - word.chars().count();
        common.contains(text) || (around <= AROUND_WORD_CHARS_MAX && common.contains(word))
    };
    let letters: String = lower.chars().map(as_letter).collect();
    // At the end digits are digits, further in front they stand for letters.
    let front = lower.trim_end_matches(|c: char| !c.is_alphabetic());
    let around = lower.chars().count() - front.chars().count();
    let front: String = front.chars().map(as_letter).collect();
    known(lower) || known(&letters) || (around <= AROUND_WORD_CHARS_MAX && known(&front))
}

fn as_letter(c: char) -> char {
    match c {
        '4' | '@' => 'a',
        '3' => 'e',
        '1' | '!' => 'i',
        '0' => 'o',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

fn common() -> &'static HashSet<&'static str> {
    static SET: OnceLock<HashSet<&str>> = OnceLock::new();
    SET.get_or_init(|| {
        let lines = COMMON.lines();
        lines.filter(|line| !line.starts_with('#')).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_first_is_refused_with_its_reason() {
        for (weak, why) in [
            ("", "shorter"),
            ("a", "shorter"),
            ("ninechars", "shorter"),
            ("admin", "default"),
            ("aaaaaaaaaa", "again and again"),
            ("AAAAAaaaaa", "again and again"),
            ("          ", "again and again"),
            ("aaaaaaaaab", "2 different"),
            ("1212121212", "2 different"),
            ("abcdabcdabcd", "again and again"),
            ("1234567890", "sequence"),
            ("0987654321", "sequence"),
            ("abcdefghijkl", "sequence"),
            ("qwertyuiop", "sequence"),
            ("12345qwert", "sequence"),
            ("Asdfghjkl1", "sequence"),
            ("password123", "tried first"),
            ("Password2024!", "tried first"),
            ("P@ssw0rd1234", "tried first"),
            ("passwordpassword", "tried first"),
            ("correcthorsebatterystaple", "tried first"),
            ("1q2w3e4r5t", "tried first"),
            ("Major-Tom-1", "the name of the user"),
            ("major-tom-12345", "hardly more than the name"),
            ("stardust-42", "tried first"),
            ("my-stardust1", "everybody knows"),
            (&"x".repeat(1_025), "longer"),
        ] {
            let found = weakness(weak, "major-tom-1");
            assert!(
                found.as_ref().is_some_and(|found| found.contains(why)),
                "{weak:?}: {found:?}, not {why:?}"
            );
        }
    }

    #[test]
    fn unusual_ones_are_good_whatever_they_are_made_of() {
        for good in [
            "ten-chars!",
            "commencing-countdown",
            "played guitar",
            "ｔｅｎ　ｗｉｄｅ　ｏｎｅｓ",
            "83519264073",
            "no more admin",
            "a long password",
            "the dragon sleeps at four",
            &"k7Gq-x".repeat(170),
        ] {
            assert_eq!(weakness(good, "admin"), None, "{good:?}");
        }
    }

    #[test]
    fn the_list_is_one_that_can_be_found_in() {
        let common = common();
        assert!(common.len() > 800, "{}", common.len());
        for word in common {
            let plain = word
                .chars()
                .all(|c| !c.is_whitespace() && !c.is_uppercase());
            assert!(plain && word.len() >= 4, "{word:?}");
        }
    }
}
