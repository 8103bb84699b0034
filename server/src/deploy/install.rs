//! Jobs that put a configured Spider in its place: deploy, and another token.

use std::time::Duration;

use serde_json::{Value, json};
use stardust_shared::ServerUrl;

use super::diagnose::explain;
use super::executor::Executor;
use super::installation::{self, Installation};
use super::login::{Login, log_in};
use super::plan::{self, Install};
use super::script::Script;
use super::spider::{self, Spider};
use super::stage::stage_in;
use super::token::NextToken;
use super::verify::{Wanted, wait_for_hello};
use crate::clock::wall_ms;
use crate::hub::LastHello;
use crate::jobs::JobContext;
use crate::jobs::{Intent, Job};
use crate::major_tom::fault::{Cause, Fault};
use crate::major_tom::limits::VERIFY_TIME_MAX;
use crate::major_tom::steps::step;
use crate::store::SpiderRecord;

const SHORT: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(90);

/// From a login to a Spider that has said hello.
pub fn deploy(context: &JobContext, job: &Job) -> Result<Option<Value>, Fault> {
    let Intent::Deploy {
        server_url,
        pin,
        keep_on_failure,
        remember,
        without_root,
        replace,
    } = &job.intent
    else {
        return Err(Fault::new(Cause::Failed, "This is no deployment.", ""));
    };
    let done = deploy_to(
        context,
        job,
        server_url,
        pin.as_deref(),
        *keep_on_failure,
        *without_root,
        *replace,
    );
    // When Ground Control stops the job goes on later, and needs them then.
    let goes_on = context.jobs.is_stopping() && done.is_err();
    if let Some(node) = job.node.filter(|_| !remember && !goes_on) {
        context.vault.forget_secrets(node)?;
    }
    done
}

fn deploy_to(
    context: &JobContext,
    job: &Job,
    server_url: &str,
    pin: Option<&str>,
    keep_on_failure: bool,
    without_root: bool,
    replace: bool,
) -> Result<Option<Value>, Fault> {
    let node = job.node.unwrap_or_default();
    let server = parse(server_url)?;
    let login = log_in(context, job, &server, !without_root)?;
    let installed = context.store.spider(node)?;
    if installed.is_none() && !replace {
        login.refuse_other_node(context, job)?;
    }
    login.keep_machine_id(context, node);
    let (spider, place) = choose(context, job, &login, installed.as_ref())?;
    let stage = stage_in(&installation::stage_folder(
        &login.facts,
        &place,
        login.is_root(),
        spider.bytes.len() as u64,
    ))?;
    let token = NextToken::make(context, node)?;
    let executor = login.executor(job);
    let plan = plan::install(&Install {
        place: &place,
        stage: &stage,
        spider: &spider.bytes,
        sha256: &spider.sha256,
        server_url,
        pin,
        token: &token.token,
    });
    let record = |version: &str| SpiderRecord {
        place: place.clone(),
        arch: spider.arch.clone(),
        version: version.to_owned(),
        sha256: spider.sha256.clone(),
        server_url: server_url.to_owned(),
        pin: pin.map(str::to_owned),
        installed_ms: wall_ms(),
    };
    let wanted = Wanted::with_token(token.hash);
    let installed = executor
        .carry_out(&place, &plan)
        .and_then(|()| verify(context, job, node, &wanted));
    match installed {
        Ok(hello) => {
            context.store.put_spider(node, &record(&hello.version))?;
            settle(context, &executor, &place, &stage, &token)?;
            Ok(Some(json!({
                "version": hello.version,
                "method": place.method.name(),
                "path": place.bin,
            })))
        }
        Err(fault) => {
            let fault = with_log(&executor, &place, fault);
            if context.jobs.is_stopping() {
                return Err(fault);
            }
            if keep_on_failure && fault.cause == Cause::NotConnected {
                keep(context, &executor, &stage, &token, &record(""))?;
                return Err(fault);
            }
            Err(undo(
                context,
                &executor,
                &place,
                Script::Rollback,
                &stage,
                &token,
                fault,
            ))
        }
    }
}

/// Which Spider runs on the node, and where it goes.
fn choose(
    context: &JobContext,
    job: &Job,
    login: &Login,
    installed: Option<&SpiderRecord>,
) -> Result<(Spider, Installation), Fault> {
    let spider = step(job, "architecture", || {
        let spider = spider::choose(&context.spiders, login.facts.arch.as_deref())?;
        spider.fits(&login.facts)?;
        let detail = format!("{}, {} KiB.", spider.arch, spider.bytes.len() >> 10);
        Ok((spider, detail))
    })?;
    let place = step(job, "place", || {
        let (root, bytes) = (login.privilege.is_some(), spider.bytes.len() as u64);
        let mut place = installation::choose(&login.facts, root, bytes)?;
        if let Some(known) = installed {
            place = installation::stay(&login.facts, place, &known.place, bytes);
            login.executor(job).refuse_beside(&known.place, &place)?;
        }
        let detail = format!("{}, as a service of {}.", place.bin, place.method.name());
        Ok((place, detail))
    })?;
    Ok((spider, place))
}

