//! Packages on the nodes: what can be upgraded, what an action would do, and how
//! it is done, for every manager of packages that we know.
//!
//! All in here but [`look`], [`task`] and [`keeper`] is pure: names are checked against the
//! manager's own grammar, commands are built, and what the tools print is read.
//! One manager a file, behind [`tool::Tool`]. Called by API workers and by jobs;
//! what goes over SSH is bounded by `limits`.

pub mod apk;
pub mod apt;
pub mod dnf;
pub mod dnf5;
pub mod facts;
pub mod judge;
pub mod keeper;
pub mod limits;
pub mod lock;
pub mod look;
pub mod model;
pub mod opkg;
pub mod pacman;
pub mod rpm;
pub mod sections;
pub mod survey;
pub mod task;
pub mod text;
pub mod tool;
pub mod wish;
pub mod xml;
pub mod zypper;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use tool::Tool;

/// Which program manages a node's packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manager {
    Apt,
    Dnf,
    Dnf5,
    Yum,
    Pacman,
    Apk,
    Zypper,
    Opkg,
}

impl Manager {
    pub const ALL: [Self; 8] = [
        Self::Apt,
        Self::Dnf,
        Self::Dnf5,
        Self::Yum,
        Self::Pacman,
        Self::Apk,
        Self::Zypper,
        Self::Opkg,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Apt => "apt",
            Self::Dnf => "dnf",
            Self::Dnf5 => "dnf5",
            Self::Yum => "yum",
            Self::Pacman => "pacman",
            Self::Apk => "apk",
            Self::Zypper => "zypper",
            Self::Opkg => "opkg",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|manager| manager.name() == name)
    }

    pub fn tool(self) -> &'static dyn Tool {
        match self {
            Self::Apt => &apt::Apt,
            Self::Dnf => &dnf::Dnf { yum: false },
            Self::Yum => &dnf::Dnf { yum: true },
            Self::Dnf5 => &dnf5::Dnf5,
            Self::Pacman => &pacman::Pacman,
            Self::Apk => &apk::Apk,
            Self::Zypper => &zypper::Zypper,
            Self::Opkg => &opkg::Opkg,
        }
    }
}
