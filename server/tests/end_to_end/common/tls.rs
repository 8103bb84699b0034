//! Certificates of a CA of our own, and a browser as far as TLS goes.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use super::{Answer, Folder, PATIENCE, in_ci, read_answer, request_bytes};

/// Makes `ca.pem`, and `tls.crt` with `tls.key` for localhost. False when there
/// is no openssl.
pub fn certificates(folder: &Folder) -> bool {
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
pub struct Browser {
    pub config: Arc<ClientConfig>,
    pub address: SocketAddr,
}

pub type Secure = StreamOwned<ClientConnection, TcpStream>;

impl Browser {
    /// One that trusts the folder's CA.
    pub fn new(folder: &Folder, address: SocketAddr) -> Self {
        Self::with_versions(Self::roots(folder), address, rustls::DEFAULT_VERSIONS)
    }

    pub fn roots(folder: &Folder) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(folder.join("ca.pem")).unwrap())
            .unwrap();
        roots
    }

    pub fn with_versions(
        roots: RootCertStore,
        address: SocketAddr,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            config: Arc::new(config),
            address,
        }
    }

    pub fn connect(&self) -> Secure {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        self.over(stream)
    }

    pub fn over(&self, stream: TcpStream) -> Secure {
        let name = ServerName::try_from("localhost").unwrap();
        StreamOwned::new(
            ClientConnection::new(Arc::clone(&self.config), name).unwrap(),
            stream,
        )
    }

    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    pub fn request(
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
