//! Sending credentials, to a host that is trusted and to no other.
//!
//! A server may want one of them, or several after each other: each that it takes
//! as a part is told by what it asks for next.

mod refusals;

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
