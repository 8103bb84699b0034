//! The Capsule: the web page, inside this program.
//!
//! A path is looked up in a map of the files that were built in. Nothing is
//! opened, so there is nothing to escape from.

use crate::secret::hex;
use std::collections::HashMap;
use std::sync::OnceLock;

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

use crate::error::{Error, Kind};
use crate::http::gzip::accepts;
use crate::http::{Request, Response};

static FILES: Dir<'_> = include_dir!("$STARDUST_CAPSULE");

/// Names under this folder carry a hash of their content.
const HASHED: &str = "assets/";
const INDEX: &str = "index.html";

struct Asset {
    content_type: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
    /// Of the content, in hexadecimal.
    hash: String,
}

/// What is asked for.
pub struct Asked<'a> {
    pub path: &'a str,
    pub accept_encoding: &'a str,
    pub if_none_match: Option<&'a str>,
}

impl<'a> From<&'a Request> for Asked<'a> {
    fn from(request: &'a Request) -> Self {
        Self {
            path: &request.path,
            accept_encoding: request.header("Accept-Encoding").unwrap_or(""),
            if_none_match: request.header("If-None-Match"),
        }
    }
}

/// Looks at all files, so that the first who asks does not wait for it.
pub fn warm() {
    assets();
}

/// Answers a GET for anything outside of the API. From memory: the gate calls it too.
pub fn answer<'a>(asked: impl Into<Asked<'a>>) -> Response {
    let asked = asked.into();
    let path = asked.path.strip_prefix('/').unwrap_or(asked.path);
    let (name, asset) = match assets().get_key_value(path) {
        Some((name, asset)) => (*name, asset),
        // The Capsule's own addresses are known to the Capsule alone.
        None if is_page(path) => match assets().get(INDEX) {
            Some(index) => (INDEX, index),
            None => return not_found(),
        },
        None => return not_found(),
    };
    let (encoding, body) = asset.encoded(asked.accept_encoding);
    let etag = format!("\"{}{}\"", asset.hash, encoding.map_or("", |e| &e[..1]));
    let caching = if name.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let known = asked.if_none_match.is_some_and(|tags| {
        tags.split(',')
            .any(|tag| tag.trim().trim_start_matches("W/") == etag)
    });
    let mut response = Response::new(if known { 304 } else { 200 })
        .header("Content-Type", asset.content_type)
        .header("Cache-Control", caching)
        .header("Vary", "Accept-Encoding")
        .header("ETag", etag)
        .with_body(body);
    if let Some(encoding) = encoding {
        response = response.header("Content-Encoding", encoding);
    }
    response
}

impl Asset {
    fn encoded(&self, accepted: &str) -> (Option<&'static str>, &'static [u8]) {
        let takes = |coding: &str| accepts(accepted, coding);
        match (self.brotli, self.gzip) {
            (Some(body), _) if takes("br") => (Some("br"), body),
            (_, Some(body)) if takes("gzip") => (Some("gzip"), body),
            _ => (None, self.plain),
        }
    }
}

/// Whether a path could be one of the Capsule's addresses: plain segments, and
/// no file extension in the last one.
fn is_page(path: &str) -> bool {
    let plain = |segment: &str| {
        !segment.is_empty()
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~'))
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    path.is_empty() || path.split('/').all(plain)
}

fn not_found() -> Response {
    Response::from(Error::new(
        Kind::NotFound,
        "There is nothing at this address.",
        "The Capsule is at /, the API under /api.",
    ))
}

fn assets() -> &'static HashMap<&'static str, Asset> {
    static ASSETS: OnceLock<HashMap<&'static str, Asset>> = OnceLock::new();
    ASSETS.get_or_init(|| {
        let mut files = HashMap::new();
        collect(&FILES, &mut files);
        files
            .iter()
            .filter(|(name, _)| !is_sibling(name, &files))
            .map(|(&name, &plain)| {
                let asset = Asset {
                    content_type: content_type(name),
                    plain,
                    brotli: files.get(format!("{name}.br").as_str()).copied(),
                    gzip: files.get(format!("{name}.gz").as_str()).copied(),
                    hash: hash(plain),
                };
                (name, asset)
            })
            .collect()
    })
}

fn collect(dir: &'static Dir<'static>, into: &mut HashMap<&'static str, &'static [u8]>) {
    for file in dir.files() {
        if let Some(path) = file.path().to_str() {
            into.insert(path, file.contents());
        }
    }
    for dir in dir.dirs() {
        collect(dir, into);
    }
}

/// A compressed copy of another file.
fn is_sibling(name: &str, files: &HashMap<&'static str, &'static [u8]>) -> bool {
    [".br", ".gz"]
        .iter()
        .filter_map(|suffix| name.strip_suffix(suffix))
        .any(|plain| files.contains_key(plain))
}

fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    hex(&digest[..12])
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
