//! A user certificate of OpenSSH (`id_ed25519-cert.pub`), which goes beside a
//! private key. Read before a server sees it, since servers say only that they
//! refuse it. Pure.

use stardust_shared::base64;

use super::fault::{Cause, Fault, printable};
use super::key;
use super::limits::KEY_BYTES_MAX;
use stardust_base::secret::Secret;

const SUFFIX: &str = "-cert-v01@openssh.com";
const USER: u32 = 1;
/// Names in one that are looked at.
const PRINCIPALS_MAX: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// `ssh-ed25519`, without what makes it a certificate's.
    pub kind: String,
    /// Whom it is for; nobody named means what the server makes of it.
    pub principals: Vec<String>,
    /// Seconds since 1970.
    after_s: u64,
    before_s: u64,
    /// The public key that it certifies, as SSH sends it.
    public: Vec<u8>,
}

/// Looks at a certificate and the key that it was given with.
pub fn examine(text: &Secret, private_key: &Secret, now_s: u64) -> Result<Certificate, Fault> {
    let certificate = read(text.expose())?;
    if let Some(public) = key::public_of(private_key)
        && public != certificate.public
    {
        return Err(unusable(
            "The certificate is for another key than this one.",
            "Paste the certificate that lies beside the key, in the file whose name ends in \
             -cert.pub.",
        ));
    }
    if now_s >= certificate.before_s {
        return Err(unusable(
            &format!(
                "The certificate has ended {} ago.",
                span(now_s - certificate.before_s)
            ),
            "Have the authority issue a new one for this key.",
        ));
    }
    if now_s < certificate.after_s {
        return Err(unusable(
            &format!(
                "The certificate begins in {}.",
                span(certificate.after_s - now_s)
            ),
            "Wait until then, or check the clocks of this machine and of the authority.",
        ));
    }
    Ok(certificate)
}

/// As libssh2 takes it: type and base64, on one line.
pub fn line(text: &Secret) -> String {
    let words = text.expose().trim_start_matches('\u{feff}');
    let words: Vec<&str> = words.split_whitespace().take(2).collect();
    words.join(" ")
}

fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} minutes", seconds / 60),
        7_200..=172_799 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `ssh-ed25519-cert-v01@openssh.com AAAA… comment`.
fn read(text: &str) -> Result<Certificate, Fault> {
    if text.len() > KEY_BYTES_MAX {
        return Err(no_certificate("it is too long to be one"));
    }
    let mut words = text.trim_start_matches('\u{feff}').split_whitespace();
    let (Some(kind), Some(body)) = (words.next(), words.next()) else {
        return Err(no_certificate("it is not a line of type and base64"));
    };
    if kind.starts_with("-----BEGIN") {
        return Err(no_certificate("it is a file in PEM form"));
    }
    let Some(plain) = kind.strip_suffix(SUFFIX) else {
        return Err(no_certificate("it is a public key that nobody has signed"));
    };
    if plain.starts_with("sk-") {
        return Err(unusable(
            "This certificate is for a key that works only together with a hardware token (FIDO).",
            "Have one issued for a key of Stardust's own: `ssh-keygen -t ed25519 -f stardust`.",
        ));
    }
    let damaged = || no_certificate("its inside is damaged: it was cut off or changed");
    let bytes = base64::STANDARD.decode_lenient(body).ok_or_else(damaged)?;
    parse(kind, plain, &bytes).ok_or_else(damaged)?
}

fn parse(kind: &str, plain: &str, bytes: &[u8]) -> Option<Result<Certificate, Fault>> {
    let (inside, rest) = key::string(bytes)?;
    if inside != kind.as_bytes() {
        return None;
    }
    let (_nonce, fields) = key::string(rest)?;
    // The public key's own fields stand here as they do in the key.
    let count = match plain {
        "ssh-ed25519" => 1,
        "ssh-rsa" => 2,
        _ if plain.starts_with("ecdsa-sha2-nistp") => 2,
        "ssh-dss" => return Some(Err(key::dsa())),
        _ => return None,
    };
    let mut rest = fields;
    for _ in 0..count {
        rest = key::string(rest)?.1;
    }
    let own = &fields[..fields.len() - rest.len()];
    let mut public = Vec::new();
    public.extend_from_slice(&u32::try_from(plain.len()).ok()?.to_be_bytes());
    public.extend_from_slice(plain.as_bytes());
    public.extend_from_slice(own);
    let (_serial, rest) = rest.split_first_chunk::<8>()?;
    let (who, rest) = rest.split_first_chunk::<4>()?;
    let (_id, rest) = key::string(rest)?;
    let (mut names, rest) = key::string(rest)?;
    let (after, rest) = rest.split_first_chunk::<8>()?;
    let (before, _) = rest.split_first_chunk::<8>()?;
    if u32::from_be_bytes(*who) != USER {
        return Some(Err(unusable(
            "This is the certificate of a host, not of a user.",
            "Paste the one that lies beside your own key, in the file whose name ends in -cert.pub.",
        )));
    }
    let mut principals = Vec::new();
    while !names.is_empty() && principals.len() < PRINCIPALS_MAX {
        let (name, rest) = key::string(names)?;
        principals.push(printable(&String::from_utf8_lossy(name)));
        names = rest;
    }
    Some(Ok(Certificate {
        kind: plain.to_owned(),
        principals,
        after_s: u64::from_be_bytes(*after),
        before_s: u64::from_be_bytes(*before),
        public,
    }))
}

