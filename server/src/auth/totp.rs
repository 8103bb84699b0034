//! Codes by time (TOTP, RFC 6238) as authenticator apps make them: SHA-1, six digits,
//! thirty seconds. Pure.

use ring::hmac;

use crate::http::encoded;

/// Seconds of one code.
pub const STEP_S: i64 = 30;
const DIGITS: u32 = 6;
/// Bytes of a secret: what RFC 4226, section 4 recommends.
pub const SECRET_BYTES: usize = 20;
/// Codes of so many steps before and after now are taken: clocks of phones are off.
const AROUND: i64 = 1;

/// The step whose code `text` is, near `now_ms`; none when it is none. All are compared,
/// whichever is right.
pub fn step_of(secret: &[u8], text: &str, now_ms: i64) -> Option<i64> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let now = now_ms.div_euclid(1000 * STEP_S);
    let mut found = None;
    for step in now - AROUND..=now + AROUND {
        let expected = code(secret, step, DIGITS);
        if crate::secret::equal(expected.as_bytes(), digits.as_bytes()) {
            found = Some(step);
        }
    }
    found
}

/// What an app shows in that step.
#[cfg(test)]
pub fn shown(secret: &[u8], step: i64) -> String {
    code(secret, step, DIGITS)
}

/// RFC 4226, section 5.3.
fn code(secret: &[u8], step: i64, digits: u32) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[tag.len() - 1] & 0x0f);
    let four = [tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]];
    let number = u32::from_be_bytes(four) % 10u32.pow(digits);
    format!("{number:0width$}", width = digits as usize)
}

/// RFC 4648, without padding: how apps take a secret that is typed.
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut out = String::new();
    let (mut held, mut bits) = (0u32, 0);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(ALPHABET[(held >> bits) as usize & 31]));
        }
    }
    if bits > 0 {
        out.push(char::from(ALPHABET[(held << (5 - bits)) as usize & 31]));
    }
    out
}

/// What a QR code of it says.
pub fn uri(secret: &[u8], user: &str, issuer: &str) -> String {
    let (user, issuer) = (encoded(user), encoded(issuer));
    format!(
        "otpauth://totp/{issuer}:{user}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_S}",
        base32(secret)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn the_vectors_of_rfc_6238() {
        for (time_s, expected) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code(SECRET, time_s / STEP_S, 8), expected, "{time_s}");
        }
    }

    #[test]
    fn the_vectors_of_rfc_4226() {
        let expected = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (step, expected) in (0..).zip(expected) {
            assert_eq!(code(SECRET, step, 6), expected);
        }
    }

    #[test]
    fn a_code_is_good_around_its_time() {
        let at = |s: i64| s * 1000;
        assert_eq!(step_of(SECRET, "287082", at(30)), Some(1));
        assert_eq!(step_of(SECRET, " 287 082", at(0)), Some(1));
        assert_eq!(step_of(SECRET, "287082", at(89)), Some(1));
        assert_eq!(step_of(SECRET, "287082", at(90)), None);
        for wrong in ["", "287083", "2870820", "28708", "abcdef"] {
            assert_eq!(step_of(SECRET, wrong, at(30)), None, "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_written_as_apps_read_it() {
        assert_eq!(
            base32(b"12345678901234567890"),
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
        assert_eq!(base32(b"fooba"), "MZXW6YTB");
        assert_eq!(base32(b"f"), "MY");
        let said = uri(SECRET, "major tom&x=1", "Stardust");
        assert!(
            said.starts_with("otpauth://totp/Stardust:major%20tom%26x%3D1?secret=GEZDG"),
            "{said}"
        );
    }
}
