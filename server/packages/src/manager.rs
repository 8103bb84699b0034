//! The managers that are known.

use serde::{Deserialize, Serialize};

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
}
