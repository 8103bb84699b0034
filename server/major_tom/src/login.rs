//! Sending credentials, to a host that is trusted and to no other.
//!
//! A server may want one of them, or several after each other: each that it takes
//! as a part is told by what it asks for next.

use std::time::Instant;

use ssh2::{KeyboardInteractivePrompt, Prompt};
use zeroize::Zeroize;

use super::certificate;
use super::fault::{Cause, Fault};
use super::key;
use super::limits::{AUTH_TIME_MAX, PASSWORD_BYTES_MAX};
use super::session::{Session, Trusted};
use super::wire::Stopped;
use stardust_base::clock::wall_ms;
use stardust_base::secret::Secret;
use stardust_model::credentials::SshAuth;

const PUBLIC_KEY: &str = "publickey";
const PASSWORD: &str = "password";
const INTERACTIVE: &str = "keyboard-interactive";

/// What the server said to one of them.
enum Answer {
    In,
    /// It is one of those that it wants, and this is what it wants next.
    More(Methods),
    Refused(Fault),
}

/// The methods that a server takes next.
struct Methods(String);

impl Methods {
    fn has(&self, method: &str) -> bool {
        self.0.split(',').any(|offered| offered == method)
    }

    fn takes_password(&self) -> bool {
        self.has(PASSWORD) || self.has(INTERACTIVE)
    }
}

impl Trusted {
    pub fn login(self, auth: &SshAuth, deadline: Instant) -> Result<Session, Fault> {
        let deadline = deadline.min(Instant::now() + AUTH_TIME_MAX);
        check(auth)?;
        let mut methods = match self.methods(deadline) {
            Ok(methods) => methods,
            // Some routers let a user without a password in.
            Err(_) if self.wire.ssh.authenticated() => return Ok(self.done()),
            Err(Stopped::Timeout) => return Err(Fault::timeout("log in")),
            Err(Stopped::Ssh(_, text)) => return Err(Fault::lost(&format!("{text}, at login"))),
        };
        let mut key = matches!(auth, SshAuth::Key { .. });
        let mut password = auth.password();
        let mut accepted = None;
        let mut refused = None;
        loop {
            let (answer, what) = if key && methods.has(PUBLIC_KEY) {
                key = false;
                (self.try_key(auth, &methods, deadline)?, "key")
            } else if let Some(given) = password.take_if(|_| methods.takes_password()) {
                let answer = self.try_password(given, &methods, accepted.is_some(), deadline)?;
                (answer, "password")
            } else {
                return Err(refused.unwrap_or_else(|| self.stuck(auth, accepted, &methods)));
            };
            match answer {
                Answer::In => return Ok(self.done()),
                Answer::More(next) => {
                    accepted = Some(what);
                    methods = next;
                }
                // The other one may do alone.
                Answer::Refused(fault) => {
                    refused = Some(match refused {
                        Some(before) => neither(&before, &fault),
                        None => fault,
                    });
                }
            }
        }
    }

    fn methods(&self, deadline: Instant) -> Result<Methods, Stopped> {
        let user = self.target.user();
        let methods = |ssh: &ssh2::Session| ssh.auth_methods(user).map(str::to_owned);
        self.wire.until(deadline, methods).map(Methods)
    }

