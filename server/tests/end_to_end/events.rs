//! What happened to the fleet, as browsers are told of it while they look.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Folder, GroundControl, Live, PATIENCE, Spider};

/// The events of the next messages, oldest first, until one fits.
fn told_until(live: &mut Live, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut told = Vec::new();
    while !told.last().is_some_and(&fits) {
        let message = live.message("events");
        for event in message["events"].as_array().unwrap().iter().rev() {
            told.push(event.clone());
            if fits(event) {
                break;
            }
        }
    }
    told
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_browser_is_told_that_a_node_came_went_and_booted_anew() {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let (mut live, _) = Live::open(ground_control.address, &session);
    let node = session.add_node("<b>ziggy</b>");
    let told = told_until(&mut live, |event| event["kind"] == "added");
    assert_eq!(told.last().unwrap()["node_name"], "<b>ziggy</b>");

    // A machine of files, which boots anew by another boot id.
    let root = Folder::new("machine");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spider/tests/fixtures/vm/t0");
    copy(&fixture, root.path());
    let random = root.join("proc/sys/kernel/random");
    std::fs::create_dir_all(&random).unwrap();
    let boot = |id: &str| std::fs::write(random.join("boot_id"), format!("{id}\n")).unwrap();
    let start = || {
        let root = root.path().to_str().unwrap();
        Spider::start(&ground_control.url(), &node.token, 200, &["--root", root])
    };
    boot("11111111-aaaa-4aaa-8aaa-000000000001");
    let mut spider = start();
    let told = told_until(&mut live, |event| event["kind"] == "online");
    let online = told.last().unwrap();
    assert_eq!(
        online["detail"]["boot_id"],
        "11111111-aaaa-4aaa-8aaa-000000000001"
    );
    spider.process.kill();
    let told = told_until(&mut live, |event| event["kind"] == "offline");
    assert_eq!(told.last().unwrap()["node"], node.id);

    boot("22222222-bbbb-4bbb-8bbb-000000000002");
    let _spider = start();
    let told = told_until(&mut live, |event| event["kind"] == "online");
    let rebooted = told.iter().find(|event| event["kind"] == "rebooted");
    let rebooted = rebooted.expect("a new boot is told of");
    assert_eq!(
        (&rebooted["detail"]["from"], &rebooted["detail"]["boot_id"]),
        (
            &json!("11111111-aaaa-4aaa-8aaa-000000000001"),
            &json!("22222222-bbbb-4bbb-8bbb-000000000002")
        )
    );

    // Who asks later reads the very same.
    let kept = session.get_json(&format!("/api/events?node={}&kind=rebooted", node.id));
    assert_eq!(kept["events"], json!([rebooted]));
}

#[test]
fn more_than_a_browser_is_told_at_once_is_left_to_its_asking() {
    let ground_control = GroundControl::start();
    let session = ground_control.login();
    let (mut live, _) = Live::open(ground_control.address, &session);
    session.add_node("first");
    told_until(&mut live, |event| event["kind"] == "added");
    // A fleet that changes in one transaction, as one of which the power fails does.
    let database = rusqlite::Connection::open(ground_control.setup.database()).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
        INSERT INTO events (time_ms, node, node_name, kind, detail)
        SELECT 1, i, 'node ' || i, 'offline', '{\"reason\":\"the power failed\"}' FROM n";
    database.execute(rows, []).unwrap();
    let message = live.message("events");
    assert_eq!(message["more"], true);
    let events = message["events"].as_array().unwrap();
    assert_eq!(events.len(), 50);
    assert_eq!(events[0]["node"], 3_000, "the newest come first");
    assert_eq!(events[0]["text"], "Offline: the power failed");
    // And goes on from there.
    session.add_node("last");
    let message = live.message("events");
    assert_eq!(message["more"], false);
    assert_eq!(message["events"][0]["node_name"], "last");
    assert_eq!(message["events"].as_array().unwrap().len(), 1);
}
