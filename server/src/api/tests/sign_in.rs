//! Login, cookies, CSRF, the default password, tokens that are not good.

use serde_json::{Value, json};
use stardust_shared::base64;

use super::schema::check;
use super::{Answer, Call, PASSWORD, Server, USER};

fn change_password(current: &str, new: &str) -> Call {
    Call::new("POST", "/api/auth/password").json(&json!({"current": current, "new": new}))
}

#[test]
fn a_browser_logs_in_changes_something_and_logs_out() {
    let server = Server::new();
    let login = server.send(&Call::login(USER, PASSWORD));
    assert_eq!(login.status, 200);
    check("NewSession", &login.json());
    for set in login.all("Set-Cookie") {
        assert!(
            set.contains("; HttpOnly; SameSite=Strict") && set.contains("; Path=/;"),
            "{set}"
        );
        assert!(!set.contains("Secure"), "{set}");
    }
    let cookie = format!(
        "stardust_session={}",
        login.cookie("stardust_session").unwrap()
    );
    let call = |call: Call| server.send(&call.header("Cookie", &cookie));

    let session = call(Call::get("/api/auth/session"));
    assert_eq!(session.status, 200);
    check("Session", &session.json());
    let csrf = session.json()["csrf"].as_str().unwrap().to_owned();
    assert_eq!(login.json()["csrf"], csrf.as_str());

    let add = Call::new("POST", "/api/nodes").json(&json!({"name": "pi4"}));
    let other = server.send(&Call::login(USER, PASSWORD)).json();
    for wrong in [None, Some(""), Some("wrong"), other["csrf"].as_str()] {
        let add = match wrong {
            None => add.clone(),
            Some(wrong) => add.clone().header("X-CSRF-Token", wrong),
        };
        let answer = call(add);
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (403, "csrf"),
            "{wrong:?}"
        );
    }
    assert_eq!(call(add.header("X-CSRF-Token", &csrf)).status, 201);

    let logout = Call::new("POST", "/api/auth/logout");
    assert_eq!(call(logout.clone()).status, 403);
    let gone = call(logout.header("X-CSRF-Token", &csrf));
    assert_eq!(gone.status, 204);
    assert_eq!(gone.cookie("stardust_session").as_deref(), Some(""));
    assert!(gone.header("Set-Cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(
        call(Call::get("/api/auth/session")).kind(),
        "unauthenticated"
    );
    assert_eq!(server.ended.lock().unwrap().len(), 1);
}

#[test]
fn over_https_cookies_are_secure_and_of_this_host_alone() {
    let server = Server::new();
    let https = |call: Call| call.header("X-Stardust-Scheme", "https");
    let login = server.send(&https(Call::login(USER, PASSWORD)));
    assert_eq!(login.all("Set-Cookie").count(), 2);
    for set in login.all("Set-Cookie") {
        assert!(set.ends_with("; Secure"), "{set}");
    }
    let hsts = login.header("Strict-Transport-Security").unwrap();
    assert!(hsts.starts_with("max-age=31536000"), "{hsts}");
    let plain = server.send(&Call::login(USER, PASSWORD));
    assert_eq!(plain.header("Strict-Transport-Security"), None);
    let token = login.cookie("__Host-stardust_session").unwrap();
    let status = |call: Call| server.send(&call).status;
    let get = || Call::get("/api/auth/session");
    // Others may set cookies of the name before and behind it, by other paths.
    let cookie = format!(
        "{}__Host-stardust_session={token}",
        "__Host-stardust_session=x; ".repeat(9)
    );
    assert_eq!(status(https(get()).header("Cookie", &cookie)), 200);
    assert_eq!(status(get().header("Cookie", &cookie)), 401);
    let tossed = format!("stardust_session={token}");
    assert_eq!(status(https(get()).header("Cookie", &tossed)), 401);
}

#[test]
fn a_page_gets_no_token_unless_it_asks() {
    let server = Server::new();
    let login = |call: Call| {
        let answer = server.send(&call);
        assert_eq!(answer.status, 200);
        check("NewSession", &answer.json());
        answer.json()["token"].is_string()
    };
    let page = |call: Call| call.header("Host", "a:1").header("Origin", "http://a:1");
    assert!(login(Call::login(USER, PASSWORD)), "a script");
    assert!(!login(page(Call::login(USER, PASSWORD))), "a page");
    let asks = json!({"user": USER, "password": PASSWORD, "token": true});
    assert!(login(page(
        Call::new("POST", "/api/auth/login").json(&asks)
    )));
}

