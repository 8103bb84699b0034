//! Reboots a node; done when its Spider is back with another boot id.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stardust_shared::ServerUrl;

use super::log_in;
use crate::clock::wall_ms;
use crate::hub::LastHello;
use crate::jobs::Job;
use crate::jobs::JobContext;
use crate::major_tom::fault::{Cause, Fault};
use crate::major_tom::limits::REBOOT_TIME_MAX;
use crate::major_tom::shell::Command;
use crate::major_tom::steps::step;
use stardust_model::access::Principal;

/// Detached, and after the answer: the login must end in order.
const SCRIPT: &str = r#"
if [ -d /run/systemd/system ]; then how='systemctl reboot'; else how=reboot; fi
if command -v setsid >/dev/null 2>&1; then
  setsid sh -c "sleep 1; $how" </dev/null >/dev/null 2>&1 &
else
  ( trap '' HUP; sleep 1; $how ) </dev/null >/dev/null 2>&1 &
fi
echo "Rebooting ($how)."
"#;
const SHORT: Duration = Duration::from_secs(30);
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

pub fn reboot(context: &JobContext, job: &Job) -> Result<Option<Value>, Fault> {
    let node = job.node.unwrap_or_default();
    // Noted with the job: Ground Control may be stopped while the node is down.
    let noted = job.view().result;
    let noted = noted.as_ref().map(|noted| {
        (
            &noted["boot_id_before"],
            &noted["run_before"],
            &noted["asked_ms"],
        )
    });
    let (before, run, asked_ms) = match noted {
        Some((Value::String(before), run, asked)) => (
            before.clone(),
            run.as_str().map(str::to_owned),
            asked.as_i64(),
        ),
        _ => (
            boot_id(context, node)?,
            run_in_container(context, node),
            None,
        ),
    };
    let asked_ms = match asked_ms {
        Some(asked_ms) => asked_ms,
        None => ask(context, job, &before, run.as_deref())?,
    };
    // From here on it goes down, whatever is wanted.
    job.set_cancellable(Err(
        "The machine was asked to reboot, which can't be taken back.",
    ));
    step(job, "back", || {
        let deadline = Instant::now() + REBOOT_TIME_MAX;
        loop {
            let hello = context.fleet.last_hello(node);
            if let Some(hello) = hello.filter(|hello| is_back(hello, &before, run.as_deref())) {
                let result = json!({
                    "boot_id_before": before,
                    "boot_id_after": hello.boot_id,
                    "down_ms": wall_ms() - asked_ms,
                });
                return Ok((Some(result), "It is back, and was booted anew.".into()));
            }
            job.check_cancelled()?;
            if Instant::now() >= deadline {
                return Err(Fault::new(
                    Cause::NotConnected,
                    format!(
                        "The node was not heard of with another boot id within {} minutes.",
                        REBOOT_TIME_MAX.as_secs() / 60
                    ),
                    "It may hang on its way down or up: look at its console.",
                ));
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
    })
}

/// Whether the Spider speaks from another boot. `run` is that before, where a new one
/// has to do.
fn is_back(hello: &LastHello, before: &str, run: Option<&str>) -> bool {
    hello.online
        && !hello.boot_id.is_empty()
        && (hello.boot_id != before || run.is_some_and(|run| hello.run != run))
}

/// The run of a Spider in a container, where a service in a sandbox sees the boot id
/// of the machine below it: there a new run has to do as the sign of a new boot.
fn run_in_container(context: &JobContext, node: i64) -> Option<String> {
    let container = context
        .fleet
        .view(&Principal::server(), node)?
        .identity?
        .container?;
    let hello = context.fleet.last_hello(node)?;
    (container != "none").then_some(hello.run)
}

/// Which boot it is in, as its Spider has said.
fn boot_id(context: &JobContext, node: i64) -> Result<String, Fault> {
    let told = context
        .fleet
        .last_hello(node)
        .filter(|hello| hello.online)
        .map(|hello| hello.boot_id);
    let known = match told {
        Some(boot_id) => Some(boot_id),
        None => context
            .store
            .node(node)?
            .and_then(|record| record.identity)
            .and_then(|identity| identity.boot_id),
    };
    known.filter(|boot_id| !boot_id.is_empty()).ok_or_else(|| {
        Fault::new(
            Cause::Unsupported,
            "It is not known which boot the node is in, so its return could not be told.",
            "Its Spider must have been connected once; deploy or start it first.",
        )
    })
}

fn ask(context: &JobContext, job: &Job, before: &str, run: Option<&str>) -> Result<i64, Fault> {
    let login = log_in(context, job, &ServerUrl::loopback(), true)?;
    step(job, "reboot", || {
        let asked_ms = wall_ms();
        job.set_result(json!({"boot_id_before": before, "run_before": run, "asked_ms": asked_ms}));
        let command = Command::script(SCRIPT, &[])?;
        let output = login.executor(job).run(&command, true, SHORT)?;
        if !output.exit.is_success() {
            return Err(Fault::new(
                Cause::Failed,
                format!("The node does not reboot: {}", output.text().trim()),
                "Try it by hand on the node.",
            ));
        }
        Ok((asked_ms, "It goes down now.".into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_is_who_speaks_from_another_boot() {
        let hello = |boot_id: &str, run: &str, online| LastHello {
            number: 2,
            token: [0; 32],
            version: "0.1.0".into(),
            boot_id: boot_id.into(),
            run: run.into(),
            online,
        };
        // A machine: its Spider may have been restarted as often as it likes.
        assert!(!is_back(&hello("a", "1", true), "a", None));
        assert!(!is_back(&hello("a", "2", true), "a", None));
        assert!(is_back(&hello("b", "2", true), "a", None));
        // What was said from the new boot, by who is gone again.
        assert!(!is_back(&hello("b", "2", false), "a", None));
        // One that can't tell its boot proves nothing.
        assert!(!is_back(&hello("", "2", true), "a", Some("1")));
        // A container, whose Spider sees the boot of the machine below it, or its own.
        assert!(!is_back(&hello("a", "1", true), "a", Some("1")));
        assert!(is_back(&hello("a", "2", true), "a", Some("1")));
        assert!(is_back(&hello("b", "2", true), "a", Some("1")));
    }
}
