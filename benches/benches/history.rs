//! What history costs: bytes of the whole SQLite file for each value, bytes
//! written on the way, CPU of a sample and of a query.
//!
//! The fleet is 100 nodes of 60 series, a day at ten seconds, made of a recording
//! of a real machine (see `telemetry`). `STARDUST_RECORDING=FILE` measures a
//! recording as it is instead: lines as `stardust-spider --stdout` prints them,
//! one node a file, or a folder of such files.
//! `STARDUST_HISTORY_NODES` (0: none) changes how much is made of that.
//!
//! A second fleet, of `STARDUST_HISTORY_YEAR_NODES` (2), is filled for
//! `STARDUST_HISTORY_DAYS` (365): queries with all tiers below them, and commits
//! beside readers of whole years.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what can't be measured ends the measurement"
)]

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use stardust_benches::history::Bench;
use stardust_benches::telemetry::{Day, Kind, Node, Recording, entropy_bytes};
use stardust_benches::{RATIO, Report, bytes_written, thread_cpu_ns};
use stardust_history::{History, Query, Settings};
use stardust_store::READERS_MAX;

const SERIES: usize = 60;
const INTERVAL_MS: i64 = 10_000;
const DAY_ROWS: usize = 8_640;
const DAY_MS: i64 = 86_400_000;
/// Commits between two looks at the other work.
const SETTLE_COMMITS: usize = 32;
/// The recordings that days are made of: one row a second.
const IDLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recorded/idle.jsonl.zst");
const BUSY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recorded/machine.jsonl.zst");
const START_MS: i64 = 1_790_000_000_000 / DAY_MS * DAY_MS;

fn main() -> std::io::Result<()> {
    let mut report = Report::new("history");
    if let Some(path) = std::env::var_os("STARDUST_RECORDING") {
        recorded(&mut report, Path::new(&path))?;
        return report.write();
    }
    let nodes = number("STARDUST_HISTORY_NODES", 100);
    // The busy machine is there to see how far its noise goes: fewer nodes do.
    for (name, path, nodes) in [("", IDLE, nodes), ("busy ", BUSY, nodes.div_ceil(5))] {
        let recording = Recording::load(Path::new(path))?.remove(0);
        let day = Day::new(&recording, SERIES, 10, INTERVAL_MS);
        for kind in [Kind::Repeat, Kind::Noisy] {
            if nodes > 0 {
                let name = format!("{name}{}", kind.name());
                fleet(&mut report, &day, kind, &name, nodes);
            }
        }
        if path == IDLE {
            each_second(&mut report, &Day::new(&recording, SERIES, 1, 1_000));
            let days = number("STARDUST_HISTORY_DAYS", 365);
            year(
                &mut report,
                &day,
                number("STARDUST_HISTORY_YEAR_NODES", 2),
                days,
            );
        }
    }
    report.write()
}

