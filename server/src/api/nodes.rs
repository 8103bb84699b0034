//! /api/nodes: the fleet and each node of it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::json;
use stardust_shared::ServerUrl;

use super::deploy::free;
use super::query::Parameters;
use super::{Context, body, spiders};
use crate::access::Need;
use crate::auth::node_token;
use crate::deploy::{NextToken, by_hand};
use crate::error::{Error, Kind};
use crate::events::NewEvent;
use crate::hidden;
use crate::http::Response;
use crate::hub::NodeView;
use crate::secret::{Secret, hex};
use crate::store::audit::act;

const NAME_CHARS_MAX: usize = 64;
const TAGS_MAX: usize = 16;
const TAG_CHARS_MAX: usize = 32;
/// Nodes in one answer.
const PAGE_MAX: i64 = 1000;
/// Nodes that can be added; the gate has room for as many connections.
const NODES_MAX: usize = 20_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddBody {
    name: String,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    name: Option<String>,
    tags: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Added<'a> {
    #[serde(flatten)]
    node: NodeView,
    token: &'a str,
    command: String,
    /// Pasted into a root shell, it installs the Spider with this token.
    install: String,
}

pub fn list(context: &Context<'_>) -> Result<Response, Error> {
    let parameters = Parameters::parse(&context.request.query)?;
    let after = parameters.integer("cursor")?.unwrap_or(0);
    let limit = parameters.integer("limit")?.unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&limit) || after < 0 {
        return Err(Error::invalid(
            format!("limit must be 1 to {PAGE_MAX}, and cursor the `next` of an answer."),
            "Leave both out to begin at the start.",
        ));
    }
    let limit = limit as usize;
    // One more than asked for tells whether there is a next page.
    let mut nodes = context
        .app
        .fleet
        .views(&context.principal, after, limit + 1);
    let more = nodes.len() > limit;
    nodes.truncate(limit);
    let next = nodes
        .last()
        .filter(|_| more)
        .map(|node| node.id.to_string());
    Ok(Response::json(200, &json!({"nodes": nodes, "next": next})))
}

pub fn add(context: &Context<'_>) -> Result<Response, Error> {
    let body: AddBody = body::json(context.request, SHAPE)?;
    let (id, token) = make(context, &body.name, &body.tags)?;
    Ok(with_token(context, id, &token)?.header("Location", format!("/api/nodes/{id}")))
}

/// Another token, for who puts it on the machine by hand. The one that is there is
/// good until the Spider was seen with the new one.
pub fn new_token(context: &Context<'_>) -> Result<Response, Error> {
    let _: serde_json::Map<String, serde_json::Value> = body::json(context.request, "{}.")?;
    let app = context.app;
    let known = app.fleet.name(context.id).ok_or_else(no_such_node)?;
    free(context)?;
    if app.store.spider(context.id)?.is_some() {
        return Err(Error::new(
            Kind::Conflict,
            "This Spider was installed over SSH: Ground Control knows what is on the machine.",
            "POST /api/nodes/:id/rotate-token puts a new token there.",
        ));
    }
    let next = NextToken::make(&app.work, context.id)
        .map_err(|fault| Error::new(Kind::Internal, fault.detail, fault.hint))?;
    app.store.add_events(&[NewEvent {
        time_ms: context.now_ms,
        node: Some(context.id),
        node_name: Some(known),
        kind: "token",
        detail: json!({"by": context.session()?.user}),
    }])?;
    with_token(context, context.id, &next.token)
}

/// The node with a token that is shown this once, and what to do with it.
fn with_token(context: &Context<'_>, id: i64, token: &Secret) -> Result<Response, Error> {
    let node = seen(context, id)?;
    let server = server_url(context);
    let command = format!(
        "STARDUST_TOKEN='{}' stardust-spider --server '{server}'",
        token.expose()
    );
    let script = spiders::script_sha256(&context.app.work.spiders);
    let added = Added {
        node,
        token: token.expose(),
        command,
        install: by_hand::commands(token, &server, &script)
            .expose()
            .to_owned(),
    };
    Ok(Response::json(201, &added))
}

/// A new node, and its token.
pub(super) fn make(
    context: &Context<'_>,
    name: &str,
    tags: &[String],
) -> Result<(i64, Secret), Error> {
    let name = checked_name(name)?;
    let tags = checked_tags(tags)?;
    may_have(context, &tags)?;
    act::detail("node", name.as_str());
    act::detail("tags", tags.clone());
    if context.app.fleet.counts().0 >= NODES_MAX {
        return Err(Error::invalid(
            format!("There are {NODES_MAX} nodes already."),
            "Remove nodes that are no longer needed first.",
        ));
    }
    let (token, hash) = node_token::generate()?;
    let record = context
        .app
        .store
        .insert_node(&name, &tags, hash, context.now_ms)?;
    let id = record.id;
    context.app.fleet.insert(record);
    Ok((id, token))
}

/// The node as whoever asks may see it.
pub(super) fn seen(context: &Context<'_>, id: i64) -> Result<NodeView, Error> {
    let view = context.app.fleet.view(&context.principal, id);
    view.ok_or_else(no_such_node)
}