    fn try_key(
        &self,
        auth: &SshAuth,
        before: &Methods,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let SshAuth::Key {
            private_key,
            passphrase,
            certificate,
            ..
        } = auth
        else {
            return Err(Fault::lost("there is no key"));
        };
        let user = self.target.user();
        let text = Normal::of(private_key);
        let passphrase = passphrase.as_ref().map(Secret::expose);
        let passphrase = passphrase.filter(|text| !text.is_empty());
        let certificate_line = certificate.as_ref().map(certificate::line);
        let tried = self.wire.until(deadline, |ssh| {
            ssh.userauth_pubkey_memory(user, certificate_line.as_deref(), &text.0, passphrase)
        });
        match tried {
            Ok(()) if self.wire.ssh.authenticated() => Ok(Answer::In),
            Ok(()) => Err(Fault::lost(
                "the server does not say whether it takes the key",
            )),
            // The server knew the key and the signature was right or it was not.
            Err(Stopped::Ssh(-19, text)) => match self.next_methods(before, deadline) {
                Some(next) => Ok(Answer::More(next)),
                None => Ok(Answer::Refused(self.key_fault(
                    Stopped::Ssh(-19, text),
                    passphrase.is_some(),
                    auth,
                ))),
            },
            Err(stopped) => {
                let refused = matches!(stopped, Stopped::Ssh(-18, _));
                let fault = self.key_fault(stopped, passphrase.is_some(), auth);
                if refused {
                    Ok(Answer::Refused(fault))
                } else {
                    Err(fault)
                }
            }
        }
    }

    fn try_password(
        &self,
        password: &Secret,
        before: &Methods,
        second: bool,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let user = self.target.user();
        let tried = if before.has(PASSWORD) {
            self.wire.until(deadline, |ssh| {
                ssh.userauth_password(user, password.expose())
            })
        } else {
            let mut answers = Answers {
                password,
                asked: false,
                second,
            };
            self.wire.until(deadline, |ssh| {
                ssh.userauth_keyboard_interactive(user, &mut answers)
            })
        };
        match tried {
            Ok(()) if self.wire.ssh.authenticated() => Ok(Answer::In),
            Ok(()) => Err(Fault::lost(
                "the server does not say whether it takes the password",
            )),
            Err(Stopped::Ssh(code @ (-18 | -19), text)) => {
                Ok(match self.next_methods(before, deadline) {
                    Some(next) => Answer::More(next),
                    None => Answer::Refused(self.password_fault(Stopped::Ssh(code, text), second)),
                })
            }
            Err(stopped) => Err(self.password_fault(stopped, second)),
        }
    }

    /// libssh2 does not tell a part of a login that was taken from one that was
    /// refused; but then the server asks for something else. None where it does not,
    /// or ends the connection.
    fn next_methods(&self, before: &Methods, deadline: Instant) -> Option<Methods> {
        let next = self.methods(deadline).ok()?;
        (next.0 != before.0 && !next.0.is_empty()).then_some(next)
    }

    fn done(self) -> Session {
        drop(self.place);
        Session {
            wire: self.wire,
            target: self.target,
            banner: self.banner,
        }
    }

    /// Nothing that was given is of use any more.
    fn stuck(&self, auth: &SshAuth, accepted: Option<&str>, methods: &Methods) -> Fault {
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

    fn key_fault(&self, stopped: Stopped, passphrase: bool, auth: &SshAuth) -> Fault {
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

    fn password_fault(&self, stopped: Stopped, second: bool) -> Fault {
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

/// Both were given, and each was refused.
fn neither(key: &Fault, password: &Fault) -> Fault {
    Fault::new(
        key.cause,
        format!("{} {}", key.detail, password.detail),
        key.hint.clone(),
    )
}

/// Before the server hears of it.
fn check(auth: &SshAuth) -> Result<(), Fault> {
    if let SshAuth::Key {
        private_key,
        passphrase,
        certificate,
        ..
    } = auth
    {
        key::examine(private_key, passphrase.as_ref())?;
        if let Some(certificate) = certificate {
            certificate::examine(certificate, private_key, now_s())?;
        }
    }
    Ok(())
}

pub(super) fn now_s() -> u64 {
    u64::try_from(wall_ms() / 1000).unwrap_or_default()
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
struct Answers<'a> {
    password: &'a Secret,
    asked: bool,
    /// After a key: what is asked for may be a code, which some show as it is typed.
    second: bool,
}

impl KeyboardInteractivePrompt for Answers<'_> {
    fn prompt<'b>(&mut self, _: &str, _: &str, prompts: &[Prompt<'b>]) -> Vec<String> {
        // A second round would be one more factor, which the password is none of.
        let first = !self.asked && prompts.len() == 1 && (self.second || !prompts[0].echo);
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
