//! Identity tokens: a JWS (RFC 7515) by RS256 or ES256 and nothing else, held against what
//! OpenID Connect Core 1.0, section 3.1.3.7 asks. Pure.

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;
use stardust_shared::base64;

/// Clocks of two machines differ by so much.
const SKEW_S: i64 = 60;
const TOKEN_BYTES_MAX: usize = 64 << 10;
const SUBJECT_CHARS_MAX: usize = 255;
/// Groups that are looked at, and the longest name of one.
const GROUPS_MAX: usize = 1_000;
const GROUP_CHARS_MAX: usize = 256;

/// A key of the issuer.
#[derive(Clone, Debug, Deserialize)]
pub struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// What the token must say.
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub now_s: i64,
    /// Where the groups are.
    pub groups_claim: &'a str,
}

/// Who it says it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    pub subject: String,
    /// What somebody wants to be called: no proof of anything.
    pub name: String,
    pub groups: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// By a key that is not known (yet).
    UnknownKey,
    Refused(&'static str),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood: there are none here.
    crit: Option<Value>,
}

pub fn verify(token: &str, keys: &[Jwk], expected: &Expected<'_>) -> Result<Identity, Wrong> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Wrong::Refused("it is too long"));
    }
    let (signed, signature) = token
        .rsplit_once('.')
        .ok_or(Wrong::Refused("it is no JWS"))?;
    let (header, claims) = signed
        .split_once('.')
        .ok_or(Wrong::Refused("it is no JWS"))?;
    let head: Header = read(header).ok_or(Wrong::Refused("its head can't be read"))?;
    if head.crit.is_some() {
        return Err(Wrong::Refused("it wants an extension that is not known"));
    }
    if !["RS256", "ES256"].contains(&head.alg.as_str()) {
        return Err(Wrong::Refused("it is signed by neither RS256 nor ES256"));
    }
    let signature = base64::URL.decode(signature);
    let signature = signature.ok_or(Wrong::Refused("its signature can't be read"))?;
    let fitting: Vec<&Jwk> = keys.iter().filter(|key| fits(key, &head)).collect();
    if fitting.is_empty() {
        return Err(Wrong::UnknownKey);
    }
    let is_good = |key: &&Jwk| is_signed(key, signed.as_bytes(), &signature);
    if !fitting.iter().any(is_good) {
        return Err(Wrong::Refused("its signature is not the issuer's"));
    }
    let claims: Value = read(claims).ok_or(Wrong::Refused("its claims can't be read"))?;
    check(&claims, expected)
}

fn check(claims: &Value, expected: &Expected<'_>) -> Result<Identity, Wrong> {
    let refuse = |is_good: bool, why| match is_good {
        true => Ok(()),
        false => Err(Wrong::Refused(why)),
    };
    refuse(claims["iss"] == expected.issuer, "it is of another issuer")?;
    let audiences: Vec<&str> = texts(&claims["aud"]);
    refuse(
        audiences.contains(&expected.client_id),
        "it is for another client",
    )?;
    let party = claims["azp"].as_str();
    refuse(
        party.map_or(audiences.len() == 1, |party| party == expected.client_id),
        "it was given to another client",
    )?;
    refuse(
        claims["nonce"] == expected.nonce,
        "it answers another sign-in",
    )?;
    let time = |name: &str| {
        claims[name]
            .as_i64()
            .or_else(|| claims[name].as_f64().map(|t| t as i64))
    };
    let ends = time("exp").ok_or(Wrong::Refused("it has no end"))?;
    refuse(
        ends > expected.now_s - SKEW_S,
        "it is over; compare the clocks",
    )?;
    let made = time("iat").ok_or(Wrong::Refused("it does not say when it was made"))?;
    refuse(
        made < expected.now_s + SKEW_S,
        "it is from the future; compare the clocks",
    )?;
    let begins = time("nbf").unwrap_or(made);
    refuse(
        begins < expected.now_s + SKEW_S,
        "it is not good yet; compare the clocks",
    )?;
    let subject = claims["sub"].as_str().unwrap_or_default();
    let length = subject.chars().count();
    refuse(
        (1..=SUBJECT_CHARS_MAX).contains(&length),
        "it does not say of whom it is",
    )?;
    let name = ["preferred_username", "name", "email"]
        .into_iter()
        .find_map(|claim| {
            claims[claim]
                .as_str()
                .filter(|text| !text.trim().is_empty())
        });
    Ok(Identity {
        subject: subject.to_owned(),
        name: name.unwrap_or(subject).to_owned(),
        groups: texts(&claims[expected.groups_claim])
            .into_iter()
            .filter(|group| group.chars().count() <= GROUP_CHARS_MAX)
            .take(GROUPS_MAX)
            .map(str::to_owned)
            .collect(),
    })
}

/// A text, or a list of them.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn read<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&base64::URL.decode(part)?).ok()
}

/// The kind of the key decides, never the token: a public key is no secret of HS256.
fn fits(key: &Jwk, head: &Header) -> bool {
    let kind = match key.kty.as_str() {
        "RSA" => "RS256",
        "EC" if key.crv.as_deref() == Some("P-256") => "ES256",
        _ => return false,
    };
    kind == head.alg
        && key.alg.as_deref().is_none_or(|alg| alg == kind)
        && key.r#use.as_deref().is_none_or(|purpose| purpose == "sig")
        && (head.kid.is_none() || head.kid == key.kid)
}

fn is_signed(key: &Jwk, message: &[u8], signature: &[u8]) -> bool {
    let part = |text: &Option<String>| base64::URL.decode(text.as_deref().unwrap_or_default());
    match key.kty.as_str() {
        "RSA" => match (part(&key.n), part(&key.e)) {
            (Some(n), Some(e)) => RsaPublicKeyComponents {
                n: &n[..],
                e: &e[..],
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .is_ok(),
            _ => false,
        },
        _ => match (part(&key.x), part(&key.y)) {
            (Some(x), Some(y)) if x.len() == 32 && y.len() == 32 => {
                let point = [&[4u8][..], &x, &y].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature)
                    .is_ok()
            }
            _ => false,
        },
    }
}

#[cfg(test)]
pub(crate) mod tests;
