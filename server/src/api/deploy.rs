//! What Major Tom does with Spiders: each request makes a job and is answered
//! with it at once.

use serde::Deserialize;
use serde_json::json;

use super::nodes::{self, no_such_node, server_url};
use super::ssh::{self, AuthBody, ConnectionBody, JumpBody, server_pin};
use super::{Context, body};
use crate::access::Need;
use crate::deploy::is_taken;
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::jobs::limits::GROUP_NODES_MAX;
use crate::jobs::{Given, Intent, Job, Order};
use crate::major_tom::hostkey::Pin;
use crate::secret::Secret;
use crate::vault::{Credentials, Shown};

const SHAPE: &str = r#"{"host": "pi4.example", "user": "root", "auth": {"key": "-----BEGIN …"}, "host_key": "SHA256:…"}, the last as POST /api/nodes/check has shown it."#;
pub(super) const GIVEN_SHAPE: &str =
    r#"{}, or {"auth": {"key": "…"}} when the node's key was forgotten."#;

/// All of it may be missing for a node that was deployed before.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DeployBody {
    name: Option<String>,
    tags: Vec<String>,
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    auth: Option<AuthBody>,
    sudo_password: Option<Secret>,
    jump: Option<JumpBody>,
    host_key: Option<String>,
    pin: Option<String>,
    keep_on_failure: bool,
    remember: Option<bool>,
    without_root: bool,
    replace: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenBody {
    auth: Option<AuthBody>,
    sudo_password: Option<Secret>,
    force: bool,
}

