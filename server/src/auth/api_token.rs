//! Tokens of programs: `sdt_` and 256 random bits. Only their hash is kept.
//!
//! The prefix tells them from a login's token, and lets those who look for secrets in
//! other people's files find them.

use stardust_shared::base64;

use super::keys::random;
use super::node_token;
use crate::error::Error;
use crate::secret::Secret;

pub const PREFIX: &str = "sdt_";
const RANDOM_BYTES: usize = 32;
/// 32 bytes in base64 without padding.
const RANDOM_CHARS: usize = 43;

/// A new token and its hash.
pub fn generate() -> Result<(Secret, [u8; 32]), Error> {
    let mut bytes = [0u8; RANDOM_BYTES];
    random(&mut bytes)?;
    let token = Secret::new(format!("{PREFIX}{}", base64::URL.encode(&bytes)));
    let hash = node_token::sha256(token.expose());
    Ok((token, hash))
}

/// The hash of what looks like one; anything else is not hashed.
pub fn hash(text: &str) -> Option<[u8; 32]> {
    let rest = text.strip_prefix(PREFIX)?;
    (rest.len() == RANDOM_CHARS).then(|| node_token::sha256(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash() {
        let (token, sha256) = generate().unwrap();
        assert_eq!(hash(token.expose()), Some(sha256));
        assert_ne!(generate().unwrap().1, sha256);
        for other in [
            "",
            "sdt_",
            &token.expose()[1..],
            &format!("{}x", token.expose()),
        ] {
            assert_eq!(hash(other), None, "{other}");
        }
    }
}
