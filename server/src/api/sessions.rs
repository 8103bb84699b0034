//! /api/sessions: who is signed in, from where. Each sees their own; who may everything
//! sees all.

use serde::Serialize;
use serde_json::json;

use super::Context;
use crate::access::Need;
use crate::auth::{SeenSession, session_name};
use crate::error::{Error, Kind};
use crate::http::Response;
use crate::store::audit::act;

#[derive(Serialize)]
struct SessionRow {
    id: String,
    user: i64,
    username: String,
    created_ms: i64,
    expires_ms: i64,
    used_ms: i64,
    address: String,
    agent: String,
    /// The one that asks.
    current: bool,
}

pub fn list(context: &Context<'_>) -> Result<Response, Error> {
    let own = session_name(context.session()?.id);
    let row = |session: SeenSession| SessionRow {
        current: session.name == own,
        id: session.name,
        user: session.user_id,
        username: session.user,
        created_ms: session.created_ms,
        expires_ms: session.expires_ms,
        used_ms: session.used_ms,
        address: session.address,
        agent: session.agent,
    };
    let sessions: Vec<_> = theirs(context)?.into_iter().map(row).collect();
    Ok(Response::json(200, &json!({"sessions": sessions})))
}

pub fn end(context: &Context<'_>) -> Result<Response, Error> {
    let mut known = theirs(context)?.into_iter();
    let found = known.find(|session| session.name == context.name);
    let found = found.ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            "There is no session of that name.",
            "It may have ended; GET /api/sessions lists those that you may see.",
        )
    })?;
    act::detail("session", found.name.as_str());
    act::detail("username", found.user);
    context.app.auth.end_session(&found.name)?;
    Ok(Response::no_content())
}

fn theirs(context: &Context<'_>) -> Result<Vec<SeenSession>, Error> {
    let user = context.session()?.user_id;
    let all = context.principal.may_everywhere(Need::Administer);
    let mut sessions = context.app.auth.sessions();
    sessions.retain(|session| all || session.user_id == user);
    Ok(sessions)
}
