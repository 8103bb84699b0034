//! What a host costs whose containers come and go: bytes of the file for each value,
//! memory of the process, CPU of a query, beside the same host without them.
//!
//! The host has 100 series, made of a recording of a real machine. Twenty containers of
//! four series start and stop in each minute, one after the other: of the first kind they
//! are the same twenty again and again, of the second kind each has a name of its own.
//! Beside them are the host alone, and the host with twenty that stay up. `STARDUST_CHURN_HOURS` (24) says how long a day is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what can't be measured ends the measurement"
)]

use std::path::Path;
use std::sync::Arc;

use stardust_benches::history::Bench;
use stardust_benches::telemetry::{Day, Kind, Recording, Rng};
use stardust_benches::{RATIO, Report, thread_cpu_ns};
use stardust_history::Settings;
use stardust_shared::{Layout, SeriesDef};

const BUSY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recorded/machine.jsonl.zst");
const SERIES: usize = 100;
const CONTAINERS: usize = 20;
const START_MS: i64 = 1_790_000_000_000 / 86_400_000 * 86_400_000;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
/// Commits between two looks at the other work.
const SETTLE_COMMITS: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Churn {
    None,
    /// All twenty stay up.
    Up,
    /// The same containers again and again.
    Returning,
    /// Each has a name that none had before.
    New,
}

impl Churn {
    fn name(self) -> &'static str {
        match self {
            Self::None => "no containers",
            Self::Up => "containers that stay",
            Self::Returning => "the same containers again",
            Self::New => "containers of new names",
        }
    }
}

/// One of those that are up.
struct Container {
    name: String,
    values: [i64; 4],
}

/// Which containers are up: each of the twenty is up for half of each minute, at its own
/// time.
struct Containers {
    churn: Churn,
    rng: Rng,
    up: Vec<Option<Container>>,
    started: usize,
}

impl Containers {
    /// Answers whether one has come or gone.
    fn advance(&mut self, time_ms: i64) -> bool {
        if self.churn == Churn::None {
            return false;
        }
        let mut changed = false;
        for (number, up) in self.up.iter_mut().enumerate() {
            let phase = number as i64 * MINUTE_MS / CONTAINERS as i64;
            let is_up =
                self.churn == Churn::Up || (time_ms + phase).rem_euclid(MINUTE_MS) < MINUTE_MS / 2;
            if is_up == up.is_some() {
                continue;
            }
            changed = true;
            *up = is_up.then(|| {
                self.started += 1;
                let name = match self.churn {
                    Churn::New => format!("veth{:07x}", self.rng.bits() >> 36),
                    _ => format!("veth{number}"),
                };
                Container {
                    name,
                    values: [0; 4],
                }
            });
        }
        for container in self.up.iter_mut().flatten() {
            let packets = self.rng.poisson(20.0);
            let grown = [
                packets * 900 + self.rng.poisson(400.0),
                packets,
                packets * 70,
                packets,
            ];
            for (value, grown) in container.values.iter_mut().zip(grown) {
                *value += grown;
            }
        }
        changed
    }

    fn layout(&self, host: &Layout) -> Layout {
        let mut series = host.series().to_vec();
        for container in self.up.iter().flatten() {
            let names = ["rx_bytes", "rx_packets", "tx_bytes", "tx_packets"];
            series.extend(
                names.map(|name| {
                    SeriesDef::new(&format!("net.{name}"), &[("iface", &container.name)])
                }),
            );
        }
        Layout::new(1, series)
    }
}

/// What a host came to.
struct Cost {
    bytes_a_value: f64,
    query_ms: f64,
    all_ms: f64,
}

fn main() -> std::io::Result<()> {
    let mut report = Report::new("churn");
    let recording = Recording::load(Path::new(BUSY))?.remove(0);
    let hours = std::env::var("STARDUST_CHURN_HOURS").ok();
    let hours = hours.and_then(|hours| hours.parse().ok()).unwrap_or(24);
    for (interval_ms, stride) in [(1_000, 1), (10_000, 10)] {
        let day = Day::new(&recording, SERIES, stride, interval_ms);
        let every = format!("each {} s", interval_ms / 1_000);
        host(&mut report, &day, Churn::None, &every, interval_ms, hours);
        let without = host(&mut report, &day, Churn::Up, &every, interval_ms, hours);
        for churn in [Churn::Returning, Churn::New] {
            let with = host(&mut report, &day, churn, &every, interval_ms, hours);
            let what = format!("{every}, {} : {}", churn.name(), Churn::Up.name());
            let mut ratio = |of: &str, with: f64, without: f64| {
                report.figure(&format!("{what}, {of}"), with / without, RATIO);
            };
            ratio("bytes a value", with.bytes_a_value, without.bytes_a_value);
            ratio("one series", with.query_ms, without.query_ms);
            ratio("all series of the host", with.all_ms, without.all_ms);
        }
    }
    report.write()
}