fn number(name: &str, default: usize) -> usize {
    let value = std::env::var(name).ok();
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

/// A day of a fleet, committed every interval.
fn fleet(report: &mut Report, day: &Day, kind: Kind, name: &str, count: usize) {
    let floor = floor(day, kind, count.min(4));
    report.figure(
        &format!("{name}: entropy of the differences"),
        floor,
        "bytes/value",
    );
    let mut bench = Bench::new(&name.replace(' ', "-"), Settings::default());
    let mut nodes: Vec<_> = (0..count)
        .map(|number| day.node(number as u64, kind, START_MS))
        .collect();
    for _ in 0..count {
        bench.node(&day.layout, INTERVAL_MS as u64);
    }
    let (mut commit_ns, mut settle_ns) = (0, 0);
    let written = bytes_written();
    for row in 0..DAY_ROWS {
        for (stream, node) in nodes.iter_mut().enumerate() {
            node.advance();
            bench.push(stream, node.time_ms, &node.values);
        }
        let start = thread_cpu_ns();
        bench.commit();
        commit_ns += thread_cpu_ns() - start;
        if row % SETTLE_COMMITS == SETTLE_COMMITS - 1 {
            let start = thread_cpu_ns();
            bench.settle();
            settle_ns += thread_cpu_ns() - start;
        }
    }
    let samples = bench.samples as f64;
    let values = samples * day.layout.len() as f64;
    let written = (bytes_written() - written) as f64;
    bench.restart();
    let (_, log) = bench.bytes();
    report.figure(&format!("{name}: values"), values / 1e6, "million");
    report.figure(&format!("{name}: log beside it"), log as f64 / 1e6, "MB");
    report.figure(
        &format!("{name}: written"),
        written / samples,
        "bytes/sample",
    );
    report.figure(
        &format!("{name}: commit"),
        commit_ns as f64 / samples / 1e3,
        "µs CPU/sample",
    );
    report.figure(
        &format!("{name}: merge"),
        settle_ns as f64 / samples / 1e3,
        "µs CPU/sample",
    );
    for tier in bench.history.status().expect("the status").tiers {
        let what = format!("{name}: {} tier", tier.name);
        report.figure(&what, tier.bytes as f64 / values, "bytes/value");
        report.figure(&what, tier.blocks as f64 / count as f64, "blocks/node");
    }
    queries(report, &bench, day, name, START_MS + DAY_MS);
    if kind == Kind::Noisy {
        let range_ms = (START_MS, START_MS + DAY_MS);
        at_once(report, &mut bench, &mut nodes, name, range_ms);
        beside_queries(report, &mut bench, &mut nodes, name, range_ms);
        bench.restart();
    }
    let samples = bench.samples as f64;
    let values = samples * day.layout.len() as f64;
    let file = bench.stop() as f64;
    report.figure(&format!("{name}: file"), file / 1e6, "MB");
    report.figure(&format!("{name}: whole file"), file / values, "bytes/value");
}

/// What comes each second is merged in other steps than what comes each ten.
fn each_second(report: &mut Report, day: &Day) {
    const NODES: usize = 20;
    const HOURS: usize = 4;
    const COMMIT_ROWS: usize = 10;
    let mut bench = Bench::new("second", Settings::default());
    let mut nodes: Vec<_> = (0..NODES)
        .map(|number| day.node(number as u64, Kind::Noisy, START_MS))
        .collect();
    for _ in 0..NODES {
        bench.node(&day.layout, 1_000);
    }
    let (mut commit_ns, mut settle_ns) = (0, 0);
    for row in 1..=HOURS * 3_600 {
        for (stream, node) in nodes.iter_mut().enumerate() {
            node.advance();
            bench.push(stream, node.time_ms, &node.values);
        }
        if row % COMMIT_ROWS == 0 {
            let start = thread_cpu_ns();
            bench.commit();
            let committed = thread_cpu_ns();
            bench.settle();
            commit_ns += committed - start;
            settle_ns += thread_cpu_ns() - committed;
        }
    }
    let samples = bench.samples as f64;
    let file = bench.stop() as f64;
    for (what, ns) in [("commit", commit_ns), ("merge", settle_ns)] {
        let cost_us = ns as f64 / samples / 1e3;
        report.figure(&format!("each second: {what}"), cost_us, "µs CPU/sample");
    }
    let values = samples * day.layout.len() as f64;
    report.figure("each second: whole file", file / values, "bytes/value");
}

/// Commits of one kind: CPU, and time on the clock.
#[derive(Default)]
struct Commits {
    cpu_ms: Vec<f64>,
    wall_ms: Vec<f64>,
}

impl Commits {
    fn take(&mut self, bench: &mut Bench, nodes: &mut [Node<'_>], count: usize) {
        for _ in 0..count {
            for (stream, node) in nodes.iter_mut().enumerate() {
                node.advance();
                bench.push(stream, node.time_ms, &node.values);
            }
            let (start, wall) = (thread_cpu_ns(), Instant::now());
            bench.commit();
            self.cpu_ms.push((thread_cpu_ns() - start) as f64 / 1e6);
            self.wall_ms.push(wall.elapsed().as_secs_f64() * 1e3);
        }
    }

    fn report(&self, report: &mut Report, what: &str) {
        report.figure(what, median(&self.cpu_ms), "ms CPU");
        report.figure(&format!("{what}, median"), median(&self.wall_ms), "ms");
        let longest = self.wall_ms.iter().copied().fold(0.0, f64::max);
        report.figure(&format!("{what}, longest"), longest, "ms");
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// Whether queries slow commits: alone, beside as many readers as there can be, and
/// beside as many threads that only take the processor, by turns. What commits
/// take longer beside queries than beside those is the queries' doing.
fn beside_queries(
    report: &mut Report,
    bench: &mut Bench,
    nodes: &mut [Node<'_>],
    name: &str,
    (from_ms, to_ms): (i64, i64),
) {
    const ROUNDS: usize = 8;
    const COMMITS: usize = 16;
    let count = nodes.len();
    let query = |history: &History, number: usize| {
        let query = Query {
            node: 1 + (number % count) as i64,
            selectors: vec!["*".into()],
            from_ms,
            to_ms,
            points: 1_440,
        };
        history.query(&query).expect("an answer");
    };
    let spin = |_: &History, _: usize| {
        let until = Instant::now() + Duration::from_millis(5);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
    };
    let (mut alone, mut beside, mut busy) = Default::default();
    let mut asked = 0;
    for _ in 0..ROUNDS {
        Commits::take(&mut alone, bench, nodes, COMMITS);
        asked += bench.beside(READERS_MAX, query, |bench| {
            Commits::take(&mut beside, bench, nodes, COMMITS);
        });
        bench.beside(READERS_MAX, spin, |bench| {
            Commits::take(&mut busy, bench, nodes, COMMITS);
        });
    }
    let what = format!("{name}: a commit");
    alone.report(report, &format!("{what} alone"));
    beside.report(report, &format!("{what} beside queries"));
    busy.report(report, &format!("{what} beside busy threads"));
    let ratio = |of: &[f64], to: &[f64]| median(of) / median(to);
    for (beside_what, other) in [("alone", &alone), ("busy threads", &busy)] {
        let what = format!("{what}, queries : {beside_what}");
        report.figure(
            &format!("{what}, CPU"),
            ratio(&beside.cpu_ms, &other.cpu_ms),
            RATIO,
        );
        report.figure(
            &format!("{what}, time"),
            ratio(&beside.wall_ms, &other.wall_ms),
            RATIO,
        );
    }
    report.figure(
        &format!("{name}: queries meanwhile"),
        asked as f64,
        "queries",
    );
}

/// How long people wait when twenty of them ask for a day of all series at once, while
/// samples are taken in.
fn at_once(
    report: &mut Report,
    bench: &mut Bench,
    nodes: &mut [Node<'_>],
    name: &str,
    (from_ms, to_ms): (i64, i64),
) {
    const ASKERS: usize = 20;
    const COMMITS: usize = 64;
    let count = nodes.len();
    let waits_ms = Mutex::new(Vec::new());
    let query = |history: &History, number: usize| {
        let query = Query {
            node: 1 + (number % count) as i64,
            selectors: vec!["*".into()],
            from_ms,
            to_ms,
            points: 1_440,
        };
        let start = Instant::now();
        history.query(&query).expect("an answer");
        let wait_ms = start.elapsed().as_secs_f64() * 1e3;
        waits_ms.lock().expect("no panic").push(wait_ms);
    };
    let mut commits = Commits::default();
    bench.beside(ASKERS, query, |bench| commits.take(bench, nodes, COMMITS));
    let mut waits_ms = waits_ms.into_inner().expect("no panic");
    waits_ms.sort_by(f64::total_cmp);
    let of = |share: usize| waits_ms.get(waits_ms.len() * share / 100).copied();
    let what = format!("{name}: {ASKERS} at once, 24 h of all");
    report.figure(&format!("{what}: queries"), waits_ms.len() as f64, "");
    report.figure(&format!("{what}, median"), of(50).unwrap_or(0.0), "ms");
    report.figure(&format!("{what}, p95"), of(95).unwrap_or(0.0), "ms");
    commits.report(report, &format!("{what}: a commit beside"));
}

/// What the first nodes' values have as entropy, each column for itself.
fn floor(day: &Day, kind: Kind, count: usize) -> f64 {
    let bytes = (0..count).map(|number| {
        let mut node: Node<'_> = day.node(number as u64, kind, START_MS);
        let mut columns = vec![Vec::with_capacity(DAY_ROWS); day.layout.len() + 1];
        for _ in 0..DAY_ROWS {
            node.advance();
            columns[0].push(node.time_ms);
            for (column, value) in columns[1..].iter_mut().zip(&node.values) {
                column.push(*value);
            }
        }
        columns
            .iter()
            .map(|column| entropy_bytes(column))
            .sum::<f64>()
    });
    bytes.sum::<f64>() / (count * DAY_ROWS * day.layout.len()) as f64
}

/// The last 24 hours, of one series and of all.
fn queries(report: &mut Report, bench: &Bench, day: &Day, name: &str, end_ms: i64) {
    // A series of noise and one that hardly changes, by turns.
    let keys: Vec<&str> = day
        .layout
        .series()
        .iter()
        .map(|series| &*series.key)
        .collect();
    let (mut ns, mut asked) = (0, 0);
    for _ in 0..5 {
        for key in &keys {
            let start = thread_cpu_ns();
            let answer = bench.query(0, key, end_ms - DAY_MS, end_ms, 300);
            ns += thread_cpu_ns() - start;
            asked += 1;
            assert_eq!(answer.series.len(), 1, "{key}");
        }
    }
    let mean_ms = ns as f64 / f64::from(asked) / 1e6;
    report.figure(&format!("{name}: 24 h of one series"), mean_ms, "ms CPU");
    let (mut ns, rounds) = (0, 200);
    for _ in 0..rounds {
        let start = thread_cpu_ns();
        let answer = bench.query(0, "*", end_ms - DAY_MS, end_ms, 1_440);
        ns += thread_cpu_ns() - start;
        assert_eq!((answer.step_ms, answer.series.len()), (60_000, keys.len()));
    }
    let mean_ms = ns as f64 / f64::from(rounds) / 1e6;
    report.figure(
        &format!("{name}: 24 h of all, 60 s steps"),
        mean_ms,
        "ms CPU",
    );
}

/// Nodes for long enough to have all tiers.
fn year(report: &mut Report, day: &Day, count: usize, days: usize) {
    if count == 0 {
        return;
    }
    let mut bench = Bench::new("year", Settings::default());
    let from_ms = START_MS - days as i64 * DAY_MS;
    let mut nodes: Vec<Node<'_>> = (0..count)
        .map(|number| day.node(number as u64 + 1, Kind::Noisy, from_ms))
        .collect();
    for _ in 0..count {
        bench.node(&day.layout, INTERVAL_MS as u64);
    }
    for row in 0..days * DAY_ROWS {
        for (stream, node) in nodes.iter_mut().enumerate() {
            node.advance();
            bench.push(stream, node.time_ms, &node.values);
        }
        if row % 64 == 63 {
            bench.commit();
        }
        if row % DAY_ROWS == DAY_ROWS - 1 {
            bench.settle();
            if row / DAY_ROWS % 30 == 29 {
                bench.restart();
            }
        }
    }
    bench.commit();
    bench.restart();
    let (file, _) = bench.bytes();
    report.figure("year: nodes", count as f64, "nodes");
    report.figure("year: file", file as f64 / 1e6, "MB");
    for tier in bench.history.status().expect("the status").tiers {
        report.figure(
            &format!("year: {} tier", tier.name),
            tier.bytes as f64 / 1e6,
            "MB",
        );
        report.figure(&format!("year: {} days", tier.name), tier.days_held, "days");
    }
    queries(report, &bench, day, "year", START_MS);
    let (mut ns, mut asked) = (0, 0);
    for series in day.layout.series() {
        let start = thread_cpu_ns();
        let answer = bench.query(0, &series.key, from_ms, START_MS, 300);
        ns += thread_cpu_ns() - start;
        asked += 1;
        assert_eq!((answer.tier, answer.series.len()), ("hour", 1));
    }
    let mean_ms = ns as f64 / f64::from(asked) / 1e6;
    report.figure("year: all of one series", mean_ms, "ms CPU");
    let start = thread_cpu_ns();
    let answer = bench.query(0, "*", from_ms, START_MS, 300);
    let all_ms = (thread_cpu_ns() - start) as f64 / 1e6;
    assert_eq!(answer.tier, "hour");
    report.figure("year: all of all series", all_ms, "ms CPU");
    beside_queries(report, &mut bench, &mut nodes, "year", (from_ms, START_MS));
}

/// Other people's data.
fn recorded(report: &mut Report, path: &Path) -> std::io::Result<()> {
    let recordings = Recording::load(path)?;
    let mut bench = Bench::new("recorded", Settings::default());
    let mut values = 0;
    for recording in &recordings {
        let span_ms = match (recording.times_ms.first(), recording.times_ms.last()) {
            (Some(first), Some(last)) => last - first,
            _ => 0,
        };
        let steps = recording.times_ms.len().saturating_sub(1).max(1) as i64;
        bench.node(&recording.layout, (span_ms / steps).max(1) as u64);
        values += recording.values();
    }
    let rows = recordings
        .iter()
        .map(|recording| recording.rows.len())
        .max()
        .unwrap_or(0);
    for row in 0..rows {
        for (stream, recording) in recordings.iter().enumerate() {
            if let (Some(time_ms), Some(values)) =
                (recording.times_ms.get(row), recording.rows.get(row))
            {
                bench.push(stream, *time_ms, values);
            }
        }
        bench.commit();
        if row % SETTLE_COMMITS == SETTLE_COMMITS - 1 {
            bench.settle();
        }
    }
    bench.restart();
    let file = bench.stop();
    report.figure("recorded: nodes", recordings.len() as f64, "nodes");
    report.figure("recorded: values", values as f64 / 1e6, "million");
    report.figure("recorded: file", file as f64 / 1e6, "MB");
    report.figure(
        "recorded: whole file",
        file as f64 / values.max(1) as f64,
        "bytes/value",
    );
    Ok(())
}