fn no_certificate(why: &str) -> Fault {
    unusable(
        &format!("This is not a certificate: {why}."),
        "Paste the line from the file whose name ends in -cert.pub, or leave the certificate out.",
    )
}

fn unusable(what: &str, hint: &str) -> Fault {
    Fault::new(Cause::CertificateUnusable, what, hint)
}

#[cfg(test)]
mod tests {
    use super::super::testing::keygen;
    use super::*;
    use stardust_base::testing::Folder;

    fn now_s() -> u64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.unwrap().as_secs()
    }

    struct Made(Folder);

    impl Made {
        fn new() -> Self {
            let made = Self(Folder::new());
            made.key("ca", "ed25519");
            made
        }

        fn path(&self, name: &str) -> String {
            self.0.join(name).to_str().unwrap().to_owned()
        }

        fn key(&self, name: &str, kind: &str) {
            keygen(&["-t", kind, "-N", "", "-f", &self.path(name)]);
        }

        fn sign(&self, name: &str, more: &[&str]) {
            let (ca, public) = (self.path("ca"), self.path(&format!("{name}.pub")));
            let mut arguments = vec!["-s", &ca, "-I", "test"];
            arguments.extend(more);
            arguments.push(&public);
            keygen(&arguments);
        }

        fn read(&self, name: &str) -> Secret {
            Secret::new(std::fs::read_to_string(self.0.join(name)).unwrap())
        }

        fn examine(&self, certificate: &str, key: &str, now_s: u64) -> Result<Certificate, Fault> {
            examine(&self.read(certificate), &self.read(key), now_s)
        }
    }

    #[test]
    fn what_ssh_keygen_has_signed_is_read() {
        let made = Made::new();
        for (kind, name) in [
            ("ed25519", "ssh-ed25519"),
            ("rsa", "ssh-rsa"),
            ("ecdsa", "ecdsa-sha2-nistp256"),
        ] {
            made.key(kind, kind);
            made.sign(kind, &["-n", "ops,root", "-V", "-5m:+1h"]);
            let file = format!("{kind}-cert.pub");
            let found = made.examine(&file, kind, now_s()).unwrap();
            assert_eq!(found.kind, name);
            assert_eq!(found.principals, ["ops", "root"]);
            let why = |name: &str, now_s| made.examine(&file, name, now_s).unwrap_err();
            let ended = why(kind, now_s() + 7_300);
            assert_eq!(ended.cause, Cause::CertificateUnusable);
            assert!(ended.detail.contains("has ended"), "{ended}");
            assert!(why(kind, now_s() - 3_600).detail.contains("begins in"));
            assert!(why("ca", now_s()).detail.contains("another key"));
        }
    }

    #[test]
    fn what_is_no_user_certificate_is_said() {
        let made = Made::new();
        made.key("k", "ed25519");
        made.sign("k", &["-h", "-n", "host.example"]);
        let host = made.examine("k-cert.pub", "k", now_s()).unwrap_err();
        assert!(host.detail.contains("of a host"), "{host}");
        let plain = made.examine("k.pub", "k", now_s()).unwrap_err();
        assert!(plain.detail.contains("nobody has signed"), "{plain}");
        let pem = made.examine("k", "k", now_s()).unwrap_err();
        assert!(pem.detail.contains("PEM"), "{pem}");
        for text in ["", "hello", "ssh-ed25519-cert-v01@openssh.com AAAA"] {
            let fault = read(text).unwrap_err();
            assert_eq!(fault.cause, Cause::CertificateUnusable, "{text}");
        }
        // Cut off anywhere: no panic, and never taken.
        let whole = line(&made.read("k-cert.pub"));
        for at in 0..whole.len() {
            assert!(read(&whole[..at]).is_err(), "{at}");
        }
    }
}