#[test]
fn changes_by_cookie_come_from_pages_of_this_host() {
    let server = Server::new();
    let login = server.send(&Call::login(USER, PASSWORD));
    let cookie = format!(
        "stardust_session={}",
        login.cookie("stardust_session").unwrap()
    );
    let csrf = login.json()["csrf"].as_str().unwrap().to_owned();
    let change = |headers: &[(&str, &str)]| {
        let mut call = Call::new("POST", "/api/auth/logout")
            .header("Host", "pi4.lan:8933")
            .header("Cookie", &cookie)
            // Wrong, so that the session goes on: only the first check is asked for here.
            .header("X-CSRF-Token", "wrong");
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let answer = server.send(&call);
        assert_eq!(answer.kind(), "csrf");
        answer.json()["error"]["message"]
            .as_str()
            .is_some_and(|said| said.contains("another site"))
    };
    assert!(!change(&[]));
    assert!(!change(&[("Origin", "http://pi4.lan:8933")]));
    assert!(!change(&[("Sec-Fetch-Site", "same-origin")]));
    for foreign in [
        ("Origin", "http://evil.example"),
        ("Origin", "http://pi4.lan"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        assert!(change(&[foreign]), "{foreign:?}");
        let call = Call::login(USER, PASSWORD).header("Host", "pi4.lan:8933");
        assert_eq!(server.send(&call.header(foreign.0, foreign.1)).status, 403);
    }
    let real = Call::new("POST", "/api/auth/logout")
        .header("Host", "pi4.lan:8933")
        .header("Origin", "http://pi4.lan:8933")
        .header("Cookie", &cookie)
        .header("X-CSRF-Token", &csrf);
    assert_eq!(server.send(&real).status, 204);
}

#[test]
fn the_default_password_allows_nothing_but_its_change() {
    let server = Server::with("admin", "admin", |_| {});
    let login = server.send(&Call::login("admin", "admin")).json();
    assert_eq!(login["must_change_password"], true);
    let token = login["token"].as_str().unwrap();
    for (method, target) in [
        ("GET", "/api/nodes"),
        ("POST", "/api/nodes"),
        ("GET", "/api/nodes/1"),
        ("PATCH", "/api/nodes/1"),
        ("DELETE", "/api/nodes/1"),
        ("GET", "/api/nodes/1/stats"),
        ("GET", "/api/nodes/1/series"),
        ("GET", "/api/nodes/1/history"),
    ] {
        let answer = server.send(&Call::new(method, target).bearer(token));
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (403, "password_change_required"),
            "{method} {target}"
        );
    }
    assert_eq!(
        server
            .send(&Call::get("/api/auth/session").bearer(token))
            .status,
        200
    );

    for (new, status, kind) in [
        ("short", 400, "weak_password"),
        ("admin", 400, "weak_password"),
        (&"x".repeat(1025), 400, "weak_password"),
    ] {
        let answer = server.send(&change_password("admin", new).bearer(token));
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (status, kind),
            "{new}"
        );
    }
    let wrong = server.send(&change_password("nimda", "no more admin").bearer(token));
    assert_eq!(
        (wrong.status, wrong.kind().as_str()),
        (403, "bad_credentials")
    );

    let changed = server.send(&change_password("admin", "no more admin").bearer(token));
    assert_eq!(changed.status, 200);
    check("NewSession", &changed.json());
    assert_eq!(changed.json()["must_change_password"], false);
    assert!(!server.app.auth.default_password_in_use());
    let cookie = format!(
        "stardust_session={}",
        changed.cookie("stardust_session").unwrap()
    );
    assert_eq!(
        server
            .send(&Call::get("/api/nodes").header("Cookie", &cookie))
            .status,
        200
    );
    assert_eq!(
        server.send(&Call::get("/api/nodes").bearer(token)).status,
        401
    );
    assert_eq!(
        server.send(&Call::login("admin", "admin")).kind(),
        "bad_credentials"
    );
}

