//! Each change that is asked for is a line of the audit: written with the change itself
//! where that reaches the database, else when it is over.

use crate::access::Rule;
use crate::access::table::ASKED;
use crate::auth::{Session, failures, session_name};
use crate::error::{Error, Kind};
use crate::http::{Request, Response};
use crate::log;
use crate::store::audit::act::{self, Act, Actor, DONE, Who};

use super::App;

/// Answers a request under its rule.
pub fn run(
    app: &App,
    request: &Request,
    rule: &Rule,
    now_ms: i64,
    answer: impl FnOnce() -> Result<Response, Error>,
) -> Result<Response, Error> {
    if rule.action.is_empty() {
        return answer();
    }
    let acting = act::begin(Act {
        time_ms: now_ms,
        who: Who {
            kind: Actor::Anyone,
            address: request.client.to_string(),
            ..Who::default()
        },
        action: rule.action.to_owned(),
        ..Act::default()
    });
    let answered = answer();
    let Some((mut act, is_written)) = acting.finish() else {
        return answered;
    };
    let outcome = match &answered {
        Ok(response) if response.status < 400 => DONE,
        Ok(_) => "refused",
        Err(error) => {
            act.detail
                .insert("why".into(), error.message.clone().into());
            outcome(error.kind)
        }
    };
    // Knocks without a login are counted by the throttle, and told by its own events: whoever
    // likes could fill the disk with them.
    let is_noise = rule.action == ASKED || (act.who.kind == Actor::Anyone && outcome != DONE);
    if !is_noise
        && (!is_written || outcome != DONE)
        && let Err(error) = app.store.add_audit(&act, outcome)
    {
        log::warn(&format!(
            "a line of the audit could not be written: {error}"
        ));
    }
    answered
}

fn outcome(kind: Kind) -> &'static str {
    match kind {
        Kind::Forbidden | Kind::Csrf | Kind::PasswordChangeRequired => "forbidden",
        Kind::Internal | Kind::Database | Kind::System => "failed",
        _ => "refused",
    }
}

/// Whoever asks is logged in: 401 would say that they are not.
pub fn not_a_login(error: Error) -> Result<Response, Error> {
    if error.kind != Kind::BadCredentials {
        return Err(error);
    }
    act::detail("why", error.message.as_str());
    let mut response = Response::from(error);
    response.status = 403;
    Ok(response)
}

/// Says as whom somebody knocks, who is not let in yet.
pub fn tries(name: &str) {
    act::by(|who| who.name = failures::shown_name(name));
}

/// Says who it is.
pub fn by(session: Option<&Session>) {
    let Some(session) = session else { return };
    act::by(|who| {
        who.name = session.user.clone();
        who.user_id = Some(session.user_id);
        match &session.token {
            None => {
                who.kind = Actor::User;
                who.via = format!("session {}", session_name(session.id));
            }
            Some(token) => {
                who.kind = Actor::Token;
                who.via = format!("token {} {}", token.id, token.name);
            }
        }
    });
}
