//! Who takes part in an upgrade of many nodes, and with what. Pure.
//!
//! A node on which something is to be repaired, or on which a job is at work, is not
//! taken silently: it is left out, and its reason is told in the preview, in the
//! answer and in the job.

use serde::Serialize;

use crate::error::Error;
use crate::jobs::PackageOrder;
use stardust_model::intent::LeftOut;
use stardust_packages::Manager;
use stardust_packages::facts::Facts;
use stardust_packages::lock;
use stardust_packages::request::{Action, PackageRequest};

/// What is worth knowing of a node that takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// `offline`, `credentials`, `locked` or `busy`.
    pub kind: &'static str,
    pub message: String,
}

impl Warning {
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

/// A job that is on a node.
#[derive(Clone, Debug)]
pub struct AtWork {
    pub id: i64,
    pub kind: String,
    pub title: String,
}

/// What is known of a node that was asked for.
#[derive(Clone, Debug, Default)]
pub struct Candidate {
    pub node: i64,
    pub name: String,
    pub facts: Option<Facts>,
    pub job: Option<AtWork>,
    /// Its upgrades are full ones, unless something else is asked for.
    pub full_upgrade: bool,
    pub offline: bool,
    /// What is needed to log in is kept.
    pub has_key: bool,
}

/// What is to be done on all of them.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// None: by each node's setting.
    pub full: Option<bool>,
    pub packages: Vec<String>,
    pub security: bool,
}

impl Choice {
    /// What that is on one node. Where a manager knows no full upgrade, an upgrade
    /// does the same.
    pub fn action(&self, manager: Manager, full_upgrade: bool) -> Action {
        let full = self.full.unwrap_or(full_upgrade);
        let all = self.packages.is_empty() && !self.security;
        if full && all && manager.backend().actions().contains(&Action::FullUpgrade) {
            Action::FullUpgrade
        } else {
            Action::Upgrade
        }
    }

    /// Whether the node takes part. The outer error: nobody could name a package so.
    pub fn on(&self, node: &Candidate) -> Result<Result<Taken, LeftOut>, Error> {
        let out = |why, message: String, hint| {
            Ok(Err(LeftOut::new(node.node, &node.name, why, message, hint)))
        };
        let manager = node.facts.as_ref().and_then(|facts| facts.manager);
        let (Some(facts), Some(manager)) = (&node.facts, manager) else {
            return out(
                "unknown",
                "It is not known yet how it manages its packages.".to_owned(),
                "Look for updates there first.",
            );
        };
        for name in &self.packages {
            manager.backend().grammar().spec(name).map_err(|error| {
                Error::invalid(format!("{}: {}", node.name, error.message), error.hint)
            })?;
        }
        let action = self.action(manager, node.full_upgrade);
        let fits = match self.security {
            true => PackageRequest::check_security(manager),
            false => PackageRequest::new(manager, action, &self.packages, false, None).map(drop),
        };
        if let Err(error) = fits {
            return Ok(Err(LeftOut {
                hint: error.hint,
                ..LeftOut::new(node.node, &node.name, "unsupported", error.message, "")
            }));
        }
        if let Some(left_out) = needs_repair(node.node, &node.name, facts) {
            return Ok(Err(left_out));
        }
        let mut warnings = Vec::new();
        match &node.job {
            Some(job) if job.kind == "packages_refresh" => warnings.push(Warning::new(
                "busy",
                format!("Job {} looks for updates there; it is waited for.", job.id),
            )),
            Some(job) => {
                return out(
                    "busy",
                    format!("Job {} works on it: {}.", job.id, job.title),
                    "Upgrade it when that job has ended.",
                );
            }
            None => {}
        }
        if !node.has_key {
            let words = "Its SSH key or password is not kept: the upgrade would fail there.";
            warnings.push(Warning::new("credentials", words));
        }
        if node.offline {
            let words = "Its Spider is not heard: the wave would wait for it and then stop.";
            warnings.push(Warning::new("offline", words));
        }
        if let Some(held) = &facts.lock {
            let words = format!(
                "At the last look its package manager was in use by {}.",
                lock::who(held)
            );
            warnings.push(Warning::new("locked", words));
        }
        Ok(Ok(Taken { action, warnings }))
    }
}

/// A node that takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub action: Action,
    pub warnings: Vec<Warning>,
}

/// A node that is half-way already is mended before it is upgraded.
pub fn needs_repair(node: i64, name: &str, facts: &Facts) -> Option<LeftOut> {
    let repair = facts.repair.first()?;
    let message = format!(
        "Something is to be repaired there: {}. {}",
        repair.title, repair.detail
    );
    let hint = "Do the repair that is offered for it first.";
    Some(LeftOut::new(node, name, "repair", message, hint))
}

