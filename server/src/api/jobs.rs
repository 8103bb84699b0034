//! /api/jobs: what is being done on nodes, and what was.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::deploy::{GIVEN_SHAPE, answer, exists, given, submit, submit_for_many};
use super::query::{Parameters, page};
use super::ssh::AuthBody;
use super::{Context, body};
use crate::access::Need;
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::jobs::limits::PAGE_MAX;
use crate::jobs::without_colours;
use crate::secret::Secret;
use crate::store::JobFilter;
use stardust_model::intent::Intent;

const KIND_CHARS_MAX: usize = 64;

pub fn list(context: &Context<'_>) -> Result<Response, Error> {
    let parameters = Parameters::parse(&context.request.query)?;
    let limit = parameters.limit(50, PAGE_MAX)?;
    let finished = match parameters.one("state")? {
        None => None,
        Some("active") => Some(false),
        Some("finished") => Some(true),
        Some(_) => {
            return Err(Error::invalid(
                "state must be active or finished.",
                "Leave it out for both.",
            ));
        }
    };
    let kind = parameters.one("kind")?.map(str::to_owned);
    if kind
        .as_ref()
        .is_some_and(|kind| kind.len() > KIND_CHARS_MAX)
    {
        return Err(Error::invalid(
            "There is no such kind.",
            "Leave it out for all.",
        ));
    }
    let filter = JobFilter {
        node: parameters.integer("node")?,
        group: parameters.integer("group")?,
        kind,
        finished,
        below: parameters.integer("cursor")?,
        seen: context.seen_nodes(&context.principal),
    };
    let found = context.app.store.jobs(&filter, limit + 1)?;
    let (mut jobs, next) = page(found, limit, |job| job.id.to_string());
    // What runs is further along in memory.
    for job in &mut jobs {
        if let Some(live) = context.app.jobs.active(job.id) {
            *job = live.view();
        }
    }
    Ok(Response::json(200, &json!({"jobs": jobs, "next": next})))
}

pub fn get(context: &Context<'_>) -> Result<Response, Error> {
    let view = context.known_job(context.id)?;
    Ok(Response::json(200, &view))
}

pub fn output(context: &Context<'_>) -> Result<Response, Error> {
    let parameters = Parameters::parse(&context.request.query)?;
    let from = parameters.integer("from")?.unwrap_or(0);
    let from = usize::try_from(from).map_err(|_| {
        Error::invalid(
            "from must not be negative.",
            "It counts bytes from the start.",
        )
    })?;
    let view = context.known_job(context.id)?;
    let text = context.app.jobs.text(context.id)?;
    let piece = text.read(from);
    let end = view.state.is_finished() && piece.next >= text.end();
    let body = json!({
        "job": context.id,
        "from": piece.from,
        "text": piece.text,
        "next": piece.next,
        "left_out_bytes": text.left_out(),
        "end": end,
    });
    Ok(Response::json(200, &body))
}

/// All that is kept, to save as a file.
pub fn download(context: &Context<'_>) -> Result<Response, Error> {
    context.known_job(context.id)?;
    let parameters = Parameters::parse(&context.request.query)?;
    let whole = context.app.jobs.text(context.id)?.whole();
    let (text, end) = match parameters.one("colours")? {
        None | Some("no") => (without_colours(&whole), "txt"),
        Some("yes") => (whole, "ansi"),
        Some(_) => {
            return Err(Error::invalid(
                "colours must be yes or no.",
                "With yes the file has the escape codes of a terminal; leave it out for plain text.",
            ));
        }
    };
    let name = format!("attachment; filename=\"stardust-job-{}.{end}\"", context.id);
    Ok(Response::text(200, text).header("Content-Disposition", name))
}

pub fn cancel(context: &Context<'_>) -> Result<Response, Error> {
    let view = context.known_job(context.id)?;
    if view.state.is_finished() {
        return Err(Error::new(
            Kind::Conflict,
            "The job has ended already.",
            "There is nothing to cancel.",
        ));
    }
    if !context.app.jobs.cancel(context.id) {
        let why = view.no_cancel.as_deref();
        return Err(Error::new(
            Kind::Conflict,
            why.unwrap_or(
                "The job can't be stopped at this point without leaving the node half-way.",
            ),
            "Wait until it is through.",
        ));
    }
    let view = context.known_job(context.id)?;
    Ok(Response::json(202, &view))
}

/// All of it may be missing.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RetryBody {
    auth: Option<AuthBody>,
    sudo_password: Option<Secret>,
}

/// The same again, as a new job.
pub fn retry(context: &Context<'_>) -> Result<Response, Error> {
    let body: RetryBody = body::json(context.request, GIVEN_SHAPE)?;
    let (view, intent) = context.app.store.job(context.id)?.ok_or_else(no_such_job)?;
    if !view.state.is_finished() {
        return Err(Error::new(
            Kind::Conflict,
            "The job has not ended yet.",
            "Wait for its end, or cancel it.",
        ));
    }
    let intent = intent.again();
    let need = need_of(&intent);
    for node in view.node.iter().chain(intent.nodes()) {
        context.may(need, *node)?;
    }
    let Some(node) = view.node else {
        return answer(&*submit_for_many(context, intent)?);
    };
    let node_context = Context {
        app: context.app,
        request: context.request,
        session: context.session.clone(),
        principal: Arc::clone(&context.principal),
        id: node,
        name: "",
        now_ms: context.now_ms,
    };
    exists(&node_context)?;
    let given = given(&node_context, body.auth, body.sudo_password)?;
    answer(&*submit(context, node, intent, given)?)
}

/// What it takes to have this done.
fn need_of(intent: &Intent) -> Need {
    match intent {
        Intent::Deploy { .. }
        | Intent::Upgrade
        | Intent::RotateToken
        | Intent::UpgradeFleet { .. } => Need::Deploy,
        Intent::Remove { .. } => Need::Administer,
        Intent::Reboot | Intent::Packages(_) | Intent::PackagesFleet { .. } => Need::Operate,
    }
}

pub(super) fn no_such_job() -> Error {
    Error::new(
        Kind::NotFound,
        "There is no job with this number.",
        "Old ones are forgotten; GET /api/jobs lists those that are kept.",
    )
}
