//! GET /healthz

use serde_json::json;

use super::Context;
use crate::error::Error;
use crate::http::Response;

pub fn get(_: &Context<'_>) -> Result<Response, Error> {
    Ok(Response::json(
        200,
        &json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}),
    ))
}
