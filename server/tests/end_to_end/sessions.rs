//! Signing in: default passwords, CSRF, Origin, and how sessions end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::common::{
    ADMIN_PASSWORD, Answer, GroundControl, Live, Session, Setup, WebSocket, eventually, request,
    upgrade,
};

const CHOSEN: &str = "turn and face the strange";

fn default_password() -> GroundControl {
    Setup::new().without_env("STARDUST_ADMIN_PASS").start()
}

fn change(session: &Session, current: &str, new: &str) -> Answer {
    let body = json!({"current": current, "new": new});
    session.call("POST", "/api/auth/password", Some(&body))
}

#[test]
fn the_default_password_can_do_nothing_but_change_itself() {
    let mut ground_control = default_password();
    ground_control
        .process
        .line_with("login is still the default one");
    let answer = ground_control.login_as("admin", "admin");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["must_change_password"], true);
    let session = Session::of(ground_control.address, &answer);
    let other = Session::of(
        ground_control.address,
        &ground_control.login_as("admin", "admin"),
    );

    for (method, target) in [
        ("GET", "/api/nodes"),
        ("POST", "/api/nodes"),
        ("GET", "/api/nodes/1"),
        ("DELETE", "/api/nodes/1"),
        ("GET", "/api/nodes/1/stats"),
        ("GET", "/api/nodes/1/history?series=cpu.user_ms&from=0&to=1"),
    ] {
        let body = (method == "POST").then(|| json!({"name": "x"}));
        let refused = session.call(method, target, body.as_ref());
        assert_eq!(refused.status, 403, "{method} {target}: {}", refused.text());
        assert_eq!(refused.error_kind(), "password_change_required");
    }
    let (refused, _) = upgrade(
        ground_control.address,
        "/live",
        &[("Authorization", &session.bearer())],
    );
    assert_eq!(
        (refused.status, refused.error_kind().as_str()),
        (403, "password_change_required")
    );

    for (new, status, kind) in [
        ("admin", 400, "weak_password"),
        ("short", 400, "weak_password"),
        (&"x".repeat(1_025), 400, "weak_password"),
    ] {
        let refused = change(&session, "admin", new);
        assert_eq!(
            (refused.status, refused.error_kind().as_str()),
            (status, kind),
            "{new}"
        );
    }
    let refused = change(&session, "not it", CHOSEN);
    assert_eq!(
        (refused.status, refused.error_kind().as_str()),
        (403, "bad_credentials")
    );

    let changed = change(&session, "admin", CHOSEN);
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(changed.json()["must_change_password"], false);
    let fresh = Session::of(ground_control.address, &changed);
    // The old sessions have ended, the one that changed it too.
    for old in [&session, &other] {
        let refused = old.get("/api/auth/session");
        assert_eq!(
            (refused.status, refused.error_kind().as_str()),
            (401, "unauthenticated")
        );
        let headers = [("Authorization", old.bearer())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(
            upgrade(ground_control.address, "/live", &headers).0.status,
            401
        );
    }
    assert_eq!(fresh.get("/api/nodes").status, 200);
    Live::open(ground_control.address, &fresh);
    assert_eq!(ground_control.login_as("admin", "admin").status, 401);
    assert_eq!(ground_control.login_as("admin", CHOSEN).status, 200);
}

#[test]
fn a_password_change_closes_the_live_views_of_the_other_sessions() {
    let ground_control = GroundControl::start();
    let (one, two) = (ground_control.login(), ground_control.login());
    let (mut of_one, _) = Live::open(ground_control.address, &one);
    let (mut of_two, _) = Live::open(ground_control.address, &two);
    assert_eq!(change(&one, ADMIN_PASSWORD, CHOSEN).status, 200);
    for live in [&mut of_two, &mut of_one] {
        assert_eq!(live.socket.closed().map(|(code, _)| code), Some(4401));
    }
}

