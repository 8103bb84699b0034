//! How a job gets onto its node: by what the vault has, and by what was given
//! for this job alone.

use std::time::{Duration, Instant};

use stardust_shared::ServerUrl;

use super::executor::Executor;
use super::{has_spider, is_taken};
use crate::clock::wall_ms;
use crate::jobs::JobContext;
use crate::jobs::{Given, Job};
use crate::major_tom::authenticate::{self, Hop, Keys};
use crate::major_tom::facts::Facts;
use crate::major_tom::fault::{Cause, Fault};
use crate::major_tom::hostkey::{HostKey, Pin};
use crate::major_tom::limits::CHECK_TIME_MAX;
use crate::major_tom::output::Output;
use crate::major_tom::privilege::Privilege;
use crate::major_tom::remote::{Remote as _, Stdin};
use crate::major_tom::session::Session;
use crate::major_tom::shell::Command;
use crate::major_tom::steps::{Steps, step};
use crate::major_tom::target::Target;
use crate::secret::Secret;
use crate::vault::{self, Credentials, Same, Shown};

/// A node that was logged in to.
pub struct Login {
    session: Session,
    pub facts: Facts,
    /// None: all is done as the login itself.
    pub privilege: Option<Privilege>,
    sudo_password: Option<Secret>,
    host_key: Option<String>,
}

impl Login {
    /// Else the Spider of another node would be taken from it. Before anything is
    /// written.
    pub fn refuse_other_node(&self, context: &JobContext, job: &Job) -> Result<(), Fault> {
        step(job, "known", || {
            let shown = Shown {
                host_key: self.host_key.as_deref(),
                machine_id: self.facts.machine_id.as_deref(),
            };
            // Of two that are on their way there, the first goes on.
            let own = job.node.unwrap_or_default();
            let counts =
                |id| id != own && (has_spider(context, id) || id < own && is_taken(context, id));
            let found = context.vault.node_of(shown, &counts)?;
            let Some((id, same)) = found else {
                return Ok(((), "It is none.".into()));
            };
            let name = context.fleet.name(id).unwrap_or_default();
            let (by, copy) = match same {
                Same::HostKey => ("host key", ""),
                Same::MachineId => (
                    "machine id",
                    " If it is another machine that was copied from that one, give it an id of its \
                     own: `rm /etc/machine-id; systemd-machine-id-setup`.",
                ),
            };
            Err(Fault::new(
                Cause::KnownNode,
                format!("This host is the node {name} (number {id}) already, by its {by}."),
                format!(
                    "Remove this one and deploy that one again; or deploy this one with \"replace\": \
                     true, and {name} hears no more of the host.{copy}"
                ),
            ))
        })
    }

    /// By which the host is known again under another name or key.
    pub fn keep_machine_id(&self, context: &JobContext, node: i64) {
        let keep = || {
            let Some(mut stored) = context.vault.get(node)? else {
                return Ok(());
            };
            if stored.machine_id == self.facts.machine_id {
                return Ok(());
            }
            stored.machine_id = self.facts.machine_id.clone();
            context.vault.put(node, &stored, wall_ms()).map(|_| ())
        };
        let kept: Result<(), crate::error::Error> = keep();
        if let Err(error) = kept {
            crate::log::warn(&format!(
                "The machine id of node {node} was not kept: {error}"
            ));
        }
    }

    pub fn executor<'a>(&'a self, job: &'a Job) -> Executor<'a> {
        Executor {
            remote: &self.session,
            privilege: self.privilege,
            sudo_password: self.sudo_password.clone(),
            job,
        }
    }

    pub fn is_root(&self) -> bool {
        self.privilege == Some(Privilege::Root)
    }
}

/// Logs in, finds out how to become root where that is needed, and looks at the
/// system.
pub fn log_in(
    context: &JobContext,
    job: &Job,
    server: &ServerUrl,
    needs_root: bool,
) -> Result<Login, Fault> {
    let node = job.node.ok_or_else(no_connection)?;
    let (mut session, sudo_password, host_key) = connect(context, node, &job.given, job)?;
    let privilege = if needs_root {
        Some(authenticate::privilege(
            &session,
            sudo_password.as_ref(),
            job,
        )?)
    } else {
        authenticate::no_privilege(&session, job)?
    };
    let facts = authenticate::system(&session, server, None, job)?;
    session.commit();
    Ok(Login {
        session,
        facts,
        privilege,
        sudo_password,
        host_key,
    })
}

