//! Deployments that are cut off at every step: by the link, by Ground Control's
//! own death, by the operator. Whatever happened, the same work done again ends
//! well, and a removal leaves nothing.

use std::time::Duration;

use serde_json::{Value, json};

use crate::control::{Control, login, with};
use crate::host::{Host, Kind};
use crate::slow_link::SlowLink;
use crate::snapshot::{Snapshot, assert_untouched};
use crate::work::Work;

const STEPS: [&str; 9] = [
    "login",
    "privilege",
    "system",
    "prepare",
    "upload",
    "install",
    "start",
    "verify",
    "settle",
];
/// One way's; so that a step can be met while it runs.
const DELAY: Duration = Duration::from_millis(60);

struct Scene {
    host: Host,
    before: Snapshot,
    control: Control,
    link: SlowLink,
    body: Value,
}

/// Each step has a host and a Ground Control of its own, all at once.
fn at_every_step(kind: Kind, user: &'static str, cut_off: fn(Scene, &'static str)) {
    std::thread::scope(|scope| {
        for step in STEPS {
            scope.spawn(move || {
                let host = Host::boot(kind);
                let before = Snapshot::of(&host);
                let control = Control::start_fixed();
                let link = SlowLink::to(&host, DELAY, 0);
                let mut body = login(&host, user);
                body["host"] = json!(link.address);
                body["sudo_password"] = json!("ops-pass");
                let first = control.check(&body);
                let body = with(&body, "host_key", &first.0["host_key"]["sha256"]);
                cut_off(
                    Scene {
                        host,
                        before,
                        control,
                        link,
                        body,
                    },
                    step,
                );
            });
        }
    });
}

impl Scene {
    /// The job is over; done again it ends well, and can be undone.
    fn ends_well(&self, work: &Work<'_>, step: &str) {
        let job = work.end();
        let node = job["node"].as_i64().expect("a node");
        if job["state"] != "succeeded" {
            assert!(
                !job["error"]["message"].as_str().unwrap_or("").is_empty(),
                "{step}: {job:#}"
            );
            work.again().succeeds();
        }
        self.control.is_alive(node);
        self.control.remove(node);
        assert_untouched(&self.host, &self.before);
    }
}

fn cut_the_link(scene: Scene, step: &'static str) {
    let (_, work) = scene.control.deploy(&scene.body);
    assert!(work.reaches(step), "{step} was never there");
    scene.link.cut(true);
    let job = work.end();
    assert_ne!(job["state"], "cancelled", "{step}: {job:#}");
    scene.link.cut(false);
    scene.ends_well(&work, step);
}

#[test]
#[ignore = "boots real hosts"]
fn the_link_is_cut_at_every_step() {
    at_every_step(Kind::Debian, "ops", cut_the_link);
}

#[test]
#[ignore = "boots real hosts"]
fn the_link_to_a_router_is_cut_at_every_step() {
    at_every_step(Kind::Router, "root", cut_the_link);
}

#[test]
#[ignore = "boots real hosts"]
fn ground_control_is_killed_at_every_step() {
    at_every_step(Kind::Debian, "ops", |mut scene, step| {
        let (_, work) = scene.control.deploy(&scene.body);
        assert!(work.reaches(step), "{step} was never there");
        let id = work.id;
        scene.control.ground.kill();
        scene.control.start_again();
        // It is found again, and comes to an end by itself.
        let work = Work::of(&scene.control, &json!({"id": id}));
        scene.ends_well(&work, step);
    });
}

#[test]
#[ignore = "boots real hosts"]
fn ground_control_is_stopped_at_every_step() {
    at_every_step(Kind::Debian, "deploy", |mut scene, step| {
        let (_, work) = scene.control.deploy(&scene.body);
        assert!(work.reaches(step), "{step} was never there");
        let id = work.id;
        scene.control.start_with(&[]);
        let work = Work::of(&scene.control, &json!({"id": id}));
        scene.ends_well(&work, step);
    });
}

#[test]
#[ignore = "boots real hosts"]
fn the_operator_cancels_at_every_step() {
    at_every_step(Kind::Debian, "ops", |scene, step| {
        let (_, work) = scene.control.deploy(&scene.body);
        assert!(work.reaches(step), "{step} was never there");
        work.cancel();
        let job = work.end();
        if job["state"] == "cancelled" {
            eprintln!("cancelled at {step}: {}\n{:#}", work.output(), job["steps"]);
            assert_untouched(&scene.host, &scene.before);
        } else {
            // Too late to cancel.
            assert_eq!(job["state"], "succeeded", "{step}: {job:#}");
        }
        scene.ends_well(&work, step);
    });
}
