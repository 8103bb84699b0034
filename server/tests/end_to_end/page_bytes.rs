//! What the page of a node with many interfaces takes on the wire, asked for as the page
//! asks (web/src/pages/node/groups.ts).

use std::time::Duration;

use stardust_shared::{Layout, SeriesDef, State, samples};

use crate::common::{FakeSpider, Setup, eventually, request, wall_ms};

const INTERFACES: usize = 44;
const CORES: usize = 8;
/// A quarter of an hour of samples a second.
const SAMPLES: i64 = 900;
/// Most that the page may take.
const BYTES_MAX: usize = 200_000;

const MODES: [&str; 8] = [
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
];

fn layout() -> Layout {
    let mut series = Vec::new();
    for mode in MODES {
        series.push(SeriesDef::new(&format!("cpu.{mode}_ms"), &[]));
        for core in 0..CORES {
            let core = core.to_string();
            series.push(SeriesDef::new(
                &format!("cpu.{mode}_ms"),
                &[("core", &core)],
            ));
        }
    }
    for name in [
        "mem.total_bytes",
        "mem.available_bytes",
        "mem.free_bytes",
        "mem.cached_bytes",
    ] {
        series.push(SeriesDef::new(name, &[]));
    }
    for name in [
        "load.1m_milli",
        "load.5m_milli",
        "proc.running",
        "tcp.established",
    ] {
        series.push(SeriesDef::new(name, &[]));
    }
    for interface in 0..INTERFACES {
        let interface = format!("veth{interface:07x}");
        let kind = [("iface", interface.as_str()), ("kind", "virtual")];
        series.push(SeriesDef::new("net.kind", &kind));
        series.push(SeriesDef::new("net.up", &[("iface", &interface)]));
        for way in ["rx", "tx"] {
            for what in ["bytes", "packets", "errors", "dropped"] {
                let name = format!("net.{way}_{what}");
                series.push(SeriesDef::new(&name, &[("iface", &interface)]));
            }
        }
    }
    for disk in ["sda", "sdb", "nvme0n1"] {
        for what in ["read_bytes", "written_bytes", "reads", "writes", "io_ms"] {
            series.push(SeriesDef::new(&format!("disk.{what}"), &[("device", disk)]));
        }
    }
    for mount in ["/", "/boot", "/srv"] {
        for what in [
            "total_bytes",
            "free_bytes",
            "available_bytes",
            "files",
            "files_free",
        ] {
            series.push(SeriesDef::new(&format!("fs.{what}"), &[("mount", mount)]));
        }
    }
    Layout::new(1, series)
}

/// A machine that is busy everywhere: nothing repeats, which is the worst for who compresses.
fn next(layout: &Layout, values: &mut [i64], noise: &mut u64) {
    for (value, series) in values.iter_mut().zip(layout.series()) {
        *noise ^= *noise << 13;
        *noise ^= *noise >> 7;
        *noise ^= *noise << 17;
        let number = (*noise >> 20) as i64;
        let name = series.key.split('{').next().unwrap_or("");
        match name {
            "net.rx_bytes" | "net.tx_bytes" | "disk.read_bytes" | "disk.written_bytes" => {
                *value += number % 2_000_000;
            }
            name if name.ends_with("_packets") || name.starts_with("disk.") => {
                *value += number % 900;
            }
            name if name.starts_with("cpu.") => *value += number % 100,
            name if name.ends_with("total_bytes") || name == "fs.files" => *value = 64 << 30,
            name if name.ends_with("_bytes") => *value = (32 << 30) + number % (1 << 30),
            "net.kind" | "net.up" => *value = 1,
            name if name.starts_with("net.") => {}
            _ => *value = number % 5_000,
        }
    }
}

#[test]
fn a_node_with_44_interfaces_takes_no_more_than_a_page_may() {
    let ground_control = Setup::new().args(&["--commit-interval", "200"]).start();
    let session = ground_control.login();
    let node = session.add_node("router");
    let layout = layout();
    let (mut spider, _) = FakeSpider::open(ground_control.address, &node.token, "run");
    assert!(spider.layout(&layout));
    let first_ms = wall_ms() - SAMPLES * 1_000;
    let mut noise = 0x9e37_79b9_7f4a_7c15;
    let mut values = vec![1_000_000; layout.len()];
    let mut state = State::default();
    for n in 0..SAMPLES {
        next(&layout, &mut values, &mut noise);
        let mut bytes = vec![samples::KIND_SAMPLES];
        let (seq, time_ms) = (n as u64 + 1, first_ms + n * 1_000);
        if n == 0 {
            state.start(&layout, seq, time_ms, &values);
            state.encode_keyframe(&layout, 0, &mut bytes);
        } else {
            state.encode_delta(&layout, seq, time_ms, &values, &mut bytes);
        }
        assert!(spider.binary(bytes), "sample {n}");
    }
    let to = first_ms + SAMPLES * 1_000;
    let counted = || {
        let counts = session.get_json(&format!(
            "/api/nodes/{}/history?series=proc.running&parts=count&points=1&from={first_ms}&to={to}",
            node.id
        ));
        let counts = counts["series"][0]["count"].as_array()?.clone();
        let sum: u64 = counts.iter().filter_map(serde_json::Value::as_u64).sum();
        (sum == SAMPLES as u64).then_some(())
    };
    eventually("all samples are stored", || {
        spider.idle(Duration::from_millis(10));
        counted()
    });

    // Each by itself: a comma behind a brace would belong to the key.
    let cores = MODES.map(|mode| format!("cpu.{mode}_ms%7B*"));
    let cores = cores.join("&series=");
    let modes = MODES.map(|mode| format!("cpu.{mode}_ms")).join(",");
    let machine = format!("{modes},mem.*,swap.*,load.*,proc.*,temp.*,tcp.*");
    let groups = [
        ("machine", machine.as_str(), "avg,min,max", 6),
        ("cores", &cores, "avg", 3),
        ("traffic", "net.rx_bytes,net.tx_bytes", "avg", 4),
        (
            "packets",
            "net.rx_packets,net.tx_packets,net.rx_errors,net.tx_errors,net.rx_dropped,net.tx_dropped",
            "avg",
            4,
        ),
        ("disks", "disk.*", "avg,min,max", 4),
        (
            "filesystems",
            "fs.total_bytes,fs.free_bytes,fs.available_bytes,fs.files,fs.files_free,fs.readonly",
            "avg",
            6,
        ),
        ("interfaces", "net.kind,net.up,net.speed_mbit", "avg", 6),
    ];
    let bearer = session.bearer();
    let ask = |series: &str, more: &str, encoding: &str| -> usize {
        let target = format!(
            "/api/nodes/{}/history?series={series}&from={first_ms}&to={to}&points=300{more}",
            node.id
        );
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Accept-Encoding", encoding),
        ];
        let answer = request(ground_control.address, "GET", &target, &headers, None);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        let coding = answer.header("Content-Encoding");
        assert_eq!(coding.is_some(), encoding == "gzip", "{target}");
        answer.body.len()
    };
    let (mut sum, mut all) = (0, 0);
    for (name, series, parts, digits) in groups {
        let more = format!("&parts={parts}&digits={digits}");
        let bytes = ask(series, &more, "gzip");
        let everything = ask(series, "&parts=avg,min,max,count,increase", "identity");
        println!("{name}: {bytes} bytes, {everything} with all parts and not compressed");
        sum += bytes;
        all += everything;
    }
    println!(
        "the page of {INTERFACES} interfaces: {sum} bytes, {all} with all parts and not compressed"
    );
    assert!(sum <= BYTES_MAX, "{sum} bytes");
}
