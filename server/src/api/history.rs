//! GET /api/nodes/:id/history, GET /api/history/status, and what a person says of the clock

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::query::Parameters;
use super::{Context, body, nodes};
use crate::error::{Error, Kind};
use crate::history::{Answer, HistoryError, Query};
use crate::http::Response;

const POINTS_DEFAULT: i64 = 300;
/// Range when `from` is left out.
const SPAN_MS_DEFAULT: i64 = 3_600_000;
/// End of the year 9999: sums of times stay far from overflow.
const TIME_MS_MAX: i64 = 253_402_300_799_999;

#[derive(Serialize)]
struct View {
    node: i64,
    #[serde(flatten)]
    answer: Answer,
}

pub fn get(context: &Context<'_>) -> Result<Response, Error> {
    let parameters = Parameters::parse(&context.request.query)?;
    let to_ms = parameters.integer("to")?.unwrap_or(context.now_ms);
    let from_ms = match parameters.integer("from")? {
        Some(from_ms) => from_ms,
        None => to_ms.saturating_sub(SPAN_MS_DEFAULT).max(0),
    };
    if !(0..=TIME_MS_MAX).contains(&from_ms) || !(0..=TIME_MS_MAX).contains(&to_ms) {
        return Err(Error::invalid(
            "`from` or `to` is not a time between 1970 and 9999.",
            "Give both in Unix milliseconds.",
        ));
    }
    let points = parameters.integer("points")?.unwrap_or(POINTS_DEFAULT);
    let query = Query {
        node: context.id,
        selectors: parameters.all("series"),
        from_ms,
        to_ms,
        // What is out of range either way is refused by the query itself.
        points: usize::try_from(points).unwrap_or(0),
    };
    if context.app.fleet.view(context.id).is_none() {
        return Err(nodes::no_such_node());
    }
    let answer = context.app.history.query(&query)?;
    let node = context.id;
    Ok(Response::json(200, &View { node, answer }))
}

pub fn status(context: &Context<'_>) -> Result<Response, Error> {
    Ok(Response::json(200, &context.app.history.status()?))
}

/// As much of the status as every page wants to know all the time: it costs nothing.
pub fn health(context: &Context<'_>) -> Result<Response, Error> {
    let history = &context.app.history;
    let view = json!({"writer": history.writer_status(), "clock": history.clock()});
    Ok(Response::json(200, &view))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockBody {
    now: i64,
}

/// Somebody says what time it is: where the wall clock says the same, it is right.
pub fn clock(context: &Context<'_>) -> Result<Response, Error> {
    let body: ClockBody = body::json(
        context.request,
        r#"{"now": 1800000000000}, the time that it is, in Unix milliseconds."#,
    )?;
    if !(0..=TIME_MS_MAX).contains(&body.now) {
        return Err(Error::invalid(
            "`now` is not a time between 1970 and 9999.",
            "Give it in Unix milliseconds.",
        ));
    }
    let history = &context.app.history;
    if !history.confirm_clock(body.now, &context.session()?.user)? {
        return Err(Error::new(
            Kind::Conflict,
            "The clock of Ground Control's machine says another time.",
            "Set it first (`timedatectl` shows it). Within five minutes of `now` it is taken for \
             right.",
        ));
    }
    Ok(Response::json(200, &history.clock()))
}

impl From<HistoryError> for Error {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Invalid { message, hint } => Self::invalid(message, hint),
            HistoryError::Store(error) => error.into(),
        }
    }
}
