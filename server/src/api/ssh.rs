//! How a node is reached over SSH, as requests say it.

use serde::Deserialize;

use super::Context;
use crate::error::Error;
use crate::major_tom::authenticate::Hop;
use crate::major_tom::hostkey::Pin;
use crate::major_tom::limits::PLACE_TIME_MAX;
use crate::major_tom::login::check_password;
use crate::major_tom::pool::Permit;
use crate::major_tom::target::Target;
use crate::secret::Secret;
use crate::vault::{Credentials, Login, SshAuth};

const SSH_PORT: u16 = 22;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthBody {
    key: Option<Secret>,
    passphrase: Option<Secret>,
    /// The line of the file beside the key whose name ends in `-cert.pub`.
    certificate: Option<Secret>,
    /// Beside a key: for servers that want both.
    password: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpBody {
    host: String,
    port: Option<u16>,
    user: String,
    auth: AuthBody,
    host_key: Option<String>,
}

impl JumpBody {
    pub fn is_confirmed(&self) -> bool {
        self.host_key.is_some()
    }
}

/// A whole connection.
pub struct ConnectionBody {
    pub host: String,
    pub port: Option<u16>,
    pub user: String,
    pub auth: AuthBody,
    pub sudo_password: Option<Secret>,
    pub jump: Option<JumpBody>,
    pub host_key: Option<String>,
}

impl ConnectionBody {
    pub fn credentials(self) -> Result<Credentials, Error> {
        Ok(Credentials {
            node: login(self.host, self.port, self.user, self.auth, self.host_key)?,
            sudo_password: sudo_password(self.sudo_password)?,
            jump: self
                .jump
                .map(|jump| login(jump.host, jump.port, jump.user, jump.auth, jump.host_key))
                .transpose()?,
            machine_id: None,
        })
    }
}

/// An empty one is none.
pub fn sudo_password(given: Option<Secret>) -> Result<Option<Secret>, Error> {
    let password = given.filter(|given| !given.expose().is_empty());
    if let Some(password) = &password {
        check_password(password)?;
    }
    Ok(password)
}

pub fn auth(auth: AuthBody) -> Result<SshAuth, Error> {
    let given = |text: Option<Secret>| text.filter(|text| !text.expose().is_empty());
    match (auth.key, auth.password) {
        (Some(private_key), password) => {
            let password = given(password);
            if let Some(password) = &password {
                check_password(password)?;
            }
            Ok(SshAuth::Key {
                private_key,
                passphrase: given(auth.passphrase),
                certificate: given(auth.certificate),
                password,
            })
        }
        (None, Some(password)) if auth.passphrase.is_none() && auth.certificate.is_none() => {
            Ok(SshAuth::Password(password))
        }
        _ => Err(Error::invalid(
            "auth is neither a key nor a password.",
            r#"Send {"key": "…"}, with "passphrase" when it has one, "certificate" when there is one beside it, and "password" when the server wants both; or {"password": "…"}."#,
        )),
    }
}

pub fn pin(text: &str) -> Result<Pin, Error> {
    Pin::fingerprint(text).ok_or_else(|| {
        Error::invalid(
            "The host key is no fingerprint.",
            "Send it as it was shown: SHA256: and 43 characters.",
        )
    })
}

fn login(
    host: String,
    port: Option<u16>,
    user: String,
    given: AuthBody,
    host_key: Option<String>,
) -> Result<Login, Error> {
    let host_key = host_key.as_deref().map(pin).transpose()?;
    let auth = auth(given)?;
    let target = Target::new(&host, port.unwrap_or(SSH_PORT), &user)?;
    Ok(Login {
        host: target.host().to_owned(),
        port: target.port(),
        user: target.user().to_owned(),
        auth: Some(auth),
        host_key,
    })
}

/// A turn to work on a node, which is waited for.
pub fn place(context: &Context<'_>) -> Result<Permit, Error> {
    let entered = context.app.major_tom.pool.enter(PLACE_TIME_MAX);
    entered.map_err(|fault| Error::from(fault).retry_after_s(5))
}

/// None when its key or password was forgotten.
pub fn hop(login: &Login) -> Result<Option<Hop>, Error> {
    let Some(auth) = login.auth.clone() else {
        return Ok(None);
    };
    Ok(Some(Hop {
        target: Target::new(&login.host, login.port, &login.user)?,
        auth,
        pin: login.host_key.clone(),
    }))
}

/// The pin of Ground Control's own key, as it stands in a Spider's config.
pub fn server_pin(pin: Option<String>) -> Result<Option<String>, Error> {
    let pin = pin.filter(|pin| !pin.is_empty());
    let plain = |c: char| c.is_ascii_alphanumeric() || "/+=".contains(c);
    if pin
        .as_ref()
        .is_some_and(|pin| !pin.starts_with("sha256/") || pin.len() > 60 || !pin.chars().all(plain))
    {
        return Err(Error::invalid(
            "The pin is none.",
            "Send sha256/ and the SHA-256 of the server's public key in base64.",
        ));
    }
    Ok(pin)
}
