//! Tokens of nodes: 256 random bits, shown once, kept only as SHA-256.

use sha2::{Digest, Sha256};
use stardust_shared::base64;
use zeroize::Zeroizing;

use super::keys::random;
use crate::error::Error;
use crate::secret::Secret;

/// A new token and the hash to keep.
pub fn generate() -> Result<(Secret, [u8; 32]), Error> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    random(bytes.as_mut_slice())?;
    let token = Secret::new(base64::URL.encode(bytes.as_slice()));
    let hash = sha256(token.expose());
    Ok((token, hash))
}

/// What is kept of a token, and what a token that comes in is looked up by.
pub fn sha256(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_random_and_safe_in_a_shell() {
        let (a, hash) = generate().unwrap();
        let (b, _) = generate().unwrap();
        assert_ne!(a, b);
        assert_eq!(a.expose().len(), 43);
        assert!(
            a.expose()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        );
        assert_eq!(hash, sha256(a.expose()));
        assert_ne!(hash, sha256(b.expose()));
    }
}
