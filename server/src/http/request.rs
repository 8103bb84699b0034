//! A request as the handlers see it.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr};

use zeroize::Zeroize;

use crate::error::{Error, Kind};

/// Largest body of a request.
pub const BODY_BYTES_MAX: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    /// Anything else: nothing of ours answers to it.
    Other,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Other => "?",
        }
    }
}

#[derive(Debug)]
pub struct Request {
    /// HEAD is [`Method::Get`] with `head` set.
    pub method: Method,
    pub head: bool,
    /// As it came, still percent-encoded, without the query.
    pub path: String,
    /// What follows the first `?`, still percent-encoded.
    pub query: String,
    pub(super) headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Who sent it, as the gate says.
    pub client: IpAddr,
    /// Whether it came by HTTPS, to us or to a trusted proxy.
    pub https: bool,
}

impl Request {
    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Bodies may hold passwords.
impl Drop for Request {
    fn drop(&mut self) {
        self.body.zeroize();
    }
}

/// Takes a request over from tiny_http, body included.
pub(super) fn read(raw: &mut tiny_http::Request) -> Result<Request, Error> {
    let (method, head) = match raw.method() {
        tiny_http::Method::Get => (Method::Get, false),
        tiny_http::Method::Head => (Method::Get, true),
        tiny_http::Method::Post => (Method::Post, false),
        tiny_http::Method::Put => (Method::Put, false),
        tiny_http::Method::Patch => (Method::Patch, false),
        tiny_http::Method::Delete => (Method::Delete, false),
        _ => (Method::Other, false),
    };
    let (path, query) = match raw.url().split_once('?') {
        Some((path, query)) => (path.to_owned(), query.to_owned()),
        None => (raw.url().to_owned(), String::new()),
    };
    let headers: Vec<_> = raw
        .headers()
        .iter()
        .map(|header| {
            (
                header.field.as_str().as_str().to_owned(),
                header.value.as_str().to_owned(),
            )
        })
        .collect();
    let mut request = Request {
        method,
        head,
        path,
        query,
        headers,
        body: Vec::new(),
        client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        https: false,
    };
    if let Some(client) = request.header("X-Stardust-Client") {
        // Without a good one all count as one client, which is the safe side.
        request.client = client.parse().unwrap_or(request.client);
    }
    request.https = request.header("X-Stardust-Scheme") == Some("https");

    // The gate has capped it already; this holds if it ever does not.
    let mut body = Vec::new();
    raw.as_reader()
        .take(BODY_BYTES_MAX as u64 + 1)
        .read_to_end(&mut body)
        .map_err(|_| {
            Error::invalid(
                "The body of the request ended early.",
                "Send as many bytes as Content-Length says.",
            )
        })?;
    if body.len() > BODY_BYTES_MAX {
        return Err(Error::new(
            Kind::TooLarge,
            format!("The body of the request is larger than {BODY_BYTES_MAX} bytes."),
            "Send less at a time.",
        ));
    }
    request.body = body;
    Ok(request)
}
