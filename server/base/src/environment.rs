//! What the environment brings, and what of it must not stay there.
//!
//! Secrets are read once and wiped: children don't get them, and `/proc/PID/environ`
//! has them no more. Called by `main` alone, before there is another thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, OsStr, OsString, c_char};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

/// What must not stay, and the credential of systemd that may bring it instead
/// (`LoadCredential=`).
const SECRETS: [(&str, &str); 4] = [
    ("STARDUST_SECRET", "secret"),
    ("STARDUST_SECRET_NEW", "secret-new"),
    ("STARDUST_ADMIN_PASS", "admin-password"),
    ("STARDUST_PASS_NEW", "password-new"),
];
/// A file of a credential that is larger is something else.
const CREDENTIAL_BYTES_MAX: u64 = 8 << 10;

unsafe extern "C" {
    static environ: *const *mut c_char;
}

/// The environment of this process, each secret once.
pub struct Environment {
    secrets: RefCell<HashMap<&'static str, OsString>>,
    credentials: Option<PathBuf>,
}

impl Environment {
    /// Takes the secrets out of the environment.
    ///
    /// # Safety
    /// No other thread may run.
    pub unsafe fn take() -> Self {
        let mut secrets = HashMap::new();
        for (name, _) in SECRETS {
            if let Some(value) = std::env::var_os(name) {
                secrets.insert(name, value);
                // SAFETY: the caller says that we are alone.
                unsafe {
                    wipe(name.as_bytes());
                    std::env::remove_var(name);
                }
            }
        }
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|dir| !dir.is_empty());
        Self {
            secrets: RefCell::new(secrets),
            credentials: credentials.map(PathBuf::from),
        }
    }

    /// The value of a variable; of a secret once, and where it is not set, of the
    /// credential of systemd with its name.
    pub fn get(&self, name: &str) -> Option<OsString> {
        let Some((_, credential)) = SECRETS.iter().find(|(secret, _)| *secret == name) else {
            return std::env::var_os(name);
        };
        let given = self.secrets.borrow_mut().remove(name);
        given
            .filter(|value| !value.is_empty())
            .or_else(|| self.read(credential))
    }

    /// A file that systemd has put there for us (`LoadCredential=NAME:PATH`).
    pub fn credential(&self, name: &str) -> Option<PathBuf> {
        let path = self.credentials.as_ref()?.join(name);
        path.is_file().then_some(path)
    }

    fn read(&self, name: &str) -> Option<OsString> {
        let path = self.credential(name)?;
        let mut bytes = crate::files::read_small(&path, CREDENTIAL_BYTES_MAX).ok()?;
        while bytes
            .last()
            .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
        {
            bytes.pop();
        }
        Some(OsString::from_vec(bytes))
    }
}

/// Writes over the value where the kernel shows it.
///
/// # Safety
/// No other thread may run.
unsafe fn wipe(name: &[u8]) {
    // SAFETY: `environ` is a list of texts that ends with a null, and nobody changes it
    // meanwhile. Bytes before the zero at a text's end may be written.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            let text = CStr::from_ptr(*entry).to_bytes();
            let value = text
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix(b"="));
            if let Some(value) = value {
                let (start, length) = (text.len() - value.len(), value.len());
                for at in start..start + length {
                    (*entry).add(at).write_volatile(0);
                }
            }
            entry = entry.add(1);
        }
    }
}

/// No core dump of this process, and no other process of this user looks into its
/// memory: it has the keys.
pub fn keep_private() {
    // SAFETY: plain numbers. That it was refused leaves things as they are elsewhere.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) };
}

/// A variable as text.
pub fn text(name: impl AsRef<OsStr>) -> Option<String> {
    let value = std::env::var_os(name)?;
    let text = std::str::from_utf8(value.as_bytes()).ok()?;
    (!text.is_empty()).then(|| text.to_owned())
}
