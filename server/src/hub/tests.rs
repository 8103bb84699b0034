use stardust_model::access::Principal;
use std::sync::Arc;

use stardust_shared::message::{Hello, Identity};
use stardust_shared::{Layout, SeriesDef};

use super::fleet::SNAPSHOT_NODES;
use super::*;
use crate::store::NodeRecord;
use stardust_model::failed_jobs::LiveJobs;
use std::collections::BTreeSet;

fn record(id: i64, last_seen_ms: Option<i64>) -> NodeRecord {
    NodeRecord {
        id,
        name: format!("node {id}"),
        tags: vec!["a".into()],
        next_tokens_sha256: Vec::new(),
        token_sha256: [id as u8; 32],
        created_ms: 1_000,
        last_seen_ms,
        address: None,
        spider_version: None,
        identity: None,
    }
}

fn hello() -> Hello {
    Hello {
        kind: Hello::KIND.into(),
        protocol: 1,
        version: "9.9".into(),
        run: "r".into(),
        boot_id: "b".into(),
        oldest_seq: 0,
        newest_seq: 0,
        interval_ms: 1_000,
        outage: None,
        clock_ms: None,
        identity: Identity {
            hostname: Some("<b>pi</b>".into()),
            ..Identity::default()
        },
    }
}

fn changes(fleet: &Fleet) -> serde_json::Value {
    fleet
        .take_changes(usize::MAX, 7)
        .map(|changes| changes.message())
        .map_or(serde_json::Value::Null, |text| {
            serde_json::from_str(&text).unwrap()
        })
}

#[test]
fn states_follow_the_connection_and_say_since_when_and_why() {
    let fleet = Fleet::new(vec![record(1, None), record(2, Some(5_000))], 9_000);
    fleet.listen(true);
    assert_eq!(changes(&fleet), serde_json::Value::Null);
    assert_eq!(
        fleet.view(&Principal::server(), 1).unwrap().status,
        Status::Pending
    );
    let off = fleet.view(&Principal::server(), 2).unwrap();
    assert_eq!((off.status, off.since_ms), (Status::Offline, 5_000));
    assert!(off.reason.is_some());

    fleet.with_node(1, |node| {
        node.hello(&hello(), &[1; 32], "192.0.2.1", 1_000, 10_000)
    });
    let on = fleet.view(&Principal::server(), 1).unwrap();
    assert_eq!(
        (on.status, on.since_ms, on.reason),
        (Status::Online, 10_000, None)
    );
    let told = changes(&fleet);
    assert_eq!(told["nodes"][0]["status"], "online");
    assert_eq!(told["nodes"][0]["identity"]["hostname"], "<b>pi</b>");
    assert!(
        told["nodes"][0].get("name").is_none(),
        "only what changed is told"
    );

    fleet.with_node(1, |node| node.offline("no answer for 60 s", 20_000));
    let told = changes(&fleet);
    assert_eq!(told["nodes"][0]["reason"], "no answer for 60 s");
    assert_eq!(told["nodes"][0]["since_ms"], 20_000);
    assert_eq!(changes(&fleet), serde_json::Value::Null);
    assert_eq!(fleet.counts(), (2, 0));
}

#[test]
fn tokens_work_from_insert_to_remove() {
    let fleet = Fleet::new(Vec::new(), 0);
    fleet.listen(true);
    assert_eq!(fleet.node_of_token(&[3; 32]), None);
    fleet.insert(record(3, None));
    assert_eq!(fleet.node_of_token(&[3; 32]), Some(3));
    let told = changes(&fleet);
    assert_eq!(
        told["nodes"][0]["name"], "node 3",
        "a new node is told whole"
    );
    fleet.remove(3);
    assert_eq!(fleet.node_of_token(&[3; 32]), None);
    assert_eq!(changes(&fleet)["removed"], serde_json::json!([3]));
    assert!(fleet.view(&Principal::server(), 3).is_none());
}

