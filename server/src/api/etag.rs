//! `ETag` and `If-Match` (RFC 9110, sections 8.8.3 and 13.1.1): two people who change one
//! thing at once do not undo each other's work without a word.

use crate::error::Error;
use crate::http::{Request, Response};

impl Response {
    /// With the version that a change can name.
    pub(super) fn with_etag(self, version: i64) -> Self {
        self.header("ETag", format!("\"{version}\""))
    }
}

/// The version that a change is meant for; none when any will do.
pub fn if_match(request: &Request) -> Result<Option<i64>, Error> {
    let Some(text) = request.header("If-Match").map(str::trim) else {
        return Ok(None);
    };
    if text == "*" {
        return Ok(None);
    }
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inner.and_then(|number| number.parse().ok()) {
        Some(version) => Ok(Some(version)),
        None => Err(Error::invalid(
            "If-Match is not one ETag of ours.",
            "Send the ETag of the answer that you changed, with its quotes, or leave it out.",
        )),
    }
}
