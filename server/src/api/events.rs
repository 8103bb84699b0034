//! GET /api/events: what happened, as pages for people, or one after the other for
//! programs, which wait for what comes next.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Context;
use super::query::{Parameters, page};
use crate::access::{Need, Principal};
use crate::error::Error;
use crate::events::limits::PAGE_MAX;
use crate::events::{KINDS, view};
use crate::http::Response;
use crate::store::EventFilter;

pub fn list(context: &Context<'_>) -> Result<Response, Error> {
    let parameters = Parameters::parse(&context.request.query)?;
    let limit = parameters.limit(50, PAGE_MAX)?;
    let after = parameters.integer("after")?;
    let wait_s = parameters.integer("wait_s")?.unwrap_or(WAIT_S_DEFAULT);
    if !(0..=WAIT_S_MAX).contains(&wait_s) {
        return Err(Error::invalid(
            format!("wait_s must be 0 to {WAIT_S_MAX}."),
            format!("Leave it out for {WAIT_S_DEFAULT}."),
        ));
    }
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
    let mut filter = EventFilter {
        node,
        kinds,
        below,
        above: after.unwrap_or(0),
        ascending: after.is_some(),
        ..EventFilter::default()
    };
    bound(&mut filter, context, &context.principal);
    if let Some(after) = after {
        return next(context, filter, (after, limit), wait_s);
    }
    let found = context.app.store.events(&filter, limit + 1)?;
    let (events, next) = page(found, limit, |event| event.id.to_string());
    let events: Vec<Value> = events.iter().map(view).collect();
    Ok(Response::json(
        200,
        &json!({"events": events, "next": next}),
    ))
}

/// To what somebody may know of.
fn bound(filter: &mut EventFilter, context: &Context<'_>, by: &Principal) {
    filter.seen = context.seen_nodes(by);
    filter.hides_sign_ins = !by.may_everywhere(Need::Administer);
}

/// Those after a number, the oldest first; waits for the first of them.
fn next(
    context: &Context<'_>,
    mut filter: EventFilter,
    (after, limit): (i64, usize),
    wait_s: i64,
) -> Result<Response, Error> {
    let place = Waiting::enter(&context.app.waiting);
    // More than these hold up nobody else: they are answered at once, and ask again.
    let wait_s = if place.is_some() { wait_s } else { 0 };
    let until = Instant::now() + Duration::from_secs(wait_s.unsigned_abs());
    let mut looked = after;
    loop {
        let newest = context.app.store.newest_event()?;
        if newest > looked {
            looked = newest;
            let found = context.app.store.events(&filter, limit)?;
            if let Some(last) = found.last().map(|event| event.id) {
                let events: Vec<Value> = found.iter().map(view).collect();
                let body = json!({"events": events, "next": null, "last": last});
                return Ok(Response::json(200, &body));
            }
        }
        if Instant::now() >= until || !context.app.jobs.pause(LOOK_EVERY) {
            break;
        }
        // Whoever may less by now is told less.
        match context.app.auth.principal_of(context.session()?) {
            Some(principal) => bound(&mut filter, context, &principal),
            None => break,
        }
    }
    let body = json!({"events": [], "next": null, "last": after});
    Ok(Response::json(200, &body))
}

const WAIT_S_DEFAULT: i64 = 25;
const WAIT_S_MAX: i64 = 55;
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Who waits ties up a worker, of which there are so many more.
const WAITING_MAX: usize = 4;

/// A place among those who wait.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize) -> Option<Self> {
        let more = |waiting: usize| (waiting < WAITING_MAX).then_some(waiting + 1);
        waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .ok()
            .map(|_| Self(waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
