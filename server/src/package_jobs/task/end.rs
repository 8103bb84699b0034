//! How work on packages ended: whether that was well, and what is told of it.

use serde_json::{Value, json};

use super::super::query;
use crate::jobs::PackageOrder;
use crate::major_tom::detached::End;
use crate::major_tom::{Cause, Fault};
use stardust_packages::backend::Backend;
use stardust_packages::facts::Facts;
use stardust_packages::model::{Lock, Outcome, Refused};
use stardust_packages::request::Action;
use stardust_packages::{advice, lock};

/// How the work on the node went.
pub struct Ran {
    /// Its number on the node.
    pub run: String,
    pub action: Action,
    /// How many packages were to be changed; None: that was before a restart.
    pub planned: Option<usize>,
    pub backend: &'static dyn Backend,
    pub end: End,
    pub outcome: Outcome,
    pub advice: Option<Refused>,
    /// The last one that our own script has waited for.
    pub waited_for: Option<Lock>,
}

pub fn judge_end(ran: &Ran, order: &PackageOrder, facts: Option<&Facts>) -> Result<(), Fault> {
    let (backend, outcome) = (ran.backend, &ran.outcome);
    let name = backend.manager().name();
    let advice = ran.advice.clone();
    // On a disk that is full a manager may not get as far as to say so.
    let advice = advice.or_else(|| facts.and_then(advice::full_disk));
    let failed = |detail: String, hint: &str| Err(Fault::new(Cause::Failed, detail, hint));
    match &ran.end {
        End::Exit { code, .. } if backend.good_codes().contains(code) => {
            let Some(first) = outcome.failed.first() else {
                return mended(ran, order, facts);
            };
            if let Some(advice) = advice {
                return Err(query::fault(advice));
            }
            failed(
                format!(
                    "{} failed, the first: {}: {}",
                    count(outcome.failed.len()),
                    first.name,
                    first.why
                ),
                "See the output; the package's own script says why.",
            )
        }
        End::Exit { code: 75, phase } if phase == "wait" => failed(
            format!(
                "The package manager is in use by {} and was waited for in vain.",
                lock::who(ran.waited_for.as_ref().unwrap_or(&Lock::default()))
            ),
            "Start it again when that has ended; \"wait_s\" says how long a job waits.",
        ),
        End::Exit { code: 76, phase } if phase == "wait" => failed(
            "A lock of the package manager was left behind by a process that has ended.".to_owned(),
            "The output names it; its removal is offered as a repair.",
        ),
        End::Exit { code, .. } if (129..=159).contains(code) => failed(
            format!(
                "{name} was ended by signal {} before it was through.",
                code - 128
            ),
            "Somebody ended it, or the node was shut down. Look for what can be repaired.",
        ),
        End::Exit { code, .. } => {
            if let Some(advice) = advice {
                return Err(query::fault(advice));
            }
            let why = outcome
                .failed
                .first()
                .map(|failure| format!("{}: {}", failure.name, failure.why))
                .or_else(|| outcome.errors.first().cloned())
                .unwrap_or_else(|| format!("it ended with {code}"));
            failed(format!("{name} failed: {why}"), "See the output.")
        }
        End::Cancelled { .. } => Err(Fault::new(
            Cause::Cancelled,
            "The job was cancelled.",
            "Nothing had been installed or removed.",
        )),
        End::Killed { .. } => failed(
            format!("{name} was killed on the node before it had ended."),
            "Look whether the node was out of memory, then look for what can be repaired.",
        ),
        End::Rebooted { .. } => failed(
            format!("The node was started anew before {name} had ended."),
            "Look for what can be repaired.",
        ),
        End::Missing => Err(Fault::new(
            Cause::Unknown,
            "The node knows nothing of this work.",
            "Its /var/lib/stardust-jobs was removed, or another machine answers at its address.",
        )),
    }
}

