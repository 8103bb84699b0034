use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;

use super::*;

/// An issuer's key.
pub struct Signer {
    pair: EcdsaKeyPair,
    pub kid: String,
}

impl Signer {
    pub fn new(kid: &str) -> Self {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self {
            pair: EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).unwrap(),
            kid: kid.to_owned(),
        }
    }

    pub fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig",
            "x": base64::URL.encode(&point[1..33]),
            "y": base64::URL.encode(&point[33..]),
        })
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| base64::URL.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .unwrap();
        format!("{signed}.{}", base64::URL.encode(signature.as_ref()))
    }

    pub fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "ES256", "kid": self.kid}), claims)
    }
}

const NOW_S: i64 = 1_800_000_000;
const EXPECTED: Expected<'_> = Expected {
    issuer: "https://id.example",
    client_id: "stardust",
    nonce: "once",
    now_s: NOW_S,
    groups_claim: "groups",
};

fn good() -> Value {
    json!({
        "iss": "https://id.example", "aud": "stardust", "sub": "7", "nonce": "once",
        "iat": NOW_S, "exp": NOW_S + 300, "preferred_username": "ziggy", "groups": ["admins"],
    })
}

fn keys(signers: &[&Signer]) -> Vec<Jwk> {
    let parse = |signer: &&Signer| serde_json::from_value(signer.jwk()).unwrap();
    signers.iter().map(parse).collect()
}

#[test]
fn a_good_token_says_who_it_is() {
    let signer = Signer::new("a");
    let found = verify(&signer.token(&good()), &keys(&[&signer]), &EXPECTED).unwrap();
    assert_eq!(
        found,
        Identity {
            subject: "7".into(),
            name: "ziggy".into(),
            groups: vec!["admins".into()],
        }
    );
    // Groups may be one text, or none at all.
    for (groups, expected) in [
        (json!("admins"), vec!["admins"]),
        (json!(["a", 5, null, "b"]), vec!["a", "b"]),
        (json!(null), vec![]),
        (json!({"a": 1}), vec![]),
    ] {
        let mut claims = good();
        claims["groups"] = groups;
        let found = verify(&signer.token(&claims), &keys(&[&signer]), &EXPECTED).unwrap();
        assert_eq!(found.groups, expected);
    }
    // Clocks that differ a little, several audiences with a party.
    for (name, value) in [
        ("exp", json!(NOW_S - 30)),
        ("iat", json!(NOW_S + 30)),
        ("aud", json!(["stardust"])),
    ] {
        let mut claims = good();
        claims[name] = value;
        assert!(
            verify(&signer.token(&claims), &keys(&[&signer]), &EXPECTED).is_ok(),
            "{name}"
        );
    }
    let mut claims = good();
    (claims["aud"], claims["azp"]) = (json!(["stardust", "other"]), json!("stardust"));
    assert!(verify(&signer.token(&claims), &keys(&[&signer]), &EXPECTED).is_ok());
}

#[test]
fn what_a_hostile_issuer_or_a_forger_sends_is_refused() {
    let (signer, other) = (Signer::new("a"), Signer::new("a"));
    let known = keys(&[&signer]);
    let refused = |token: &str| verify(token, &known, &EXPECTED).is_err();
    for (name, value) in [
        ("iss", json!("https://evil.example")),
        ("iss", json!("https://id.example/")),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("aud", json!(["stardust", "other"])),
        ("azp", json!("other")),
        ("nonce", json!("another")),
        ("nonce", json!(null)),
        ("exp", json!(NOW_S - 61)),
        ("exp", json!(null)),
        ("iat", json!(NOW_S + 61)),
        ("iat", json!(null)),
        ("nbf", json!(NOW_S + 100)),
        ("sub", json!("")),
        ("sub", json!(null)),
        ("sub", json!(7)),
        ("sub", json!("x".repeat(256))),
    ] {
        let mut claims = good();
        claims[name] = value.clone();
        assert!(refused(&signer.token(&claims)), "{name} {value}");
    }
    assert!(
        refused(&other.token(&good())),
        "somebody else's key of that name"
    );
    // No signature, the public key as a secret, other kinds, extensions.
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS256", "kid": "a"}),
        json!({"alg": "RS256", "kid": "a"}),
        json!({"alg": "ES384", "kid": "a"}),
        json!({"alg": "ES256", "kid": "a", "crit": ["x"]}),
        json!({"kid": "a"}),
    ] {
        assert!(refused(&signer.sign(&header, &good())), "{header}");
    }
    let unsigned = signer.sign(&json!({"alg": "none"}), &good());
    let (body, _) = unsigned.rsplit_once('.').unwrap();
    for wrong in ["", ".", "..", "a.b", "a.b.c", &format!("{body}."), body] {
        assert!(refused(wrong), "{wrong}");
    }
    let token = signer.token(&good());
    for at in [0, token.len() / 2, token.len() - 2] {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert!(refused(&String::from_utf8(bytes).unwrap()), "{at}");
    }
    assert!(refused(&"a".repeat(TOKEN_BYTES_MAX + 1)));
    // One of a key that was changed is worth another look at the keys.
    let rotated = Signer::new("b").token(&good());
    assert_eq!(verify(&rotated, &known, &EXPECTED), Err(Wrong::UnknownKey));
    // Keys that are for something else.
    for (field, value) in [
        ("use", "enc"),
        ("alg", "ES384"),
        ("crv", "P-384"),
        ("kty", "oct"),
    ] {
        let mut jwk = signer.jwk();
        jwk[field] = value.into();
        let key: Jwk = serde_json::from_value(jwk).unwrap();
        assert_eq!(
            verify(&token, &[key], &EXPECTED),
            Err(Wrong::UnknownKey),
            "{field}"
        );
    }
}