/// The order of one node's job in that of many.
pub fn order_on(
    order: &PackageOrder,
    plan: Option<&str>,
    facts: Option<&Facts>,
    full_upgrade: bool,
) -> PackageOrder {
    let mut order = order.clone();
    order.plan = plan.map(str::to_owned);
    let choice = Choice {
        full: match order.by_setting {
            true => None,
            false => Some(order.action == Action::FullUpgrade.name()),
        },
        packages: order.packages.clone(),
        security: order.security,
    };
    if let Some(manager) = facts.and_then(|facts| facts.manager) {
        order.action = choice.action(manager, full_upgrade).name().to_owned();
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_packages::model::{Lock, Repair};

    fn known(manager: Manager) -> Candidate {
        Candidate {
            node: 7,
            name: "pi".into(),
            facts: Some(Facts {
                manager: Some(manager),
                ..Facts::default()
            }),
            has_key: true,
            ..Candidate::default()
        }
    }

    fn why(choice: &Choice, node: &Candidate) -> String {
        match choice.on(node).unwrap() {
            Ok(taken) => taken.action.name().to_owned(),
            Err(left_out) => {
                assert!(!left_out.hint.is_empty() && !left_out.message.is_empty());
                left_out.why
            }
        }
    }

    #[test]
    fn each_node_by_its_setting_unless_something_is_asked_for() {
        let mut node = known(Manager::Apt);
        let choice = |full, packages: &[&str], security| Choice {
            full,
            packages: packages.iter().map(|name| (*name).to_owned()).collect(),
            security,
        };
        assert_eq!(why(&choice(None, &[], false), &node), "upgrade");
        assert_eq!(why(&choice(Some(true), &[], false), &node), "full-upgrade");
        node.full_upgrade = true;
        assert_eq!(why(&choice(None, &[], false), &node), "full-upgrade");
        assert_eq!(why(&choice(Some(false), &[], false), &node), "upgrade");
        assert_eq!(why(&choice(None, &["lab"], false), &node), "upgrade");
        assert_eq!(why(&choice(None, &[], true), &node), "upgrade");
        // pacman has one upgrade, which is a full one, and takes no part of it.
        let arch = known(Manager::Pacman);
        assert_eq!(why(&choice(Some(true), &[], false), &arch), "upgrade");
        assert_eq!(why(&choice(None, &["lab"], false), &arch), "unsupported");
        assert_eq!(why(&choice(None, &[], true), &arch), "unsupported");
        let router = known(Manager::Opkg);
        assert_eq!(why(&choice(None, &[], true), &router), "unsupported");
        let bad = choice(None, &["$(id)"], false).on(&node).unwrap_err();
        assert!(bad.message.starts_with("pi: "), "{}", bad.message);
    }

    #[test]
    fn who_is_half_way_or_at_work_is_left_out() {
        let choice = Choice::default();
        assert_eq!(why(&choice, &Candidate::default()), "unknown");
        let mut node = known(Manager::Apt);
        let facts = node.facts.as_mut().unwrap();
        facts.repair = vec![Repair::new("dpkg_configure", "t", "d")];
        assert_eq!(why(&choice, &node), "repair");

        let mut node = known(Manager::Apt);
        node.job = Some(AtWork {
            id: 3,
            kind: "packages_install".into(),
            title: "Install x".into(),
        });
        assert_eq!(why(&choice, &node), "busy");
        // A look is waited for, and said.
        node.job.as_mut().unwrap().kind = "packages_refresh".into();
        node.facts.as_mut().unwrap().lock = Some(Lock::default());
        node.offline = true;
        node.has_key = false;
        let taken = choice.on(&node).unwrap().unwrap();
        let kinds: Vec<_> = taken.warnings.iter().map(|warning| warning.kind).collect();
        assert_eq!(kinds, ["busy", "credentials", "offline", "locked"]);
    }

    #[test]
    fn an_order_is_made_for_each_node() {
        let order = PackageOrder {
            action: "upgrade".into(),
            by_setting: true,
            ..PackageOrder::default()
        };
        let facts = |manager| Facts {
            manager: Some(manager),
            ..Facts::default()
        };
        let (apt, pacman) = (facts(Manager::Apt), facts(Manager::Pacman));
        let on = |order: &PackageOrder, facts, full| order_on(order, Some("00"), facts, full);
        assert_eq!(on(&order, Some(&apt), true).action, "full-upgrade");
        assert_eq!(on(&order, Some(&apt), false).action, "upgrade");
        assert_eq!(on(&order, None, true).action, "upgrade");
        let full = PackageOrder {
            action: "full-upgrade".into(),
            ..PackageOrder::default()
        };
        assert_eq!(on(&full, Some(&apt), false).action, "full-upgrade");
        assert_eq!(on(&full, Some(&pacman), false).action, "upgrade");
        assert_eq!(on(&full, Some(&pacman), false).plan.as_deref(), Some("00"));
    }
}
