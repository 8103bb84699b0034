//! Queries of a node's packages over SSH. Changes nothing. Blocks; called by API
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

use super::node_link::NodeLink;
use super::way_in;
use crate::major_tom::detached::run::Node;
use crate::major_tom::{Cause, Fault};
use crate::secret;

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
    node: &mut NodeLink<'_>,
    request: &PackageRequest,
    facts: &Facts,
) -> Result<Preview, Fault> {
    preview_within(node, request, facts, SURVEY_TIME_MAX)
}

pub fn preview_within(
    node: &mut NodeLink<'_>,
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
    if let Some(privilege) = node.privilege() {
        way_in::judge(privilege, &mut preview);
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
