//! The managers that are known.

use serde::{Deserialize, Serialize};

use super::tool::Tool;
use super::{apk, apt, dnf, dnf5, opkg, pacman, zypper};

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
