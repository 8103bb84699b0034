//! One piece of work on a node's packages, as a job: look, try, start, follow,
//! look again. On a job thread.

use std::time::Duration;

use serde_json::Value;

use super::node_link::NodeLink;
use super::query;
use super::schedule;
use crate::clock::wall_ms;
use crate::jobs::JobContext;
use crate::jobs::{Job, JobError, PackageOrder};
use crate::major_tom::detached::End;
use crate::major_tom::detached::run::follow;
use crate::major_tom::steps::step;
use crate::major_tom::{Cause, Fault};

mod begin;
mod end;
mod watch;

use begin::{begin, notes};
use end::{Ran, judge_end, result, sentence};
use stardust_packages::backend::Backend;
use stardust_packages::request::Action;
use stardust_packages::{advice, facts::Facts, lock};
use watch::JobWatcher;

/// A node that just came back may need a moment.
const AFTER_TRIES: u32 = 15;

pub fn run(context: &JobContext, job: &Job, order: &PackageOrder) -> Result<Option<Value>, Fault> {
    let node = job.node.unwrap_or_default();
    let done = work(context, job, node, order);
    if order.action == Action::Refresh.name()
        && let Err(fault) = &done
        && !matches!(fault.cause, Cause::Stopping | Cause::Cancelled)
    {
        let error = JobError::from(fault);
        let next_ms = schedule::next_ms(wall_ms(), context.packages_refresh_ms);
        context
            .store
            .put_package_error(node, Some(&error), next_ms)?;
    }
    done
}

fn work(
    context: &JobContext,
    job: &Job,
    node: i64,
    order: &PackageOrder,
) -> Result<Option<Value>, Fault> {
    let action = Action::from_name(&order.action).ok_or_else(|| {
        Fault::new(
            Cause::Unsupported,
            "This version of Ground Control knows no such work.",
            "Start it again.",
        )
    })?;
    let mut link = NodeLink::new(context, node, &job.given);
    let known = context.store.package_run(job.id)?;
    let mut planned = None;
    let run = match known {
        Some(run) => {
            // It was started before Ground Control went: its output is fetched
            // again from the first byte.
            job.truncate_output(run.output_from);
            run
        }
        None => {
            link.connect(job)?;
            match begin(context, job, &mut link, action, order, &mut planned)? {
                Some(run) => run,
                None => return after(context, job, &mut link, order, None),
            }
        }
    };
    let mut watcher = JobWatcher::new(context, job, run.manager.backend());
    let mut ran = None;
    let followed = step(job, "run", || {
        let end = follow(&mut link, &run.run, &mut watcher)?;
        job.set_cancellable(Err("The work on the node has ended."));
        let text = watcher.text();
        let backend = run.manager.backend();
        if matches!(&end, End::Exit { code, .. } if backend.good_codes().contains(code)) {
            watcher.is_through();
        }
        let mut outcome = backend.outcome(&text);
        chosen(backend, order, &mut outcome.kept_back);
        let ended = Ran {
            run: run.run.clone(),
            action,
            planned,
            backend,
            outcome,
            advice: advice::read(run.manager, &text),
            waited_for: stardust_packages::text::lines(&text)
                .filter_map(lock::waited_for)
                .last(),
            end,
        };
        let detail = match &ended.end {
            End::Exit { code, .. } => format!("It ended with {code}."),
            _ => String::new(),
        };
        let judged = judge_end(&ended, order, None);
        ran = Some(ended);
        match judged {
            Ok(()) => Ok(((), detail)),
            // The reason is the job's: it is told once all that can be known of it is.
            Err(fault) if !detail.is_empty() => Err(Fault::new(fault.cause, detail, "")),
            Err(fault) => Err(fault),
        }
    });
    // How it ended on the node may be bad: what is left to do there is looked at all
    // the same.
    match ran {
        Some(ran) => after(context, job, &mut link, order, Some(ran)),
        None => followed.map(|()| None),
    }
}

/// Of what a manager left alone, what was asked for by name.
fn chosen(backend: &dyn Backend, order: &PackageOrder, names: &mut Vec<String>) {
    let specs = order.packages.iter();
    let specs: Vec<_> = specs
        .filter_map(|name| backend.grammar().spec(name).ok())
        .collect();
    if !specs.is_empty() {
        names.retain(|name| specs.iter().any(|spec| spec.name == *name));
    }
}

/// Keeps what there is to do now, and says how it went.
fn after(
    context: &JobContext,
    job: &Job,
    link: &mut NodeLink<'_>,
    order: &PackageOrder,
    mut ran: Option<Ran>,
) -> Result<Option<Value>, Fault> {
    let action = order.action.as_str();
    let node = job.node.unwrap_or_default();
    let fetched = action == Action::Refresh.name()
        && ran.as_ref().is_some_and(
            |ran| matches!(ran.end, End::Exit { code, .. } if ran.backend.good_codes().contains(&code)),
        );
    let facts = step(job, "after", || {
        let facts = look_again(context, link)?;
        if let Some(ran) = ran.as_mut().filter(|ran| notes(ran.action)) {
            // Where it can't be told, the output has to do.
            let changes = query::changes(link, ran.backend.manager(), &ran.run);
            if let Ok(Some(changes)) = changes {
                changes.correct(&mut ran.outcome);
            }
        }
        let now = wall_ms();
        context.store.put_package_facts(
            node,
            &facts,
            now,
            fetched.then_some(now),
            schedule::next_ms(now, context.packages_refresh_ms),
        )?;
        let detail = sentence(&facts.waiting());
        Ok((facts, detail))
    });
    let Some(ran) = ran else {
        let facts = facts?;
        return Ok(Some(result(order, None, Some(&facts))));
    };
    let told = result(order, Some(&ran), facts.as_ref().ok());
    job.set_result(told.clone());
    judge_end(&ran, order, facts.as_ref().ok())?;
    facts?;
    Ok(Some(told))
}

fn look_again(context: &JobContext, link: &mut NodeLink<'_>) -> Result<Facts, Fault> {
    use crate::major_tom::detached::run::Node as _;
    let mut tries = 0;
    loop {
        match query::survey(link) {
            Err(_) if tries < AFTER_TRIES && !context.jobs.is_stopping() => {
                tries += 1;
                link.disconnect();
                std::thread::sleep(Duration::from_secs(2));
            }
            other => return other,
        }
    }
}
