//! What a scraper of `/metrics` shows instead of a login.

use std::path::Path;
use std::sync::{PoisonError, RwLock};

use sha2::{Digest, Sha256};

use crate::error::{Error, Kind as ErrorKind};

/// A token in a file, and what may stand around it.
const TOKEN_FILE_BYTES_MAX: u64 = 1_024;
const TOKEN_CHARS_MIN: usize = 16;

/// What a scraper shows instead of a login: it reads metrics and nothing else.
pub struct ScrapeToken(RwLock<[u8; 32]>);

impl ScrapeToken {
    /// Reads the file of `--metrics-token-file`.
    ///
    /// # Errors
    /// It can't be read, or what it holds is too short to be a secret.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Ok(Self(RwLock::new(Self::hash_of(path)?)))
    }

    /// The same again, while scrapers come.
    ///
    /// # Errors
    /// As of [`Self::read`]; the token before stays good.
    pub fn reload(&self, path: &Path) -> Result<(), Error> {
        let hash = Self::hash_of(path)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = hash;
        Ok(())
    }

    fn hash_of(path: &Path) -> Result<[u8; 32], Error> {
        use std::os::unix::fs::PermissionsExt as _;
        let wrong = |why: String| {
            Error::new(
                ErrorKind::Config,
                format!("--metrics-token-file {}: {why}.", path.display()),
                "Make one with `openssl rand -hex 32` that only this user can read.",
            )
        };
        let meta = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
        let text = stardust_base::files::read_small(path, TOKEN_FILE_BYTES_MAX).map_err(wrong)?;
        let text = String::from_utf8_lossy(&text);
        let token = text.trim();
        if token.len() < TOKEN_CHARS_MIN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong(format!(
                "it holds no token of {TOKEN_CHARS_MIN} or more characters without spaces"
            )));
        }
        if meta.permissions().mode() & 0o007 != 0 {
            crate::log::warn(&format!(
                "{} can be read by every user of this machine (chmod 600 ends that)",
                path.display()
            ));
        }
        Ok(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether a request with this `Authorization` is one of a scraper.
    pub fn allows(&self, authorization: Option<&str>) -> bool {
        let Some((scheme, token)) = authorization.and_then(|value| value.split_once(' ')) else {
            return false;
        };
        // Hashes are compared: how long it takes tells nothing of the token.
        let given: [u8; 32] = Sha256::digest(token.trim().as_bytes()).into();
        let expected = *self.0.read().unwrap_or_else(PoisonError::into_inner);
        scheme.eq_ignore_ascii_case("bearer") && crate::secret::equal(&given, &expected)
    }
}
