//! To a login and what it may do, step by step: the part that a check and every
//! job on a node begin with.

use std::time::Instant;

use serde::Serialize;
use stardust_shared::ServerUrl;

use super::certificate;
use super::connector::Connector;
use super::facts::Facts;
use super::fault::{Cause, Fault, printable};
use super::host_probe;
use super::hostkey::{HostKey, Pin};
use super::key;
use super::limits::LINGER_TIME_MAX;
use super::login::{check_password, now_s};
use super::privilege::{self, Privilege};
use super::remote::Remote as _;
use super::session::Session;
use super::shell::Command;
use super::steps::{Steps, step};
use super::target::Target;
use stardust_base::secret::Secret;
use stardust_model::credentials::SshAuth;

/// A login to be tried.
pub struct Hop {
    pub target: Target,
    pub auth: SshAuth,
    /// What the operator has confirmed.
    pub pin: Option<Pin>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ShownKey {
    #[serde(rename = "type")]
    pub kind: String,
    pub sha256: String,
    /// `known`, `new` or `changed`.
    pub state: &'static str,
}

/// The host keys that were seen on the way.
#[derive(Default)]
pub struct Keys {
    pub node: Option<ShownKey>,
    pub jump: Option<ShownKey>,
    /// The whole keys, for keeping.
    pub node_key: Option<HostKey>,
    pub jump_key: Option<HostKey>,
}

/// Names of the steps of one hop.
struct Names {
    key: &'static str,
    reach: &'static str,
    host_key: &'static str,
    login: &'static str,
}

const NODE: Names = Names {
    key: "credentials",
    reach: "reach",
    host_key: "host_key",
    login: "login",
};
const JUMP: Names = Names {
    key: "jump_credentials",
    reach: "jump_reach",
    host_key: "jump_host_key",
    login: "jump_login",
};

/// Logs in, through the jump host where there is one. The keys are told also
/// when it ends before that.
pub fn log_in(
    connector: &Connector,
    node: &Hop,
    jump: Option<&Hop>,
    deadline: Instant,
    steps: &dyn Steps,
) -> (Result<Session, Fault>, Keys) {
    let connector = &connector.with_patience(steps.patience());
    let mut keys = Keys::default();
    let via = match jump {
        None => None,
        Some(jump) => {
            let key = (&mut keys.jump, &mut keys.jump_key);
            match hop(connector, jump, &JUMP, None, deadline, steps, key) {
                Ok(session) => Some(session),
                Err(fault) => return (Err(fault), keys),
            }
        }
    };
    let key = (&mut keys.node, &mut keys.node_key);
    let entered = hop(connector, node, &NODE, via, deadline, steps, key);
    (entered, keys)
}

fn hop(
    connector: &Connector,
    hop: &Hop,
    names: &Names,
    via: Option<Session>,
    deadline: Instant,
    steps: &dyn Steps,
    (shown_key, whole_key): (&mut Option<ShownKey>, &mut Option<HostKey>),
) -> Result<Session, Fault> {
    step(steps, names.key, || match &hop.auth {
        SshAuth::Key {
            private_key,
            passphrase,
            certificate,
            password,
        } => {
            let passphrase = passphrase.as_ref().filter(|text| !text.expose().is_empty());
            let info = key::examine(private_key, passphrase)?;
            let how = if info.encrypted {
                ", with a passphrase"
            } else {
                ""
            };
            let mut detail = format!("A private key ({}){how}", info.kind.name());
            if let Some(certificate) = certificate {
                let found = certificate::examine(certificate, private_key, now_s())?;
                let names = match found.principals.join(", ") {
                    names if names.is_empty() => String::new(),
                    names => format!(" for {names}"),
                };
                detail += &format!(", its certificate{names}");
            }
            if let Some(password) = password {
                check_password(password)?;
                detail += ", and a password";
            }
            Ok(((), format!("{detail}.")))
        }
        SshAuth::Password(password) => {
            check_password(password)?;
            Ok(((), "A password.".into()))
        }
    })?;
    let greeted = step(steps, names.reach, || {
        let greeted = connector.greet(&hop.target, hop.pin.as_ref(), via, deadline)?;
        let detail = format!("{} is {}.", hop.target, greeted.banner());
        Ok((greeted, detail))
    })?;
    let shown = shown(greeted.host_key(), hop.pin.as_ref());
    *shown_key = Some(shown.clone());
    *whole_key = Some(greeted.host_key().clone());
    let trusted = step(steps, names.host_key, || {
        let detail = format!("{} {} is the confirmed key.", shown.kind, shown.sha256);
        Ok((greeted.trust(hop.pin.as_ref())?, detail))
    })?;
    step(steps, names.login, || {
        let session = trusted.login(&hop.auth, deadline)?;
        Ok((session, format!("Logged in as {}.", hop.target.user())))
    })
}

fn shown(key: &HostKey, pin: Option<&Pin>) -> ShownKey {
    ShownKey {
        kind: key.kind().to_owned(),
        sha256: key.sha256(),
        state: match pin {
            None => "new",
            Some(pin) if pin.fits(key) => "known",
            Some(_) => "changed",
        },
    }
}

pub fn commands(session: &Session, deadline: Instant, steps: &dyn Steps) -> Result<(), Fault> {
    step(steps, "commands", || {
        let left = deadline.saturating_duration_since(Instant::now());
        session.ask(&Command::program("true"), left)?;
        Ok(((), "Commands run.".into()))
    })
}

pub fn privilege(
    session: &Session,
    sudo_password: Option<&Secret>,
    steps: &dyn Steps,
) -> Result<Privilege, Fault> {
    step(steps, "privilege", || {
        let found = privilege::find(session, sudo_password)?;
        let detail = match found {
            Privilege::Root => "The login is root.",
            Privilege::Sudo => "sudo works without a password.",
            Privilege::SudoPassword => "sudo works with the password.",
            Privilege::Doas => "doas works without a password.",
        };
        Ok((found, detail.into()))
    })
}

/// For a service of the login's own: it wants to become nobody else.
pub fn no_privilege(session: &Session, steps: &dyn Steps) -> Result<Option<Privilege>, Fault> {
    step(steps, "privilege", || {
        let (found, detail) = if privilege::login_is_root(session)? {
            (Some(Privilege::Root), "The login is root.")
        } else {
            let detail = "None is wanted: all of it is done as the user that logged in.";
            (None, detail)
        };
        Ok((found, detail.into()))
    })
}

/// Whether the login may have services that go on when it ends. Nothing is changed.
const LINGER: &str = r#"
user=$(id -un)
if [ -e "/var/lib/systemd/linger/$user" ]; then say=on
elif command -v pkcheck >/dev/null 2>&1 &&
  pkcheck --action-id org.freedesktop.login1.set-self-linger --process $$ </dev/null >/dev/null 2>&1; then say=may
else say=no
fi
echo "linger $say $user"
"#;

pub fn linger(session: &Session, steps: &dyn Steps) -> Result<(), Fault> {
    step(steps, "linger", || {
        let output = session.ask(&Command::script(LINGER, &[])?, LINGER_TIME_MAX)?;
        read_linger(&output.text()).map(|detail| ((), detail.into()))
    })
}

fn read_linger(text: &str) -> Result<&'static str, Fault> {
    let mut words = text
        .lines()
        .find_map(|line| line.strip_prefix("linger "))
        .unwrap_or_default()
        .split_whitespace();
    match (words.next(), words.next()) {
        (Some("on"), _) => Ok("Its services go on after logout."),
        (Some("may"), _) => Ok("It may have services that go on after logout."),
        (_, user) => Err(no_linger(user.unwrap_or("USER"))),
    }
}

