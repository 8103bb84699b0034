//! What is trusted when: the verifier with real certificates and any clock.

use std::process::Command;
use std::time::Duration;

use rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject as _;

use super::*;
use crate::link::tls_errors;

/// 2026-01-01 and 1970-01-01, an hour in.
const NOW: u64 = 1_767_225_600;
const YEAR_1970: u64 = 3_600;

struct Made {
    der: CertificateDer<'static>,
    pem: String,
    pin: Pin,
}

fn params(years: (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["gc.example".to_owned()]).unwrap();
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    params
}

fn made(certificate: &rcgen::Certificate, key: &KeyPair) -> Made {
    Made {
        der: certificate.der().clone(),
        pem: certificate.pem(),
        pin: Pin(sha256(&rcgen::PublicKeyData::subject_public_key_info(key)).unwrap()),
    }
}

fn self_signed(years: (i32, i32)) -> Made {
    let key = KeyPair::generate().unwrap();
    made(&params(years).self_signed(&key).unwrap(), &key)
}

fn verify(
    made: &Made,
    ca: Option<&str>,
    pins: &[Pin],
    host: &str,
    now_s: u64,
) -> Result<(), String> {
    let unique = std::thread::current().id();
    let path = std::env::temp_dir().join(format!(
        "stardust-tls-{}-{unique:?}.pem",
        std::process::id()
    ));
    std::fs::write(&path, ca.unwrap_or("")).unwrap();
    let verifier = Verifier {
        ca_file: Some(path.clone()),
        pins: pins.to_vec(),
        provider: Arc::new(rustls::crypto::ring::default_provider()),
    };
    let result = verifier.verify_server_cert(
        &made.der,
        &[],
        &host.to_owned().try_into().unwrap(),
        &[],
        UnixTime::since_unix_epoch(Duration::from_secs(now_s)),
    );
    let _ = std::fs::remove_file(path);
    result
        .map(|_| ())
        .map_err(|error| tls_errors::fault(&error, host).words.into_owned())
}

#[test]
fn a_pin_alone_decides() {
    let (good, old) = (self_signed((2020, 2100)), self_signed((2020, 2021)));
    let pins = [good.pin, old.pin];
    for made in [&good, &old] {
        assert_eq!(verify(made, None, &pins, "gc.example", NOW), Ok(()));
        assert_eq!(
            verify(made, None, &pins, "other.example", YEAR_1970),
            Ok(())
        );
    }
    // Signed by whoever: the key counts.
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let issuer = Issuer::new(params((2020, 2100)), ca_key);
    let signed = made(
        &params((2020, 2100)).signed_by(&key, &issuer).unwrap(),
        &key,
    );
    assert_eq!(
        verify(&signed, None, &[signed.pin], "gc.example", NOW),
        Ok(())
    );

    // A trusted certificate with another key is refused, and its pin is told.
    let error = verify(&good, Some(&good.pem), &[old.pin], "gc.example", NOW).unwrap_err();
    assert!(
        error.contains(&good.pin.to_string()) && error.contains("--pin"),
        "{error}"
    );
    assert!(!error.contains(&old.pin.to_string()), "{error}");
}

#[test]
fn the_pin_is_the_one_that_openssl_prints() {
    let here = Openssl::new("pin");
    let made = here.self_signed("/CN=gc.example", 30);
    let printed = here.run(
        "openssl x509 -pubkey -noout -in cert.pem | openssl pkey -pubin -outform der \
         | openssl dgst -sha256 -binary | base64",
    );
    let pin = Pin::parse(&format!("sha256/{}", printed.trim())).unwrap();
    assert_eq!(verify(&made, None, &[pin], "gc.example", NOW), Ok(()));
}

#[test]
fn what_plain_openssl_makes_is_trusted_when_it_is_the_ca_file() {
    let here = Openssl::new("ca");
    let made = here.self_signed("/CN=gc.example", 30);
    let now_s = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs();
    let text = here.run("openssl x509 -in cert.pem -noout -text");
    assert!(text.contains("CA:TRUE"), "{text}");
    let check = |host, now_s| verify(&made, Some(&made.pem), &[], host, now_s);
    assert_eq!(check("gc.example", now_s), Ok(()));
    // Its name and its dates count all the same.
    assert!(
        check("other.example", now_s)
            .unwrap_err()
            .contains("not for other.example")
    );
    let late = check("gc.example", now_s + 31 * 86_400).unwrap_err();
    assert!(late.contains("ended on"), "{late}");
    let early = check("gc.example", now_s - 86_400).unwrap_err();
    assert!(early.contains("begins on"), "{early}");
    // Another certificate that calls itself the same is not it.
    let other = Openssl::new("other").self_signed("/CN=gc.example", 30);
    assert!(verify(&other, Some(&made.pem), &[], "gc.example", now_s).is_err());
    assert!(verify(&made, Some(&other.pem), &[], "gc.example", now_s).is_err());
}

#[test]
fn a_clock_that_is_far_off_is_named() {
    let made = self_signed((2025, 2027));
    let words = |now_s| verify(&made, Some(&made.pem), &[], "gc.example", now_s);
    assert_eq!(words(NOW), Ok(()));
    let booted = words(YEAR_1970).unwrap_err();
    assert!(
        booted.starts_with("this machine's clock is wrong: it says 1970-01-01"),
        "{booted}"
    );
    assert!(
        booted.contains("2025-01-01") && booted.contains("NTP"),
        "{booted}"
    );
    let behind = words(1_600_000_000).unwrap_err();
    assert!(
        behind.contains("says 2020-09-13") && behind.contains("set this one"),
        "{behind}"
    );
    let ahead = words(4_000_000_000).unwrap_err();
    assert!(
        ahead.contains("says 2096-") && ahead.contains("set this clock"),
        "{ahead}"
    );
}

/// A folder in which openssl works.
struct Openssl(PathBuf);

impl Openssl {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("stardust-openssl-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn run(&self, command: &str) -> String {
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(&self.0)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// As every guide on the web has it.
    fn self_signed(&self, subject: &str, days: u32) -> Made {
        self.run(&format!(
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem \
             -days {days} -subj {subject} -addext subjectAltName=DNS:gc.example"
        ));
        let pem = std::fs::read_to_string(self.0.join("cert.pem")).unwrap();
        Made {
            der: CertificateDer::from_pem_slice(pem.as_bytes()).unwrap(),
            pem,
            pin: Pin([0; 32]),
        }
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
