//! The split of TCP sockets by state, against sockets that this test opens.
//!
//! What a sample costs with 10,000 sockets beside what it costs without is
//! measured by the ignored test (it takes minutes, and figures, not truth):
//! `cargo test --release -p stardust-spider --test many_sockets -- --ignored --nocapture`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

#[path = "common/left_out.rs"]
mod left_out;

use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use left_out::left_out;
use stardust_spider::clock::thread_cpu_ns;
use stardust_spider::collect::Sampler;
use stardust_spider::root::Root;

/// Both ends of `count` connections on loopback.
fn connections(count: usize) -> Vec<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (0..count)
        .map(|_| {
            let near = TcpStream::connect(address).unwrap();
            (near, listener.accept().unwrap().0)
        })
        .collect()
}

/// The split as a new Sampler's first walks find it.
fn split(states: &[&str]) -> Option<Vec<i64>> {
    let mut sampler = Sampler::new(Root::new("/"));
    for _ in 0..200_000 {
        let sample = sampler.collect();
        if sample.value("tcp.split_age_ms").is_some() {
            let key = |state: &&str| format!("tcp.connections{{state={state}}}");
            let value = |state| sample.value(&key(state)).unwrap();
            return Some(states.iter().map(value).collect());
        }
    }
    left_out("this kernel or sandbox has no TCP diagnosis");
    None
}

#[test]
fn states_without_a_count_of_their_own_are_found() {
    const STATES: [&str; 4] = ["established", "close_wait", "fin_wait2", "syn_sent"];
    // Other programs open and close at the same time, so look until it fits.
    for _ in 0..30 {
        let Some(before) = split(&STATES) else { return };
        let open = connections(40);
        for (near, _) in &open[..25] {
            near.shutdown(Shutdown::Write).unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
        let after = split(&STATES).unwrap();
        let grown: Vec<i64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
        if grown == [2 * 15, 25, 25, 0] {
            return;
        }
        eprintln!("{before:?} {after:?}");
    }
    panic!("the split never was what it had to be");
}

struct Cost {
    mean_us: f64,
    most_us: f64,
}

fn cost(samples: u32, interval: Duration) -> Cost {
    let mut sampler = Sampler::new(Root::new("/"));
    sampler.collect();
    let (mut sum_ns, mut most_ns) = (0, 0);
    for _ in 0..samples {
        if !interval.is_zero() {
            std::thread::sleep(interval);
        }
        let start_ns = thread_cpu_ns();
        sampler.collect();
        let ns = thread_cpu_ns() - start_ns;
        sum_ns += ns;
        most_ns = most_ns.max(ns);
    }
    Cost {
        mean_us: sum_ns as f64 / f64::from(samples) / 1e3,
        most_us: most_ns as f64 / 1e3,
    }
}

#[test]
#[ignore = "takes minutes; prints figures"]
fn ten_thousand_sockets_cost_hardly_more() {
    let limit = libc::rlimit {
        rlim_cur: 20_000,
        rlim_max: 20_000,
    };
    // SAFETY: `limit` is a valid rlimit for the kernel to read.
    let raised = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    assert_eq!(raised, 0, "run it as root, or with ulimit -n 20000");
    let seconds = std::env::var("SECONDS_EACH").map_or(60, |text| text.parse().unwrap());
    let measure = |what: &str| {
        let hot = cost(3000, Duration::ZERO);
        let cold = cost(seconds, Duration::from_secs(1));
        println!(
            "{what:28} hot {:6.1} us (most {:6.1})   at 1 s {:6.1} us (most {:6.1})",
            hot.mean_us, hot.most_us, cold.mean_us, cold.most_us
        );
        (hot.mean_us, cold.mean_us)
    };
    let before = measure("as it is");
    let open = connections(5_000);
    let many = measure("10,000 established more");
    for (near, _) in &open {
        near.shutdown(Shutdown::Write).unwrap();
    }
    let closing = measure("half of them in CLOSE_WAIT");
    drop(open);
    let after = measure("as it was, and TIME_WAIT");
    for (what, (hot, cold)) in [("established", many), ("CLOSE_WAIT", closing)] {
        let base = |a: f64, b: f64| (a + b) / 2.0;
        let (hot, cold) = (
            hot / base(before.0, after.0),
            cold / base(before.1, after.1),
        );
        println!("with 10,000 ({what}) / without: hot {hot:.2}, at 1 s {cold:.2}");
        assert!(cold < 1.5);
    }
}