/// A repair that leaves everything as it was is none, and would be offered for ever.
fn mended(ran: &Ran, order: &PackageOrder, facts: Option<&Facts>) -> Result<(), Fault> {
    let repairs = facts.map_or(&[][..], |facts| &facts.repair);
    let left = repairs
        .iter()
        .find(|repair| Some(&repair.what) == order.what.as_ref());
    match left {
        Some(left) if ran.action == Action::Repair => Err(Fault::new(
            Cause::Failed,
            format!(
                "It was done, and there is still something to repair: {}",
                left.detail
            ),
            "See what the output says; a person has to look at it on the node.",
        )),
        _ => Ok(()),
    }
}

pub fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), chars.as_str())
}

/// What came of it, in one line for people.
fn summary(order: &PackageOrder, ran: Option<&Ran>, facts: Option<&Facts>) -> String {
    let action = Action::from_name(&order.action);
    let Some(ran) = ran else {
        return match order.security {
            true => "Nothing waits that is for security.".to_owned(),
            false => "There was nothing to do.".to_owned(),
        };
    };
    let good =
        matches!(&ran.end, End::Exit { code, .. } if ran.backend.good_codes().contains(code));
    let names = order.packages.join(", ");
    let outcome = &ran.outcome;
    match action {
        Some(Action::Refresh) if good => match facts {
            Some(facts) => facts.waiting(),
            None => "The index was fetched.".to_owned(),
        },
        Some(Action::Hold) if good => format!("{names}: held."),
        Some(Action::Unhold) if good => format!("{names}: no longer held."),
        Some(Action::Clean) if good => "The cache of fetched packages was cleaned.".to_owned(),
        Some(Action::Repair) if good && !outcome.changed() && outcome.failed.is_empty() => {
            "The repair was done; no package changed.".to_owned()
        }
        Some(Action::Refresh | Action::Hold | Action::Unhold | Action::Clean) => {
            "It was not done.".to_owned()
        }
        _ if unchanged(ran) => match ran.planned {
            Some(planned) if planned > 0 && good => format!(
                "Unchanged: of {planned} packages that were to be changed {} has changed none.",
                ran.backend.manager().name()
            ),
            _ => "Unchanged: no package was changed.".to_owned(),
        },
        _ => outcome.summary(),
    }
}

/// No package is other than it was.
fn unchanged(ran: &Ran) -> bool {
    !ran.outcome.changed() && ran.outcome.failed.is_empty()
}

fn count(packages: usize) -> String {
    match packages {
        1 => "One package".to_owned(),
        many => format!("{many} packages"),
    }
}

