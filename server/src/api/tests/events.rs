//! What happened, as the tables that note it and the hub bring it together.

use serde_json::json;

use super::schema::check;
use super::{Call, Operator};
use crate::events::NewEvent;
use crate::jobs::State;

fn kinds(list: &serde_json::Value) -> Vec<&str> {
    let events = list["events"].as_array().unwrap();
    events.iter().map(|e| e["kind"].as_str().unwrap()).collect()
}

#[test]
fn nodes_jobs_and_gaps_are_noted_where_they_are_written() {
    let operator = Operator::new();
    let app = &operator.server.app;
    operator.post("/api/nodes", &json!({"name": "pi4", "tags": []}));
    operator.send(Call::new("PATCH", "/api/nodes/1").json(&json!({"name": "pi5"})));
    let writer = app.store.writer();
    writer
        .execute_batch("INSERT INTO gaps VALUES (1, 1000, 61000, 'node_off', 0)")
        .unwrap();
    drop(writer);
    let hostile = "<b>Robert'); DROP TABLE events;--";
    operator.post("/api/nodes", &json!({"name": hostile, "tags": []}));
    operator.send(Call::new("DELETE", "/api/nodes/2"));

    let list = operator.get("/api/events").json();
    check("Events", &list);
    assert_eq!(
        kinds(&list),
        ["removed", "added", "gap", "renamed", "added"]
    );
    assert_eq!(list["events"][0]["node_name"], hostile);
    let gap = &list["events"][2];
    assert_eq!(
        (&gap["time_ms"], &gap["node_name"]),
        (&json!(61_000), &json!("pi5"))
    );
    assert_eq!(
        gap["text"],
        "No samples for 1 min 0 s: the node was off: it has booted since"
    );
    assert_eq!(
        list["events"][3]["detail"],
        json!({"from": "pi4", "to": "pi5"})
    );
}

#[test]
fn the_end_of_a_job_is_told_once_with_its_reason() {
    let operator = Operator::new();
    let app = &operator.server.app;
    operator.post("/api/nodes", &json!({"name": "pi4", "tags": []}));
    let order = |by: &str| {
        let id = app.store.writer().execute(
            "INSERT INTO jobs (kind, node, node_name, title, intent, state, asked_by, created_ms, progress)
             VALUES ('reboot', 1, 'pi4', 'Reboot pi4', '{}', 'queued', ?1, 5, 'null')",
            [by],
        );
        assert_eq!(id.unwrap(), 1);
        app.store.writer().last_insert_rowid()
    };
    let end = |job: i64, state: State, progress: &str| {
        let writer = app.store.writer();
        for finished in [9, 10] {
            writer
                .execute(
                    "UPDATE jobs SET state = ?2, finished_ms = ?3, progress = ?4 WHERE id = ?1",
                    rusqlite::params![job, state.name(), finished, progress],
                )
                .unwrap();
        }
    };
    end(
        order("admin"),
        State::Failed,
        r#"{"error": {"cause": "timeout", "message": "No answer.", "hint": "Wait."}}"#,
    );
    // Nobody reads of a daily look that was like the one before, nor does what
    // can't be read stop the job from ending.
    end(order("stardust"), State::Succeeded, "null");
    end(order("stardust"), State::Failed, "not json");
    let list = operator.get("/api/events?kind=job").json();
    check("Events", &list);
    assert_eq!(list["events"].as_array().unwrap().len(), 2);
    let failed = &list["events"][1];
    assert_eq!(failed["text"], "Reboot pi4: failed. No answer.");
    assert_eq!(failed["detail"]["cause"], "timeout");
    assert_eq!(failed["time_ms"], 9);
}

#[test]
fn a_list_is_paged_filtered_and_kept_small() {
    let operator = Operator::new();
    let store = &operator.server.app.store;
    let events: Vec<NewEvent> = (0..30)
        .map(|number| NewEvent {
            time_ms: number,
            node: Some(number % 3),
            node_name: None,
            kind: if number % 2 == 0 { "online" } else { "offline" },
            detail: json!({"reason": "gone"}),
        })
        .collect();
    store.add_events(&events).unwrap();

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = operator
            .get(&format!("/api/events?node=1&limit=3{cursor}"))
            .json();
        seen.extend(
            page["events"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e["time_ms"].as_i64().unwrap()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(
        seen,
        (0..10)
            .rev()
            .map(|number| number * 3 + 1)
            .collect::<Vec<_>>()
    );
    let offline = operator
        .get("/api/events?kind=offline&kind=gap&limit=200")
        .json();
    assert_eq!(offline["events"].as_array().unwrap().len(), 15);
    for wrong in [
        "limit=0",
        "limit=201",
        "node=x",
        "cursor=%27",
        "kind=%27--",
        "node=1&node=2",
    ] {
        let answer = operator.get(&format!("/api/events?{wrong}"));
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (400, "invalid"),
            "{wrong}"
        );
    }

    assert!(store.known_state(1).unwrap().unwrap().online);
    assert_eq!(store.known_state(9).unwrap(), None);
    store.trim_events_of(1, 4).unwrap();
    assert_eq!(
        operator.get("/api/events?node=1").json()["events"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    store.trim_events(5).unwrap();
    assert_eq!(
        operator.get("/api/events").json()["events"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
}
