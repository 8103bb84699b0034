//! GET /api/nodes/:id/history, GET /api/history/status, and what a person says of the clock

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::query::Parameters;
use super::{Context, body, nodes};
use crate::error::{Error, Kind};
use crate::history::{Answer, PARTS, Parts, Query};
use crate::http::Response;

const POINTS_DEFAULT: i64 = 300;
/// Range when `from` is left out.
const SPAN_MS_DEFAULT: i64 = 3_600_000;
/// End of the year 9999: sums of times stay far from overflow.
const TIME_MS_MAX: i64 = 253_402_300_799_999;

/// Digits that may be asked for; more are not in the answer.
const DIGITS: std::ops::RangeInclusive<i64> = 2..=12;

#[derive(Serialize)]
struct View {
    node: i64,
    #[serde(flatten)]
    answer: Answer,
    /// What was asked for by name and never was.
    unknown: Vec<String>,
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
    if from_ms >= to_ms {
        let what = match parameters.integer("to")? {
            Some(_) => "The range is empty: `from` must be before `to`.",
            None => "`from` is not in the past, and `to` was left out, which is now.",
        };
        return Err(Error::invalid(
            what,
            "Give both in Unix milliseconds; `from` belongs to the range, `to` does not.",
        ));
    }
    let parts = match parameters.one("parts")? {
        Some(text) => Parts::parse(text).map_err(|wrong| {
            Error::invalid(
                format!("`parts` names {wrong:?}, which is no part of a bucket."),
                format!("Parts are {}, with commas between them.", PARTS.join(", ")),
            )
        })?,
        None => Parts::default(),
    };
    let digits = parameters.integer("digits")?;
    if digits.is_some_and(|digits| !DIGITS.contains(&digits)) {
        return Err(Error::invalid(
            "`digits` must be from 2 to 12.",
            "A chart needs 4; leave it out for all that the numbers have.",
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
    if !context.app.fleet.knows(context.id) {
        return Err(nodes::no_such_node());
    }
    let mut answer = context.app.history.query(&query)?;
    for series in &mut answer.series {
        parts.leave(series);
        if let Some(digits) = digits {
            for points in [&mut series.avg, &mut series.min, &mut series.max] {
                points.round(digits as i32);
            }
        }
    }
    let live = context.app.fleet.series(context.id).unwrap_or_default();
    let found = answer.series.iter().map(|series| series.key.as_str());
    let known = live.iter().map(|series| series.key.as_str());
    let known: Vec<&str> = found.chain(known).collect();
    let unknown = context.app.history.unknown(&query, &known)?;
    let node = context.id;
    let view = View {
        node,
        answer,
        unknown,
    };
    Ok(Response::json(200, &view))
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
