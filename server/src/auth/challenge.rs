//! Questions that a browser answers with a passkey. They say themselves for what they are
//! and until when, under our key, so that nobody who only asks for one takes memory; one
//! that was answered is remembered until it is over.

use std::collections::HashMap;

use super::keys::{Key, mac, random};
use crate::error::Error;
use crate::secret::equal;

/// Long enough to look for a key in a drawer.
pub const GOOD_MS: i64 = 5 * 60_000;
const NONCE_BYTES: usize = 16;
const BYTES: usize = NONCE_BYTES + 8 + 32;
/// Answers in five minutes, each of somebody who has a key.
const SPENT_MAX: usize = 10_000;

/// Those that were answered.
#[derive(Default)]
pub struct Spent(HashMap<[u8; NONCE_BYTES], i64>);

/// Asks; `purpose` says for what, and of whom.
pub fn make(key: &Key, purpose: &[&[u8]], now_ms: i64) -> Result<Vec<u8>, Error> {
    let mut nonce = [0u8; NONCE_BYTES];
    random(&mut nonce)?;
    let until = (now_ms + GOOD_MS).to_be_bytes();
    let mut challenge = [&nonce[..], &until].concat();
    let tag = tag(key, purpose, &challenge);
    challenge.extend_from_slice(&tag);
    Ok(challenge)
}

/// Whether it is one of ours for this, and not over.
pub fn is_ours(key: &Key, purpose: &[&[u8]], challenge: &[u8], now_ms: i64) -> bool {
    let Some((said, found)) = challenge.split_at_checked(BYTES - 32) else {
        return false;
    };
    equal(&tag(key, purpose, said), found) && until_ms(challenge) > now_ms
}

impl Spent {
    /// False when it was answered before.
    pub fn spend(&mut self, challenge: &[u8], now_ms: i64) -> bool {
        let Some((nonce, _)) = challenge.split_first_chunk::<NONCE_BYTES>() else {
            return false;
        };
        if self.0.len() >= SPENT_MAX {
            self.0.retain(|_, until_ms| *until_ms > now_ms);
        }
        self.0.len() < SPENT_MAX && self.0.insert(*nonce, until_ms(challenge)).is_none()
    }
}

fn tag(key: &Key, purpose: &[&[u8]], said: &[u8]) -> [u8; 32] {
    let mut parts = Vec::with_capacity(purpose.len() * 2 + 1);
    let lengths: Vec<[u8; 8]> = purpose
        .iter()
        .map(|part| (part.len() as u64).to_be_bytes())
        .collect();
    for (part, length) in purpose.iter().zip(&lengths) {
        parts.push(&length[..]);
        parts.push(part);
    }
    parts.push(said);
    mac(key, &parts)
}

fn until_ms(challenge: &[u8]) -> i64 {
    let bytes = challenge.get(NONCE_BYTES..NONCE_BYTES + 8);
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, i64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_good_for_its_purpose_its_time_and_once() {
        let key = Key::new([1; 32]);
        let made = make(&key, &[b"login"], 1_000).unwrap();
        assert!(is_ours(&key, &[b"login"], &made, 1_000));
        assert!(!is_ours(&key, &[b"login"], &made, 1_000 + GOOD_MS));
        assert!(!is_ours(&key, &[b"register"], &made, 1_000));
        assert!(!is_ours(&key, &[b"log", b"in"], &made, 1_000));
        assert!(!is_ours(&Key::new([2; 32]), &[b"login"], &made, 1_000));
        for at in [0, 20, 30, made.len() - 1] {
            let mut wrong = made.clone();
            wrong[at] ^= 1;
            assert!(!is_ours(&key, &[b"login"], &wrong, 1_000), "{at}");
        }
        assert!(!is_ours(&key, &[b"login"], b"", 0));
        let mut spent = Spent::default();
        assert!(spent.spend(&made, 1_000) && !spent.spend(&made, 1_000));
    }
}
