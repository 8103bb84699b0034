//! Tries all that a deployment needs, writes nothing on the node, keeps nothing.

use std::time::Instant;

use serde::Serialize;

use super::facts::Facts;
use super::fault::{Cause, Fault};
use super::hostkey::{HostKey, Pin};
use super::key;
use super::limits::CHECK_TIME_MAX;
use super::login::check_password;
use super::privilege::{self, Privilege};
use super::probe;
use super::remote::Remote as _;
use super::session::{Connector, Session};
use super::shell::Command;
use super::target::Target;
use crate::secret::Secret;
use crate::server_url::ServerUrl;
use crate::vault::SshAuth;

/// A login to be tried.
pub struct Hop {
    pub target: Target,
    pub auth: SshAuth,
    /// What the operator has confirmed.
    pub pin: Option<Pin>,
}

pub struct Wanted<'a> {
    pub node: Hop,
    pub jump: Option<Hop>,
    pub sudo_password: Option<Secret>,
    pub server: ServerUrl,
    /// Whether there is a Spider for an architecture.
    pub has_spider: &'a dyn Fn(&str) -> bool,
}

/// One thing that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub name: &'static str,
    pub ok: bool,
    pub detail: String,
    pub hint: String,
    /// Why it failed, as a word.
    pub cause: Option<&'static str>,
    pub ms: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct ShownKey {
    #[serde(rename = "type")]
    pub kind: String,
    pub sha256: String,
    /// `known`, `new` or `changed`.
    pub state: &'static str,
}

#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Everything that a deployment needs is there.
    pub ok: bool,
    pub steps: Vec<Step>,
    pub host_key: Option<ShownKey>,
    pub jump_host_key: Option<ShownKey>,
    /// How to become root.
    pub privilege: Option<&'static str>,
    pub facts: Option<Facts>,
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

/// Goes on while it can; a step that others need ends it.
pub fn run(connector: &Connector, wanted: &Wanted<'_>) -> Report {
    let mut report = Report::default();
    let deadline = Instant::now() + CHECK_TIME_MAX;
    let reached = try_all(connector, wanted, deadline, &mut report).is_some();
    report.ok = reached && report.steps.iter().all(|step| step.ok);
    report
}

fn try_all(
    connector: &Connector,
    wanted: &Wanted<'_>,
    deadline: Instant,
    report: &mut Report,
) -> Option<()> {
    let via = match &wanted.jump {
        Some(jump) => {
            let (session, key) = enter(connector, jump, &JUMP, None, deadline, &mut report.steps);
            report.jump_host_key = key;
            Some(session?)
        }
        None => None,
    };
    let (session, key) = enter(
        connector,
        &wanted.node,
        &NODE,
        via,
        deadline,
        &mut report.steps,
    );
    report.host_key = key;
    let session = session?;
    let steps = &mut report.steps;

    step(steps, "commands", || {
        let left = deadline.saturating_duration_since(Instant::now());
        session.ask(&Command::program("true"), left)?;
        Ok(((), "Commands run.".into()))
    })?;
    let found = step(steps, "privilege", || {
        let found = privilege::find(&session, wanted.sudo_password.as_ref())?;
        let detail = match found {
            Privilege::Root => "The login is root.",
            Privilege::Sudo => "sudo works without a password.",
            Privilege::SudoPassword => "sudo works with the password.",
            Privilege::Doas => "doas works without a password.",
        };
        Ok((found, detail.into()))
    });
    report.privilege = found.map(Privilege::name);
    let facts = step(steps, "system", || {
        let facts = probe::run(&session, &wanted.server)?;
        let name = match facts.os.name.as_str() {
            "" => facts.kernel.clone(),
            name => format!("{name}, {}", facts.kernel),
        };
        Ok((facts, name))
    })?;
    judge(&facts, wanted, steps);
    report.facts = Some(facts);
    Some(())
}

