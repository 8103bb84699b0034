//! Signing in at an issuer: a good one, one that changes its keys and groups, and hostile ones.

mod issuer;

use serde_json::{Value, json};

use self::issuer::Issuer;
use super::schema::check;
use super::{Answer, Call, Operator, PASSWORD, Server, USER};
use crate::auth::AdminSeed;
use crate::oidc::jws::tests::Signer;

/// A browser on its way.
struct Way {
    cookie: String,
    state: String,
}

fn start(server: &Server, issuer: &Issuer, target: &str) -> Way {
    let answer = server.send(&Call::get(target));
    assert_eq!(answer.status, 303, "{answer:?}");
    let to = answer.header("Location").unwrap().to_owned();
    assert!(
        to.starts_with(&format!("{}/authorize?", issuer.url())),
        "{to}"
    );
    let field = |name: &str| {
        let query = to.split_once('?').unwrap().1;
        let found = query
            .split('&')
            .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        found.unwrap().to_owned()
    };
    assert_eq!(field("code_challenge_method"), "S256");
    issuer.with(|state| {
        state.nonce = field("nonce");
        state.challenge = field("code_challenge");
        state.codes.push("the-code".into());
    });
    let set = answer.header("Set-Cookie").unwrap().to_owned();
    assert!(
        set.contains("HttpOnly; SameSite=Lax") && set.contains("Path=/api/auth/oidc;"),
        "{set}"
    );
    Way {
        cookie: set.split(';').next().unwrap().to_owned(),
        state: field("state"),
    }
}

fn back(server: &Server, way: &Way, query: &str) -> Answer {
    let target = format!("/api/auth/oidc/callback?{query}");
    server.send(&Call::get(&target).header("Cookie", &way.cookie))
}

fn sign_in(server: &Server, issuer: &Issuer) -> Answer {
    let way = start(server, issuer, "/api/auth/oidc/start?back_to=/nodes/1");
    back(server, &way, &format!("code=the-code&state={}", way.state))
}

fn world() -> (Operator, Issuer) {
    let issuer = Issuer::start();
    let settings = issuer.settings();
    let server = Server::with(USER, PASSWORD, |config| config.oidc = Some(settings));
    (Operator::of(server), issuer)
}

/// The session of the cookies that an answer sets.
fn session(server: &Server, answer: &Answer) -> Value {
    let cookie = answer.cookie("stardust_session").unwrap();
    let call =
        Call::get("/api/auth/session").header("Cookie", &format!("stardust_session={cookie}"));
    let found = server.send(&call);
    assert_eq!(found.status, 200, "{found:?}");
    found.json()
}

fn refused(answer: &Answer) -> bool {
    let to = answer.header("Location").unwrap_or("");
    answer.status == 303
        && to.starts_with("/?sign_in=")
        && answer.cookie("stardust_session").is_none()
}

#[test]
fn somebody_signs_in_and_is_what_the_groups_bring() {
    let (operator, issuer) = world();
    let server = &operator.server;
    let methods = server.send(&Call::get("/api/auth/methods")).json();
    check("SignInMethods", &methods);
    assert_eq!(methods["oidc"], "Home");
    let done = sign_in(server, &issuer);
    assert_eq!(done.header("Location"), Some("/nodes/1"), "{done:?}");
    let found = session(server, &done);
    assert_eq!(
        (&found["role"], &found["username"]),
        (&json!("viewer"), &json!("ziggy 2"))
    );
    assert_eq!(
        found["user_id"], 2,
        "the local user of that name is somebody else"
    );
    // The same again, with another name: known by issuer and subject.
    issuer
        .with(|state| state.claims = json!({"preferred_username": "starman", "groups": "admins"}));
    let found = session(server, &sign_in(server, &issuer));
    assert_eq!(
        (&found["user_id"], &found["role"]),
        (&json!(2), &json!("admin"))
    );
    // Another subject with the mail and the name of the first is another one.
    issuer.with(|state| state.claims = json!({"sub": "8", "email": "ziggy@example"}));
    assert_eq!(session(server, &sign_in(server, &issuer))["user_id"], 3);
    // Who has lost the groups is demoted, also where a session is open.
    issuer.with(|state| state.claims = json!({"groups": ["admins"]}));
    let open = sign_in(server, &issuer);
    assert_eq!(session(server, &open)["role"], "admin");
    issuer.with(|state| state.claims = json!({"groups": ["staff"]}));
    sign_in(server, &issuer);
    assert_eq!(session(server, &open)["role"], "viewer");
    issuer.with(|state| state.claims = json!({"groups": []}));
    assert!(refused(&sign_in(server, &issuer)));
    assert_eq!(
        session(server, &open)["role"],
        "viewer",
        "the least that can be shown"
    );
    assert_eq!(session(server, &open)["somewhere"], json!([]));
    // A group of ours with the name of one of theirs.
    operator.post(
        "/api/groups",
        &json!({"name": "web team", "role": "operator", "tags": ["web"]}),
    );
    issuer.with(|state| state.claims = json!({"groups": ["web team", "unknown"]}));
    let found = session(server, &sign_in(server, &issuer));
    assert_eq!(
        (&found["role"], &found["grants"][0]["tags"]),
        (&json!("operator"), &json!(["web"]))
    );
    // No password lets them in, and a disabled one does not come in.
    let call = Call::new("PATCH", "/api/users/2").json(&json!({"disabled": true}));
    assert_eq!(operator.send(call).status, 200);
    assert!(refused(&sign_in(server, &issuer)));
    let tried = server.send(&Call::login("ziggy 2", ""));
    assert_eq!(tried.status, 401);
    let lines = operator
        .get("/api/audit?action=auth.login&outcome=done")
        .json();
    assert!(lines["audit"].as_array().unwrap().len() >= 6);
}

