//! /api/users: who may sign in, and what they may.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::etag::if_match;
use super::grants::{self, GrantView};
use super::nodes::checked_text;
use super::query::{Parameters, page};
use super::{Context, body};
use crate::access::Grant;
use crate::auth::{NewAccount, USER_CHARS_MAX, UserEdit};
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::secret::Secret;
use crate::store::UserRecord;
use crate::store::audit::act;

const SHAPE: &str =
    r#"{"username": "major", "password": "…", "role": "operator", "tags": ["web"], "rights": []}."#;
const PAGE_MAX: i64 = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddBody {
    username: String,
    password: Secret,
    #[serde(default)]
    must_change_password: bool,
    role: String,
    /// Of the nodes; none or an empty list stands for all nodes.
    tags: Option<Vec<String>>,
    rights: Option<Vec<String>>,
    #[serde(default)]
    groups: Vec<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    username: Option<String>,
    /// Ends the user's sessions.
    password: Option<Secret>,
    /// `true` ends the user's sessions too.
    must_change_password: Option<bool>,
    role: Option<String>,
    tags: Option<Vec<String>>,
    rights: Option<Vec<String>>,
    groups: Option<Vec<i64>>,
    disabled: Option<bool>,
}

#[derive(Serialize)]
struct UserView {
    id: i64,
    username: String,
    #[serde(flatten)]
    grant: GrantView,
    groups: Vec<i64>,
    disabled: bool,
    must_change_password: bool,
    created_ms: i64,
    /// Of the last login.
    login_ms: Option<i64>,
    version: i64,
}

impl From<UserRecord> for UserView {
    fn from(user: UserRecord) -> Self {
        Self {
            id: user.id,
            grant: GrantView::from(&user.grant),
            username: user.name,
            groups: user.groups,
            disabled: user.disabled,
            must_change_password: user.must_change,
            created_ms: user.created_ms,
            login_ms: user.login_ms,
            version: user.version,
        }
    }
}

pub fn list(context: &Context<'_>) -> Result<Response, Error> {
    let parameters = Parameters::parse(&context.request.query)?;
    let limit = parameters.limit(PAGE_MAX, PAGE_MAX)?;
    let after = parameters.integer("cursor")?.unwrap_or(0);
    let mut users = context.app.store.users()?;
    users.retain(|user| user.id > after);
    let (users, next) = page(users, limit, |user| user.id.to_string());
    let users: Vec<_> = users.into_iter().map(UserView::from).collect();
    Ok(Response::json(200, &json!({"users": users, "next": next})))
}

pub fn get(context: &Context<'_>) -> Result<Response, Error> {
    let users = context.app.store.users()?;
    let found = users.into_iter().find(|user| user.id == context.id);
    Ok(shown(200, found.ok_or_else(no_such_user)?))
}

pub fn add(context: &Context<'_>) -> Result<Response, Error> {
    let body: AddBody = body::json(context.request, SHAPE)?;
    let name = checked_name(&body.username)?;
    let grant = grants::read(
        Some(&body.role),
        body.tags.as_deref(),
        body.rights.as_deref(),
        &Grant::default(),
    )?;
    act::detail("username", name.as_str());
    noted(&grant);
    let made = context.app.auth.add_user(
        &NewAccount {
            name: &name,
            password: &body.password,
            must_change: body.must_change_password,
            grant,
            groups: body.groups,
        },
        context.now_ms,
    )?;
    let location = format!("/api/users/{}", made.id);
    Ok(shown(201, made).header("Location", location))
}

pub fn change(context: &Context<'_>) -> Result<Response, Error> {
    let body: ChangeBody = body::json(context.request, SHAPE)?;
    let before = context.app.auth.user(context.id).ok_or_else(no_such_user)?;
    act::detail("user", context.id);
    act::detail("username", before.name.as_str());
    let changes_grant = body.role.is_some() || body.tags.is_some() || body.rights.is_some();
    let grant = grants::read(
        body.role.as_deref(),
        body.tags.as_deref(),
        body.rights.as_deref(),
        &before.grant,
    )?;
    if changes_grant {
        noted(&grant);
    }
    let edit = UserEdit {
        name: body.username.as_deref().map(checked_name).transpose()?,
        password: body.password,
        must_change: body.must_change_password,
        grant: changes_grant.then_some(grant),
        disabled: body.disabled,
        groups: body.groups,
    };
    note_edit(&edit);
    let version = if_match(context.request)?;
    let changed = context
        .app
        .auth
        .change_user(context.id, edit, version, context.now_ms)
        .map_err(missing)?;
    Ok(shown(200, changed))
}

pub fn remove(context: &Context<'_>) -> Result<Response, Error> {
    let version = if_match(context.request)?;
    act::detail("user", context.id);
    if let Some(user) = context.app.auth.user(context.id) {
        act::detail("username", user.name);
    }
    context
        .app
        .auth
        .delete_user(context.id, version)
        .map_err(missing)?;
    Ok(Response::no_content())
}

fn shown(status: u16, user: UserRecord) -> Response {
    let version = user.version;
    Response::json(status, &UserView::from(user)).with_etag(version)
}

fn note_edit(edit: &UserEdit) {
    if let Some(name) = &edit.name {
        act::detail("new_username", name.as_str());
    }
    if edit.password.is_some() {
        act::detail("password", "set");
    }
    if let Some(disabled) = edit.disabled {
        act::detail("disabled", disabled);
    }
    if let Some(must_change) = edit.must_change {
        act::detail("must_change_password", must_change);
    }
    if let Some(groups) = &edit.groups {
        act::detail("groups", groups.clone());
    }
}

pub fn noted(grant: &Grant) {
    act::detail("grant", json!(GrantView::from(grant)));
}

fn checked_name(name: &str) -> Result<String, Error> {
    checked_text(name, "The user name", USER_CHARS_MAX)
}

fn missing(error: Error) -> Error {
    match error.kind {
        Kind::NotFound => no_such_user(),
        _ => error,
    }
}

pub(super) fn no_such_user() -> Error {
    Error::new(
        Kind::NotFound,
        "There is no user with this number.",
        "GET /api/users lists all.",
    )
}
