//! Secrets, as both sides know them, and such that chance makes.

use zeroize::Zeroize;

pub use stardust_shared::secret::{Secret, equal};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// In hexadecimal, with small letters.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(HEX[usize::from(byte >> 4)]));
        text.push(char::from(HEX[usize::from(byte & 15)]));
    }
    text
}

/// `bytes` random bytes in hexadecimal.
pub fn random_hex(bytes: usize) -> Result<Secret, getrandom::Error> {
    let mut raw = vec![0u8; bytes];
    getrandom::fill(&mut raw)?;
    let text = hex(&raw);
    raw.zeroize();
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_two_digits_each() {
        assert_eq!(hex(&[0, 9, 0xa5, 0xff]), "0009a5ff");
    }

    #[test]
    fn random_secrets_differ() {
        let a = random_hex(32).unwrap();
        let b = random_hex(32).unwrap();
        assert_eq!(a.expose().len(), 64);
        assert_ne!(a, b);
    }
}
