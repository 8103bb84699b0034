//! Looks at a node's packages over SSH. Changes nothing. Blocks; called by API
//! workers and job threads.

use std::time::Duration;

use stardust_packages::Manager;
use stardust_packages::backend::Question;
use stardust_packages::facts::{self, Facts};
use stardust_packages::ledger::{self, Changes};
use stardust_packages::limits::{ANSWER_BYTES_MAX, ASK_TIME_MAX, SURVEY_TIME_MAX};
use stardust_packages::model::{Preview, Refused};
use stardust_packages::request::PackageRequest;
use stardust_packages::sections::{self, Sections};
use stardust_packages::survey::{COMMON, DETECT, HOLDERS};
use stardust_packages::{advice, preflight, restarts};

use super::way_in;
use crate::deploy::{RootSession, log_in_as_root};
use crate::jobs::Given;
use crate::jobs::JobContext;
use crate::major_tom::detached::run::Node;
use crate::major_tom::output::Output;
use crate::major_tom::shell::Command;
use crate::major_tom::steps::Steps;
use crate::major_tom::{Cause, Fault};
use crate::secret;

/// A node that is logged in to when it is needed, and again when the link went.
pub struct Link<'a> {
    context: &'a JobContext,
    node: i64,
    given: &'a Given,
    login: Option<RootSession>,
}

/// Logins that nobody watches.
struct Quiet;

impl Steps for Quiet {
    fn begin(&self, _: &'static str) -> Result<(), Fault> {
        Ok(())
    }

    fn end(&self, _: &'static str, _: Result<&str, &Fault>, _: u64) {}
}

impl<'a> Link<'a> {
    pub fn new(context: &'a JobContext, node: i64, given: &'a Given) -> Self {
        Self {
            context,
            node,
            given,
            login: None,
        }
    }

    /// Logs in with each step shown.
    pub fn connect(&mut self, steps: &dyn Steps) -> Result<(), Fault> {
        self.login = Some(log_in_as_root(self.context, self.node, self.given, steps)?);
        Ok(())
    }
}

impl Link<'_> {
    /// From here on a job that is cancelled ends its work on the node in order.
    pub fn commit(&mut self) {
        if let Some(login) = &mut self.login {
            login.commit();
        }
    }
}

impl Node for Link<'_> {
    fn run(
        &mut self,
        command: &Command,
        time: Duration,
        on_output: &mut dyn FnMut(&[u8]),
    ) -> Result<Output, Fault> {
        if self.login.is_none() {
            self.connect(&Quiet)?;
        }
        match &self.login {
            Some(login) => login.run(command, time, on_output),
            None => Err(Fault::new(
                Cause::Lost,
                "There is no connection.",
                "Try again.",
            )),
        }
    }

    fn disconnect(&mut self) {
        self.login = None;
    }
}

