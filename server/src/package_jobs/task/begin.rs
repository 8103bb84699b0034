//! A job on packages up to the start of its work: look, check, try, launch.

use std::time::{Duration, Instant};

use stardust_packages::backend::{Backend, Phase, phase_of};
use stardust_packages::ledger::NOTE;
use stardust_packages::limits::LOCK_WAIT_SECONDS_DEFAULT;
use stardust_packages::model::Preview;
use stardust_packages::request::{Action, PackageRequest};
use stardust_packages::{Manager, facts::Facts, preflight};

use super::super::node_link::NodeLink;
use super::super::{query, schedule};
use crate::jobs::{Job, JobContext, PackageOrder};
use crate::major_tom::detached::Work;
use crate::major_tom::detached::run::start;
use crate::major_tom::steps::step;
use crate::major_tom::{Cause, Fault};
use crate::secret;
use crate::store::packages::PackageRun;

/// Between two questions to a manager that is in use.
const LOCKED_PAUSE: Duration = Duration::from_secs(3);
/// As far as the start. None: there is nothing to do.
pub fn begin(
    context: &JobContext,
    job: &Job,
    link: &mut NodeLink<'_>,
    action: Action,
    order: &PackageOrder,
    planned: &mut Option<usize>,
) -> Result<Option<PackageRun>, Fault> {
    let facts = survey(context, job, link, action, order)?;
    let Some(manager) = facts.manager else {
        return Ok(None);
    };
    let Some(request) = asked_for(manager, action, order, &facts)? else {
        return match preflight::unfinished(&facts) {
            Some(refused) => Err(query::fault(refused)),
            None => Ok(None),
        };
    };
    if action.changes_packages() {
        let preview = preview(job, link, order, &request, &facts)?;
        *planned = Some(preview.changes());
        if preview.nothing {
            return Ok(None);
        }
    }
    link.commit();
    launch(context, job, link, order, &request).map(Some)
}

/// What the node says of itself before anything is tried.
fn survey(
    context: &JobContext,
    job: &Job,
    link: &mut NodeLink<'_>,
    action: Action,
    order: &PackageOrder,
) -> Result<Facts, Fault> {
    step(job, "survey", || {
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
    })
}

/// The order as this manager can do it. None: nothing of the node is for security.
fn asked_for(
    manager: Manager,
    action: Action,
    order: &PackageOrder,
    facts: &Facts,
) -> Result<Option<PackageRequest>, Fault> {
    if order.security {
        PackageRequest::check_security(manager)?;
        return PackageRequest::for_security(manager, facts).map_err(query::fault);
    }
    let (purge, what) = (order.purge, order.what.as_deref());
    let request = PackageRequest::new(manager, action, &order.packages, purge, what)?;
    Ok(Some(request))
}

/// The manager's own dry run, which must be what the order was given for.
fn preview(
    job: &Job,
    link: &mut NodeLink<'_>,
    order: &PackageOrder,
    request: &PackageRequest,
    facts: &Facts,
) -> Result<Preview, Fault> {
    step(job, "preview", || {
        let preview = when_free(job, wait_seconds(order), || {
            let preview = query::preview(link, request, facts)?;
            match preview.refused {
                Some(refused) => Err(query::fault(refused)),
                None => Ok(preview),
            }
        })?;
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
        Ok((preview, detail))
    })
}

/// Starts the work, which its node owns from then on.
fn launch(
    context: &JobContext,
    job: &Job,
    link: &mut NodeLink<'_>,
    order: &PackageOrder,
    request: &PackageRequest,
) -> Result<PackageRun, Fault> {
    step(job, "begin", || {
        let backend = request.manager.backend();
        let id = secret::random_hex(12)
            .map_err(|error| Fault::new(Cause::Busy, format!("No random numbers: {error}."), ""))?;
        let run = PackageRun {
            run: id.expose().to_owned(),
            manager: request.manager,
            output_from: job.output_end(),
        };
        let work = Work {
            id: run.run.clone(),
            parts: parts(backend, request)?,
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
        Ok((run, detail))
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

pub fn notes(action: Action) -> bool {
    action.changes_packages() || action == Action::Repair
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
