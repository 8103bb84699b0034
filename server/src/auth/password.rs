//! Password hashes: argon2id (RFC 9106) with a salt of their own, and the parameters
//! beside them. Hashes of before, by bcrypt-pbkdf, go on working until the next login
//! makes better ones of them.
//!
//! Hashing takes some tens of milliseconds by design: only API workers do it.

use argon2::{Algorithm, Argon2, Params, Version};
use stardust_shared::base64;
use zeroize::Zeroize as _;

use super::keys::random;
use super::lanes::Lanes;
use crate::error::Error;
use crate::secret::{Secret, equal};

/// What a hash costs to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub memory_kib: u32,
    pub passes: u32,
}

/// For new hashes: what OWASP asks for at least (19 MiB, two passes), which a router has.
pub const COST: Cost = Cost {
    memory_kib: 19 * 1024,
    passes: 2,
};
/// Tests have no time.
#[cfg(test)]
pub const CHEAP: Cost = Cost {
    memory_kib: 8,
    passes: 1,
};

/// A stored hash that asks for more is refused: it would stall a worker, or take all memory.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const PASSES_MAX: u32 = 16;
const ROUNDS_MAX: u32 = 4096;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
const SCHEME: &str = "argon2id";
/// 1.3, the only one of RFC 9106.
const VERSION: &str = "v=19";
const OLD_SCHEME: &str = "bcrypt-pbkdf";

/// What a stored hash says.
enum Stored {
    Argon2(Cost, [u8; SALT_BYTES], [u8; HASH_BYTES]),
    Old(u32, [u8; SALT_BYTES], [u8; HASH_BYTES]),
}

/// `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`
pub fn hash(password: &Secret, cost: Cost) -> Result<String, Error> {
    let mut salt = [0u8; SALT_BYTES];
    random(&mut salt)?;
    let mut hash = argon2id(password, &salt, cost).ok_or_else(Error::internal)?;
    let text = written(cost, &salt, &hash);
    hash.zeroize();
    Ok(text)
}

/// Whether `password` is the one that `stored` was made from.
pub fn verify(password: &Secret, stored: &str) -> bool {
    let (found, expected) = match parse(stored) {
        None => return false,
        Some(Stored::Argon2(cost, salt, hash)) => (argon2id(password, &salt, cost), hash),
        Some(Stored::Old(rounds, salt, hash)) => (bcrypt_pbkdf(password, &salt, rounds), hash),
    };
    found.is_some_and(|found| equal(&found, &expected))
}

/// Whether it is worth to make another hash of the same password.
pub fn is_weaker(stored: &str, than: Cost) -> bool {
    match parse(stored) {
        Some(Stored::Argon2(cost, ..)) => {
            cost.memory_kib < than.memory_kib || cost.passes < than.passes
        }
        Some(Stored::Old(..)) => true,
        None => false,
    }
}

/// A hash that no password has, for doing the same work for unknown users.
pub fn nobody(cost: Cost) -> Result<String, Error> {
    let mut bytes = [0u8; SALT_BYTES + HASH_BYTES];
    random(&mut bytes)?;
    let (salt, hash) = bytes.split_at(SALT_BYTES);
    Ok(written(cost, salt, hash))
}

fn written(cost: Cost, salt: &[u8], hash: &[u8]) -> String {
    format!(
        "${SCHEME}${VERSION}$m={},t={},p=1${}${}",
        cost.memory_kib,
        cost.passes,
        base64::URL.encode(salt),
        base64::URL.encode(hash)
    )
}

fn parse(stored: &str) -> Option<Stored> {
    let mut parts = stored.strip_prefix('$')?.split('$');
    let scheme = parts.next()?;
    if scheme == SCHEME {
        let (version, cost) = (parts.next()?, parts.next()?);
        let (salt, hash) = ends(parts)?;
        let cost = parse_cost(cost).filter(|_| version == VERSION)?;
        return Some(Stored::Argon2(cost, salt, hash));
    }
    let rounds: u32 = parts.next()?.parse().ok()?;
    let (salt, hash) = ends(parts)?;
    let is_good = scheme == OLD_SCHEME && (1..=ROUNDS_MAX).contains(&rounds);
    is_good.then_some(Stored::Old(rounds, salt, hash))
}

