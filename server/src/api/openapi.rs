//! GET /api/openapi.json: what this API is, for programs.

use super::Context;
use crate::error::Error;
use crate::http::Response;

pub const DOCUMENT: &str = include_str!("openapi.json");

pub fn get(_: &Context<'_>) -> Result<Response, Error> {
    Ok(Response::new(200)
        .header("Content-Type", "application/json")
        .header("Cache-Control", "no-store")
        .with_body(DOCUMENT.as_bytes()))
}
