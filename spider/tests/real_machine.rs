//! The numbers of the machine that runs this test agree with what it reads itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

mod common;
#[path = "common/left_out.rs"]
mod left_out;

use std::fs;
use std::path::Path;

use common::{once, value};
use left_out::left_out;
use stardust_spider::collect::Sampler;
use stardust_spider::root::Root;

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap()
}

/// Read disk by disk and all at once, the numbers are the same.
#[test]
fn disks_go_on_as_diskstats_says() {
    let written = || -> Vec<(String, i64)> {
        read("/proc/diskstats")
            .lines()
            .filter_map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                Some((
                    words[2].to_owned(),
                    words.get(9)?.parse::<i64>().ok()? * 512,
                ))
            })
            .collect()
    };
    let mut sampler = Sampler::new(Root::new("/"));
    let mut compared = 0;
    for _ in 0..15 {
        let before = written();
        let sample = sampler.collect();
        let after = written();
        for (name, low) in before {
            let Some(got) = sample.value(&format!("disk.written_bytes{{device={name}}}")) else {
                continue;
            };
            let (_, high) = after.iter().find(|(other, _)| *other == name).unwrap();
            between(low, got, *high, &name);
            compared += 1;
        }
    }
    if compared == 0 {
        left_out("this machine has no disk of which /proc/diskstats tells");
    }
}

/// Values that move are taken before and after; the Spider's lies between.
fn between(before: i64, line: i64, after: i64, what: &str) {
    assert!(
        before <= line && line <= after,
        "{what}: {before} <= {line} <= {after}"
    );
}

#[test]
fn memory_total_and_uptime() {
    let field = |name: &str| -> i64 {
        let text = read("/proc/meminfo");
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<i64>()
            .unwrap()
            * 1024
    };
    let uptime_ms = || -> i64 {
        let text = read("/proc/uptime");
        (text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1000.0).round() as i64
    };
    let before = uptime_ms();
    let line = once(Path::new("/"));
    between(
        before,
        value(&line, "system.uptime_ms").unwrap(),
        uptime_ms(),
        "uptime",
    );
    assert!(uptime_ms() - before < 10_000);
    assert_eq!(value(&line, "mem.total_bytes"), Some(field("MemTotal")));
    assert_eq!(value(&line, "swap.total_bytes"), Some(field("SwapTotal")));
    let free = value(&line, "mem.free_bytes").unwrap();
    assert!(free > 0 && free < field("MemTotal"));
}

#[test]
fn uptime_stays_that_of_proc() {
    let mut sampler = Sampler::new(Root::new("/"));
    for _ in 0..5 {
        let sample = sampler.collect();
        let text = read("/proc/uptime");
        let now_s: f64 = text.split(' ').next().unwrap().parse().unwrap();
        let got_ms = sample.value("system.uptime_ms").unwrap();
        between(
            (now_s * 1000.0) as i64 - 1000,
            got_ms,
            (now_s * 1000.0) as i64 + 10,
            "uptime",
        );
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
}

fn interfaces() -> Vec<(String, i64, i64)> {
    read("/proc/net/dev")
        .lines()
        .skip(2)
        .filter_map(|line| {
            let (name, rest) = line.rsplit_once(':')?;
            let columns: Vec<i64> = rest
                .split_whitespace()
                .map(|w| w.parse().unwrap())
                .collect();
            (name.trim() != "lo").then(|| (name.trim().to_owned(), columns[0], columns[8]))
        })
        .collect()
}

#[test]
fn network_counters_lie_between_two_reads() {
    let before = interfaces();
    let line = once(Path::new("/"));
    let after = interfaces();
    let mut seen = 0;
    for (name, rx, tx) in &before {
        let Some((_, rx_after, tx_after)) = after.iter().find(|(other, ..)| other == name) else {
            continue;
        };
        let get = |series: &str| value(&line, &format!("{series}{{iface={name}}}")).unwrap();
        between(*rx, get("net.rx_bytes"), *rx_after, name);
        between(*tx, get("net.tx_bytes"), *tx_after, name);
        seen += 1;
    }
    assert_eq!(seen, before.len().min(after.len()));
    assert!(value(&line, "net.rx_bytes{iface=lo}").is_none());
}

#[test]
fn cpu_time_lies_between_two_reads_and_every_core_is_there() {
    let stat = || -> (i64, usize) {
        let text = read("/proc/stat");
        let idle = text
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .nth(4)
            .unwrap();
        let cores = text.lines().filter(|line| line.starts_with("cpu")).count() - 1;
        (idle.parse::<i64>().unwrap() * 10, cores)
    };
    let (before, cores) = stat();
    let line = once(Path::new("/"));
    between(
        before,
        value(&line, "cpu.idle_ms").unwrap(),
        stat().0,
        "idle",
    );
    let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
    let series = parsed["series"].as_object().unwrap();
    let with_core = series
        .keys()
        .filter(|key| key.starts_with("cpu.user_ms{core="))
        .count();
    assert_eq!(with_core, cores);
}

#[test]
fn the_root_filesystem_is_what_df_says() {
    let df = std::process::Command::new("df")
        .args(["-B1", "--output=size,itotal,fstype", "/"])
        .output()
        .unwrap();
    let text = String::from_utf8(df.stdout).unwrap();
    let words: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
    let line = once(Path::new("/"));
    let key = |name: &str| format!("{name}{{mount=/,type={}}}", words[2]);
    assert_eq!(value(&line, &key("fs.total_bytes")), words[0].parse().ok());
    if words[1] != "0" && words[1] != "-" {
        assert_eq!(value(&line, &key("fs.files")), words[1].parse().ok());
    }
}

#[test]
fn listening_sockets_are_those_of_proc() {
    let count = || -> i64 {
        ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .filter_map(|path| fs::read_to_string(path).ok())
            .flat_map(|text| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
            .filter(|line| line.split_whitespace().nth(3) == Some("0A"))
            .count() as i64
    };
    // Other programs open and close sockets, so it must fit once of many times.
    let fits = (0..20).any(|_| {
        let before = count();
        let line = once(Path::new("/"));
        match value(&line, "tcp.connections{state=listen}") {
            Some(listening) => listening == before && before == count(),
            // No TCP diagnosis in this kernel or sandbox: absent is right.
            None => true,
        }
    });
    assert!(fits);
}