#[test]
fn a_browser_needs_its_csrf_token_for_every_change() {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let call = |method: &str, target: &str, csrf: Option<&str>, body: Option<&Value>| {
        let mut headers = vec![("Cookie", session.cookie.as_str())];
        headers.extend(csrf.map(|csrf| ("X-CSRF-Token", csrf)));
        request(ground_control.address, method, target, &headers, body)
    };
    assert_eq!(
        call("GET", "/api/nodes", None, None).status,
        200,
        "reading needs none"
    );
    let node = json!({"name": "by-browser"});
    let good = session.csrf.as_str();
    let other = ground_control.login().csrf;
    let shorter = &good[..good.len() - 1];
    for csrf in [
        None,
        Some(""),
        Some("wrong"),
        Some(shorter),
        Some(other.as_str()),
    ] {
        for (method, target, body) in [
            ("POST", "/api/nodes", Some(&node)),
            ("PATCH", "/api/nodes/1", Some(&node)),
            ("DELETE", "/api/nodes/1", None),
            ("POST", "/api/auth/logout", None),
        ] {
            let refused = call(method, target, csrf, body);
            assert_eq!(refused.status, 403, "{method} {target} with {csrf:?}");
            assert_eq!(refused.error_kind(), "csrf");
        }
    }
    let added = call("POST", "/api/nodes", Some(good), Some(&node));
    assert_eq!(added.status, 201, "{}", added.text());
    assert_eq!(
        call("POST", "/api/auth/logout", Some(good), None).status,
        204
    );
    assert_eq!(call("GET", "/api/nodes", None, None).status, 401);
}

#[test]
fn the_session_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let ground_control = GroundControl::start();
    let answer = ground_control.login_as("admin", ADMIN_PASSWORD);
    let cookies = answer.headers_named("Set-Cookie");
    assert!(!cookies.is_empty());
    for cookie in cookies {
        let attributes: Vec<String> = cookie
            .split(';')
            .skip(1)
            .map(|part| part.trim().to_ascii_lowercase())
            .collect();
        for needed in ["httponly", "samesite=strict"] {
            assert!(
                attributes.iter().any(|part| part == needed),
                "{cookie}: no {needed}"
            );
        }
        // Plain HTTP on this machine: a Secure cookie would never come back.
        assert!(!attributes.iter().any(|part| part == "secure"), "{cookie}");
    }
}

#[test]
fn pages_of_other_sites_cannot_open_live() {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let own = format!("http://{}", ground_control.address);
    let open = |origin: Option<&str>, credentials: (&str, &str)| {
        let mut headers = vec![credentials];
        headers.extend(origin.map(|origin| ("Origin", origin)));
        upgrade(ground_control.address, "/live", &headers)
    };
    let cookie = ("Cookie", session.cookie.as_str());
    let bearer = session.bearer();
    let port_off = format!("http://127.0.0.1:{}", ground_control.address.port() ^ 1);
    for origin in [
        None,
        Some("http://evil.example"),
        Some("null"),
        Some("file://"),
        Some(port_off.as_str()),
    ] {
        let (answer, _) = open(origin, cookie);
        assert_eq!(
            (answer.status, answer.error_kind().as_str()),
            (403, "origin"),
            "{origin:?}"
        );
    }
    assert_eq!(
        open(Some("http://evil.example"), ("Authorization", &bearer))
            .0
            .status,
        403
    );
    assert_eq!(open(Some(&own), ("X-Nothing", "1")).0.status, 401);
    assert_eq!(
        open(Some(&own), ("Cookie", "stardust_session=forged"))
            .0
            .status,
        401
    );
    assert_eq!(open(None, ("Authorization", &bearer)).0.status, 101);
    assert_eq!(open(Some(&own), cookie).0.status, 101);
}

#[test]
fn logout_closes_the_live_view_of_that_session_alone() {
    let ground_control = GroundControl::start();
    let (leaves, stays) = (ground_control.login(), ground_control.login());
    let own = format!("http://{}", ground_control.address);
    let headers = [("Cookie", leaves.cookie.as_str()), ("Origin", own.as_str())];
    let (answer, stream) = upgrade(ground_control.address, "/live", &headers);
    assert_eq!(answer.status, 101);
    let mut leaving = WebSocket::new(stream);
    let (mut staying, _) = Live::open(ground_control.address, &stays);

    assert_eq!(leaves.call("POST", "/api/auth/logout", None).status, 204);
    let (code, reason) = leaving.closed().expect("a close frame");
    assert_eq!(code, 4401, "{reason}");
    assert_eq!(leaves.get("/api/nodes").status, 401);
    assert_eq!(
        upgrade(ground_control.address, "/live", &headers).0.status,
        401
    );

    // The other one still hears of changes.
    stays.add_node("heard-of");
    // That a node was added is told as an event too, and either may be first.
    let message = staying.message("changes");
    assert_eq!(message["nodes"][0]["name"], "heard-of");
}

