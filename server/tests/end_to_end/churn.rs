//! A machine whose interfaces come and go, seen by the real Spider.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use crate::common::{Folder, Setup, Spider, eventually, stored, wall_ms};

const ROUNDS: u64 = 24;

/// `own` has so many bytes more each time; two others live for four rounds each.
fn write(root: &Path, round: u64) {
    let mut dev = String::from("Inter-| Receive | Transmit\n face |bytes |bytes\n");
    let mut line = |name: &str, bytes: u64| {
        let _ = writeln!(dev, "{name}: {bytes} 2 0 0 0 0 0 0 {bytes} 2 0 0 0 0 0 0");
    };
    line("eno1", 1_000_000 + round * 1_000);
    for back in 0..4u64.min(round) {
        line(&format!("vnet{}", round - back), 5_000 + back);
    }
    // The Spider keeps the file open, and must find it whole at any moment.
    dev.push_str(&"\n".repeat(4_096 - dev.len()));
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(root.join("proc/net/dev"));
    file.unwrap().write_all_at(dev.as_bytes(), 0).unwrap();
}

#[test]
fn interfaces_that_come_and_go_cost_no_sample_and_no_session() {
    let folder = Folder::new("churn");
    std::fs::create_dir_all(folder.join("proc/net")).unwrap();
    write(folder.path(), 0);
    let ground_control = Setup::new().args(&["--commit-interval", "200"]).start();
    let session = ground_control.login();
    let node = session.add_node("churning");
    let from = wall_ms();
    let root = folder.path().to_str().unwrap();
    let args = ["--root", root, "--new-after", "0"];
    let _spider = Spider::start(&ground_control.url(), &node.token, 200, &args);
    let online = || (session.status(node.id) == "online").then_some(());
    eventually("the Spider is online", online);
    let since = session.node(node.id)["since_ms"].clone();
    for round in 1..=ROUNDS {
        write(folder.path(), round);
        std::thread::sleep(Duration::from_millis(600));
    }
    let series = |key: &str| {
        let to = wall_ms() + 1_000;
        let key = key
            .replace('{', "%7B")
            .replace('}', "%7D")
            .replace('=', "%3D");
        let answer = session.get_json(&format!(
            "/api/nodes/{}/history?series={key}&from={from}&to={to}&points=1000&parts=increase",
            node.id
        ));
        answer["series"][0].clone()
    };
    // What stays is there all the time, and what came has been seen.
    let last = format!("net.rx_bytes{{iface=vnet{ROUNDS}}}");
    eventually("the last interface is stored", || {
        series(&last)["increase"].as_array().map(|_| ())
    });
    for round in [1, ROUNDS / 2] {
        let key = format!("net.rx_bytes{{iface=vnet{round}}}");
        assert!(series(&key)["increase"].is_array(), "{}", series(&key));
    }
    let own = series("net.rx_bytes{iface=eno1}");
    let grown: i64 = own["increase"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_i64)
        .sum();
    assert_eq!(grown, ROUNDS as i64 * 1_000, "{own}");
    assert_eq!(session.node(node.id)["since_ms"], since, "one session");
    let stored = stored(&ground_control.setup.database(), node.id);
    stored.assert_whole();
}
