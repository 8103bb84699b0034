//! Device cookies: a browser that has logged in before is known again, so that
//! a guesser elsewhere can't keep its owner out (OWASP, "device cookies").

use stardust_shared::base64;

use super::keys::{Key, mac};
use crate::secret::equal;

pub const COOKIE: &str = "stardust_device";
/// A year: browsers forget it later or sooner by themselves.
pub const MAX_AGE_S: u64 = 365 * 24 * 3600;
/// What the cookie's text starts with, in case that its form ever changes.
const FORM: &str = "1";

/// `1.number.signature`; the signature covers the user's name.
pub fn sign(key: &Key, user: &str, number: [u8; 16]) -> String {
    format!(
        "{FORM}.{}.{}",
        base64::URL.encode(&number),
        base64::URL.encode(&signature(key, user, &number))
    )
}

/// The number in the cookie, when it was made for `user`.
pub fn verify(key: &Key, user: &str, cookie: &str) -> Option<[u8; 16]> {
    let rest = cookie.strip_prefix(FORM)?.strip_prefix('.')?;
    let (number, found) = rest.split_once('.')?;
    let number: [u8; 16] = base64::URL.decode_array(number)?;
    let found: [u8; 32] = base64::URL.decode_array(found)?;
    equal(&signature(key, user, &number), &found).then_some(number)
}

fn signature(key: &Key, user: &str, number: &[u8; 16]) -> [u8; 32] {
    mac(key, &[number, user.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_for_one_user_and_one_key() {
        let key = Key::new([1; 32]);
        let cookie = sign(&key, "admin", [7; 16]);
        assert_eq!(verify(&key, "admin", &cookie), Some([7; 16]));
        assert_eq!(verify(&key, "other", &cookie), None);
        assert_eq!(verify(&Key::new([2; 32]), "admin", &cookie), None);
        for altered in [
            "",
            "1",
            "1.",
            "1..",
            "2",
            &cookie[1..],
            &cookie[..cookie.len() - 1],
        ] {
            assert_eq!(verify(&key, "admin", altered), None, "{altered}");
        }
        let moved = cookie.replacen('B', "C", 1);
        assert_ne!(moved, cookie);
        assert_eq!(verify(&key, "admin", &moved), None);
    }
}
