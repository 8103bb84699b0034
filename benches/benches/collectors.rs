//! What a sample costs: each collector, all of them, encoding, and beside them
//! the floor (the same files by plain `pread`), in CPU time of this thread.
//!
//! Hot-loop figures: with cold caches at one sample a second the same calls
//! cost two to five times as much. The ratio to the floor is what counts here;
//! `benches/process.sh` measures whole processes at their real pace.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what can't be measured ends the measurement"
)]

use std::time::Duration;

use stardust_benches::floor::{FILES, Floor};
use stardust_benches::report::RATIO;
use stardust_benches::{Reads, Report, mean_ns, thread_cpu_ns};
use stardust_shared::{Layout, State};
use stardust_spider::collect::{self, Context, Sampler};
use stardust_spider::root::{Buffer, Root};
use stardust_spider::sample::Sample;

/// Enough that what is looked at only now and then has its share.
const ROUNDS: u32 = 3_000;
/// Rounds in which the floor and its counterpart take turns, so that a busy
/// moment of the machine hits both.
const TURNS: u32 = 10;

fn main() -> std::io::Result<()> {
    let mut report = Report::new("collectors");
    let floor_ns = whole_sample(&mut report);
    each_collector(&mut report, floor_ns);
    encoding(&mut report);
    report.write()
}

/// All collectors beside the floor; gives the floor's nanoseconds.
fn whole_sample(report: &mut Report) -> f64 {
    let mut floor = Floor::new(&FILES);
    let mut sampler = Sampler::new(Root::new("/"));
    let (mut floor_ns, mut collect_ns) = (0.0, 0.0);
    for _ in 0..TURNS {
        floor_ns += mean_ns(ROUNDS / TURNS, || {
            floor.read();
            Floor::statfs();
        });
        collect_ns += mean_ns(ROUNDS / TURNS, || {
            std::hint::black_box(sampler.collect());
        });
    }
    let (floor_ns, collect_ns) = (floor_ns / f64::from(TURNS), collect_ns / f64::from(TURNS));
    report.figure("floor: eight files and statfs", floor_ns, "ns");
    report.figure("whole sample", collect_ns, "ns");
    report.figure("whole sample / floor", collect_ns / floor_ns, RATIO);
    let reads = Reads::during(|| {
        for _ in 0..ROUNDS {
            std::hint::black_box(sampler.collect());
        }
    });
    let each = |n: u64| n as f64 / f64::from(ROUNDS);
    report.figure("whole sample: bytes read", each(reads.bytes), "bytes");
    report.figure("whole sample: read calls", each(reads.calls), "calls");
    floor_ns
}

/// Each collector by itself, as a part of the floor of the whole sample.
fn each_collector(report: &mut Report, floor_ns: f64) {
    let (mut sample, mut buffer) = (Sample::default(), Buffer::default());
    for (name, mut collector) in collect::all(&Root::new("/"), &Default::default()) {
        let mut turn = || {
            sample.begin();
            collector.collect(&mut Context {
                sample: &mut sample,
                buffer: &mut buffer,
            });
            sample.end();
        };
        let ns = mean_ns(ROUNDS, &mut turn);
        let reads = Reads::during(|| (0..ROUNDS).for_each(|_| turn()));
        let each = |n: u64| n as f64 / f64::from(ROUNDS);
        report.figure(name, ns, "ns");
        report.figure(&format!("{name}: bytes read"), each(reads.bytes), "bytes");
        report.figure(&format!("{name}: read calls"), each(reads.calls), "calls");
        report.figure(&format!("{name} / floor"), ns / floor_ns, RATIO);
    }
}

/// Real samples at a short interval, so that something has changed.
fn encoding(report: &mut Report) {
    const SAMPLES: u64 = 50;
    let mut sampler = Sampler::new(Root::new("/"));
    let first = sampler.collect();
    let layout = Layout::new(1, first.series().to_vec());
    let mut state = State::default();
    state.start(&layout, 1, 0, first.values());
    let mut record = Vec::with_capacity(64 << 10);
    state.encode_keyframe(&layout, 0, &mut record);
    report.figure("series", layout.len() as f64, "series");
    report.figure("keyframe", record.len() as f64, "bytes");
    let (mut seq, mut bytes, mut encode_ns) = (1, 0, 0);
    for _ in 0..SAMPLES {
        std::thread::sleep(Duration::from_millis(100));
        let sample = sampler.collect();
        if sample.generation() != 1 {
            break;
        }
        seq += 1;
        record.clear();
        let start_ns = thread_cpu_ns();
        state.encode_delta(&layout, seq, sample.boot_ms(), sample.values(), &mut record);
        encode_ns += thread_cpu_ns() - start_ns;
        bytes += record.len();
    }
    let samples = (seq - 1).max(1) as f64;
    report.figure(
        "delta record, 100 ms apart",
        bytes as f64 / samples,
        "bytes",
    );
    report.figure("encode a delta", encode_ns as f64 / samples, "ns");
}
