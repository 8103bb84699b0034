//! Until when a certificate is good: read from its DER, without the rest. Pure.

/// So long before its end a certificate is said to end.
pub const SOON_MS: i64 = 14 * DAY_MS;
const DAY_MS: i64 = 86_400_000;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// How a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Good,
    Soon,
    Expired,
}

impl State {
    pub fn at(not_after_ms: i64, now_ms: i64) -> Self {
        match not_after_ms - now_ms {
            left if left <= 0 => Self::Expired,
            left if left <= SOON_MS => Self::Soon,
            _ => Self::Good,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Soon => "ends_soon",
            Self::Expired => "expired",
        }
    }
}

/// What is to be said of it; `None` when all is well.
pub fn words(not_after_ms: i64, now_ms: i64) -> Option<String> {
    let days = (not_after_ms - now_ms).abs() / DAY_MS;
    let span = match days {
        0 => "less than a day".to_owned(),
        1 => "a day".to_owned(),
        days => format!("{days} days"),
    };
    match State::at(not_after_ms, now_ms) {
        State::Good => None,
        State::Soon => Some(format!(
            "the TLS certificate ends in {span}: renew it; the new one is taken by itself"
        )),
        State::Expired => Some(format!(
            "the TLS certificate has ended {span} ago: browsers and Spiders refuse it. Renew it; \
             the new one is taken by itself"
        )),
    }
}

/// The end of a certificate's validity, in Unix milliseconds (RFC 5280 section 4.1).
pub fn not_after_ms(certificate: &[u8]) -> Option<i64> {
    let (tag, certificate, _) = element(certificate)?;
    let (inner, signed, _) = element(certificate)?;
    if tag != SEQUENCE || inner != SEQUENCE {
        return None;
    }
    let mut rest = signed;
    // An optional version, then serial number, algorithm and issuer.
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (tag, validity, _) = element(rest)?;
    if tag != SEQUENCE {
        return None;
    }
    let (_, _, rest) = element(validity)?;
    let (tag, time, _) = element(rest)?;
    time_ms(tag, std::str::from_utf8(time).ok()?)
}

/// Tag, content and what follows of one element.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // A length of up to four bytes: a certificate is a few KiB.
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = length
                .iter()
                .fold(0usize, |sum, byte| sum.wrapping_shl(8) | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` (until 2049) or `YYYYMMDDHHMMSSZ`.
fn time_ms(tag: u8, text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, text.len()) {
        (UTC_TIME, 12) => {
            let year: i64 = text[..2].parse().ok()?;
            (
                if year < 50 { 2000 + year } else { 1900 + year },
                &text[2..],
            )
        }
        (GENERALIZED_TIME, 14) => (text[..4].parse().ok()?, &text[4..]),
        _ => return None,
    };
    let field = |at: usize| rest[at..at + 2].parse::<i64>().ok();
    let (month, day) = (field(0)?, field(2)?);
    let (hour, minute, second) = (field(4)?, field(6)?, field(8)?);
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !valid || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(seconds * 1_000)
}

/// Days since 1970-01-01 (Howard Hinnant, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_both_forms_are_read() {
        for (tag, text, seconds) in [
            (UTC_TIME, "700101000000Z", 0),
            (UTC_TIME, "261130235959Z", 1_796_083_199),
            (UTC_TIME, "491231235959Z", 2_524_607_999),
            (GENERALIZED_TIME, "20500101000000Z", 2_524_608_000),
            (GENERALIZED_TIME, "20240229120000Z", 1_709_208_000),
        ] {
            assert_eq!(time_ms(tag, text), Some(seconds * 1_000), "{text}");
        }
        for text in [
            "",
            "Z",
            "261330235959Z",
            "2611302359Z",
            "26113023595éZ",
            "261130235959",
        ] {
            assert_eq!(time_ms(UTC_TIME, text), None, "{text}");
        }
    }

    #[test]
    fn damaged_certificates_have_no_end() {
        // SEQUENCE { SEQUENCE { serial, algorithm, issuer, validity } }
        let validity = [
            &[0x30, 30, UTC_TIME, 13][..],
            b"260101000000Z",
            &[UTC_TIME, 13],
            b"270101000000Z",
        ]
        .concat();
        let signed = [&[2, 1, 1, 0x30, 0, 0x30, 0][..], &validity].concat();
        let inner = [&[0x30, signed.len() as u8][..], &signed].concat();
        let whole = [&[0x30, 0x81, inner.len() as u8][..], &inner].concat();
        assert_eq!(not_after_ms(&whole), Some(1_798_761_600_000));
        for length in 0..whole.len() {
            assert_eq!(not_after_ms(&whole[..length]), None, "{length}");
        }
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 0xff;
            let _ = not_after_ms(&other);
        }
        assert_eq!(not_after_ms(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn it_is_said_two_weeks_before() {
        let end = 100 * DAY_MS;
        assert_eq!(words(end, end - SOON_MS - 1), None);
        let soon = words(end, end - SOON_MS).unwrap();
        assert!(soon.contains("ends in 14 days"), "{soon}");
        let over = words(end, end + DAY_MS).unwrap();
        assert!(over.contains("ended a day ago"), "{over}");
        assert_eq!(State::at(end, end), State::Expired);
    }
}