pub fn result(order: &PackageOrder, ran: Option<&Ran>, facts: Option<&Facts>) -> Value {
    let none = Outcome::default();
    let outcome = ran.map_or(&none, |ran| &ran.outcome);
    let (ended, code, signal) = match ran.map(|ran| &ran.end) {
        None => ("nothing", None, None),
        // As a shell tells a command that was killed.
        Some(End::Exit { code, .. }) if (129..=159).contains(code) => {
            ("finished", Some(*code), Some(code - 128))
        }
        Some(End::Exit { code, .. }) => ("finished", Some(*code), None),
        Some(End::Cancelled { .. }) => ("cancelled", None, None),
        Some(End::Killed { .. }) => ("killed", None, None),
        Some(End::Rebooted { .. }) => ("rebooted", None, None),
        Some(End::Missing) => ("missing", None, None),
    };
    json!({
        "action": order.action,
        "ended": ended,
        "exit_code": code,
        "signal": signal,
        "upgraded": outcome.upgraded,
        "installed": outcome.installed,
        "removed": outcome.removed,
        "finished": outcome.finished,
        "unchanged": ran.is_none_or(unchanged),
        "kept_back": outcome.kept_back.len(),
        "kept_back_names": outcome.kept_back,
        "failed": outcome.failed,
        "errors": outcome.errors,
        "summary": summary(order, ran, facts),
        "held_by": outcome.held_by,
        "leftovers": facts.map(|facts| &facts.leftovers),
        "services": facts.map(|facts| &facts.services),
        "reboot_required": facts.map(|facts| &facts.reboot_required),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_packages::Manager;
    use stardust_packages::model::{Repair, Upgrade};

    fn order(action: Action, packages: &[&str]) -> PackageOrder {
        PackageOrder {
            action: action.name().into(),
            packages: packages.iter().map(|name| (*name).to_owned()).collect(),
            ..PackageOrder::default()
        }
    }

    fn ran(manager: Manager, action: Action, code: i32, outcome: Outcome) -> Ran {
        Ran {
            run: "00".into(),
            action,
            planned: Some(2),
            backend: manager.backend(),
            end: End::Exit {
                code,
                phase: "install".into(),
            },
            outcome,
            advice: None,
            waited_for: None,
        }
    }

    #[test]
    fn a_look_says_what_waits() {
        let facts = Facts {
            upgradable: vec![Upgrade {
                security: Some(true),
                ..Upgrade::default()
            }],
            ..Facts::default()
        };
        let looked = ran(Manager::Apt, Action::Refresh, 0, Outcome::default());
        let refresh = order(Action::Refresh, &[]);
        let told = result(&refresh, Some(&looked), Some(&facts));
        assert_eq!(told["summary"], "1 upgrade, 1 for security");
        let failed = ran(Manager::Apt, Action::Refresh, 100, Outcome::default());
        let told = result(&refresh, Some(&failed), Some(&facts));
        assert_eq!(told["summary"], "It was not done.");
        let told = result(&order(Action::Upgrade, &[]), None, Some(&facts));
        assert_eq!(told["summary"], "There was nothing to do.");
        assert_eq!(told["unchanged"], true);
        let held = ran(Manager::Apt, Action::Hold, 0, Outcome::default());
        let told = result(&order(Action::Hold, &["vim"]), Some(&held), None);
        assert_eq!(told["summary"], "vim: held.");
    }

    #[test]
    fn what_changes_nothing_is_unchanged() {
        let none = ran(Manager::Pacman, Action::Upgrade, 0, Outcome::default());
        let upgrade = order(Action::Upgrade, &[]);
        let told = result(&upgrade, Some(&none), None);
        assert_eq!(told["unchanged"], true);
        let summary = told["summary"].as_str().unwrap();
        assert!(summary.starts_with("Unchanged: of 2 packages"), "{summary}");
        let some = Outcome {
            upgraded: 2,
            ..Outcome::default()
        };
        let some = ran(Manager::Pacman, Action::Upgrade, 0, some);
        let told = result(&upgrade, Some(&some), None);
        assert_eq!(told["unchanged"], false);
        assert_eq!(told["summary"], "2 upgraded, 0 newly installed, 0 removed");
    }

    #[test]
    fn a_repair_that_leaves_it_as_it_was_has_failed() {
        let facts = |what: &str| Facts {
            repair: vec![Repair::new(what, "t", "labx is torn.")],
            ..Facts::default()
        };
        let mut request = order(Action::Repair, &[]);
        request.what = Some("reinstall".into());
        let done = ran(Manager::Apt, Action::Repair, 0, Outcome::default());
        let fault = judge_end(&done, &request, Some(&facts("reinstall"))).unwrap_err();
        assert!(fault.detail.contains("labx is torn"), "{}", fault.detail);
        assert!(judge_end(&done, &request, Some(&facts("fix_broken"))).is_ok());
        // Of other work it is no failure that something is to be repaired.
        let done = ran(Manager::Apt, Action::Upgrade, 0, Outcome::default());
        let upgrade = order(Action::Upgrade, &[]);
        assert!(judge_end(&done, &upgrade, Some(&facts("reinstall"))).is_ok());
    }

    #[test]
    fn one_chosen_package_keeps_back_none_that_nobody_chose() {
        let text = "The following packages have been kept back:\n  a b lab\n\
                    1 upgraded, 0 newly installed, 0 to remove and 42 not upgraded.\n";
        let mut kept = Manager::Apt.backend().outcome(text).kept_back;
        assert_eq!(kept, ["a", "b", "lab"]);
        let backend = Manager::Apt.backend();
        super::super::chosen(backend, &order(Action::Upgrade, &["lab:amd64"]), &mut kept);
        assert_eq!(kept, ["lab"]);
        let one = "1 upgraded, 0 newly installed, 0 to remove and 9 not upgraded.\n";
        assert!(backend.outcome(one).kept_back.is_empty());
    }
}