/// What was there before goes, on the node first: until it is gone its token is
/// good too, since a later job may have to put it back.
fn settle(
    context: &JobContext,
    executor: &Executor<'_>,
    place: &Installation,
    stage: &str,
    token: &NextToken,
) -> Result<(), Fault> {
    step(executor.job, "settle", || {
        let done = executor.script(place, Script::Settle, &[stage], SHORT);
        done.map_err(|fault| {
            Fault::new(
                fault.cause,
                format!(
                    "The Spider is connected, but what was there before is not tidied away: {}",
                    fault.detail
                ),
                "Try again: that goes on from there.",
            )
        })?;
        token.commit(context)?;
        Ok(((), String::new()))
    })
}

/// The operator wanted what was installed to stay: it may connect later.
fn keep(
    context: &JobContext,
    executor: &Executor<'_>,
    stage: &str,
    token: &NextToken,
    record: &SpiderRecord,
) -> Result<(), Fault> {
    step(executor.job, "keep", || {
        context.store.put_spider(token.node, record)?;
        executor.script(&record.place, Script::Settle, &[stage], SHORT)?;
        token.commit(context)?;
        Ok(((), "It stays, and connects when it can.".into()))
    })
}

/// Puts back what was there before. While nobody knows what the node has, both
/// tokens stay good.
fn undo(
    context: &JobContext,
    executor: &Executor<'_>,
    place: &Installation,
    script: Script,
    stage: &str,
    token: &NextToken,
    fault: Fault,
) -> Fault {
    let undone = step(executor.job, "rollback", || {
        let output = executor.script(place, script, &[stage], LONG)?;
        let text = output.text();
        Ok(((), text.lines().last().unwrap_or_default().to_owned()))
    });
    if undone.is_ok() {
        token.give_up(context);
    }
    with_rollback(fault, undone)
}

/// Another token, while the old one is good until the new one was seen.
pub fn rotate_token(context: &JobContext, job: &Job) -> Result<Option<Value>, Fault> {
    let node = job.node.unwrap_or_default();
    let record = installed(context, node)?;
    let place = &record.place;
    let server = parse(&record.server_url)?;
    let login = log_in(context, job, &server, place.needs_root())?;
    let stage = stage_in(&installation::stage_folder(
        &login.facts,
        place,
        login.is_root(),
        0,
    ))?;
    let token = NextToken::make(context, node)?;
    let executor = login.executor(job);
    let plan = plan::replace_config(
        &stage,
        &record.server_url,
        record.pin.as_deref(),
        &token.token,
    );
    let wanted = Wanted::with_token(token.hash);
    let done = executor
        .carry_out(place, &plan)
        .and_then(|()| verify(context, job, node, &wanted));
    match done {
        Ok(_) => {
            settle(context, &executor, place, &stage, &token)?;
            Ok(None)
        }
        Err(fault) => {
            let fault = with_log(&executor, place, fault);
            if context.jobs.is_stopping() {
                return Err(fault);
            }
            let script = Script::RestoreConfig;
            Err(undo(
                context, &executor, place, script, &stage, &token, fault,
            ))
        }
    }
}

/// What Major Tom has installed on the node.
pub(super) fn installed(context: &JobContext, node: i64) -> Result<SpiderRecord, Fault> {
    let record = context.store.spider(node)?;
    record.ok_or_else(|| {
        Fault::new(
            Cause::Unsupported,
            "The Spider of this node was not installed from here.",
            "Deploy it first; that takes the place of what is there.",
        )
    })
}

pub(super) fn verify(
    context: &JobContext,
    job: &Job,
    node: i64,
    wanted: &Wanted,
) -> Result<LastHello, Fault> {
    step(job, "verify", || {
        let hello = wait_for_hello(context, job, node, wanted, VERIFY_TIME_MAX)?;
        let detail = format!("Version {} is connected.", hello.version);
        Ok((hello, detail))
    })
}

/// The Spider's own log says best why it did not connect.
pub(super) fn with_log(executor: &Executor<'_>, place: &Installation, fault: Fault) -> Fault {
    if fault.cause != Cause::NotConnected {
        return fault;
    }
    let log = step(executor.job, "log", || {
        let output = executor.script(place, Script::Log, &[""; 0], SHORT)?;
        Ok((output.text(), String::new()))
    });
    match log {
        Ok(log) => explain(fault, &log),
        Err(_) => fault,
    }
}

pub(super) fn with_rollback(fault: Fault, put_back: Result<(), Fault>) -> Fault {
    match put_back {
        Ok(()) => fault,
        Err(also) => Fault::new(
            fault.cause,
            format!("{} It could not be put back: {}", fault.detail, also.detail),
            format!(
                "{} Try again when the node can be reached: that goes on from there.",
                fault.hint
            ),
        ),
    }
}

pub(super) fn parse(server_url: &str) -> Result<ServerUrl, Fault> {
    ServerUrl::parse_origin(server_url).map_err(|why| {
        Fault::new(
            Cause::BadTarget,
            format!("The server's address can't be used: {why}."),
            "Set --server-url.",
        )
    })
}
