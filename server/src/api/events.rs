//! GET /api/events: what happened.

use serde_json::{Value, json};

use super::Context;
use super::query::{Parameters, page};
use crate::access::Need;
use crate::error::Error;
use crate::events::limits::PAGE_MAX;
use crate::events::{KINDS, view};
use crate::http::Response;
use crate::store::EventFilter;

pub fn list(context: &Context<'_>) -> Result<Response, Error> {
    let parameters = Parameters::parse(&context.request.query)?;
    let limit = parameters.limit(50, PAGE_MAX)?;
    let above = parameters.integer("after")?.unwrap_or(0);
    let (node, below) = (parameters.integer("node")?, parameters.integer("cursor")?);
    let mut kinds = parameters.all("kind");
    kinds.sort_unstable();
    kinds.dedup();
    if let Some(unknown) = kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        let unknown: String = unknown.chars().take(40).collect();
        return Err(Error::invalid(
            format!("There is no kind {unknown:?}."),
            format!("Kinds are {}; leave it out for all.", KINDS.join(", ")),
        ));
    }
    let filter = EventFilter {
        node,
        kinds,
        below,
        above,
        seen: context.seen_nodes(),
        hides_sign_ins: !context.principal.may_everywhere(Need::Administer),
    };
    let found = context.app.store.events(&filter, limit + 1)?;
    let (events, next) = page(found, limit, |event| event.id.to_string());
    let events: Vec<Value> = events.iter().map(view).collect();
    Ok(Response::json(
        200,
        &json!({"events": events, "next": next}),
    ))
}
