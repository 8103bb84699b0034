//! Spiders for who installs them by hand, and tokens for who has none any more.

use serde_json::json;
use sha2::{Digest, Sha256};
use stardust_shared::message::{Hello, Identity};

use super::schema::check;
use super::{Answer, Call, Operator};
use crate::auth::node_token;
use crate::deploy::settle_by_hand;
use crate::embedded_spiders;
use crate::store::SpiderRecord;

fn added(operator: &Operator) -> (String, String) {
    let answer = operator.post("/api/nodes", &json!({"name": "pi4"}));
    assert_eq!(answer.status, 201);
    check("NewNode", &answer.json());
    token_and_install(&answer)
}

fn token_and_install(answer: &Answer) -> (String, String) {
    let json = answer.json();
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    (text("token"), text("install"))
}

fn hex(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A Spider says hello with this token, as the gate would have it.
fn hello(operator: &Operator, token: &str) {
    let hello = Hello {
        kind: Hello::KIND.into(),
        protocol: 1,
        version: "0.1.0".into(),
        run: "r1".into(),
        boot_id: "b1".into(),
        oldest_seq: 0,
        newest_seq: 0,
        interval_ms: 1000,
        outage: None,
        clock_ms: None,
        identity: Identity::default(),
    };
    let app = &operator.server.app;
    let hash = node_token::sha256(token);
    assert_eq!(app.fleet.node_of_token(&hash), Some(1));
    app.fleet
        .with_node(1, |node| node.hello(&hello, &hash, "192.0.2.7", 1000, 5));
    settle_by_hand(&app.work, 1).unwrap();
}

fn good(operator: &Operator, token: &str) -> bool {
    let hash = node_token::sha256(token);
    operator.server.app.fleet.node_of_token(&hash) == Some(1)
}

#[test]
fn spiders_are_for_who_is_logged_in_and_for_machines_with_a_token() {
    let operator = Operator::new();
    let list = operator.get("/api/spiders");
    check("Spiders", &list.json());
    let native = list.json()["spiders"]
        .as_array()
        .unwrap()
        .iter()
        .find(|spider| spider["arch"] == embedded_spiders::NATIVE_ARCH)
        .cloned()
        .unwrap();
    let path = native["path"].as_str().unwrap();
    let file = operator.get(path);
    assert_eq!(
        (file.status, &file.body[..]),
        (200, embedded_spiders::native())
    );
    assert_eq!(native["sha256"], hex(&file.body));
    assert_eq!(native["bytes"], file.body.len());

    let (token, _) = added(&operator);
    let send = |path: &str, token: &str| operator.server.send(&Call::get(path).bearer(token));
    assert_eq!(send(path, &token).body, embedded_spiders::native());
    // It opens nothing else, and another one nothing at all.
    for path in ["/api/spiders", "/api/nodes", "/api/nodes/1", "/metrics"] {
        assert_eq!(send(path, &token).status, 401, "{path}");
    }
    assert_eq!(send(path, "nonsense").status, 401);
    for arch in ["x86_64", "aarch64", "armv7"] {
        let there = embedded_spiders::for_arch(arch).is_some();
        let status = operator.get(&format!("/api/spiders/{arch}")).status;
        assert_eq!(status, if there { 200 } else { 404 }, "{arch}");
    }
}

#[test]
fn what_is_pasted_checks_the_script_that_is_served() {
    let operator = Operator::new();
    let (token, install) = added(&operator);
    let script = operator
        .server
        .send(&Call::get("/api/spiders/install.sh").bearer(&token));
    assert_eq!(script.status, 200);
    assert!(install.contains(&format!("echo '{}  install.sh'", hex(&script.body))));
    assert!(install.contains(&format!("printf '%s\\n' '{token}' >token")));
    let text = String::from_utf8(script.body).unwrap();
    assert!(text.contains(&hex(embedded_spiders::native())));
}

#[test]
fn a_lost_token_is_replaced_and_the_old_one_goes_when_the_new_one_was_seen() {
    let operator = Operator::new();
    let (first, _) = added(&operator);
    hello(&operator, &first);
    let new = || {
        let answer = operator.post("/api/nodes/1/token", &json!({}));
        assert_eq!(answer.status, 201);
        check("NewNode", &answer.json());
        token_and_install(&answer).0
    };
    let (second, third) = (new(), new());
    // Nobody has put it there yet.
    hello(&operator, &first);
    assert!([&first, &second, &third].map(|token| good(&operator, token)) == [true; 3]);
    hello(&operator, &second);
    // The third may still be on its way.
    let now = [&first, &second, &third].map(|token| good(&operator, token));
    assert_eq!(now, [false, true, true]);
    hello(&operator, &third);
    let now = [&first, &second, &third].map(|token| good(&operator, token));
    assert_eq!(now, [false, false, true]);

    // The same after a restart.
    let record = operator.server.app.store.node(1).unwrap().unwrap();
    assert_eq!(record.token_sha256, node_token::sha256(&third));
    assert!(record.next_tokens_sha256.is_empty());
    let events = operator
        .get("/api/events?kind=token&kind=token_in_use")
        .json();
    let kinds: Vec<_> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["token_in_use", "token_in_use", "token", "token"]);
}

#[test]
fn a_new_token_is_refused_where_it_makes_no_sense() {
    let operator = Operator::new();
    let answer = operator.post("/api/nodes/7/token", &json!({}));
    assert_eq!((answer.status, answer.kind().as_str()), (404, "not_found"));
    added(&operator);
    let answer = operator.post("/api/nodes/1/token", &json!([]));
    assert_eq!(answer.status, 400);
    let refused = |node: i64| {
        let answer = operator.post(&format!("/api/nodes/{node}/token"), &json!({}));
        assert_eq!((answer.status, answer.kind().as_str()), (409, "conflict"));
        check("Error", &answer.json());
        answer.json()["error"]["hint"].as_str().unwrap().to_owned()
    };

    // Under a job, which may be about to put another one there.
    let host = json!({
        "name": "over SSH", "host": "192.0.2.9", "user": "root",
        "auth": {"password": "for this once"},
        "host_key": "SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA",
    });
    let answer = operator.post("/api/nodes/deploy", &host);
    assert_eq!(answer.status, 202, "{:?}", answer.json());
    assert!(!refused(2).contains("rotate-token"));
    operator.send(Call::new("POST", "/api/jobs/1/cancel"));
    // What Ground Control has put there is replaced by it.
    let place = json!({
        "method": "systemd", "bin": "/usr/local/bin/stardust-spider",
        "folder": "/etc/stardust-spider", "user": "stardust-spider",
        "unit": "/etc/systemd/system/stardust-spider.service",
    });
    let record = SpiderRecord {
        place: serde_json::from_value(place).unwrap(),
        arch: "x86_64".into(),
        version: "0.1.0".into(),
        sha256: "00".into(),
        server_url: "ws://192.0.2.1:8933".into(),
        pin: None,
        installed_ms: 1,
    };
    operator.server.app.store.put_spider(2, &record).unwrap();
    assert!(refused(2).contains("rotate-token"));
    let known = operator.server.app.store.node(2).unwrap().unwrap();
    assert!(known.next_tokens_sha256.is_empty());
}
