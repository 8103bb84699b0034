//! TLS that Ground Control ends itself, on the one public port.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use rustls::HandshakeKind;
use serde_json::json;

use crate::common::{
    ADMIN_PASSWORD, Browser, Folder, GroundControl, PATIENCE, Session, Setup, Spider, certificates,
    eventually, request_bytes,
};

/// A Ground Control with a certificate, and the folder of both; `None` without openssl.
fn secure() -> Option<(GroundControl, Folder)> {
    let folder = Folder::new("own-tls");
    if !certificates(&folder) {
        return None;
    }
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let flags = [
        "--tls-cert",
        &path("tls.crt"),
        "--tls-key",
        &path("tls.key"),
    ];
    Some((Setup::new().args(&flags).start(), folder))
}

#[test]
fn page_login_and_spider_over_own_tls() {
    let Some((ground_control, folder)) = secure() else {
        return;
    };
    let browser = Browser::new(&folder, ground_control.address);
    assert_eq!(browser.request("GET", "/", &[], None).0.status, 200);
    let body = json!({"user": "admin", "password": ADMIN_PASSWORD});
    let (login, _) = browser.request("POST", "/api/auth/login", &[], Some(&body));
    assert_eq!(login.status, 200, "{}", login.text());
    for cookie in login.headers_named("Set-Cookie") {
        assert!(cookie.to_ascii_lowercase().contains("; secure"), "{cookie}");
    }
    let bearer = Session::of(ground_control.address, &login).bearer();
    let headers = [("Authorization", bearer.as_str())];
    let (added, _) = browser.request(
        "POST",
        "/api/nodes",
        &headers,
        Some(&json!({"name": "secure"})),
    );
    let added = added.json();
    let url = format!("wss://{}", browser.host());
    assert!(added["command"].as_str().unwrap().contains(&url), "{added}");
    let ca_file = folder.join("ca.pem").to_str().unwrap().to_owned();
    let token = added["token"].as_str().unwrap();
    let _spider = Spider::start(&url, token, 200, &["--ca-file", &ca_file]);
    let target = format!("/api/nodes/{}", added["id"]);
    eventually("the node is online", || {
        let (node, _) = browser.request("GET", &target, &headers, None);
        (node.json()["status"] == "online").then_some(())
    });
}

#[test]
fn both_versions_are_spoken_and_sessions_resume() {
    let Some((ground_control, folder)) = secure() else {
        return;
    };
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let roots = Browser::roots(&folder);
        let browser = Browser::with_versions(roots, ground_control.address, &[version]);
        let kind = |browser: &Browser| {
            let (answer, stream) = browser.request("GET", "/healthz", &[], None);
            assert_eq!(answer.status, 200);
            assert_eq!(stream.conn.protocol_version(), Some(version.version));
            stream.conn.handshake_kind()
        };
        assert_eq!(kind(&browser), Some(HandshakeKind::Full), "{version:?}");
        assert_eq!(kind(&browser), Some(HandshakeKind::Resumed), "{version:?}");
    }
}

#[test]
fn a_new_certificate_is_taken_and_a_bad_one_is_not() {
    let Some((mut ground_control, folder)) = secure() else {
        return;
    };
    let address = ground_control.address;
    let first = certificate(&folder, address);
    let kept = std::fs::read(folder.join("tls.crt")).unwrap();
    std::fs::write(folder.join("tls.crt"), "no certificate").unwrap();
    ground_control.process.line_with("the old one stays");
    assert_eq!(certificate(&folder, address), first);
    std::fs::write(folder.join("tls.crt"), kept).unwrap();
    ground_control.process.line_with("was reloaded");
    // A new CA, certificate and key, as a renewal makes them.
    assert!(certificates(&folder));
    eventually("the new certificate is served", || {
        // Until then the browser does not trust what it is shown.
        let trusted = std::panic::catch_unwind(|| certificate(&folder, address));
        trusted.ok().filter(|renewed| *renewed != first)
    });
}

/// What a new browser is shown; nothing is resumed.
fn certificate(folder: &Folder, address: SocketAddr) -> Vec<u8> {
    let browser = Browser::new(folder, address);
    let (answer, stream) = browser.request("GET", "/healthz", &[], None);
    assert_eq!(answer.status, 200);
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn what_is_no_tls_is_told_so_or_dropped() {
    let Some((ground_control, folder)) = secure() else {
        return;
    };
    let talk = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(ground_control.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    };
    let plain = talk(&request_bytes("GET", "/", "localhost", &[], None));
    let plain = String::from_utf8_lossy(&plain);
    assert!(
        plain.starts_with("HTTP/1.1 400") && plain.contains("https://"),
        "{plain}"
    );
    // Handshake bytes that make no sense end in an alert: record type 21.
    let garbage = talk(&[&[0x16, 3, 1, 0, 40][..], &[0xff; 40]].concat());
    assert!(garbage.is_empty() || garbage[0] == 21, "{garbage:?}");
    // A handshake that never goes on, and one that ends early, hold up nobody.
    let _stalled: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(ground_control.address).unwrap();
            stream.write_all(&[0x16, 3, 1]).unwrap();
            stream
        })
        .collect();
    let browser = Browser::new(&folder, ground_control.address);
    assert_eq!(browser.request("GET", "/healthz", &[], None).0.status, 200);
}

#[test]
fn a_pair_that_does_not_fit_is_refused_at_start() {
    let folder = Folder::new("own-tls");
    if !certificates(&folder) {
        return;
    }
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let refused = |cert: &str, key: &str, words: &str| {
        let flags = ["--tls-cert", &path(cert), "--tls-key", &path(key)];
        let (status, output) = Setup::new().args(&flags).refused();
        assert_eq!(status.code(), Some(78), "{output}");
        assert!(output.contains(words), "{output}");
        assert!(!output.contains("PRIVATE"), "{output}");
    };
    refused("tls.crt", "ca.key", "does not belong to the certificate");
    refused("tls.crt", "tls.crt", "holds no private key");
    refused("tls.key", "tls.key", "0 certificates");
    refused("missing", "tls.key", "missing");
    // What would never end, or never begin.
    for no_file in ["/dev/zero", "/dev/stdin", "/"] {
        refused(no_file, "tls.key", "no regular file");
        refused("tls.crt", no_file, "no regular file");
    }
}
