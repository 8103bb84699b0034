use super::*;
use crate::http::testing::request;

fn get(path: &str, headers: &[(&str, &str)]) -> Response {
    answer(&request("GET", path, headers))
}

#[test]
fn the_page_is_at_its_addresses_and_is_asked_for_anew() {
    for path in ["/", "/index.html", "/nodes/1", "/settings", "/nodes/1/"] {
        let response = get(path, &[]);
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(
            response.header_value("Content-Type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(response.header_value("Cache-Control"), Some("no-cache"));
        assert!(response.body.starts_with(b"<!"), "{path}");
    }
    let etag = get("/", &[]).header_value("ETag").unwrap().to_owned();
    let again = get("/", &[("If-None-Match", &etag)]);
    assert_eq!(again.status, 304);
    let again = get("/", &[("If-None-Match", &format!("\"x\", W/{etag}"))]);
    assert_eq!(again.status, 304);
    assert_eq!(get("/", &[("If-None-Match", "\"x\"")]).status, 200);
}

#[test]
fn nothing_outside_of_the_bundle_can_be_named() {
    for path in [
        "/../Cargo.toml",
        "/assets/../../Cargo.toml",
        "/..",
        "/%2e%2e/Cargo.toml",
        "/%2e%2e%2fetc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/assets/..%5c..%5cwindows",
        "/..\\..\\etc\\passwd",
        "//etc/passwd",
        "/./etc/passwd",
        "/etc/passwd\0",
        "/index.html\0.png",
        "/index.html/..",
        "/assets/",
        "/assets/missing.js",
        "/favicon.ico.br",
        "file:///etc/passwd",
        "http://elsewhere/",
        "*",
    ] {
        let response = get(path, &[]);
        // A folder's own name is a page address like any other; it lists nothing.
        let page = response.header_value("Content-Type") == Some("text/html; charset=utf-8");
        if path == "/assets/" {
            assert!(page);
        } else {
            assert_eq!(response.status, 404, "{path}");
            assert!(!page, "{path}");
        }
    }
}

#[test]
fn hashed_files_are_kept_for_ever_and_compressed_ones_preferred() {
    let (name, asset) = assets()
        .iter()
        .find(|(name, asset)| name.starts_with(HASHED) && asset.brotli.is_some())
        .expect("the bundle has a compressed script");
    let path = format!("/{name}");
    let plain = get(&path, &[]);
    assert_eq!(
        plain.header_value("Cache-Control"),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(plain.header_value("Content-Encoding"), None);
    assert_eq!(plain.body.as_ref(), asset.plain);
    for (accepted, expected) in [
        ("gzip, deflate, br, zstd", Some("br")),
        ("gzip", Some("gzip")),
        ("GZIP;q=0.5", Some("gzip")),
        ("br;q=0, gzip", Some("gzip")),
        ("br; q=0.0, gzip;q=0", None),
        ("identity", None),
        ("brotli", None),
    ] {
        let response = get(&path, &[("Accept-Encoding", accepted)]);
        assert_eq!(
            response.header_value("Content-Encoding"),
            expected,
            "{accepted}"
        );
        assert_eq!(response.header_value("Vary"), Some("Accept-Encoding"));
        if expected.is_some() {
            assert!(response.body.len() < asset.plain.len());
            assert_ne!(response.header_value("ETag"), plain.header_value("ETag"));
        }
    }
}

#[test]
fn every_file_has_a_type_that_browsers_take() {
    for (name, asset) in assets() {
        assert_ne!(asset.content_type, "application/octet-stream", "{name}");
        assert!(!name.ends_with(".br") && !name.ends_with(".gz"), "{name}");
    }
}
