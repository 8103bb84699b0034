//! Answers in fewer bytes, for those who take them so.
//!
//! Only what is read (GET), from a kilobyte on, and nothing that has to do with signing
//! in: where an answer holds a secret beside words of an attacker, its length tells of
//! the secret (BREACH). Called by the workers: the gate only hands the bytes on.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Method, Request, Response};

/// Less than this is not worth it.
const BYTES_MIN: usize = 1 << 10;
const SECRETS: &str = "/api/auth/";

/// `response` as `request` may have it.
pub fn compress(response: Response, request: &Request) -> Response {
    let fits = request.method == Method::Get
        && response.status == 200
        && response.body.len() >= BYTES_MIN
        && !request.path.starts_with(SECRETS)
        && response.header_value("Content-Encoding").is_none()
        // One that has chosen by it has its own encodings.
        && response.header_value("Vary") != Some("Accept-Encoding")
        && response.header_value("Content-Type").is_some_and(is_text);
    if !fits {
        return response;
    }
    let response = response.header("Vary", "Accept-Encoding");
    if !accepts(request.header("Accept-Encoding").unwrap_or(""), "gzip") {
        return response;
    }
    // Fast: at most it takes as long as writing the answer did.
    let mut out = GzEncoder::new(
        Vec::with_capacity(response.body.len() / 4),
        Compression::fast(),
    );
    match out.write_all(&response.body).and_then(|()| out.finish()) {
        Ok(body) if body.len() < response.body.len() => {
            response.header("Content-Encoding", "gzip").with_body(body)
        }
        // Writing into memory does not fail; then it goes as it is.
        _ => response,
    }
}

fn is_text(content_type: &str) -> bool {
    content_type.starts_with("text/")
        || content_type.starts_with("application/json")
        || content_type.starts_with("application/openmetrics-text")
}

/// Whether a client that sent this Accept-Encoding takes `coding`.
pub fn accepts(accepted: &str, coding: &str) -> bool {
    accepted.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let refused = |part: &str| {
            part.strip_prefix("q=")
                .and_then(|q| q.parse::<f32>().ok())
                .is_some_and(|q| q <= 0.0)
        };
        parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(coding))
            && !parts.any(refused)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::super::testing::request;
    use super::*;

    fn answered(method: &str, path: &str, accepted: &str, bytes: usize) -> Response {
        let asked = request(method, path, &[("Accept-Encoding", accepted)]);
        let body = "{\"a\":1}".repeat(bytes.div_ceil(7));
        let response = Response::new(200)
            .header("Content-Type", "application/json")
            .with_body(body.into_bytes()[..bytes].to_vec());
        compress(response, &asked)
    }

    #[test]
    fn what_is_large_and_no_secret_is_compressed_for_who_takes_it() {
        let plain = answered("GET", "/api/nodes", "", 5_000);
        assert_eq!(plain.header_value("Content-Encoding"), None);
        assert_eq!(plain.header_value("Vary"), Some("Accept-Encoding"));
        for accepted in ["gzip", "br, GZIP;q=0.5", "deflate, gzip ; q=1.0, *;q=0"] {
            let found = answered("GET", "/api/nodes", accepted, 5_000);
            assert_eq!(
                found.header_value("Content-Encoding"),
                Some("gzip"),
                "{accepted}"
            );
            assert_eq!(found.header_value("Vary"), Some("Accept-Encoding"));
            assert!(found.body.len() < 500);
            let mut text = Vec::new();
            let mut reader = flate2::read::GzDecoder::new(&found.body[..]);
            reader.read_to_end(&mut text).unwrap();
            assert_eq!(text, *plain.body);
        }
        for accepted in ["", "br", "gzip;q=0", "gzip; q=0.0", "gzipped", "identity"] {
            let found = answered("GET", "/api/nodes", accepted, 5_000);
            assert_eq!(found.header_value("Content-Encoding"), None, "{accepted}");
        }
        for (method, path, bytes) in [
            ("GET", "/api/nodes", BYTES_MIN - 1),
            ("GET", "/api/auth/session", 5_000),
            ("POST", "/api/auth/login", 5_000),
            ("POST", "/api/nodes", 5_000),
            ("PATCH", "/api/nodes/1", 5_000),
        ] {
            let found = answered(method, path, "gzip", bytes);
            assert_eq!(
                found.header_value("Content-Encoding"),
                None,
                "{method} {path}"
            );
            assert_eq!(found.header_value("Vary"), None, "{method} {path}");
        }
        assert!(answered("GET", "/metrics", "gzip", BYTES_MIN).body.len() < 200);
        assert!(answered("HEAD", "/metrics", "gzip", BYTES_MIN).body.len() < 200);
    }

    #[test]
    fn what_does_not_get_smaller_or_is_no_text_stays() {
        let asked = request("GET", "/api/x", &[("Accept-Encoding", "gzip")]);
        let noise: Vec<u8> = (0..4_096u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        for (content_type, body) in [("text/plain", noise), ("image/png", vec![0; 4_096])] {
            let response = Response::new(200)
                .header("Content-Type", content_type)
                .with_body(body.clone());
            let found = compress(response, &asked);
            let was = found.header_value("Content-Encoding").is_some();
            assert!(!was || found.body.len() < body.len(), "{content_type}");
            assert!(!was || content_type == "text/plain");
        }
    }
}