/// To a login, step by step.
fn enter(
    connector: &Connector,
    hop: &Hop,
    names: &Names,
    via: Option<Session>,
    deadline: Instant,
    steps: &mut Vec<Step>,
) -> (Option<Session>, Option<ShownKey>) {
    let looked = step(steps, names.key, || match &hop.auth {
        SshAuth::Key {
            private_key,
            passphrase,
        } => {
            let passphrase = passphrase.as_ref().filter(|text| !text.expose().is_empty());
            let info = key::examine(private_key, passphrase)?;
            let how = if info.encrypted {
                ", with a passphrase"
            } else {
                ""
            };
            Ok(((), format!("A private key ({}){how}.", info.kind.name())))
        }
        SshAuth::Password(password) => {
            check_password(password)?;
            Ok(((), "A password.".into()))
        }
    });
    if looked.is_none() {
        return (None, None);
    }
    let greeted = step(steps, names.reach, || {
        let greeted = connector.greet(&hop.target, hop.pin.as_ref(), via, deadline)?;
        let detail = format!("{} is {}.", hop.target, greeted.banner());
        Ok((greeted, detail))
    });
    let Some(greeted) = greeted else {
        return (None, None);
    };
    let shown = shown(greeted.host_key(), hop.pin.as_ref());
    let trusted = step(steps, names.host_key, || {
        let detail = format!("{} {} is the confirmed key.", shown.kind, shown.sha256);
        Ok((greeted.trust(hop.pin.as_ref())?, detail))
    });
    let session = trusted.and_then(|trusted| {
        step(steps, names.login, || {
            let session = trusted.login(&hop.auth, deadline)?;
            Ok((session, format!("Logged in as {}.", hop.target.user())))
        })
    });
    (session, Some(shown))
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

/// What the facts mean for a deployment.
fn judge(facts: &Facts, wanted: &Wanted<'_>, steps: &mut Vec<Step>) {
    step(steps, "architecture", || match facts.arch.as_deref() {
        Some(arch) if (wanted.has_spider)(arch) => {
            Ok(((), format!("{arch}: there is a Spider for it.")))
        }
        Some(arch) => Err(Fault::new(
            Cause::Unsupported,
            format!("There is no Spider for {arch} here."),
            "Build one (cross/), and name its folder with --agent-dir.",
        )),
        None => Err(Fault::new(
            Cause::Unsupported,
            "The node does not tell its architecture.",
            "Name the right Spider with --agent-binary.",
        )),
    });
    step(steps, "init", || match facts.init.as_str() {
        "systemd" | "openrc" | "procd" => Ok(((), facts.init.clone())),
        other => Err(Fault::new(
            Cause::Unsupported,
            format!("The init system is {other}: services can't be installed there."),
            "Start the Spider by hand or from your own script on this node.",
        )),
    });
    step(steps, "space", || space(facts));
    step(steps, "server", || {
        let reach = &facts.server;
        if reach.ok == Some(false) {
            let detail = format!("{} {}", wanted.server.http(), reach.detail);
            return Err(Fault::new(Cause::Unreachable, detail, reach.hint.clone()));
        }
        // A certificate is not yet or no longer good to a clock that is wrong.
        const SKEW_MS_MAX: u64 = 120_000;
        if wanted.server.secure()
            && facts
                .clock_skew_ms
                .is_some_and(|s| s.unsigned_abs() > SKEW_MS_MAX)
        {
            return Err(Fault::new(
                Cause::Failed,
                "The node's clock is wrong by more than two minutes, so TLS may fail.",
                "Set it; a time service such as chrony or systemd-timesyncd keeps it right.",
            ));
        }
        Ok((
            (),
            format!("{} {}", reach.detail, reach.hint).trim().to_owned(),
        ))
    });
}

fn space(facts: &Facts) -> Result<((), String), Fault> {
    /// The Spider and its next version beside it.
    const NEEDED_BYTES: u64 = 8 << 20;
    let place = |path: &str| facts.folders.iter().find(|folder| folder.path == path);
    let Some(folder) = place("/usr/local/bin") else {
        return Ok(((), "The node does not tell.".into()));
    };
    if folder.read_only {
        return Err(Fault::new(
            Cause::ReadOnly,
            "/usr is mounted read-only.",
            "Mount it writable for the installation.",
        ));
    }
    match folder.free_bytes {
        Some(free) if free < NEEDED_BYTES => Err(Fault::new(
            Cause::NoSpace,
            format!("/usr/local/bin has {} KiB left.", free >> 10),
            format!("{} MiB are needed: free some.", NEEDED_BYTES >> 20),
        )),
        Some(free) => Ok(((), format!("{} MiB are free.", free >> 20))),
        None => Ok(((), "The node does not tell.".into())),
    }
}

/// Tries one thing, and writes down how it went and how long it took.
fn step<T>(
    steps: &mut Vec<Step>,
    name: &'static str,
    what: impl FnOnce() -> Result<(T, String), Fault>,
) -> Option<T> {
    let started = Instant::now();
    let result = what();
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (value, detail, hint, cause) = match result {
        Ok((value, detail)) => (Some(value), detail, String::new(), None),
        Err(fault) => (None, fault.detail, fault.hint, Some(fault.cause.name())),
    };
    steps.push(Step {
        name,
        ok: cause.is_none(),
        detail,
        hint,
        cause,
        ms,
    });
    value
}
