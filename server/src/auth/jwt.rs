//! Tokens: JWT with HS256 and nothing else.
//!
//! We read only tokens that we wrote, so the header is one fixed text: there is
//! no algorithm to choose, for us or for a forger.

use serde::{Deserialize, Serialize};
use stardust_shared::base64;

use super::keys::{Key, mac};
use crate::secret::equal;
use crate::store::SessionId;

/// base64url of `{"alg":"HS256","typ":"JWT"}`.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
/// Longest token that is looked at; ours have about 190 bytes.
pub const TOKEN_BYTES_MAX: usize = 512;
/// How far ahead of our clock a token may have been made, in seconds.
const IAT_AHEAD_S_MAX: i64 = 300;

/// What a token says. Times are in seconds, as RFC 7519 has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    sub: String,
    jti: String,
    iat: i64,
    exp: i64,
}

/// A token's contents, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub user_id: i64,
    pub session: SessionId,
    pub issued_ms: i64,
    pub expires_ms: i64,
}

/// Writes a token; times are cut to whole seconds.
pub fn sign(key: &Key, token: &Token) -> String {
    let claims = Claims {
        sub: token.user_id.to_string(),
        jti: base64::URL.encode(&token.session.0),
        iat: token.issued_ms.div_euclid(1000),
        exp: token.expires_ms.div_euclid(1000),
    };
    // Two texts and two numbers: serialising them can't fail.
    let claims = serde_json::to_vec(&claims).unwrap_or_default();
    let mut text = format!("{HEADER}.{}", base64::URL.encode(&claims));
    let signature = mac(key, &[text.as_bytes()]);
    text.push('.');
    text.push_str(&base64::URL.encode(&signature));
    text
}

/// The contents of a token that is ours, unaltered and not expired at `now_ms`.
pub fn verify(key: &Key, text: &str, now_ms: i64) -> Option<Token> {
    if text.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let (signed, signature) = text.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    if header != HEADER {
        return None;
    }
    let signature: [u8; 32] = base64::URL.decode_array(signature)?;
    if !equal(&mac(key, &[signed.as_bytes()]), &signature) {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&base64::URL.decode(claims)?).ok()?;
    let now_s = now_ms.div_euclid(1000);
    if claims.exp <= now_s || claims.iat > now_s.saturating_add(IAT_AHEAD_S_MAX) {
        return None;
    }
    Some(Token {
        user_id: claims.sub.parse().ok()?,
        session: SessionId(base64::URL.decode_array(&claims.jti)?),
        issued_ms: claims.iat.checked_mul(1000)?,
        expires_ms: claims.exp.checked_mul(1000)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn key(byte: u8) -> Key {
        Key::new([byte; 32])
    }

    fn token() -> Token {
        Token {
            user_id: 1,
            session: SessionId([9; 16]),
            issued_ms: NOW_MS,
            expires_ms: NOW_MS + 60_000,
        }
    }

    /// A token with a header and claims of the forger's choice, signed with `key`.
    fn forge(key: &Key, header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            base64::URL.encode(header.as_bytes()),
            base64::URL.encode(claims.as_bytes())
        );
        let signature = mac(key, &[signed.as_bytes()]);
        format!("{signed}.{}", base64::URL.encode(&signature))
    }

    const GOOD_HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
    const GOOD_CLAIMS: &str =
        r#"{"sub":"1","jti":"CQkJCQkJCQkJCQkJCQkJCQ","iat":1800000000,"exp":1800000060}"#;

    #[test]
    fn our_own_tokens_are_read() {
        let text = sign(&key(1), &token());
        assert_eq!(verify(&key(1), &text, NOW_MS), Some(token()));
        assert_eq!(text, forge(&key(1), GOOD_HEADER, GOOD_CLAIMS));
        assert!(text.len() < TOKEN_BYTES_MAX / 2);
    }

    #[test]
    fn a_wrong_key_an_expired_or_a_future_token_is_refused() {
        let text = sign(&key(1), &token());
        assert_eq!(verify(&key(2), &text, NOW_MS), None);
        assert!(verify(&key(1), &text, NOW_MS + 59_999).is_some());
        assert_eq!(verify(&key(1), &text, NOW_MS + 60_000), None);
        assert!(verify(&key(1), &text, NOW_MS - 300_000).is_some());
        assert_eq!(verify(&key(1), &text, NOW_MS - 301_000), None);
        assert_eq!(verify(&key(1), &text, i64::MAX), None);
    }

    #[test]
    fn every_altered_character_is_refused() {
        let text = sign(&key(1), &token());
        for index in 0..text.len() {
            for with in ["A", "B", ".", "=", "_"] {
                let mut altered = text.clone();
                altered.replace_range(index..=index, with);
                if altered != text {
                    assert_eq!(verify(&key(1), &altered, NOW_MS), None, "{altered}");
                }
            }
            assert_eq!(verify(&key(1), &text[..index], NOW_MS), None);
        }
        for altered in [
            format!("{text} "),
            format!("{text}="),
            format!("{text}."),
            format!(".{text}"),
            text.repeat(8),
            String::new(),
            "..".into(),
        ] {
            assert_eq!(verify(&key(1), &altered, NOW_MS), None, "{altered}");
        }
    }

    #[test]
    fn other_headers_are_refused_even_when_the_signature_is_right() {
        for header in [
            r#"{"alg":"none","typ":"JWT"}"#,
            r#"{"alg":"None","typ":"JWT"}"#,
            r#"{"alg":"RS256","typ":"JWT"}"#,
            r#"{"alg":"HS512","typ":"JWT"}"#,
            r#"{"typ":"JWT","alg":"HS256"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"HS256","typ":"JWT","kid":"../../dev/null"}"#,
            "",
        ] {
            let forged = forge(&key(1), header, GOOD_CLAIMS);
            assert_eq!(verify(&key(1), &forged, NOW_MS), None, "{header}");
            let unsigned = format!("{}.", forged.rsplit_once('.').unwrap().0);
            assert_eq!(verify(&key(1), &unsigned, NOW_MS), None, "{header}");
        }
        let none = format!(
            "{}.{}.",
            base64::URL.encode(GOOD_HEADER.as_bytes()),
            base64::URL.encode(GOOD_CLAIMS.as_bytes())
        );
        assert_eq!(verify(&key(1), &none, NOW_MS), None);
    }

    #[test]
    fn claims_that_are_not_ours_are_refused() {
        for claims in [
            "{}",
            "null",
            "[]",
            r#"{"sub":1,"jti":"CQkJCQkJCQkJCQkJCQkJCQ","iat":1800000000,"exp":1800000060}"#,
            r#"{"sub":"x","jti":"CQkJCQkJCQkJCQkJCQkJCQ","iat":1800000000,"exp":1800000060}"#,
            r#"{"sub":"1","jti":"short","iat":1800000000,"exp":1800000060}"#,
            r#"{"sub":"1","jti":"CQkJCQkJCQkJCQkJCQkJCQ","iat":1800000000,"exp":9223372036854775807}"#,
            r#"{"sub":"1","jti":"CQkJCQkJCQkJCQkJCQkJCQ","iat":1800000000}"#,
            r#"{"sub":"1","jti":"CQkJCQkJCQkJCQkJCQkJCQ","iat":1800000000,"exp":1800000060,"admin":true}"#,
        ] {
            assert_eq!(
                verify(&key(1), &forge(&key(1), GOOD_HEADER, claims), NOW_MS),
                None,
                "{claims}"
            );
        }
    }
}
