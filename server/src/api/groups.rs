//! /api/groups: what their members may besides what they may themselves.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::etag::if_match;
use super::grants::{self, GrantView};
use super::nodes::checked_text;
use super::users::noted;
use super::{Context, body};
use crate::access::Grant;
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::store::GroupRecord;
use crate::store::audit::act;

const NAME_CHARS_MAX: usize = 64;
const SHAPE: &str = r#"{"name": "web team", "role": "operator", "tags": ["web"], "rights": []}."#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddBody {
    name: String,
    role: String,
    tags: Option<Vec<String>>,
    rights: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    name: Option<String>,
    role: Option<String>,
    tags: Option<Vec<String>>,
    rights: Option<Vec<String>>,
}

#[derive(Serialize)]
struct GroupView {
    id: i64,
    name: String,
    #[serde(flatten)]
    grant: GrantView,
    /// Numbers of users.
    members: Vec<i64>,
    created_ms: i64,
    version: i64,
}

impl GroupView {
    fn new(context: &Context<'_>, group: GroupRecord) -> Self {
        let users = context.app.auth.users();
        let members = users
            .iter()
            .filter(|user| user.groups.contains(&group.id))
            .map(|user| user.id);
        Self {
            members: members.collect(),
            id: group.id,
            grant: GrantView::from(&group.grant),
            name: group.name,
            created_ms: group.created_ms,
            version: group.version,
        }
    }
}

pub fn list(context: &Context<'_>) -> Result<Response, Error> {
    let groups = context.app.auth.groups().into_iter();
    let groups: Vec<_> = groups.map(|group| GroupView::new(context, group)).collect();
    Ok(Response::json(200, &json!({"groups": groups})))
}

pub fn get(context: &Context<'_>) -> Result<Response, Error> {
    let group = known(context)?;
    Ok(shown(context, 200, group))
}

pub fn add(context: &Context<'_>) -> Result<Response, Error> {
    let body: AddBody = body::json(context.request, SHAPE)?;
    let name = checked_name(&body.name)?;
    let grant = grants::read(
        Some(&body.role),
        body.tags.as_deref(),
        body.rights.as_deref(),
        &Grant::default(),
    )?;
    act::detail("group", name.as_str());
    noted(&grant);
    let made = context.app.auth.add_group(&name, &grant, context.now_ms)?;
    let location = format!("/api/groups/{}", made.id);
    Ok(shown(context, 201, made).header("Location", location))
}

pub fn change(context: &Context<'_>) -> Result<Response, Error> {
    let body: ChangeBody = body::json(context.request, SHAPE)?;
    let before = known(context)?;
    let name = body.name.as_deref().map(checked_name).transpose()?;
    let grant = grants::read(
        body.role.as_deref(),
        body.tags.as_deref(),
        body.rights.as_deref(),
        &before.grant,
    )?;
    act::detail("group", before.name.as_str());
    noted(&grant);
    let version = if_match(context.request)?;
    let changed = context
        .app
        .auth
        .change_group(context.id, name.as_deref(), Some(&grant), version)
        .map_err(missing)?;
    Ok(shown(context, 200, changed))
}

pub fn remove(context: &Context<'_>) -> Result<Response, Error> {
    act::detail("group", known(context)?.name);
    let version = if_match(context.request)?;
    context
        .app
        .auth
        .delete_group(context.id, version)
        .map_err(missing)?;
    Ok(Response::no_content())
}

fn shown(context: &Context<'_>, status: u16, group: GroupRecord) -> Response {
    let version = group.version;
    Response::json(status, &GroupView::new(context, group)).with_etag(version)
}

fn known(context: &Context<'_>) -> Result<GroupRecord, Error> {
    let mut groups = context.app.auth.groups().into_iter();
    groups
        .find(|group| group.id == context.id)
        .ok_or_else(no_such_group)
}

fn checked_name(name: &str) -> Result<String, Error> {
    checked_text(name, "The name of the group", NAME_CHARS_MAX)
}

fn missing(error: Error) -> Error {
    match error.kind {
        Kind::NotFound => no_such_group(),
        _ => error,
    }
}

fn no_such_group() -> Error {
    Error::new(
        Kind::NotFound,
        "There is no group with this number.",
        "GET /api/groups lists all.",
    )
}
