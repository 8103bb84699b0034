//! GET /healthz

use serde_json::json;

use super::Context;
use crate::error::Error;
use crate::http::Response;
use crate::tls::expiry::State;

/// Whether it runs, and whether samples can be stored. 200 also when they can't: a
/// restart would not mend that. Why, only who is signed in hears.
pub fn get(context: &Context<'_>) -> Result<Response, Error> {
    let status = match context.app.history.is_failing() {
        true => "failing",
        false => "ok",
    };
    let mut view = json!({"status": status, "version": env!("CARGO_PKG_VERSION")});
    let end = context.app.tls.as_ref().and_then(|tls| tls.not_after_ms());
    if let Some(not_after_ms) = end {
        let state = State::at(not_after_ms, context.now_ms);
        view["certificate"] = json!({"state": state.name(), "not_after_ms": not_after_ms});
    }
    Ok(Response::json(200, &view))
}
