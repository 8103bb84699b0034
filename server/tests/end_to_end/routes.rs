//! The public port as clients and attackers see it: no way around the gate, no file
//! but the Capsule's.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::common::{ADMIN_PASSWORD, GroundControl, PATIENCE, read_answer, request};

fn connect(ground_control: &GroundControl) -> TcpStream {
    let stream = TcpStream::connect(ground_control.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn requests_that_parsers_read_differently_are_refused() {
    let ground_control = GroundControl::start();
    let cases: &[(&str, u16)] = &[
        (
            "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            400,
        ),
        (
            "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            411,
        ),
        (
            "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            411,
        ),
        (
            "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n",
            413,
        ),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
        ("GET http://elsewhere/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (
            "GET /api/nodes/\u{e9} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            400,
        ),
        ("GET /\u{7f} HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", 426),
        ("\x16\x03\x01\x02", 400),
    ];
    for (text, status) in cases {
        let mut stream = connect(&ground_control);
        stream.write_all(text.as_bytes()).unwrap();
        // A line that ends nowhere is only looked at when its head is whole.
        if !text.contains("\r\n\r\n") && !text.starts_with('\x16') {
            stream.write_all(b"\r\n\r\n").unwrap();
        }
        let mut reader = BufReader::new(stream);
        let answer = read_answer(&mut reader).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(answer.status, *status, "{text:?}: {}", answer.text());
        assert!(!answer.error_kind().is_empty());
        assert!(
            reader.fill_buf().map_or(true, <[u8]>::is_empty),
            "{text:?}: kept open"
        );
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(20 << 10));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X-A: b\r\n".repeat(100));
    for text in [long, many] {
        let mut stream = connect(&ground_control);
        stream.write_all(text.as_bytes()).unwrap();
        assert_eq!(
            read_answer(&mut BufReader::new(stream)).unwrap().status,
            431
        );
    }
}

#[test]
fn no_path_leads_out_of_the_capsule() {
    let ground_control = GroundControl::start();
    let page = ground_control.get("/");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<html"), "{}", page.text());
    let climb = |step: &str| format!("/{}etc/passwd", step.repeat(12));
    let targets = [
        climb("../"),
        climb("%2e%2e/"),
        climb("..%2f"),
        climb("%2e%2e%2f"),
        climb("..\\"),
        climb("..%5c"),
        climb("%252e%252e%252f"),
        climb(".%00./"),
        "/assets/../../../../etc/passwd".into(),
        "/assets/..%2f..%2f..%2fetc%2fpasswd".into(),
        "//etc/passwd".into(),
        "/./etc/passwd".into(),
        "/%2fetc/passwd".into(),
        "/etc/passwd%00.html".into(),
        "/proc/self/environ".into(),
        "/stardust.db".into(),
        "/assets/".into(),
        "/assets/..".into(),
        "/index.html/../../stardust.db".into(),
        "/api/../stardust.db".into(),
        "/api/nodes/../../stardust.db".into(),
    ];
    for target in targets {
        let answer = ground_control.get(&target);
        let text = answer.text();
        assert!(
            !text.contains("root:") && !text.contains("SQLite format"),
            "{target}: {text}"
        );
        let fallback = answer.status == 200 && answer.body == page.body;
        assert!(
            fallback || (400..500).contains(&answer.status),
            "{target}: {}",
            answer.status
        );
    }
}

#[test]
fn every_answer_carries_the_security_headers() {
    let ground_control = GroundControl::start();
    let assets = ground_control.get("/").text();
    let script = assets
        .split('"')
        .find(|part| part.starts_with("/assets/"))
        .expect("a script");
    for target in [
        "/",
        script,
        "/api/nodes",
        "/healthz",
        "/nothing.txt",
        "/nodes/5",
    ] {
        let answer = ground_control.get(target);
        let header = |name: &str| answer.header(name).unwrap_or("").to_owned();
        assert_eq!(header("X-Content-Type-Options"), "nosniff", "{target}");
        assert_eq!(header("X-Frame-Options"), "DENY", "{target}");
        let csp = header("Content-Security-Policy");
        assert!(csp.contains("frame-ancestors 'none'"), "{target}: {csp}");
        assert!(!csp.contains("unsafe"), "{target}: {csp}");
        assert_eq!(header("Access-Control-Allow-Origin"), "", "{target}");
    }
    // Headers that only the gate may set are not taken from outside.
    let spoofed = [
        ("X-Stardust-Client", "203.0.113.9"),
        ("X-Stardust-Scheme", "https"),
    ];
    let body = json!({"user": "admin", "password": ADMIN_PASSWORD});
    let answer = request(
        ground_control.address,
        "POST",
        "/api/auth/login",
        &spoofed,
        Some(&body),
    );
    assert_eq!(answer.status, 200);
    for cookie in answer.headers_named("Set-Cookie") {
        assert!(!cookie.to_ascii_lowercase().contains("secure"), "{cookie}");
    }
}

#[test]
fn large_answers_are_compressed_and_secrets_are_not() {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let bearer = session.bearer();
    let get = |target: &str, accepted: &str| {
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Accept-Encoding", accepted),
        ];
        request(ground_control.address, "GET", target, &headers, None)
    };
    let plain = get("/api/openapi.json", "identity");
    assert_eq!(plain.header("Content-Encoding"), None);
    assert_eq!(plain.header("Vary"), Some("Accept-Encoding"));
    let packed = get("/api/openapi.json", "gzip, deflate, br, zstd");
    assert_eq!(packed.header("Content-Encoding"), Some("gzip"));
    assert!(packed.body.len() * 4 < plain.body.len());
    let mut text = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(&packed.body[..]);
    std::io::Read::read_to_end(&mut reader, &mut text).unwrap();
    assert_eq!(text, plain.body);
    let metrics = get("/metrics", "gzip");
    assert_eq!(metrics.header("Content-Encoding"), Some("gzip"));
    let session = get("/api/auth/session", "gzip");
    assert_eq!(
        (session.status, session.header("Content-Encoding")),
        (200, None)
    );
}
