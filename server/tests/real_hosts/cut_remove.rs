//! Removals that are cut off at every step: the Spider goes on, or nothing of it
//! is left, at the latest when it is asked for again.

use serde_json::json;

use crate::control::Control;
use crate::cutting::{self, Scene, cancel_at, kill_at};
use crate::host::{Host, Kind};
use crate::snapshot::{Snapshot, assert_untouched};

const STEPS: [&str; 6] = ["login", "privilege", "system", "stop", "delete", "look"];

fn is_gone(control: &Control, node: i64) -> bool {
    control.session.get(&format!("/api/nodes/{node}")).status == 404
}

#[test]
#[ignore = "boots real hosts"]
fn the_link_is_cut_at_every_step() {
    let first = Host::boot(Kind::Router);
    let control = cutting::control();
    let scenes = Scene::for_each(&control, Kind::OpenRc, "ops", &STEPS);
    drop(first);
    std::thread::scope(|scope| {
        for (step, scene) in &scenes {
            let control = &control;
            scope.spawn(move || {
                let before = Snapshot::of(&scene.host);
                let work = control.start_work(scene.node, "remove", &json!({}));
                let job = scene.cut_off(&work, step);
                if job["state"] == "succeeded" {
                    // It had gone through before the link was cut.
                    assert!(is_gone(control, scene.node), "{step}");
                    assert_untouched(&scene.host, &scene.bare);
                    return;
                }
                assert!(!is_gone(control, scene.node), "{step}");
                if matches!(*step, "login" | "privilege" | "system") {
                    control.comes_back(scene.node);
                    scene.assert_same_but(&before, &[], step);
                }
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
    let mut scene = Scene::new(&control, Kind::Debian, "ops");
    drop(first);
    let mut before = Snapshot::of(&scene.host);
    for step in STEPS {
        if cancel_at(&control, scene.node, "remove", step) {
            // What was stopped runs again.
            control.is_alive(scene.node);
            scene.assert_same_but(&before, &[], step);
        } else {
            assert!(is_gone(&control, scene.node), "{step}");
            assert_untouched(&scene.host, &scene.bare);
            assert!(!matches!(step, "login" | "privilege" | "system"), "{step}");
            scene.node = control.deployed(&scene.body);
            before = Snapshot::of(&scene.host);
        }
    }
    for step in STEPS.into_iter().chain(["forget"]) {
        kill_at(&mut control, scene.node, "remove", step);
        assert!(is_gone(&control, scene.node), "{step}");
        assert_untouched(&scene.host, &scene.bare);
        scene.node = control.deployed(&scene.body);
    }
    scene.ends(&control);
}
