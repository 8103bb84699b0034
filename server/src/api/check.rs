//! POST /api/nodes/check: would a deployment work? Nothing is written on the
//! node and nothing is kept here.

use serde::Deserialize;

use super::nodes::server_url;
use super::{Context, body};
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::major_tom::check::{self, Hop, Wanted};
use crate::major_tom::hostkey::Pin;
use crate::major_tom::login::check_password;
use crate::major_tom::target::Target;
use crate::secret::Secret;
use crate::spiders;
use crate::vault::SshAuth;

const SSH_PORT: u16 = 22;
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JumpBody {
    host: String,
    port: Option<u16>,
    user: String,
    auth: AuthBody,
    host_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthBody {
    key: Option<Secret>,
    passphrase: Option<Secret>,
    password: Option<Secret>,
}

pub fn post(context: &Context<'_>) -> Result<Response, Error> {
    let body: CheckBody = body::json(context.request, SHAPE)?;
    let node = hop(
        &body.host,
        body.port,
        &body.user,
        body.auth,
        body.host_key.as_deref(),
    )?;
    let jump = body
        .jump
        .map(|jump| {
            hop(
                &jump.host,
                jump.port,
                &jump.user,
                jump.auth,
                jump.host_key.as_deref(),
            )
        })
        .transpose()?;
    let sudo_password = body
        .sudo_password
        .filter(|given| !given.expose().is_empty());
    if let Some(password) = &sudo_password {
        check_password(password)?;
    }
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
        node,
        jump,
        sudo_password,
        server: server_url(context),
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
    let report = check::run(&context.app.major_tom.connector, &wanted);
    Ok(Response::json(200, &report))
}

fn hop(
    host: &str,
    port: Option<u16>,
    user: &str,
    auth: AuthBody,
    host_key: Option<&str>,
) -> Result<Hop, Error> {
    let pin = host_key.map(|text| {
        Pin::fingerprint(text).ok_or_else(|| {
            Error::invalid(
                "The host key is no fingerprint.",
                "Send it as it was shown: SHA256: and 43 characters.",
            )
        })
    });
    let auth = match (auth.key, auth.password) {
        (Some(private_key), None) => SshAuth::Key {
            private_key,
            passphrase: auth.passphrase.filter(|given| !given.expose().is_empty()),
        },
        (None, Some(password)) if auth.passphrase.is_none() => SshAuth::Password(password),
        _ => {
            return Err(Error::invalid(
                "auth is neither a key nor a password.",
                r#"Send {"key": "…"}, with "passphrase" when it has one, or {"password": "…"}."#,
            ));
        }
    };
    Ok(Hop {
        target: Target::new(host, port.unwrap_or(SSH_PORT), user)?,
        auth,
        pin: pin.transpose()?,
    })
}
