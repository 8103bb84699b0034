//! What a private key is, told from its text alone.
//!
//! libssh2 answers the same for a missing passphrase, a wrong one and text that
//! is no key at all; so this is told apart before a connection is made.

use stardust_shared::base64;

use super::fault::{Cause, Fault};
use super::limits::KEY_BYTES_MAX;
use stardust_base::secret::Secret;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    Ed25519,
    Ecdsa,
    Rsa,
    /// It is inside of what is encrypted.
    Hidden,
}

impl KeyType {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Ecdsa => "ecdsa",
            Self::Rsa => "rsa",
            Self::Hidden => "encrypted",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    pub kind: KeyType,
    pub encrypted: bool,
}

/// Looks at a key and what was given with it. A passphrase for a key that has
/// none is refused: the operator thinks of another key than this one.
pub fn examine(text: &Secret, passphrase: Option<&Secret>) -> Result<KeyInfo, Fault> {
    let info = read(text.expose())?;
    match (
        info.encrypted,
        passphrase.is_some_and(|given| !given.expose().is_empty()),
    ) {
        (true, false) => Err(Fault::new(
            Cause::PassphraseMissing,
            "The private key is encrypted.",
            "Give its passphrase too.",
        )),
        (false, true) => Err(Fault::new(
            Cause::KeyUnreadable,
            "A passphrase was given, but this private key is not encrypted.",
            "Leave the passphrase empty, or paste the key that it belongs to.",
        )),
        _ => Ok(info),
    }
}

fn read(text: &str) -> Result<KeyInfo, Fault> {
    if text.len() > KEY_BYTES_MAX {
        return Err(no_key("it is too long to be one"));
    }
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(no_key("it is empty"));
    }
    if text.starts_with("PuTTY-User-Key-File-") {
        return Err(unsupported(
            "This is a key in PuTTY's own format (.ppk).",
            "Convert it: `puttygen key.ppk -O private-openssh -o key`, or PuTTYgen's menu \
             Conversions, Export OpenSSH key.",
        ));
    }
    if text.starts_with("---- BEGIN SSH2") {
        return Err(unsupported(
            "This is a key in the format of ssh.com.",
            "Convert it: `ssh-keygen -i -f key > new`, and paste the new one.",
        ));
    }
    let first = text.split_whitespace().next().unwrap_or_default();
    if first.ends_with("-cert-v01@openssh.com") {
        return Err(no_key(
            "this is a certificate, which goes beside its private key",
        ));
    }
    let public = [
        "ssh-",
        "ecdsa-",
        "sk-",
        "-----BEGIN PUBLIC",
        "-----BEGIN RSA PUBLIC",
    ];
    if public.iter().any(|start| text.starts_with(start)) {
        return Err(no_key(
            "this is the public half, the file whose name ends in .pub",
        ));
    }
    if text.starts_with("-----BEGIN CERTIFICATE") {
        return Err(no_key("this is a certificate"));
    }
    let (label, body) = armour(text).ok_or_else(|| no_key("it has no BEGIN and END lines"))?;
    let encrypted_pem = body.contains("Proc-Type: 4,ENCRYPTED");
    let pem = |kind| {
        Ok(KeyInfo {
            kind,
            encrypted: encrypted_pem,
        })
    };
    match label {
        "OPENSSH PRIVATE KEY" => openssh(body),
        "RSA PRIVATE KEY" => pem(KeyType::Rsa),
        "EC PRIVATE KEY" => pem(KeyType::Ecdsa),
        "DSA PRIVATE KEY" => Err(dsa()),
        "ENCRYPTED PRIVATE KEY" => Ok(KeyInfo {
            kind: KeyType::Hidden,
            encrypted: true,
        }),
        "PRIVATE KEY" => pkcs8(body),
        _ => Err(no_key("it is another kind of file")),
    }
}

/// The label and what is between the BEGIN and the END line.
fn armour(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let end = rest.find("-----END ")?;
    let closing = rest[end..].strip_prefix("-----END ")?;
    closing
        .strip_prefix(label)?
        .starts_with("-----")
        .then_some((label, &rest[..end]))
}

