//! What of a request stands in the audit.

use serde_json::{Value, json};

use super::schema::check;
use super::{Call, Operator, PASSWORD, USER};
use crate::store::audit::Verdict;

fn lines(operator: &Operator, query: &str) -> Vec<Value> {
    let answer = operator.get(&format!("/api/audit{query}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    check("Audit", &answer.json());
    answer.json()["audit"].as_array().unwrap().clone()
}

#[test]
fn each_change_is_a_line_with_who_what_where_and_how_it_ended() {
    let operator = Operator::new();
    operator.post("/api/nodes", &json!({"name": "pi", "tags": ["web"]}));
    operator.post("/api/nodes", &json!({"name": "pi"}));
    operator.send(Call::new("PATCH", "/api/nodes/1").json(&json!({"name": "pi4"})));
    operator.send(Call::new("DELETE", "/api/nodes/1"));
    operator.get("/api/nodes");
    let found = lines(&operator, "");
    let said: Vec<_> = found
        .iter()
        .map(|line| {
            (
                line["action"].as_str().unwrap(),
                line["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("node.remove", "done"),
            ("node.change", "done"),
            ("node.add", "refused"),
            ("node.add", "done"),
            ("auth.login", "done"),
        ]
    );
    let add = &found[3];
    assert_eq!((&add["node"], &add["node_name"]), (&json!(1), &json!("pi")));
    assert_eq!(
        (&add["actor"], &add["username"]),
        (&json!("user"), &json!(USER))
    );
    assert_eq!(add["address"], "127.0.0.1");
    assert!(add["via"].as_str().unwrap().starts_with("session "));
    assert_eq!(add["detail"]["tags"], json!(["web"]));
    assert_eq!(found[0]["node_name"], "pi4");
    assert_eq!(lines(&operator, "?action=node.&outcome=refused").len(), 1);
    assert_eq!(lines(&operator, "?node=1").len(), 3);
    assert_eq!(lines(&operator, "?limit=2").len(), 2);
    let store = &operator.server.app.store;
    assert!(matches!(
        store.verify_audit().unwrap(),
        Verdict::Whole { rows: 5, .. }
    ));
}

#[test]
fn secrets_are_in_no_line() {
    let operator = Operator::new();
    let (password, key) = (
        "five years is all we got",
        "-----BEGIN OPENSSH PRIVATE KEY-----secretkey",
    );
    operator.post(
        "/api/users",
        &json!({"username": "a", "password": password, "role": "viewer"}),
    );
    operator.send(
        Call::new("PATCH", "/api/users/2").json(&json!({"password": "another five years of it"})),
    );
    let made = operator.post("/api/tokens", &json!({"name": "t"})).json();
    operator.post(
        "/api/nodes/deploy",
        &json!({"host": "127.0.0.1", "port": 1, "user": "u", "auth": {"key": key, "passphrase": "opensesame"},
                "sudo_password": "sudosecret", "host_key": "SHA256:x"}),
    );
    operator
        .server
        .send(&Call::login(USER, "wrong password here"));
    let text = json!(lines(&operator, "?limit=100")).to_string();
    for secret in [
        PASSWORD,
        password,
        "another five years of it",
        made["token"].as_str().unwrap(),
        "secretkey",
        "opensesame",
        "sudosecret",
        "wrong password here",
        "argon2",
    ] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("user.add") && text.contains("token.add"));
}

#[test]
fn what_a_token_does_is_its_owners_and_says_so() {
    let operator = Operator::new();
    let made = operator
        .post("/api/tokens", &json!({"name": "automation"}))
        .json();
    let token = made["token"].as_str().unwrap();
    let add = Call::new("POST", "/api/nodes").json(&json!({"name": "pi"}));
    assert_eq!(operator.server.send(&add.bearer(token)).status, 201);
    let line = &lines(&operator, "?action=node.add")[0];
    assert_eq!(line["actor"], "token");
    assert_eq!(
        (&line["username"], &line["via"]),
        (&json!(USER), &json!("token 1 automation"))
    );
}

#[test]
fn the_export_has_a_line_for_each_and_is_one_itself() {
    let operator = Operator::new();
    operator.post("/api/nodes", &json!({"name": "pi"}));
    let answer = operator.get("/api/audit.jsonl");
    let text = String::from_utf8(answer.body).unwrap();
    let found: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(found.len(), 2);
    assert_eq!(
        (&found[0]["id"], &found[1]["action"]),
        (&json!(1), &json!("node.add"))
    );
    assert_eq!(lines(&operator, "?action=audit.export").len(), 1);
    let rest = operator.get("/api/audit.jsonl?after=2");
    assert_eq!(String::from_utf8(rest.body).unwrap().lines().count(), 1);
}

#[test]
fn who_knocks_without_a_login_fills_no_disk() {
    let operator = Operator::new();
    let server = &operator.server;
    for n in 0..30 {
        server.send(&Call::login("nobody", &format!("wrong {n}")));
        server.send(&Call::new("POST", "/api/nodes").json(&json!({"name": "x"})));
    }
    let actions: Vec<_> = lines(&operator, "?limit=100");
    assert_eq!(actions.len(), 1, "{actions:?}");
}
