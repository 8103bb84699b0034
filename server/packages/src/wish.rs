//! What an operator wants done with packages. A [`Wish`] exists only for one
//! manager and only with names that its grammar allows.

use super::Manager;
use super::facts::Facts;
use super::limits::{PACKAGES_MAX, QUERY_CHARS_MAX, SECURITY_MAX, SPEC_BYTES_MAX};
use super::model::Refused;
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

    fn wants_names(self) -> Option<bool> {
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

/// A checked wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub manager: Manager,
    pub action: Action,
    pub packages: Vec<Spec>,
    /// Config files go too.
    pub purge: bool,
    /// What to repair.
    pub what: Option<String>,
}

impl Wish {
    pub fn new(
        manager: Manager,
        action: Action,
        packages: &[String],
        purge: bool,
        what: Option<&str>,
    ) -> Result<Self, Error> {
        let tool = manager.tool();
        if !tool.actions().contains(&action) {
            return Err(Error::invalid(
                format!("{} has no {}.", manager.name(), action.name()),
                tool.instead(action),
            ));
        }
        match action.wants_names() {
            Some(true) if packages.is_empty() => {
                return Err(Error::invalid(
                    "No package is named.",
                    r#"Send {"packages": ["…"]}."#,
                ));
            }
            Some(false) if !packages.is_empty() => {
                return Err(Error::invalid(
                    format!("{} takes no packages.", action.name()),
                    "Leave \"packages\" out.",
                ));
            }
            _ => {}
        }
        if action == Action::Upgrade && !packages.is_empty() && !tool.upgrades_selected() {
            return Err(Error::invalid(
                format!(
                    "{} upgrades all packages or none: a part of them breaks a system.",
                    manager.name()
                ),
                "Upgrade all, or hold those that must stay.",
            ));
        }
        if packages.len() > PACKAGES_MAX {
            return Err(Error::invalid(
                "Too many packages are named.",
                format!("At most {PACKAGES_MAX} at a time; leave them out to upgrade all."),
            ));
        }
        let mut specs: Vec<Spec> = Vec::new();
        for text in packages {
            let spec = tool.grammar().spec(text)?;
            if spec.version.is_some() && action != Action::Install {
                return Err(Error::invalid(
                    format!("{} takes no versions.", action.name()),
                    "Name packages without =.",
                ));
            }
            if !specs.contains(&spec) {
                specs.push(spec);
            }
        }
        let what = match (action, what) {
            (Action::Repair, Some(what)) if tool.repairs().contains(&what) => Some(what.to_owned()),
            (Action::Repair, _) => {
                return Err(Error::invalid(
                    "It is not said what to repair.",
                    format!("\"what\" is one of: {}.", tool.repairs().join(", ")),
                ));
            }
            _ => None,
        };
        Ok(Self {
            manager,
            action,
            packages: specs,
            purge: purge && action == Action::Remove,
            what,
        })
    }

    /// Whether this manager can upgrade for security alone.
    pub fn check_security(manager: Manager) -> Result<(), Error> {
        let tool = manager.tool();
        if tool.tells_security() && tool.upgrades_selected() {
            return Ok(());
        }
        Err(Error::invalid(
            format!(
                "{} can't upgrade for security alone: it does not tell which upgrades are, or \
                 takes all or none.",
                manager.name()
            ),
            "Upgrade all, or choose packages where the manager lets you.",
        ))
    }

    /// All that is for security, of what a look has found. None: there is nothing.
    pub fn for_security(manager: Manager, facts: &Facts) -> Result<Option<Self>, Refused> {
        let waiting = || facts.upgradable.iter().filter(|upgrade| !upgrade.held);
        if waiting().next().is_some() && waiting().all(|upgrade| upgrade.security.is_none()) {
            return Err(Refused::new(
                "unsupported",
                "It can't be told which upgrades are for security: the node's repositories say \
                 nothing of it.",
                "Upgrade all, or choose packages.",
            ));
        }
        let grammar = manager.tool().grammar();
        let mut packages: Vec<Spec> = Vec::new();
        for upgrade in waiting().filter(|upgrade| upgrade.security == Some(true)) {
            let arch = upgrade.arch.as_deref();
            let arch = arch.filter(|arch| grammar.arch && *arch != "all");
            let text = match arch {
                Some(arch) => format!("{}:{arch}", upgrade.name),
                None => upgrade.name.clone(),
            };
            // Names come from the node: what can't be one is left where it is.
            if let Ok(spec) = grammar.spec(&text)
                && !packages.contains(&spec)
            {
                packages.push(spec);
            }
        }
        if packages.len() > SECURITY_MAX {
            return Err(Refused::new(
                "unsupported",
                format!("{} upgrades are for security.", packages.len()),
                format!("At most {SECURITY_MAX} are done in one go: upgrade all."),
            ));
        }
        Ok((!packages.is_empty()).then_some(Self {
            manager,
            action: Action::Upgrade,
            packages,
            purge: false,
            what: None,
        }))
    }

    /// An upgrade, as far as it takes a look to know what that is. None: there is nothing.
    pub fn upgrade(
        manager: Manager,
        action: Action,
        packages: &[String],
        security: bool,
        facts: &Facts,
    ) -> Result<Option<Self>, Refused> {
        if security {
            return Self::for_security(manager, facts);
        }
        Self::new(manager, action, packages, false, None)
            .map(Some)
            .map_err(|error| Refused::new("unsupported", error.message, error.hint))
    }

    /// Of names that a manager left alone, those that somebody had chosen.
    pub fn chosen(&self, names: &mut Vec<String>) {
        if !self.packages.is_empty() {
            names.retain(|name| self.packages.iter().any(|spec| spec.name == *name));
        }
    }

    /// The packages as arguments.
    pub fn arguments(&self) -> Vec<String> {
        self.packages
            .iter()
            .map(|spec| self.manager.tool().argument(spec))
            .collect()
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
