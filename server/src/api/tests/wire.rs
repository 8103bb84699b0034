//! HTTP itself: addresses, methods, bodies, and the headers of every answer.

use serde_json::json;

use super::{Call, Server};

#[test]
fn unknown_addresses_and_wrong_methods() {
    let server = Server::new();
    let token = server.token();
    for target in [
        "/api",
        "/api/",
        "/api/nope",
        "/api/nodes/",
        "/api/nodes/0",
        "/api/nodes/01",
        "/api/nodes/+1",
        "/api/nodes/-1",
        "/api/nodes/1e3",
        "/api/nodes/99999999999999999999",
        "/api/nodes/1/nope",
        "/api/nodes/1/stats/",
        "/api//nodes",
        "/api/../api/nodes",
        "/api/%6eodes",
        "/api/nodes%2f1",
    ] {
        let answer = server.send(&Call::get(target).bearer(&token));
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (404, "not_found"),
            "{target}"
        );
    }
    for (method, target, allow) in [
        ("PUT", "/api/nodes", "GET, POST, HEAD"),
        ("DELETE", "/api/nodes", "GET, POST, HEAD"),
        ("OPTIONS", "/api/auth/login", "POST"),
        ("GET", "/api/auth/login", "POST"),
        ("POST", "/api/nodes/1", "GET, PATCH, DELETE, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
        ("TRACE", "/index.html", "GET, HEAD"),
    ] {
        let answer = server.send(&Call::new(method, target));
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (405, "method_not_allowed"),
            "{target}"
        );
        assert_eq!(answer.header("Allow"), Some(allow), "{method} {target}");
    }
}

#[test]
fn head_is_get_without_the_body() {
    let server = Server::new();
    for target in ["/healthz", "/", "/api/openapi.json", "/api/nodes"] {
        let get = server.send(&Call::get(target));
        let head = server.send(&Call::new("HEAD", target));
        assert_eq!(head.status, get.status, "{target}");
        assert_eq!(
            head.header("Content-Length"),
            Some(get.body.len().to_string().as_str())
        );
        assert!(head.body.is_empty(), "{target}");
    }
}

#[test]
fn bodies_are_json_and_bounded() {
    let server = Server::new();
    let login = || Call::new("POST", "/api/auth/login");
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
    ] {
        let call = login().header("Content-Type", content_type).body(b"{}");
        assert_eq!(
            server.send(&call).kind(),
            "unsupported_media_type",
            "{content_type}"
        );
    }
    assert_eq!(server.send(&login().body(b"{}")).status, 415);
    let json = |body: &[u8]| {
        login()
            .header("Content-Type", "application/json; charset=utf-8")
            .body(body)
    };
    for body in [
        &b""[..],
        b"{",
        b"null",
        b"[]",
        b"\xff",
        b"{\"user\":\"\xff\",\"password\":\"\"}",
        br#"{"user":"a"}"#,
        br#"{"user":"a","password":7}"#,
        br#"{"user":"a","password":"b","password":"c"}"#,
        br#"{"user":"a","password":"b","admin":true}"#,
        "[".repeat(100_000).as_bytes(),
    ] {
        let answer = server.send(&json(body));
        assert_eq!((answer.status, answer.kind().as_str()), (400, "invalid"));
    }
    let secret = server.send(&json(br#"{"user":"a","password":["hunter2"]}"#));
    assert!(
        !String::from_utf8(secret.body).unwrap().contains("hunter2"),
        "nothing is echoed"
    );
    let large = server.send(&json(&vec![b' '; (1 << 20) + 1]));
    assert_eq!((large.status, large.kind().as_str()), (413, "too_large"));
    // Announced but never sent in full.
    let half = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\n{";
    assert!(!server.raw_half(half).starts_with(b"HTTP/1.1 200"));
    assert_eq!(server.send(&Call::get("/healthz")).status, 200);
}

#[test]
fn every_answer_carries_the_security_headers() {
    let server = Server::new();
    for call in [
        Call::get("/"),
        Call::get("/nodes/1"),
        Call::get("/healthz"),
        Call::get("/api/nodes"),
        Call::get("/api/nope"),
        Call::get("/assets/nope.js"),
        Call::get("/../etc/passwd"),
        Call::new("PUT", "/api/nodes"),
        Call::new("POST", "/api/auth/login").json(&json!({})),
    ] {
        let answer = server.send(&call);
        let policy = answer.header("Content-Security-Policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        for (name, value) in [
            ("X-Frame-Options", "DENY"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value));
        }
        assert!(answer.header("Permissions-Policy").is_some());
        assert!(
            answer.header("Server").is_none(),
            "which library it is, is nobody's business"
        );
        if answer.header("Content-Type") == Some("application/json") {
            assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        }
    }
}

#[test]
fn files_outside_of_the_capsule_are_out_of_reach() {
    let server = Server::new();
    for target in [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/..%5c..%5cetc%5cpasswd",
        "/assets/../../Cargo.toml",
        "/assets/%2e%2e/index.html",
        "//etc/passwd",
        "/etc/passwd%00.html",
        "/index.html%00",
        "file:///etc/passwd",
        "/stardust.db",
    ] {
        let answer = server.send(&Call::get(target));
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (404, "not_found"),
            "{target}"
        );
    }
    let page = server.send(&Call::get("/nodes/1"));
    assert_eq!(
        page.header("Content-Type"),
        Some("text/html; charset=utf-8")
    );
}