impl GivenBody {
    /// For questions that need no more than this. Without a body nothing is given.
    pub(super) fn read(context: &Context<'_>) -> Result<(Option<AuthBody>, Option<Secret>), Error> {
        if context.request.body.is_empty() {
            return Ok((None, None));
        }
        let body: Self = body::json(context.request, GIVEN_SHAPE)?;
        if body.force {
            return Err(Error::invalid(
                "There is nothing to force here.",
                GIVEN_SHAPE,
            ));
        }
        Ok((body.auth, body.sudo_password))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FleetBody {
    nodes: Vec<i64>,
}

impl DeployBody {
    fn intent(&self, context: &Context<'_>) -> Result<Intent, Error> {
        Ok(Intent::Deploy {
            server_url: server_url(context).to_string(),
            pin: server_pin(self.pin.clone())?,
            keep_on_failure: self.keep_on_failure,
            remember: self.remember.unwrap_or(true),
            without_root: self.without_root,
            replace: self.replace,
        })
    }

    /// The connection that it names, whole.
    fn credentials(self) -> Result<Credentials, Error> {
        let (Some(host), Some(user), Some(auth)) = (self.host, self.user, self.auth) else {
            return Err(Error::invalid(
                "host, user and auth belong together, and one of them is missing.",
                format!("Send {SHAPE}"),
            ));
        };
        let confirmed =
            self.host_key.is_some() && self.jump.as_ref().is_none_or(JumpBody::is_confirmed);
        if !confirmed {
            return Err(Error::invalid(
                "The host key was not confirmed.",
                "POST /api/nodes/check shows it; compare it, and send it as host_key.",
            ));
        }
        ConnectionBody {
            host,
            port: self.port,
            user,
            auth,
            sudo_password: self.sudo_password,
            jump: self.jump,
            host_key: self.host_key,
        }
        .credentials()
    }
}

/// POST /api/nodes/deploy: a new node.
pub fn deploy_new(context: &Context<'_>) -> Result<Response, Error> {
    let mut body: DeployBody = body::json(context.request, SHAPE)?;
    let intent = body.intent(context)?;
    let name = body.name.take().filter(|name| !name.trim().is_empty());
    let tags = std::mem::take(&mut body.tags);
    let replace = body.replace;
    let credentials = body.credentials()?;
    if !replace {
        no_other_node(context, &credentials, None)?;
    }
    let name = name.unwrap_or_else(|| credentials.node.host.clone());
    // Its token is made, and kept by nobody: the job makes the one that counts.
    let (id, _) = nodes::make(context, &name, &tags)?;
    context.app.vault.put(id, &credentials, context.now_ms)?;
    context.app.fleet.set_managed(id, true);
    let job = submit(context, id, intent, Given::default())?;
    let node = nodes::seen(context, id)?;
    Ok(Response::json(
        202,
        &json!({"node": node, "job": job.view()}),
    ))
}

/// POST /api/nodes/:id/deploy: again, or for a node that was added by hand.
pub fn deploy(context: &Context<'_>) -> Result<Response, Error> {
    let body: DeployBody = body::json(context.request, SHAPE)?;
    exists(context)?;
    let intent = body.intent(context)?;
    let given = if body.host.is_some() || body.user.is_some() {
        free(context)?;
        let replace = body.replace;
        let credentials = body.credentials()?;
        if !replace {
            no_other_node(context, &credentials, Some(context.id))?;
        }
        context
            .app
            .vault
            .put(context.id, &credentials, context.now_ms)?;
        context.app.fleet.set_managed(context.id, true);
        Given::default()
    } else {
        given(context, body.auth, body.sudo_password)?
    };
    answer(&*submit(context, context.id, intent, given)?)
}

/// Else two nodes would have one Spider: the first goes offline, and its history
/// ends. What is known before the login is the host's key.
fn no_other_node(
    context: &Context<'_>,
    credentials: &Credentials,
    except: Option<i64>,
) -> Result<(), Error> {
    let sha256 = credentials.node.host_key.as_ref().map(Pin::sha256);
    let shown = Shown {
        host_key: sha256.as_deref(),
        machine_id: None,
    };
    let app = context.app;
    let counts = |id| Some(id) != except && is_taken(&app.work, id);
    let Some((id, _)) = app.vault.node_of(shown, &counts)? else {
        return Ok(());
    };
    if !context.sees(id) {
        return Err(Error::new(
            Kind::Conflict,
            "This host is a node already, of somebody else.",
            "Ask an admin who sees all nodes.",
        ));
    }
    let name = app.fleet.name(id).ok_or_else(no_such_node)?;
    Err(Error::new(
        Kind::Conflict,
        format!("This host is the node {name} (number {id}) already."),
        format!(
            "Deploy that one again: POST /api/nodes/{id}/deploy. Or send \"replace\": true: then this \
             one takes its place on the host, and {name} hears no more of it."
        ),
    ))
}

pub fn upgrade(context: &Context<'_>) -> Result<Response, Error> {
    simple(context, |_| Intent::Upgrade)
}

pub fn rotate_token(context: &Context<'_>) -> Result<Response, Error> {
    simple(context, |_| Intent::RotateToken)
}

pub fn reboot(context: &Context<'_>) -> Result<Response, Error> {
    simple(context, |_| Intent::Reboot)
}

pub fn remove(context: &Context<'_>) -> Result<Response, Error> {
    let body: GivenBody = body::json(context.request, GIVEN_SHAPE)?;
    exists(context)?;
    let force = body.force;
    let given = match given(context, body.auth, body.sudo_password) {
        // It can't be reached then, which is what force is for.
        Err(error) if force && error.kind == Kind::CredentialsNeeded => Given::default(),
        other => other?,
    };
    answer(&*submit(
        context,
        context.id,
        Intent::Remove { force },
        given,
    )?)
}

/// POST /api/upgrades: many nodes, in waves.
pub fn upgrade_fleet(context: &Context<'_>) -> Result<Response, Error> {
    let body: FleetBody = body::json(context.request, r#"{"nodes": [1, 2, 3]}."#)?;
    // In the order in which they were named: the first one is who tries it out.
    let mut seen = std::collections::HashSet::new();
    let mut nodes = body.nodes;
    nodes.retain(|node| seen.insert(*node));
    if nodes.is_empty() || nodes.len() > GROUP_NODES_MAX {
        return Err(Error::invalid(
            "There must be nodes to work on, and not too many.",
            format!("Name 1 to {GROUP_NODES_MAX}."),
        ));
    }
    for node in &nodes {
        context.may(Need::Deploy, *node)?;
    }
    answer(&*submit_for_many(context, Intent::UpgradeFleet { nodes })?)
}

/// One of several that are named.
pub(super) fn unknown_node(id: i64) -> Error {
    Error::new(
        Kind::NotFound,
        format!("There is no node {id}."),
        "It may have been removed; GET /api/nodes lists all.",
    )
}

fn simple(
    context: &Context<'_>,
    intent: impl FnOnce(&GivenBody) -> Intent,
) -> Result<Response, Error> {
    let body: GivenBody = body::json(context.request, GIVEN_SHAPE)?;
    exists(context)?;
    let intent = intent(&body);
    let given = given(context, body.auth, body.sudo_password)?;
    answer(&*submit(context, context.id, intent, given)?)
}

pub(super) fn exists(context: &Context<'_>) -> Result<(), Error> {
    match context.app.fleet.knows(context.id) {
        true => Ok(()),
        false => Err(no_such_node()),
    }
}

/// Nothing may change under a job that is at work.
pub(super) fn free(context: &Context<'_>) -> Result<(), Error> {
    match context.app.jobs.active_of_node(context.id) {
        None => Ok(()),
        Some(job) => Err(Error::new(
            Kind::Conflict,
            format!("Job {} works on this node: {}.", job.id, job.view().title),
            "Wait until it has ended, or cancel it.",
        )),
    }
}

/// What was given for one job, once it is sure that there is all it takes.
pub(super) fn given(
    context: &Context<'_>,
    auth: Option<AuthBody>,
    sudo_password: Option<Secret>,
) -> Result<Given, Error> {
    let given = Given {
        auth: auth.map(ssh::auth).transpose()?,
        sudo_password: ssh::sudo_password(sudo_password)?,
    };
    let stored = context.app.vault.get(context.id)?;
    let enough = stored.is_some_and(|stored| {
        let jump = stored.jump.as_ref().is_none_or(|jump| jump.auth.is_some());
        jump && (given.auth.is_some() || stored.node.auth.is_some())
    });
    if enough {
        return Ok(given);
    }
    Err(Error::new(
        Kind::CredentialsNeeded,
        "The SSH key or password of this node is not known.",
        "Send auth for this once, or PUT /api/nodes/:id/connection to keep it.",
    ))
}

pub(super) fn submit(
    context: &Context<'_>,
    node: i64,
    intent: Intent,
    given: Given,
) -> Result<std::sync::Arc<Job>, Error> {
    let name = context.app.fleet.name(node);
    context.app.jobs.admit(node, &intent)?;
    context.app.jobs.submit(Order {
        intent,
        node: Some(node),
        name: name.ok_or_else(no_such_node)?,
        group: None,
        by: context.session()?.user.clone(),
        given,
    })
}

/// A job over many nodes, with what is kept of each.
pub(super) fn submit_for_many(
    context: &Context<'_>,
    intent: Intent,
) -> Result<std::sync::Arc<Job>, Error> {
    context.app.jobs.submit(Order {
        intent,
        node: None,
        name: String::new(),
        group: None,
        by: context.session()?.user.clone(),
        given: Given::default(),
    })
}

pub(super) fn answer(job: &Job) -> Result<Response, Error> {
    Ok(Response::json(202, &json!({"job": job.view()}))
        .header("Location", format!("/api/jobs/{}", job.id)))
}
