//! A node's packages: what is known, what would be done, and jobs that do it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::deploy::{GivenBody, answer, exists, given, submit};
use super::query::{Parameters, page};
use super::ssh::{AuthBody, place};
use super::{Context, body};
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::jobs::{Given, Intent, PackageOrder};
use crate::package_jobs::fleet::Choice;
use crate::package_jobs::schedule;
use crate::package_jobs::{node_link::NodeLink, query as node_query};
use crate::packages::backend::Question;
use crate::packages::limits::{ASK_TIME_MAX, LOCK_WAIT_SECONDS_MAX};
use crate::packages::model::{Installed, Preview, Refused};
use crate::packages::request::{self, Action, PackageRequest};
use crate::packages::sections::Sections;
use crate::packages::{Manager, preflight};
use crate::secret::Secret;
use crate::store::packages::PackageRecord;

const SHAPE: &str = r#"{}, or {"packages": ["nginx"]}, with "plan" from the preview."#;
const INSTALLED_DEFAULT: i64 = 200;
const INSTALLED_MAX: i64 = 1000;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PackagesBody {
    action: Option<String>,
    packages: Vec<String>,
    purge: bool,
    what: Option<String>,
    plan: Option<String>,
    wait_s: Option<u32>,
    /// Of all upgrades those for security.
    security: bool,
    /// Of an upgrade: whether it is a full one; None: as the node is set.
    full: Option<bool>,
    auth: Option<AuthBody>,
    sudo_password: Option<Secret>,
}

impl PackagesBody {
    /// Whether the node's manager can do that, and what it is there.
    fn check(
        &self,
        context: &Context<'_>,
        manager: Manager,
        action: Action,
    ) -> Result<Action, Error> {
        if action != Action::Upgrade && (self.security || self.full.is_some()) {
            return Err(Error::invalid(
                format!("{} takes neither security nor full.", action.name()),
                "They are for an upgrade.",
            ));
        }
        if self.security && (!self.packages.is_empty() || self.full == Some(true)) {
            return Err(Error::invalid(
                "What is for security is found by the node's own look.",
                "Leave \"packages\" and \"full\" out, or \"security\".",
            ));
        }
        if self.full == Some(true) && !self.packages.is_empty() {
            return Err(Error::invalid(
                "A full upgrade takes no packages.",
                "Leave \"packages\" out, or \"full\".",
            ));
        }
        let action = match action {
            Action::Upgrade => {
                let record = context.app.store.package_facts(context.id)?;
                let full = record.is_some_and(|record| record.full_upgrade);
                let choice = Choice {
                    full: self.full,
                    packages: self.packages.clone(),
                    security: self.security,
                };
                choice.action(manager, full)
            }
            other => other,
        };
        if self.security {
            PackageRequest::check_security(manager)?;
        }
        PackageRequest::new(
            manager,
            action,
            &self.packages,
            self.purge,
            self.what.as_deref(),
        )?;
        Ok(action)
    }
}

/// GET /api/nodes/:id/packages
pub fn get(context: &Context<'_>) -> Result<Response, Error> {
    exists(context)?;
    let record = context.app.store.package_facts(context.id)?;
    let job = context
        .app
        .jobs
        .active_of_node(context.id)
        .map(|job| job.id);
    Ok(Response::json(
        200,
        &view(context.id, record.unwrap_or_default(), job),
    ))
}

fn view(node: i64, record: PackageRecord, job: Option<i64>) -> Value {
    let facts = record.facts.unwrap_or_default();
    let counts = facts.counts();
    json!({
        "node": node,
        "manager": facts.manager,
        "manager_version": facts.manager_version,
        "as_of_ms": record.as_of_ms,
        "index_ms": record.index_ms,
        "next_refresh_ms": (record.next_ms > 0).then_some(record.next_ms),
        "full_upgrade": record.full_upgrade,
        "full_upgrade_advised": facts.full_advised,
        "error": record.error,
        "actions": facts.manager.map(actions).unwrap_or_default(),
        "upgradable": facts.upgradable,
        "counts": counts,
        "held": facts.held,
        "reboot_required": facts.reboot_required,
        "services": facts.services,
        "leftovers": facts.leftovers,
        "space": facts.space,
        "lock": facts.lock,
        "repair": facts.repair,
        "job": job,
    })
}

fn actions(manager: Manager) -> Vec<&'static str> {
    let tool = manager.backend();
    let mut all: Vec<&str> = tool.actions().iter().map(|action| action.name()).collect();
    if tool.upgrades_selected() {
        all.push("upgrade-selected");
    }
    if tool.has_changelog() {
        all.push("changelog");
    }
    all
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsBody {
    full_upgrade: bool,
}

