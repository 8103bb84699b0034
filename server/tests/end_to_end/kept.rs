//! Connections that carry several requests: in order, each with its own end, and a
//! WebSocket at any time.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::common::{
    ADMIN_PASSWORD, Answer, GroundControl, Live, LiveEvent, PATIENCE, Session, WebSocket,
    read_answer, request_bytes, upgrade_on,
};

fn connect(ground_control: &GroundControl) -> TcpStream {
    let stream = TcpStream::connect(ground_control.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// One answer, and nothing behind it.
fn answer(stream: &TcpStream) -> Answer {
    read_answer(&mut BufReader::with_capacity(1, stream)).unwrap()
}

fn connection(answer: &Answer) -> String {
    let value = answer.header("Connection").unwrap_or("");
    value.to_ascii_lowercase()
}

fn assert_ended(mut stream: &TcpStream, what: &str) {
    let mut rest = Vec::new();
    // Closed or reset: either way there is nothing more.
    let _ = stream.read_to_end(&mut rest);
    assert!(
        rest.is_empty(),
        "{what}: {}",
        String::from_utf8_lossy(&rest)
    );
}

fn upgrade_request(session: &Session) -> Vec<u8> {
    let host = session.address.to_string();
    let headers = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Authorization", &session.bearer()),
    ];
    request_bytes("GET", "/live", &host, &headers, None)
}

fn assert_live(stream: TcpStream) {
    let mut live = Live {
        socket: WebSocket::new(stream),
    };
    match live.next(PATIENCE) {
        LiveEvent::Json(message) => assert_eq!(message["type"], "snapshot"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_upgrade_on_a_used_connection_works() {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let host = ground_control.address.to_string();
    let mut stream = connect(&ground_control);
    for (method, target, status) in [
        ("GET", "/healthz", 200),
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/api/nodes", 401),
        ("GET", "/nothing/here.txt", 404),
        ("DELETE", "/", 405),
        ("GET", "/api/openapi.json", 200),
    ] {
        let bytes = request_bytes(method, target, &host, &[], None);
        stream.write_all(&bytes).unwrap();
        let mut found = if method == "HEAD" {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let end = b"HTTP/1.1 204 \r\n";
            let first = head.iter().position(|byte| *byte == b'\n').unwrap();
            assert!(head.starts_with(b"HTTP/1.1 200"));
            let head = [end, &head[first + 1..]].concat();
            read_answer(&mut &head[..]).unwrap()
        } else {
            answer(&stream)
        };
        if method == "HEAD" {
            found.status = 200;
        }
        assert_eq!(found.status, status, "{target}: {}", found.text());
        assert_eq!(connection(&found), "keep-alive", "{target}");
    }
    // A large answer is hardly out of the door when the Upgrade comes.
    let (found, stream) = upgrade_on(
        stream,
        "/live",
        &host,
        &[("Authorization", &session.bearer())],
    );
    assert_eq!(found.status, 101, "{}", found.text());
    assert_live(stream);

    // One that is refused ends its connection, as everything that the gate refuses.
    let stream = connect(&ground_control);
    let wrong = [("Authorization", "Bearer wrong")];
    let (found, stream) = upgrade_on(stream, "/live", &host, &wrong);
    assert_eq!((found.status, connection(&found).as_str()), (401, "close"));
    let _ = (&stream).write_all(&upgrade_request(&session));
    assert_ended(&stream, "after a refused upgrade");
}

#[test]
fn requests_in_one_piece_are_answered_in_order() {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let host = ground_control.address.to_string();
    let get = |target: &str| request_bytes("GET", target, &host, &[], None);
    let login = json!({"user": "admin", "password": ADMIN_PASSWORD});
    let post = request_bytes("POST", "/api/auth/login", &host, &[], Some(&login));
    // A body that looks like a request is a body.
    let trap = "GET /api/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let trap = format!(
        "POST /api/auth/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{trap}",
        trap.len()
    );
    let all = [
        get("/healthz"),
        post,
        get("/"),
        trap.into(),
        get("/healthz"),
    ]
    .concat();
    // However it is cut.
    for cut in [all.len(), 1, all.len() / 2, all.len() - 3] {
        let mut stream = connect(&ground_control);
        stream.write_all(&all[..cut]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        stream.write_all(&all[cut..]).unwrap();
        assert_eq!(answer(&stream).json()["status"], "ok");
        assert_eq!(answer(&stream).json()["user"], "admin");
        assert!(answer(&stream).text().contains("<html"));
        let found = answer(&stream);
        assert_eq!((found.status, found.error_kind()), (400, "invalid".into()));
        assert_eq!(answer(&stream).json()["status"], "ok");
    }
    let mut stream = connect(&ground_control);
    let both = [get("/healthz"), upgrade_request(&session)].concat();
    stream.write_all(&both).unwrap();
    assert_eq!(answer(&stream).status, 200);
    assert_eq!(answer(&stream).status, 101);
    assert_live(stream);
    // What is no request ends it, with a word.
    for (what, behind) in [
        ("noise", vec![0xff; 4_096]),
        ("an empty line", b"\r\n\r\nGET / HTTP/1.1\r\n\r\n".to_vec()),
        ("chunks", b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec()),
        ("another host", b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_vec()),
    ] {
        let mut stream = connect(&ground_control);
        stream.write_all(&[get("/healthz"), behind, b"\r\n\r\n".to_vec(), get("/")].concat()).unwrap();
        assert_eq!(answer(&stream).status, 200, "{what}");
        let found = answer(&stream);
        assert!((400..500).contains(&found.status), "{what}: {}", found.status);
        assert_eq!(connection(&found), "close", "{what}");
        assert_ended(&stream, what);
    }
}

#[test]
fn a_connection_ends_when_it_is_asked_to_and_after_a_thousand_requests() {
    let ground_control = GroundControl::start();
    let host = ground_control.address.to_string();
    let closing = [("Connection", "close")];
    for (what, bytes) in [
        (
            "asked to",
            request_bytes("GET", "/healthz", &host, &closing, None),
        ),
        (
            "asked to, a file",
            request_bytes("GET", "/", &host, &closing, None),
        ),
        (
            "an old client",
            b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n".to_vec(),
        ),
        (
            "an old client that would go on",
            b"GET / HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n".to_vec(),
        ),
    ] {
        let mut stream = connect(&ground_control);
        stream
            .write_all(&[&bytes[..], &bytes[..]].concat())
            .unwrap();
        let found = answer(&stream);
        assert_eq!(
            (found.status, connection(&found).as_str()),
            (200, "close"),
            "{what}"
        );
        assert_ended(&stream, what);
    }
    let mut stream = connect(&ground_control);
    let bytes = request_bytes("GET", "/nothing.txt", &host, &[], None);
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut ends = 0;
    for request in 1..=1_000 {
        stream.write_all(&bytes).unwrap();
        let found = read_answer(&mut reader).unwrap();
        ends += usize::from(connection(&found) == "close");
        assert_eq!(ends, usize::from(request == 1_000), "request {request}");
    }
    assert_ended(&stream, "after the last");
}

#[test]
fn who_sends_too_much_reads_why() {
    let ground_control = GroundControl::start();
    let host = ground_control.address.to_string();
    for bytes in [(1 << 20) + 1, 3 << 20, 12 << 20] {
        let mut stream = connect(&ground_control);
        let head = format!(
            "POST /api/auth/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Content-Length: {bytes}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // As most clients: all of it before they look.
        stream.write_all(&vec![b' '; bytes]).unwrap();
        let found = answer(&stream);
        assert_eq!(found.status, 413, "{bytes}");
        assert_eq!(found.error_kind(), "body_too_large");
        assert_ended(&stream, "after 413");
    }
}
