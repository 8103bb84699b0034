//! TLS ends at nginx: certificates of a CA of our own, `wss://` from the Spider.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use super::proxy::{self, Nginx};
use crate::common::{
    ADMIN_PASSWORD, Answer, Folder, PATIENCE, Session, Setup, Spider, eventually, in_ci,
    read_answer, request_bytes,
};

/// Makes `ca.pem`, and `tls.crt` with `tls.key` for localhost. False when there
/// is no openssl.
fn certificates(folder: &Folder) -> bool {
    let openssl = |args: &[&str]| {
        let output = match Command::new("openssl")
            .args(args)
            .current_dir(folder.path())
            .output()
        {
            Ok(output) => output,
            Err(error) => {
                assert!(!in_ci(), "openssl can't be started: {error}");
                eprintln!("LEFT OUT: openssl is not installed (Debian: apt-get install openssl).");
                return false;
            }
        };
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        true
    };
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n";
    std::fs::write(folder.join("names"), names).unwrap();
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ];
    let ca = [
        "-x509",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-subj",
        "/CN=Test CA",
        "-days",
        "2",
    ];
    let server = [
        "-keyout",
        "tls.key",
        "-out",
        "tls.csr",
        "-subj",
        "/CN=localhost",
    ];
    openssl(&[&["req"], &key[..], &ca[..]].concat())
        && openssl(&[&["req"], &key[..], &server[..]].concat())
        && openssl(&[
            "x509",
            "-req",
            "-in",
            "tls.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-out",
            "tls.crt",
            "-days",
            "2",
            "-extfile",
            "names",
        ])
}

/// A browser, as far as TLS goes.
struct Browser {
    config: Arc<ClientConfig>,
    address: SocketAddr,
}

type Secure = StreamOwned<ClientConnection, TcpStream>;

impl Browser {
    fn new(folder: &Folder, address: SocketAddr) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(folder.join("ca.pem")).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            config: Arc::new(config),
            address,
        }
    }

    fn connect(&self) -> Secure {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        StreamOwned::new(
            ClientConnection::new(Arc::clone(&self.config), name).unwrap(),
            stream,
        )
    }

    fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> (Answer, Secure) {
        let mut stream = self.connect();
        stream
            .write_all(&request_bytes(method, target, &self.host(), headers, body))
            .unwrap();
        let answer = read_answer(&mut BufReader::with_capacity(1, &mut stream)).unwrap();
        (answer, stream)
    }
}

#[test]
fn https_and_wss_end_at_nginx() {
    let Some(binary) = proxy::binary() else {
        return;
    };
    let folder = Folder::new("nginx-tls");
    if !certificates(&folder) {
        return;
    }
    let ground_control = Setup::new().args(&["--trusted-proxy", "127.0.0.1"]).start();
    let ca_file = folder.join("ca.pem").to_str().unwrap().to_owned();
    let ca_copy = Folder::new("ca");
    std::fs::copy(&ca_file, ca_copy.join("ca.pem")).unwrap();
    let nginx = Nginx::tls(&binary, folder, ground_control.address);
    let browser = Browser::new(&ca_copy, nginx.address);

    assert_eq!(browser.request("GET", "/", &[], None).0.status, 200);
    let body = json!({"user": "admin", "password": ADMIN_PASSWORD});
    let (login, _) = browser.request("POST", "/api/auth/login", &[], Some(&body));
    assert_eq!(login.status, 200, "{}", login.text());
    for cookie in login.headers_named("Set-Cookie") {
        assert!(cookie.to_ascii_lowercase().contains("; secure"), "{cookie}");
    }
    let of_browser = Session::of(ground_control.address, &login);

    // The command of a new node says wss.
    let origin = format!("https://{}", browser.host());
    let cookie = of_browser.cookie.as_str();
    let headers = [
        ("Cookie", cookie),
        ("X-CSRF-Token", of_browser.csrf.as_str()),
    ];
    let (added, _) = browser.request(
        "POST",
        "/api/nodes",
        &headers,
        Some(&json!({"name": "secure"})),
    );
    assert_eq!(added.status, 201, "{}", added.text());
    let added = added.json();
    let command = added["command"].as_str().unwrap();
    let url = format!("wss://{}", browser.host());
    assert!(command.contains(&url), "{command}");

    let token = added["token"].as_str().unwrap();
    let id = added["id"].as_i64().unwrap();
    let session = ground_control.login();
    // A Spider that does not know the CA says so and delivers nothing.
    let mut stranger = Spider::start(&url, token, 200, &[]);
    let line = stranger.process.line_with("certificate");
    assert!(!line.contains(token), "{line}");
    assert_eq!(session.status(id), "pending");
    drop(stranger);
    let _spider = Spider::start(&url, token, 200, &["--ca-file", &ca_file]);
    eventually("the node is online", || {
        (session.status(id) == "online").then_some(())
    });

    // The live view over wss.
    let handshake = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Cookie", cookie),
        ("Origin", &origin),
    ];
    let (answer, stream) = browser.request("GET", "/live", &handshake, None);
    assert_eq!(answer.status, 101, "{}", answer.text());
    stream.sock.set_read_timeout(Some(PATIENCE)).unwrap();
    let role = tungstenite::protocol::Role::Client;
    let mut live = tungstenite::WebSocket::from_raw_socket(stream, role, None);
    let mut kinds = Vec::new();
    while kinds.len() < 3 {
        let message = live.read().expect("a message");
        if let tungstenite::Message::Text(text) = message {
            let message: Value = serde_json::from_str(&text).unwrap();
            kinds.push(message["type"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(kinds, ["snapshot", "changes", "changes"]);
}
