//! Second factors: set up, asked for, good once, lost.

use serde_json::{Value, json};

use super::schema::check;
use super::{Answer, Call, Operator, PASSWORD, Server, USER};
use crate::auth::totp;
use crate::clock::wall_ms;

/// An authenticator app.
struct App(Vec<u8>);

impl App {
    fn of(secret: &str) -> Self {
        let mut bytes = Vec::new();
        let (mut held, mut bits) = (0u32, 0);
        for c in secret.bytes() {
            let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
                .iter()
                .position(|a| *a == c);
            held = (held << 5) | value.unwrap() as u32;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push((held >> bits) as u8);
            }
        }
        Self(bytes)
    }

    /// The code of a step that is so far from now.
    fn code(&self, ahead: i64) -> String {
        totp::shown(&self.0, wall_ms() / 1000 / totp::STEP_S + ahead)
    }
}

fn login(server: &Server, code: Option<&str>) -> Answer {
    let mut body = json!({"username": USER, "password": PASSWORD});
    if let Some(code) = code {
        body["code"] = code.into();
    }
    server.send(&Call::new("POST", "/api/auth/login").json(&body))
}

/// Sets an app up; the recovery codes.
fn enrol(operator: &Operator) -> (App, Vec<String>) {
    let begun = operator.post("/api/auth/totp", &json!({}));
    assert_eq!(begun.status, 201, "{begun:?}");
    check("NewTotp", &begun.json());
    let app = App::of(begun.json()["secret"].as_str().unwrap());
    let done = operator.post("/api/auth/totp/confirm", &json!({"code": app.code(-1)}));
    assert_eq!(done.status, 200, "{done:?}");
    let codes = done.json()["recovery_codes"].as_array().unwrap().clone();
    let text = |code: &Value| code.as_str().unwrap().to_owned();
    (app, codes.iter().map(text).collect())
}

fn kind(answer: &Answer) -> (u16, String) {
    (answer.status, answer.kind())
}

#[test]
fn the_code_of_an_app_is_asked_for_and_is_good_once() {
    let operator = Operator::new();
    let server = &operator.server;
    // What was only begun asks for nothing.
    operator.post("/api/auth/totp", &json!({}));
    assert_eq!(login(server, None).status, 200);
    let wrong = operator.post("/api/auth/totp/confirm", &json!({"code": "000000"}));
    assert_eq!(wrong.status, 400);
    let (app, _) = enrol(&operator);
    assert_eq!(
        kind(&operator.post("/api/auth/totp", &json!({}))),
        (409, "conflict".into())
    );
    assert_eq!(kind(&login(server, None)), (401, "factor_needed".into()));
    assert_eq!(
        kind(&login(server, Some("000000"))),
        (401, "bad_credentials".into())
    );
    let code = app.code(0);
    assert_eq!(login(server, Some(&code)).status, 200);
    assert_eq!(
        kind(&login(server, Some(&code))),
        (401, "bad_credentials".into())
    );
    // Nor is one from before the last that was used.
    assert_eq!(login(server, Some(&app.code(-1))).status, 401);
    let factors = operator.get("/api/auth/factors").json();
    check("Factors", &factors);
    assert_eq!(
        (&factors["totp"], &factors["recovery_left"]),
        (&json!(true), &json!(10))
    );
    // A wrong password says nothing of a second factor.
    let body = json!({"username": USER, "password": "wrong all over", "code": app.code(1)});
    let answer = server.send(&Call::new("POST", "/api/auth/login").json(&body));
    assert_eq!(kind(&answer), (401, "bad_credentials".into()));
    assert_eq!(
        operator.send(Call::new("DELETE", "/api/auth/totp")).status,
        204
    );
    assert_eq!(login(server, None).status, 200);
}

#[test]
fn two_logins_with_one_code_at_once_are_one() {
    let operator = Operator::new();
    let (app, codes) = enrol(&operator);
    let send = operator.server.sender();
    for code in [app.code(0), codes[0].clone()] {
        let body = json!({"username": USER, "password": PASSWORD, "code": code});
        let good: usize = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| send(&Call::new("POST", "/api/auth/login").json(&body)).status)
                })
                .collect();
            tries
                .into_iter()
                .filter_map(|one| one.join().ok())
                .filter(|status| *status == 200)
                .count()
        });
        assert_eq!(good, 1);
    }
}

