//! What an operator wants done with packages. A [`PackageRequest`] exists only for one
//! manager and only with names that its grammar allows: `validate` makes them.

use super::Manager;
use super::limits::{QUERY_CHARS_MAX, SPEC_BYTES_MAX};
use stardust_base::error::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Refresh,
    Upgrade,
    FullUpgrade,
    Install,
    Remove,
    Autoremove,
    Hold,
    Unhold,
    Clean,
    Repair,
}

impl Action {
    pub const ALL: [Self; 10] = [
        Self::Refresh,
        Self::Upgrade,
        Self::FullUpgrade,
        Self::Install,
        Self::Remove,
        Self::Autoremove,
        Self::Hold,
        Self::Unhold,
        Self::Clean,
        Self::Repair,
    ];

    /// As in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Upgrade => "upgrade",
            Self::FullUpgrade => "full-upgrade",
            Self::Install => "install",
            Self::Remove => "remove",
            Self::Autoremove => "autoremove",
            Self::Hold => "hold",
            Self::Unhold => "unhold",
            Self::Clean => "clean",
            Self::Repair => "repair",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// Whether it changes what is installed, and so has a dry run.
    pub fn changes_packages(self) -> bool {
        matches!(
            self,
            Self::Upgrade | Self::FullUpgrade | Self::Install | Self::Remove | Self::Autoremove
        )
    }

    pub fn wants_names(self) -> Option<bool> {
        match self {
            Self::Install | Self::Remove | Self::Hold | Self::Unhold => Some(true),
            Self::Upgrade => None,
            _ => Some(false),
        }
    }
}

/// One package as it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    pub name: String,
    pub arch: Option<String>,
    pub version: Option<String>,
}

/// What a name, a version and an architecture may be made of.
#[derive(Clone, Copy, Debug)]
pub struct Grammar {
    pub first: fn(char) -> bool,
    pub rest: fn(char) -> bool,
    pub version: fn(char) -> bool,
    /// `name:arch`.
    pub arch: bool,
    /// `name=version`.
    pub versions: bool,
    /// An example for people.
    pub example: &'static str,
}

impl Grammar {
    pub fn spec(&self, text: &str) -> Result<Spec, Error> {
        let bad = |what: &str| {
            Error::invalid(
                format!("A package can't be named like this: {what}."),
                format!("Write it as the manager does: {}.", self.example),
            )
        };
        if text.is_empty() || text.len() > SPEC_BYTES_MAX {
            return Err(bad("it is empty or too long"));
        }
        let (rest, version) = match text.split_once('=') {
            Some((rest, version)) => (rest, Some(version)),
            None => (text, None),
        };
        let (name, arch) = match rest.split_once(':') {
            Some((name, arch)) => (name, Some(arch)),
            None => (rest, None),
        };
        if !name.starts_with(self.first) || !name.chars().all(self.rest) {
            return Err(bad("a character is not allowed there"));
        }
        // For apt a dash at the end turns an install into a removal.
        if name.ends_with('-') {
            return Err(bad("it ends in a dash"));
        }
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if let Some(arch) = arch
            && (!self.arch
                || !arch.starts_with(|c: char| c.is_ascii_alphanumeric())
                || !arch.chars().all(word))
        {
            return Err(bad("the part after the colon is no architecture"));
        }
        if let Some(version) = version
            && (!self.versions
                || !version.starts_with(|c: char| c.is_ascii_alphanumeric())
                || !version.chars().all(self.version))
        {
            return Err(bad("the part after = is no version that can be asked for"));
        }
        Ok(Spec {
            name: name.to_owned(),
            arch: arch.map(str::to_owned),
            version: version.map(str::to_owned),
        })
    }
}

/// What is asked for, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRequest {
    pub manager: Manager,
    pub action: Action,
    pub packages: Vec<Spec>,
    /// Config files go too.
    pub purge: bool,
    /// What to repair.
    pub what: Option<String>,
    /// The packages as the manager takes them.
    pub arguments: Vec<String>,
}

impl PackageRequest {
    pub fn arguments(&self) -> Vec<String> {
        self.arguments.clone()
    }

    /// Of names that a manager left alone, those that somebody had chosen.
    pub fn chosen(&self, names: &mut Vec<String>) {
        if !self.packages.is_empty() {
            names.retain(|name| self.packages.iter().any(|spec| spec.name == *name));
        }
    }
}

/// A text to search for, checked.
pub fn query(text: &str) -> Result<String, Error> {
    let text = text.trim();
    let good = |c: char| c.is_alphanumeric() || " +-._:~@/".contains(c);
    if text.is_empty()
        || text.chars().count() > QUERY_CHARS_MAX
        || text.starts_with('-')
        || !text.chars().all(good)
    {
        return Err(Error::invalid(
            "That can't be searched for.",
            format!(
                "Use 1 to {QUERY_CHARS_MAX} letters, digits, spaces and + - . _ : ~ @ /, not \
                 beginning with a dash."
            ),
        ));
    }
    Ok(text.to_owned())
}
