//! In the steady state the link allocates nothing per sample, and its memory
//! stays what it was however long it runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

use std::alloc::{GlobalAlloc, Layout as Size, System};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use stardust_shared::SeriesDef;
use stardust_shared::message::{Control, Identity};
use stardust_spider::link::Link;
use stardust_spider::link::clocks::Clocks;
use stardust_spider::link::random::Random;
use stardust_spider::link::session::Output;

struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);
static HELD: AtomicI64 = AtomicI64::new(0);

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, size: Size) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        HELD.fetch_add(size.size() as i64, Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, size: Size) {
        HELD.fetch_sub(size.size() as i64, Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(at, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WALL_MS: i64 = 1_790_000_000_000;

/// A Spider's link with the series of an ordinary machine, and its peer.
struct Bench {
    link: Link,
    series: Vec<SeriesDef>,
    values: Vec<i64>,
    random: Random,
    now_ms: i64,
    out: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        let series: Vec<_> = (0..80)
            .map(|n| SeriesDef::new("net.rx_bytes", &[("iface", &n.to_string())]))
            .collect();
        Self {
            link: Link::new(512 << 10, 1000, "r".into(), "s".into(), Identity::default()),
            values: vec![0; series.len()],
            series,
            random: Random::new(3),
            now_ms: 1_000,
            out: Vec::new(),
        }
    }

    fn sample(&mut self) {
        self.now_ms += 1_000;
        for _ in 0..16 {
            let index = self.random.below(80) as usize;
            self.values[index] += self.random.below(200) as i64;
        }
        self.link.push(self.now_ms, 1, &self.series, &self.values);
    }

    fn send(&mut self) -> usize {
        let mut bytes = 0;
        self.out.clear();
        while let Some(output) = self.link.poll(self.now_ms, &mut self.out) {
            if output == Output::Binary {
                bytes += self.out.len();
            }
            self.out.clear();
        }
        bytes
    }

    fn hear(&mut self, text: &str) {
        let clocks = Clocks {
            boot_ms: self.now_ms,
            wall_ms: WALL_MS + self.now_ms,
        };
        self.link.text(clocks, text).unwrap();
    }

    fn connect(&mut self) {
        self.link.connected(self.now_ms);
        self.link.opened(Clocks {
            boot_ms: self.now_ms,
            wall_ms: WALL_MS + self.now_ms,
        });
        self.send();
        self.hear(&Control::welcome(0, WALL_MS + self.now_ms, None).encode());
    }
}

// One test: the counters are of the whole process.
#[test]
fn a_sample_costs_no_allocation_and_memory_stays_flat() {
    let mut bench = Bench::new();
    bench.connect();
    let mut held_at_first = 0;
    for round in 0..10_000 {
        let before = CALLS.load(Relaxed);
        for _ in 0..10 {
            bench.sample();
            assert!(bench.send() > 0);
        }
        // The ring's first page and the first record grow their buffers once.
        if round > 100 {
            assert_eq!(CALLS.load(Relaxed), before, "round {round}");
        }
        bench.hear(&Control::ack(bench.link.ring().last_seq()).encode());
        if round == 1_000 {
            held_at_first = HELD.load(Relaxed);
        }
    }
    assert_eq!(
        HELD.load(Relaxed),
        held_at_first,
        "100,000 samples grow nothing"
    );

    // A long outage fills the ring; when it is over, the memory goes back.
    bench.link.failed(
        bench.now_ms,
        &stardust_spider::link::fault::Fault::link_down("cut"),
        0,
    );
    bench.link.gone();
    for _ in 0..50_000 {
        bench.sample();
    }
    assert!(bench.link.ring().dropped() > 0);
    let before = CALLS.load(Relaxed);
    for _ in 0..1_000 {
        bench.sample();
    }
    assert_eq!(
        CALLS.load(Relaxed),
        before,
        "a full ring allocates nothing either"
    );
    bench.connect();
    bench.send();
    bench.hear(&Control::ack(bench.link.ring().last_seq()).encode());
    bench.out = Vec::new();
    let grown = HELD.load(Relaxed) - held_at_first;
    assert!(grown < 24 << 10, "{grown} bytes are held after an outage");
}