/// A login that is root, or can become it.
pub struct RootSession {
    session: Session,
    privilege: Privilege,
    sudo_password: Option<Secret>,
}

impl RootSession {
    pub fn privilege(&self) -> Privilege {
        self.privilege
    }

    /// See [`Session::commit`].
    pub fn commit(&mut self) {
        self.session.commit();
    }

    pub fn run(
        &self,
        command: &Command,
        time: Duration,
        on_output: &mut dyn FnMut(&[u8]),
    ) -> Result<Output, Fault> {
        let stdin = match (self.privilege, &self.sudo_password) {
            (Privilege::SudoPassword, Some(password)) => Stdin::Password(password),
            _ => Stdin::Nothing,
        };
        let command = self.privilege.command(command)?;
        self.session.run(&command, stdin, time, on_output)
    }
}

/// Logs in as whoever can work as root.
pub fn log_in_as_root(
    context: &JobContext,
    node: i64,
    given: &Given,
    steps: &dyn Steps,
) -> Result<RootSession, Fault> {
    let (session, sudo_password, _) = connect(context, node, given, steps)?;
    let privilege = authenticate::privilege(&session, sudo_password.as_ref(), steps)?;
    Ok(RootSession {
        session,
        privilege,
        sudo_password,
    })
}

/// As far as a shell, with the sudo password that there is and the host's key.
fn connect(
    context: &JobContext,
    node: i64,
    given: &Given,
    steps: &dyn Steps,
) -> Result<(Session, Option<Secret>, Option<String>), Fault> {
    let stored = context.vault.get(node)?.ok_or_else(no_connection)?;
    let hop = hop(&stored.node, given.auth.clone())?;
    let jump = stored
        .jump
        .as_ref()
        .map(|login| self::hop(login, None))
        .transpose()?;
    let deadline = Instant::now() + CHECK_TIME_MAX;
    let connector = &context.connector;
    let (entered, keys) = authenticate::log_in(connector, &hop, jump.as_ref(), deadline, steps);
    let session = entered?;
    let host_key = keys.node_key.as_ref().map(|key| key.sha256());
    keep_keys(context, node, &stored, keys);
    authenticate::commands(&session, deadline, steps)?;
    Ok((
        session,
        given.sudo_password.clone().or(stored.sudo_password),
        host_key,
    ))
}

fn hop(login: &vault::Login, given: Option<vault::SshAuth>) -> Result<Hop, Fault> {
    let auth = given.or_else(|| login.auth.clone()).ok_or_else(|| {
        Fault::new(
            Cause::CredentialsNeeded,
            "The SSH key or password of this node was forgotten.",
            "Give it again, for this once or to keep.",
        )
    })?;
    Ok(Hop {
        target: Target::new(&login.host, login.port, &login.user)?,
        auth,
        pin: login.host_key.clone(),
    })
}

fn no_connection() -> Fault {
    Fault::new(
        Cause::CredentialsNeeded,
        "It is not known how this node is reached over SSH.",
        "Give its host, user and key or password.",
    )
}

/// Keeps the keys that were seen; see [`with_whole_keys`].
fn keep_keys(context: &JobContext, node: i64, stored: &Credentials, keys: Keys) {
    if let Some(whole) = with_whole_keys(stored, &(keys.node_key, keys.jump_key))
        && let Err(error) = context.vault.put(node, &whole, wall_ms())
    {
        // The fingerprint does as well.
        crate::log::warn(&format!(
            "The host key of node {node} was not kept: {error}"
        ));
    }
}

/// A fingerprint that was confirmed becomes the whole key, so that its type is known
/// and can be asked for. None where nothing is new, and where another key was seen.
pub fn with_whole_keys(
    stored: &Credentials,
    (node_key, jump_key): &(Option<HostKey>, Option<HostKey>),
) -> Option<Credentials> {
    let mut whole = stored.clone();
    let mut changed = false;
    let mut keep = |login: &mut vault::Login, key: &Option<HostKey>| {
        if let (Some(pin @ Pin::Fingerprint(_)), Some(key)) = (&login.host_key, key)
            && pin.fits(key)
        {
            login.host_key = Some(Pin::Key(key.clone()));
            changed = true;
        }
    };
    keep(&mut whole.node, node_key);
    if let Some(jump) = &mut whole.jump {
        keep(jump, jump_key);
    }
    changed.then_some(whole)
}
