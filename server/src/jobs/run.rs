//! The threads that run jobs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;

use super::board::log_end;
use super::job::Job;
use super::limits::GROUPS_MAX;
use super::waves::{self, Waves};
use crate::app::App;
use crate::error::Error;
use crate::log;
use crate::major_tom::{Cause, Fault};
use crate::major_tom::{deploy, reboot};
use crate::package_jobs::{fleet, task};
use crate::packages::wish::Action;
use crate::workers::Crew;
use stardust_model::intent::Intent;
use stardust_model::intent::SIZES_DEFAULT;
use stardust_model::job::State;

/// The running threads; [`Threads::join`] waits for them after the board was stopped.
pub struct Threads([Arc<Crew<Arc<Job>>>; 2]);

/// Starts the pool: threads for nodes, and those that work through groups.
pub fn start(app: &Arc<App>) -> Result<Threads, Error> {
    let (nodes, groups) = (Arc::clone(app), Arc::clone(app));
    Ok(Threads([
        crew(app, "job", app.config.ssh_threads, move || {
            nodes.jobs.next()
        })?,
        crew(app, "group", GROUPS_MAX, move || groups.jobs.next_group())?,
    ]))
}

fn crew(
    app: &Arc<App>,
    name: &'static str,
    most: usize,
    next: impl Fn() -> Option<Arc<Job>> + Send + Sync + 'static,
) -> Result<Arc<Crew<Arc<Job>>>, Error> {
    let app = Arc::clone(app);
    Crew::start(name, most, next, move |job| run_one(&app, &job))
        .map_err(|error| Error::system("start a job thread", &error))
}

impl Threads {
    pub fn join(self) {
        self.0.iter().for_each(|crew| crew.join());
    }
}

fn run_one(app: &Arc<App>, job: &Arc<Job>) {
    job.start();
    let done = still_there(app, job).and_then(|()| {
        catch_unwind(AssertUnwindSafe(|| run(app, job))).unwrap_or_else(|_| {
            log::error(&format!(
                "Job {} failed because of a fault in Ground Control.",
                job.id
            ));
            Err(Fault::new(
                Cause::Failed,
                "Ground Control could not do this because of a fault of its own.",
                "Look at the log of the server; the node may be half-way: try again or remove it.",
            ))
        })
    });
    if let (Some(node), Intent::Deploy { .. } | Intent::Upgrade) = (job.node, &job.intent)
        && let Ok(record) = app.store.spider(node)
    {
        app.fleet.set_installed(node, record.is_some());
    }
    // What was cut off by the stop is begun anew at the next start.
    if app.jobs.is_stopping() && done.is_err() {
        job.put_off();
        return;
    }
    match &done {
        Ok(result) => app.jobs.end(job, State::Succeeded, result.clone(), None),
        Err(fault) => {
            let state = match fault.cause {
                Cause::Cancelled => State::Cancelled,
                Cause::Unknown => State::Lost,
                _ => State::Failed,
            };
            app.jobs.end(job, state, None, Some(fault));
        }
    }
    log_end(&job.view());
}

/// A job that has waited may find that the one before it took its node away.
fn still_there(app: &App, job: &Job) -> Result<(), Fault> {
    // A removal that was cut off right at its end has an end of its own.
    let removal = matches!(job.intent, Intent::Remove { .. });
    match job.node {
        Some(node) if !removal && app.fleet.view(node).is_none() => Err(Fault::new(
            Cause::Cancelled,
            "The node was removed before this job began.",
            "Nothing was done.",
        )),
        _ => Ok(()),
    }
}

/// What the job does.
fn run(app: &Arc<App>, job: &Arc<Job>) -> Result<Option<Value>, Fault> {
    match &job.intent {
        Intent::Deploy { .. } => deploy::deploy(app, job),
        Intent::Upgrade => deploy::upgrade(app, job),
        Intent::Remove { force } => deploy::remove(app, job, *force),
        Intent::RotateToken => deploy::rotate_token(app, job),
        Intent::Reboot => reboot::reboot(app, job),
        Intent::UpgradeFleet { nodes } => waves::run(
            app,
            job,
            &Waves {
                nodes,
                sizes: &SIZES_DEFAULT,
                intent: &|_| Intent::Upgrade,
                // A Spider only looks on: whether it is back is all there is to see.
                watch: false,
                left_out: &[],
                leaves_out: &|_| None,
            },
        ),
        Intent::Packages(order) => task::run(app, job, order),
        Intent::PackagesFleet { .. } => packages_fleet(app, job),
    }
}

fn packages_fleet(app: &Arc<App>, job: &Arc<Job>) -> Result<Option<Value>, Fault> {
    let Intent::PackagesFleet {
        nodes,
        order,
        waves,
        plans,
        left_out,
    } = &job.intent
    else {
        return Ok(None);
    };
    let looks = order.action == Action::Refresh.name();
    let record = |node| app.store.package_facts(node).ok().flatten();
    let intent = |node| {
        if looks {
            return Intent::Packages(order.clone());
        }
        let record = record(node).unwrap_or_default();
        let plan = plans.iter().find(|(of, _)| *of == node);
        let plan = plan.map(|(_, plan)| plan.as_str());
        let (facts, full) = (record.facts.as_ref(), record.full_upgrade);
        Intent::Packages(fleet::order_on(order, plan, facts, full))
    };
    let leaves_out = |node| {
        if looks {
            return None;
        }
        let facts = record(node)?.facts?;
        fleet::needs_repair(node, &app.fleet.view(node)?.name, &facts)
    };
    let waves = Waves {
        nodes,
        sizes: waves,
        intent: &intent,
        // A look changes nothing that could be worse afterwards.
        watch: !looks,
        left_out,
        leaves_out: &leaves_out,
    };
    waves::run(app, job, &waves)
}
