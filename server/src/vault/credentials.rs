//! What it takes to reach a node, and the fields that it is stored as.

use crate::error::{Error, Kind};
use crate::secret::Secret;
use stardust_model::credentials::SshAuth;
use stardust_model::host_key::Pin;

/// Everything that is kept for a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub node: Login,
    pub sudo_password: Option<Secret>,
    /// The host that the node is reached through.
    pub jump: Option<Login>,
    /// Which machine it was when it was last looked at.
    pub machine_id: Option<String>,
}

/// One SSH login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub host: String,
    pub port: u16,
    pub user: String,
    /// None after the operator had it forgotten.
    pub auth: Option<SshAuth>,
    /// The key that was confirmed; nothing is sent to another.
    pub host_key: Option<Pin>,
}

/// Names of one login's fields.
struct Names {
    host: &'static str,
    port: &'static str,
    user: &'static str,
    private_key: &'static str,
    passphrase: &'static str,
    certificate: &'static str,
    password: &'static str,
    host_key: &'static str,
}

const NODE: Names = Names {
    host: "ssh.host",
    port: "ssh.port",
    user: "ssh.user",
    private_key: "ssh.private_key",
    passphrase: "ssh.passphrase",
    certificate: "ssh.certificate",
    password: "ssh.password",
    host_key: "ssh.host_key",
};
const JUMP: Names = Names {
    host: "jump.host",
    port: "jump.port",
    user: "jump.user",
    private_key: "jump.private_key",
    passphrase: "jump.passphrase",
    certificate: "jump.certificate",
    password: "jump.password",
    host_key: "jump.host_key",
};
const SUDO_PASSWORD: &str = "sudo.password";
const MACHINE_ID: &str = "machine.id";

/// Those that open something.
pub const SECRET_FIELDS: &[&str] = &[
    NODE.private_key,
    NODE.passphrase,
    NODE.certificate,
    NODE.password,
    JUMP.private_key,
    JUMP.passphrase,
    JUMP.certificate,
    JUMP.password,
    SUDO_PASSWORD,
];

type Plain = (&'static str, Secret);

impl Credentials {
    /// By which a host is known again.
    pub(super) const TELLING: [&'static str; 2] = [NODE.host_key, MACHINE_ID];
    /// Where it is.
    pub(super) const PLACE: [&'static str; 2] = [NODE.host, NODE.port];

    pub(super) fn fields(&self) -> Vec<Plain> {
        let mut fields = Vec::new();
        self.node.put(&NODE, &mut fields);
        if let Some(jump) = &self.jump {
            jump.put(&JUMP, &mut fields);
        }
        if let Some(password) = &self.sudo_password {
            fields.push((SUDO_PASSWORD, password.clone()));
        }
        if let Some(id) = &self.machine_id {
            fields.push((MACHINE_ID, Secret::new(id.clone())));
        }
        fields
    }

    pub(super) fn from_fields(mut fields: Vec<(String, Secret)>) -> Result<Option<Self>, Error> {
        if fields.is_empty() {
            return Ok(None);
        }
        let mut take = |name: &str| {
            let at = fields.iter().position(|(field, _)| field == name)?;
            Some(fields.swap_remove(at).1)
        };
        let node = Login::take(&NODE, &mut take)?.ok_or_else(incomplete)?;
        Ok(Some(Self {
            node,
            sudo_password: take(SUDO_PASSWORD),
            jump: Login::take(&JUMP, &mut take)?,
            machine_id: take(MACHINE_ID).map(|id| id.expose().to_owned()),
        }))
    }
}

impl Login {
    fn put(&self, names: &Names, fields: &mut Vec<Plain>) {
        fields.push((names.host, Secret::new(self.host.clone())));
        fields.push((names.port, Secret::new(self.port.to_string())));
        fields.push((names.user, Secret::new(self.user.clone())));
        match &self.auth {
            Some(SshAuth::Key {
                private_key,
                passphrase,
                certificate,
                password,
            }) => {
                fields.push((names.private_key, private_key.clone()));
                for (name, given) in [
                    (names.passphrase, passphrase),
                    (names.certificate, certificate),
                    (names.password, password),
                ] {
                    fields.extend(given.clone().map(|given| (name, given)));
                }
            }
            Some(SshAuth::Password(password)) => fields.push((names.password, password.clone())),
            None => {}
        }
        if let Some(key) = &self.host_key {
            fields.push((names.host_key, Secret::new(key.to_text())));
        }
    }

    fn take(
        names: &Names,
        take: &mut impl FnMut(&str) -> Option<Secret>,
    ) -> Result<Option<Self>, Error> {
        let Some(host) = take(names.host) else {
            return Ok(None);
        };
        let port = take(names.port).ok_or_else(incomplete)?;
        let user = take(names.user).ok_or_else(incomplete)?;
        let private_key = take(names.private_key);
        let passphrase = take(names.passphrase);
        let certificate = take(names.certificate);
        let password = take(names.password);
        let auth = match (private_key, password) {
            (Some(private_key), password) => Some(SshAuth::Key {
                private_key,
                passphrase,
                certificate,
                password,
            }),
            (None, Some(password)) => Some(SshAuth::Password(password)),
            (None, None) => None,
        };
        let host_key = match take(names.host_key) {
            Some(text) => Some(Pin::from_text(text.expose()).ok_or_else(incomplete)?),
            None => None,
        };
        Ok(Some(Self {
            host: host.expose().to_owned(),
            port: port.expose().parse().map_err(|_| incomplete())?,
            user: user.expose().to_owned(),
            auth,
            host_key,
        }))
    }
}

fn incomplete() -> Error {
    Error::new(
        Kind::Database,
        "The stored credentials of this node are incomplete.",
        "Enter the node's credentials anew.",
    )
}