#[test]
fn a_password_change_ends_the_other_sessions() {
    let server = Server::new();
    let (mine, other) = (server.token(), server.token());
    let changed = server.send(&change_password(PASSWORD, "the spiders from mars").bearer(&mine));
    let new = changed.json()["token"].as_str().unwrap().to_owned();
    for (token, status) in [(&mine, 401), (&other, 401), (&new, 200)] {
        assert_eq!(
            server.send(&Call::get("/api/nodes").bearer(token)).status,
            status
        );
    }
    assert_eq!(server.ended.lock().unwrap().len(), 2);
}

#[test]
fn tokens_that_are_not_good_get_401() {
    let server = Server::new();
    let token = server.token();
    let parts: Vec<_> = token.split('.').collect();
    let claims: Value = serde_json::from_slice(&base64::URL.decode(parts[1]).unwrap()).unwrap();
    let encode = |value: &Value| base64::URL.encode(&serde_json::to_vec(value).unwrap());
    let none = encode(&json!({"alg": "none", "typ": "JWT"}));
    let mut longer = claims.clone();
    longer["exp"] = json!(claims["exp"].as_i64().unwrap() + 1);
    let mut other_user = claims.clone();
    other_user["sub"] = json!("2");
    let another_server = Server::new().token();
    for (what, forged) in [
        ("none", format!("{none}.{}.", parts[1])),
        ("none, signed", format!("{none}.{}.{}", parts[1], parts[2])),
        (
            "longer",
            format!("{}.{}.{}", parts[0], encode(&longer), parts[2]),
        ),
        (
            "other user",
            format!("{}.{}.{}", parts[0], encode(&other_user), parts[2]),
        ),
        ("unsigned", format!("{}.{}.", parts[0], parts[1])),
        ("no signature", format!("{}.{}", parts[0], parts[1])),
        ("another server's", another_server),
        ("nothing", String::new()),
        ("huge", "x".repeat(8000)),
    ] {
        for call in [
            Call::get("/api/nodes").bearer(&forged),
            Call::get("/api/nodes").header("Cookie", &format!("stardust_session={forged}")),
        ] {
            let answer = server.send(&call);
            assert_eq!(
                (answer.status, answer.kind().as_str()),
                (401, "unauthenticated"),
                "{what}"
            );
        }
    }
    // Revoked: the token itself is as good as ever.
    assert_eq!(
        server.send(&Call::get("/api/nodes").bearer(&token)).status,
        200
    );
    server.send(&Call::new("POST", "/api/auth/logout").bearer(&token));
    assert_eq!(
        server.send(&Call::get("/api/nodes").bearer(&token)).status,
        401
    );
}

#[test]
fn guessing_is_slowed_down_and_the_owner_still_gets_in() {
    let server = Server::new();
    let owner = server.send(&Call::login(USER, PASSWORD));
    let device = format!(
        "stardust_device={}",
        owner.cookie("stardust_device").unwrap()
    );
    let guess = |user: &str| {
        server.send(&Call::login(user, "guess").header("X-Stardust-Client", "203.0.113.9"))
    };
    let refused: Answer = (0..40)
        .map(|_| guess(USER))
        .find(|answer| answer.status == 429)
        .expect("guesses are refused at some point");
    assert_eq!(refused.kind(), "throttled");
    let seconds: u64 = refused.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=20).contains(&seconds), "{seconds}");
    assert_eq!(
        guess("someone-else").status,
        429,
        "the address is held up, whomever it names"
    );

    let from = |address: &str| Call::login(USER, PASSWORD).header("X-Stardust-Client", address);
    assert_eq!(server.send(&from("203.0.113.9")).status, 429);
    assert_eq!(
        server
            .send(&from("203.0.113.9").header("Cookie", &device))
            .status,
        200
    );
    assert_eq!(
        server.send(&from("198.51.100.1")).status,
        200,
        "other addresses are not held up"
    );
}

#[test]
fn wrong_logins_say_nothing_about_the_user() {
    let server = Server::new();
    let wrong = server.send(&Call::login(USER, "wrong"));
    let nobody = server.send(&Call::login("nobody", "wrong"));
    assert_eq!(
        (wrong.status, wrong.kind().as_str()),
        (401, "bad_credentials")
    );
    assert_eq!(wrong.body, nobody.body);
    for login in [
        Call::login(&"x".repeat(65), "x"),
        Call::login("x", &"x".repeat(1025)),
    ] {
        assert_eq!(server.send(&login).kind(), "invalid");
    }
    let nul = server.send(&Call::login("ziggy\0", PASSWORD));
    assert_eq!(nul.kind(), "bad_credentials");
}
