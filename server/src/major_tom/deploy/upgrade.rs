//! Another version of the Spider. From the switch on the node itself puts the
//! old one back unless it is told in time that the new one has connected.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::fault::Fault;
use super::super::limits::{GUARD_TIME_MAX, UPGRADE_TIME_MAX};
use super::super::steps::step;
use super::hand::Hand;
use super::install::{installed, parse, with_log, with_rollback};
use super::login::log_in;
use super::place::{self, Place};
use super::script::Script;
use super::verify::{Wanted, wait_for_hello};
use super::{ours, plan, spider, stage_in};
use crate::app::App;
use crate::clock::wall_ms;
use crate::jobs::Job;

const LONG: Duration = Duration::from_secs(90);

pub fn upgrade(app: &App, job: &Job) -> Result<Option<Value>, Fault> {
    let node = job.node.unwrap_or_default();
    let mut record = installed(app, node)?;
    let place = record.place.clone();
    let server = parse(&record.server_url)?;
    let login = log_in(app, job, &server, place.needs_root())?;
    let spider = step(job, "architecture", || {
        let spider = spider::choose(&app.config, login.facts.arch.as_deref())?;
        let detail = format!("{}, {} KiB.", spider.arch, spider.bytes.len() >> 10);
        Ok((spider, detail))
    })?;
    let bytes = spider.bytes.len() as u64;
    let stage = stage_in(&place::stage_folder(
        &login.facts,
        &place,
        login.is_root(),
        bytes,
    ))?;
    let hand = login.hand(job);
    let seconds = GUARD_TIME_MAX.as_secs();
    let plan = plan::upgrade(&stage, &spider.bytes, &spider.sha256, seconds);
    let old = app.fleet.last_hello(node).map(|hello| hello.version);
    let switch = plan.iter().position(|action| action.step == "switch");
    let (uploads, switch) = plan.split_at(switch.unwrap_or(plan.len()));
    let switched = hand.carry_out(&place, uploads).and_then(|()| {
        // The old one may have come back in the meantime: that is not the new one.
        let before = Wanted::next(app, node);
        hand.carry_out(&place, switch)?;
        step(job, "verify", || {
            let hello = wait_for_hello(app, job, node, &before, UPGRADE_TIME_MAX)?;
            let detail = format!("Version {} is connected.", hello.version);
            Ok((hello, detail))
        })
    });
    let confirmed = switched.and_then(|hello| {
        step(job, "settle", || {
            hand.script(&place, Script::Confirm, &[""; 0], LONG)?;
            Ok(((), "The new version stays.".into()))
        })?;
        Ok(hello)
    });
    match confirmed {
        Ok(hello) => {
            record.arch = spider.arch;
            record.sha256 = spider.sha256;
            record.version = hello.version.clone();
            record.installed_ms = wall_ms();
            app.store
                .put_spider(node, &record)
                .map_err(|e| ours(e.into()))?;
            Ok(Some(json!({"from": old, "to": hello.version})))
        }
        Err(fault) => {
            let fault = with_log(&hand, &place, fault);
            if app.jobs.is_stopping() {
                return Err(fault);
            }
            Err(with_rollback(fault, go_back(&hand, &place, &stage)))
        }
    }
}

/// Asks the node to go back now; if it can't be reached it does so by itself.
fn go_back(hand: &Hand<'_>, place: &Place, stage: &str) -> Result<(), Fault> {
    step(hand.job, "rollback", || {
        let done = hand.script(place, Script::GoBack, &[stage], LONG);
        match done {
            Ok(_) => Ok(((), "The old Spider is back.".into())),
            Err(fault) => Err(Fault::new(
                fault.cause,
                format!(
                    "{} The node puts the old Spider back by itself.",
                    fault.detail
                ),
                fault.hint,
            )),
        }
    })
}
