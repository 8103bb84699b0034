//! What a login at an SSH server is tried with.

use stardust_shared::Secret;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SshAuth {
    Key {
        private_key: Secret,
        passphrase: Option<Secret>,
        /// The file beside it whose name ends in `-cert.pub`.
        certificate: Option<Secret>,
        /// For servers that want one besides.
        password: Option<Secret>,
    },
    Password(Secret),
}

impl SshAuth {
    pub fn password(&self) -> Option<&Secret> {
        match self {
            Self::Key { password, .. } => password.as_ref(),
            Self::Password(password) => Some(password),
        }
    }
}
