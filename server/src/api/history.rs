//! GET /api/nodes/:id/history, GET /api/history/status

use serde::Serialize;

use super::query::Parameters;
use super::{Context, nodes};
use crate::error::Error;
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

impl From<HistoryError> for Error {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Invalid { message, hint } => Self::invalid(message, hint),
            HistoryError::Store(error) => error.into(),
        }
    }
}
