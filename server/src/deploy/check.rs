//! Tries all that a deployment needs, writes nothing on the node, keeps nothing.

use std::cell::RefCell;
use std::time::Instant;

use serde::Serialize;
use stardust_shared::ServerUrl;

use crate::deploy;
use crate::embedded_spiders::Sources;
use crate::major_tom::Connector;
use crate::major_tom::authenticate::{self, Hop, ShownKey};
use crate::major_tom::facts::Facts;
use crate::major_tom::fault::{Cause, Fault};
use crate::major_tom::hostkey::HostKey;
use crate::major_tom::limits::CHECK_TIME_MAX;
use crate::major_tom::privilege::Privilege;
use crate::major_tom::steps::{Steps, step};
use crate::secret::Secret;

pub struct Wanted<'a> {
    pub node: Hop,
    pub jump: Option<Hop>,
    pub sudo_password: Option<Secret>,
    pub server: ServerUrl,
    /// Of the server's key: what the Spider would trust it by.
    pub pin: Option<String>,
    /// For a service of the login's own.
    pub without_root: bool,
    /// Which Spiders there are.
    pub spiders: &'a Sources,
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
    /// The whole keys of the host and of the jump host, for keeping.
    #[serde(skip)]
    pub whole_keys: (Option<HostKey>, Option<HostKey>),
    /// The node that the host is already.
    pub known_node: Option<KnownNode>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KnownNode {
    pub id: i64,
    pub name: String,
}

/// Goes on while it can; a step that others need ends it.
pub fn run(connector: &Connector, wanted: &Wanted<'_>) -> Report {
    let mut report = Report::default();
    let deadline = Instant::now() + CHECK_TIME_MAX;
    let steps = Collected::default();
    let reached = try_all(connector, wanted, deadline, &steps, &mut report).is_ok();
    report.steps = steps.0.into_inner();
    report.ok = reached && report.steps.iter().all(|step| step.ok);
    report
}

/// Steps for a report.
#[derive(Default)]
struct Collected(RefCell<Vec<Step>>);

impl Steps for Collected {
    fn begin(&self, _name: &'static str) -> Result<(), Fault> {
        Ok(())
    }

    fn end(&self, name: &'static str, outcome: Result<&str, &Fault>, ms: u64) {
        let (detail, hint, cause) = match outcome {
            Ok(detail) => (detail, "", None),
            Err(fault) => (&*fault.detail, &*fault.hint, Some(fault.cause.name())),
        };
        self.0.borrow_mut().push(Step {
            name,
            ok: cause.is_none(),
            detail: detail.to_owned(),
            hint: hint.to_owned(),
            cause,
            ms,
        });
    }
}

fn try_all(
    connector: &Connector,
    wanted: &Wanted<'_>,
    deadline: Instant,
    steps: &dyn Steps,
    report: &mut Report,
) -> Result<(), Fault> {
    let (entered, keys) = authenticate::log_in(
        connector,
        &wanted.node,
        wanted.jump.as_ref(),
        deadline,
        steps,
    );
    report.host_key = keys.node;
    report.jump_host_key = keys.jump;
    report.whole_keys = (keys.node_key, keys.jump_key);
    let session = entered?;
    authenticate::commands(&session, deadline, steps)?;
    let found = if wanted.without_root {
        authenticate::no_privilege(&session, steps)
    } else {
        authenticate::privilege(&session, wanted.sudo_password.as_ref(), steps).map(Some)
    };
    report.privilege = found.as_ref().ok().copied().flatten().map(Privilege::name);
    let facts = authenticate::system(&session, &wanted.server, wanted.pin.as_deref(), steps)?;
    let as_root = !wanted.without_root || found.is_ok_and(|found| found.is_some());
    judge(&facts, as_root, wanted, steps);
    if !as_root {
        let _ = authenticate::linger(&session, steps);
    }
    report.facts = Some(facts);
    Ok(())
}

/// What the facts mean for a deployment. `as_root`: not as a service of the
/// login's own.
fn judge(facts: &Facts, as_root: bool, wanted: &Wanted<'_>, steps: &dyn Steps) {
    let _ = step(steps, "architecture", || {
        let spider = deploy::choose_spider(wanted.spiders, facts.arch.as_deref())?;
        Ok(((), spider.fits(facts)?))
    });
    let _ = step(steps, "init", || {
        if !as_root {
            deploy::choose_place(facts, false, 0)?;
            return Ok((
                (),
                format!("{}, for a service of the login's own.", facts.init),
            ));
        }
        deploy::Method::of_init(&facts.init)?;
        Ok(((), facts.init.clone()))
    });
    let _ = step(steps, "space", || {
        if as_root {
            space(facts)
        } else {
            Ok(((), room(facts, facts.home.trim_end_matches('/'))?))
        }
    });
    let _ = step(steps, "server", || {
        let reach = &facts.server;
        if reach.ok == Some(false) {
            let detail = format!("{} {}", wanted.server.http(), reach.detail);
            return Err(Fault::new(Cause::Unreachable, detail, reach.hint.clone()));
        }
        // A certificate is not yet or no longer good to a clock that is wrong.
        const SKEW_MS_MAX: u64 = 120_000;
        if wanted.server.tls
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

/// The Spider and its next version beside it.
const NEEDED_BYTES: u64 = 8 << 20;

/// In the order in which a deployment looks for a place.
fn space(facts: &Facts) -> Result<((), String), Fault> {
    let places = match facts.init.as_str() {
        "procd" => &["/etc"][..],
        _ => &["/usr/local/bin", "/var/lib"],
    };
    let mut first = None;
    for path in places {
        match room(facts, path) {
            Ok(room) if first.is_none() => return Ok(((), room)),
            Ok(room) => {
                let why = first.map_or(String::new(), |fault: Fault| fault.detail);
                return Ok(((), format!("{why} It goes to {path}/stardust: {room}")));
            }
            Err(fault) => first = first.or(Some(fault)),
        }
    }
    match first {
        Some(fault) => Err(fault),
        None => Ok(((), String::new())),
    }
}

fn room(facts: &Facts, path: &str) -> Result<String, Fault> {
    let Some(folder) = facts.folders.iter().find(|folder| folder.path == path) else {
        return Ok("The node does not tell.".into());
    };
    if folder.read_only {
        return Err(Fault::new(
            Cause::ReadOnly,
            format!("{path} is mounted read-only."),
            "Mount it writable for the installation.",
        ));
    }
    if folder.noexec {
        return Err(Fault::new(
            Cause::Denied,
            format!("{path} is mounted so that nothing can be run from it (noexec)."),
            "Mount it without noexec for the installation.",
        ));
    }
    match folder.free_bytes {
        Some(free) if free < NEEDED_BYTES => Err(Fault::new(
            Cause::NoSpace,
            format!("{path} has {} KiB left.", free >> 10),
            format!("{} MiB are needed: free some.", NEEDED_BYTES >> 20),
        )),
        Some(free) => Ok(format!("{} MiB are free.", free >> 20)),
        None => Ok("The node does not tell.".into()),
    }
}
