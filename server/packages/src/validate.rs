//! From what was asked for to a [`PackageRequest`] that its manager can do.

use super::Manager;
use super::backend::Backend;
use super::facts::Facts;
use super::limits::{PACKAGES_MAX, SECURITY_MAX};
use super::model::Refused;
use super::request::{Action, PackageRequest, Spec};
use stardust_base::error::Error;

impl PackageRequest {
    pub fn new(
        manager: Manager,
        action: Action,
        packages: &[String],
        purge: bool,
        what: Option<&str>,
    ) -> Result<Self, Error> {
        let backend = manager.backend();
        if !backend.actions().contains(&action) {
            return Err(Error::invalid(
                format!("{} has no {}.", manager.name(), action.name()),
                backend.instead(action),
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
        if action == Action::Upgrade && !packages.is_empty() && !backend.upgrades_selected() {
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
            let spec = backend.grammar().spec(text)?;
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
            (Action::Repair, Some(what)) if backend.repairs().contains(&what) => {
                Some(what.to_owned())
            }
            (Action::Repair, _) => {
                return Err(Error::invalid(
                    "It is not said what to repair.",
                    format!("\"what\" is one of: {}.", backend.repairs().join(", ")),
                ));
            }
            _ => None,
        };
        Ok(Self {
            manager,
            action,
            arguments: arguments(backend, &specs),
            packages: specs,
            purge: purge && action == Action::Remove,
            what,
        })
    }

    /// Whether this manager can upgrade for security alone.
    pub fn check_security(manager: Manager) -> Result<(), Error> {
        let backend = manager.backend();
        if backend.tells_security() && backend.upgrades_selected() {
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
        let backend = manager.backend();
        let grammar = backend.grammar();
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
            arguments: arguments(backend, &packages),
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
}

fn arguments(backend: &dyn Backend, packages: &[Spec]) -> Vec<String> {
    packages.iter().map(|spec| backend.argument(spec)).collect()
}
