//! Users, groups, tokens of programs, sessions.

use serde_json::{Value, json};

use super::schema::check;
use super::{Answer, Call, Operator, Server};

pub const PASSWORD: &str = "five years is all we got";

pub fn add_user(operator: &Operator, name: &str, more: Value) -> Value {
    let mut body = json!({"username": name, "password": PASSWORD, "role": "viewer"});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    let made = operator.post("/api/users", &body);
    assert_eq!(made.status, 201, "{made:?}");
    check("User", &made.json());
    made.json()
}

pub fn patch(operator: &Operator, target: &str, body: Value) -> Answer {
    operator.send(Call::new("PATCH", target).json(&body))
}

pub fn status(server: &Server, token: &str, target: &str) -> u16 {
    server.send(&Call::get(target).bearer(token)).status
}

#[test]
fn users_are_made_changed_and_ended() {
    let operator = Operator::new();
    let server = &operator.server;
    let made = add_user(
        &operator,
        "major",
        json!({"tags": ["web"], "rights": ["terminal"]}),
    );
    assert_eq!(
        (&made["role"], &made["tags"]),
        (&json!("viewer"), &json!(["web"]))
    );
    assert!(!made.to_string().contains("password_hash"));
    let list = operator.get("/api/users").json();
    check("Users", &list);
    assert_eq!(list["users"].as_array().unwrap().len(), 2);
    assert_eq!(list["users"][0]["role"], "admin");

    let token = server.token_of("major", PASSWORD);
    assert_eq!(status(server, &token, "/api/nodes"), 200);
    assert_eq!(status(server, &token, "/api/users"), 403);
    // What may be done changes at once, without another login.
    let changed = patch(
        &operator,
        "/api/users/2",
        json!({"role": "admin", "tags": []}),
    );
    assert_eq!(changed.status, 200);
    assert_eq!(status(server, &token, "/api/users"), 200);
    // A disabled user is out, and can't come in.
    assert_eq!(
        patch(&operator, "/api/users/2", json!({"disabled": true})).status,
        200
    );
    assert_eq!(status(server, &token, "/api/nodes"), 401);
    assert_eq!(server.send(&Call::login("major", PASSWORD)).status, 401);
    assert_eq!(
        patch(&operator, "/api/users/2", json!({"disabled": false})).status,
        200
    );
    assert_eq!(
        status(server, &token, "/api/nodes"),
        401,
        "the session has ended"
    );
    let token = server.token_of("major", PASSWORD);
    // Another name, and a password that must be changed.
    let body = json!({"username": "tom", "must_change_password": true});
    assert_eq!(patch(&operator, "/api/users/2", body).status, 200);
    assert_eq!(status(server, &token, "/api/nodes"), 401);
    let token = server.token_of("tom", PASSWORD);
    assert_eq!(status(server, &token, "/api/nodes"), 403);
    let body = json!({"current": PASSWORD, "new": "sound and vision of 1977"});
    let call = Call::new("POST", "/api/auth/password")
        .bearer(&token)
        .json(&body);
    assert_eq!(server.send(&call).status, 200);
    let gone = operator.send(Call::new("DELETE", "/api/users/2"));
    assert_eq!(gone.status, 204);
    assert_eq!(
        operator.send(Call::new("DELETE", "/api/users/2")).status,
        404
    );
    assert_eq!(patch(&operator, "/api/users/2", json!({})).status, 404);
    assert_eq!(server.send(&Call::login("tom", PASSWORD)).status, 401);
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let operator = Operator::new();
    add_user(&operator, "major", json!({}));
    let good = json!({"username": "tom", "password": PASSWORD, "role": "viewer"});
    for (field, value, status, said) in [
        ("username", json!("major"), 409, "taken"),
        ("username", json!(""), 400, "user name"),
        ("username", json!("a\u{202e}b"), 400, "direction"),
        ("username", json!("x".repeat(65)), 400, "user name"),
        ("password", json!("short"), 400, "shorter"),
        ("role", json!("root"), 400, "root"),
        ("rights", json!(["all"]), 400, "all"),
        ("tags", json!(["a\u{0}"]), 400, "tags"),
        ("tags", json!("web"), 400, ""),
        ("groups", json!([9]), 400, "group 9"),
        ("unknown", json!(1), 400, "unknown"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let answer = operator.post("/api/users", &body);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, status, "{body} {text}");
        assert!(text.contains(said), "{said}: {text}");
        assert!(!text.contains(PASSWORD), "{text}");
    }
    assert_eq!(
        operator.get("/api/users").json()["users"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn the_last_admin_stays_whatever_two_requests_do_at_once() {
    for round in 0..8 {
        let operator = Operator::new();
        add_user(&operator, "second", json!({"role": "admin"}));
        let other = operator.server.token_of("second", PASSWORD);
        let send = operator.server.sender();
        let take = |user: i64, token: &str| {
            let call = match round % 3 {
                0 => Call::new("DELETE", &format!("/api/users/{user}")),
                1 => Call::new("PATCH", &format!("/api/users/{user}"))
                    .json(&json!({"role": "operator"})),
                _ => Call::new("PATCH", &format!("/api/users/{user}"))
                    .json(&json!({"disabled": true})),
            };
            send(&call.bearer(token)).status
        };
        let own = operator.server.token();
        let mut statuses = std::thread::scope(|scope| {
            let one = scope.spawn(|| take(1, &other));
            let two = scope.spawn(|| take(2, &own));
            vec![one.join().unwrap(), two.join().unwrap()]
        });
        statuses.sort_unstable();
        let good = |status: u16| status == 200 || status == 204;
        assert!(good(statuses[0]) && !good(statuses[1]), "{statuses:?}");
        let users = operator.server.app.store.users().unwrap();
        let admins = users
            .iter()
            .filter(|user| !user.disabled && user.grant.role == crate::access::Role::Admin);
        assert_eq!(admins.count(), 1);
    }
    // An admin of some nodes is none of everything.
    let operator = Operator::new();
    add_user(
        &operator,
        "second",
        json!({"role": "admin", "tags": ["web"]}),
    );
    for body in [
        json!({"role": "viewer"}),
        json!({"tags": ["web"]}),
        json!({"disabled": true}),
    ] {
        let answer = patch(&operator, "/api/users/1", body);
        assert_eq!((answer.status, answer.kind().as_str()), (409, "conflict"));
    }
    assert_eq!(
        operator.send(Call::new("DELETE", "/api/users/1")).status,
        409
    );
}

#[test]
fn groups_add_to_what_their_members_may() {
    let operator = Operator::new();
    let server = &operator.server;
    operator.post("/api/nodes", &json!({"name": "w", "tags": ["web"]}));
    operator.post("/api/nodes", &json!({"name": "d", "tags": ["db"]}));
    let group = operator.post(
        "/api/groups",
        &json!({"name": "web team", "role": "operator", "tags": ["web"]}),
    );
    assert_eq!(group.status, 201, "{group:?}");
    check("Group", &group.json());
    add_user(&operator, "major", json!({"tags": ["db"], "groups": [1]}));
    let token = server.token_of("major", PASSWORD);
    assert_eq!(
        operator.get("/api/groups").json()["groups"][0]["members"],
        json!([2])
    );
    let nodes = server.send(&Call::get("/api/nodes").bearer(&token)).json();
    assert_eq!(nodes["nodes"].as_array().unwrap().len(), 2);
    let reboot = |node: i64| {
        let call = Call::new("POST", &format!("/api/nodes/{node}/reboot")).json(&json!({}));
        server.send(&call.bearer(&token)).kind()
    };
    assert_eq!(
        (reboot(1).as_str(), reboot(2).as_str()),
        ("credentials_needed", "forbidden")
    );
    let session = server
        .send(&Call::get("/api/auth/session").bearer(&token))
        .json();
    check("Session", &session);
    assert_eq!(session["role"], "operator");
    assert_eq!(session["grants"].as_array().unwrap().len(), 2);
    assert_eq!(
        operator.send(Call::new("DELETE", "/api/groups/1")).status,
        204
    );
    assert_eq!(reboot(1), "not_found");
    // Admins may come of a group alone; it can't go then.
    operator.post("/api/groups", &json!({"name": "admins", "role": "admin"}));
    assert_eq!(
        patch(
            &operator,
            "/api/users/1",
            json!({"groups": [2], "role": "viewer"})
        )
        .status,
        200
    );
    assert_eq!(
        operator.send(Call::new("DELETE", "/api/groups/2")).status,
        409
    );
    assert_eq!(
        patch(&operator, "/api/groups/2", json!({"role": "operator"})).status,
        409
    );
}

#[test]
fn a_change_of_what_somebody_else_changed_is_refused() {
    let operator = Operator::new();
    let made = operator.post(
        "/api/users",
        &json!({"username": "major", "password": PASSWORD, "role": "viewer"}),
    );
    let first = made.header("ETag").unwrap().to_owned();
    let change = |etag: &str, role: &str| {
        operator.send(
            Call::new("PATCH", "/api/users/2")
                .header("If-Match", etag)
                .json(&json!({"role": role})),
        )
    };
    let changed = change(&first, "operator");
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("ETag").unwrap(), first);
    let late = change(&first, "admin");
    assert_eq!(
        (late.status, late.kind().as_str()),
        (412, "precondition_failed")
    );
    assert_eq!(change("W/\"1\"", "admin").status, 400);
    assert_eq!(change("*", "viewer").status, 200);
    let gone = Call::new("DELETE", "/api/users/2").header("If-Match", &first);
    assert_eq!(operator.send(gone).status, 412);
}

#[test]
fn sessions_are_listed_and_ended_one_by_one() {
    let operator = Operator::new();
    let server = &operator.server;
    add_user(&operator, "major", json!({}));
    let call = Call::login("major", PASSWORD)
        .header("User-Agent", "curl/8\u{7}")
        .header("X-Stardust-Client", "203.0.113.9");
    let login = server.send(&call);
    let phone = login.json()["token"].as_str().unwrap().to_owned();
    let laptop = server.token_of("major", PASSWORD);
    let list = |token: &str| {
        server
            .send(&Call::get("/api/sessions").bearer(token))
            .json()
    };
    let own = list(&laptop);
    check("Sessions", &own);
    let mut own = own["sessions"].as_array().unwrap().clone();
    own.sort_by_key(|session| session["current"] == false);
    assert_eq!(own.len(), 2);
    assert_eq!(
        (own[0]["current"].as_bool(), own[1]["current"].as_bool()),
        (Some(true), Some(false))
    );
    assert_eq!(own[1]["address"], "203.0.113.9");
    assert_eq!(own[1]["agent"], "curl/8\u{fffd}");
    assert!(!phone.contains(own[1]["id"].as_str().unwrap()));
    let target = format!("/api/sessions/{}", own[1]["id"].as_str().unwrap());
    // Nobody else's, but for an admin of everything.
    add_user(&operator, "other", json!({"role": "operator"}));
    let other = server.token_of("other", PASSWORD);
    let end = |token: &str| {
        server
            .send(&Call::new("DELETE", &target).bearer(token))
            .status
    };
    assert_eq!(end(&other), 404);
    assert_eq!(end(&laptop), 204);
    assert_eq!(end(&laptop), 404);
    assert_eq!(status(server, &phone, "/api/nodes"), 401);
    assert_eq!(status(server, &laptop, "/api/nodes"), 200);
    assert!(!server.ended.lock().unwrap().is_empty());
    assert!(
        operator.get("/api/sessions").json()["sessions"]
            .as_array()
            .unwrap()
            .len()
            >= 3
    );
}

#[test]
fn the_name_at_the_login_has_two_names() {
    let server = Server::new();
    for name in ["user", "username"] {
        let body = json!({name: super::USER, "password": super::PASSWORD});
        let call = Call::new("POST", "/api/auth/login").json(&body);
        assert_eq!(server.send(&call).status, 200, "{name}");
    }
}
