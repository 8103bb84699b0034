//! Measures, on this machine: bytes of a delta record, CPU of a sample, and how
//! often each series changes. `cargo run --example record_bytes [SECONDS] [MS] [--each]`
//!
//! The order of series in `src/series_order.rs` comes from its answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what can't be measured ends the measurement"
)]

use std::time::Duration;

use stardust_shared::samples::State;
use stardust_shared::series::Role;
use stardust_shared::{Layout, limits, varint};
use stardust_spider::collect::{self, Context, Sampler};
use stardust_spider::root::{Buffer, Root};
use stardust_spider::sample::Sample;

fn cpu_ns() -> i64 {
    // SAFETY: an all-zero timespec is valid, and the call writes to it.
    unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time);
        time.tv_sec as i64 * 1_000_000_000 + time.tv_nsec as i64
    }
}

/// What each collector costs when it has slept for an interval.
fn each(rounds: u64, interval_ms: u64) {
    let root = Root::new("/");
    let mut collectors = collect::all(&root, &Default::default());
    let (mut sample, mut buffer) = (Sample::default(), Buffer::default());
    let mut spent_ns = vec![0; collectors.len()];
    for round in 0..=rounds {
        sample.begin();
        for ((_, collector), spent) in collectors.iter_mut().zip(&mut spent_ns) {
            let start_ns = cpu_ns();
            collector.collect(&mut Context {
                sample: &mut sample,
                buffer: &mut buffer,
            });
            if round > 0 {
                *spent += cpu_ns() - start_ns;
            }
        }
        sample.end();
        std::thread::sleep(Duration::from_millis(interval_ms));
    }
    for ((name, _), spent) in collectors.iter().zip(spent_ns) {
        println!("{name:12} {:6.1} us", spent as f64 / rounds as f64 / 1000.0);
    }
}

fn main() {
    let by_collector = std::env::args().any(|arg| arg == "--each");
    let mut args = std::env::args().skip(1).filter_map(|arg| arg.parse().ok());
    let seconds: u64 = args.next().unwrap_or(60);
    let interval_ms: u64 = args.next().unwrap_or(1000);
    if by_collector {
        return each(seconds * 1000 / interval_ms, interval_ms);
    }
    let mut sampler = Sampler::new(Root::new("/"));
    sampler.collect();
    let layout = Layout::new(1, sampler.sample().series().to_vec());
    let mut state = State::default();
    state.start(&layout, 1, 0, sampler.sample().values());
    let mut last = state.scaled().to_vec();
    let mut steps = vec![0i64; layout.len()];
    // How often each series was sent, and in how many bytes.
    let mut sent = vec![(0u64, 0u64); layout.len()];
    let (mut heads, mut groups) = (0, 0);
    let mut sizes = Vec::new();
    let (mut cpu_collect_ns, mut cpu_encode_ns) = (0, 0);
    let mut record = Vec::with_capacity(limits::RECORD_BYTES_MAX);
    let rounds = seconds * 1000 / interval_ms;
    for seq in 2..rounds + 2 {
        std::thread::sleep(Duration::from_millis(interval_ms));
        let start_ns = cpu_ns();
        let sample = sampler.collect();
        let middle_ns = cpu_ns();
        if sample.generation() != 1 {
            println!("the set of series changed; start again");
            return;
        }
        record.clear();
        state.encode_delta(&layout, seq, sample.boot_ms(), sample.values(), &mut record);
        cpu_encode_ns += cpu_ns() - middle_ns;
        cpu_collect_ns += middle_ns - start_ns;
        sizes.push(record.len());
        let (mut residuals, mut parts) = (0, 0);
        let mut changed_groups = std::collections::BTreeSet::new();
        for (index, now) in state.scaled().iter().enumerate() {
            let step = now.wrapping_sub(last[index]);
            let series = &layout.series()[index];
            let mut expected = if series.steady { steps[index] } else { 0 };
            match series.role {
                Role::Alone => {}
                Role::Part => parts += step,
                Role::Sum => expected += std::mem::take(&mut parts),
            }
            if step != expected {
                let mut bytes = Vec::new();
                let residual = step.wrapping_sub(expected);
                if series.rising {
                    varint::put(&mut bytes, residual as u64);
                } else {
                    varint::put_signed(&mut bytes, residual);
                }
                sent[index].0 += 1;
                sent[index].1 += bytes.len() as u64;
                residuals += bytes.len();
                changed_groups.insert(index / 8);
            }
            (last[index], steps[index]) = (*now, step);
        }
        groups += changed_groups.len();
        heads += record.len() - residuals - changed_groups.len();
    }
    let each = |n: u64| n as f64 / rounds.max(1) as f64;
    for (index, (series, (times, bytes))) in layout.series().iter().zip(&sent).enumerate() {
        let (percent, bytes) = (each(times * 100), each(*bytes));
        let (group, bit) = (index / 8, index % 8);
        println!(
            "{group:3}.{bit} {percent:3.0} % {bytes:5.2} bytes  {}",
            series.key
        );
    }
    println!(
        "head and upper bits {:.2}, bits of groups {:.2}",
        each(heads as u64),
        each(groups as u64)
    );
    sizes.sort_unstable();
    let count = sizes.len().max(1);
    println!(
        "{} series, {count} records: mean {:.1} bytes, median {}, 99th {}, most {}",
        layout.len(),
        sizes.iter().sum::<usize>() as f64 / count as f64,
        sizes[count / 2],
        sizes[count * 99 / 100],
        sizes[count - 1],
    );
    println!(
        "CPU a sample: collect {} us, encode {} us",
        cpu_collect_ns / count as i64 / 1000,
        cpu_encode_ns / count as i64 / 1000
    );
}
