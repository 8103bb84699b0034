use super::*;
use stardust_shared::SeriesDef;

#[test]
fn nodes_with_one_layout_share_its_plan_and_it_goes_with_them() {
    let layout = |name| Arc::new(Layout::new(1, vec![SeriesDef::new(name, &[])]));
    let (one, two) = (layout("proc.total"), layout("load.1m_milli"));
    let plan = Plan::of(&one);
    assert!(Arc::ptr_eq(&plan, &Plan::of(&one)));
    assert_eq!((plan.procs, Plan::of(&two).procs), (Some(0), None));
    let gone = Arc::downgrade(&plan);
    drop(plan);
    assert!(gone.upgrade().is_none());
    // Many kinds of machines: each has its plan, however many are remembered.
    let layouts: Vec<_> = (0..2 * PLANS_KEPT).map(|_| layout("proc.total")).collect();
    let plans: Vec<_> = layouts.iter().map(Plan::of).collect();
    assert!(plans.iter().all(|plan| plan.procs == Some(0)));
    assert!(PLANS.with_borrow(Vec::len) <= PLANS_KEPT);
}

#[test]
fn numbers_come_from_the_right_series() {
    type Row = (
        &'static str,
        &'static [(&'static str, &'static str)],
        i64,
        i64,
    );
    // (name, labels, value before, value now), 2 s apart.
    let rows: &[Row] = &[
        ("cpu.user_ms", &[], 1_000, 1_400),
        ("cpu.system_ms", &[], 500, 600),
        ("cpu.idle_ms", &[], 9_000, 12_400),
        ("cpu.iowait_ms", &[], 100, 200),
        ("cpu.user_ms", &[("core", "0")], 500, 700),
        ("cpu.user_ms", &[("core", "1")], 500, 700),
        ("mem.total_bytes", &[], 8 << 30, 8 << 30),
        ("mem.available_bytes", &[], 6 << 30, 5 << 30),
        ("load.1m_milli", &[], 0, 1_250),
        ("disk.read_bytes", &[("device", "sda")], 0, 512 * 8),
        ("disk.read_bytes", &[("device", "dm-0")], 0, 512 * 8),
        ("net.rx_bytes", &[("iface", "eth0")], 1_000, 3_000),
        ("net.rx_bytes", &[("iface", "docker0")], 0, 9_999),
        ("net.tx_bytes", &[("iface", "eth0")], 5_000, 1_000),
        (
            "fs.total_bytes",
            &[("mount", "/"), ("type", "ext4")],
            1 << 20,
            1 << 20,
        ),
        (
            "fs.free_bytes",
            &[("mount", "/"), ("type", "ext4")],
            1 << 19,
            1 << 19,
        ),
        (
            "fs.available_bytes",
            &[("mount", "/"), ("type", "ext4")],
            1 << 19,
            1 << 19,
        ),
        (
            "fs.total_bytes",
            &[("mount", "/b"), ("type", "ext4")],
            1 << 20,
            1 << 20,
        ),
        (
            "fs.free_bytes",
            &[("mount", "/b"), ("type", "ext4")],
            1 << 18,
            1 << 18,
        ),
        (
            "fs.available_bytes",
            &[("mount", "/b"), ("type", "ext4")],
            1 << 18,
            1 << 18,
        ),
        ("temp.celsius_milli", &[("sensor", "cpu")], 40_000, 41_500),
        ("temp.celsius_milli", &[("sensor", "nvme")], 70_000, ABSENT),
        ("tcp.connections", &[("state", "established")], 1, 7),
    ];
    let defs = rows
        .iter()
        .map(|(name, labels, ..)| SeriesDef::new(name, labels))
        .collect();
    let layout = Layout::new(1, defs);
    let mut state = stardust_shared::State::default();
    state.start(&layout, 1, 0, &rows.iter().map(|r| r.2).collect::<Vec<_>>());
    let before = state.scaled().to_vec();
    state.start(
        &layout,
        2,
        2_000,
        &rows.iter().map(|r| r.3).collect::<Vec<_>>(),
    );
    let plan = Plan::new(&layout);
    let summary = plan.summary(&layout, state.scaled(), Some((&before, 2_000)), 2_000);
    assert_eq!(summary.cpu_percent, Some(12.5));
    assert_eq!(summary.cores, Some(2));
    assert_eq!(summary.mem_used_bytes, Some(3 << 30));
    assert_eq!(summary.load_1m, Some(1.25));
    assert_eq!(summary.load_5m, None);
    assert_eq!(summary.disk_read_bytes_per_s, Some(2_048.0));
    assert_eq!(summary.net_rx_bytes_per_s, Some(1_000.0));
    // The counter went backwards: it was reset and counted 1,000 since.
    assert_eq!(summary.net_tx_bytes_per_s, Some(500.0));
    assert_eq!(summary.disk_mount.as_deref(), Some("/b"));
    assert_eq!(summary.disk_percent, Some(75.0));
    assert_eq!(summary.temp_sensor.as_deref(), Some("cpu"));
    assert_eq!(summary.tcp_established, Some(7));
    assert_eq!(summary.swap_used_bytes, None);
    let first = plan.summary(&layout, state.scaled(), None, 0);
    assert_eq!((first.cpu_percent, first.net_rx_bytes_per_s), (None, None));
}

/// Name, labels, value before, value now.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], i64, i64);

