//! One piece of work on a node's packages, as a job: look, try, start, follow,
//! look again. On a job thread.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::limits::LOCK_WAIT_SECONDS_DEFAULT;
use super::look::{self, Link};
use super::wish::{Action, Wish};
use super::{advice, facts::Facts, judge, keeper, lock};
use crate::app::App;
use crate::clock::wall_ms;
use crate::jobs::{Job, JobError, PackageOrder};
use crate::major_tom::deploy::ours;
use crate::major_tom::detached::run::{follow, start};
use crate::major_tom::detached::{End, Work};
use crate::major_tom::steps::step;
use crate::major_tom::{Cause, Fault};
use crate::secret::Secret;
use crate::store::packages::PackageRun;

mod end;
mod watch;

use end::{Ran, judge_end, result};
use watch::JobWatcher;

/// Between two questions to a manager that is in use.
const LOCKED_PAUSE: Duration = Duration::from_secs(3);
/// A node that just came back may need a moment.
const AFTER_TRIES: u32 = 15;

pub fn run(app: &App, job: &Job, order: &PackageOrder) -> Result<Option<Value>, Fault> {
    let node = job.node.unwrap_or_default();
    let done = work(app, job, node, order);
    if order.action == Action::Refresh.name()
        && let Err(fault) = &done
        && !matches!(fault.cause, Cause::Stopping | Cause::Cancelled)
    {
        let error = JobError::from(fault);
        let next_ms = keeper::next_ms(wall_ms(), app.config.packages_refresh_ms);
        app.store
            .put_package_error(node, Some(&error), next_ms)
            .map_err(|error| ours(error.into()))?;
    }
    done
}

