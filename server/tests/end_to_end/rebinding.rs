//! A foreign page whose name is pointed at this server (DNS rebinding) gets nothing
//! from it, and whoever asks under a name of its own is told how.

use std::io::{BufReader, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::common::{
    Answer, FakeSpider, GroundControl, PATIENCE, Session, Setup, WebSocket, read_answer,
    request_bytes, upgrade_on,
};

fn ask(ground_control: &GroundControl, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(ground_control.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    read_answer(&mut BufReader::new(stream)).unwrap()
}

#[test]
fn a_foreign_page_can_not_sign_in_with_the_default_password() {
    let mut ground_control = Setup::new().without_env("STARDUST_ADMIN_PASS").start();
    let login = json!({"user": "admin", "password": "admin"});
    let origin = ("Origin", "http://evil.example:8933");
    for (method, target, body) in [
        ("GET", "/", None),
        ("GET", "/api/auth/session", None),
        ("POST", "/api/auth/login", Some(&login)),
    ] {
        let host = "evil.example:8933";
        let bytes = request_bytes(method, target, host, &[origin], body);
        let answer = ask(&ground_control, &bytes);
        assert_eq!(answer.status, 421, "{target}: {}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!(error["kind"], "foreign_host");
        let hint = error["hint"].as_str().unwrap();
        assert!(hint.contains("--allowed-host"), "{hint}");
        assert!(answer.header("Set-Cookie").is_none());
    }
    let stream = TcpStream::connect(ground_control.address).unwrap();
    let (answer, _) = upgrade_on(stream, "/live", "evil.example", &[origin]);
    assert_eq!(answer.status, 421);
    // Said once, with what to do.
    let line = ground_control.process.line_with("evil.example");
    assert!(line.contains("--allowed-host"), "{line}");
    let output = ground_control.process.output();
    assert_eq!(output.matches("evil.example").count(), 1, "{output}");

    // No Host, two of them, or one that is none.
    for hosts in [
        "",
        "Host: localhost\r\nHost: localhost\r\n",
        "Host: a b\r\n",
    ] {
        let text = format!("GET / HTTP/1.1\r\n{hosts}\r\n");
        let answer = ask(&ground_control, text.as_bytes());
        assert_eq!(answer.status, 400, "{hosts:?}: {}", answer.text());
    }
    // A health check of a load balancer has whatever name it has.
    for text in [
        "GET /healthz HTTP/1.1\r\nHost: backend-1\r\n\r\n",
        "GET /healthz HTTP/1.0\r\n\r\n",
    ] {
        assert_eq!(ask(&ground_control, text.as_bytes()).status, 200, "{text}");
    }
}

#[test]
fn names_of_ours_work_and_spiders_may_use_any() {
    let ground_control = Setup::new()
        .args(&["--server-url", "https://stardust.example"])
        .args(&["--allowed-host", "gc.lan", "--allowed-host=other.lan"])
        .start();
    let session: Session = ground_control.login();
    let node = session.add_node("named");
    for host in ["stardust.example", "gc.lan:8933", "OTHER.lan", "localhost"] {
        let bytes = request_bytes("GET", "/", host, &[], None);
        assert_eq!(ask(&ground_control, &bytes).status, 200, "{host}");
    }
    let bytes = request_bytes("GET", "/", "third.lan", &[], None);
    assert_eq!(ask(&ground_control, &bytes).status, 421);

    // A node that was given another name long ago: no page can send its token.
    let bearer = format!("Bearer {}", node.token);
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Sec-WebSocket-Protocol", "stardust.v1"),
    ];
    let stream = TcpStream::connect(ground_control.address).unwrap();
    let (answer, stream) = upgrade_on(stream, "/ws", "an.old.name:8933", &headers);
    assert_eq!(answer.status, 101, "{}", answer.text());
    let mut spider = FakeSpider {
        socket: WebSocket::new(stream),
    };
    assert!(spider.text(&crate::common::hello("run").encode()));
}