#[test]
fn samples_give_values_rates_and_a_summary() {
    let fleet = Fleet::new(vec![record(1, None)], 0);
    let layout = Arc::new(Layout::new(
        1,
        vec![
            SeriesDef::new("net.rx_bytes", &[("iface", "eth0")]),
            SeriesDef::new("mem.total_bytes", &[]),
            SeriesDef::new("mem.available_bytes", &[]),
        ],
    ));
    let sample = |seq: u64, rx| {
        let values = [rx, 8192, 4096];
        let at = (seq, seq as i64 * 2_000);
        fleet.with_node(1, |node| node.sample(&layout, at, &values, 4_500))
    };
    sample(1, 1_000);
    assert!(fleet.stats(1).unwrap().rates.is_empty());
    sample(2, 4_000);
    let stats = serde_json::to_value(fleet.stats(1).unwrap()).unwrap();
    assert_eq!(stats["series"]["net.rx_bytes{iface=eth0}"], 4_000);
    assert_eq!(stats["rates"]["net.rx_bytes{iface=eth0}"], 1_500.0);
    assert!(stats["rates"].get("mem.total_bytes").is_none());
    assert_eq!(stats["summary"]["mem_used_bytes"], 4_096);
    assert_eq!(stats["time_ms"], 4_000);
    // A row has the values of the summary under the names that the snapshot gives.
    fleet.listen(true);
    sample(3, 4_000);
    let snapshot: serde_json::Value = serde_json::from_str(
        &fleet.snapshot(&Principal::server().scope(), 3, 0, &LiveJobs::default())[0],
    )
    .unwrap();
    let fields = snapshot["sample_fields"].as_array().unwrap();
    let told = changes(&fleet);
    assert_eq!(told["nodes"], serde_json::json!([]));
    let row = told["samples"][0].as_array().unwrap();
    assert_eq!(
        (row.len(), &row[0], &row[1]),
        (fields.len(), &1.into(), &4_500.into())
    );
    let named = fields[2..]
        .iter()
        .map(|name| name.as_str().unwrap().to_string());
    let named: serde_json::Map<_, _> = named.zip(row[2..].iter().cloned()).collect();
    assert_eq!(
        serde_json::Value::Object(named),
        serde_json::to_value(fleet.view(&Principal::server(), 1).unwrap().summary).unwrap()
    );
    assert_eq!(fleet.series(1).unwrap().len(), 3);
    // Another layout: the sample before counts for nothing.
    let other = Arc::new(Layout::new(
        2,
        vec![SeriesDef::new("net.rx_bytes", &[("iface", "eth0")])],
    ));
    fleet.with_node(1, |node| node.sample(&other, (4, 8_000), &[9], 8_500));
    assert!(fleet.stats(1).unwrap().rates.is_empty());
    assert_eq!(fleet.stats(1).unwrap().time_ms, Some(8_000));
    // What breaks the rules leaves nothing that could be shown.
    let bad = [7, 0, 0];
    let mut reader = stardust_shared::varint::Reader::new(&bad);
    let refused = fleet.with_node(1, |node| node.apply(&other, false, &mut reader));
    assert!(refused.unwrap().is_err());
    assert_eq!(fleet.stats(1).unwrap().time_ms, None);
    assert!(
        fleet
            .view(&Principal::server(), 1)
            .unwrap()
            .summary
            .is_none()
    );
}

