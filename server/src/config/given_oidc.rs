//! The flags of OpenID Connect → [`oidc::Settings`].

use std::ffi::OsString;
use std::path::PathBuf;

use super::values::{path, usage};
use crate::access::Role;
use crate::error::{Error, Kind};
use crate::oidc::Settings;
use crate::secret::Secret;

const TEXT_CHARS_MAX: usize = 512;
const ROLES_MAX: usize = 64;
const SECRET_BYTES_MAX: u64 = 4096;

/// What was given so far.
#[derive(Default)]
pub(super) struct Given {
    issuer: Option<String>,
    client_id: Option<String>,
    secret_file: Option<PathBuf>,
    label: Option<String>,
    groups_claim: Option<String>,
    roles: Vec<(Role, String)>,
    ca_file: Option<PathBuf>,
}

impl Given {
    pub fn set(&mut self, flag: &str, value: OsString) -> Result<(), Error> {
        match flag {
            "--oidc-client-secret-file" => self.secret_file = Some(path(flag, value)?),
            "--oidc-ca-file" => self.ca_file = Some(path(flag, value)?),
            "--oidc-issuer" => self.issuer = Some(issuer(flag, text(flag, value)?)?),
            "--oidc-client-id" => self.client_id = Some(text(flag, value)?),
            "--oidc-label" => self.label = Some(text(flag, value)?),
            "--oidc-groups-claim" => self.groups_claim = Some(text(flag, value)?),
            _ => {
                let text = text(flag, value)?;
                let found = text.split_once('=').and_then(|(role, group)| {
                    let group = (!group.is_empty()).then(|| group.to_owned())?;
                    Some((Role::parse(role)?, group))
                });
                let found = found.filter(|_| self.roles.len() < ROLES_MAX);
                self.roles.push(found.ok_or_else(|| {
                    usage(
                        format!("{flag} {text:?} can't be used."),
                        "Write viewer=GROUP, operator=GROUP or admin=GROUP.",
                    )
                })?);
            }
        }
        Ok(())
    }

    /// # Errors
    /// When a part is missing, or the file of the secret can't be read.
    pub fn settings(self) -> Result<Option<Settings>, Error> {
        let (issuer, client_id) = match (self.issuer, self.client_id) {
            (Some(issuer), Some(client_id)) => (issuer, client_id),
            (None, None)
                if self.secret_file.is_none() && self.roles.is_empty() && self.label.is_none() =>
            {
                return Ok(None);
            }
            _ => {
                return Err(usage(
                    "--oidc-issuer and --oidc-client-id belong together.".into(),
                    "Give both; the others of --oidc are of no use alone.",
                ));
            }
        };
        let host = issuer.split("://").nth(1).unwrap_or_default();
        let host = host.split('/').next().unwrap_or_default().to_owned();
        Ok(Some(Settings {
            client_secret: self.secret_file.map(|file| secret(&file)).transpose()?,
            label: self.label.unwrap_or(host),
            groups_claim: self.groups_claim.unwrap_or_else(|| "groups".into()),
            roles: self.roles,
            ca_file: self.ca_file,
            issuer,
            client_id,
        }))
    }
}

fn text(flag: &str, value: OsString) -> Result<String, Error> {
    let text = value.into_string().ok();
    let good = |text: &String| {
        (1..=TEXT_CHARS_MAX).contains(&text.chars().count()) && crate::hidden::find(text).is_none()
    };
    text.filter(good).ok_or_else(|| {
        usage(
            format!("The value of {flag} can't be used."),
            "Give 1 to 512 characters that can be seen.",
        )
    })
}

/// As discovery has it, letter by letter: no query, no fragment.
fn issuer(flag: &str, text: String) -> Result<String, Error> {
    let rest = ["https://", "http://"]
        .into_iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let is_good = rest.is_some_and(|rest| !rest.is_empty() && !text.contains(['?', '#', ' ']));
    match is_good {
        true => Ok(text),
        false => Err(usage(
            format!("{flag} {text:?} is no issuer."),
            "Write it as the issuer does, like https://id.example/realms/home.",
        )),
    }
}

fn secret(file: &std::path::Path) -> Result<Secret, Error> {
    use std::io::Read as _;
    let wrong = |why: &str| {
        Error::new(
            Kind::Config,
            format!("--oidc-client-secret-file {}: {why}.", file.display()),
            "Name a file that holds the client's secret and nothing else.",
        )
    };
    let opened = std::fs::File::open(file).map_err(|error| wrong(&error.to_string()))?;
    let mut held = String::new();
    opened
        .take(SECRET_BYTES_MAX)
        .read_to_string(&mut held)
        .map_err(|error| wrong(&error.to_string()))?;
    let held = held.trim().to_owned();
    match held.is_empty() {
        true => Err(wrong("it is empty")),
        false => Ok(Secret::new(held)),
    }
}
