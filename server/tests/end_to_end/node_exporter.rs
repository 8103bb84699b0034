//! Debian's node_exporter on the same machine: what both collect has the same name,
//! the same labels and the same value.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;

use crate::common::{
    GroundControl, Process, Session, Setup, Spider, eventually, free_fixed_port, installed, request,
};

/// Name and sorted labels of a sample, and its value.
type Samples = BTreeMap<(String, Vec<(String, String)>), f64>;

/// Of the text format; values of labels here hold no escaped quotes.
fn parse(text: &str) -> Samples {
    let lines = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let samples = lines.map(|line| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').map_or((series, ""), |(name, rest)| {
            (name, rest.trim_end_matches('}'))
        });
        let mut labels: Vec<(String, String)> = labels
            .split("\",")
            .filter(|label| !label.is_empty())
            .map(|label| {
                let (name, value) = label.split_once("=\"").unwrap();
                (name.to_owned(), value.trim_end_matches('"').to_owned())
            })
            .filter(|(name, _)| name != "node")
            .collect();
        labels.sort();
        ((name.to_owned(), labels), value.parse().unwrap())
    });
    samples.collect()
}

fn scrape(address: SocketAddr, headers: &[(&str, &str)]) -> Samples {
    let answer = request(address, "GET", "/metrics", headers, None);
    assert_eq!(answer.status, 200, "{}", answer.text());
    parse(&answer.text())
}

fn ours(ground_control: &GroundControl, session: &Session) -> Samples {
    let bearer = format!("Bearer {}", session.token);
    scrape(ground_control.address, &[("Authorization", &bearer)])
}

fn one(samples: &Samples, name: &str) -> f64 {
    let mut of = samples.iter().filter(|((of, _), _)| of == name);
    let (_, value) = of.next().unwrap_or_else(|| panic!("there is no {name}"));
    *value
}

/// Those that read what a Spider reads; others have words about this machine.
const COLLECTORS: [&str; 16] = [
    "cpu",
    "diskstats",
    "filesystem",
    "hwmon",
    "loadavg",
    "meminfo",
    "netclass",
    "netdev",
    "netstat",
    "os",
    "processes",
    "stat",
    "tcpstat",
    "thermal_zone",
    "time",
    "uname",
];

/// Others are of whoever collects: its version, its own memory.
fn is_of_the_machine(name: &str) -> bool {
    name.starts_with("node_") && name != "node_exporter_build_info"
}

#[test]
fn what_both_collect_has_the_name_the_labels_and_the_value_of_node_exporter() {
    let Some(exporter) = installed("prometheus-node-exporter", "prometheus-node-exporter") else {
        return;
    };
    let address = SocketAddr::from(([127, 0, 0, 1], free_fixed_port()));
    let mut command = Command::new(exporter);
    command
        .arg(format!("--web.listen-address={address}"))
        .arg("--collector.disable-defaults")
        .args(COLLECTORS.map(|name| format!("--collector.{name}")));
    let _exporter = Process::start("node_exporter", &mut command);
    let ground_control = Setup::new().start();
    let session = ground_control.login();
    let node = session.add_node("here");
    let _spider = Spider::start(&ground_control.url(), &node.token, 200, &[]);
    eventually("the node has a summary", || {
        session.node(node.id)["summary"]["cpu_percent"].as_f64()
    });
    eventually("node_exporter answers", || {
        std::net::TcpStream::connect(address).ok()
    });

    let mut agreed = BTreeSet::new();
    eventually("all values have been the same once", || {
        let before = scrape(address, &[]);
        let now = one(&before, "node_time_seconds");
        let mine = eventually("there is a newer sample", || {
            let mine = ours(&ground_control, &session);
            (one(&mine, "node_time_seconds") >= now).then_some(mine)
        });
        let after = scrape(address, &[]);
        let theirs: BTreeSet<&str> = before.keys().map(|(name, _)| name.as_str()).collect();
        let both: Vec<_> = mine
            .iter()
            .filter(|((name, _), _)| theirs.contains(name.as_str()) && is_of_the_machine(name))
            .collect();
        let mut differ = Vec::new();
        for (key, &value) in both {
            // node_exporter leaves out the states of which there is no connection.
            let none = (key.0 == "node_tcp_connection_states").then_some(0.0);
            let of = |samples: &Samples| samples.get(key).copied().or(none);
            let (Some(least), Some(most)) = (of(&before), of(&after)) else {
                // A device that came or went; what is never there fails in the end.
                differ.push(format!("{key:?} is not there"));
                continue;
            };
            let (least, most) = (least.min(most), least.max(most));
            // A clock's tick, and the rounding of what is printed.
            let rounding = (most.abs() / 1_000.0).min(0.05) + 1e-6;
            // Asking node_exporter is a connection itself, and so is asking us.
            let slack = none.map_or(rounding, |_| 2.0);
            if (least - slack..=most + slack).contains(&value) {
                agreed.insert(key.clone());
            } else if !agreed.contains(key) {
                differ.push(format!("{key:?}: {least} {value} {most}"));
            }
        }
        if !differ.is_empty() {
            eprintln!("{}", differ.join("\n"));
        }
        differ.is_empty().then_some(())
    });
    for name in [
        "node_boot_time_seconds",
        "node_cpu_seconds_total",
        "node_disk_io_now",
        "node_disk_io_time_seconds_total",
        "node_disk_read_bytes_total",
        "node_disk_reads_completed_total",
        "node_disk_writes_completed_total",
        "node_disk_written_bytes_total",
        "node_filesystem_avail_bytes",
        "node_filesystem_files",
        "node_filesystem_files_free",
        "node_filesystem_free_bytes",
        "node_filesystem_readonly",
        "node_filesystem_size_bytes",
        "node_load1",
        "node_load15",
        "node_load5",
        "node_memory_Active_bytes",
        "node_memory_Buffers_bytes",
        "node_memory_Cached_bytes",
        "node_memory_Inactive_bytes",
        "node_memory_MemAvailable_bytes",
        "node_memory_MemFree_bytes",
        "node_memory_MemTotal_bytes",
        "node_memory_SwapFree_bytes",
        "node_memory_SwapTotal_bytes",
        "node_netstat_Tcp_CurrEstab",
        "node_network_receive_bytes_total",
        "node_network_receive_drop_total",
        "node_network_receive_errs_total",
        "node_network_receive_packets_total",
        "node_network_transmit_bytes_total",
        "node_network_transmit_drop_total",
        "node_network_transmit_errs_total",
        "node_network_transmit_packets_total",
        "node_network_up",
        "node_processes_threads",
        "node_procs_running",
        "node_tcp_connection_states",
        "node_time_seconds",
        "node_uname_info",
    ] {
        let same = agreed.iter().any(|(of, _)| of == name);
        assert!(same, "{name} is not what node_exporter says");
    }
}
