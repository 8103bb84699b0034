//! Work on many nodes in waves: by default one, then a quarter of them, then the
//! rest. A wave in which something fails is the last; with a watch, so is one
//! after which a node does not come back or is worse off.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::vitals::{self, AFTER_MS, BEFORE_MS, Vitals};
use crate::clock::wall_ms;
use crate::error::Error;
use crate::hub::Status;
use crate::jobs::JobContext;
use crate::jobs::{Given, Job, Order};
use crate::major_tom::steps::step;
use crate::major_tom::{Cause, Fault};
use crate::store::JobFilter;
use stardust_model::access::Principal;
use stardust_model::intent::Intent;
use stardust_model::intent::{LeftOut, Share, Size};
use stardust_model::job::{JobView, State};

mod told;

use told::{Now, Stop};

/// How often it is looked whether a wave is through, beside being told.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long a node has to be heard of again.
const BACK_TIME_MAX: Duration = Duration::from_secs(120);
/// Samples are in the history this long after they were taken.
const COMMITTED_AFTER: Duration = Duration::from_secs(12);
/// Most waves of one job.
pub const WAVES_MAX: usize = 8;
const STEPS: [&str; WAVES_MAX] = [
    "wave_1", "wave_2", "wave_3", "wave_4", "wave_5", "wave_6", "wave_7", "wave_8",
];

/// How many nodes each wave has. What the sizes leave over is one more wave.
pub fn sizes(nodes: usize, wanted: &[Size]) -> Vec<usize> {
    let mut left = nodes;
    let mut sizes = Vec::new();
    for size in wanted.iter().take(WAVES_MAX - 1) {
        let size = match size {
            Size::Nodes(count) => *count as usize,
            Size::Share(Share::Percent(percent)) => (nodes * usize::from(*percent)).div_ceil(100),
            Size::Share(Share::Rest) => left,
        };
        let size = size.min(left);
        left -= size;
        sizes.push(size);
    }
    sizes.push(left);
    sizes.retain(|size| *size > 0);
    sizes
}

/// What is done on each node, and how carefully.
pub struct Waves<'a> {
    pub nodes: &'a [i64],
    pub sizes: &'a [Size],
    pub intent: &'a dyn Fn(i64) -> Intent,
    /// Whether nodes are looked at for a while after each wave.
    pub watch: bool,
    /// Nodes that were asked for and are not among these.
    pub left_out: &'a [LeftOut],
    /// Asked when a node's wave begins: it may not be fit for it any more.
    pub leaves_out: &'a dyn Fn(i64) -> Option<LeftOut>,
}

/// Submits a job for each node, wave by wave, and waits for them.
pub fn run(
    context: &Arc<JobContext>,
    group: &Arc<Job>,
    waves: &Waves<'_>,
) -> Result<Option<Value>, Fault> {
    let total = waves.nodes.len();
    let sizes = sizes(total, waves.sizes);
    let mut left = waves.nodes;
    let mut left_out = waves.left_out.to_vec();
    let mut done = 0;
    // After a restart of Ground Control some are there already.
    let filter = JobFilter {
        group: Some(group.id),
        ..JobFilter::default()
    };
    let known = context.store.jobs(&filter, total);
    let known = known?;
    let result = |left_out: &[LeftOut], at: usize, now: &Now<'_>| {
        told::result(waves.nodes, &sizes, waves.watch, left_out, at, now)
    };
    for (number, (&size, name)) in sizes.iter().zip(STEPS).enumerate() {
        let (wave, rest) = left.split_at(size);
        left = rest;
        group.set_result(result(&left_out, number, &Now::Running));
        let result_of_wave = step(&**group, name, || {
            let wave = taking_part(group, waves, wave, &known, &mut left_out);
            let before = vitals_before(context, waves, &wave);
            let stop = run_wave(context, group, waves, &wave, &known, done)?;
            let stop = match stop {
                None if waves.watch => watch(context, group, &before)?,
                other => other,
            };
            match stop {
                None => Ok(((), told::done(size, total))),
                Some(stop) => {
                    let now = Now::Stopped(&stop);
                    group.set_result(result(&left_out, number, &now));
                    let hint = told::hint(rest.len());
                    Err(Fault::new(Cause::Failed, stop.detail, hint))
                }
            }
        });
        if let Err(fault) = &result_of_wave
            && fault.cause == Cause::Cancelled
        {
            group.set_result(result(&left_out, number, &Now::Cancelled));
        }
        result_of_wave?;
        done += size;
    }
    let end = result(&left_out, sizes.len(), &Now::Running);
    Ok(Some(end))
}

/// Those of a wave that are still fit for it when its turn comes.
fn taking_part(
    group: &Job,
    waves: &Waves<'_>,
    wave: &[i64],
    known: &[JobView],
    left_out: &mut Vec<LeftOut>,
) -> Vec<i64> {
    let mut taken = Vec::new();
    for &node in wave {
        let begun = known.iter().any(|job| job.node == Some(node));
        match (waves.leaves_out)(node).filter(|_| !begun) {
            Some(out) => {
                group.log_line(&format!("{} is left out. {}", out.name, out.message));
                left_out.push(out);
            }
            None => taken.push(node),
        }
    }
    taken
}

