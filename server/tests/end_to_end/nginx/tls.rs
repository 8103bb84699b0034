//! TLS ends at nginx: certificates of a CA of our own, `wss://` from the Spider.

use serde_json::{Value, json};

use super::proxy;
use crate::common::{
    ADMIN_PASSWORD, Browser, Folder, PATIENCE, Session, Setup, Spider, certificates, eventually,
};

#[test]
fn https_and_wss_end_at_nginx() {
    let Some(binary) = proxy::binary() else {
        return;
    };
    let folder = Folder::new("nginx-tls");
    if !certificates(&folder) {
        return;
    }
    let ground_control = Setup::new().args(&["--trusted-proxy", "127.0.0.1"]).start();
    let ca_file = folder.join("ca.pem").to_str().unwrap().to_owned();
    let ca_copy = Folder::new("ca");
    std::fs::copy(&ca_file, ca_copy.join("ca.pem")).unwrap();
    let nginx = proxy::tls(&binary, folder, ground_control.address);
    let browser = Browser::new(&ca_copy, nginx.address);

    assert_eq!(browser.request("GET", "/", &[], None).0.status, 200);
    let body = json!({"user": "admin", "password": ADMIN_PASSWORD});
    let (login, _) = browser.request("POST", "/api/auth/login", &[], Some(&body));
    assert_eq!(login.status, 200, "{}", login.text());
    for cookie in login.headers_named("Set-Cookie") {
        assert!(cookie.to_ascii_lowercase().contains("; secure"), "{cookie}");
    }
    let of_browser = Session::of(ground_control.address, &login);

    // The command of a new node says wss.
    let origin = format!("https://{}", browser.host());
    let cookie = of_browser.cookie.as_str();
    let headers = [
        ("Cookie", cookie),
        ("X-CSRF-Token", of_browser.csrf.as_str()),
    ];
    let (added, _) = browser.request(
        "POST",
        "/api/nodes",
        &headers,
        Some(&json!({"name": "secure"})),
    );
    assert_eq!(added.status, 201, "{}", added.text());
    let added = added.json();
    let command = added["command"].as_str().unwrap();
    let url = format!("wss://{}", browser.host());
    assert!(command.contains(&url), "{command}");

    let token = added["token"].as_str().unwrap();
    let id = added["id"].as_i64().unwrap();
    let session = ground_control.login();
    // A Spider that does not know the CA says so and delivers nothing.
    let mut stranger = Spider::start(&url, token, 200, &[]);
    let line = stranger.process.line_with("certificate");
    assert!(!line.contains(token), "{line}");
    assert_eq!(session.status(id), "pending");
    drop(stranger);
    let _spider = Spider::start(&url, token, 200, &["--ca-file", &ca_file]);
    eventually("the node is online", || {
        (session.status(id) == "online").then_some(())
    });

    // The live view over wss.
    let handshake = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Cookie", cookie),
        ("Origin", &origin),
    ];
    let (answer, stream) = browser.request("GET", "/live", &handshake, None);
    assert_eq!(answer.status, 101, "{}", answer.text());
    stream.sock.set_read_timeout(Some(PATIENCE)).unwrap();
    let role = tungstenite::protocol::Role::Client;
    let mut live = tungstenite::WebSocket::from_raw_socket(stream, role, None);
    let mut kinds = Vec::new();
    while kinds.len() < 3 {
        let message = live.read().expect("a message");
        if let tungstenite::Message::Text(text) = message {
            let message: Value = serde_json::from_str(&text).unwrap();
            // What happened is told between the others, whenever it does.
            if message["type"] != "events" {
                kinds.push(message["type"].as_str().unwrap().to_owned());
            }
        }
    }
    assert_eq!(kinds, ["snapshot", "changes", "changes"]);
}