/// A host for some hours, committed every ten seconds.
fn host(
    report: &mut Report,
    day: &Day,
    churn: Churn,
    every: &str,
    interval_ms: i64,
    hours: i64,
) -> Cost {
    let name = format!("{every}, {}", churn.name());
    let mut bench = Bench::new("churn", Settings::default());
    let mut node = day.node(7, Kind::Noisy, START_MS);
    let stream = bench.node(&day.layout, interval_ms as u64);
    let mut containers = Containers {
        churn,
        rng: Rng::new(99),
        up: (0..CONTAINERS).map(|_| None).collect(),
        started: 0,
    };
    let (mut values, mut changes, mut settle_ns) = (0, 0, 0);
    let (mut resident_kb, mut most_kb) = (0, 0);
    let rows = hours * HOUR_MS / interval_ms;
    let rows_a_commit = (10_000 / interval_ms) as usize;
    let mut row_values = Vec::new();
    for row in 0..rows as usize {
        node.advance();
        if containers.advance(node.time_ms) {
            bench.set_layout(stream, Arc::new(containers.layout(&day.layout)));
            changes += 1;
        }
        row_values.clear();
        row_values.extend_from_slice(&node.values);
        row_values.extend(containers.up.iter().flatten().flat_map(|up| up.values));
        bench.push(stream, node.time_ms, &row_values);
        values += row_values.len();
        if row % rows_a_commit == rows_a_commit - 1 {
            let start = thread_cpu_ns();
            bench.commit();
            if row / rows_a_commit % SETTLE_COMMITS == SETTLE_COMMITS - 1 {
                bench.settle();
            }
            settle_ns += thread_cpu_ns() - start;
        }
        let hour = rows as usize / hours as usize;
        if row == hour * 2 {
            resident_kb = stardust_benches::resident_kb();
        }
        if row > hour * 2 && row % hour == 0 {
            most_kb = most_kb.max(stardust_benches::resident_kb());
        }
    }
    bench.restart();
    let status = bench.history.status().expect("the status");
    let used = (status.bytes.file - status.bytes.free) as f64;
    let grown_kb = most_kb.saturating_sub(resident_kb) as f64;
    report.figure(&format!("{name}: values"), values as f64 / 1e6, "million");
    report.figure(&format!("{name}: lists"), changes as f64, "");
    report.figure(&format!("{name}: started"), containers.started as f64, "");
    let bytes_a_value = used / values as f64;
    report.figure(&format!("{name}: used"), bytes_a_value, "bytes/value");
    let cost_us = settle_ns as f64 / rows as f64 / 1e3;
    report.figure(&format!("{name}: history"), cost_us, "µs CPU/sample");
    report.figure(
        &format!("{name}: memory from the third hour on"),
        grown_kb,
        "kB",
    );
    let end_ms = START_MS + hours * HOUR_MS;
    let ask = |selector: &str, points: usize, count: u64| {
        let (mut ns, mut asked) = (0, 0);
        while asked < count {
            let start = thread_cpu_ns();
            let answer = bench.query(stream, selector, START_MS, end_ms, points);
            ns += thread_cpu_ns() - start;
            asked += 1;
            assert!(!answer.series.is_empty(), "{selector}");
        }
        ns as f64 / asked as f64 / 1e6
    };
    let (mut query_ms, mut keys) = (0.0, 0);
    for series in day.layout.series().iter().step_by(5) {
        query_ms += ask(&series.key, 300, 10);
        keys += 1;
    }
    query_ms /= f64::from(keys);
    let host: Vec<&str> = day
        .layout
        .series()
        .iter()
        .map(|series| &*series.key)
        .collect();
    let all_ms = ask(&host.join(","), 300, 20);
    report.figure(&format!("{name}: one series"), query_ms, "ms CPU");
    report.figure(&format!("{name}: all series of the host"), all_ms, "ms CPU");
    let unknown = ["no.such_series".to_owned()];
    let start = thread_cpu_ns();
    bench.ask_for_nothing(stream, &unknown, START_MS, end_ms);
    let none_ms = (thread_cpu_ns() - start) as f64 / 1e6;
    report.figure(&format!("{name}: a series that is not"), none_ms, "ms CPU");
    Cost {
        bytes_a_value,
        query_ms,
        all_ms,
    }
}
