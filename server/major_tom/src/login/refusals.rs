//! Why a login failed, in words for who can mend it.

use super::super::certificate;
use super::super::fault::{Cause, Fault};
use super::super::session::Trusted;
use super::super::wire::Stopped;
use super::{Methods, PUBLIC_KEY, now_s};
use stardust_base::secret::Secret;
use stardust_model::credentials::SshAuth;

impl Trusted {
    /// Nothing that was given is of use any more.
    pub(super) fn stuck(&self, auth: &SshAuth, accepted: Option<&str>, methods: &Methods) -> Fault {
        let (target, user) = (&self.target, self.target.user());
        if let Some(accepted) = accepted {
            let wanted = if methods.takes_password() {
                "a password (or code)"
            } else if methods.has(PUBLIC_KEY) {
                "a key"
            } else {
                "something else"
            };
            return Fault::new(
                Cause::SecondFactor,
                format!(
                    "The {accepted} is accepted, and {wanted} is wanted too: {target} asks {user} \
                     for {}.",
                    methods.0
                ),
                "Give both, key and password, or let this user in with one of them \
                 (AuthenticationMethods in the node's sshd_config).",
            );
        }
        let what = match auth {
            SshAuth::Key { password: None, .. } => "keys",
            SshAuth::Key { .. } => "keys or passwords",
            SshAuth::Password(_) => "passwords",
        };
        let offered = match methods.0.as_str() {
            "" => "nothing",
            offered => offered,
        };
        Fault::new(
            Cause::MethodRefused,
            format!("{target} does not take {what} for {user}; it offers: {offered}."),
            "Use another kind of login, or allow this one in the node's sshd_config \
             (PubkeyAuthentication, PasswordAuthentication, PermitRootLogin).",
        )
    }

    pub(super) fn key_fault(&self, stopped: Stopped, passphrase: bool, auth: &SshAuth) -> Fault {
        let user = self.target.user();
        match stopped {
            Stopped::Timeout => Fault::timeout("log in"),
            Stopped::Ssh(-48, _) => wrong_passphrase(),
            // Told apart before: it is a key, and encrypted when there is a passphrase.
            Stopped::Ssh(-16, _) if passphrase => wrong_passphrase(),
            Stopped::Ssh(-16, text) => Fault::new(
                Cause::KeyUnreadable,
                format!("The private key can't be read: {text}."),
                "Check that all of it was pasted; `ssh-keygen -y -f key` tells whether it is whole. \
                 A PKCS#8 key is rewritten by `ssh-keygen -p -f key`.",
            ),
            Stopped::Ssh(-18 | -19, _) => match auth {
                SshAuth::Key {
                    certificate: Some(certificate),
                    private_key,
                    ..
                } => self.certificate_fault(certificate, private_key),
                _ => Fault::new(
                    Cause::KeyRefused,
                    format!("{} does not accept this key for {user}.", self.target),
                    format!(
                        "Add its public half to ~{user}/.ssh/authorized_keys on the node, check the user's \
                         name, and that the file and its folder belong to {user} and are writable by \
                         nobody else. Don't try over and over: servers lock out for that."
                    ),
                ),
            },
            Stopped::Ssh(code, text) => Fault::lost(&format!("{text} ({code}), at login")),
        }
    }

    fn certificate_fault(&self, certificate: &Secret, private_key: &Secret) -> Fault {
        let user = self.target.user();
        let names = certificate::examine(certificate, private_key, now_s())
            .map(|found| found.principals.join(", "))
            .unwrap_or_default();
        let names = if names.is_empty() {
            "nobody by name"
        } else {
            &names
        };
        Fault::new(
            Cause::KeyRefused,
            format!(
                "{} does not accept this key with its certificate for {user}.",
                self.target
            ),
            format!(
                "The certificate is for {names}: {user} must be among them, or in the node's \
                 AuthorizedPrincipalsFile, and the authority in its TrustedUserCAKeys. Without the \
                 certificate the key's public half has to be in ~{user}/.ssh/authorized_keys."
            ),
        )
    }

    pub(super) fn password_fault(&self, stopped: Stopped, second: bool) -> Fault {
        match stopped {
            Stopped::Timeout => Fault::timeout("log in"),
            Stopped::Ssh(-18 | -19, _) if second => Fault::new(
                Cause::PasswordRefused,
                format!(
                    "{} accepts the key, and not this password (or code) for {}.",
                    self.target,
                    self.target.user()
                ),
                "Check the password. A code that is good once can be given for one check or one job \
                 only: give a fresh one each time.",
            ),
            Stopped::Ssh(-18 | -19, _) => Fault::new(
                Cause::PasswordRefused,
                format!(
                    "{} does not accept this password for {}.",
                    self.target,
                    self.target.user()
                ),
                "Check user and password. For root, PermitRootLogin may allow keys only.",
            ),
            Stopped::Ssh(code, text) => Fault::lost(&format!("{text} ({code}), at login")),
        }
    }
}

fn wrong_passphrase() -> Fault {
    Fault::new(
        Cause::PassphraseWrong,
        "The passphrase does not open this private key.",
        "Type the passphrase of this very key.",
    )
}