/// Only root can give that.
pub fn no_linger(user: &str) -> Fault {
    let user = printable(user);
    Fault::new(
        Cause::NoPrivilege,
        format!("The user {user} may not have services that go on after logout (lingering)."),
        format!("Run `loginctl enable-linger {user}` as root on the node, once, and try again."),
    )
}

/// `pin`: the key of the server that the node would trust, where it is asked
/// whether it reaches it.
pub fn system(
    session: &Session,
    server: &ServerUrl,
    pin: Option<&str>,
    steps: &dyn Steps,
) -> Result<Facts, Fault> {
    step(steps, "system", || {
        let facts = host_probe::run(session, server, pin)?;
        let name = match facts.os.name.as_str() {
            "" => facts.kernel.clone(),
            name => format!("{name}, {}", facts.kernel),
        };
        Ok((facts, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_have_lasting_services_is_told_the_command() {
        assert!(read_linger("linger on plain\n").is_ok());
        assert!(read_linger("motd\nlinger may plain\n").is_ok());
        for (text, user) in [("linger no plain\n", "plain"), ("", "USER")] {
            let fault = read_linger(text).unwrap_err();
            assert!(
                fault
                    .hint
                    .contains(&format!("`loginctl enable-linger {user}`")),
                "{fault}"
            );
        }
    }
}