fn work(app: &App, job: &Job, node: i64, order: &PackageOrder) -> Result<Option<Value>, Fault> {
    let action = Action::from_name(&order.action).ok_or_else(|| {
        Fault::new(
            Cause::Unsupported,
            "This version of Ground Control knows no such work.",
            "Start it again.",
        )
    })?;
    let mut link = Link::new(app, node, &job.given);
    let known = app
        .store
        .package_run(job.id)
        .map_err(|error| ours(error.into()))?;
    let run = match known {
        Some(run) => {
            // It was started before Ground Control went: its output is fetched
            // again from the first byte.
            job.take_back_output(run.output_from);
            run
        }
        None => {
            link.connect(job)?;
            match begin(app, job, &mut link, action, order)? {
                Some(run) => run,
                None => return after(app, job, &mut link, action, None),
            }
        }
    };
    let mut watcher = JobWatcher::new(app, job, run.manager.tool());
    let mut ran = None;
    let followed = step(job, "run", || {
        let end = follow(&mut link, &run.run, &mut watcher)?;
        job.set_cancellable(Err("The work on the node has ended."));
        let text = watcher.text();
        let ended = Ran {
            tool: run.manager.tool(),
            outcome: run.manager.tool().outcome(&text),
            advice: advice::read(run.manager, &text),
            waited_for: super::text::lines(&text)
                .filter_map(lock::waited_for)
                .last(),
            end,
        };
        let detail = match &ended.end {
            End::Exit { code, .. } => format!("It ended with {code}."),
            _ => String::new(),
        };
        let judged = judge_end(&ended, None);
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
        Some(ran) => after(app, job, &mut link, action, Some(ran)),
        None => followed.map(|()| None),
    }
}

/// As far as the start. None: there is nothing to do.
fn begin(
    app: &App,
    job: &Job,
    link: &mut Link<'_>,
    action: Action,
    order: &PackageOrder,
) -> Result<Option<PackageRun>, Fault> {
    let facts = step(job, "survey", || {
        if matches!(action, Action::Refresh | Action::Repair) {
            // Where nothing can be listed a new index may be what is missing, or the
            // repair.
            let (manager, version) = look::detect(link)?;
            let detail = format!("{} {}.", manager.name(), version.unwrap_or_default());
            let facts = Facts {
                manager: Some(manager),
                ..Facts::default()
            };
            return Ok((facts, detail));
        }
        let facts = when_free(job, wait_seconds(order), || look::survey(link))?;
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
    let wish = if order.security {
        Wish::check_security(manager).map_err(ours)?;
        Wish::for_security(manager, &facts).map_err(look::fault)?
    } else {
        let (purge, what) = (order.purge, order.what.as_deref());
        Some(Wish::new(manager, action, &order.packages, purge, what).map_err(ours)?)
    };
    let Some(wish) = wish else {
        return Ok(None);
    };
    if action.changes_packages() {
        let nothing = step(job, "preview", || {
            let preview = when_free(job, wait_seconds(order), || {
                let preview = look::preview(link, &wish, &facts)?;
                match preview.refused {
                    Some(refused) => Err(look::fault(refused)),
                    None => Ok(preview),
                }
            })?;
            let planned = order.plan.as_deref();
            if planned.is_some_and(|planned| planned != judge::digest(&preview)) {
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
        let tool = manager.tool();
        let id = Secret::random_hex(12)
            .map_err(|error| Fault::new(Cause::Busy, format!("No random numbers: {error}."), ""))?;
        let run = PackageRun {
            run: id.expose().to_owned(),
            manager,
            output_from: job.output_end(),
        };
        let work = Work {
            id: run.run.clone(),
            parts: tool.phases(&wish)?,
            // One that was left behind is not waited for by who removes it.
            lock_files: match order.what.as_deref() {
                Some("stale_lock") => "",
                _ => tool.lock_files(),
            },
            lock_wait_seconds: wait_seconds(order),
            good_codes: tool.good_codes(),
        };
        // Written down first: a job that was cut off here follows what may have
        // been started, and never starts it twice.
        app.store
            .put_package_run(job.id, &run)
            .map_err(|error| ours(error.into()))?;
        let detail = start_surely(link, &work)?;
        Ok((Some(run), detail))
    })
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
                    job.say(&format!("{} It is waited for.", fault.detail));
                    told.clone_from(&fault.detail);
                }
                let next = Instant::now() + LOCKED_PAUSE;
                while Instant::now() < next {
                    job.go_on()?;
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
            other => return other,
        }
    }
}

/// A link that goes in the middle of the start leaves it open whether it was
/// started; the script starts nothing twice.
fn start_surely(link: &mut Link<'_>, work: &Work) -> Result<String, Fault> {
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
    app: &App,
    job: &Job,
    link: &mut Link<'_>,
    action: Action,
    ran: Option<Ran>,
) -> Result<Option<Value>, Fault> {
    let node = job.node.unwrap_or_default();
    let fetched = action == Action::Refresh
        && ran.as_ref().is_some_and(
            |ran| matches!(ran.end, End::Exit { code, .. } if ran.tool.good_codes().contains(&code)),
        );
    let facts = step(job, "after", || {
        let facts = look_again(app, link)?;
        let now = wall_ms();
        app.store
            .put_package_facts(
                node,
                &facts,
                now,
                fetched.then_some(now),
                keeper::next_ms(now, app.config.packages_refresh_ms),
            )
            .map_err(|error| ours(error.into()))?;
        let detail = format!("{} can be upgraded.", facts.upgradable.len());
        Ok((facts, detail))
    });
    let Some(ran) = ran else {
        let facts = facts?;
        return Ok(Some(result(action, None, Some(&facts))));
    };
    let told = result(action, Some(&ran), facts.as_ref().ok());
    job.set_result(told.clone());
    judge_end(&ran, facts.as_ref().ok())?;
    facts?;
    Ok(Some(told))
}

fn look_again(app: &App, link: &mut Link<'_>) -> Result<Facts, Fault> {
    use crate::major_tom::detached::run::Node as _;
    let mut tries = 0;
    loop {
        match look::survey(link) {
            Err(_) if tries < AFTER_TRIES && !app.jobs.is_stopping() => {
                tries += 1;
                link.disconnect();
                std::thread::sleep(Duration::from_secs(2));
            }
            other => return other,
        }
    }
}