/// openssh-key-v1: magic, cipher, kdf, its options, number of keys, public key.
fn openssh(body: &str) -> Result<KeyInfo, Fault> {
    let damaged = || no_key("its inside is damaged: it was cut off or changed when it was copied");
    let bytes = base64::STANDARD.decode_lenient(body).ok_or_else(damaged)?;
    let rest = bytes
        .strip_prefix(b"openssh-key-v1\0")
        .ok_or_else(damaged)?;
    let (cipher, rest) = string(rest).ok_or_else(damaged)?;
    let (_kdf, rest) = string(rest).ok_or_else(damaged)?;
    let (_options, rest) = string(rest).ok_or_else(damaged)?;
    let (_count, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    let (public, rest) = string(rest).ok_or_else(damaged)?;
    // The private half itself must be there in full.
    string(rest).ok_or_else(damaged)?;
    let (kind, _) = string(public).ok_or_else(damaged)?;
    let kind = match kind {
        b"ssh-ed25519" => KeyType::Ed25519,
        b"ssh-rsa" => KeyType::Rsa,
        b"ssh-dss" => return Err(dsa()),
        kind if kind.starts_with(b"ecdsa-sha2-nistp") => KeyType::Ecdsa,
        kind if kind.starts_with(b"sk-") => {
            return Err(unsupported(
                "This key works only together with a hardware token (FIDO).",
                "Make a key for Stardust: `ssh-keygen -t ed25519 -f stardust`, and add its .pub to \
                 the node's authorized_keys.",
            ));
        }
        _ => {
            return Err(unsupported(
                "This type of key is not known.",
                "Use ed25519, ECDSA or RSA.",
            ));
        }
    };
    Ok(KeyInfo {
        kind,
        encrypted: cipher != b"none",
    })
}

/// The public half that a key of OpenSSH's form carries; other forms have it not
/// or hidden.
pub fn public_of(key: &Secret) -> Option<Vec<u8>> {
    let text = key.expose().trim_start_matches('\u{feff}').trim();
    let ("OPENSSH PRIVATE KEY", body) = armour(text)? else {
        return None;
    };
    let bytes = base64::STANDARD.decode_lenient(body)?;
    let mut rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    for _ in 0..3 {
        rest = string(rest)?.1;
    }
    let (_count, rest) = rest.split_first_chunk::<4>()?;
    Some(string(rest)?.0.to_vec())
}

/// PKCS#8: the object identifier says what it is.
fn pkcs8(body: &str) -> Result<KeyInfo, Fault> {
    let damaged = || no_key("its inside is damaged: it was cut off or changed when it was copied");
    let der = base64::STANDARD.decode_lenient(body).ok_or_else(damaged)?;
    // The identifier stands within the first 32 bytes: SEQUENCE, version, SEQUENCE, OID.
    let head = &der[..der.len().min(32)];
    let holds = |oid: &[u8]| head.windows(oid.len()).any(|part| part == oid);
    if !complete(&der) {
        return Err(damaged());
    }
    let kind = if holds(&[
        0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
    ]) {
        KeyType::Rsa
    } else if holds(&[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]) {
        KeyType::Ecdsa
    } else if holds(&[0x06, 0x03, 0x2b, 0x65, 0x70]) {
        KeyType::Ed25519
    } else if holds(&[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01]) {
        return Err(dsa());
    } else {
        return Err(unsupported(
            "This type of key is not one of SSH.",
            "Use ed25519, ECDSA or RSA: `ssh-keygen -t ed25519 -f stardust`.",
        ));
    };
    Ok(KeyInfo {
        kind,
        encrypted: false,
    })
}

/// Whether a DER SEQUENCE is as long as it says.
fn complete(der: &[u8]) -> bool {
    let length = match der {
        [0x30, 0x81, a, rest @ ..] => (usize::from(*a), rest.len()),
        [0x30, 0x82, a, b, rest @ ..] => (usize::from(*a) << 8 | usize::from(*b), rest.len()),
        [0x30, a, rest @ ..] if *a < 0x80 => (usize::from(*a), rest.len()),
        _ => return false,
    };
    length.0 == length.1
}

/// A string of SSH: length, then bytes; and what follows.
pub(super) fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

fn no_key(why: &str) -> Fault {
    Fault::new(
        Cause::KeyUnreadable,
        format!("This is not a private key: {why}."),
        "Paste the whole file, from the line -----BEGIN … PRIVATE KEY----- to the line -----END.",
    )
}

fn unsupported(what: &str, hint: &str) -> Fault {
    Fault::new(Cause::KeyUnsupported, what, hint)
}

pub(super) fn dsa() -> Fault {
    unsupported(
        "This is a DSA key, which servers no longer accept.",
        "Make a new one: `ssh-keygen -t ed25519 -f stardust`, and add its .pub to the node's \
         authorized_keys.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(text: &str) -> Cause {
        read(text).unwrap_err().cause
    }

    #[test]
    fn what_is_no_key_is_said_to_be_none() {
        for text in [
            "",
            "   \n",
            "hello",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n",
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----",
        ] {
            assert_eq!(cause(text), Cause::KeyUnreadable, "{text}");
        }
        assert_eq!(cause(&"-".repeat(KEY_BYTES_MAX + 1)), Cause::KeyUnreadable);
    }

    #[test]
    fn what_can_not_be_used_is_named_with_a_way_out() {
        let ppk = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n";
        let fault = read(ppk).unwrap_err();
        assert_eq!(fault.cause, Cause::KeyUnsupported);
        assert!(fault.hint.contains("puttygen"));
        assert_eq!(
            cause("-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----"),
            Cause::KeyUnsupported
        );
        assert_eq!(
            cause("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nx"),
            Cause::KeyUnsupported
        );
        // A FIDO key: cipher none, kdf none, no options, one key.
        let mut bytes = b"openssh-key-v1\0\0\0\0\x04none\0\0\0\x04none\0\0\0\0\0\0\0\x01".to_vec();
        let kind = b"sk-ssh-ed25519@openssh.com";
        bytes.extend_from_slice(&[0, 0, 0, kind.len() as u8 + 4, 0, 0, 0, kind.len() as u8]);
        bytes.extend_from_slice(kind);
        bytes.extend_from_slice(&[0, 0, 0, 0]);
        let text = format!(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
            base64::STANDARD.encode(&bytes)
        );
        assert_eq!(cause(&text), Cause::KeyUnsupported);
    }

    #[test]
    fn cut_off_text_never_panics() {
        let whole = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQ\n-----END OPENSSH PRIVATE KEY-----";
        for at in 0..whole.len() {
            let _ = read(&whole[..at]);
            let _ = read(&format!(
                "{}\n-----END OPENSSH PRIVATE KEY-----",
                &whole[..at]
            ));
        }
    }
}