#[test]
fn a_guesser_with_many_addresses_does_not_keep_the_owner_out() {
    let mut ground_control = Setup::new().args(&["--trusted-proxy", "127.0.0.1"]).start();
    let address = ground_control.address;
    let login = move |from: &str, password: &str| {
        let body = json!({"user": "admin", "password": password});
        let headers = [("X-Forwarded-For", from)];
        request(address, "POST", "/api/auth/login", &headers, Some(&body)).status
    };
    /// More at a time than may wait for their password to be looked at.
    const GUESSERS: usize = 12;
    /// Also when an assertion has failed.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let (stop, begun) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        for guesser in 0..GUESSERS {
            let (stop, begun) = (&stop, &begun);
            scope.spawn(move || {
                for round in 0.. {
                    for number in 0..12 {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let guess = format!("guess {round} of {number}");
                        login(&format!("198.51.{guesser}.{number}"), &guess);
                    }
                    begun.fetch_add(usize::from(round == 0), Ordering::Relaxed);
                }
            });
        }
        eventually("each address of theirs has tried", || {
            (begun.load(Ordering::Relaxed) == GUESSERS).then_some(())
        });
        // At once, wherever the owner is, and each time.
        for number in 0..5 {
            let from = format!("203.0.113.{}", number % 3);
            assert_eq!(login(&from, ADMIN_PASSWORD), 200, "{number}");
        }
    });
    // It is told, and not a thousand times.
    let said = ground_control.process.output();
    let lines = said
        .lines()
        .filter(|line| line.contains("a sign-in as"))
        .count();
    assert!((1..=40).contains(&lines), "{lines} lines");
    let session = ground_control.login();
    let events = session.get_json("/api/events?kind=sign_in_failed");
    let events = events["events"].as_array().unwrap();
    assert!((1..=20).contains(&events.len()), "{}", events.len());
    let text = events[0]["text"].as_str().unwrap();
    assert!(text.contains("\"admin\" from 198.51."), "{text}");
    ground_control.stop();
}

#[test]
fn a_wrong_current_password_at_a_change_is_noted_as_a_failed_sign_in_is() {
    let mut ground_control = GroundControl::start();
    let session = ground_control.login();
    let refused = change(&session, "not it", CHOSEN);
    assert_eq!(refused.status, 403, "{}", refused.text());
    ground_control
        .process
        .line_with("the password of \"admin\" was to be changed from 127.0.0.1 with a wrong");
    let events = session.get_json("/api/events?kind=sign_in_failed");
    let events = events["events"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["detail"]["at"], "password_change");
    let text = events[0]["text"].as_str().unwrap();
    assert!(
        text.contains("from 127.0.0.1 with a wrong current one"),
        "{text}"
    );
    assert!(!ground_control.process.output().contains("not it"));
    // What is right makes no noise.
    assert_eq!(change(&session, ADMIN_PASSWORD, CHOSEN).status, 200);
    let session = Session::of(
        ground_control.address,
        &ground_control.login_as("admin", CHOSEN),
    );
    let events = session.get_json("/api/events?kind=sign_in_failed");
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
}

#[test]
fn guessing_is_throttled_and_says_for_how_long() {
    let ground_control = GroundControl::start();
    let unknown = ground_control.login_as("nobody", "some password");
    let wrong = ground_control.login_as("admin", "some password");
    assert_eq!((unknown.status, wrong.status), (401, 401));
    assert_eq!(
        unknown.body, wrong.body,
        "the answer tells which names exist"
    );
    let throttled = (0..40)
        .map(|n| ground_control.login_as("admin", &format!("guess number {n}")))
        .find(|answer| answer.status == 429)
        .expect("forty guesses in a row are not held up");
    assert_eq!(throttled.error_kind(), "throttled");
    let wait: u64 = throttled
        .header("Retry-After")
        .expect("Retry-After")
        .parse()
        .unwrap();
    assert!((1..=3_600).contains(&wait), "{wait} s");
}
