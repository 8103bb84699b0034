//! Recovery codes: for who has lost the second factor. Each is good once; only hashes are
//! kept.

use super::keys::random;
use super::node_token;
use crate::error::Error;
use crate::secret::Secret;

/// How many there are.
pub const CODES: usize = 10;
/// Characters of one: 50 bits, in two groups.
const CHARS: usize = 10;
/// No letter or digit that is taken for another one.
const ALPHABET: &[u8; 32] = b"23456789abcdefghjkmnopqrstuvwxyz";

/// New codes, as they are shown once, with their hashes.
pub fn generate() -> Result<(Vec<Secret>, Vec<[u8; 32]>), Error> {
    let mut codes = Vec::with_capacity(CODES);
    for _ in 0..CODES {
        let mut bytes = [0u8; CHARS];
        random(&mut bytes)?;
        let text: String = bytes
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
            .collect();
        codes.push(Secret::new(format!(
            "{}-{}",
            &text[..CHARS / 2],
            &text[CHARS / 2..]
        )));
    }
    let hashes = codes.iter().filter_map(|code| hash(code.expose()));
    let hashes = hashes.collect();
    Ok((codes, hashes))
}

/// The hash of what looks like one, however it was typed.
pub fn hash(text: &str) -> Option<[u8; 32]> {
    let plain: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .flat_map(char::to_lowercase)
        .collect();
    let is_one = plain.len() == CHARS && plain.bytes().all(|b| ALPHABET.contains(&b));
    is_one.then(|| node_token::sha256(&format!("recovery {plain}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_known_however_they_are_typed() {
        let (codes, hashes) = generate().unwrap();
        assert_eq!((codes.len(), hashes.len()), (CODES, CODES));
        let typed = codes[0].expose().to_uppercase().replace('-', " ");
        assert_eq!(hash(&typed), Some(hashes[0]));
        assert_ne!(hashes[0], hashes[1]);
        for other in ["", "123456", "aaaaa-aaaa", "0oiil-0oiil"] {
            assert_eq!(hash(other), None, "{other}");
        }
    }
}
