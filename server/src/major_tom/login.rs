//! Sending a credential, to a host that is trusted and to no other.

use std::time::Instant;

use ssh2::{KeyboardInteractivePrompt, Prompt};
use zeroize::Zeroize;

use super::fault::{Cause, Fault};
use super::key;
use super::limits::{AUTH_TIME_MAX, PASSWORD_BYTES_MAX};
use super::session::{Session, Trusted};
use super::wire::Stopped;
use crate::secret::Secret;
use crate::vault::SshAuth;

impl Trusted {
    pub fn login(self, auth: &SshAuth, deadline: Instant) -> Result<Session, Fault> {
        let deadline = deadline.min(Instant::now() + AUTH_TIME_MAX);
        let user = self.target.user();
        if let SshAuth::Key {
            private_key,
            passphrase,
        } = auth
        {
            // Before the server hears of it.
            key::examine(private_key, passphrase.as_ref())?;
        }
        let methods = self
            .wire
            .until(deadline, |ssh| ssh.auth_methods(user).map(str::to_owned));
        let methods = match methods {
            Ok(methods) => methods,
            // Some routers let a user without a password in.
            Err(_) if self.wire.ssh.authenticated() => return Ok(self.done()),
            Err(Stopped::Timeout) => return Err(Fault::timeout("log in")),
            Err(Stopped::Ssh(_, text)) => return Err(Fault::lost(&format!("{text}, at login"))),
        };
        let offers = |method: &str| methods.split(',').any(|offered| offered == method);
        match auth {
            SshAuth::Key {
                private_key,
                passphrase,
            } => {
                if !offers("publickey") {
                    return Err(self.method_refused("keys", &methods));
                }
                let text = Normal::of(private_key);
                let passphrase = passphrase.as_ref().map(Secret::expose);
                let passphrase = passphrase.filter(|text| !text.is_empty());
                let given = passphrase.is_some();
                self.wire
                    .until(deadline, |ssh| {
                        ssh.userauth_pubkey_memory(user, None, &text.0, passphrase)
                    })
                    .map_err(|stopped| self.key_fault(stopped, given))?;
            }
            SshAuth::Password(password) => {
                if offers("password") {
                    self.wire.until(deadline, |ssh| {
                        ssh.userauth_password(user, password.expose())
                    })
                } else if offers("keyboard-interactive") {
                    let mut answer = Answer {
                        password,
                        asked: false,
                    };
                    self.wire.until(deadline, |ssh| {
                        ssh.userauth_keyboard_interactive(user, &mut answer)
                    })
                } else {
                    return Err(self.method_refused("passwords", &methods));
                }
                .map_err(|stopped| self.password_fault(stopped))?;
            }
        }
        if self.wire.ssh.authenticated() {
            Ok(self.done())
        } else {
            Err(self.method_refused("this login alone", &methods))
        }
    }

    fn done(self) -> Session {
        drop(self.place);
        Session {
            wire: self.wire,
            target: self.target,
            banner: self.banner,
        }
    }

    fn method_refused(&self, what: &str, offered: &str) -> Fault {
        Fault::new(
            Cause::MethodRefused,
            format!(
                "{} does not take {what} for {}; it offers: {}.",
                self.target,
                self.target.user(),
                if offered.is_empty() {
                    "nothing"
                } else {
                    offered
                }
            ),
            "Use another kind of login, or allow this one in the node's sshd_config \
             (PubkeyAuthentication, PasswordAuthentication, PermitRootLogin).",
        )
    }

    fn key_fault(&self, stopped: Stopped, passphrase: bool) -> Fault {
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
            Stopped::Ssh(-18 | -19, _) => Fault::new(
                Cause::KeyRefused,
                format!("{} does not accept this key for {user}.", self.target),
                format!(
                    "Add its public half to ~{user}/.ssh/authorized_keys on the node, check the user's \
                     name, and that the file and its folder belong to {user} and are writable by \
                     nobody else. Don't try over and over: servers lock out for that."
                ),
            ),
            Stopped::Ssh(code, text) => Fault::lost(&format!("{text} ({code}), at login")),
        }
    }

    fn password_fault(&self, stopped: Stopped) -> Fault {
        match stopped {
            Stopped::Timeout => Fault::timeout("log in"),
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

/// Whether a password can be sent at all.
pub fn check_password(password: &Secret) -> Result<(), Fault> {
    let text = password.expose();
    if text.is_empty() || text.len() > PASSWORD_BYTES_MAX || text.contains(['\0', '\n', '\r']) {
        return Err(Fault::new(
            Cause::BadTarget,
            "The password can't be used.",
            format!("Use 1 to {PASSWORD_BYTES_MAX} bytes on one line."),
        ));
    }
    Ok(())
}

/// A key with the line ends and the spaces around it as OpenSSL wants them.
struct Normal(String);

impl Normal {
    fn of(key: &Secret) -> Self {
        let text = key.expose().trim_start_matches('\u{feff}').trim();
        let mut out = String::with_capacity(text.len() + 1);
        for line in text.lines() {
            out.push_str(line.trim());
            out.push('\n');
        }
        Self(out)
    }
}

impl Drop for Normal {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Answers the one hidden question of a server that asks for a password so.
struct Answer<'a> {
    password: &'a Secret,
    asked: bool,
}

impl KeyboardInteractivePrompt for Answer<'_> {
    fn prompt<'b>(&mut self, _: &str, _: &str, prompts: &[Prompt<'b>]) -> Vec<String> {
        // A second round would be a second factor, which the password is none of.
        let first = !self.asked && prompts.len() == 1 && !prompts[0].echo;
        self.asked = self.asked || !prompts.is_empty();
        prompts
            .iter()
            .map(|_| {
                if first {
                    self.password.expose().to_owned()
                } else {
                    String::new()
                }
            })
            .collect()
    }
}