fn parse_cost(text: &str) -> Option<Cost> {
    let rest = text.strip_prefix("m=")?.strip_suffix(",p=1")?;
    let (memory, passes) = rest.split_once(",t=")?;
    let cost = Cost {
        memory_kib: memory.parse().ok()?,
        passes: passes.parse().ok()?,
    };
    let is_good =
        (8..=MEMORY_KIB_MAX).contains(&cost.memory_kib) && (1..=PASSES_MAX).contains(&cost.passes);
    is_good.then_some(cost)
}

fn ends<'a>(
    mut parts: impl Iterator<Item = &'a str>,
) -> Option<([u8; SALT_BYTES], [u8; HASH_BYTES])> {
    let (salt, hash) = (parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some((
        base64::URL.decode_array(salt)?,
        base64::URL.decode_array(hash)?,
    ))
}

fn argon2id(password: &Secret, salt: &[u8], cost: Cost) -> Option<[u8; HASH_BYTES]> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(HASH_BYTES)).ok()?;
    let mut lanes = Lanes::new(params.block_count())?;
    let mut out = [0u8; HASH_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(
            password.expose().as_bytes(),
            salt,
            &mut out,
            lanes.blocks(),
        )
        .ok()?;
    Some(out)
}

fn bcrypt_pbkdf(password: &Secret, salt: &[u8], rounds: u32) -> Option<[u8; HASH_BYTES]> {
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
        let stored = hash(&secret("ground control"), CHEAP).unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"),
            "{stored}"
        );
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
            hash(&secret("ground control"), CHEAP).unwrap(),
            "salted"
        );
        assert!(!verify(&secret(""), &nobody(CHEAP).unwrap()));
    }

    /// RFC 9106 leaves out how texts are written; this one is of the reference program:
    /// `echo -n password | argon2 somesalt-16bytes -id -t 2 -k 64 -p 1 -l 32 -e`.
    #[test]
    fn the_reference_program_has_the_same_hash() {
        let found = argon2id(
            &secret("password"),
            b"somesalt-16bytes",
            Cost {
                memory_kib: 64,
                passes: 2,
            },
        )
        .unwrap();
        assert_eq!(base64::URL.encode(&found), REFERENCE);
    }

    const REFERENCE: &str = "mc4F61qyjnLLIF6B27g5SiGWJ7nC4zpeqlStQITh6Y0";

    #[test]
    fn hashes_of_before_go_on_working_and_are_to_be_made_anew() {
        let old = format!(
            "$bcrypt-pbkdf$2${}${}",
            base64::URL.encode(&[7; SALT_BYTES]),
            base64::URL.encode(&bcrypt_pbkdf(&secret("ground control"), &[7; 16], 2).unwrap())
        );
        assert!(verify(&secret("ground control"), &old));
        assert!(!verify(&secret("ground"), &old));
        assert!(is_weaker(&old, CHEAP));
        let cheap = hash(&secret("ground control"), CHEAP).unwrap();
        assert!(!is_weaker(&cheap, CHEAP) && is_weaker(&cheap, COST));
    }

    #[test]
    fn damaged_hashes_match_nothing() {
        let stored = hash(&secret("ground control"), CHEAP).unwrap();
        for damaged in [
            "",
            "$",
            "admin",
            "$argon2id$v=19$m=8,t=1,p=1$$",
            &stored.replace("argon2id", "argon2i"),
            &stored.replace("v=19", "v=16"),
            &stored.replace("m=8", "m=99999999"),
            &stored.replace("m=8", "m=0"),
            &stored.replace("t=1", "t=999"),
            &stored.replace("p=1", "p=64"),
            &format!("{stored}$"),
            &stored[..stored.len() - 1],
        ] {
            assert!(!verify(&secret("ground control"), damaged), "{damaged:?}");
        }
    }
}