#[test]
fn recovery_codes_are_good_once_and_are_kept_as_hashes() {
    let operator = Operator::new();
    let server = &operator.server;
    let (_, codes) = enrol(&operator);
    let typed = codes[3].to_uppercase().replace('-', "");
    assert_eq!(login(server, Some(&typed)).status, 200);
    assert_eq!(login(server, Some(&codes[3])).status, 401);
    assert_eq!(operator.get("/api/auth/factors").json()["recovery_left"], 9);
    let new = operator.post("/api/auth/recovery-codes", &json!({}));
    check("RecoveryCodes", &new.json());
    assert_eq!(
        login(server, Some(&codes[4])).status,
        401,
        "the old ones are over"
    );
    let folder = server.app.store.path().parent().unwrap().to_owned();
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        let plain = codes[5].replace('-', "");
        assert!(
            !bytes
                .windows(plain.len())
                .any(|part| part == plain.as_bytes())
        );
    }
}

#[test]
fn codes_are_not_to_be_guessed() {
    let operator = Operator::new();
    enrol(&operator);
    let throttled = (0..40).any(|n| {
        let answer = login(&operator.server, Some(&format!("{n:06}")));
        answer.status == 429
    });
    assert!(throttled);
}

#[test]
fn an_admin_takes_factors_away_from_who_has_lost_them() {
    let operator = Operator::new();
    enrol(&operator);
    assert_eq!(
        operator
            .send(Call::new("DELETE", "/api/users/1/factors"))
            .status,
        204
    );
    assert_eq!(login(&operator.server, None).status, 200);
    assert_eq!(
        operator
            .send(Call::new("DELETE", "/api/users/9/factors"))
            .status,
        404
    );
}

#[test]
fn a_role_can_be_asked_for_one() {
    let operator = Operator::new();
    let set = |role: Value| {
        let call = Call::new("PATCH", "/api/settings").json(&json!({"second_factor_for": role}));
        operator.send(call)
    };
    let answer = set(json!("admin"));
    assert_eq!(answer.status, 200, "{answer:?}");
    check("Settings", &answer.json());
    assert_eq!(
        kind(&operator.get("/api/nodes")),
        (403, "factor_required".into())
    );
    assert_eq!(operator.get("/api/auth/session").json()["must_enrol"], true);
    let (_, codes) = enrol(&operator);
    assert_eq!(operator.get("/api/nodes").status, 200);
    assert_eq!(login(&operator.server, Some(&codes[0])).status, 200);
    assert_eq!(set(json!("king")).status, 400);
    assert_eq!(set(json!(null)).json()["second_factor_for"], json!(null));
}

#[test]
fn what_is_dangerous_asks_again_after_ten_minutes() {
    let operator = Operator::new();
    let app = &operator.server.app;
    let body =
        json!({"username": "major", "password": "five years is all we got", "role": "viewer"});
    // The proof was long ago.
    let long_ago = |minutes: i64| {
        let id = app.store.sessions().unwrap()[0].id;
        app.auth.age_proof(id, minutes * 60_000);
    };
    long_ago(11);
    assert_eq!(
        kind(&operator.post("/api/users", &body)),
        (403, "proof_needed".into())
    );
    assert_eq!(
        operator.get("/api/users").status,
        200,
        "to look is no danger"
    );
    let prove = |body: Value| operator.post("/api/auth/proof", &body);
    assert_eq!(
        kind(&prove(json!({"password": "wrong wrong wrong"}))),
        (403, "bad_credentials".into())
    );
    assert_eq!(kind(&prove(json!({}))), (403, "proof_needed".into()));
    assert_eq!(prove(json!({"password": PASSWORD})).status, 204);
    assert_eq!(operator.post("/api/users", &body).status, 201);
    // With a second factor it is that one.
    let (_, codes) = enrol(&operator);
    long_ago(11);
    assert_eq!(
        operator.send(Call::new("DELETE", "/api/auth/totp")).kind(),
        "proof_needed"
    );
    assert_eq!(
        kind(&prove(json!({"password": PASSWORD}))),
        (403, "proof_needed".into())
    );
    assert_eq!(prove(json!({"code": codes[0]})).status, 204);
    assert_eq!(
        operator.send(Call::new("DELETE", "/api/auth/totp")).status,
        204
    );
}

#[test]
fn a_programs_token_has_no_factors() {
    let operator = Operator::new();
    let made = operator.post("/api/tokens", &json!({"name": "t"})).json();
    let token = made["token"].as_str().unwrap();
    for (method, target) in [
        ("GET", "/api/auth/factors"),
        ("POST", "/api/auth/totp"),
        ("DELETE", "/api/auth/totp"),
        ("POST", "/api/auth/recovery-codes"),
        ("POST", "/api/auth/proof"),
    ] {
        let call = Call::new(method, target).bearer(token).json(&json!({}));
        let answer = operator.server.send(&call);
        assert_eq!(
            kind(&answer),
            (403, "forbidden".into()),
            "{method} {target}"
        );
    }
}