/// A summary of these series now, and of the first values two seconds before.
fn summary_of(rows: &[Row<'_>]) -> Summary {
    let defs = rows
        .iter()
        .map(|(name, labels, ..)| SeriesDef::new(name, labels));
    let layout = Layout::new(1, defs.collect());
    let mut state = stardust_shared::State::default();
    let values = |which: fn(&Row<'_>) -> i64| rows.iter().map(which).collect::<Vec<_>>();
    state.start(&layout, 1, 0, &values(|row| row.2));
    let before = state.scaled().to_vec();
    state.start(&layout, 2, 2_000, &values(|row| row.3));
    Plan::new(&layout).summary(&layout, state.scaled(), Some((&before, 2_000)), 2_000)
}

const NONE: &[(&str, &str)] = &[];

#[test]
fn the_fullest_disk_is_one_that_can_be_filled() {
    let root: &[(&str, &str)] = &[("mount", "/"), ("type", "ext4")];
    let usr: &[(&str, &str)] = &[("mount", "/usr"), ("type", "ext4")];
    let nas: &[(&str, &str)] = &[("mount", "/nas"), ("type", "nfs4")];
    let disc: &[(&str, &str)] = &[("mount", "/iso"), ("type", "udf")];
    let os: &[(&str, &str)] = &[("mount", "/os"), ("type", "overlay")];
    let mut rows = Vec::new();
    for (labels, free) in [(root, 600), (usr, 100), (nas, 50), (disc, 0), (os, 0)] {
        rows.push(("fs.total_bytes", labels, 512_000, 512_000));
        rows.push(("fs.free_bytes", labels, free * 512, free * 512));
        rows.push(("fs.available_bytes", labels, free * 512, free * 512));
    }
    rows.push(("fs.readonly", usr, 1, 1));
    let summary = summary_of(&rows);
    assert_eq!(summary.disk_mount.as_deref(), Some("/"));
    assert_eq!(summary.disk_percent, Some(40.0));
    // What mounts have for a name is no command to a terminal.
    let odd: &[(&str, &str)] = &[("mount", "/\u{1b}[2J"), ("type", "ext4")];
    let odd =
        ["fs.total_bytes", "fs.free_bytes", "fs.available_bytes"].map(|name| (name, odd, 512, 512));
    assert_eq!(summary_of(&odd).disk_mount.as_deref(), Some("/\u{fffd}[2J"));
    // A machine that has nothing but a share shows that.
    let summary = summary_of(&rows[6..9]);
    assert_eq!(summary.disk_mount.as_deref(), Some("/nas"));
    // Images alone are nothing.
    assert_eq!(summary_of(&rows[9..15]).disk_mount, None);
    // One that turned read-only is told by its series, and is not the fullest.
    let mut broken = rows[..3].to_vec();
    broken.push(("fs.readonly", root, 0, 1));
    assert_eq!(summary_of(&broken).disk_mount, None);
}

#[test]
fn memory_that_older_spiders_did_not_tell() {
    let gib = |n: i64| n << 30;
    let old = [
        ("mem.total_bytes", NONE, gib(8), gib(8)),
        ("mem.free_bytes", NONE, gib(1), gib(1)),
        ("mem.buffers_bytes", NONE, gib(1), gib(1)),
        ("mem.cached_bytes", NONE, gib(4), gib(4)),
    ];
    assert_eq!(summary_of(&old).mem_used_bytes, Some(gib(2)));
    // The machine's, seen in a container.
    let too_much = [&old[..], &[("mem.available_bytes", NONE, gib(60), gib(60))]].concat();
    assert_eq!(summary_of(&too_much).mem_used_bytes, Some(gib(2)));
    let told = [&old[..], &[("mem.available_bytes", NONE, gib(3), gib(3))]].concat();
    assert_eq!(summary_of(&told).mem_used_bytes, Some(gib(5)));
    assert_eq!(summary_of(&old[..1]).mem_used_bytes, None);
}

#[test]
fn the_temperature_is_the_processors() {
    let sensor = |name: &'static str| [("sensor", name)];
    let [board, cpu, die, disk] = [
        "nct6798 AUXTIN0",
        "k10temp Tctl",
        "k10temp Tccd1",
        "nvme/nvme0 Composite",
    ]
    .map(sensor);
    let rows = [
        ("temp.celsius_milli", &board[..], 127_500, 127_500),
        ("temp.celsius_milli", &disk[..], 70_000, 70_000),
        ("temp.celsius_milli", &cpu[..], 48_875, 48_875),
        ("temp.celsius_milli", &die[..], 53_000, 53_000),
    ];
    let summary = summary_of(&rows);
    assert_eq!(summary.temp_celsius, Some(53.0));
    assert_eq!(summary.temp_sensor.as_deref(), Some("k10temp Tccd1"));
    // Without one of the processor, disks come last.
    assert_eq!(
        summary_of(&rows[..2]).temp_sensor.as_deref(),
        Some("nct6798 AUXTIN0")
    );
    assert_eq!(summary_of(&rows[1..2]).temp_celsius, Some(70.0));
}

#[test]
fn processor_time_that_stands_still_or_falls_a_little() {
    let percent = |user: [i64; 2], idle: [i64; 2], iowait: [i64; 2]| {
        let row = |name, [before, now]: [i64; 2]| (name, NONE, before, now);
        summary_of(&[
            row("cpu.user_ms", user),
            row("cpu.idle_ms", idle),
            row("cpu.iowait_ms", iowait),
        ])
        .cpu_percent
    };
    assert_eq!(percent([100, 600], [5_000, 5_500], [0, 0]), Some(50.0));
    assert_eq!(percent([100, 100], [5_000, 5_000], [70, 70]), None);
    // Time of waiting falls where a processor goes to sleep with it.
    let large = 90_000_000;
    assert_eq!(
        percent([100, 600], [5_000, 6_500], [large, large - 10]),
        Some(25.0)
    );
    // The machine has started anew.
    assert_eq!(percent([90_000, 100], [large, 300], [0, 0]), Some(25.0));
}
