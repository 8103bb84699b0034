//! Upgrades that are cut off at every step: the node has the old Spider or the
//! new one, never none and never half of one, and the next upgrade goes well.

use serde_json::{Value, json};

use crate::common::{Folder, eventually};
use crate::control::Control;
use crate::cutting::{self, Scene, cancel_at, kill_at};
use crate::host::Kind;
use crate::snapshot::Snapshot;
use crate::spiders;

const STEPS: [&str; 7] = [
    "login",
    "privilege",
    "system",
    "upload",
    "switch",
    "verify",
    "settle",
];
const BINARY: &str = "usr/local/bin/stardust-spider";

/// Deploys the Spider of now with `then`, and from there on upgrades to a later one.
fn to_a_later_one<T>(folder: &Folder, then: impl FnOnce(&Control) -> T) -> (Control, T) {
    let mut control = cutting::control();
    let made = then(&control);
    let later = spiders::later(folder);
    control.start_with(&["--agent-binary", later.to_str().unwrap()]);
    (control, made)
}

fn version(control: &Control, node: i64) -> String {
    let node = control.session.node(node);
    node["spider_version"].as_str().unwrap_or("").to_owned()
}

/// The link broke while the node was told that its new Spider is good.
fn says_what_stayed(control: &Control, node: i64, job: &Value) {
    let has = version(control, node);
    if job["state"] == "succeeded" {
        assert_eq!(job["result"]["to"], "9.9.9", "{job:#}");
        assert_eq!(has, "9.9.9", "{job:#}");
    } else {
        let message = job["error"]["message"].as_str().unwrap();
        assert!(message.contains("has put the old Spider back"), "{job:#}");
        assert_ne!(has, "9.9.9", "{job:#}");
    }
}

#[test]
#[ignore = "boots real hosts"]
fn the_link_is_cut_at_every_step() {
    let folder = Folder::new("spiders");
    let host = crate::host::Host::boot(Kind::Router);
    let (control, scenes) = to_a_later_one(&folder, |control| {
        Scene::for_each(control, Kind::Debian, "ops", &STEPS)
    });
    drop(host);
    std::thread::scope(|scope| {
        for (step, scene) in &scenes {
            let control = &control;
            scope.spawn(move || {
                let node = scene.node;
                control.is_alive(node);
                let before = Snapshot::of(&scene.host);
                let work = control.start_work(node, "upgrade", &json!({}));
                let job = scene.cut_off(&work, step);
                if *step == "settle" {
                    says_what_stayed(control, node, &job);
                }
                // Within a minute the host itself has decided what stays.
                control.comes_back(node);
                eventually("the guard is gone", || {
                    let left = scene
                        .host
                        .shell("ls /etc/stardust/guard /usr/local/bin/*.old 2>/dev/null || :");
                    left.trim().is_empty().then_some(())
                });
                control.is_alive(node);
                let job = control.start_work(node, "upgrade", &json!({})).succeeds();
                assert_eq!(job["result"]["to"], "9.9.9", "{step}: {job:#}");
                control.is_alive(node);
                assert_eq!(version(control, node), "9.9.9");
                scene.assert_same_but(&before, &[BINARY], step);
                scene.ends(control);
            });
        }
    });
}

#[test]
#[ignore = "boots real hosts"]
fn the_operator_cancels_and_ground_control_is_killed_at_every_step() {
    let folder = Folder::new("spiders");
    let host = crate::host::Host::boot(Kind::Router);
    let (mut control, scene) =
        to_a_later_one(&folder, |control| Scene::new(control, Kind::Debian, "ops"));
    drop(host);
    let node = scene.node;
    control.is_alive(node);
    let before = Snapshot::of(&scene.host);
    for step in STEPS {
        let cancelled = cancel_at(&control, node, "upgrade", step);
        control.is_alive(node);
        // All of it is as it was; or it was too late, which it is but once.
        let changes: &[&str] = if cancelled { &[] } else { &[BINARY] };
        scene.assert_same_but(&before, changes, step);
        assert_eq!(version(&control, node) == "9.9.9", !cancelled, "{step}");
        assert!(cancelled || step == "settle" || step == "verify", "{step}");
        if !cancelled {
            break;
        }
    }
    for step in STEPS {
        let job = kill_at(&mut control, node, "upgrade", step);
        assert_eq!(job["result"]["to"], "9.9.9", "{step}: {job:#}");
        control.is_alive(node);
        assert_eq!(version(&control, node), "9.9.9", "{step}");
        scene.assert_same_but(&before, &[BINARY], step);
    }
    scene.ends(&control);
}
