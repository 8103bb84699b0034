//! The certificate of the public port: loaded at start, and again when its files change.
//!
//! A thread looks at the files every few seconds; the gate only ever takes the
//! configuration that is ready. A new pair that is no good is reported, and the
//! old one stays.

pub mod expiry;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ProducesTickets;

use crate::clock::wall_ms;
use crate::error::{Error, Kind};

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often it is said that the certificate ends.
const TELL_EVERY: Duration = Duration::from_secs(86_400);
/// A chain and a key are a few KiB; anything larger is the wrong file.
const FILE_BYTES_MAX: u64 = 1 << 20;
const CHAIN_MAX: usize = 16;

/// Where the certificate chain and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// The configuration for new connections.
#[derive(Clone)]
pub struct TlsSlot {
    current: Arc<Mutex<Arc<ServerConfig>>>,
    /// Until when the certificate is good; `i64::MAX` when it does not say.
    not_after_ms: Arc<AtomicI64>,
    /// The files are read again though they look the same.
    asked: Arc<AtomicBool>,
}

impl TlsSlot {
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(
            &self
                .current
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        )
    }

    /// Until when the certificate is good, in Unix milliseconds.
    pub fn not_after_ms(&self) -> Option<i64> {
        let found = self.not_after_ms.load(Ordering::Relaxed);
        (found != i64::MAX).then_some(found)
    }

    /// Reads the files again soon, changed or not.
    pub fn reload(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    fn take(&self, loaded: Loaded) {
        *self
            .current
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = Arc::new(loaded.config);
        let not_after_ms = loaded.not_after_ms.unwrap_or(i64::MAX);
        self.not_after_ms.store(not_after_ms, Ordering::Relaxed);
    }

    /// Says so when the certificate ends soon or has ended.
    fn tell_end(&self) {
        let words = self
            .not_after_ms()
            .and_then(|end| expiry::words(end, wall_ms()));
        if let Some(words) = words {
            crate::log::warn(&words);
        }
    }
}

struct Loaded {
    config: ServerConfig,
    not_after_ms: Option<i64>,
}

/// Loads the pair and starts the thread that follows its changes.
pub fn start(files: TlsFiles) -> Result<TlsSlot, Error> {
    let ticketer = rustls::crypto::ring::Ticketer::new().map_err(|error| {
        Error::new(
            Kind::System,
            format!("TLS tickets can't be made: {error}."),
            "",
        )
    })?;
    let before = stamp(&files);
    let loaded = load(&files, &ticketer).map_err(|why| {
        Error::new(
            Kind::Config,
            format!("The TLS certificate can't be used: {why}."),
            "Give --tls-cert the chain in PEM, leaf first, and --tls-key its private key.",
        )
    })?;
    let slot = TlsSlot {
        current: Arc::new(Mutex::new(Arc::new(loaded.config))),
        not_after_ms: Arc::new(AtomicI64::new(loaded.not_after_ms.unwrap_or(i64::MAX))),
        asked: Arc::default(),
    };
    slot.tell_end();
    let shared = slot.clone();
    std::thread::Builder::new()
        .name("tls-files".into())
        .spawn(move || follow(&files, &ticketer, &shared, before))
        .map_err(|error| Error::system("start the thread that follows the certificate", &error))?;
    Ok(slot)
}

fn follow(files: &TlsFiles, ticketer: &Arc<dyn ProducesTickets>, slot: &TlsSlot, mut seen: Stamp) {
    let mut told = Instant::now();
    loop {
        std::thread::sleep(LOOK_EVERY);
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            slot.tell_end();
        }
        let now = stamp(files);
        if now == seen && !slot.asked.swap(false, Ordering::Relaxed) {
            continue;
        }
        // The two files are replaced one after the other: a pair that does not
        // match yet is looked at again when the second one changes.
        match load(files, ticketer) {
            Ok(loaded) => {
                slot.take(loaded);
                crate::log::info("the TLS certificate was reloaded");
                slot.tell_end();
            }
            Err(why) => crate::log::error(&format!(
                "the new TLS certificate can't be used, the old one stays: {why}. It is looked \
                 at again when {} or {} changes.",
                files.cert.display(),
                files.key.display()
            )),
        }
        seen = now;
    }
}

type Stamp = [Option<(SystemTime, u64)>; 2];

/// When the files were written and how long they are; links are followed, as
/// certificate tools replace links.
fn stamp(files: &TlsFiles) -> Stamp {
    [&files.cert, &files.key].map(|path| {
        let meta = fs::metadata(path).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    })
}

fn load(files: &TlsFiles, ticketer: &Arc<dyn ProducesTickets>) -> Result<Loaded, String> {
    let chain = CertificateDer::pem_slice_iter(&read(&files.cert)?)
        .take(CHAIN_MAX + 1)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("{}: {error}", files.cert.display()))?;
    if chain.is_empty() || chain.len() > CHAIN_MAX {
        let count = chain.len();
        return Err(format!(
            "{} holds {count} certificates, not 1 to {CHAIN_MAX}",
            files.cert.display()
        ));
    }
    let not_after_ms = chain.first().and_then(|leaf| expiry::not_after_ms(leaf));
    // The text of an error about the key never holds any of it.
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        .map_err(|_| format!("{} holds no private key in PEM", files.key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                "the key does not belong to the certificate".to_string()
            }
            other => other.to_string(),
        })?;
    config.ticketer = Arc::clone(ticketer);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Resumed sessions need no more; each ticket costs the client memory.
    config.send_tls13_tickets = 1;
    Ok(Loaded {
        config,
        not_after_ms,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    stardust_base::files::read_small(path, FILE_BYTES_MAX)
        .map_err(|why| format!("{}: {why}", path.display()))
}
