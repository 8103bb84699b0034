//! What a Spider sent, as the API answers it: live state and history.

use std::sync::Arc;
use std::sync::mpsc::channel;

use serde_json::json;
use stardust_shared::message::{Hello, Identity};
use stardust_shared::{Layout, Record, SeriesDef, State};

use super::schema::check;
use super::{Call, Server};
use crate::history::{Command, HelloSeen, Intakes};

const START_MS: i64 = 1_790_000_000_000;

#[test]
fn samples_are_answered_live_and_from_disk() {
    let server = Server::new();
    let token = server.token();
    let add = Call::new("POST", "/api/nodes").json(&json!({"name": "pi4"}));
    let id = server.send(&add.bearer(&token)).json()["id"]
        .as_i64()
        .unwrap();

    let identity = Identity {
        hostname: Some("<b>pi4</b>".into()),
        cores: Some(4),
        ..Identity::default()
    };
    let hello = Hello {
        kind: Hello::KIND.into(),
        protocol: 1,
        version: "0.1.0".into(),
        run: "r1".into(),
        boot_id: "b1".into(),
        oldest_seq: 0,
        newest_seq: 0,
        interval_ms: 1000,
        outage: None,
        clock_ms: None,
        identity: identity.clone(),
    };
    let layout = Arc::new(Layout::new(
        1,
        vec![
            SeriesDef::new("net.rx_bytes", &[("iface", "eth0")]),
            SeriesDef::new("mem.total_bytes", &[]),
            SeriesDef::new("mem.available_bytes", &[]),
        ],
    ));
    let mut intakes = Intakes::new(Vec::new());
    let seen = HelloSeen {
        time_ms: START_MS,
        address: "192.0.2.7".into(),
        version: "0.1.0".into(),
        identity,
    };
    let (_, place) = intakes.open(id, &hello, 1000, seen);
    server.app.fleet.with_node(id, |node| {
        node.hello(&hello, &[0; 32], "192.0.2.7", 1000, START_MS)
    });
    for n in 0..10i64 {
        let mut state = State::default();
        let values = [n * 500, 4096 << 10, 1024 << 10];
        state.start(&layout, n as u64 + 1, START_MS + n * 1000, &values);
        let mut bytes = Vec::new();
        state.encode_keyframe(&layout, 0, &mut bytes);
        intakes.push(place, &layout, &state, Record::Keyframe, &bytes);
        let at = (n as u64 + 1, START_MS + n * 1000);
        let fleet = &server.app.fleet;
        fleet.with_node(id, |node| node.sample(&layout, at, &values, at.1));
    }
    let writer = server.app.history.writer().unwrap();
    let (commands, receiver) = channel();
    commands
        .send(Command::Commit(intakes.seal().unwrap()))
        .unwrap();
    commands.send(Command::Stop).unwrap();
    writer.run(&receiver, &|_| {});

    let get =
        |what: &str| server.send(&Call::get(&format!("/api/nodes/{id}{what}")).bearer(&token));
    let node = get("").json();
    check("Node", &node);
    assert_eq!(
        (&node["status"], &node["address"]),
        (&json!("online"), &json!("192.0.2.7"))
    );
    assert_eq!(node["identity"]["hostname"], "<b>pi4</b>");
    assert_eq!(node["summary"]["mem_used_bytes"], 3072 << 10);

    let stats = get("/stats").json();
    check("Stats", &stats);
    assert_eq!(stats["series"]["net.rx_bytes{iface=eth0}"], 4500);
    assert_eq!(stats["rates"]["net.rx_bytes{iface=eth0}"], 500.0);

    let series = get("/series").json();
    check("SeriesList", &series);
    assert_eq!(
        series["series"][0],
        json!({"key": "net.rx_bytes{iface=eth0}", "unit": "bytes", "kind": "counter"})
    );

    let range = format!("from={START_MS}&to={}&points=2", START_MS + 10_000);
    let history = get(&format!(
        "/history?series=net.rx_bytes,mem.available_bytes&parts=avg,count,increase&{range}"
    ))
    .json();
    check("History", &history);
    assert_eq!(history["node"], id);
    let find = |key: &str| {
        let all = history["series"].as_array().unwrap();
        all.iter()
            .find(|series| series["key"] == key)
            .unwrap_or_else(|| panic!("{key}: {history}"))
    };
    let rx = find("net.rx_bytes{iface=eth0}");
    let total: i64 = rx["increase"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|v| v.as_i64())
        .sum();
    assert_eq!(total, 4500);
    assert_eq!(
        (&rx["unit"], &rx["increase_unit"]),
        (&json!("bytes/s"), &json!("bytes"))
    );
    let counts: i64 = rx["count"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|v| v.as_i64())
        .sum();
    assert!((9..=10).contains(&counts), "{rx}");
    assert_eq!(
        rx["count"].as_array().unwrap().len(),
        history["times"].as_array().unwrap().len()
    );
    let free = find("mem.available_bytes");
    assert!(free.get("increase").is_none());
    assert_eq!(
        (&free["unit"], free.get("increase_unit")),
        (&json!("bytes"), None)
    );

    // What was not asked for is not there, and what never was is named.
    let asked = format!("/history?series=net.rx_bytes,net.rx_byte,mem.*,x.*&{range}");
    let usual = get(&asked).json();
    check("History", &usual);
    assert_eq!(usual["unknown"], json!(["net.rx_byte"]));
    for series in usual["series"].as_array().unwrap() {
        let mut names: Vec<_> = series.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["avg", "key", "kind", "max", "min", "unit"]);
    }
    let brief = get(&format!("{asked}&parts=avg&digits=2")).json();
    check("History", &brief);
    for series in brief["series"].as_array().unwrap() {
        assert!(series.get("min").is_none());
        for number in series["avg"].as_array().unwrap() {
            let text = number.to_string();
            let digits = text.trim_matches(['-', '.', '0']).replace('.', "");
            assert!(*number == json!(null) || digits.len() <= 2, "{series}");
        }
    }
    // A list of the past, which nothing in the range and no list of now has.
    let past = get("/history?series=mem.available_bytes,mem.gone&from=5&to=6").json();
    assert_eq!(past["series"], json!([]));
    assert_eq!(past["unknown"], json!(["mem.gone"]));

    let status = server.send(&Call::get("/api/history/status").bearer(&token));
    let status = status.json();
    check("HistoryStatus", &status);
    assert_eq!(status["fresh"]["rows"], 10);
    assert_eq!(status["writer"]["state"], "ok");
    assert_eq!(status["tiers"][0]["keep_days"], 7.0);
}
