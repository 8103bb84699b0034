//! /api/settings: what admins have set for all.

use serde::Deserialize;
use serde_json::json;

use super::{Context, body};
use crate::access::Role;
use crate::error::Error;
use crate::http::Response;
use crate::store::audit::act;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    /// Left out it stays; null asks nobody for a second factor.
    #[serde(default, deserialize_with = "present")]
    second_factor_for: Option<Option<Role>>,
}

pub fn get(context: &Context<'_>) -> Result<Response, Error> {
    let body = json!({"second_factor_for": context.app.auth.factor_for()});
    Ok(Response::json(200, &body))
}

pub fn change(context: &Context<'_>) -> Result<Response, Error> {
    let body: ChangeBody = body::json(context.request, r#"{"second_factor_for": "admin"}."#)?;
    if let Some(role) = body.second_factor_for {
        act::detail("second_factor_for", role.map(Role::name));
        context.app.auth.set_factor_for(role)?;
    }
    get(context)
}

/// Tells what is null from what is left out.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<Role>>, D::Error> {
    Option::deserialize(from).map(Some)
}
