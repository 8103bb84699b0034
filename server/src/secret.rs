//! Text that must not leak: into a log, a core dump's easy pickings or an answer.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A secret text. `Debug` shows nothing of it, there is no `Display`, the
/// memory is zeroed on drop and equality takes the same time for any content.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over: no second copy is left behind.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// `bytes` random bytes in hexadecimal.
    pub fn random_hex(bytes: usize) -> Result<Self, getrandom::Error> {
        let mut raw = vec![0u8; bytes];
        getrandom::fill(&mut raw)?;
        let mut text = String::with_capacity(bytes * 2);
        for byte in &raw {
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
        raw.zeroize();
        Ok(Self(text))
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        equal(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Compares in a time that depends on the lengths alone.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::new("hunter2-hunter2".into());
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert!(!format!("{:#?}", Some(&secret)).contains("hunter"));
    }

    #[test]
    fn equality_is_by_content() {
        assert_eq!(Secret::new("abc".into()), Secret::new("abc".into()));
        assert_ne!(Secret::new("abc".into()), Secret::new("abd".into()));
        assert_ne!(Secret::new("abc".into()), Secret::new("ab".into()));
        assert!(equal(b"", b""));
    }

    #[test]
    fn random_secrets_differ() {
        let a = Secret::random_hex(32).unwrap();
        let b = Secret::random_hex(32).unwrap();
        assert_eq!(a.expose().len(), 64);
        assert_ne!(a, b);
    }
}
