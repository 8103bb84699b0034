//! wss:// by rustls with ring: TLS 1.2 and 1.3 over a socket that never blocks.
//!
//! The trusted certificates are read when a server shows its own and are gone
//! again right after: a hundred and fifty of them would otherwise be most of the
//! Spider's memory. A renewed `--ca-file` is seen at the next connection.
//!
//! With `--pin` the server's public key alone decides: its name, its signer and
//! its dates do not count. In every case the handshake proves that the server
//! has the private key.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::{CryptoProvider, KeyProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SigningKey;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};

use super::tcp::Tcp;
use crate::config::Pin;

/// Where distributions keep the certificates that they trust.
const SYSTEM_CA_FILES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

#[derive(Debug)]
pub struct TlsStream {
    tls: ClientConnection,
    tcp: Tcp,
}

impl TlsStream {
    /// TLS to `host` over the connected `tcp`. Nothing is sent yet.
    pub fn new(host: &str, ca_file: Option<&Path>, pins: &[Pin], tcp: Tcp) -> Result<Self, Error> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::General(format!("{host} is not a valid server name")))?;
        let provider = Arc::new(CryptoProvider {
            key_provider: &NoKeys,
            ..rustls::crypto::ring::default_provider()
        });
        let verifier = Arc::new(Verifier {
            ca_file: ca_file.map(Path::to_owned),
            pins: pins.to_vec(),
            provider: Arc::clone(&provider),
        });
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        // One connection for days: tickets would be memory for nothing.
        config.resumption = Resumption::disabled();
        let tls = ClientConnection::new(Arc::new(config), name)?;
        Ok(Self { tls, tcp })
    }

    pub fn tcp(&mut self) -> &mut Tcp {
        &mut self.tcp
    }

    fn write_pending(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut self.tcp)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

impl Read for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Cut without TLS's own good-bye; the WebSocket has one too.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                result => return result,
            }
            // The handshake and key updates answer while we read.
            match self.write_pending() {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
            if self.tls.read_tls(&mut self.tcp)? == 0 && self.tls.is_handshaking() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Err(error) = self.tls.process_new_packets() {
                // Tells the server why, if the socket takes it.
                let _ = self.write_pending();
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Goes out with the flush that follows, several writes in one record.
        let taken = self.tls.writer().write(bytes)?;
        if taken == 0 && !bytes.is_empty() {
            self.write_pending()?;
            return match self.tls.writer().write(bytes)? {
                0 => Err(io::ErrorKind::WouldBlock.into()),
                taken => Ok(taken),
            };
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_pending()
    }
}

/// A Spider shows a token, never a certificate of its own. Saying so leaves out
/// all that reads private keys and signs with them.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General(
            "a Spider has no certificate of its own".into(),
        ))
    }
}

/// Checks certificates as rustls does, with roots that it reads only then.
#[derive(Debug)]
struct Verifier {
    ca_file: Option<PathBuf>,
    pins: Vec<Pin>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn check_pin(&self, end_entity: &CertificateDer<'_>) -> Result<(), Error> {
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let seen = Pin(sha256(&key)?);
        if self.pins.contains(&seen) {
            return Ok(());
        }
        Err(Error::General(format!(
            "the server's public key is not the pinned one: its pin is {seen}. On the server, `openssl x509 -in CERT -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64` prints the real one: if it is the same put it into --pin, else somebody is in between"
        )))
    }
}

/// SHA-256 by the provider that TLS needs anyway.
fn sha256(bytes: &[u8]) -> Result<[u8; 32], Error> {
    let none = || Error::General("this build of TLS has no SHA-256; report this".into());
    let suite = TLS13_AES_128_GCM_SHA256.tls13().ok_or_else(none)?;
    let hash = suite.common.hash_provider.hash(bytes);
    hash.as_ref().try_into().map_err(|_| none())
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.pins.is_empty() {
            self.check_pin(end_entity)?;
            return Ok(ServerCertVerified::assertion());
        }
        let shown = || std::iter::once(end_entity).chain(intermediates);
        let (roots, own) = load_roots(self.ca_file.as_deref(), end_entity, |subject| {
            shown().any(|der| contains(der, subject))
        })?;
        if roots.is_empty() {
            return Err(CertificateError::UnknownIssuer.into());
        }
        let certificate = ParsedCertificate::try_from(end_entity)?;
        // What rustls's own verifier does, without its lists of revoked
        // certificates: there are none here, and the code for them is large.
        let signed = verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        );
        match signed.and_then(|()| verify_server_name(&certificate, server_name)) {
            // The operator named this very certificate. What is left to hold
            // against it is how it was made: `openssl req -x509` makes
            // authorities, which webpki takes for no server. It looks at the
            // dates before that, and a test holds it to it.
            Err(Error::InvalidCertificate(error)) if own && !is_of_time(&error) => {
                verify_server_name(&certificate, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            checked => checked.map(|()| ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Whether the clock, the server's or ours, is what `error` is about.
fn is_of_time(error: &CertificateError) -> bool {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    matches!(
        error,
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. }
    )
}

/// The trusted certificates whose subject `wanted` accepts. The issuer's name
/// stands in every certificate that it signed, so the others can't matter.
/// And whether `leaf` itself is in the `ca_file`.
fn load_roots(
    ca_file: Option<&Path>,
    leaf: &CertificateDer<'_>,
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<(RootCertStore, bool), Error> {
    let file = match ca_file {
        Some(file) => file,
        None => SYSTEM_CA_FILES
            .iter()
            .map(Path::new)
            .find(|file| file.exists())
            .ok_or_else(|| {
                Error::General(
                    "this machine has no list of trusted certificates; install ca-certificates, or give the server's CA with --ca-file"
                        .into(),
                )
            })?,
    };
    let unreadable = |error: rustls::pki_types::pem::Error| {
        Error::General(format!(
            "trusted certificates can't be read from {}: {error}; check the file and its permissions",
            file.display()
        ))
    };
    let mut roots = RootCertStore::empty();
    let (mut found, mut own) = (false, false);
    for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
        found = true;
        let certificate = certificate.map_err(unreadable)?;
        own |= ca_file.is_some() && certificate == *leaf;
        // System lists hold a few that rustls does not read; they trust nothing then.
        if roots.add(certificate).is_ok()
            && !roots.roots.last().is_some_and(|root| wanted(&root.subject))
        {
            roots.roots.pop();
        }
    }
    if !found {
        return Err(Error::General(format!(
            "{} holds no certificate in PEM form",
            file.display()
        )));
    }
    Ok((roots, own))
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && hay.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests;
