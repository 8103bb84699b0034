//! The public port as clients and attackers see it: one exchange a connection,
//! no way around the gate, no file but the Capsule's.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::common::{
    ADMIN_PASSWORD, GroundControl, PATIENCE, Session, read_answer, request, request_bytes,
    upgrade_on,
};

fn connect(ground_control: &GroundControl) -> TcpStream {
    let stream = TcpStream::connect(ground_control.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn upgrade_request(session: &Session, target: &str) -> Vec<u8> {
    request_bytes(
        "GET",
        target,
        &session.address.to_string(),
        &[
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Authorization", &session.bearer()),
        ],
        None,
    )
}

#[test]
fn an_upgrade_on_a_used_connection_reaches_nobody() {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let host = ground_control.address.to_string();
    let get =
        |target: &str| request_bytes("GET", target, &host, &[("Connection", "keep-alive")], None);
    // One after the other, as a proxy that keeps its connections does it.
    for first in ["/healthz", "/", "/api/nodes", "/nothing/here.txt"] {
        let mut stream = connect(&ground_control);
        stream.write_all(&get(first)).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let answer = read_answer(&mut reader).unwrap();
        let connection = answer.header("Connection").unwrap_or("");
        assert!(
            connection.eq_ignore_ascii_case("close"),
            "{first}: {connection:?}"
        );
        let _ = stream.write_all(&upgrade_request(&session, "/live"));
        let mut rest = Vec::new();
        // Closed or reset: either way there is no second answer.
        let _ = reader.read_to_end(&mut rest);
        assert!(
            rest.is_empty(),
            "{first}: {}",
            String::from_utf8_lossy(&rest)
        );
    }
    // After a refused upgrade, which Caddy was seen to follow with another one.
    let mut stream = connect(&ground_control);
    let headers = [
        ("Authorization", "Bearer wrong"),
        ("Sec-WebSocket-Protocol", "stardust.v1"),
    ];
    let (answer, after) = upgrade_on(stream.try_clone().unwrap(), "/ws", &host, &headers);
    assert_eq!(answer.status, 401);
    let _ = stream.write_all(&upgrade_request(&session, "/live"));
    let mut rest = Vec::new();
    let _ = BufReader::new(after).read_to_end(&mut rest);
    assert!(rest.is_empty());
}

#[test]
fn pipelined_requests_get_one_answer() {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let host = ground_control.address.to_string();
    let first = request_bytes("GET", "/healthz", &host, &[], None);
    let login = json!({"user": "admin", "password": ADMIN_PASSWORD});
    let post = request_bytes("POST", "/api/auth/login", &host, &[], Some(&login));
    for (what, second) in [
        ("GET", first.clone()),
        ("POST", post),
        ("an upgrade", upgrade_request(&session, "/live")),
        ("noise", vec![0xff; 4_096]),
    ] {
        let mut stream = connect(&ground_control);
        stream
            .write_all(&[first.clone(), first.clone(), second].concat())
            .unwrap();
        let mut reader = BufReader::new(stream);
        let answer = read_answer(&mut reader).unwrap();
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (200, &json!("ok")),
            "{what}"
        );
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest);
        assert!(
            rest.is_empty(),
            "{what}: {}",
            String::from_utf8_lossy(&rest)
        );
    }
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
