//! Debian's nginx in front: upstream keep-alive, Upgrade passed on, Host kept.

mod proxy;
mod tls;

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::common::{
    ADMIN_PASSWORD, Answer, Live, LiveEvent, PATIENCE, Session, Setup, Spider, WebSocket,
    eventually, read_answer, request_bytes, stored, upgrade, upgrade_on,
};
use proxy::Nginx;

/// A connection that is kept, as browsers and pools do.
struct Kept {
    stream: TcpStream,
    host: String,
}

impl Kept {
    fn open(nginx: &Nginx) -> Self {
        let stream = TcpStream::connect(nginx.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            host: nginx.address.to_string(),
        }
    }

    fn get(&mut self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.stream
            .write_all(&request_bytes("GET", target, &self.host, headers, None))
            .unwrap();
        // One byte at a time: what follows belongs to the next answer.
        read_answer(&mut BufReader::with_capacity(1, &self.stream)).unwrap()
    }
}

#[test]
fn page_login_live_and_spider_work_through_nginx() {
    let Some(binary) = proxy::binary() else {
        return;
    };
    let ground_control = Setup::new().args(&["--trusted-proxy", "127.0.0.1"]).start();
    let nginx = Nginx::plain(&binary, ground_control.address);

    // The page with all that it refers to, on one connection.
    let mut kept = Kept::open(&nginx);
    let page = kept.get("/", &[]);
    assert_eq!(page.status, 200);
    let text = page.text();
    let parts: Vec<&str> = text
        .split('"')
        .filter(|part| part.starts_with('/') && part.contains('.'))
        .collect();
    assert!(
        parts.iter().any(|part| part.ends_with(".js")),
        "no script in {text}"
    );
    for part in parts {
        let answer = kept.get(part, &[("Accept-Encoding", "gzip, br")]);
        assert_eq!(answer.status, 200, "{part}");
        assert!(!answer.body.is_empty(), "{part}");
    }

    let body = json!({"user": "admin", "password": ADMIN_PASSWORD});
    let login = crate::common::request(nginx.address, "POST", "/api/auth/login", &[], Some(&body));
    assert_eq!(login.status, 200, "{}", login.text());
    let session = Session::of(nginx.address, &login);
    let node = session.add_node("behind-nginx");
    assert!(
        node.command.contains(&nginx.address.to_string()),
        "{}",
        node.command
    );
    let url = format!("ws://{}", nginx.address);
    let _spider = Spider::start(&url, &node.token, 200, &[]);
    eventually("the node is online", || {
        (session.status(node.id) == "online").then_some(())
    });

    // The live view, on a connection that had requests before.
    assert_eq!(kept.get("/healthz", &[]).status, 200);
    let origin = format!("http://{}", nginx.address);
    let cookie = [
        ("Cookie", session.cookie.as_str()),
        ("Origin", origin.as_str()),
    ];
    assert_eq!(kept.get("/api/nodes", &cookie).status, 200);
    let (answer, stream) = upgrade_on(kept.stream, "/live", &kept.host, &cookie);
    assert_eq!(answer.status, 101, "{}", answer.text());
    let mut live = Live {
        socket: WebSocket::new(stream),
    };
    let snapshot = live.message("snapshot");
    assert_eq!(snapshot["nodes"][0]["status"], "online");
    live.watch(&[node.id]);
    let first = live.message("sample")["time_ms"].as_i64().unwrap();
    assert!(live.message("sample")["time_ms"].as_i64().unwrap() > first);

    // A foreign page is refused through the proxy too.
    let foreign = [
        ("Cookie", session.cookie.as_str()),
        ("Origin", "http://evil.example"),
    ];
    assert_eq!(upgrade(nginx.address, "/live", &foreign).0.status, 403);
}

#[test]
fn upgrades_on_kept_connections_always_find_their_way() {
    let Some(binary) = proxy::binary() else {
        return;
    };
    let ground_control = Setup::new().start();
    let nginx = Nginx::plain(&binary, ground_control.address);
    let session = ground_control.login();
    let bearer = session.bearer();
    for round in 0..10 {
        let mut kept = Kept::open(&nginx);
        // Requests, and an Upgrade that is refused, before the one that counts.
        for _ in 0..round % 4 {
            assert_eq!(kept.get("/healthz", &[]).status, 200);
            assert_eq!(
                kept.get("/api/nodes", &[("Authorization", &bearer)]).status,
                200
            );
        }
        let wrong = [("Authorization", "Bearer wrong")];
        let refused = upgrade_on(
            kept.stream.try_clone().unwrap(),
            "/live",
            &kept.host,
            &wrong,
        )
        .0;
        assert_eq!(refused.status, 401, "round {round}");
        assert_eq!(kept.get("/healthz", &[]).json()["status"], "ok");
        let good = [("Authorization", bearer.as_str())];
        let (answer, stream) = upgrade_on(kept.stream, "/live", &kept.host, &good);
        assert_eq!(answer.status, 101, "round {round}: {}", answer.text());
        let mut live = Live {
            socket: WebSocket::new(stream),
        };
        match live.next(PATIENCE) {
            LiveEvent::Json(message) => assert_eq!(message["type"], "snapshot"),
            other => panic!("round {round}: {other:?}"),
        }
    }
}

#[test]
fn a_restart_behind_nginx_loses_nothing() {
    let Some(binary) = proxy::binary() else {
        return;
    };
    let setup = Setup::new()
        .fixed_port()
        .args(&["--commit-interval", "1500"]);
    let mut ground_control = setup.start();
    let nginx = Nginx::plain(&binary, ground_control.address);
    let session = ground_control.login();
    let node = session.add_node("behind-nginx");
    let url = format!("ws://{}", nginx.address);
    let spider = Spider::start(&url, &node.token, 200, &[]);
    let database = ground_control.setup.database();
    let reached = |seq: u64| {
        eventually(&format!("sequence {seq} is durable"), || {
            Some(stored(&database, node.id)).filter(|stored| stored.last_seq() >= seq)
        })
    };
    reached(5);
    ground_control.kill();
    // nginx answers 502 meanwhile.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(upgrade(nginx.address, "/ws", &[]).0.status, 502);
    let before = stored(&database, node.id).last_seq();
    ground_control.start_again();
    reached(before + 25).assert_complete();
    drop(spider);
}
