//! The vault: SSH credentials, encrypted in the database.
//!
//! Each field is sealed on its own with AES-256-GCM, a random nonce, and the
//! node's number and the field's name as associated data: what was moved to
//! another node or field does not open. Plaintext is only here and in the job
//! that uses it, in types that are zeroed when dropped. Called from API workers
//! and jobs.

mod credentials;
mod known;
pub mod rekey;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use credentials::{Credentials, Login};
pub use known::{Same, Shown};
pub use stardust_model::credentials::SshAuth;

use crate::auth::keys::{Key, Keys};
use crate::auth::seal::{self, PURPOSE};
use crate::error::Error;
use crate::store::Store;

pub struct Vault {
    store: Arc<Store>,
    key: Key,
}

impl Vault {
    pub fn open(store: Arc<Store>, keys: &Keys) -> Self {
        Self {
            store,
            key: keys.derive(PURPOSE),
        }
    }

    /// Puts `credentials` in place of what there is for the node. False when
    /// there is no such node.
    pub fn put(&self, node: i64, credentials: &Credentials, now_ms: i64) -> Result<bool, Error> {
        let mut sealed = Vec::new();
        for (field, plain) in credentials.fields() {
            sealed.push((
                field,
                seal::seal(&self.key, node, field, plain.expose().as_bytes())?,
            ));
        }
        Ok(self.store.replace_credentials(node, &sealed, now_ms)?)
    }

    /// None when nothing is kept for the node.
    pub fn get(&self, node: i64) -> Result<Option<Credentials>, Error> {
        let mut fields = Vec::new();
        for (field, blob) in self.store.credentials(node)? {
            let plain = seal::open(&self.key, node, &field, &blob)?;
            fields.push((field, plain));
        }
        Credentials::from_fields(fields)
    }

    /// Forgets keys and passwords, and keeps where the node is and its host key.
    pub fn forget_secrets(&self, node: i64) -> Result<(), Error> {
        Ok(self
            .store
            .delete_credentials(node, credentials::SECRET_FIELDS)?)
    }
}
