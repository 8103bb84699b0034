//! Debian's Prometheus reads `/metrics`, and its promtool finds nothing to say.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::{
    Folder, Process, Setup, Spider, eventually, free_fixed_port, installed, request,
};

const TOKEN: &str = "a-token-that-only-scrapers-have";

fn token_file(folder: &Folder) -> String {
    let path = folder.join("token");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    writeln!(file.unwrap(), "{TOKEN}").unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn prometheus_scrapes_the_fleet_and_promtool_is_content() {
    let Some(prometheus) = installed("prometheus", "prometheus") else {
        return;
    };
    let Some(promtool) = installed("promtool", "prometheus") else {
        return;
    };
    let folder = Folder::new("prometheus");
    let token = token_file(&folder);
    let ground_control = Setup::new().args(&["--metrics-token-file", &token]).start();
    let session = ground_control.login();
    let quoted = "pi \"4\" \\ <b>";
    let nodes = [session.add_node("alpha"), session.add_node(quoted)];
    session.add_node("never came");
    let url = ground_control.url();
    let _spiders = nodes
        .each_ref()
        .map(|node| Spider::start(&url, &node.token, 200, &[]));
    for node in &nodes {
        eventually("the node has a summary", || {
            session.node(node.id)["summary"]["cpu_percent"].as_f64()
        });
    }

    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str())];
    let answer = request(ground_control.address, "GET", "/metrics", &headers, None);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut check = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(&answer.body).unwrap();
    let said = check.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr) + String::from_utf8_lossy(&said.stdout);
    // node_exporter's own names of the fields of /proc/meminfo are what dashboards ask for.
    let meminfo = |line: &str| line.starts_with("node_memory_") && line.contains("camelCase");
    let other: Vec<&str> = text
        .lines()
        .filter(|line| !meminfo(line) && !line.trim().is_empty())
        .collect();
    assert!(other.is_empty(), "{other:#?}\n{}", answer.text());

    let address = SocketAddr::from(([127, 0, 0, 1], free_fixed_port()));
    let config = format!(
        "global: {{ scrape_interval: 1s }}\n\
         scrape_configs:\n\
         - job_name: stardust\n  \
           authorization: {{ credentials_file: {token} }}\n  \
           static_configs: [{{ targets: [\"{}\"] }}]\n\
         - job_name: stranger\n  \
           static_configs: [{{ targets: [\"{}\"] }}]\n",
        ground_control.address, ground_control.address
    );
    let file = folder.join("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(prometheus);
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.join("tsdb").display()
        ))
        .arg(format!("--web.listen-address={address}"));
    let mut process = Process::start("prometheus", &mut command);
    process.line_with("Server is ready to receive web requests");

    // `query` is spelled for a URL already.
    let values = |query: &str| -> Vec<Value> {
        let target = format!("/api/v1/query?query={query}");
        let answer = request(address, "GET", &target, &[], None);
        let found = answer.json()["data"]["result"].as_array().cloned();
        found.unwrap_or_default()
    };
    let number =
        |query: &str| -> Option<f64> { values(query).first()?["value"][1].as_str()?.parse().ok() };
    let wait = |query: &str, good: &dyn Fn(f64) -> bool| {
        eventually(query, || number(query).filter(|value| good(*value)))
    };
    wait("up{job=\"stardust\"}", &|up| up == 1.0);
    wait("up{job=\"stranger\"}", &|up| up == 0.0);
    wait("count(stardust_node_online)", &|count| count == 3.0);
    wait("sum(stardust_node_online)", &|online| online == 2.0);
    wait("stardust_nodes{status=\"pending\"}", &|pending| {
        pending == 1.0
    });
    // A core gives about a second of time a second, all modes together.
    wait(
        "min(sum%20by(node,cpu)(rate(node_cpu_seconds_total[15s])))",
        &|rate| (0.5..1.5).contains(&rate),
    );
    wait("count(node_memory_MemAvailable_bytes%3E0)", &|count| {
        count == 2.0
    });
    wait(
        "count(node_filesystem_avail_bytes{mountpoint=\"/\"})",
        &|count| count == 2.0,
    );
    wait("rate(stardust_samples_total[15s])", &|rate| {
        (5.0..15.0).contains(&rate)
    });
    wait(
        "process_resident_memory_bytes{job=\"stardust\"}",
        &|bytes| bytes > 1e6,
    );
    let labels: Vec<Value> = values("node_load1")
        .iter()
        .map(|v| v["metric"]["node"].clone())
        .collect();
    assert!(labels.contains(&Value::from(quoted)), "{labels:?}");
}
