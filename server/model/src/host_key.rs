//! A host's public key, and how it is shown.

use sha2::{Digest, Sha256};

use stardust_shared::base64;

/// Largest public key that is looked at: RSA with 16384 bits is 2 KiB.
const BLOB_BYTES_MAX: usize = 16 << 10;

#[derive(Clone, PartialEq, Eq)]
pub struct HostKey {
    blob: Vec<u8>,
    kind: String,
}

impl HostKey {
    /// From the public key as SSH sends it, which begins with its type's name.
    pub fn from_blob(blob: &[u8]) -> Option<Self> {
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let kind = rest.get(..u32::from_be_bytes(*length) as usize)?;
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-@.".contains(byte);
        let sane = blob.len() <= BLOB_BYTES_MAX
            && (1..=64).contains(&kind.len())
            && kind.iter().all(plain);
        sane.then(|| Self {
            blob: blob.to_vec(),
            kind: kind.iter().map(|&byte| char::from(byte)).collect(),
        })
    }

    /// `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fn sha256(&self) -> String {
        format!(
            "SHA256:{}",
            base64::STANDARD.encode(&Sha256::digest(&self.blob))
        )
    }

    /// As in a known_hosts file, without the host.
    pub fn to_text(&self) -> String {
        format!("{} {}", self.kind, base64::STANDARD.encode(&self.blob))
    }

    pub fn from_text(text: &str) -> Option<Self> {
        let (kind, blob) = text.split_once(' ')?;
        Self::from_blob(&base64::STANDARD.decode_lenient(blob)?).filter(|key| key.kind == kind)
    }
}

impl std::fmt::Debug for HostKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.sha256())
    }
}

/// What the operator has confirmed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pin {
    /// The key itself, from the vault.
    Key(HostKey),
    /// The fingerprint that was shown at the first contact.
    Fingerprint(String),
}

impl Pin {
    /// `SHA256:` and 43 characters, with or without the padding.
    pub fn fingerprint(text: &str) -> Option<Self> {
        let hash = text.strip_prefix("SHA256:")?.trim_end_matches('=');
        let good = hash.len() == 43
            && base64::STANDARD
                .decode_lenient(hash)
                .is_some_and(|bytes| bytes.len() == 32);
        good.then(|| Self::Fingerprint(format!("SHA256:{hash}")))
    }

    /// As the vault keeps it.
    pub fn to_text(&self) -> String {
        match self {
            Self::Key(key) => key.to_text(),
            Self::Fingerprint(text) => text.clone(),
        }
    }

    pub fn from_text(text: &str) -> Option<Self> {
        Self::fingerprint(text).or_else(|| HostKey::from_text(text).map(Self::Key))
    }

    /// The key's type, where the whole key is known.
    pub fn kind(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key.kind()),
            Self::Fingerprint(_) => None,
        }
    }

    pub fn sha256(&self) -> String {
        match self {
            Self::Key(key) => key.sha256(),
            Self::Fingerprint(text) => text.clone(),
        }
    }

    pub fn fits(&self, found: &HostKey) -> bool {
        match self {
            Self::Key(key) => key == found,
            Self::Fingerprint(text) => *text == found.sha256(),
        }
    }
}

/// What is offered in the negotiation, in this order; the pinned key's type goes first.
const ALGORITHMS: &[(&str, &str)] = &[
    ("ssh-ed25519", "ssh-ed25519"),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
    ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
    ("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
    ("ssh-rsa", "rsa-sha2-512"),
    ("ssh-rsa", "rsa-sha2-256"),
];

/// A server with several keys must show the one that is pinned: without asking
/// for its type, an upgrade of the server could look like a changed key.
pub fn algorithms(pinned: Option<&str>) -> String {
    let first = ALGORITHMS.iter().filter(|(kind, _)| Some(*kind) == pinned);
    let rest = ALGORITHMS.iter().filter(|(kind, _)| Some(*kind) != pinned);
    let names: Vec<_> = first.chain(rest).map(|(_, name)| *name).collect();
    names.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    #[test]
    fn fingerprints_are_as_ssh_keygen_prints_them() {
        let key = HostKey::from_text(LINE).unwrap();
        assert_eq!(key.kind(), "ssh-ed25519");
        assert_eq!(key.to_text(), LINE);
        assert_eq!(
            key.sha256(),
            "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
        );
        assert!(Pin::fingerprint(&key.sha256()).unwrap().fits(&key));
        assert!(Pin::Key(key.clone()).fits(&key));
        for wrong in [
            "",
            "SHA256:",
            "MD5:aa:bb",
            "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
        ] {
            assert!(Pin::fingerprint(wrong).is_none(), "{wrong}");
        }
        assert!(HostKey::from_text("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA").is_none());
        assert!(HostKey::from_blob(&[0, 0, 0, 9, b'x']).is_none());
    }

    #[test]
    fn the_pinned_type_is_asked_for_first() {
        assert!(algorithms(None).starts_with("ssh-ed25519,ecdsa"));
        assert!(algorithms(Some("ssh-rsa")).starts_with("rsa-sha2-512,rsa-sha2-256,ssh-ed25519"));
        assert_eq!(algorithms(Some("odd")).split(',').count(), 6);
    }
}