#[test]
fn samples_take_turns_and_other_news_do_not_wait() {
    let fleet = Fleet::new((1..=4).map(|id| record(id, None)).collect(), 0);
    let layout = Arc::new(Layout::new(1, vec![SeriesDef::new("proc.total", &[])]));
    let seq = std::cell::Cell::new(0);
    let sample = |id| {
        seq.set(seq.get() + 1);
        fleet.with_node(id, |node| node.sample(&layout, (seq.get(), 2_000), &[5], 0))
    };
    let nobody: [i64; 0] = [];
    let told = |limit| -> Vec<i64> {
        let text = fleet
            .take_changes(limit, 0)
            .map(|changes| changes.message())
            .unwrap_or("{}".into());
        let told: serde_json::Value = serde_json::from_str(&text).unwrap();
        let list = |name: &str| told[name].as_array().cloned().unwrap_or_default();
        let samples = list("samples").into_iter().map(|row| row[0].clone());
        let nodes = list("nodes").into_iter().map(|node| node["id"].clone());
        let ids: BTreeSet<i64> = nodes
            .chain(samples)
            .map(|id| id.as_i64().unwrap())
            .collect();
        ids.into_iter().collect()
    };
    // Nothing is kept for nobody.
    sample(1);
    fleet.remove(4);
    assert_eq!(told(9), nobody);
    fleet.listen(true);
    assert_eq!(told(9), nobody);
    for id in [3, 1, 2, 3, 1] {
        sample(id);
    }
    let turns = |limit| -> serde_json::Value {
        let text = fleet
            .take_changes(limit, 0)
            .map(|changes| changes.message())
            .unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["turns"].clone()
    };
    assert_eq!(told(2), [1, 3]);
    sample(3);
    fleet.with_node(1, |node| node.offline("gone", 0));
    assert_eq!(told(1), [1, 2], "one can't wait, two has waited longest");
    assert_eq!(told(9), [3]);
    // One that has both is told of both at once.
    sample(2);
    fleet.with_node(2, |node| node.offline("gone", 0));
    assert_eq!(told(9), [2]);
    assert_eq!(told(9), nobody);
    // How long it takes until all had their turn.
    for id in 1..=3 {
        sample(id);
    }
    assert_eq!(
        (turns(1), turns(1), turns(1)),
        (3.into(), 2.into(), 1.into())
    );
}

#[test]
fn a_large_fleet_is_shown_in_parts() {
    let count = 2 * SNAPSHOT_NODES as i64 + 1;
    let fleet = Fleet::new((1..=count).map(|id| record(id, None)).collect(), 0);
    let parts = fleet.snapshot(&Principal::server().scope(), 3, 9, &LiveJobs::default());
    let parts: Vec<serde_json::Value> = parts
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    let types: Vec<_> = parts.iter().map(|part| part["type"].clone()).collect();
    assert_eq!(types, ["snapshot", "changes", "changes"]);
    let nodes = parts
        .iter()
        .flat_map(|part| part["nodes"].as_array().unwrap());
    let ids: Vec<i64> = nodes
        .map(|node| {
            assert!(node["name"].is_string() && node["status"].is_string());
            node["id"].as_i64().unwrap()
        })
        .collect();
    assert_eq!(ids, (1..=count).collect::<Vec<_>>());
    assert_eq!(
        Fleet::default()
            .snapshot(&Principal::server().scope(), 3, 0, &LiveJobs::default())
            .len(),
        1
    );
}

#[test]
fn lists_go_on_after_a_cursor() {
    let fleet = Fleet::new((1..=5).map(|id| record(id, None)).collect(), 0);
    let ids = |after, limit| {
        fleet
            .views(&Principal::server(), after, limit)
            .iter()
            .map(|n| n.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(0, 2), [1, 2]);
    assert_eq!(ids(2, 2), [3, 4]);
    assert_eq!(ids(4, 9), [5]);
    assert_eq!(ids(i64::MAX, 9), [] as [i64; 0]);
}

#[test]
fn the_last_minutes_of_the_cpu_are_there_however_often_it_reconnects() {
    let fleet = Fleet::new(vec![record(1, None)], 0);
    let layout = || {
        Arc::new(Layout::new(
            1,
            vec![
                SeriesDef::new("cpu.user_ms", &[]),
                SeriesDef::new("cpu.idle_ms", &[]),
            ],
        ))
    };
    let start_ms = 1_700_000_000_000;
    let sample = |layout: &Arc<Layout>, second: i64, busy_ms, idle_ms| {
        let at = (second as u64 + 1, start_ms + second * 1_000);
        fleet.with_node(1, |node| node.sample(layout, at, &[busy_ms, idle_ms], 0))
    };
    let last = |count: usize| {
        let all = fleet
            .view(&Principal::server(), 1)
            .unwrap()
            .spark
            .cpu_percent;
        all[all.len() - count..].to_vec()
    };
    let first = layout();
    for second in 0..50 {
        sample(&first, second, second * 250, second * 750);
    }
    assert_eq!(last(4), [None, Some(25), Some(25), Some(25)]);
    // Restarted: it counts from zero, and from its first sample on.
    let second = layout();
    sample(&second, 55, 10, 10);
    assert_eq!(last(2), [Some(25), Some(25)]);
    sample(&second, 60, 1_010, 10);
    assert_eq!(last(2), [Some(25), Some(100)]);
}
