//! What the Spider is told to do, once flags, environment and file are read.

use std::path::PathBuf;

use stardust_shared::limits::{INTERVAL_MS_DEFAULT, RING_BYTES_DEFAULT};
use stardust_shared::{Secret, ServerUrl};

use super::pin::Pin;
use super::proxy::Proxy;
use crate::collect::rules::Rules;

/// The environment variable that may carry the node token.
pub const TOKEN_VARIABLE: &str = "STARDUST_TOKEN";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub server: Option<ServerUrl>,
    pub token: Option<Secret>,
    pub interval_ms: u64,
    pub root: PathBuf,
    pub ring_bytes: usize,
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Public keys of which the server must have one, whoever signed it.
    pub pins: Vec<Pin>,
    /// Where unacknowledged samples outlive this process, and how many bytes of them.
    pub ring_file: Option<PathBuf>,
    pub ring_file_bytes: usize,
    pub proxy: Option<Proxy>,
    /// What becomes of interfaces, disks and mounts by their names and their age.
    pub rules: Rules,
    pub mode: Mode,
    /// Told on stderr at start: nothing that stops us.
    pub warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Samples go to Ground Control.
    Link,
    /// Samples go to stdout as JSON lines.
    Stdout,
    /// One sample goes to stdout.
    Once,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: None,
            token: None,
            interval_ms: INTERVAL_MS_DEFAULT,
            root: PathBuf::from("/"),
            ring_bytes: RING_BYTES_DEFAULT,
            ca_file: None,
            pins: Vec::new(),
            ring_file: None,
            ring_file_bytes: RING_BYTES_DEFAULT,
            proxy: None,
            rules: Rules::default(),
            mode: Mode::Link,
            warnings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let config = Config {
            token: Some(Secret::new("s3cr3t-token".to_owned())),
            ..Config::default()
        };
        assert!(!format!("{config:?}").contains("s3cr3t"));
    }
}
