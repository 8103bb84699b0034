use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};

use super::*;

pub const ORIGIN: &str = "https://stardust.example";
const SITE: &str = "stardust.example";

/// A security key, as far as we see it.
pub struct Authenticator {
    pair: Pair,
    pub credential: Vec<u8>,
    pub uses: u32,
    pub flags: u8,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Authenticator {
    pub fn es256(credential: &[u8]) -> Self {
        let random = SystemRandom::new();
        let kind = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).unwrap();
        Self::of(Pair::Es256(pair), credential)
    }

    pub fn eddsa(credential: &[u8]) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::of(
            Pair::EdDsa(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()),
            credential,
        )
    }

    fn of(pair: Pair, credential: &[u8]) -> Self {
        Self {
            pair,
            credential: credential.to_vec(),
            uses: 0,
            flags: PRESENT | VERIFIED,
        }
    }

    fn data(&self, site: &str, flags: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, site.as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend_from_slice(&self.uses.to_be_bytes());
        data
    }

    fn cose(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Es256(pair) => {
                let point = pair.public_key().as_ref();
                let mut key = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
                key.extend_from_slice(&point[1..33]);
                key.extend_from_slice(&[0x22, 0x58, 0x20]);
                key.extend_from_slice(&point[33..]);
                key
            }
            Pair::EdDsa(pair) => {
                let mut key = vec![0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
                key.extend_from_slice(pair.public_key().as_ref());
                key
            }
        }
    }

    /// Client data and attestation.
    pub fn create(&self, challenge: &[u8], origin: &str, site: &str) -> (Vec<u8>, Vec<u8>) {
        let mut data = self.data(site, self.flags | HAS_KEY);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&u16::try_from(self.credential.len()).unwrap().to_be_bytes());
        data.extend_from_slice(&self.credential);
        data.extend_from_slice(&self.cose());
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        object.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend_from_slice(&data);
        (client("webauthn.create", challenge, origin), object)
    }

    /// Client data, authenticator data and signature.
    pub fn get(&mut self, challenge: &[u8], origin: &str, site: &str) -> [Vec<u8>; 3] {
        self.uses += 1;
        let client = client("webauthn.get", challenge, origin);
        let data = self.data(site, self.flags);
        let signed = [&data[..], digest(&SHA256, &client).as_ref()].concat();
        let signature = match &self.pair {
            Pair::Es256(pair) => {
                let made = pair.sign(&SystemRandom::new(), &signed).unwrap();
                made.as_ref().to_vec()
            }
            Pair::EdDsa(pair) => pair.sign(&signed).as_ref().to_vec(),
        };
        [client, data, signature]
    }
}

fn client(kind: &str, challenge: &[u8], origin: &str) -> Vec<u8> {
    serde_json::json!({
        "type": kind,
        "challenge": base64::URL.encode(challenge),
        "origin": origin,
        "crossOrigin": false,
    })
    .to_string()
    .into_bytes()
}

const EXPECTED: Expected<'_> = Expected {
    challenge: b"a question",
    origin: ORIGIN,
    rp_id: SITE,
};

fn shown(parts: &[Vec<u8>; 3]) -> Assertion<'_> {
    Assertion {
        client_data: &parts[0],
        authenticator_data: &parts[1],
        signature: &parts[2],
    }
}

#[test]
fn keys_are_taken_and_used() {
    for mut key in [Authenticator::es256(b"one"), Authenticator::eddsa(b"two")] {
        let (client, attestation) = key.create(b"a question", ORIGIN, SITE);
        let new = register(&client, &attestation, &EXPECTED).unwrap();
        assert_eq!(new.credential, key.credential);
        let parts = key.get(b"a question", ORIGIN, SITE);
        let good = check(&shown(&parts), &EXPECTED, new.algorithm, &new.public_key).unwrap();
        assert_eq!(
            good,
            Shown {
                uses: 1,
                verified: true
            }
        );
        // Any bit that is another one makes it none.
        for part in 0..3 {
            for at in [0, parts[part].len() / 2, parts[part].len() - 1] {
                let mut wrong = parts.clone();
                wrong[part][at] ^= 1;
                let found = check(&shown(&wrong), &EXPECTED, new.algorithm, &new.public_key);
                assert!(found.is_err(), "part {part} byte {at}");
            }
        }
        for other in [ES256, EDDSA, RS256, 0] {
            let found = check(&shown(&parts), &EXPECTED, other, &new.public_key);
            assert_eq!(found.is_ok(), other == new.algorithm);
        }
    }
}

