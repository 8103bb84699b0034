//! POST /api/nodes/check: would a deployment work? Nothing is written on the
//! node and nothing is kept here.

use serde::Deserialize;

use super::nodes::server_url;
use super::ssh::{AuthBody, ConnectionBody, JumpBody, hop, place, server_pin};
use super::{Context, body};
use crate::deploy::check::{self, KnownNode, Report, Wanted};
use crate::deploy::is_taken;
use crate::error::Error;
use crate::http::Response;
use crate::secret::Secret;
use crate::vault::{Credentials, Shown};

const SHAPE: &str = r#"{"host": "pi4.example", "user": "root", "auth": {"key": "-----BEGIN …"}} or "auth": {"password": "…"}."#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckBody {
    host: String,
    port: Option<u16>,
    user: String,
    auth: AuthBody,
    sudo_password: Option<Secret>,
    jump: Option<JumpBody>,
    host_key: Option<String>,
    pin: Option<String>,
    #[serde(default)]
    without_root: bool,
}

/// What a check is to look for.
#[derive(Default)]
pub struct Asked {
    /// What the Spider that is there, or comes there, knows the server by.
    pub pin: Option<String>,
    /// For a service of the login's own.
    pub without_root: bool,
    /// The node that the host may be.
    pub except: Option<i64>,
}

pub fn post(context: &Context<'_>) -> Result<Response, Error> {
    let (credentials, asked) = read(context)?;
    let report = run(context, &credentials, asked)?;
    Ok(Response::json(200, &report))
}

/// The connection that the request names.
pub fn read(context: &Context<'_>) -> Result<(Credentials, Asked), Error> {
    let body: CheckBody = body::json(context.request, SHAPE)?;
    let asked = Asked {
        pin: server_pin(body.pin)?,
        without_root: body.without_root,
        except: None,
    };
    let credentials = ConnectionBody {
        host: body.host,
        port: body.port,
        user: body.user,
        auth: body.auth,
        sudo_password: body.sudo_password,
        jump: body.jump,
        host_key: body.host_key,
    }
    .credentials()?;
    Ok((credentials, asked))
}

pub fn run(
    context: &Context<'_>,
    credentials: &Credentials,
    asked: Asked,
) -> Result<Report, Error> {
    let wanted = Wanted {
        node: hop(&credentials.node)?.ok_or_else(Error::internal)?,
        jump: credentials.jump.as_ref().map(hop).transpose()?.flatten(),
        sudo_password: credentials.sudo_password.clone(),
        server: server_url(context),
        pin: asked.pin,
        without_root: asked.without_root,
        spiders: &context.app.work.spiders,
    };
    let _place = place(context)?;
    let mut report = check::run(&context.app.major_tom.connector, &wanted);
    let shown = Shown {
        host_key: report.host_key.as_ref().map(|key| key.sha256.as_str()),
        machine_id: report
            .facts
            .as_ref()
            .and_then(|facts| facts.machine_id.as_deref()),
    };
    let counts = |id| Some(id) != asked.except && is_taken(&context.app.work, id);
    let found = context.app.vault.node_of(shown, &counts)?;
    report.known_node = found.and_then(|(id, _)| {
        let view = context.app.fleet.view(&context.principal, id)?;
        Some(KnownNode {
            id,
            name: view.name,
        })
    });
    Ok(report)
}
