//! The Capsule's files, answered by the gate itself: they are a part of this program,
//! so that a client which takes them slowly holds a connection and nothing else.

use std::borrow::Cow;

use super::head::Head;
use super::out::Out;
use crate::{capsule, http};

/// `None`: it is not for a file, and the API answers.
pub fn answer(head: &Head, body: usize, https: bool, keep: bool) -> Option<Out> {
    let is_head = head.method == "HEAD";
    let path = head.path();
    if !(is_head || head.method == "GET") || body > 0 || http::is_of_api(path) {
        return None;
    }
    let mut response = capsule::answer(capsule::Asked {
        path,
        accept_encoding: head.get("accept-encoding").unwrap_or(""),
        if_none_match: head.get("if-none-match"),
    });
    if https {
        response = response.header("Strict-Transport-Security", http::STRICT_TRANSPORT);
    }
    let connection = if keep { "keep-alive" } else { "close" };
    let mut bytes = response.head(connection);
    let body = match response.sent_body(is_head) {
        Cow::Borrowed(body) => body,
        Cow::Owned(body) => {
            bytes.extend_from_slice(&body);
            b""
        }
    };
    Some(Out::of(bytes, body))
}
