//! An answer, its bytes, and the headers that every answer carries.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::json;

use crate::error::Error;
use crate::log;

/// Nothing inline, nothing from elsewhere, no framing. `'self'` in connect-src
/// covers the WebSocket of the same origin.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// On every answer, whatever it is.
const SECURITY_HEADERS: &[(&str, &str)] = &[
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    (
        "Permissions-Policy",
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    headers: Vec<(&'static str, Cow<'static, str>)>,
    pub body: Cow<'static, [u8]>,
}

impl Response {
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Cow::Borrowed(b""),
        }
    }

    /// 204, for what has nothing to say.
    pub fn no_content() -> Self {
        Self::new(204).header("Cache-Control", "no-store")
    }

    /// Plain text that is somebody's own.
    pub fn text(status: u16, text: String) -> Self {
        Self::new(status)
            .header("Content-Type", "text/plain; charset=utf-8")
            .header("Cache-Control", "no-store")
            .with_body(text.into_bytes())
    }

    pub fn json<T: Serialize + ?Sized>(status: u16, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::new(status)
                .header("Content-Type", "application/json")
                .header("Cache-Control", "no-store")
                .with_body(body),
            Err(error) => {
                log::error(&format!("An answer could not be written as JSON: {error}."));
                Self::from(Error::internal())
            }
        }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The first header of that name that a handler has set.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_ref())
    }

    pub fn with_body(mut self, body: impl Into<Cow<'static, [u8]>>) -> Self {
        self.body = body.into();
        self
    }

    /// The whole answer as it goes onto the wire. The gate may keep the connection.
    pub(super) fn to_bytes(&self, head_only: bool) -> Vec<u8> {
        let mut out = self.head("close");
        out.extend_from_slice(&self.sent_body(head_only));
        out
    }

    /// What follows the head.
    pub fn sent_body(&self, head_only: bool) -> Cow<'static, [u8]> {
        match head_only || self.status == 204 || self.status == 304 {
            true => Cow::Borrowed(b""),
            false => self.body.clone(),
        }
    }

    /// The head, its empty line included. What the connection does is said last.
    pub fn head(&self, connection: &str) -> Vec<u8> {
        let reason = tiny_http::StatusCode(self.status).default_reason_phrase();
        let mut out = Vec::with_capacity(1024 + self.body.len());
        out.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", self.status).as_bytes());
        let mut put = |name: &str, value: &str| {
            // A value with a line break would be two headers: none of ours has
            // one, and none may ever get one.
            if value
                .bytes()
                .all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
            {
                for part in [name, ": ", value, "\r\n"] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
        };
        for (name, value) in SECURITY_HEADERS {
            put(name, value);
        }
        for (name, value) in &self.headers {
            put(name, value);
        }
        if self.status != 204 && self.status != 304 {
            put("Content-Length", &self.body.len().to_string());
        }
        put("Connection", connection);
        out.extend_from_slice(b"\r\n");
        out
    }
}

impl From<Error> for Response {
    fn from(error: Error) -> Self {
        let mut body = json!({"error": {
            "kind": error.kind.name(),
            "message": error.message,
            "hint": error.hint,
        }});
        if let Some(cause) = error.cause {
            body["error"]["cause"] = cause.into();
        }
        let mut response = Self::json(error.kind.http_status(), &body);
        if let Some(seconds) = error.retry_after_s {
            response = response.header("Retry-After", seconds.to_string());
        }
        if error.kind == crate::error::Kind::Unauthenticated {
            response = response.header("WWW-Authenticate", "Bearer");
        }
        response
    }
}
