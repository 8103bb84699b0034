//! A Spider off its node, and the node out of the fleet.

use std::time::Duration;

use serde_json::{Value, json};
use stardust_shared::ServerUrl;

use super::executor::Executor;
use super::install::{parse, with_rollback};
use super::installation::{Installation, Method, choose, stage_folders};
use super::login::log_in;
use super::plan;
use super::script::Script;
use crate::jobs::Job;
use crate::jobs::JobContext;
use crate::major_tom::fault::{Cause, Fault};
use crate::major_tom::steps::step;
use crate::store::SpiderRecord;

const SHORT: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(90);

pub fn remove(context: &JobContext, job: &Job, force: bool) -> Result<Option<Value>, Fault> {
    let node = job.node.unwrap_or_default();
    // Ended by a death of Ground Control between the last step and its note of it.
    if context.store.node(node)?.is_none() {
        return Ok(job.view().result);
    }
    let record = context.store.spider(node)?;
    let cleaned = clean(context, job, record.as_ref());
    let result = match cleaned {
        Ok(left) if left.is_empty() || force => json!({
            "removed": record.as_ref().map(|record| paths(&record.place)),
            "left": left,
            "commands": [],
        }),
        Ok(left) => {
            let fault = Fault::new(
                Cause::Failed,
                format!("Some of it is still there: {}.", left.join(", ")),
                "Try again, or remove it by force and clean up by hand.",
            );
            return Err(fault);
        }
        Err(fault) if !force || ends_it(&fault) => return Err(fault),
        Err(fault) => {
            job.log_line(&format!("{fault}"));
            let place = record.as_ref().map(|record| &record.place);
            json!({
                "removed": [],
                "left": place.map(paths).unwrap_or_default(),
                "commands": place.map(by_hand).unwrap_or_default(),
                "why": fault.detail,
            })
        }
    };
    job.set_result(result.clone());
    job.set_uncancellable()?;
    step(job, "forget", || {
        // The row goes, and with it token, credentials and what was installed.
        if context.store.delete_node(node)? {
            context.fleet.remove(node);
            (context.on_removed)(node);
        }
        Ok(((), "Its token and credentials are gone.".into()))
    })?;
    Ok(Some(result))
}

/// Not a reason to leave things on the node behind.
fn ends_it(fault: &Fault) -> bool {
    matches!(fault.cause, Cause::Cancelled | Cause::Stopping)
}

/// Takes everything off the node; what is still there afterwards comes back.
fn clean(
    context: &JobContext,
    job: &Job,
    record: Option<&SpiderRecord>,
) -> Result<Vec<String>, Fault> {
    let server = match record {
        Some(record) => parse(&record.server_url)?,
        None => ServerUrl::loopback(),
    };
    let root = record.is_none_or(|record| record.place.needs_root());
    let login = log_in(context, job, &server, root)?;
    let place = match record {
        Some(record) => record.place.clone(),
        // An attempt that got half-way: where it would have gone.
        None => choose(&login.facts, login.privilege.is_some(), 0)?,
    };
    let executor = login.executor(job);
    job.check_cancelled()?;
    let stopped = executor.carry_out(&place, &plan::stop());
    // What is deleted can't be put back.
    if let Err(fault) = stopped.and_then(|()| job.set_uncancellable()) {
        return Err(match (fault.cause, record) {
            (Cause::Cancelled, Some(_)) => with_rollback(fault, start_again(&executor, &place)),
            _ => fault,
        });
    }
    let stages = stage_folders(&login.facts, &place, login.is_root());
    executor.carry_out(&place, &plan::delete(stages))?;
    step(job, "look", || {
        let output = executor.script(&place, Script::Look, &[""; 0], SHORT)?;
        let text = output.text();
        let left: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("left "))
            .map(crate::major_tom::fault::printable)
            .collect();
        let detail = match left.as_slice() {
            [] => "Nothing is left.".to_owned(),
            left => format!("Still there: {}.", left.join(", ")),
        };
        Ok((left, detail))
    })
}

/// The removal was cancelled in time.
fn start_again(executor: &Executor<'_>, place: &Installation) -> Result<(), Fault> {
    step(executor.job, "rollback", || {
        executor.script(place, Script::Start, &[""; 0], LONG)?;
        Ok(((), "The Spider runs again.".into()))
    })
}

fn paths(place: &Installation) -> Vec<String> {
    let mut paths = vec![place.bin.clone(), place.unit.clone(), place.config()];
    if !place.user.is_empty() {
        paths.push(format!("user {}", place.user));
    }
    paths
}

/// For an operator on the node, as root.
fn by_hand(place: &Installation) -> Vec<String> {
    let Installation {
        bin, folder, unit, ..
    } = place;
    let mut commands = match place.method {
        Method::Systemd => vec!["systemctl disable --now stardust-spider.service".to_owned()],
        Method::SystemdUser => {
            vec!["systemctl --user disable --now stardust-spider.service".to_owned()]
        }
        Method::Openrc => vec![
            "rc-service stardust-spider stop".to_owned(),
            "rc-update del stardust-spider default".to_owned(),
        ],
        Method::Procd => vec![format!("{unit} stop"), format!("{unit} disable")],
        Method::Sysvinit => vec![
            format!("{unit} stop"),
            "update-rc.d -f stardust-spider remove || chkconfig --del stardust-spider".to_owned(),
        ],
        Method::Runit => vec![
            "rm -f /etc/service/stardust-spider /var/service/stardust-spider".to_owned(),
            "sv exit /etc/sv/stardust-spider".to_owned(),
        ],
    };
    commands.push(match place.method {
        Method::Runit => format!("rm -rf {bin} /etc/sv/stardust-spider {folder}"),
        _ => format!("rm -rf {bin} {unit} {folder}"),
    });
    match place.method {
        Method::Systemd => commands.push("systemctl daemon-reload".into()),
        Method::SystemdUser => commands.push("systemctl --user daemon-reload".into()),
        Method::Openrc | Method::Sysvinit => {
            commands.push("rm -f /var/log/stardust-spider.log".into());
        }
        Method::Runit => commands.push("rm -rf /var/log/stardust-spider".into()),
        Method::Procd => commands.push("sed -i /stardust/d /etc/sysupgrade.conf".into()),
    }
    if place.needs_root() {
        commands.push("rm -rf /var/lib/stardust-jobs".into());
    }
    if !place.user.is_empty() {
        let user = &place.user;
        commands.push(match place.method {
            // OpenWrt has no program for it.
            Method::Procd => format!("sed -i '/^{user}:/d' /etc/passwd /etc/group /etc/shadow"),
            _ => format!("userdel {user} || deluser {user}"),
        });
    }
    commands
}
