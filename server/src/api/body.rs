//! JSON bodies.

use serde::de::DeserializeOwned;

use super::objects::Objects;
use crate::error::{Error, Kind};
use crate::http::Request;

/// Reads the body as `T`; `shape` is shown when it is something else. What was
/// sent is not repeated in the answer: it may hold a password.
pub fn json<T: DeserializeOwned>(request: &Request, shape: &str) -> Result<T, Error> {
    let content_type = request.header("Content-Type").unwrap_or("");
    let essence = content_type.split(';').next().unwrap_or("").trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Error::new(
            Kind::UnsupportedMediaType,
            "The body is not announced as JSON.",
            "Send the header Content-Type: application/json.",
        ));
    }
    let mut json = serde_json::Deserializer::from_slice(&request.body);
    let read = T::deserialize(Objects(&mut json));
    let read = read.and_then(|read| json.end().map(|()| read));
    read.map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => match named_field(&error.to_string()) {
                Some(field) => field,
                None => "is not of the form that is expected here".to_owned(),
            },
            _ => "is not valid JSON".to_owned(),
        };
        Error::invalid(
            format!(
                "The body {what} (line {}, column {}).",
                error.line(),
                error.column()
            ),
            format!("Send {shape}"),
        )
    })
}

/// A body that has nothing to say: none at all, or an empty object.
pub fn nothing(request: &Request) -> Result<(), Error> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    match request.body.is_empty() {
        true => Ok(()),
        false => json::<Nothing>(request, "{}.").map(|_| ()),
    }
}

/// The field that is one too many or is not there, by the words of serde: the name of a
/// field is all of what was sent that is repeated.
fn named_field(error: &str) -> Option<String> {
    let (before, after) = [
        ("unknown field `", "has a field that is not known here"),
        ("missing field `", "lacks a field"),
        ("duplicate field `", "has a field twice"),
    ]
    .into_iter()
    .find_map(|(start, words)| Some((words, error.strip_prefix(start)?)))?;
    let (name, _) = after.split_once('`')?;
    let shown = crate::auth::failures::shown(name, FIELD_CHARS_MAX);
    Some(format!("{before}: {shown}"))
}

/// Longest name of a field that is repeated.
const FIELD_CHARS_MAX: usize = 40;
