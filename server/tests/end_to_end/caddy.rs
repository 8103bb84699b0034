//! Debian's Caddy in front, with the two lines of README's recipe.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::behind_proxy::{self, Kept};
use crate::common::{
    Browser, FakeSpider, Folder, GroundControl, Live, LiveEvent, PATIENCE, Proxy, Session, Setup,
    Spider, WebSocket, certificates, eventually, installed, stored, upgrade, upgrade_on,
};

fn plain(upstream: SocketAddr) -> Option<Proxy> {
    let binary = installed("caddy", "caddy")?;
    Some(start(&binary, Folder::new("caddy"), upstream, "http", ""))
}

fn start(binary: &Path, folder: Folder, upstream: SocketAddr, scheme: &str, tls: &str) -> Proxy {
    let config = |address: SocketAddr, _: &Path| {
        format!(
            "{{\n admin off\n auto_https off\n}}\n\
             {scheme}://127.0.0.1:{port}, {scheme}://localhost:{port} {{\n\
             bind 127.0.0.1\n{tls}\nreverse_proxy {upstream}\n}}\n",
            port = address.port()
        )
    };
    Proxy::start("caddy", folder, config, |folder| {
        let mut command = Command::new(binary);
        command
            .args(["run", "--adapter", "caddyfile", "--config", "config"])
            .env("HOME", folder)
            .env("XDG_DATA_HOME", folder)
            .env("XDG_CONFIG_HOME", folder);
        command
    })
}

fn behind_a_proxy() -> GroundControl {
    Setup::new().args(&["--trusted-proxy", "127.0.0.1"]).start()
}

#[test]
fn all_works_through_caddy() {
    let ground_control = behind_a_proxy();
    let Some(caddy) = plain(ground_control.address) else {
        return;
    };
    behind_proxy::all_works(caddy.address);
}

#[test]
fn an_upgrade_after_a_refused_one_finds_its_way() {
    let ground_control = behind_a_proxy();
    let Some(caddy) = plain(ground_control.address) else {
        return;
    };
    let session = ground_control.login();
    let bearer = session.bearer();
    for round in 0..6 {
        let mut kept = Kept::open(caddy.address);
        for _ in 0..round % 3 {
            assert_eq!(kept.get("/healthz", &[]).status, 200);
        }
        // Caddy was seen to send an Upgrade on a connection that had answered 401.
        let wrong = [("Authorization", "Bearer wrong")];
        let stream = kept.stream.try_clone().unwrap();
        assert_eq!(
            upgrade_on(stream, "/live", &kept.host, &wrong).0.status,
            401
        );
        let good = [("Authorization", bearer.as_str())];
        let (answer, stream) = upgrade(caddy.address, "/live", &good);
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
fn clients_can_not_name_themselves_through_caddy() {
    let ground_control = behind_a_proxy();
    let Some(caddy) = plain(ground_control.address) else {
        return;
    };
    let session = ground_control.login();
    let node = session.add_node("spoofed");
    let token = format!("Bearer {}", node.token);
    let headers = [
        ("Authorization", token.as_str()),
        ("Sec-WebSocket-Protocol", "stardust.v1"),
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Stardust-Client", "6.6.6.6"),
    ];
    let (answer, stream) = upgrade(caddy.address, "/ws", &headers);
    assert_eq!(answer.status, 101, "{}", answer.text());
    let mut spider = FakeSpider {
        socket: WebSocket::new(stream),
    };
    assert!(spider.text(&crate::common::hello("run").encode()));
    eventually("the node is online", || {
        (session.status(node.id) == "online").then_some(())
    });
    assert_eq!(session.node(node.id)["address"], "127.0.0.1");
}

#[test]
fn a_restart_behind_caddy_loses_nothing() {
    let setup = Setup::new().fixed_port();
    let mut ground_control = setup.start();
    let Some(caddy) = plain(ground_control.address) else {
        return;
    };
    let node = ground_control.login().add_node("behind-caddy");
    let url = format!("ws://{}", caddy.address);
    let spider = Spider::start(&url, &node.token, 200, &[]);
    let database = ground_control.setup.database();
    let reached = |seq: u64| {
        eventually(&format!("sequence {seq} is durable"), || {
            Some(stored(&database, node.id)).filter(|stored| stored.last_seq() >= seq)
        })
    };
    reached(5);
    ground_control.kill();
    let before = stored(&database, node.id).last_seq();
    ground_control.start_again();
    reached(before + 15).assert_complete();
    drop(spider);
}

#[test]
fn https_and_wss_end_at_caddy() {
    let Some(binary) = installed("caddy", "caddy") else {
        return;
    };
    let folder = Folder::new("caddy-tls");
    if !certificates(&folder) {
        return;
    }
    let ca = Folder::new("ca");
    std::fs::copy(folder.join("ca.pem"), ca.join("ca.pem")).unwrap();
    let ground_control = behind_a_proxy();
    let upstream = ground_control.address;
    let caddy = start(&binary, folder, upstream, "https", "tls tls.crt tls.key");
    let browser = Browser::new(&ca, caddy.address);
    let body = serde_json::json!({"user": "admin", "password": crate::common::ADMIN_PASSWORD});
    let (login, _) = browser.request("POST", "/api/auth/login", &[], Some(&body));
    assert_eq!(login.status, 200, "{}", login.text());
    for cookie in login.headers_named("Set-Cookie") {
        assert!(cookie.to_ascii_lowercase().contains("; secure"), "{cookie}");
    }
    let session = Session::of(ground_control.address, &login);
    let node = session.add_node("secure");
    let url = format!("wss://{}", browser.host());
    let ca_file = ca.join("ca.pem").to_str().unwrap().to_owned();
    let _spider = Spider::start(&url, &node.token, 200, &["--ca-file", &ca_file]);
    eventually("the node is online", || {
        (session.status(node.id) == "online").then_some(())
    });
}
