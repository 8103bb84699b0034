//! Where a Spider is installed on its node, and which.

use serde::{Deserialize, Serialize};
use stardust_shell::fault::{Cause, Fault};

/// How the node starts its services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Systemd,
    Openrc,
    Procd,
    Sysvinit,
    Runit,
    /// A unit of the login's own, where it can't become root.
    SystemdUser,
}

impl Method {
    /// By what the probe calls the init system.
    pub fn of_init(init: &str) -> Result<Self, Fault> {
        Ok(match init {
            "systemd" => Self::Systemd,
            "openrc" => Self::Openrc,
            "procd" => Self::Procd,
            "sysvinit" => Self::Sysvinit,
            "runit" => Self::Runit,
            other => {
                return Err(Fault::new(
                    Cause::Unsupported,
                    format!("The init system is {other}: services can't be installed there."),
                    "Start the Spider by hand or from your own script on this node.",
                ));
            }
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Openrc => "openrc",
            Self::Procd => "procd",
            Self::Sysvinit => "sysvinit",
            Self::Runit => "runit",
            Self::SystemdUser => "systemd_user",
        }
    }
}

/// All paths are absolute and of letters that no shell and no unit file takes
/// for special.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    pub method: Method,
    pub bin: String,
    /// Of the configuration.
    pub folder: String,
    pub unit: String,
    /// Empty: the login's own.
    pub user: String,
}

impl Installation {
    pub fn config(&self) -> String {
        format!("{}/spider.conf", self.folder)
    }

    pub fn bin_folder(&self) -> &str {
        self.bin.rsplit_once('/').map_or("/", |(folder, _)| folder)
    }

    pub fn needs_root(&self) -> bool {
        self.method != Method::SystemdUser
    }

    /// As every script of a deployment gets it.
    pub fn arguments(&self) -> [&str; 5] {
        [
            self.method.name(),
            &self.bin,
            &self.folder,
            &self.unit,
            &self.user,
        ]
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpiderRecord {
    pub place: Installation,
    pub arch: String,
    pub version: String,
    pub sha256: String,
    pub server_url: String,
    pub pin: Option<String>,
    pub installed_ms: i64,
}