#[test]
fn keys_may_change_and_are_not_asked_for_without_end() {
    let (operator, issuer) = world();
    let server = &operator.server;
    assert!(!refused(&sign_in(server, &issuer)));
    // Keys that are not published: asked once more at most, whoever tries how often.
    issuer.with(|state| state.signer = Signer::new("second"));
    for _ in 0..5 {
        assert!(refused(&sign_in(server, &issuer)));
    }
    assert!(issuer.with(|state| state.keys_asked) <= 2);
}

#[test]
fn hostile_issuers_and_browsers_get_nothing() {
    let (operator, issuer) = world();
    let server = &operator.server;
    // The state of somebody else, none, or twice; a code that was used; no cookie.
    let way = start(server, &issuer, "/api/auth/oidc/start");
    assert!(refused(&back(server, &way, "code=the-code&state=other")));
    assert!(refused(&back(server, &way, "code=the-code")));
    assert!(refused(&back(
        server,
        &way,
        &format!("state={}", way.state)
    )));
    assert!(refused(&back(
        server,
        &way,
        &format!("error=access_denied&state={}", way.state)
    )));
    let other = start(server, &issuer, "/api/auth/oidc/start");
    let mixed = Way {
        cookie: other.cookie.clone(),
        state: way.state.clone(),
    };
    assert!(refused(&back(
        server,
        &mixed,
        &format!("code=the-code&state={}", way.state)
    )));
    let forged = Way {
        cookie: "stardust_oidc=AAAA".into(),
        state: way.state.clone(),
    };
    assert!(refused(&back(
        server,
        &forged,
        &format!("code=the-code&state={}", way.state)
    )));
    let query = format!("code=the-code&state={}", other.state);
    assert!(!refused(&back(server, &other, &query)));
    issuer.with(|state| state.codes.clear());
    assert!(
        refused(&back(server, &other, &query)),
        "a code is good once"
    );
    // Nobody is led away from here.
    for to in [
        "//evil.example",
        "https://evil.example",
        "/%5Cevil.example",
        "javascript:x",
    ] {
        let way = start(
            server,
            &issuer,
            &format!("/api/auth/oidc/start?back_to={to}"),
        );
        let done = back(server, &way, &format!("code=the-code&state={}", way.state));
        assert_eq!(done.header("Location"), Some("/"), "{to}");
        issuer.with(|state| state.codes.clear());
    }
    // Tokens that say something else, and answers that are none.
    for claims in [
        json!({"iss": "http://other"}),
        json!({"aud": "other"}),
        json!({"nonce": "other"}),
        json!({"exp": 5}),
        json!({"sub": ""}),
    ] {
        issuer.with(|state| state.claims = claims.clone());
        assert!(refused(&sign_in(server, &issuer)), "{claims}");
    }
    issuer.with(|state| state.claims = json!({}));
    for says in ["", "{}", "[]", r#"{"id_token": 5}"#, &"x".repeat(2 << 20)] {
        issuer.with(|state| state.says = Some(says.to_owned()));
        assert!(refused(&sign_in(server, &issuer)), "{}", says.len());
    }
    issuer.with(|state| state.says = None);
    // Names that would be somebody else's, or break a line.
    issuer
        .with(|state| state.claims = json!({"sub": "9", "preferred_username": "ad\nmin\u{202e}"}));
    let found = session(server, &sign_in(server, &issuer));
    assert_eq!(found["username"], "ad\u{fffd}min\u{fffd}");

    let liar = Issuer::start();
    liar.with(|state| state.calls_itself = "https://id.example".into());
    let settings = liar.settings();
    let server = Server::with(USER, PASSWORD, |config| config.oidc = Some(settings));
    let answer = server.send(&Call::get("/api/auth/oidc/start"));
    assert_eq!((answer.status, answer.kind().as_str()), (502, "node"));
}

#[test]
fn passwords_can_be_switched_off_and_the_host_is_the_way_back() {
    let issuer = Issuer::start();
    let settings = issuer.settings();
    let server = Server::with(USER, PASSWORD, |config| {
        config.oidc = Some(settings);
        config.password_login = false;
    });
    let answer = server.send(&Call::login(USER, PASSWORD));
    assert_eq!((answer.status, answer.kind().as_str()), (403, "forbidden"));
    assert_eq!(
        server.send(&Call::get("/api/auth/methods")).json()["password"],
        false
    );
    assert!(!refused(&sign_in(&server, &issuer)));
    // One that must be changed is one that was reset, or the first of all.
    let server = Server::with("admin", AdminSeed::default().password.expose(), |config| {
        config.password_login = false;
    });
    assert_eq!(server.send(&Call::login("admin", "admin")).status, 200);
    assert_eq!(server.send(&Call::get("/api/auth/oidc/start")).status, 404);
}