/// Asks for sections.
pub fn ask(
    node: &mut dyn Node,
    scripts: &[&'static str],
    arguments: &[&[u8]],
    time: Duration,
) -> Result<Sections, Fault> {
    let mark = secret::random_hex(8)
        .map_err(|error| Fault::new(Cause::Busy, format!("No random numbers: {error}."), ""))?;
    let command = sections::command(mark.expose(), scripts, arguments)?;
    // More than what is kept of an ordinary command's output.
    let mut all: Vec<u8> = Vec::new();
    node.run(&command, time, &mut |bytes| {
        let room = ANSWER_BYTES_MAX.saturating_sub(all.len());
        all.extend_from_slice(&bytes[..bytes.len().min(room)]);
    })?;
    Ok(Sections::read(mark.expose(), &all))
}

pub fn question(
    node: &mut dyn Node,
    question: &Question,
    time: Duration,
) -> Result<Sections, Fault> {
    let arguments: Vec<&[u8]> = question.arguments.iter().map(|a| a.as_bytes()).collect();
    ask(node, &question.scripts, &arguments, time)
}

/// Which manager the node has, and its version.
pub fn detect(node: &mut dyn Node) -> Result<(Manager, Option<String>), Fault> {
    detect_within(node, ASK_TIME_MAX)
}

fn detect_within(node: &mut dyn Node, time: Duration) -> Result<(Manager, Option<String>), Fault> {
    let said = ask(node, &[DETECT], &[], time.min(ASK_TIME_MAX))?;
    let (manager, version) = facts::detected(&said);
    let manager = manager.ok_or_else(|| {
        Fault::new(
            Cause::Unsupported,
            "The node has none of the package managers that are known here.",
            "These are apt, dnf, yum, zypper, pacman, apk and opkg.",
        )
    })?;
    Ok((manager, version))
}

/// All there is to know.
pub fn survey(node: &mut dyn Node) -> Result<Facts, Fault> {
    survey_within(node, SURVEY_TIME_MAX)
}

pub fn survey_within(node: &mut dyn Node, time: Duration) -> Result<Facts, Fault> {
    let (manager, version) = detect_within(node, time)?;
    let mut scripts = vec![HOLDERS];
    scripts.extend_from_slice(manager.backend().survey());
    scripts.push(COMMON);
    let files: Vec<&[u8]> = manager
        .backend()
        .lock_files()
        .split(' ')
        .map(str::as_bytes)
        .collect();
    let said = ask(node, &scripts, &files, time)?;
    facts::read(manager, version, &said).map_err(|refused| {
        let advice = advice::read(manager, &refused.message);
        fault(advice.unwrap_or(refused))
    })
}

/// The manager's own dry run, judged.
pub fn preview(
    node: &mut Link<'_>,
    request: &PackageRequest,
    facts: &Facts,
) -> Result<Preview, Fault> {
    preview_within(node, request, facts, SURVEY_TIME_MAX)
}

pub fn preview_within(
    node: &mut Link<'_>,
    request: &PackageRequest,
    facts: &Facts,
    time: Duration,
) -> Result<Preview, Fault> {
    // Not asked at all: some managers would wait for a lock that was left behind, and
    // apt's dry run does not see that dpkg was interrupted.
    if let Some(refused) = preflight::blocked(facts) {
        return Ok(Preview {
            refused: Some(refused),
            ..Preview::default()
        });
    }
    let backend = request.manager.backend();
    let said = question(node, &backend.preview(request), time)?;
    let mut preview = backend.read_preview(&said, request);
    explain(request, &mut preview);
    preflight::check(request, facts, &mut preview);
    if let Some(login) = &node.login {
        way_in::judge(login.privilege(), &mut preview);
    }
    Ok(preview)
}

/// A refusal whose reason is known from elsewhere says what to do about it.
fn explain(request: &PackageRequest, preview: &mut Preview) {
    let open = |refused: &Refused| matches!(refused.kind, "failed" | "broken");
    if preview.refused.as_ref().is_some_and(open)
        && let Some(advice) = advice::read(request.manager, &preview.text)
    {
        preview.refused = Some(advice);
    }
}

/// Fills in which services what is previewed will restart.
pub fn restarts(
    node: &mut dyn Node,
    request: &PackageRequest,
    preview: &mut Preview,
    time: Duration,
) -> Result<(), Fault> {
    let names = restarts::names(preview);
    let Some(script) = request.manager.backend().restarts() else {
        return Ok(());
    };
    if preview.refused.is_some() || names.is_empty() {
        return Ok(());
    }
    let asked = Question::of(&[restarts::RUNNING, script], &names);
    preview.restarts = restarts::read(&question(node, &asked, time.min(ASK_TIME_MAX))?);
    Ok(())
}

/// What work on the node has changed, by the manager's own database. None: it can't be
/// told.
pub fn changes(node: &mut dyn Node, manager: Manager, id: &str) -> Result<Option<Changes>, Fault> {
    let backend = manager.backend();
    let mut scripts = backend.ledger().to_vec();
    scripts.push(ledger::COMPARE);
    let said = ask(node, &scripts, &[id.as_bytes()], ASK_TIME_MAX)?;
    Ok(ledger::changes(&said, &|state| backend.state(state)))
}

pub fn fault(refused: Refused) -> Fault {
    let cause = match refused.kind {
        "no_space" => Cause::NoSpace,
        "unsupported" => Cause::Unsupported,
        "locked" => Cause::Busy,
        _ => Cause::Failed,
    };
    Fault::new(cause, refused.message, refused.hint)
}