#[test]
fn what_was_made_elsewhere_or_for_something_else_is_refused() {
    let mut key = Authenticator::es256(b"one");
    let good = key.create(b"a question", ORIGIN, SITE);
    let new = register(&good.0, &good.1, &EXPECTED).unwrap();
    for (challenge, origin, site, why) in [
        (&b"another"[..], ORIGIN, SITE, "another question"),
        (b"a question", "https://evil.example", SITE, "another site"),
        (
            b"a question",
            "http://stardust.example",
            SITE,
            "another site",
        ),
        (b"a question", ORIGIN, "evil.example", "another site"),
    ] {
        let (client, attestation) = key.create(challenge, origin, site);
        let wrong = register(&client, &attestation, &EXPECTED).unwrap_err();
        assert!(wrong.0.contains(why), "{wrong:?}");
        let parts = key.get(challenge, origin, site);
        let wrong = check(&shown(&parts), &EXPECTED, new.algorithm, &new.public_key).unwrap_err();
        assert!(wrong.0.contains(why), "{wrong:?}");
    }
    // One made to sign in is none to be taken in with, and the reverse.
    let parts = key.get(b"a question", ORIGIN, SITE);
    assert!(register(&parts[0], &good.1, &EXPECTED).is_err());
    let swapped = [good.0.clone(), parts[1].clone(), parts[2].clone()];
    assert!(check(&shown(&swapped), &EXPECTED, new.algorithm, &new.public_key).is_err());
    key.flags = VERIFIED;
    let parts = key.get(b"a question", ORIGIN, SITE);
    let wrong = check(&shown(&parts), &EXPECTED, new.algorithm, &new.public_key).unwrap_err();
    assert_eq!(wrong, Wrong("nobody was there"));
    // Somebody else's key.
    let parts = Authenticator::es256(b"one").get(b"a question", ORIGIN, SITE);
    assert!(check(&shown(&parts), &EXPECTED, new.algorithm, &new.public_key).is_err());
}

#[test]
fn whatever_is_cut_off_is_refused() {
    let key = Authenticator::eddsa(b"two");
    let (client, attestation) = key.create(b"a question", ORIGIN, SITE);
    for end in 0..attestation.len() {
        assert!(
            register(&client, &attestation[..end], &EXPECTED).is_err(),
            "{end}"
        );
    }
    for end in 0..client.len() {
        assert!(
            register(&client[..end], &attestation, &EXPECTED).is_err(),
            "{end}"
        );
    }
    let more = [&attestation[..], &[0]].concat();
    assert!(register(&client, &more, &EXPECTED).is_err());
}

/// A key of RSA, and what it has signed: made by openssl.
#[test]
fn keys_of_rsa_are_read_and_verify() {
    let (n, e) = (hex(RSA_N), [1u8, 0, 1]);
    let mut cose = vec![
        0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x59, 0x01, 0x00,
    ];
    cose.extend_from_slice(&n);
    cose.extend_from_slice(&[0x21, 0x43]);
    cose.extend_from_slice(&e);
    let (key, _) = cbor::read(&cose).unwrap();
    let (algorithm, kept) = public_key(&key).unwrap();
    assert_eq!(algorithm, RS256);
    let signature = hex(RSA_SIGNATURE);
    assert!(is_signed(RS256, &kept, b"message", &signature));
    assert!(!is_signed(RS256, &kept, b"massage", &signature));
    assert!(!is_signed(RS256, &[9], b"message", &signature));
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .map(|b| char::from(b).to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

const RSA_N: &str = "da68c9174cb0a6b9c5f94b0a9db40bbac784bd86663367dc933e402376088e3ca138cac6f8f81c58e465084dd3844b361a62a12da72a8c368d523045c3625ce5ecedafb20a910c4b3ffb9df8c1c73b19c3e19ab61c51241a1c3cf4cb9ebe465071858ab3d305683850a12708a887443131eb835dbd1cd9c4f01107c17e336199a4d5f7cae6b9d65f63fe967b227b3eab94b38f2747786b328f4e14285b34fb066ce20b65ff4a2519077e65063fe998c448c8da5f2bfb19b22d6753270fcec2e75f45f76fd2732630c2222cae6be938069ffba945b7fefde1a0e9b338e6ba59e4f99201ffd0844fdbd72fc7a4b5bd65b6527b7fdb334fb1f3e8b73ab26615acd5";
const RSA_SIGNATURE: &str = "8cac639b92cfc6355c765aec45184ad38f5289a5e55b093bfa2adc2d74d3e3282eff36578977845f82b95ab75d6565c49e1a9857e1a5be05991ec23b70ca9f32d6c98c35d25c51d2fad2b62d6ad494f2a421b27932f5ed6af14b7fda4f3ee10aa882226d26184b4c11d0d4b31f4a3bf94c88d747c7f3654a00804429f0566b07951ca518b96c3ea79bbfdc3dec2745ab734633e5372fbe3e4b19089b32b0bf01817e22abf3e66cb9af38805d28479dbeb633d5a920d94ef034f717751302de1b230a905555b00e87e6838e4fd135852691d6afd65545492bb937193ff5b9ee50a5f623ab665dfa2f51e3dd82415cbcf5a0a3d45d14c65cbcdccd04db93b2fb39";
