//! Work on many nodes in waves: one, then a quarter of them, then the rest. A
//! wave in which something fails is the last.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::board::Order;
use super::intent::Intent;
use super::job::{Given, Job};
use super::view::{JobView, State};
use crate::app::App;
use crate::error::Error;
use crate::major_tom::steps::step;
use crate::major_tom::{Cause, Fault};
use crate::store::JobFilter;

/// How often it is looked whether a wave is through, beside being told.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const STEPS: [&str; 3] = ["wave_first", "wave_some", "wave_rest"];

/// How many nodes each wave has.
pub fn sizes(nodes: usize) -> Vec<usize> {
    let first = nodes.min(1);
    let some = (nodes - first).min(nodes.div_ceil(4));
    let rest = nodes - first - some;
    [first, some, rest]
        .into_iter()
        .filter(|size| *size > 0)
        .collect()
}

/// Submits a job for each node, wave by wave, and waits for them.
pub fn run(
    app: &Arc<App>,
    group: &Arc<Job>,
    nodes: &[i64],
    intent: &dyn Fn(i64) -> Intent,
) -> Result<Option<Value>, Fault> {
    let mut left = nodes;
    let mut done = 0;
    for (size, name) in sizes(nodes.len()).into_iter().zip(STEPS) {
        let (wave, rest) = left.split_at(size);
        left = rest;
        step(&**group, name, || {
            let outcome = run_wave(app, group, wave, intent, done, nodes.len());
            let failed = outcome?;
            if let Some(first) = failed.first() {
                return Err(Fault::new(
                    Cause::Failed,
                    format!(
                        "{} of {} failed, the first on {}: {}",
                        failed.len(),
                        wave.len(),
                        first.node_name.as_deref().unwrap_or("a node"),
                        first.error.as_ref().map_or("", |error| &error.message),
                    ),
                    format!(
                        "{} nodes were not begun. See the failed jobs, then start again.",
                        rest.len()
                    ),
                ));
            }
            Ok(((), format!("{} nodes.", wave.len())))
        })?;
        done += size;
    }
    Ok(Some(json!({"nodes": done})))
}

/// Those that failed.
fn run_wave(
    app: &Arc<App>,
    group: &Arc<Job>,
    wave: &[i64],
    intent: &dyn Fn(i64) -> Intent,
    before: usize,
    total: usize,
) -> Result<Vec<JobView>, Fault> {
    // After a restart of Ground Control they are there already.
    let filter = JobFilter {
        group: Some(group.id),
        ..JobFilter::default()
    };
    let known = app
        .store
        .jobs(&filter, total)
        .map_err(|error| broken(error.into()))?;
    let mut children = Vec::new();
    for &node in wave {
        if let Some(child) = known.iter().find(|job| job.node == Some(node)) {
            children.push(child.id);
            continue;
        }
        // A node that was removed meanwhile needs nothing any more.
        let Some(name) = app.fleet.view(node).map(|view| view.name) else {
            continue;
        };
        group.go_on()?;
        let order = Order {
            intent: intent(node),
            node: Some(node),
            name,
            group: Some(group.id),
            by: group.view().by,
            given: Given::default(),
        };
        children.push(app.jobs.submit(order).map_err(broken)?.id);
    }
    loop {
        let mut ended = Vec::new();
        for &child in &children {
            match app.jobs.view(child).map_err(broken)? {
                Some(view) if view.state.is_finished() => ended.push(view),
                Some(_) => {}
                None => return Err(broken(Error::internal())),
            }
        }
        group.set_progress((before + ended.len()) as u64, total as u64);
        if ended.len() == children.len() {
            ended.retain(|job| job.state != State::Succeeded);
            return Ok(ended);
        }
        if let Err(fault) = group.go_on() {
            if fault.cause == Cause::Cancelled {
                for &child in &children {
                    app.jobs.cancel(child);
                }
            }
            return Err(fault);
        }
        app.jobs.wait(LOOK_INTERVAL);
    }
}

fn broken(error: Error) -> Fault {
    Fault::new(Cause::Failed, error.message, error.hint)
}

#[cfg(test)]
mod tests {
    use super::sizes;

    #[test]
    fn waves_grow() {
        for (nodes, wanted) in [
            (0, vec![]),
            (1, vec![1]),
            (2, vec![1, 1]),
            (3, vec![1, 1, 1]),
            (10, vec![1, 3, 6]),
            (10_000, vec![1, 2500, 7499]),
        ] {
            assert_eq!(sizes(nodes), wanted);
        }
    }
}
