//! What a node's last work came to, where that was nothing good: so that a browser can
//! say so beside the node, also one that was not there at the time. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::job::{JobView, State};

/// Looks for updates, which happen by themselves every day.
const LOOK: &str = "packages_refresh";

/// A job that failed and was not made up for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedJob {
    pub node: i64,
    pub id: i64,
    pub kind: String,
    pub title: String,
    pub state: State,
    pub finished_ms: i64,
    /// Why.
    pub message: String,
}

/// One of each node at most.
#[derive(Default)]
pub struct Failures(BTreeMap<i64, FailedJob>);

/// How a job has ended, as far as it counts here.
pub struct Ended<'a> {
    pub node: i64,
    pub id: i64,
    pub kind: &'a str,
    pub title: &'a str,
    pub state: State,
    pub finished_ms: i64,
    pub message: &'a str,
}

/// What a browser is shown first.
#[derive(Default)]
pub struct LiveJobs {
    pub active: Vec<JobView>,
    pub failed: Vec<FailedJob>,
}

impl LiveJobs {
    /// Those that somebody may know of who may see the nodes of which `sees` says so.
    pub fn seen(&self, sees: impl Fn(i64) -> bool) -> Self {
        let active = self.active.iter().filter(|job| job.is_seen(&sees));
        let failed = self.failed.iter().filter(|failed| sees(failed.node));
        Self {
            active: active.cloned().collect(),
            failed: failed.cloned().collect(),
        }
    }
}

impl Failures {
    /// The next job that has ended.
    pub fn take(&mut self, ended: &Ended<'_>) {
        let before = self.0.get(&ended.node);
        let is_look = ended.kind == LOOK;
        match ended.state {
            State::Succeeded => {
                // That a look works again says nothing of an upgrade that did not.
                if before.is_some_and(|before| before.kind == ended.kind || !is_look) {
                    self.0.remove(&ended.node);
                }
            }
            State::Failed | State::Lost => {
                if is_look && before.is_some_and(|before| before.kind != LOOK) {
                    return;
                }
                let failed = FailedJob {
                    node: ended.node,
                    id: ended.id,
                    kind: ended.kind.to_owned(),
                    title: ended.title.to_owned(),
                    state: ended.state,
                    finished_ms: ended.finished_ms,
                    message: ended.message.to_owned(),
                };
                self.0.insert(ended.node, failed);
            }
            // Somebody did not want it any more: that is no news of the node.
            State::Queued | State::Running | State::Cancelled => {}
        }
        if ended.kind == "remove" && ended.state == State::Succeeded {
            self.0.remove(&ended.node);
        }
    }

    pub fn take_view(&mut self, view: &JobView) {
        let Some(node) = view.node else { return };
        self.take(&Ended {
            node,
            id: view.id,
            kind: &view.kind,
            title: &view.title,
            state: view.state,
            finished_ms: view.finished_ms.unwrap_or(view.created_ms),
            message: view.error.as_ref().map_or("", |error| &error.message),
        });
    }

    /// The newest ones.
    pub fn newest(&self, most: usize) -> Vec<FailedJob> {
        let mut all: Vec<_> = self.0.values().cloned().collect();
        all.sort_by_key(|failed| std::cmp::Reverse(failed.id));
        all.truncate(most);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(jobs: &[(&str, State)]) -> Option<String> {
        let mut failures = Failures::default();
        for (id, &(kind, state)) in jobs.iter().enumerate() {
            failures.take(&Ended {
                node: 7,
                id: id as i64,
                kind,
                title: "",
                state,
                finished_ms: 0,
                message: "why",
            });
        }
        failures.newest(9).pop().map(|failed| failed.kind)
    }

    #[test]
    fn a_failure_stands_until_it_was_made_up_for() {
        use State::{Cancelled, Failed, Lost, Succeeded};
        let (deploy, look, upgrade) = ("deploy", LOOK, "packages_upgrade");
        for (jobs, stands) in [
            (&[(deploy, Failed)][..], Some(deploy)),
            (&[(deploy, Lost), (deploy, Cancelled)], Some(deploy)),
            (&[(deploy, Failed), (deploy, Succeeded)], None),
            (&[(upgrade, Failed), ("packages_repair", Succeeded)], None),
            // Nobody has seen to it.
            (&[(upgrade, Failed), (look, Succeeded)], Some(upgrade)),
            (&[(upgrade, Failed), (look, Failed)], Some(upgrade)),
            (&[(look, Failed), (upgrade, Failed)], Some(upgrade)),
            (&[(look, Failed), (look, Succeeded)], None),
            (&[(deploy, Failed), ("remove", Succeeded)], None),
        ] {
            assert_eq!(after(jobs).as_deref(), stands, "{jobs:?}");
        }
    }
}
