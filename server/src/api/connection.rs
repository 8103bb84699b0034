//! /api/nodes/:id/connection: how a node is reached, without its secrets.

use serde::Deserialize;
use serde_json::{Value, json};

use super::check::Asked;
use super::deploy::{GivenBody, exists, free, given};
use super::ssh::pin;
use super::{Context, body, check};
use crate::deploy::with_whole_keys;
use crate::error::{Error, Kind};
use crate::events::NewEvent;
use crate::http::Response;
use crate::vault::{Credentials, Login, SshAuth};

pub fn get(context: &Context<'_>) -> Result<Response, Error> {
    exists(context)?;
    let stored = context.app.vault.get(context.id)?.ok_or_else(none)?;
    Ok(Response::json(200, &view(context, &stored)?))
}

/// Another login for the node: tried first, and kept only when it works.
pub fn put(context: &Context<'_>) -> Result<Response, Error> {
    exists(context)?;
    free(context)?;
    let (mut credentials, asked) = check::read(context)?;
    let known = known(context)?;
    let asked = Asked {
        pin: asked.pin.or(known.pin),
        without_root: asked.without_root || known.without_root,
        except: Some(context.id),
    };
    let report = check::run(context, &credentials, asked)?;
    let entered = report
        .steps
        .iter()
        .any(|step| step.name == "commands" && step.ok);
    if !entered {
        let last = report.steps.last();
        let body = json!({
            "error": {
                "kind": Kind::CheckFailed.name(),
                "message": last.map_or("The login does not work.", |step| &step.detail),
                "hint": last.map_or("", |step| &step.hint),
            },
            "report": report,
        });
        return Ok(Response::json(Kind::CheckFailed.http_status(), &body));
    }
    credentials.machine_id = report
        .facts
        .as_ref()
        .and_then(|facts| facts.machine_id.clone());
    let credentials = with_whole_keys(&credentials, &report.whole_keys).unwrap_or(credentials);
    context
        .app
        .vault
        .put(context.id, &credentials, context.now_ms)?;
    context.app.fleet.set_managed(context.id, true);
    let body = json!({"report": report, "connection": view(context, &credentials)?});
    Ok(Response::json(200, &body))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HostKeyBody {
    sha256: String,
    jump_sha256: Option<String>,
}

/// Another host key for a node whose own has changed, once the operator has
/// compared it.
pub fn accept_host_key(context: &Context<'_>) -> Result<Response, Error> {
    let body: HostKeyBody = body::json(context.request, r#"{"sha256": "SHA256:…"}."#)?;
    exists(context)?;
    free(context)?;
    let mut stored = context.app.vault.get(context.id)?.ok_or_else(none)?;
    stored.node.host_key = Some(pin(&body.sha256)?);
    if let (Some(jump), Some(sha256)) = (&mut stored.jump, &body.jump_sha256) {
        jump.host_key = Some(pin(sha256)?);
    }
    context.app.vault.put(context.id, &stored, context.now_ms)?;
    context.app.store.add_events(&[NewEvent {
        time_ms: context.now_ms,
        node: Some(context.id),
        node_name: context.app.fleet.name(context.id),
        kind: "host_key",
        detail: json!({"by": context.session()?.user, "sha256": body.sha256}),
    }])?;
    Ok(Response::json(200, &view(context, &stored)?))
}

/// POST /api/nodes/:id/check: with what is kept for the node, or given for this once.
pub fn check_stored(context: &Context<'_>) -> Result<Response, Error> {
    exists(context)?;
    let (auth, sudo_password) = GivenBody::read(context)?;
    let mut stored = context.app.vault.get(context.id)?.ok_or_else(none)?;
    let given = given(context, auth, sudo_password)?;
    stored.node.auth = given.auth.or(stored.node.auth);
    stored.sudo_password = given.sudo_password.or(stored.sudo_password);
    let report = check::run(context, &stored, known(context)?)?;
    // What is kept now: it may have been changed or forgotten meanwhile.
    if let Some(now) = context.app.vault.get(context.id)?
        && let Some(whole) = with_whole_keys(&now, &report.whole_keys)
    {
        context.app.vault.put(context.id, &whole, context.now_ms)?;
    }
    Ok(Response::json(200, &report))
}

/// As the node's Spider was deployed.
fn known(context: &Context<'_>) -> Result<Asked, Error> {
    let spider = context.app.store.spider(context.id)?;
    Ok(Asked {
        without_root: spider
            .as_ref()
            .is_some_and(|spider| !spider.place.needs_root()),
        pin: spider.and_then(|spider| spider.pin),
        except: Some(context.id),
    })
}

/// Forgets keys and passwords; where the node is and its host key stay.
pub fn forget(context: &Context<'_>) -> Result<Response, Error> {
    exists(context)?;
    free(context)?;
    context.app.vault.forget_secrets(context.id)?;
    Ok(Response::no_content())
}

fn view(context: &Context<'_>, stored: &Credentials) -> Result<Value, Error> {
    let spider = context.app.store.spider(context.id)?.map(|spider| {
        json!({
            "method": spider.place.method.name(),
            "path": spider.place.bin,
            "version": spider.version,
            "arch": spider.arch,
            "server_url": spider.server_url,
            "installed_ms": spider.installed_ms,
        })
    });
    let mut view = login(&stored.node);
    view["sudo_password"] = stored.sudo_password.is_some().into();
    view["jump"] = stored.jump.as_ref().map(login).into();
    view["spider"] = spider.into();
    Ok(view)
}

fn login(login: &Login) -> Value {
    json!({
        "host": login.host,
        "port": login.port,
        "user": login.user,
        "auth": login.auth.as_ref().map(|auth| match auth {
            SshAuth::Key { password: Some(_), .. } => "key_and_password",
            SshAuth::Key { .. } => "key",
            SshAuth::Password(_) => "password",
        }),
        "host_key": login.host_key.as_ref().map(|pin| json!({
            "type": pin.kind(),
            "sha256": pin.sha256(),
        })),
    })
}

fn none() -> Error {
    Error::new(
        Kind::NotFound,
        "It is not known how this node is reached over SSH.",
        "PUT /api/nodes/:id/connection says it; without, the node only sends.",
    )
}
