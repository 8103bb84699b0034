//! Another version of the Spider. From the switch on the node itself puts the
//! old one back unless it is told in time that the new one has connected.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::executor::Executor;
use super::install::{installed, parse, with_log, with_rollback};
use super::installation::{self, Installation};
use super::login::log_in;
use super::script::Script;
use super::stage::stage_in;
use super::verify::{LOOK_INTERVAL, Wanted, wait_for_hello};
use super::{plan, spider};
use crate::clock::wall_ms;
use crate::hub::LastHello;
use crate::jobs::Job;
use crate::jobs::JobContext;
use crate::major_tom::fault::{Cause, Fault};
use crate::major_tom::limits::{GUARD_TIME_MAX, UPGRADE_TIME_MAX};
use crate::major_tom::steps::step;

const LONG: Duration = Duration::from_secs(90);
/// How much longer than it should the guard takes to decide, on a node that has much
/// else to do; and how long the Spider that stays then has to say hello.
const LATE_MAX: Duration = Duration::from_secs(30);

pub fn upgrade(context: &JobContext, job: &Job) -> Result<Option<Value>, Fault> {
    let node = job.node.unwrap_or_default();
    let mut record = installed(context, node)?;
    let place = record.place.clone();
    let server = parse(&record.server_url)?;
    let login = log_in(context, job, &server, place.needs_root())?;
    let spider = step(job, "architecture", || {
        let spider = spider::choose(&context.spiders, login.facts.arch.as_deref())?;
        spider.fits(&login.facts)?;
        let detail = format!("{}, {} KiB.", spider.arch, spider.bytes.len() >> 10);
        Ok((spider, detail))
    })?;
    let bytes = spider.bytes.len() as u64;
    let stage = stage_in(&installation::stage_folder(
        &login.facts,
        &place,
        login.is_root(),
        bytes,
    ))?;
    let executor = login.executor(job);
    let seconds = GUARD_TIME_MAX.as_secs();
    let plan = plan::upgrade(&stage, &spider.bytes, &spider.sha256, seconds);
    let old = context.fleet.last_hello(node).map(|hello| hello.version);
    let switch = plan.iter().position(|action| action.step == "switch");
    let (uploads, switch) = plan.split_at(switch.unwrap_or(plan.len()));
    let mut decides_itself_by = None;
    let switched = executor.carry_out(&place, uploads).and_then(|()| {
        // The old one may have come back in the meantime: that is not the new one.
        let before = Wanted::next(context, node);
        executor.carry_out(&place, switch)?;
        decides_itself_by = Some(Instant::now() + GUARD_TIME_MAX + LATE_MAX);
        step(job, "verify", || {
            let hello = wait_for_hello(context, job, node, &before, UPGRADE_TIME_MAX)?;
            let detail = format!("Version {} is connected.", hello.version);
            Ok((hello, detail))
        })
    });
    let confirmed = match switched {
        Ok(hello) => {
            let told = step(job, "settle", || {
                executor.script(&place, Script::Confirm, &[""; 0], LONG)?;
                Ok(((), "The new version stays.".into()))
            });
            told.map_err(|fault| (fault, Some(hello.clone())))
                .map(|()| hello)
        }
        Err(fault) => Err((fault, None)),
    };
    let stays = match confirmed {
        Ok(hello) => hello,
        Err((fault, new)) => {
            let fault = with_log(&executor, &place, fault);
            if context.jobs.is_stopping() {
                return Err(fault);
            }
            let put_back = go_back(&executor, &place, &stage);
            match (&put_back, new, decides_itself_by) {
                // It may have heard that the new one is good, or not.
                (Err(_), Some(new), Some(by)) => {
                    see_which_stays(context, job, &new, old.as_deref(), by)
                        .map_err(|seen| what_became(fault, seen))?
                }
                _ => return Err(with_rollback(fault, put_back)),
            }
        }
    };
    record.arch = spider.arch;
    record.sha256 = spider.sha256;
    record.version = stays.version.clone();
    record.installed_ms = wall_ms();
    context.store.put_spider(node, &record)?;
    Ok(Some(json!({"from": old, "to": stays.version})))
}

/// The link broke while the node was told that its new Spider is good: whether it
/// has heard so is seen by the Spider that is connected once the node has decided.
fn see_which_stays(
    context: &JobContext,
    job: &Job,
    new: &LastHello,
    old: Option<&str>,
    by: Instant,
) -> Result<LastHello, Fault> {
    step(job, "stays", || {
        let node = job.node.unwrap_or_default();
        let mut seen = None;
        loop {
            let there = context.fleet.last_hello(node).filter(|hello| hello.online);
            match &there {
                // At two looks: one that was just ended may not have been missed yet.
                Some(hello) if is_old(hello, new, old) => {
                    if seen.as_ref() == Some(&hello.run) {
                        return Err(Fault::new(
                            Cause::Lost,
                            format!(
                                "The node has put the old Spider back: version {} is connected.",
                                hello.version
                            ),
                            "Upgrade it again when the link holds.",
                        ));
                    }
                    seen = Some(hello.run.clone());
                }
                _ => seen = None,
            }
            match there {
                Some(hello) if seen.is_none() && Instant::now() >= by => {
                    let detail = format!("The new version stays: {} is connected.", hello.version);
                    return Ok((hello, detail));
                }
                None if Instant::now() >= by + LATE_MAX => {
                    return Err(Fault::new(
                        Cause::NotConnected,
                        "Which Spider the node has kept is not known: none is connected.",
                        "Upgrade it again when the node can be reached: that goes on from there.",
                    ));
                }
                _ => {}
            }
            job.check_cancelled()?;
            std::thread::sleep(LOOK_INTERVAL);
        }
    })
}

/// Another process than the new one, which is not the new one started anew.
fn is_old(hello: &LastHello, new: &LastHello, old: Option<&str>) -> bool {
    hello.run != new.run && (hello.version != new.version || old == Some(&*new.version))
}

/// What broke, and what the node did then.
fn what_became(fault: Fault, seen: Fault) -> Fault {
    let detail = format!("{} {}", fault.detail, seen.detail);
    Fault::new(fault.cause, detail, seen.hint)
}

/// Asks the node to go back now; if it can't be reached it does so by itself.
fn go_back(executor: &Executor<'_>, place: &Installation, stage: &str) -> Result<(), Fault> {
    step(executor.job, "rollback", || {
        let done = executor.script(place, Script::GoBack, &[stage], LONG);
        match done {
            Ok(_) => Ok(((), "The old Spider is back.".into())),
            Err(fault) => Err(Fault::new(
                fault.cause,
                format!(
                    "{} The node puts the old Spider back by itself, unless it knows that the new \
                     one has connected.",
                    fault.detail
                ),
                fault.hint,
            )),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_spider_is_told_from_the_new_one_started_anew() {
        let hello = |run: &str, version: &str| LastHello {
            number: 1,
            token: [0; 32],
            version: version.into(),
            boot_id: String::new(),
            run: run.into(),
            online: true,
        };
        let new = hello("new", "2");
        assert!(!is_old(&new, &new, Some("1")));
        assert!(is_old(&hello("other", "1"), &new, Some("1")));
        assert!(!is_old(&hello("other", "2"), &new, Some("1")));
        // An upgrade to the same version: only the process tells.
        assert!(is_old(&hello("other", "2"), &new, Some("2")));
    }
}
