//! Debian's Prometheus reads `/metrics`, and its promtool finds nothing to say.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::{
    Folder, Process, Setup, Spider, eventually, free_fixed_port, installed, request,
};

pub const TOKEN: &str = "a-token-that-only-scrapers-have";

pub fn token_file(folder: &Folder) -> String {
    let path = folder.join("token");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    writeln!(file.unwrap(), "{TOKEN}").unwrap();
    path.to_str().unwrap().to_owned()
}

/// One that scrapes every second.
pub struct Prometheus {
    address: SocketAddr,
    _process: Process,
}

impl Prometheus {
    pub fn start(program: &Path, folder: &Folder, scrape_configs: &str) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_fixed_port()));
        let file = folder.join("prometheus.yml");
        let config =
            format!("global: {{ scrape_interval: 1s }}\nscrape_configs:\n{scrape_configs}");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("tsdb").display()
            ))
            .arg(format!("--web.listen-address={address}"));
        let mut process = Process::start("prometheus", &mut command);
        process.line_with("Server is ready to receive web requests");
        Self {
            address,
            _process: process,
        }
    }

    /// The series that it answers with; none where it refuses.
    pub fn query(&self, query: &str) -> Vec<Value> {
        let mut target = "/api/v1/query?query=".to_owned();
        for byte in query.bytes() {
            let _ = write!(target, "%{byte:02X}");
        }
        let answer = request(self.address, "GET", &target, &[], None);
        let found = answer.json()["data"]["result"].as_array().cloned();
        found.unwrap_or_default()
    }
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
    // node_exporter takes the words of /proc/meminfo and /proc/net/snmp, and dashboards ask for these.
    let kernels = |line: &str| {
        ["node_memory_", "node_netstat_"]
            .iter()
            .any(|of| line.starts_with(of))
            && line.contains("camelCase")
    };
    let other: Vec<&str> = text
        .lines()
        .filter(|line| !kernels(line) && !line.trim().is_empty())
        .collect();
    assert!(other.is_empty(), "{other:#?}\n{}", answer.text());

    let file = |job: &str| {
        format!(
            "- job_name: {job}\n  \
             static_configs: [{{ targets: [\"{}\"] }}]\n",
            ground_control.address
        )
    };
    let scraper = format!(
        "{}  authorization: {{ credentials_file: {token} }}\n{}",
        file("stardust"),
        file("stranger")
    );
    let prometheus = Prometheus::start(&prometheus, &folder, &scraper);
    let values = |query: &str| prometheus.query(query);
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
        "min(sum by(node,cpu)(rate(node_cpu_seconds_total[15s])))",
        &|rate| (0.5..1.5).contains(&rate),
    );
    wait("count(node_memory_MemAvailable_bytes>0)", &|count| {
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
