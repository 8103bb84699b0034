//! One whole sample of this machine: collecting, encoding, and how many bytes
//! it takes, beside the floor (the same files read by plain `pread`).
//!
//! Hot-loop figures: with cold caches at one sample a second the same calls
//! cost two to five times as much (README, "What it costs").

use std::fs::File;
use std::os::unix::fs::FileExt;

use stardust_benches::{FLOOR_FILES, Report, mean_ns};
use stardust_shared::{Layout, State};
use stardust_spider::collect::Sampler;
use stardust_spider::root::Root;

const ROUNDS: u32 = 2_000;
fn main() -> std::io::Result<()> {
    let mut report = Report::new("sample");

    let files: Vec<File> = FLOOR_FILES
        .iter()
        .filter_map(|path| File::open(path).ok())
        .collect();
    let mut buffer = vec![0u8; 256 << 10];
    let floor = mean_ns(ROUNDS, || {
        for file in &files {
            let _ = std::hint::black_box(file.read_at(&mut buffer, 0));
        }
    });
    report.figure("floor: eight files by pread", floor / 1_000.0, "us");

    let mut sampler = Sampler::new(Root::new("/"));
    let collect = mean_ns(ROUNDS, || {
        std::hint::black_box(sampler.collect());
    });
    report.figure("collect: all series", collect / 1_000.0, "us");
    report.figure("collect / floor", collect / floor, "x");

    let first = sampler.collect();
    let layout = Layout::new(1, first.series().to_vec());
    let mut state = State::default();
    state.start(&layout, 1, 0, first.values());
    report.figure("series", layout.len() as f64, "series");
    let mut out = Vec::new();
    state.encode_keyframe(&layout, 0, &mut out);
    report.figure("keyframe", out.len() as f64, "bytes");

    // Real samples at a short interval, so that something has changed.
    let (mut seq, mut bytes, mut encode_ns) = (1, 0, 0.0);
    const SAMPLES: u64 = 50;
    for _ in 0..SAMPLES {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let sample = sampler.collect();
        if sample.values().len() != layout.len() {
            continue;
        }
        seq += 1;
        out.clear();
        let values = sample.values().to_vec();
        encode_ns += mean_ns(1, || {
            state.encode_delta(&layout, seq, seq as i64 * 1_000, &values, &mut out);
        });
        bytes += out.len();
    }
    let samples = (seq - 1).max(1) as f64;
    report.figure(
        "delta record, 100 ms apart",
        bytes as f64 / samples,
        "bytes",
    );
    report.figure("encode", encode_ns / samples / 1_000.0, "us");
    let path = report.write()?;
    println!("  written to {}", path.display());
    Ok(())
}
