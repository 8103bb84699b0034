//! Facts that refresh by themselves: a thread that looks once a minute which
//! nodes are due, and submits a job for some of them.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::app::App;
use crate::clock::wall_ms;
use crate::error::Error;
use crate::jobs::{Given, Intent, Order, PackageOrder};
use crate::log;

/// Who the jobs are by.
const BY: &str = "stardust";
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
const DAY_MS: i64 = 24 * 3_600_000;
/// A node is looked at a day later, give or take this.
const JITTER_MS: i64 = 2 * 3_600_000;
/// A node that was never looked at has its turn within this, and not at once: who
/// adds it has other things in mind.
const FIRST_MS_MIN: i64 = 15 * 60_000;
const FIRST_MS_MAX: i64 = 75 * 60_000;
/// Jobs that are submitted at a time.
const AT_ONCE_MAX: usize = 4;

/// When to look at a node again.
pub fn next_ms(now_ms: i64) -> i64 {
    now_ms + DAY_MS - JITTER_MS + random_below(2 * JITTER_MS)
}

fn random_below(below: i64) -> i64 {
    let mut random = [0u8; 8];
    // Without random numbers all have their turn at one time, which is bearable.
    let _ = getrandom::fill(&mut random);
    (u64::from_le_bytes(random) >> 1) as i64 % below.max(1)
}

pub fn start(app: &Arc<App>) -> Result<JoinHandle<()>, Error> {
    let app = Arc::clone(app);
    std::thread::Builder::new()
        .name("packages".into())
        .spawn(move || {
            while app.jobs.pause(LOOK_INTERVAL) {
                if let Err(error) = look(&app) {
                    log::error(&format!("Packages were not looked at: {error}"));
                }
            }
        })
        .map_err(|error| Error::system("start the thread for packages", &error))
}

fn look(app: &App) -> Result<(), Error> {
    let now = wall_ms();
    let known = app.store.all_package_facts()?;
    let mut submitted = 0;
    for node in app.store.nodes_with_credentials()? {
        let Some(record) = known.iter().find(|record| record.node == node) else {
            let first = now + FIRST_MS_MIN + random_below(FIRST_MS_MAX - FIRST_MS_MIN);
            app.store.put_package_error(node, None, first)?;
            continue;
        };
        if record.next_ms > now || submitted == AT_ONCE_MAX {
            continue;
        }
        // Where the key was forgotten nobody can look; a busy node is looked at
        // when its job ends.
        let has_key = app.vault.get(node)?.is_some_and(|stored| {
            stored.node.auth.is_some()
                && stored.jump.as_ref().is_none_or(|jump| jump.auth.is_some())
        });
        app.store.put_package_error(node, None, next_ms(now))?;
        if !has_key || app.jobs.active_of_node(node).is_some() {
            continue;
        }
        let Some(view) = app.fleet.view(node) else {
            continue;
        };
        submitted += 1;
        app.jobs.submit(Order {
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
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_give_or_take() {
        let all: Vec<i64> = (0..1000).map(|_| next_ms(0)).collect();
        assert!(
            all.iter()
                .all(|ms| (DAY_MS - JITTER_MS..DAY_MS + JITTER_MS).contains(ms))
        );
        assert!(all.iter().max().unwrap() - all.iter().min().unwrap() > JITTER_MS);
    }
}