pub fn get(context: &Context<'_>) -> Result<Response, Error> {
    let view = seen(context, context.id)?;
    let tag = etag(&view.name, &view.tags);
    Ok(Response::json(200, &view).header("ETag", tag))
}

pub fn change(context: &Context<'_>) -> Result<Response, Error> {
    let body: ChangeBody = body::json(context.request, SHAPE)?;
    let name = body.name.as_deref().map(checked_name).transpose()?;
    let tags = body.tags.as_deref().map(checked_tags).transpose()?;
    if let Some(tags) = &tags {
        may_have(context, tags)?;
        act::detail("tags", tags.clone());
    }
    if let Some(name) = &name {
        act::detail("name", name.as_str());
    }
    let fleet = &context.app.fleet;
    let meant = context.request.header("If-Match").map(str::trim);
    let found = context.app.store.update_node(
        context.id,
        name.as_deref(),
        tags.as_deref(),
        |name, tags| meant.is_none_or(|tag| tag == "*" || tag == etag(name, tags)),
        |name, tags| fleet.update(context.id, name, tags),
    )?;
    if found {
        get(context)
    } else {
        Err(no_such_node())
    }
}

pub fn remove(context: &Context<'_>) -> Result<Response, Error> {
    if !context.app.store.delete_node(context.id)? {
        return Err(no_such_node());
    }
    context.app.fleet.remove(context.id);
    // Its connection ends there, and its history goes in the background.
    context.app.gate.node_removed(context.id);
    Ok(Response::no_content())
}

pub fn stats(context: &Context<'_>) -> Result<Response, Error> {
    let stats = context
        .app
        .fleet
        .stats(context.id)
        .ok_or_else(no_such_node)?;
    Ok(Response::json(200, &stats))
}

pub fn series(context: &Context<'_>) -> Result<Response, Error> {
    let series = context
        .app
        .fleet
        .series(context.id)
        .ok_or_else(no_such_node)?;
    Ok(Response::json(200, &json!({"series": series})))
}

/// Of what of a node can be edited.
fn etag(name: &str, tags: &[String]) -> String {
    let hash = node_token::sha256(&json!([name, tags]).to_string());
    format!("\"{}\"", hex(&hash[..8]))
}

/// A node whose tags nobody who is bound to theirs could see would be lost to whoever asks.
fn may_have(context: &Context<'_>, tags: &[String]) -> Result<(), Error> {
    let by = &context.principal;
    let deploys = by.may_on(Need::Deploy, tags) || by.may_on(Need::Administer, tags);
    if deploys {
        return Ok(());
    }
    Err(Error::new(
        Kind::Forbidden,
        "You could not work on a node with these tags.",
        "Give it one of the tags that you are limited to; GET /api/auth/session says them.",
    ))
}

const SHAPE: &str = r#"{"name": "pi4", "tags": ["home"]}"#;

pub fn no_such_node() -> Error {
    Error::new(
        Kind::NotFound,
        "There is no node with this number.",
        "It may have been removed; GET /api/nodes lists all.",
    )
}

fn checked_name(name: &str) -> Result<String, Error> {
    checked_text(name, "The name", NAME_CHARS_MAX)
}

pub(super) fn checked_tags(tags: &[String]) -> Result<Vec<String>, Error> {
    let mut checked: Vec<String> = Vec::new();
    for tag in tags {
        let tag = checked_text(tag, "One of the tags", TAG_CHARS_MAX)?;
        if !checked.contains(&tag) {
            checked.push(tag);
        }
        if checked.len() > TAGS_MAX {
            return Err(Error::invalid(
                "There are too many tags.",
                format!("A node can have {TAGS_MAX}."),
            ));
        }
    }
    Ok(checked)
}

pub(super) fn checked_text(text: &str, what: &str, chars_max: usize) -> Result<String, Error> {
    let text = text.trim();
    let hint = format!("Use 1 to {chars_max} characters, all of which can be seen.");
    if let Some(hidden) = hidden::find(text) {
        let message = format!("{what} can't be used: it has {}.", hidden.words());
        return Err(Error::invalid(message, hint));
    }
    if !(1..=chars_max).contains(&text.chars().count()) {
        return Err(Error::invalid(format!("{what} can't be used."), hint));
    }
    Ok(text.to_owned())
}

/// Where a Spider should connect to: what the operator says, else where this very
/// request came in, else where we listen.
pub(super) fn server_url(context: &Context<'_>) -> ServerUrl {
    let app = context.app;
    if let Some(url) = &app.config.server_url {
        return url.clone();
    }
    let bound = app.address;
    let by_host = context
        .request
        .header("Host")
        .and_then(|host| ServerUrl::from_authority(context.request.https, host));
    match by_host {
        // A tunnel's end on the operator's machine is of no use to a node, when
        // we can be reached otherwise.
        Some(url) if bound.ip().is_loopback() || !is_local(&url.host) => url,
        by_host => {
            let usable = !bound.ip().is_unspecified();
            let own = ServerUrl::from_authority(context.request.https, &bound.to_string());
            match (own, by_host) {
                (Some(own), _) if usable => own,
                (_, Some(by_host)) => by_host,
                (own, None) => own.unwrap_or_else(ServerUrl::loopback),
            }
        }
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