/// PATCH /api/nodes/:id/packages
pub fn settings(context: &Context<'_>) -> Result<Response, Error> {
    let body: SettingsBody = body::json(context.request, r#"{"full_upgrade": true}."#)?;
    exists(context)?;
    let store = &context.app.store;
    if !store.set_full_upgrade(context.id, body.full_upgrade)? {
        return Err(super::nodes::no_such_node());
    }
    get(context)
}

/// The manager that was found at the last look.
fn manager(context: &Context<'_>) -> Result<Manager, Error> {
    let record = context.app.store.package_facts(context.id)?;
    let manager = record.and_then(|record| record.facts?.manager);
    manager.ok_or_else(|| {
        Error::new(
            Kind::Conflict,
            "It is not known yet how this node manages its packages.",
            "POST /api/nodes/:id/packages/refresh finds out.",
        )
    })
}

fn act(context: &Context<'_>, action: Action) -> Result<Response, Error> {
    let body: PackagesBody = body::json(context.request, SHAPE)?;
    exists(context)?;
    let mut action = action;
    if action != Action::Refresh {
        let manager = manager(context)?;
        action = body.check(context, manager, action)?;
    } else if !body.packages.is_empty() {
        return Err(Error::invalid(
            "refresh takes no packages.",
            "Leave \"packages\" out.",
        ));
    }
    if body
        .plan
        .as_ref()
        .is_some_and(|plan| plan.len() > 64 || !plan.bytes().all(|b| b.is_ascii_hexdigit()))
    {
        return Err(Error::invalid(
            "The plan is none.",
            "Send it as the preview has it.",
        ));
    }
    let wait_s = wait_s(body.wait_s)?;
    let given = given(context, body.auth, body.sudo_password)?;
    let order = PackageOrder {
        action: action.name().to_owned(),
        packages: body.packages,
        purge: body.purge,
        what: body.what,
        plan: body.plan,
        wait_s,
        security: body.security,
        by_setting: false,
    };
    answer(&*submit(
        context,
        context.id,
        Intent::Packages(order),
        given,
    )?)
}

pub(super) fn wait_s(wanted: Option<u32>) -> Result<Option<u32>, Error> {
    if wanted.is_some_and(|seconds| seconds > LOCK_WAIT_SECONDS_MAX) {
        return Err(Error::invalid(
            "A package manager that is in use is not waited for that long.",
            format!("\"wait_s\" is 0 to {LOCK_WAIT_SECONDS_MAX}."),
        ));
    }
    Ok(wanted)
}

pub fn refresh(context: &Context<'_>) -> Result<Response, Error> {
    act(context, Action::Refresh)
}

pub fn upgrade(context: &Context<'_>) -> Result<Response, Error> {
    act(context, Action::Upgrade)
}

pub fn full_upgrade(context: &Context<'_>) -> Result<Response, Error> {
    act(context, Action::FullUpgrade)
}

pub fn install(context: &Context<'_>) -> Result<Response, Error> {
    act(context, Action::Install)
}

pub fn remove(context: &Context<'_>) -> Result<Response, Error> {
    act(context, Action::Remove)
}

pub fn autoremove(context: &Context<'_>) -> Result<Response, Error> {
    act(context, Action::Autoremove)
}

pub fn hold(context: &Context<'_>) -> Result<Response, Error> {
    act(context, Action::Hold)
}

pub fn unhold(context: &Context<'_>) -> Result<Response, Error> {
    act(context, Action::Unhold)
}

pub fn clean(context: &Context<'_>) -> Result<Response, Error> {
    act(context, Action::Clean)
}

pub fn repair(context: &Context<'_>) -> Result<Response, Error> {
    act(context, Action::Repair)
}

/// Something that a person waits for: a login, a question, an answer.
fn asked<T>(
    context: &Context<'_>,
    given: &Given,
    what: impl FnOnce(&mut NodeLink<'_>) -> Result<T, crate::major_tom::Fault>,
) -> Result<T, Error> {
    let _place = place(context)?;
    let mut link = NodeLink::new(&context.app.work, context.id, given);
    Ok(what(&mut link)?)
}

/// POST /api/nodes/:id/packages/preview
pub fn preview(context: &Context<'_>) -> Result<Response, Error> {
    let body: PackagesBody =
        body::json(context.request, r#"{"action": "upgrade", "packages": []}."#)?;
    exists(context)?;
    let action = body.action.as_deref().and_then(Action::from_name);
    let Some(action) = action.filter(|action| action.changes_packages()) else {
        return Err(Error::invalid(
            "That has no preview.",
            "\"action\" is upgrade, full-upgrade, install, remove or autoremove.",
        ));
    };
    let manager = manager(context)?;
    let action = body.check(context, manager, action)?;
    let given = given(context, body.auth, body.sudo_password)?;
    let preview = asked(context, &given, |link| {
        let facts = node_query::survey(link)?;
        schedule::keep(&context.app.work, context.id, &facts);
        if facts.manager != Some(manager) {
            return Err(crate::major_tom::Fault::new(
                crate::major_tom::Cause::Failed,
                "The node has another package manager than at the last look.",
                "Refresh first.",
            ));
        }
        let (names, purge) = (&body.packages, body.purge);
        let wish = match action {
            Action::Upgrade => {
                PackageRequest::upgrade(manager, action, names, body.security, &facts)
            }
            _ => PackageRequest::new(manager, action, names, purge, None)
                .map(Some)
                .map_err(|error| Refused::new("unsupported", error.message, error.hint)),
        };
        let wish = match wish {
            Ok(Some(wish)) => wish,
            Ok(None) => return Ok(preflight::nothing(&facts)),
            Err(refused) => return Ok(Preview::of_refusal(refused)),
        };
        let mut preview = node_query::preview(link, &wish, &facts)?;
        node_query::restarts(link, &wish, &mut preview, ASK_TIME_MAX)?;
        Ok(preview)
    })?;
    let mut answer = serde_json::to_value(&preview).map_err(|_| Error::internal())?;
    answer["action"] = json!(action.name());
    answer["packages"] = json!(body.packages);
    answer["security"] = json!(body.security);
    answer["counts"] = json!(preview.counts());
    answer["plan"] = json!(preflight::digest(&preview));
    Ok(Response::json(200, &answer))
}

fn question(context: &Context<'_>, question: &Question, time: Duration) -> Result<Sections, Error> {
    // A GET has no body; the same by POST may give what is not kept.
    let (auth, sudo_password) = GivenBody::read(context)?;
    let given = given(context, auth, sudo_password)?;
    asked(context, &given, |link| {
        node_query::question(link, question, time)
    })
}

/// GET or POST /api/nodes/:id/packages/installed
pub fn installed(context: &Context<'_>) -> Result<Response, Error> {
    exists(context)?;
    let parameters = Parameters::parse(&context.request.query)?;
    let part = match parameters.one("q")? {
        Some(text) if !text.is_empty() => Some(request::query(text)?.to_lowercase()),
        _ => None,
    };
    let after = parameters.one("cursor")?.unwrap_or("").to_owned();
    let limit = parameters.integer("limit")?.unwrap_or(INSTALLED_DEFAULT);
    let limit = limit.clamp(1, INSTALLED_MAX) as usize;
    let tool = manager(context)?.backend();
    let said = question(context, &Question::new(tool.installed(), &[]), ASK_TIME_MAX)?;
    let mut all = tool.read_installed(&said);
    all.sort_by(|a, b| (&a.name, &a.arch).cmp(&(&b.name, &b.arch)));
    if let Some(part) = part {
        all.retain(|package| package.name.to_lowercase().contains(&part));
    }
    let total = all.len();
    let key =
        |package: &Installed| format!("{}:{}", package.name, package.arch.as_deref().unwrap_or(""));
    all.retain(|package| after.is_empty() || key(package) > after);
    let (packages, next) = page(all, limit, key);
    Ok(Response::json(
        200,
        &json!({"as_of_ms": context.now_ms, "packages": packages, "next": next, "total": total}),
    ))
}

/// GET or POST /api/nodes/:id/packages/search
pub fn search(context: &Context<'_>) -> Result<Response, Error> {
    exists(context)?;
    let parameters = Parameters::parse(&context.request.query)?;
    let query = request::query(parameters.one("q")?.unwrap_or(""))?;
    let tool = manager(context)?.backend();
    let said = question(context, &tool.search(&query), ASK_TIME_MAX)?;
    let found = tool.read_search(&said);
    let more = found.len() == crate::packages::limits::FOUND_MAX;
    Ok(Response::json(
        200,
        &json!({"packages": found, "more": more}),
    ))
}

/// GET or POST /api/nodes/:id/packages/details
pub fn details(context: &Context<'_>) -> Result<Response, Error> {
    exists(context)?;
    let parameters = Parameters::parse(&context.request.query)?;
    let tool = manager(context)?.backend();
    let spec = tool.grammar().spec(parameters.one("name")?.unwrap_or(""))?;
    let said = question(context, &tool.details(&spec), ASK_TIME_MAX)?;
    let details = tool.read_details(&said, &spec).ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            "The node knows no such package.",
            "Check the name, and refresh the index.",
        )
    })?;
    Ok(Response::json(200, &details))
}
