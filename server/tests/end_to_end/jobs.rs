//! Jobs as scripts and browsers see them, with hosts that answer badly. What
//! they do on real hosts is tested in `real_hosts`.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{GroundControl, Live, LiveEvent, PATIENCE, Session, Setup, eventually};

const FINGERPRINT: &str = "SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA";

/// Asks for a deployment to a port of this machine.
fn deploy(session: &Session, name: &str, port: u16) -> Value {
    let body = json!({
        "name": name, "host": "127.0.0.1", "port": port, "user": "root",
        "auth": {"password": "never-told"}, "host_key": FINGERPRINT,
    });
    let answer = session.call("POST", "/api/nodes/deploy", Some(&body));
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()
}

fn finished(session: &Session, job: i64) -> Value {
    eventually("the job has ended", || {
        let job = session.get_json(&format!("/api/jobs/{job}"));
        job["finished_ms"].is_i64().then_some(job)
    })
}

/// The next message about a job that fits.
fn told(live: &mut Live, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let message = live.message("job");
        if fits(&message["job"]) {
            return message["job"].clone();
        }
    }
}

#[test]
fn a_browser_sees_a_job_from_its_first_step_to_its_failure_in_plain_words() {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let (mut live, snapshot) = Live::open(ground_control.address, &session);
    assert_eq!(snapshot["jobs"], json!([]));

    let made = deploy(&session, "nobody-home", port);
    let id = made["job"]["id"].as_i64().unwrap();
    let end = told(&mut live, |job| job["id"] == id && job["state"] == "failed");
    assert_eq!(end["error"]["cause"], "refused");
    assert!(end["error"]["hint"].as_str().unwrap().len() > 10);
    let steps = end["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["name"], "reach");
    assert_eq!(steps.last().unwrap()["state"], "failed");
    assert_eq!(
        finished(&session, id),
        end,
        "the API and /live tell the same"
    );

    // A group stops at its first failure, and says so.
    let body = json!({"nodes": [made["node"]["id"], session.add_node("by hand").id]});
    let answer = session.call("POST", "/api/upgrades", Some(&body));
    let group = answer.json()["job"]["id"].as_i64().unwrap();
    let end = told(&mut live, |job| {
        job["id"] == group && job["state"] == "failed"
    });
    assert_eq!(end["result"]["stopped"]["rule"], "failed");
    assert_eq!(end["result"]["waves"][1]["state"], "not_begun");
    let children = session.get_json(&format!("/api/jobs?group={group}"));
    assert_eq!(children["jobs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_job_that_was_under_way_when_ground_control_was_killed_is_not_forgotten() {
    // Takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let mut ground_control = Setup::new().fixed_port().start();
    let session = ground_control.login();
    let made = deploy(&session, "silent", port);
    let id = made["job"]["id"].as_i64().unwrap();
    let node = made["node"]["id"].as_i64().unwrap();
    let reaching = |session: &Session| {
        eventually("the job tries to reach the host", || {
            let job = session.get_json(&format!("/api/jobs/{id}"));
            let last = job["steps"].as_array()?.last()?;
            (last["name"] == "reach" && last["state"] == "running").then_some(())
        });
    };
    reaching(&session);
    // One more waits behind it.
    let body = json!({});
    let waits = session.call(
        "POST",
        &format!("/api/nodes/{node}/rotate-token"),
        Some(&body),
    );
    let waits = waits.json()["job"]["id"].as_i64().unwrap();
    ground_control.kill();

    ground_control.start_again();
    let session = ground_control.login();
    let (_, snapshot) = Live::open(ground_control.address, &session);
    assert_eq!(snapshot["jobs"].as_array().unwrap().len(), 2);
    reaching(&session);
    let job = session.get_json(&format!("/api/jobs/{waits}"));
    assert_eq!(job["state"], "queued");
    // Cancelled while it waits for an answer: it ends at once, or with its step.
    let answer = session.call("POST", &format!("/api/jobs/{waits}/cancel"), None);
    assert_eq!(answer.status, 202);
    assert_eq!(finished(&session, waits)["state"], "cancelled");
    // The host goes away: the job ends, and is kept.
    drop(silent);
    let end = finished(&session, id);
    assert_eq!(end["state"], "failed", "{end}");
    // And an orderly stop is not held up by anything of this.
    assert_eq!(ground_control.stop().code(), Some(0));
}

#[test]
fn a_browser_can_follow_only_so_many_jobs() {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let (mut live, _) = Live::open(ground_control.address, &session);
    live.send(&json!({"type": "follow", "jobs": [1, 2, 3, 4, 5, 6, 7, 8]}));
    live.send(&json!({"type": "follow", "jobs": []}));
    // Nothing is said against it; what happens meanwhile may be told.
    loop {
        match live.next(Duration::from_millis(300)) {
            LiveEvent::Silence => break,
            LiveEvent::Json(message) => assert_eq!(message["type"], "events", "{message}"),
            other => panic!("{other:?}"),
        }
    }
    live.send(&json!({"type": "follow", "jobs": [1, 2, 3, 4, 5, 6, 7, 8, 9]}));
    let bye = live.message("bye");
    assert!(
        bye["reason"].as_str().unwrap().contains("at most 8"),
        "{bye}"
    );
    match live.next(PATIENCE) {
        LiveEvent::Closed(Some((code, _))) => assert_eq!(code, 1008),
        other => panic!("{other:?}"),
    }
}
