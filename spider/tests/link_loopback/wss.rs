//! wss:// with certificates made for the occasion.

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

use stardust_spider::config::Pin;
use stardust_spider::link::Settings;

use crate::ground::{Ground, Wire, Wrap};
use crate::spider::{Spider, settings};
use crate::{SECOND, wait};

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

pub fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    Authority { issuer, pem }
}

/// A server with a certificate for `name` that begins and ends in these years.
pub fn server(
    authority: &Authority,
    name: &str,
    years: (i32, i32),
    version: &'static SupportedProtocolVersion,
) -> Ground {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    tls_server(
        certificate.der().clone(),
        PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        version,
    )
}

fn tls_server(
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> Ground {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let wrap: Wrap = Arc::new(move |tcp: TcpStream| {
        let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        Box::new(StreamOwned::new(tls, tcp)) as Box<dyn Wire>
    });
    Ground::start_tls("127.0.0.1:0", wrap)
}

pub fn file(name: &str, text: &str) -> PathBuf {
    let unique = format!("stardust-{}-{name}.pem", std::process::id());
    let path = std::env::temp_dir().join(unique);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn both_versions_of_tls_deliver_with_a_ca_file() {
    let authority = authority("Ours");
    // Others in the same file must not matter.
    let other = self::authority("Other").pem;
    let ca = file("both", &format!("{other}{}", authority.pem));
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let ground = server(&authority, "127.0.0.1", (2020, 2100), version);
        let spider = Spider::start(&ground.url(), Some(ca.clone()), 20, 64 << 10);
        wait("samples over TLS", 20 * SECOND, || ground.durable() >= 50);
        let end = spider.stop();
        ground.check(&end.sampled);
        assert!(end.waiting < 50);
    }
    std::fs::remove_file(ca).unwrap();
}

#[test]
fn a_self_signed_certificate_may_be_its_own_ca() {
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let ca = file("self", &certificate.pem());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let ground = tls_server(certificate.der().clone(), key, &rustls::version::TLS13);
    let spider = Spider::start(&ground.url(), Some(ca.clone()), 20, 64 << 10);
    wait("samples over TLS", 20 * SECOND, || ground.durable() >= 10);
    ground.check(&spider.stop().sampled);
    std::fs::remove_file(ca).unwrap();
}

#[test]
fn a_pinned_key_delivers_whatever_its_certificate_says() {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        // Ended long ago, for another name, and signed by itself.
        let mut params = CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let ground = tls_server(certificate.der().clone(), der, version);
        let wrong = Pin::parse("sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").unwrap();
        let with = |pins: &[Pin]| {
            Spider::with(Settings {
                pins: pins.to_vec(),
                ..settings(&ground.url(), 20, 64 << 10)
            })
        };
        let spider = with(&[wrong]);
        wait("two tries", 20 * SECOND, || ground.tries() >= 2);
        assert!(ground.upgrades().is_empty(), "the token was sent");
        assert_eq!(spider.stop().dropped, 0);

        let spider = with(&[wrong, pin_of(&key)]);
        wait("samples over TLS", 20 * SECOND, || ground.durable() >= 20);
        ground.check(&spider.stop().sampled);
    }
}

fn pin_of(key: &KeyPair) -> Pin {
    let spki = rcgen::PublicKeyData::subject_public_key_info(key);
    let suite = rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let hash = suite.tls13().unwrap().common.hash_provider.hash(&spki);
    Pin(hash.as_ref().try_into().unwrap())
}

#[test]
fn a_certificate_that_can_not_be_trusted_gets_no_token() {
    let authority = authority("Ours");
    let ca = file("bad", &authority.pem);
    let tls13 = &rustls::version::TLS13;
    let cases = [
        (
            "unknown issuer",
            server(&self::authority("Other"), "127.0.0.1", (2020, 2100), tls13),
        ),
        (
            "our issuer's name",
            server(&self::authority("Ours"), "127.0.0.1", (2020, 2100), tls13),
        ),
        (
            "another name",
            server(&authority, "other.example", (2020, 2100), tls13),
        ),
        (
            "ended",
            server(&authority, "127.0.0.1", (2020, 2021), tls13),
        ),
        (
            "not begun",
            server(&authority, "127.0.0.1", (2099, 2100), tls13),
        ),
    ];
    for (what, ground) in cases {
        let spider = Spider::start(&ground.url(), Some(ca.clone()), 50, 64 << 10);
        wait("two tries", 20 * SECOND, || ground.tries() >= 2);
        assert!(ground.upgrades().is_empty(), "{what}: the token was sent");
        assert_eq!(spider.stop().dropped, 0);
    }
    std::fs::remove_file(ca).unwrap();
}

#[test]
fn a_server_that_reads_slowly_does_not_stop_the_sampling() {
    let authority = authority("Ours");
    let ca = file("slow", &authority.pem);
    let ground = server(
        &authority,
        "127.0.0.1",
        (2020, 2100),
        &rustls::version::TLS13,
    );
    ground.pause(true);
    let spider = Spider::prefilled(&ground.url(), Some(ca.clone()), 20, 32 << 20, 4_000, 400);
    wait("the hello", 20 * SECOND, || !ground.hellos().is_empty());
    let before = spider.taken();
    std::thread::sleep(SECOND);
    assert!(spider.taken() - before > 25);
    ground.pause(false);
    let last = spider.taken();
    wait("all of it", 100 * SECOND, || ground.durable() >= last);
    ground.check(&spider.stop().sampled);
    std::fs::remove_file(ca).unwrap();
}
