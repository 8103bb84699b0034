//! Passkeys over the API, with a security key of the tests' own.

use serde_json::{Value, json};
use stardust_shared::base64;

use super::schema::check;
use super::{Answer, Call, Operator, PASSWORD, Server, USER};
use crate::auth::webauthn::tests::{Authenticator, ORIGIN};

const SITE: &str = "stardust.example";

/// As a browser behind TLS sends it.
fn at_site(call: Call) -> Call {
    call.header("Host", SITE)
        .header("Origin", ORIGIN)
        .header("X-Stardust-Scheme", "https")
}

fn post(server: &Server, token: &str, target: &str, body: &Value) -> Answer {
    server.send(&at_site(Call::new("POST", target)).bearer(token).json(body))
}

fn encoded(bytes: &[u8]) -> String {
    base64::URL.encode(bytes)
}

fn challenge(answer: &Answer) -> Vec<u8> {
    let text = answer.json()["challenge"].as_str().unwrap().to_owned();
    base64::URL.decode(&text).unwrap()
}

fn enrol(server: &Server, token: &str, key: &Authenticator, name: &str) -> Answer {
    let asked = post(server, token, "/api/auth/passkeys/options", &json!({}));
    assert_eq!(asked.status, 201, "{asked:?}");
    check("NewPasskeyQuestion", &asked.json());
    let challenge = challenge(&asked);
    let (client_data, attestation) = key.create(&challenge, ORIGIN, SITE);
    let body = json!({
        "name": name,
        "challenge": encoded(&challenge),
        "client_data": encoded(&client_data),
        "attestation": encoded(&attestation),
    });
    post(server, token, "/api/auth/passkeys", &body)
}

fn shown(key: &mut Authenticator, challenge: &[u8]) -> Value {
    let [client_data, data, signature] = key.get(challenge, ORIGIN, SITE);
    json!({
        "challenge": encoded(challenge),
        "credential": encoded(&key.credential),
        "client_data": encoded(&client_data),
        "authenticator_data": encoded(&data),
        "signature": encoded(&signature),
    })
}

fn login(server: &Server, body: &Value) -> Answer {
    server.send(&at_site(Call::new("POST", "/api/auth/login")).json(body))
}

fn ask(server: &Server) -> Vec<u8> {
    let asked =
        server.send(&at_site(Call::new("POST", "/api/auth/login/options")).json(&json!({})));
    assert_eq!(asked.status, 201, "{asked:?}");
    check("PasskeyQuestion", &asked.json());
    challenge(&asked)
}

#[test]
fn a_passkey_is_the_second_factor_or_the_whole_login() {
    let operator = Operator::new();
    let server = &operator.server;
    let token = server.token();
    let mut key = Authenticator::es256(b"key one");
    let made = enrol(server, &token, &key, "laptop");
    assert_eq!(made.status, 201, "{made:?}");
    check("Passkey", &made.json());
    assert_eq!(
        enrol(server, &token, &key, "again").status,
        409,
        "it is known"
    );

    // Beside the password.
    let plain = json!({"username": USER, "password": PASSWORD});
    let wanted = login(server, &plain);
    assert_eq!(
        (wanted.status, wanted.kind().as_str()),
        (401, "factor_needed")
    );
    let question = wanted.json()["passkey"].clone();
    assert_eq!(question["credentials"], json!([encoded(b"key one")]));
    let asked = base64::URL
        .decode(question["challenge"].as_str().unwrap())
        .unwrap();
    let mut body = plain.clone();
    body["passkey"] = shown(&mut key, &asked);
    body["token"] = true.into();
    let done = login(server, &body);
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(login(server, &body).status, 401, "each answer is good once");

    // Instead of it.
    let mut alone = json!({"passkey": shown(&mut key, &ask(server)), "token": true});
    let done = login(server, &alone);
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(done.json()["username"], USER);
    let alone_token = done.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(
        server
            .send(&Call::get("/api/nodes").bearer(&alone_token))
            .status,
        200
    );
    // Not by a key that has not made sure who uses it.
    key.flags = 0x01;
    alone["passkey"] = shown(&mut key, &ask(server));
    assert_eq!(login(server, &alone).status, 401);
    key.flags = 0x05;

    // A copy of the key has counted less.
    let uses = key.uses;
    key.uses = 0;
    alone["passkey"] = shown(&mut key, &ask(server));
    assert_eq!(login(server, &alone).status, 401);
    key.uses = uses;
    // A question of our own that was for something else, and one that is made up.
    let other = post(server, &token, "/api/auth/passkeys/options", &json!({}));
    alone["passkey"] = shown(&mut key, &challenge(&other));
    assert_eq!(login(server, &alone).status, 401);
    alone["passkey"] = shown(&mut key, b"made up");
    assert_eq!(login(server, &alone).status, 401);
    // A key that nobody knows.
    alone["passkey"] = shown(&mut Authenticator::eddsa(b"other"), &ask(server));
    assert_eq!(login(server, &alone).status, 401);
    // A disabled user's.
    operator.post(
        "/api/users",
        &json!({"username": "second", "password": "five years is all we got", "role": "admin"}),
    );
    let second = server.token_of("second", "five years is all we got");
    let disable = Call::new("PATCH", "/api/users/1").json(&json!({"disabled": true}));
    assert_eq!(server.send(&disable.bearer(&second)).status, 200);
    alone["passkey"] = shown(&mut key, &ask(server));
    assert_eq!(login(server, &alone).status, 401);
}

#[test]
fn it_is_a_proof_and_goes_when_it_is_removed() {
    let operator = Operator::new();
    let server = &operator.server;
    let token = server.token();
    let mut key = Authenticator::eddsa(b"key two");
    assert_eq!(enrol(server, &token, &key, "phone").status, 201);
    let asked = post(server, &token, "/api/auth/proof/options", &json!({}));
    let body = json!({"passkey": shown(&mut key, &challenge(&asked))});
    assert_eq!(post(server, &token, "/api/auth/proof", &body).status, 204);
    assert_eq!(post(server, &token, "/api/auth/proof", &body).status, 403);
    let factors = server
        .send(&Call::get("/api/auth/factors").bearer(&token))
        .json();
    check("Factors", &factors);
    assert_eq!(factors["passkeys"][0]["name"], "phone");
    let gone = Call::new("DELETE", "/api/auth/passkeys/1").bearer(&token);
    assert_eq!(server.send(&gone.clone()).status, 204);
    assert_eq!(server.send(&gone).status, 404);
    assert_eq!(
        login(server, &json!({"username": USER, "password": PASSWORD})).status,
        200
    );
}

#[test]
fn where_browsers_have_none_it_is_said() {
    let server = Server::new();
    for (host, https, why) in [
        ("192.168.1.5:8933", false, "a number"),
        ("[2001:db8::1]:8933", true, "a number"),
        ("stardust.lan:8933", false, "HTTPS"),
    ] {
        let mut call = Call::new("POST", "/api/auth/login/options").header("Host", host);
        if https {
            call = call.header("X-Stardust-Scheme", "https");
        }
        let answer = server.send(&call.json(&json!({})));
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (409, "conflict"),
            "{host}"
        );
        assert!(
            String::from_utf8_lossy(&answer.body).contains(why),
            "{answer:?}"
        );
    }
    let local = Call::new("POST", "/api/auth/login/options").header("Host", "localhost:8933");
    assert_eq!(server.send(&local.json(&json!({}))).status, 201);
}
