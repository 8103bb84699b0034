//! How work on packages ended: whether that was well, and what is told of it.

use serde_json::{Value, json};

use super::super::facts::Facts;
use super::super::model::{Lock, Outcome, Refused};
use super::super::tool::Tool;
use super::super::wish::Action;
use super::super::{advice, lock, look};
use crate::major_tom::detached::End;
use crate::major_tom::{Cause, Fault};

/// How the work on the node went.
pub struct Ran {
    pub tool: &'static dyn Tool,
    pub end: End,
    pub outcome: Outcome,
    pub advice: Option<Refused>,
    /// The last one that our own script has waited for.
    pub waited_for: Option<Lock>,
}

pub fn judge_end(ran: &Ran, facts: Option<&Facts>) -> Result<(), Fault> {
    let (tool, outcome) = (ran.tool, &ran.outcome);
    let name = tool.manager().name();
    let advice = ran.advice.clone();
    // On a disk that is full a manager may not get as far as to say so.
    let advice = advice.or_else(|| facts.and_then(advice::full_disk));
    let failed = |detail: String, hint: &str| Err(Fault::new(Cause::Failed, detail, hint));
    match &ran.end {
        End::Exit { code, .. } if tool.good_codes().contains(code) => {
            let Some(first) = outcome.failed.first() else {
                return Ok(());
            };
            if let Some(advice) = advice {
                return Err(look::fault(advice));
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
                return Err(look::fault(advice));
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

fn count(packages: usize) -> String {
    match packages {
        1 => "One package".to_owned(),
        many => format!("{many} packages"),
    }
}

pub fn result(action: Action, ran: Option<&Ran>, facts: Option<&Facts>) -> Value {
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
        "action": action.name(),
        "ended": ended,
        "exit_code": code,
        "signal": signal,
        "upgraded": outcome.upgraded,
        "installed": outcome.installed,
        "removed": outcome.removed,
        "kept_back": outcome.kept_back,
        "failed": outcome.failed,
        "errors": outcome.errors,
        "summary": outcome.summary(),
        "held_by": outcome.held_by,
        "leftovers": facts.map(|facts| &facts.leftovers),
        "services": facts.map(|facts| &facts.services),
        "reboot_required": facts.map(|facts| &facts.reboot_required),
    })
}
