//! What scripts rely on: keys for changes, versions, how often a token may ask, and waiting
//! for what happens.

use std::time::{Duration, Instant};

use serde_json::json;

use super::schema::check;
use super::{Answer, Call, Operator};
use crate::auth::rate::PER_MINUTE;

fn add(operator: &Operator, key: &str, name: &str) -> Answer {
    operator.send(
        Call::new("POST", "/api/nodes")
            .header("Idempotency-Key", key)
            .json(&json!({"name": name})),
    )
}

#[test]
fn the_same_under_one_key_is_done_once_and_answered_the_same() {
    let operator = Operator::new();
    let first = add(&operator, "key-1", "pi");
    let again = add(&operator, "key-1", "pi");
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.body, again.body, "with the same token of the node");
    assert_eq!(again.header("Idempotency-Replayed"), Some("true"));
    assert_eq!(again.header("Location"), first.header("Location"));
    assert_eq!(
        operator.get("/api/nodes").json()["nodes"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // Something else under it, and a key that is none.
    assert_eq!(add(&operator, "key-1", "other").status, 400);
    assert_eq!(add(&operator, "", "pi2").status, 400);
    assert_eq!(add(&operator, &"k".repeat(129), "pi2").status, 400);
    // What was refused can be put right under the same key.
    assert_eq!(add(&operator, "key-2", "pi").status, 409);
    operator.send(Call::new("DELETE", "/api/nodes/1"));
    assert_eq!(add(&operator, "key-2", "pi").status, 201);
    // Somebody else's key is another one.
    let made = operator.post("/api/tokens", &json!({"name": "t"})).json();
    let call = Call::new("POST", "/api/nodes")
        .header("Idempotency-Key", "key-1")
        .json(&json!({"name": "third"}));
    let answer = operator
        .server
        .send(&call.bearer(made["token"].as_str().unwrap()));
    assert_eq!(answer.status, 201);
    // The answer is on disk, and can't be read there.
    let token = first.json()["token"].as_str().unwrap().to_owned();
    let folder = operator
        .server
        .app
        .store
        .path()
        .parent()
        .unwrap()
        .to_owned();
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(
            !bytes
                .windows(token.len())
                .any(|part| part == token.as_bytes())
        );
    }
}

#[test]
fn of_two_at_once_one_is_done() {
    let operator = Operator::new();
    let token = operator.server.token();
    let send = operator.server.sender();
    let call = Call::new("POST", "/api/nodes")
        .header("Idempotency-Key", "key")
        .bearer(&token)
        .json(&json!({"name": "pi"}));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..4).map(|_| scope.spawn(|| send(&call).status)).collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(
        statuses.iter().all(|status| [201, 409].contains(status)),
        "{statuses:?}"
    );
    assert_eq!(
        operator.get("/api/nodes").json()["nodes"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_node_that_somebody_else_changed_is_not_changed_back() {
    let operator = Operator::new();
    operator.post("/api/nodes", &json!({"name": "pi"}));
    let etag = operator
        .get("/api/nodes/1")
        .header("ETag")
        .unwrap()
        .to_owned();
    let rename = |etag: &str, name: &str| {
        operator.send(
            Call::new("PATCH", "/api/nodes/1")
                .header("If-Match", etag)
                .json(&json!({"name": name})),
        )
    };
    let changed = rename(&etag, "pi4");
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("ETag").unwrap(), etag);
    let late = rename(&etag, "pi5");
    assert_eq!(
        (late.status, late.kind().as_str()),
        (412, "precondition_failed")
    );
    assert_eq!(rename("*", "pi5").status, 200);
    assert_eq!(operator.get("/api/nodes/1").json()["name"], "pi5");
}

#[test]
fn a_token_asks_so_often_and_is_told_so() {
    let operator = Operator::new();
    let made = operator.post("/api/tokens", &json!({"name": "t"})).json();
    let token = made["token"].as_str().unwrap();
    let ask = || operator.server.send(&Call::get("/api/nodes").bearer(token));
    let first = ask();
    assert_eq!(
        first.header("RateLimit-Limit"),
        Some(PER_MINUTE.to_string().as_str())
    );
    assert_eq!(
        first.header("RateLimit-Remaining"),
        Some((PER_MINUTE - 1).to_string().as_str())
    );
    let over = (0..PER_MINUTE)
        .map(|_| ask())
        .find(|answer| answer.status != 200)
        .unwrap();
    assert_eq!((over.status, over.kind().as_str()), (429, "throttled"));
    assert!(over.header("Retry-After").is_some());
    // A person is not held up by it.
    assert_eq!(operator.get("/api/nodes").status, 200);
    assert_eq!(operator.get("/api/nodes").header("RateLimit-Limit"), None);
}

#[test]
fn a_program_waits_for_what_happens_and_misses_nothing() {
    let operator = Operator::new();
    operator.post("/api/nodes", &json!({"name": "one"}));
    operator.post("/api/nodes", &json!({"name": "two"}));
    let from_start = operator.get("/api/events?after=0&limit=1").json();
    check("Events", &from_start);
    assert_eq!(from_start["events"][0]["node_name"], "one");
    let last = from_start["last"].as_i64().unwrap();
    let rest = operator.get(&format!("/api/events?after={last}")).json();
    assert_eq!(rest["events"][0]["node_name"], "two");
    let last = rest["last"].as_i64().unwrap();
    // Nothing more: at once, or after a while.
    let none = operator
        .get(&format!("/api/events?after={last}&wait_s=0"))
        .json();
    assert_eq!((&none["events"], &none["last"]), (&json!([]), &json!(last)));
    let send = operator.server.sender();
    let token = operator.server.token();
    let began = Instant::now();
    let told = std::thread::scope(|scope| {
        let target = format!("/api/events?after={last}&wait_s=20");
        let (send, token) = (&send, &token);
        let waiting = scope.spawn(move || send(&Call::get(&target).bearer(token)).json());
        std::thread::sleep(Duration::from_millis(600));
        operator.post("/api/nodes", &json!({"name": "three"}));
        waiting.join().unwrap()
    });
    assert_eq!(told["events"][0]["node_name"], "three");
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "it came when it happened"
    );
    assert_eq!(operator.get("/api/events?after=0&wait_s=99").status, 400);
    assert_eq!(operator.get("/api/events?after=-1").status, 200);
}
