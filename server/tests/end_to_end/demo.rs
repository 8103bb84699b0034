//! `--demo`: this machine, live within seconds, gone without a trace.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Folder, Process, Session, eventually, request};

struct Demo {
    process: Process,
    folder: Folder,
    session: Session,
    first_line: Instant,
}

impl Demo {
    fn start() -> Self {
        let folder = Folder::new("demo");
        let mut command = Command::new(env!("CARGO_BIN_EXE_stardust-server"));
        command
            .args(["--demo", "--port", "0"])
            .env("TMPDIR", folder.path());
        command
            .env_remove("STARDUST_SECRET")
            .env_remove("STARDUST_ADMIN_PASS");
        command
            .env_remove("STARDUST_ADMIN_USER")
            .current_dir(folder.path());
        let mut process = Process::start("demo", &mut command);
        let url = process.line_with("http://");
        let first_line = Instant::now();
        let login = process.line_with("Sign in as ");
        let address = url
            .rsplit("http://")
            .next()
            .unwrap()
            .trim()
            .parse()
            .expect("an address");
        let (user, password) = login
            .trim_start_matches("Sign in as ")
            .split_once(" with ")
            .expect("a login");
        let body = serde_json::json!({"user": user, "password": password});
        let answer = request(address, "POST", "/api/auth/login", &[], Some(&body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(
            answer.json()["must_change_password"],
            false,
            "the demo is for looking at once"
        );
        let session = Session::of(address, &answer);
        Self {
            process,
            folder,
            session,
            first_line,
        }
    }

    /// The only node, once it is online and has told its first numbers.
    fn node(&self) -> Value {
        eventually("this machine is online", || {
            let node = self.session.get_json("/api/nodes")["nodes"][0].clone();
            (node["status"] == "online" && node["summary"]["uptime_ms"].is_i64()).then_some(node)
        })
    }

    fn spider_pid(&self) -> u32 {
        let pids = children(self.process.pid());
        assert_eq!(pids.len(), 1, "one child: {pids:?}");
        pids[0]
    }

    fn left_behind(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }
}

/// Children of a process that are alive.
fn children(parent: u32) -> Vec<u32> {
    let stat = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            // Behind the name, which may hold anything: state and parent.
            let fields = stat(*pid);
            let fields = fields.as_deref().and_then(|stat| stat.rsplit(") ").next());
            fields.and_then(|fields| fields.split(' ').nth(1)) == Some(&parent.to_string())
        })
        .collect()
}

fn is_alive(pid: u32) -> bool {
    // A zombie has no command line.
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

fn proc_number(file: &str, key: &str) -> i64 {
    let text = std::fs::read_to_string(Path::new("/proc").join(file)).unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).expect(key);
    line[key.len()..]
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .expect("a number")
}

#[test]
fn the_demo_shows_this_machine_within_ten_seconds() {
    let demo = Demo::start();
    let node = demo.node();
    let took = demo.first_line.elapsed();
    assert!(took < Duration::from_secs(10), "it took {took:?}");

    let identity = &node["identity"];
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(identity["hostname"], hostname.trim());
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(identity["kernel"], kernel.trim());

    let total = proc_number("meminfo", "MemTotal:") * 1024;
    assert_eq!(node["summary"]["mem_total_bytes"], total);
    assert_eq!(identity["mem_total_bytes"], total);
    let available = proc_number("meminfo", "MemAvailable:") * 1024;
    let used = node["summary"]["mem_used_bytes"]
        .as_i64()
        .expect("used memory");
    let off = (total - available - used).abs();
    assert!(
        off < total / 20,
        "{used} used, /proc says {}",
        total - available
    );

    let uptime_text = std::fs::read_to_string("/proc/uptime").unwrap();
    let uptime_s: f64 = uptime_text.split(' ').next().unwrap().parse().unwrap();
    let told_s = node["summary"]["uptime_ms"].as_i64().unwrap() as f64 / 1_000.0;
    assert!(
        (uptime_s - told_s).abs() < 15.0,
        "{told_s} s, /proc says {uptime_s} s"
    );

    // Counters of the loopback interface: never less than before, never more than now.
    let stats = demo.session.get_json("/api/nodes/1/stats");
    let told = stats["series"]["net.rx_bytes{iface=lo}"].as_i64();
    if let Some(told) = told {
        let now = proc_number("net/dev", &lo_prefix());
        assert!(told > 0 && told <= now, "{told} bytes, /proc says {now}");
    }

    // History at once, and it grows.
    let counted = || {
        let now = crate::common::wall_ms();
        let history = demo.session.get_json(&format!(
            "/api/nodes/1/history?series=cpu.user_ms&parts=count&from={}&to={now}&points=300",
            now - 300_000
        ));
        let counts = history["series"][0]["count"].as_array()?.clone();
        Some(counts.iter().filter_map(Value::as_u64).sum::<u64>())
    };
    let first = eventually("history has samples", || {
        counted().filter(|count| *count > 0)
    });
    eventually("history grows", || {
        counted().filter(|count| *count > first + 2)
    });
}

/// The line of `lo` begins with spaces that depend on the kernel.
fn lo_prefix() -> String {
    let text = std::fs::read_to_string("/proc/net/dev").unwrap();
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with("lo:"));
    line.map_or("    lo:".into(), |line| {
        line[..=line.find(':').unwrap()].to_owned()
    })
}

#[test]
fn ctrl_c_stops_everything_and_leaves_nothing() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let mut demo = Demo::start();
        demo.node();
        let spider = demo.spider_pid();
        assert!(is_alive(spider));
        assert!(!demo.left_behind().is_empty(), "where is its folder?");
        demo.process.signal(signal);
        let status = demo.process.wait();
        assert_eq!(status.code(), Some(0), "{}", demo.process.output());
        assert!(!is_alive(spider), "the Spider is still there");
        assert_eq!(demo.left_behind(), Vec::<String>::new());
    }
}

#[test]
fn a_killed_demo_takes_its_spider_along() {
    let mut demo = Demo::start();
    demo.node();
    let spider = demo.spider_pid();
    demo.process.kill();
    eventually("the Spider is gone", || (!is_alive(spider)).then_some(()));
}
