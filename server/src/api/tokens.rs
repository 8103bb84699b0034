//! /api/tokens: what programs show instead of a login. Each sees their own; who may
//! everything sees all.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::grants::{self, GrantView};
use super::nodes::checked_text;
use super::users::noted;
use super::{Context, body};
use crate::access::{Grant, Need, Principal};
use crate::auth::NewToken;
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::store::ApiTokenRecord;
use crate::store::audit::act;

const NAME_CHARS_MAX: usize = 64;
/// End of the year 9999.
const TIME_MS_MAX: i64 = 253_402_300_799_999;
const SHAPE: &str = r#"{"name": "dashboard", "role": "viewer", "tags": [], "read_only": true, "expires_ms": null}."#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddBody {
    name: String,
    /// Left out: that of whoever asks.
    role: Option<String>,
    tags: Option<Vec<String>>,
    rights: Option<Vec<String>>,
    #[serde(default)]
    read_only: bool,
    /// Unix milliseconds; without it, it is good until it is removed.
    expires_ms: Option<i64>,
}

#[derive(Serialize)]
struct TokenView {
    id: i64,
    name: String,
    user: i64,
    username: String,
    #[serde(flatten)]
    grant: GrantView,
    read_only: bool,
    created_ms: i64,
    expires_ms: Option<i64>,
    used_ms: Option<i64>,
    used_address: Option<String>,
    /// Once: where it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl TokenView {
    fn new(context: &Context<'_>, token: ApiTokenRecord) -> Self {
        let owner = context.app.auth.user(token.user_id);
        Self {
            id: token.id,
            name: token.name,
            user: token.user_id,
            username: owner.map_or_else(String::new, |user| user.name),
            grant: GrantView::from(&token.grant),
            read_only: token.read_only,
            created_ms: token.created_ms,
            expires_ms: token.expires_ms,
            used_ms: token.used_ms,
            used_address: token.used_address,
            token: None,
        }
    }
}

pub fn list(context: &Context<'_>) -> Result<Response, Error> {
    let all = context.app.auth.tokens().into_iter();
    let mut tokens = Vec::new();
    for token in all {
        if is_theirs(context, &token)? {
            tokens.push(TokenView::new(context, token));
        }
    }
    Ok(Response::json(200, &json!({"tokens": tokens})))
}

pub fn add(context: &Context<'_>) -> Result<Response, Error> {
    let body: AddBody = body::json(context.request, SHAPE)?;
    let name = checked_text(&body.name, "The name of the token", NAME_CHARS_MAX)?;
    let grant = grants::read(
        body.role.as_deref(),
        body.tags.as_deref(),
        body.rights.as_deref(),
        &own(&context.principal),
    )?;
    let in_future = |at: i64| at > context.now_ms && at <= TIME_MS_MAX;
    if body.expires_ms.is_some_and(|at| !in_future(at)) {
        return Err(Error::invalid(
            "expires_ms is not in the future.",
            "Give it in Unix milliseconds, up to the year 9999, or leave it out.",
        ));
    }
    act::detail("token", name.as_str());
    act::detail("read_only", body.read_only);
    noted(&grant);
    let new = NewToken {
        name,
        grant,
        read_only: body.read_only,
        expires_ms: body.expires_ms,
    };
    let auth = &context.app.auth;
    let (made, text) = auth.add_token(context.session()?, new, context.now_ms)?;
    let mut view = TokenView::new(context, made);
    view.token = Some(text.expose().to_owned());
    Ok(Response::json(201, &view).header("Location", format!("/api/tokens/{}", view.id)))
}

pub fn remove(context: &Context<'_>) -> Result<Response, Error> {
    let mut tokens = context.app.auth.tokens().into_iter();
    let found = tokens.find(|token| token.id == context.id);
    let token = found.ok_or_else(no_such_token)?;
    if !is_theirs(context, &token)? {
        return Err(no_such_token());
    }
    act::detail("token", token.name);
    context.app.auth.delete_token(token.id)?;
    Ok(Response::no_content())
}

fn is_theirs(context: &Context<'_>, token: &ApiTokenRecord) -> Result<bool, Error> {
    let own = context.session()?.user_id == token.user_id;
    Ok(own || context.principal.may_everywhere(Need::Administer))
}

/// What one gets who names nothing: the bounds of the owner hold anyhow, and rights have
/// to be asked for by name.
fn own(principal: &Principal) -> Grant {
    Grant {
        role: principal.role(),
        ..Grant::default()
    }
}

fn no_such_token() -> Error {
    Error::new(
        Kind::NotFound,
        "There is no token with this number.",
        "GET /api/tokens lists those that you may see.",
    )
}
