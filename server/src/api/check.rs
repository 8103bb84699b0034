//! POST /api/nodes/check: would a deployment work? Nothing is written on the
//! node and nothing is kept here.

use serde::Deserialize;

use super::nodes::server_url;
use super::ssh::{AuthBody, ConnectionBody, JumpBody, hop, server_pin};
use super::{Context, body};
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::major_tom::check::{self, Report, Wanted};
use crate::secret::Secret;
use crate::spiders;
use crate::vault::Credentials;

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
}

pub fn post(context: &Context<'_>) -> Result<Response, Error> {
    let (credentials, pin) = read(context)?;
    let report = run(context, &credentials, pin)?;
    Ok(Response::json(200, &report))
}

/// The connection that the request names, and the pin for a Spider there.
pub fn read(context: &Context<'_>) -> Result<(Credentials, Option<String>), Error> {
    let body: CheckBody = body::json(context.request, SHAPE)?;
    let pin = server_pin(body.pin)?;
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
    Ok((credentials, pin))
}

/// `pin`: what the Spider that is there, or comes there, knows the server by.
pub fn run(
    context: &Context<'_>,
    credentials: &Credentials,
    pin: Option<String>,
) -> Result<Report, Error> {
    let config = &context.app.config;
    let has_spider = |arch: &str| {
        config.agent_binary.is_some()
            || spiders::for_arch(arch).is_some()
            || config
                .agent_dir
                .as_ref()
                .is_some_and(|folder| folder.join(format!("stardust-spider-{arch}")).is_file())
    };
    let wanted = Wanted {
        node: hop(&credentials.node)?.ok_or_else(Error::internal)?,
        jump: credentials.jump.as_ref().map(hop).transpose()?.flatten(),
        sudo_password: credentials.sudo_password.clone(),
        server: server_url(context),
        pin,
        has_spider: &has_spider,
    };
    let Some(_place) = context.app.major_tom.pool.enter() else {
        return Err(Error::new(
            Kind::Busy,
            "As many nodes as allowed are being worked on.",
            "Try again when one is done; --ssh-threads sets how many there may be.",
        )
        .retry_after_s(5));
    };
    Ok(check::run(&context.app.major_tom.connector, &wanted))
}
