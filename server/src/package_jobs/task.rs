//! One piece of work on a node's packages, as a job: look, try, start, follow,
//! look again. On a job thread.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::node_link::NodeLink;
use super::query;
use super::schedule;
use crate::clock::wall_ms;
use crate::jobs::JobContext;
use crate::jobs::{Job, JobError, PackageOrder};
use crate::major_tom::detached::run::{follow, start};
use crate::major_tom::detached::{End, Work};
use crate::major_tom::steps::step;
use crate::major_tom::{Cause, Fault};
use crate::secret;
use crate::store::packages::PackageRun;

mod end;
mod watch;

use end::{Ran, judge_end, result, sentence};
use stardust_packages::backend::{Backend, Phase, phase_of};
use stardust_packages::ledger::NOTE;
use stardust_packages::limits::LOCK_WAIT_SECONDS_DEFAULT;
use stardust_packages::request::{Action, PackageRequest};
use stardust_packages::{advice, facts::Facts, lock, preflight};
use watch::JobWatcher;

/// Between two questions to a manager that is in use.
const LOCKED_PAUSE: Duration = Duration::from_secs(3);
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

/// As far as the start. None: there is nothing to do.
fn begin(
    context: &JobContext,
    job: &Job,
    link: &mut NodeLink<'_>,
    action: Action,
    order: &PackageOrder,
    planned: &mut Option<usize>,
) -> Result<Option<PackageRun>, Fault> {
    let facts = step(job, "survey", || {
        if matches!(action, Action::Refresh | Action::Repair) {
            // Where nothing can be listed a new index may be what is missing, or the
            // repair.
            let (manager, version) = query::detect(link)?;
            let detail = format!("{} {}.", manager.name(), version.unwrap_or_default());
            let facts = Facts {
                manager: Some(manager),
                ..Facts::default()
            };
            return Ok((facts, detail));
        }
        let facts = when_free(job, wait_seconds(order), || query::survey(link))?;
        if !facts.repair.is_empty() {
            // It may be all that there is to do, and is to be found where it is offered.
            schedule::keep(context, job.node.unwrap_or_default(), &facts);
        }
        let manager = facts.manager.map_or("", |manager| manager.name());
        let detail = format!(
            "{manager} {}: {} can be upgraded.",
            facts.manager_version.as_deref().unwrap_or(""),
            facts.upgradable.len()
        );
        Ok((facts, detail))
    })?;
    let Some(manager) = facts.manager else {
        return Ok(None);
    };
    let request = if order.security {
        PackageRequest::check_security(manager)?;
        PackageRequest::for_security(manager, &facts).map_err(query::fault)?
    } else {
        let (purge, what) = (order.purge, order.what.as_deref());
        Some(PackageRequest::new(
            manager,
            action,
            &order.packages,
            purge,
            what,
        )?)
    };
    let Some(request) = request else {
        return match preflight::unfinished(&facts) {
            Some(refused) => Err(query::fault(refused)),
            None => Ok(None),
        };
    };
    if action.changes_packages() {
        let nothing = step(job, "preview", || {
            let preview = when_free(job, wait_seconds(order), || {
                let preview = query::preview(link, &request, &facts)?;
                match preview.refused {
                    Some(refused) => Err(query::fault(refused)),
                    None => Ok(preview),
                }
            })?;
            *planned = Some(preview.changes());
            let plan = order.plan.as_deref().filter(|_| !preview.nothing);
            if plan.is_some_and(|plan| plan != preflight::digest(&preview)) {
                return Err(Fault::new(
                    Cause::Failed,
                    "What would be done is not what the preview said any more.",
                    "Look at a new preview, and start from that.",
                ));
            }
            let detail = format!(
                "{} to upgrade, {} to install, {} to remove, {} kept back.",
                preview.upgraded.len() + preview.downgraded.len(),
                preview.installed.len(),
                preview.removed.len(),
                preview.kept_back.len()
            );
            Ok((preview.nothing, detail))
        })?;
        if nothing {
            return Ok(None);
        }
    }
    link.commit();
    step(job, "begin", || {
        let backend = manager.backend();
        let id = secret::random_hex(12)
            .map_err(|error| Fault::new(Cause::Busy, format!("No random numbers: {error}."), ""))?;
        let run = PackageRun {
            run: id.expose().to_owned(),
            manager,
            output_from: job.output_end(),
        };
        let work = Work {
            id: run.run.clone(),
            parts: parts(backend, &request)?,
            // One that was left behind is not waited for by who removes it.
            lock_files: match order.what.as_deref() {
                Some("stale_lock") => "",
                _ => backend.lock_files(),
            },
            lock_wait_seconds: wait_seconds(order),
            good_codes: backend.good_codes(),
        };
        // Written down first: a job that was cut off here follows what may have
        // been started, and never starts it twice.
        context.store.put_package_run(job.id, &run)?;
        let detail = start_surely(link, &work)?;
        Ok((Some(run), detail))
    })
}

/// What is done on the node: before anything is changed, what there is is noted.
fn parts(backend: &dyn Backend, request: &PackageRequest) -> Result<Vec<Phase>, Fault> {
    let mut all = backend.phases(request)?;
    if notes(request.action) {
        let mut texts = backend.ledger().to_vec();
        texts.push(NOTE);
        // A download changes nothing, and may take its time.
        let at = all.iter().take_while(|part| part.safe).count();
        all.insert(at, phase_of("note", true, &texts, &[])?);
    }
    Ok(all)
}

fn notes(action: Action) -> bool {
    action.changes_packages() || action == Action::Repair
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

/// How long a manager that is in use is waited for.
fn wait_seconds(order: &PackageOrder) -> u32 {
    order.wait_s.unwrap_or(LOCK_WAIT_SECONDS_DEFAULT)
}

/// Some managers answer nothing while another process uses them: it is said who that
/// is, and they are asked again until it has ended.
fn when_free<T>(
    job: &Job,
    wait_seconds: u32,
    mut ask: impl FnMut() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let since = Instant::now();
    let mut told = String::new();
    loop {
        match ask() {
            Err(fault)
                if fault.cause == Cause::Busy
                    && since.elapsed().as_secs() < u64::from(wait_seconds) =>
            {
                if fault.detail != told {
                    job.log_line(&format!("{} It is waited for.", fault.detail));
                    told.clone_from(&fault.detail);
                }
                let next = Instant::now() + LOCKED_PAUSE;
                while Instant::now() < next {
                    job.check_cancelled()?;
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
            other => return other,
        }
    }
}

/// A link that goes in the middle of the start leaves it open whether it was
/// started; the script starts nothing twice.
fn start_surely(link: &mut NodeLink<'_>, work: &Work) -> Result<String, Fault> {
    use crate::major_tom::detached::run::Node as _;
    let mut tries = 0;
    loop {
        match start(link, work) {
            Err(fault) if matches!(fault.cause, Cause::Lost | Cause::Timeout) && tries < 3 => {
                tries += 1;
                link.disconnect();
                std::thread::sleep(Duration::from_secs(tries));
            }
            other => return other,
        }
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
