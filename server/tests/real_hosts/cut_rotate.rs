//! Other credentials, cut off at every step. Whichever token the node has then,
//! it is let in with it; whichever login is kept, it works.

use std::time::Duration;

use serde_json::json;

use crate::common::upgrade;
use crate::control::Control;
use crate::cutting::{self, Scene, cancel_at, kill_at};
use crate::host::{Host, Kind};
use crate::keys;
use crate::snapshot::Snapshot;

const STEPS: [&str; 7] = [
    "login",
    "privilege",
    "system",
    "upload",
    "start",
    "verify",
    "settle",
];
const CONFIG: &str = "etc/stardust/spider.conf";

/// Not to be asked of a token that is good: its Spider would have to give way.
fn assert_refused(control: &Control, token: &str) {
    let (answer, _) = upgrade(
        control.session.address,
        "/ws",
        &[
            ("Authorization", &format!("Bearer {token}")),
            ("Sec-WebSocket-Protocol", stardust_shared::SUBPROTOCOL),
        ],
    );
    assert_eq!(answer.status, 401, "{}", answer.text());
}

#[test]
#[ignore = "boots real hosts"]
fn the_link_is_cut_at_every_step() {
    let first = Host::boot(Kind::Router);
    let mut control = cutting::control();
    let scenes = Scene::for_each(&control, Kind::Router, "root", &STEPS);
    drop(first);
    let before: Vec<(Snapshot, String)> = scenes
        .iter()
        .map(|(_, scene)| (Snapshot::of(&scene.host), scene.token()))
        .collect();
    std::thread::scope(|scope| {
        for (step, scene) in &scenes {
            let control = &control;
            scope.spawn(move || {
                let work = control.start_work(scene.node, "rotate-token", &json!({}));
                scene.cut_off(&work, step);
                control.comes_back(scene.node);
            });
        }
    });
    // What is remembered of it must do as well as what is in memory.
    control.start_with(&[]);
    std::thread::scope(|scope| {
        for ((step, scene), (before, first)) in scenes.iter().zip(&before) {
            let control = &control;
            scope.spawn(move || {
                let node = scene.node;
                control.is_alive(node);
                let half = scene.token();
                let rotate = control.start_work(node, "rotate-token", &json!({}));
                rotate.succeeds();
                control.is_alive(node);
                let last = scene.token();
                assert!(last != *first && last != half, "{step}");
                assert_refused(control, first);
                assert_refused(control, &half);
                scene.assert_same_but(before, &[CONFIG], step);
                scene.ends(control);
            });
        }
    });
}

#[test]
#[ignore = "boots real hosts"]
fn the_operator_cancels_and_ground_control_is_killed_at_every_step() {
    let first = Host::boot(Kind::Router);
    let mut control = cutting::control();
    let scene = Scene::new(&control, Kind::Debian, "ops");
    drop(first);
    let node = scene.node;
    let before = Snapshot::of(&scene.host);
    for step in STEPS {
        let token = scene.token();
        let cancelled = cancel_at(&control, node, "rotate-token", step);
        control.is_alive(node);
        assert_eq!(scene.token() == token, cancelled, "{step}");
        scene.assert_same_but(&before, &[CONFIG], step);
    }
    for step in STEPS {
        let token = scene.token();
        kill_at(&mut control, node, "rotate-token", step);
        control.is_alive(node);
        assert_ne!(scene.token(), token, "{step}");
        assert_refused(&control, &token);
        scene.assert_same_but(&before, &[CONFIG], step);
    }
    scene.ends(&control);
}

/// Another login is tried first and kept whole or not at all.
#[test]
#[ignore = "boots real hosts"]
fn another_login_is_cut_off_half_way() {
    let first = Host::boot(Kind::Router);
    let mut control = cutting::control();
    let scene = Scene::new(&control, Kind::Debian, "ops");
    drop(first);
    let node = scene.node;
    let target = format!("/api/nodes/{node}/connection");
    let connection = |control: &Control| {
        let connection = control.session.get_json(&target);
        (connection["user"].clone(), connection["auth"].clone())
    };
    let old = (json!("ops"), json!("key"));
    let new = (json!("root"), json!("key"));
    let mut body = scene.body.clone();
    body["user"] = json!("root");
    body["auth"] = keys::auth("ecdsa384");
    body["sudo_password"] = json!(null);
    let put = |control: &Control| control.session.call("PUT", &target, Some(&body));

    let (status, error) = std::thread::scope(|scope| {
        let answer = scope.spawn(|| put(&control));
        std::thread::sleep(Duration::from_millis(700));
        scene.link.cut(true);
        let answer = answer.join().unwrap();
        (answer.status, answer.text())
    });
    assert!(status >= 400, "{status} {error}");
    scene.link.cut(false);
    assert_eq!(connection(&control), old);
    control.comes_back(node);

    for pause_ms in [100, 500, 900, 1_300, 1_700] {
        std::thread::scope(|scope| {
            let session = control.session.clone();
            let (target, body) = (&target, &body);
            // Whoever asks hears nothing any more.
            scope.spawn(move || {
                let body = body.to_string();
                let head = format!(
                    "PUT {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\n\
                     Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    session.bearer(),
                    body.len()
                );
                use std::io::{Read as _, Write as _};
                let mut stream = std::net::TcpStream::connect(session.address).unwrap();
                stream.write_all(head.as_bytes()).unwrap();
                let _ = stream.read_to_end(&mut Vec::new());
            });
            std::thread::sleep(Duration::from_millis(pause_ms));
            control.ground.kill();
        });
        control.start_again();
        let kept = connection(&control);
        assert!(kept == old || kept == new, "{kept:?}");
        control
            .start_work(node, "rotate-token", &json!({}))
            .succeeds();
        control.is_alive(node);
    }
    let answer = put(&control);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(connection(&control), new);
    scene.ends(&control);
}
