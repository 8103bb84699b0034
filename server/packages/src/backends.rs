//! Which manager is whose work: the one place that names all of them.

use super::backend::Backend;
use super::{Manager, apk, apt, dnf, dnf5, opkg, pacman, zypper};

impl Manager {
    pub fn backend(self) -> &'static dyn Backend {
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
