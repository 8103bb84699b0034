//! What has to work through every proxy.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::json;

use crate::common::{
    ADMIN_PASSWORD, Answer, Live, PATIENCE, Session, Spider, WebSocket, eventually, read_answer,
    request_bytes, upgrade, upgrade_on,
};

/// A connection that is kept, as browsers and pools do.
pub struct Kept {
    pub stream: TcpStream,
    pub host: String,
}

impl Kept {
    pub fn open(proxy: SocketAddr) -> Self {
        let stream = TcpStream::connect(proxy).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            stream,
            host: proxy.to_string(),
        }
    }

    pub fn get(&mut self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.stream
            .write_all(&request_bytes("GET", target, &self.host, headers, None))
            .unwrap();
        // One byte at a time: what follows belongs to the next answer.
        read_answer(&mut BufReader::with_capacity(1, &self.stream)).unwrap()
    }
}

/// The page, a login, uploads, the live view and a Spider, through the proxy.
pub fn all_works(proxy: SocketAddr) {
    // The page with all that it refers to, on one connection.
    let mut kept = Kept::open(proxy);
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
    let login = crate::common::request(proxy, "POST", "/api/auth/login", &[], Some(&body));
    assert_eq!(login.status, 200, "{}", login.text());
    let session = Session::of(proxy, &login);
    let node = session.add_node("behind-a-proxy");
    assert!(
        node.command.contains(&proxy.to_string()),
        "{}",
        node.command
    );
    let url = format!("ws://{}", proxy);
    let _spider = Spider::start(&url, &node.token, 200, &[]);
    eventually("the node is online", || {
        (session.status(node.id) == "online").then_some(())
    });

    // Who the proxy says that it is, since the proxy is trusted; what the client
    // says of itself is dropped or overruled.
    let address = session.node(node.id)["address"].clone();
    assert_eq!(address, "127.0.0.1");

    // A body as large as bodies may be arrives whole.
    let large = json!({"name": "x".repeat(900 << 10)});
    let refused = session.call("POST", "/api/nodes", Some(&large));
    assert_eq!(
        (refused.status, refused.error_kind()),
        (400, "invalid".into())
    );

    // The live view, on a connection that had requests before.
    assert_eq!(kept.get("/healthz", &[]).status, 200);
    let origin = format!("http://{}", proxy);
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
    assert_eq!(upgrade(proxy, "/live", &foreign).0.status, 403);
}
