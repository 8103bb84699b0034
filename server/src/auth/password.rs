//! Password hashes: bcrypt-pbkdf with a salt of their own, cost stored beside.
//!
//! Hashing takes about a tenth of a second by design: only API workers do it.

use crate::error::Error;
use crate::secret::{Secret, equal};

use stardust_shared::base64;

use super::keys::random;

/// Rounds for new hashes: about 100 ms on a small server.
pub const ROUNDS: u32 = 32;
/// A stored hash that asks for more is refused: it would stall a worker for minutes.
const ROUNDS_MAX: u32 = 4096;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
const SCHEME: &str = "bcrypt-pbkdf";

/// `$bcrypt-pbkdf$rounds$salt$hash`
pub fn hash(password: &Secret, rounds: u32) -> Result<String, Error> {
    let mut salt = [0u8; SALT_BYTES];
    random(&mut salt)?;
    let hash = stretch(password, &salt, rounds).ok_or_else(Error::internal)?;
    Ok(format!(
        "${SCHEME}${rounds}${}${}",
        base64::URL.encode(&salt),
        base64::URL.encode(&hash)
    ))
}

/// Whether `password` is the one that `stored` was made from.
pub fn verify(password: &Secret, stored: &str) -> bool {
    let Some((rounds, salt, expected)) = parse(stored) else {
        return false;
    };
    match stretch(password, &salt, rounds) {
        Some(found) => equal(&found, &expected),
        None => false,
    }
}

/// A hash that no password has, for doing the same work for unknown users.
pub fn nobody(rounds: u32) -> Result<String, Error> {
    let mut bytes = [0u8; SALT_BYTES + HASH_BYTES];
    random(&mut bytes)?;
    let (salt, hash) = bytes.split_at(SALT_BYTES);
    Ok(format!(
        "${SCHEME}${rounds}${}${}",
        base64::URL.encode(salt),
        base64::URL.encode(hash)
    ))
}

fn parse(stored: &str) -> Option<(u32, [u8; SALT_BYTES], [u8; HASH_BYTES])> {
    let mut parts = stored.strip_prefix('$')?.split('$');
    let (scheme, rounds, salt, hash) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let rounds: u32 = rounds.parse().ok()?;
    if scheme != SCHEME || parts.next().is_some() || !(1..=ROUNDS_MAX).contains(&rounds) {
        return None;
    }
    Some((
        rounds,
        base64::URL.decode_array(salt)?,
        base64::URL.decode_array(hash)?,
    ))
}

fn stretch(password: &Secret, salt: &[u8], rounds: u32) -> Option<[u8; HASH_BYTES]> {
    let mut out = [0u8; HASH_BYTES];
    // The function refuses an empty text; an empty password is wrong anyhow, but
    // must take as long as any other.
    let text = match password.expose() {
        "" => "\0",
        text => text,
    };
    bcrypt_pbkdf::bcrypt_pbkdf(text, salt, rounds, &mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.into())
    }

    #[test]
    fn right_and_wrong_passwords() {
        let stored = hash(&secret("ground control"), 2).unwrap();
        assert!(stored.starts_with("$bcrypt-pbkdf$2$"));
        assert!(verify(&secret("ground control"), &stored));
        for wrong in [
            "ground contro",
            "ground controll",
            "Ground control",
            "",
            "\0",
        ] {
            assert!(!verify(&secret(wrong), &stored), "{wrong:?}");
        }
        assert_ne!(
            stored,
            hash(&secret("ground control"), 2).unwrap(),
            "salted"
        );
        assert!(!verify(&secret(""), &nobody(2).unwrap()));
    }

    #[test]
    fn the_cost_is_read_from_the_hash() {
        let stored = hash(&secret("ground control"), 3).unwrap();
        assert!(verify(&secret("ground control"), &stored));
        assert!(!verify(
            &secret("ground control"),
            &stored.replace("$3$", "$2$")
        ));
    }

    #[test]
    fn damaged_hashes_match_nothing() {
        let stored = hash(&secret("ground control"), 2).unwrap();
        for damaged in [
            "",
            "$",
            "admin",
            "$bcrypt-pbkdf$2$$",
            &stored.replace("pbkdf", "other"),
            &stored.replace("$2$", "$0$"),
            &stored.replace("$2$", "$99999999$"),
            &format!("{stored}$"),
            &stored[..stored.len() - 1],
        ] {
            assert!(!verify(&secret("ground control"), damaged), "{damaged:?}");
        }
    }
}
