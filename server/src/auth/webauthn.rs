//! Passkeys: what a browser sends is held against what it was asked (Web Authentication,
//! level 2, sections 7.1 and 7.2). Pure.
//!
//! No attestation is asked for: who made the key is nobody's business here. ES256, EdDSA
//! and RS256 are known.

mod cbor;

use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use stardust_shared::base64;

/// COSE (RFC 9053, RFC 8812).
pub const ES256: i64 = -7;
pub const EDDSA: i64 = -8;
pub const RS256: i64 = -257;
/// What is offered, the best first.
pub const ALGORITHMS: [i64; 3] = [ES256, EDDSA, RS256];
/// Longest name of a key that is taken.
const CREDENTIAL_BYTES_MAX: usize = 1023;

/// Flags of authenticator data.
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const HAS_KEY: u8 = 0x40;

/// What the answer must be to.
pub struct Expected<'a> {
    pub challenge: &'a [u8],
    /// `https://stardust.example`, as the browser says it.
    pub origin: &'a str,
    /// The name in it.
    pub rp_id: &'a str,
}

/// A key that a browser has made.
#[derive(Debug, PartialEq, Eq)]
pub struct NewKey {
    pub credential: Vec<u8>,
    pub algorithm: i64,
    pub public_key: Vec<u8>,
    pub uses: u32,
}

/// What a browser shows of a key that it has.
pub struct Assertion<'a> {
    pub client_data: &'a [u8],
    pub authenticator_data: &'a [u8],
    pub signature: &'a [u8],
}

/// What a good one says.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    pub uses: u32,
    /// The browser has made sure who it is: by a finger, a face or a number.
    pub verified: bool,
}

/// Why it is none, for whoever looks for a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong(pub &'static str);

#[derive(Deserialize)]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
}

/// A new key, by the answer of `navigator.credentials.create`.
pub fn register(
    client_data: &[u8],
    attestation: &[u8],
    expected: &Expected<'_>,
) -> Result<NewKey, Wrong> {
    check_client(client_data, "webauthn.create", expected)?;
    let (object, rest) = cbor::read(attestation).ok_or(Wrong("the attestation is no CBOR"))?;
    if !rest.is_empty() {
        return Err(Wrong("something follows the attestation"));
    }
    let data = object.named("authData").and_then(cbor::Value::bytes);
    let data = data.ok_or(Wrong("the attestation has no authenticator data"))?;
    let (flags, uses, rest) = check_data(data, expected)?;
    if flags & HAS_KEY == 0 {
        return Err(Wrong("there is no key in it"));
    }
    // aaguid (16 bytes), length, name of the key, the key
    let rest = rest.get(16..).ok_or(Wrong("it is cut off"))?;
    let (length, rest) = rest
        .split_first_chunk::<2>()
        .ok_or(Wrong("it is cut off"))?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (credential, rest) = rest
        .split_at_checked(length)
        .ok_or(Wrong("it is cut off"))?;
    if !(1..=CREDENTIAL_BYTES_MAX).contains(&length) {
        return Err(Wrong("the name of the key is too long"));
    }
    let (key, _) = cbor::read(rest).ok_or(Wrong("the key is no CBOR"))?;
    let (algorithm, public_key) = public_key(&key).ok_or(Wrong("the key is of no known kind"))?;
    Ok(NewKey {
        credential: credential.to_vec(),
        algorithm,
        public_key,
        uses,
    })
}

/// Whether a key was used now, by the answer of `navigator.credentials.get`.
pub fn check(
    shown: &Assertion<'_>,
    expected: &Expected<'_>,
    algorithm: i64,
    public_key: &[u8],
) -> Result<Shown, Wrong> {
    check_client(shown.client_data, "webauthn.get", expected)?;
    let (flags, uses, _) = check_data(shown.authenticator_data, expected)?;
    let client_hash = digest(&SHA256, shown.client_data);
    let signed = [shown.authenticator_data, client_hash.as_ref()].concat();
    match is_signed(algorithm, public_key, &signed, shown.signature) {
        true => Ok(Shown {
            uses,
            verified: flags & VERIFIED != 0,
        }),
        false => Err(Wrong("the signature is not the key's")),
    }
}

fn check_client(bytes: &[u8], kind: &str, expected: &Expected<'_>) -> Result<(), Wrong> {
    let client: ClientData =
        serde_json::from_slice(bytes).map_err(|_| Wrong("the client data is no JSON"))?;
    if client.r#type != kind {
        return Err(Wrong("it was made for something else"));
    }
    let challenge = base64::URL.decode(&client.challenge);
    if challenge.is_none_or(|found| !crate::secret::equal(&found, expected.challenge)) {
        return Err(Wrong("it is the answer to another question"));
    }
    if client.origin != expected.origin || client.cross_origin {
        return Err(Wrong("it was made on the page of another site"));
    }
    Ok(())
}

/// Flags, the count of uses, and what follows them.
fn check_data<'a>(data: &'a [u8], expected: &Expected<'_>) -> Result<(u8, u32, &'a [u8]), Wrong> {
    let cut = Wrong("it is cut off");
    let (site, rest) = data.split_first_chunk::<32>().ok_or(cut)?;
    let (&flags, rest) = rest.split_first().ok_or(cut)?;
    let (uses, rest) = rest.split_first_chunk::<4>().ok_or(cut)?;
    if digest(&SHA256, expected.rp_id.as_bytes()).as_ref() != site {
        return Err(Wrong("the key is one of another site"));
    }
    if flags & PRESENT == 0 {
        return Err(Wrong("nobody was there"));
    }
    Ok((flags, u32::from_be_bytes(*uses), rest))
}

/// A COSE key (RFC 9053) as it is kept: an uncompressed point, 32 bytes, or the lengths of
/// two numbers and the numbers.
fn public_key(key: &cbor::Value<'_>) -> Option<(i64, Vec<u8>)> {
    let (kind, algorithm) = (key.at(1)?.number()?, key.at(3)?.number()?);
    let curve = || key.at(-1).and_then(cbor::Value::number);
    let bytes = |at: i64| key.at(at).and_then(cbor::Value::bytes);
    let public = match (kind, algorithm) {
        (2, ES256) if curve() == Some(1) => {
            let (x, y) = (bytes(-2)?, bytes(-3)?);
            (x.len() == 32 && y.len() == 32).then(|| [&[4u8], x, y].concat())?
        }
        (1, EDDSA) if curve() == Some(6) => bytes(-2).filter(|x| x.len() == 32)?.to_vec(),
        (3, RS256) => {
            let (n, e) = (bytes(-1)?, bytes(-2)?);
            let is_good = (256..=1024).contains(&n.len()) && (1..=4).contains(&e.len());
            let length = u16::try_from(n.len()).ok().filter(|_| is_good)?;
            [&length.to_be_bytes()[..], n, e].concat()
        }
        _ => return None,
    };
    Some((algorithm, public))
}

fn is_signed(algorithm: i64, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match algorithm {
        ES256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
            .verify(message, signature)
            .is_ok(),
        EDDSA => UnparsedPublicKey::new(&ED25519, key)
            .verify(message, signature)
            .is_ok(),
        RS256 => {
            let Some((length, rest)) = key.split_first_chunk::<2>() else {
                return false;
            };
            let length = usize::from(u16::from_be_bytes(*length));
            let Some((n, e)) = rest.split_at_checked(length) else {
                return false;
            };
            RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok()
        }
        _ => false,
    }
}

#[cfg(test)]
pub(crate) mod tests;