/// Runs one wave; says which node stops it.
fn run_wave(
    context: &Arc<JobContext>,
    group: &Arc<Job>,
    waves: &Waves<'_>,
    wave: &[i64],
    known: &[JobView],
    before: usize,
) -> Result<Option<Stop>, Fault> {
    let total = waves.nodes.len();
    let mut children = Vec::new();
    for &node in wave {
        if let Some(child) = known.iter().find(|job| job.node == Some(node)) {
            children.push(child.id);
            continue;
        }
        // A node that was removed meanwhile needs nothing any more.
        let Some(name) = context.fleet.name(node) else {
            continue;
        };
        group.check_cancelled()?;
        let order = Order {
            intent: (waves.intent)(node),
            node: Some(node),
            name,
            group: Some(group.id),
            by: group.view().by,
            given: Given::default(),
        };
        children.push(context.jobs.submit(order)?.id);
    }
    let ended = wait_for(context, group, &children, before, total)?;
    let failed: Vec<_> = ended
        .iter()
        .filter(|job| job.state != State::Succeeded)
        .collect();
    Ok(failed.first().map(|first| {
        let name = first.node_name.as_deref().unwrap_or("a node");
        let why = first.error.as_ref().map_or("", |error| &error.message);
        Stop {
            node: first.node.unwrap_or_default(),
            rule: "failed",
            detail: told::failed(failed.len(), wave.len(), name, why),
        }
    }))
}

fn wait_for(
    context: &Arc<JobContext>,
    group: &Arc<Job>,
    children: &[i64],
    before: usize,
    total: usize,
) -> Result<Vec<JobView>, Fault> {
    loop {
        let mut ended = Vec::new();
        for &child in children {
            match context.jobs.view(child)? {
                Some(view) if view.state.is_finished() => ended.push(view),
                Some(_) => {}
                None => return Err(Error::internal().into()),
            }
        }
        group.set_progress((before + ended.len()) as u64, total as u64);
        if ended.len() == children.len() {
            return Ok(ended);
        }
        if let Err(fault) = group.check_cancelled() {
            if fault.cause == Cause::Cancelled {
                for &child in children {
                    context.jobs.cancel(child);
                }
            }
            return Err(fault);
        }
        context.jobs.wait(LOOK_INTERVAL);
    }
}

fn cores(context: &JobContext, node: i64) -> Option<u32> {
    context
        .fleet
        .view(&Principal::server(), node)?
        .summary?
        .cores
}

fn vitals_before(context: &JobContext, waves: &Waves<'_>, wave: &[i64]) -> Vec<(i64, Vitals)> {
    if !waves.watch {
        return Vec::new();
    }
    let now_ms = wall_ms();
    wave.iter()
        .map(|&node| {
            let vitals = vitals::measure(
                &context.history,
                node,
                cores(context, node),
                now_ms - BEFORE_MS,
                now_ms,
            );
            // Without a past nothing is compared.
            (node, vitals.unwrap_or_default())
        })
        .collect()
}

/// Waits for all nodes of the wave, then looks how they do.
fn watch(
    context: &Arc<JobContext>,
    group: &Arc<Job>,
    before: &[(i64, Vitals)],
) -> Result<Option<Stop>, Fault> {
    let name = |node| context.fleet.name(node).unwrap_or_default();
    let deadline = Instant::now() + BACK_TIME_MAX;
    loop {
        let online = |node: i64| {
            // A node that was never heard of has nothing to come back to.
            let status = context.fleet.status(node);
            status.is_none_or(|status| status != Status::Offline)
        };
        let Some((node, _)) = before.iter().find(|(node, _)| !online(*node)) else {
            break;
        };
        if Instant::now() >= deadline {
            return Ok(Some(Stop {
                node: *node,
                rule: "not_back",
                detail: format!(
                    "{} was not heard of within {} s afterwards.",
                    name(*node),
                    BACK_TIME_MAX.as_secs()
                ),
            }));
        }
        pause(context, group, LOOK_INTERVAL)?;
    }
    let from_ms = wall_ms();
    group.log_line("All nodes of this wave are back; they are watched for a minute.");
    pause(
        context,
        group,
        Duration::from_millis(AFTER_MS as u64) + COMMITTED_AFTER,
    )?;
    for (node, before) in before {
        let after = vitals::measure(
            &context.history,
            *node,
            cores(context, *node),
            from_ms,
            wall_ms(),
        );
        let after = after.unwrap_or_default();
        if let Some(detail) = vitals::worse(before, &after) {
            return Ok(Some(Stop {
                node: *node,
                rule: "worse",
                detail: format!("{}: {detail}.", name(*node)),
            }));
        }
    }
    Ok(None)
}

fn pause(context: &JobContext, group: &Job, time: Duration) -> Result<(), Fault> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        group.check_cancelled()?;
        context
            .jobs
            .wait(LOOK_INTERVAL.min(end.saturating_duration_since(Instant::now())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_model::intent::SIZES_DEFAULT;

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
            assert_eq!(sizes(nodes, &SIZES_DEFAULT), wanted);
        }
    }

    #[test]
    fn waves_can_be_chosen_and_no_node_is_left_out() {
        let parse = |text| serde_json::from_str::<Vec<Size>>(text);
        assert_eq!(sizes(10, &parse(r#"[2,"50%"]"#).unwrap()), [2, 5, 3]);
        assert_eq!(sizes(10, &parse(r#"["100%","rest"]"#).unwrap()), [10]);
        assert_eq!(sizes(10, &[]), [10]);
        assert_eq!(sizes(20, &[Size::Nodes(1); 20]).len(), WAVES_MAX);
        assert_eq!(sizes(20, &[Size::Nodes(1); 20]).iter().sum::<usize>(), 20);
        for bad in [r#"["0%"]"#, r#"["101%"]"#, r#"["all"]"#, "[-1]", "[1.5]"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let text = serde_json::to_string(&SIZES_DEFAULT).unwrap();
        assert_eq!(text, r#"[1,"25%","rest"]"#);
    }
}
