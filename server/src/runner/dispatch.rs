//! The threads that run jobs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;

use super::rollout::{self, Waves};
use crate::deploy::{self, reboot};
use crate::error::Error;
use crate::jobs::JobContext;
use crate::jobs::limits::GROUPS_MAX;
use crate::jobs::{Job, log_end};
use crate::log;
use crate::major_tom::{Cause, Fault};
use crate::package_jobs::{fleet, task};
use crate::packages::request::Action;
use crate::workers::Crew;
use stardust_model::intent::Intent;
use stardust_model::intent::SIZES_DEFAULT;
use stardust_model::job::State;

/// The running threads; [`Threads::join`] waits for them after the board was stopped.
pub struct Threads([Arc<Crew<Arc<Job>>>; 2]);

/// Starts the pool: threads for nodes, and those that work through groups.
pub fn start(context: &Arc<JobContext>) -> Result<Threads, Error> {
    let (nodes, groups) = (Arc::clone(context), Arc::clone(context));
    Ok(Threads([
        crew(context, "job", context.threads, move || nodes.jobs.next())?,
        crew(context, "group", GROUPS_MAX, move || {
            groups.jobs.next_group()
        })?,
    ]))
}

fn crew(
    context: &Arc<JobContext>,
    name: &'static str,
    most: usize,
    next: impl Fn() -> Option<Arc<Job>> + Send + Sync + 'static,
) -> Result<Arc<Crew<Arc<Job>>>, Error> {
    let context = Arc::clone(context);
    Crew::start(name, most, next, move |job| run_one(&context, &job))
        .map_err(|error| Error::system("start a job thread", &error))
}

impl Threads {
    pub fn join(self) {
        self.0.iter().for_each(|crew| crew.join());
    }
}

fn run_one(context: &Arc<JobContext>, job: &Arc<Job>) {
    job.start();
    let done = still_there(context, job).and_then(|()| {
        catch_unwind(AssertUnwindSafe(|| run(context, job))).unwrap_or_else(|_| {
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
        && let Ok(record) = context.store.spider(node)
    {
        context.fleet.set_installed(node, record.is_some());
    }
    // What was cut off by the stop is begun anew at the next start.
    if context.jobs.is_stopping() && done.is_err() {
        job.requeue();
        return;
    }
    match &done {
        Ok(result) => context
            .jobs
            .end(job, State::Succeeded, result.clone(), None),
        Err(fault) => {
            let state = match fault.cause {
                Cause::Cancelled => State::Cancelled,
                Cause::Unknown => State::Lost,
                _ => State::Failed,
            };
            context.jobs.end(job, state, None, Some(fault));
        }
    }
    log_end(&job.view());
}

/// A job that has waited may find that the one before it took its node away.
fn still_there(context: &JobContext, job: &Job) -> Result<(), Fault> {
    // A removal that was cut off right at its end has an end of its own.
    let removal = matches!(job.intent, Intent::Remove { .. });
    match job.node {
        Some(node) if !removal && !context.fleet.knows(node) => Err(Fault::new(
            Cause::Cancelled,
            "The node was removed before this job began.",
            "Nothing was done.",
        )),
        _ => Ok(()),
    }
}

/// What the job does.
fn run(context: &Arc<JobContext>, job: &Arc<Job>) -> Result<Option<Value>, Fault> {
    match &job.intent {
        Intent::Deploy { .. } => deploy::deploy(context, job),
        Intent::Upgrade => deploy::upgrade(context, job),
        Intent::Remove { force } => deploy::remove(context, job, *force),
        Intent::RotateToken => deploy::rotate_token(context, job),
        Intent::Reboot => reboot::reboot(context, job),
        Intent::UpgradeFleet { nodes } => rollout::run(
            context,
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
        Intent::Packages(order) => task::run(context, job, order),
        Intent::PackagesFleet { .. } => packages_fleet(context, job),
    }
}

fn packages_fleet(context: &Arc<JobContext>, job: &Arc<Job>) -> Result<Option<Value>, Fault> {
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
    let record = |node| context.store.package_facts(node).ok().flatten();
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
        fleet::needs_repair(node, &context.fleet.name(node)?, &facts)
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
    rollout::run(context, job, &waves)
}
