//! Tokens of programs: what they are good for, and when no more.

use serde_json::{Value, json};

use super::accounts::{PASSWORD, add_user, patch, status};
use super::schema::check;
use super::{Call, Operator};

#[test]
fn a_token_is_good_for_what_it_says_and_ends() {
    let operator = Operator::new();
    let server = &operator.server;
    operator.post("/api/nodes", &json!({"name": "w", "tags": ["web"]}));
    operator.post("/api/nodes", &json!({"name": "d", "tags": ["db"]}));
    let make = |body: Value| {
        let made = operator.post("/api/tokens", &body);
        assert_eq!(made.status, 201, "{made:?}");
        check("NewToken", &made.json());
        made.json()["token"].as_str().unwrap().to_owned()
    };
    let reader = make(json!({"name": "dashboard", "read_only": true, "tags": ["web"]}));
    assert!(reader.starts_with("sdt_"));
    let nodes = server.send(&Call::get("/api/nodes").bearer(&reader)).json();
    assert_eq!(nodes["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(status(server, &reader, "/api/nodes/2"), 404);
    assert_eq!(status(server, &reader, "/metrics"), 200);
    assert_eq!(status(server, &reader, "/api/users"), 403);
    let rename = Call::new("PATCH", "/api/nodes/1").json(&json!({"name": "x"}));
    assert_eq!(server.send(&rename.clone().bearer(&reader)).status, 403);
    let admin = make(json!({"name": "automation"}));
    assert_eq!(server.send(&rename.bearer(&admin)).status, 200);
    // It is shown once, and kept as a hash.
    let list = operator.get("/api/tokens");
    check("Tokens", &list.json());
    assert!(!String::from_utf8_lossy(&list.body).contains(&reader));
    assert_eq!(list.json()["tokens"][0]["used_address"], "127.0.0.1");
    for entry in std::fs::read_dir(server.app.store.path().parent().unwrap()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        let found = bytes
            .windows(20)
            .any(|part| part == &reader.as_bytes()[..20]);
        assert!(!found, "the token is on disk");
    }
    // It does not make users of its own, nor change the password.
    let password =
        Call::new("POST", "/api/auth/password").json(&json!({"current": "a", "new": "b"}));
    assert_eq!(server.send(&password.bearer(&admin)).status, 403);
    // Twice one name, a time that is over, and ends.
    let twice = operator.post("/api/tokens", &json!({"name": "dashboard"}));
    assert_eq!(twice.status, 409);
    let past = operator.post("/api/tokens", &json!({"name": "past", "expires_ms": 5}));
    assert_eq!(past.status, 400);
    assert_eq!(
        operator.send(Call::new("DELETE", "/api/tokens/1")).status,
        204
    );
    assert_eq!(status(server, &reader, "/api/nodes"), 401);
    let soon = crate::clock::wall_ms() + 300;
    let short = make(json!({"name": "short", "expires_ms": soon}));
    assert_eq!(status(server, &short, "/api/nodes"), 200);
    while crate::clock::wall_ms() <= soon {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(status(server, &short, "/api/nodes"), 401);
}

#[test]
fn a_token_is_never_good_for_more_than_its_owner() {
    let operator = Operator::new();
    let server = &operator.server;
    operator.post("/api/nodes", &json!({"name": "w", "tags": ["web"]}));
    operator.post("/api/nodes", &json!({"name": "d", "tags": ["db"]}));
    add_user(
        &operator,
        "major",
        json!({"role": "operator", "tags": ["web"]}),
    );
    let major = server.token_of("major", PASSWORD);
    let make =
        |body: Value| server.send(&Call::new("POST", "/api/tokens").bearer(&major).json(&body));
    for body in [
        json!({"name": "a", "role": "admin"}),
        json!({"name": "a", "tags": ["db"]}),
        json!({"name": "a", "rights": ["terminal"]}),
        json!({"name": "a", "rights": ["deploy"]}),
    ] {
        let answer = make(body.clone());
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (403, "forbidden"),
            "{body}"
        );
    }
    let made = make(json!({"name": "mine"}));
    assert_eq!(made.status, 201, "{made:?}");
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let count = |token: &str| {
        let nodes = server.send(&Call::get("/api/nodes").bearer(token)).json();
        nodes["nodes"].as_array().unwrap().len()
    };
    assert_eq!(count(&token), 1);
    // Others do not see it; an admin of everything does, and can end it.
    add_user(&operator, "other", json!({}));
    let other = server.token_of("other", PASSWORD);
    let seen = server.send(&Call::get("/api/tokens").bearer(&other)).json();
    assert_eq!(seen["tokens"], json!([]));
    let end = Call::new("DELETE", "/api/tokens/1");
    assert_eq!(server.send(&end.clone().bearer(&other)).status, 404);
    assert_eq!(
        operator.get("/api/tokens").json()["tokens"][0]["username"],
        "major"
    );
    // It follows its owner down, and ends with the owner.
    patch(
        &operator,
        "/api/users/2",
        json!({"tags": ["none of these"]}),
    );
    assert_eq!(count(&token), 0);
    patch(&operator, "/api/users/2", json!({"disabled": true}));
    assert_eq!(status(server, &token, "/api/nodes"), 401);
    patch(&operator, "/api/users/2", json!({"disabled": false}));
    assert_eq!(status(server, &token, "/api/nodes"), 200);
    assert_eq!(
        operator.send(Call::new("DELETE", "/api/users/2")).status,
        204
    );
    assert_eq!(status(server, &token, "/api/nodes"), 401);
}
