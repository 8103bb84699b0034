//! Facts that refresh by themselves: a thread that looks every few seconds which
//! nodes are due, and submits a job for some of them.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::wall_ms;
use crate::error::Error;
use crate::jobs::JobContext;
use crate::jobs::{Given, Intent, Order, PackageOrder};
use crate::log;
use stardust_model::access::Principal;
use stardust_packages::facts::Facts;

/// Unless configured otherwise, nodes are looked at once a day.
pub const REFRESH_MS_DEFAULT: i64 = 24 * 3_600_000;
/// Who the jobs are by.
const BY: &str = "stardust";
/// A node's next look is this part of the interval earlier or later: two hours of a day.
const JITTER_SHARE: i64 = 12;
/// A node that was never looked at has its turn within this part of the interval (15
/// to 75 minutes of a day), and not at once: who adds it has other things in mind.
const FIRST_SHARE_MIN: i64 = 96;
const FIRST_SHARE_MAX: i64 = 19;
/// Of all SSH threads the schedule takes one in two: a person never waits for all.
const THREADS_SHARE: usize = 2;
const LOOK_INTERVAL_MIN: Duration = Duration::from_secs(1);
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(10);

/// When to look at a node again; 0 is never.
pub fn next_ms(now_ms: i64, interval_ms: Option<i64>) -> i64 {
    interval_ms.map_or(0, |interval| {
        let jitter = interval / JITTER_SHARE;
        now_ms + interval - jitter + random_below(2 * jitter)
    })
}

fn first_ms(now_ms: i64, interval_ms: i64) -> i64 {
    let soonest = interval_ms / FIRST_SHARE_MIN;
    now_ms + soonest + random_below(interval_ms / FIRST_SHARE_MAX - soonest)
}

fn random_below(below: i64) -> i64 {
    let mut random = [0u8; 8];
    // Without random numbers all have their turn at one time, which is bearable.
    let _ = getrandom::fill(&mut random);
    (u64::from_le_bytes(random) >> 1) as i64 % below.max(1)
}

/// What was seen meanwhile is what is known from now on. The index was not fetched: the
/// next look has its turn as before.
pub fn keep(context: &JobContext, node: i64, facts: &Facts) {
    let store = &context.store;
    let kept = store.package_facts(node).and_then(|record| {
        let next_ms = record.map_or(0, |record| record.next_ms);
        store.put_package_facts(node, facts, wall_ms(), None, next_ms)
    });
    if let Err(error) = kept {
        log::error(&format!("What node {node} said was not kept: {error}"));
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Now,
    Later,
    /// It has no time yet, or one of a longer interval than that of today.
    Unplanned,
}

fn turn(next_ms: Option<i64>, now_ms: i64, interval_ms: i64) -> Turn {
    let latest = now_ms + interval_ms + interval_ms / JITTER_SHARE;
    match next_ms {
        None | Some(0) => Turn::Unplanned,
        Some(next) if next > latest => Turn::Unplanned,
        Some(next) if next > now_ms => Turn::Later,
        Some(_) => Turn::Now,
    }
}

pub fn start(context: &Arc<JobContext>) -> Result<JoinHandle<()>, Error> {
    let context = Arc::clone(context);
    std::thread::Builder::new()
        .name("packages".into())
        .spawn(move || {
            let Some(interval_ms) = context.packages_refresh_ms else {
                return;
            };
            let pause = Duration::from_millis(interval_ms.unsigned_abs() / 60)
                .clamp(LOOK_INTERVAL_MIN, LOOK_INTERVAL_MAX);
            let mut under_way = Vec::new();
            while context.jobs.pause(pause) {
                if let Err(error) = look(&context, interval_ms, &mut under_way) {
                    log::error(&format!("Packages were not looked at: {error}"));
                }
            }
        })
        .map_err(|error| Error::system("start the thread for packages", &error))
}

fn look(context: &JobContext, interval_ms: i64, under_way: &mut Vec<i64>) -> Result<(), Error> {
    let now = wall_ms();
    let turns = context.store.package_turns()?;
    under_way.retain(|job| context.jobs.active(*job).is_some());
    let at_once_max = (context.threads / THREADS_SHARE).max(1);
    for node in context.store.nodes_with_credentials()? {
        match turn(turns.get(&node).copied(), now, interval_ms) {
            Turn::Unplanned => {
                let first = first_ms(now, interval_ms);
                context.store.put_package_error(node, None, first)?;
                continue;
            }
            Turn::Later => continue,
            Turn::Now if under_way.len() >= at_once_max => continue,
            Turn::Now => {}
        }
        // Where the key was forgotten nobody can look; a busy node is looked at
        // when its job ends.
        let has_key = context.vault.get(node)?.is_some_and(|stored| {
            stored.node.auth.is_some()
                && stored.jump.as_ref().is_none_or(|jump| jump.auth.is_some())
        });
        let next = next_ms(now, Some(interval_ms));
        context.store.put_package_error(node, None, next)?;
        if !has_key || context.jobs.active_of_node(node).is_some() {
            continue;
        }
        let Some(view) = context.fleet.view(&Principal::server(), node) else {
            continue;
        };
        let job = context.jobs.submit(Order {
            intent: Intent::Packages(PackageOrder {
                action: "refresh".into(),
                ..PackageOrder::default()
            }),
            node: Some(node),
            name: view.name,
            group: None,
            by: BY.to_owned(),
            given: Given::default(),
        })?;
        under_way.push(job.id);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn a_day_give_or_take() {
        let day = Some(REFRESH_MS_DEFAULT);
        let all: Vec<i64> = (0..1000).map(|_| next_ms(0, day)).collect();
        let times = 22 * HOUR_MS..26 * HOUR_MS;
        assert!(all.iter().all(|ms| times.contains(ms)));
        assert!(all.iter().max().unwrap() - all.iter().min().unwrap() > 2 * HOUR_MS);
        assert_eq!(next_ms(7, None), 0);
        let first: Vec<i64> = (0..1000).map(|_| first_ms(0, REFRESH_MS_DEFAULT)).collect();
        let times = HOUR_MS / 4..HOUR_MS * 77 / 60;
        assert!(first.iter().all(|ms| times.contains(ms)));
        assert!(first.iter().max().unwrap() - first.iter().min().unwrap() > HOUR_MS / 2);
        // The shortest interval there is.
        assert!((1..1000).all(|_| (600..4_000).contains(&first_ms(0, 60_000))));
    }

    #[test]
    fn whose_turn_it_is() {
        let now = 1_000 * HOUR_MS;
        let turn = |next| turn(next, now, 24 * HOUR_MS);
        assert_eq!(turn(None), Turn::Unplanned);
        assert_eq!(turn(Some(0)), Turn::Unplanned, "it was never");
        assert_eq!(turn(Some(now)), Turn::Now);
        assert_eq!(turn(Some(1)), Turn::Now, "the server was off");
        assert_eq!(turn(Some(now + 1)), Turn::Later);
        assert_eq!(turn(Some(now + 26 * HOUR_MS)), Turn::Later);
        assert_eq!(turn(Some(now + 27 * HOUR_MS)), Turn::Unplanned);
    }
}
