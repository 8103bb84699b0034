//! Those who may see some nodes only: which of the fleet's changes they are told of.
//!
//! One of these serves all browsers of one scope. Which nodes are seen is followed by the
//! changes themselves: a node whose tags bring it into the scope comes whole, one that
//! leaves it is removed.

use std::collections::HashSet;

use stardust_model::access::Scope;

use super::fleet::Fleet;
use super::live::Changes;

pub struct Audience {
    scope: Scope,
    seen: HashSet<i64>,
}

impl Audience {
    pub fn new(scope: Scope, fleet: &Fleet) -> Self {
        let seen = fleet.seen(&scope);
        Self { scope, seen }
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    pub fn sees(&self, node: i64) -> bool {
        self.seen.contains(&node)
    }

    /// What of these changes they are told; none when there is nothing.
    pub fn part(&mut self, all: &Changes, fleet: &Fleet) -> Option<Changes> {
        let mut part = Changes {
            time_ms: all.time_ms,
            turns: all.turns,
            ..Changes::default()
        };
        for change in &all.nodes {
            let before = self.seen.contains(&change.id);
            let now = change.tags().map_or(before, |tags| self.scope.sees(tags));
            match (before, now) {
                (true, true) => part.nodes.push(change.clone()),
                (false, true) => {
                    // Another change may have taken it away already: then that one comes next.
                    if let Some(whole) = fleet.whole(&self.scope, change.id) {
                        self.seen.insert(change.id);
                        part.nodes.push(whole);
                    }
                }
                (true, false) => {
                    self.seen.remove(&change.id);
                    part.removed.push(change.id);
                }
                (false, false) => {}
            }
        }
        let seen = |node: &i64| self.seen.contains(node);
        let samples = all.samples.iter().filter(|row| seen(&row.node));
        part.samples = samples.cloned().collect();
        for node in &all.removed {
            if self.seen.remove(node) {
                part.removed.push(*node);
            }
        }
        (!part.is_empty()).then_some(part)
    }
}
