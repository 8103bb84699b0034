//! The jobs of each node in their order, and what may join them. Pure.
//!
//! The board keeps one of these under its lock. The first job of a line runs or is
//! the next to run; each other one waits for the one before it.

use std::collections::{HashMap, VecDeque};

use super::limits::NODE_WAITING_MAX;
use stardust_model::intent::Intent;

#[derive(Default)]
pub struct Lines(HashMap<i64, VecDeque<i64>>);

impl Lines {
    pub fn join(&mut self, node: i64, job: i64) {
        self.0.entry(node).or_default().push_back(job);
    }

    pub fn leave(&mut self, node: i64, job: i64) {
        if let Some(line) = self.0.get_mut(&node) {
            line.retain(|waits| *waits != job);
            if line.is_empty() {
                self.0.remove(&node);
            }
        }
    }

    pub fn first(&self, node: i64) -> Option<i64> {
        self.0.get(&node)?.front().copied()
    }

    /// All of a node's jobs, each with the one that it waits for.
    pub fn of(&self, node: i64) -> impl Iterator<Item = (i64, Option<i64>)> + '_ {
        let mut before = None;
        let line = self.0.get(&node).into_iter().flatten();
        line.map(move |&job| (job, before.replace(job)))
    }
}

/// One that is in a node's line already.
pub struct Ahead<'a> {
    pub id: i64,
    pub intent: &'a Intent,
    pub runs: bool,
    /// Part of a job over many nodes, which a person can't know of.
    pub part: bool,
}

/// Why a person's job may not stand behind those that are there.
#[derive(Debug, PartialEq, Eq)]
pub enum Objection {
    /// This one takes the node out of the fleet.
    Removes(i64),
    /// This one does the same.
    Same(i64),
    Full,
}

/// What an order is asked before it joins a line. What is true by then is looked at
/// again when it begins.
pub fn objection(line: &[Ahead<'_>], wanted: &Intent) -> Option<Objection> {
    let removes = |ahead: &&Ahead<'_>| matches!(ahead.intent, Intent::Remove { .. });
    if let Some(ahead) = line.iter().find(removes) {
        return Some(Objection::Removes(ahead.id));
    }
    let same = |ahead: &&Ahead<'_>| match wanted {
        // Once is enough, also when it has begun.
        Intent::Upgrade | Intent::RotateToken | Intent::Reboot => ahead.intent == wanted,
        // What has begun may not see any more what is wanted now.
        Intent::Packages(_) => ahead.intent == wanted && !ahead.runs,
        _ => false,
    };
    if let Some(ahead) = line.iter().find(same) {
        return Some(Objection::Same(ahead.id));
    }
    let waiting = line
        .iter()
        .filter(|ahead| !ahead.runs && !ahead.part)
        .count();
    (waiting >= NODE_WAITING_MAX).then_some(Objection::Full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_model::intent::PackageOrder;

    fn packages(action: &str, names: &[&str]) -> Intent {
        Intent::Packages(PackageOrder {
            action: action.into(),
            packages: names.iter().map(|&name| name.to_owned()).collect(),
            ..PackageOrder::default()
        })
    }

    fn line(intents: &[Intent]) -> Vec<Ahead<'_>> {
        let ahead = |(at, intent)| Ahead {
            id: at as i64 + 1,
            intent,
            runs: at == 0,
            part: false,
        };
        intents.iter().enumerate().map(ahead).collect()
    }

    #[test]
    fn each_waits_for_the_one_before_it() {
        let mut lines = Lines::default();
        for (node, job) in [(1, 5), (2, 6), (1, 7), (1, 9)] {
            lines.join(node, job);
        }
        let of = |lines: &Lines, node| lines.of(node).collect::<Vec<_>>();
        assert_eq!(of(&lines, 1), [(5, None), (7, Some(5)), (9, Some(7))]);
        assert_eq!((lines.first(1), lines.first(3)), (Some(5), None));
        lines.leave(1, 7);
        assert_eq!(of(&lines, 1), [(5, None), (9, Some(5))]);
        for job in [5, 9] {
            lines.leave(1, job);
        }
        assert_eq!((of(&lines, 1), lines.0.len()), (vec![], 1));
    }

    #[test]
    fn what_makes_no_sense_behind_another_is_refused() {
        let remove = Intent::Remove { force: false };
        let removed = [remove.clone()];
        for wanted in [&remove, &Intent::Reboot, &packages("refresh", &[])] {
            assert_eq!(
                objection(&line(&removed), wanted),
                Some(Objection::Removes(1))
            );
        }
        let busy = [Intent::Reboot, packages("upgrade", &[])];
        assert_eq!(
            objection(&line(&busy), &Intent::Reboot),
            Some(Objection::Same(1))
        );
        assert_eq!(
            objection(&line(&busy), &packages("upgrade", &[])),
            Some(Objection::Same(2))
        );
        // Other work, another choice, and a removal of it all.
        for wanted in [&Intent::Upgrade, &packages("upgrade", &["vim"]), &remove] {
            assert_eq!(objection(&line(&busy), wanted), None);
        }
        // What runs may have looked already.
        let looks = [packages("refresh", &[])];
        assert_eq!(objection(&line(&looks), &packages("refresh", &[])), None);
    }

    #[test]
    fn a_line_has_an_end() {
        let mut all = vec![Intent::Upgrade];
        for number in 0..NODE_WAITING_MAX {
            assert_eq!(objection(&line(&all), &packages("clean", &[])), None);
            all.push(packages("install", &[&format!("p{number}")]));
        }
        let refused = objection(&line(&all), &packages("clean", &[]));
        assert_eq!(refused, Some(Objection::Full));
        // Those of a wave don't take a person's places.
        let mut parts = line(&all);
        parts[3].part = true;
        assert_eq!(objection(&parts, &packages("clean", &[])), None);
    }
}
