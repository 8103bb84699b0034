//! A sample allocates nothing once the set of series is known: counted by the
//! allocator itself, in a binary of its own so that nothing else is counted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::fixture;
use stardust_shared::samples::State;
use stardust_spider::collect::Sampler;
use stardust_spider::root::Root;

struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // Threads of the test harness that are just ending have no counter any more.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: all work is the system allocator's; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` by `alloc` above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: `pointer` came from `System` by `alloc` above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// More than a turn of everything that is looked at only now and then.
const SAMPLES: usize = 300;

fn steady(root: Root) {
    let mut sampler = Sampler::new(root);
    for _ in 0..3 {
        sampler.collect();
    }
    let mut quiet = 0;
    // The set of series of a live machine may change under the test.
    for _ in 0..10 {
        let generation = sampler.sample().generation();
        let before = CALLS.get();
        for _ in 0..SAMPLES {
            sampler.collect();
        }
        let calls = CALLS.get() - before;
        if sampler.sample().generation() == generation {
            assert_eq!(calls, 0, "in {SAMPLES} samples");
            quiet += 1;
            if quiet == 2 {
                assert!(!sampler.sample().series().is_empty());
                return;
            }
        }
    }
    panic!("the set of series changed in every round of {SAMPLES} samples");
}

#[test]
fn sampling_this_machine_allocates_nothing() {
    steady(Root::new("/"));
}

#[test]
fn sampling_fixture_machines_allocates_nothing() {
    for machine in common::MACHINES {
        steady(Root::new(fixture(machine, "t0")));
    }
}

/// A host of containers: many that are added up, some that are left out, and one that
/// has to stand a while.
#[test]
fn sampling_what_is_not_told_alone_allocates_nothing() {
    let here = common::Scratch::new("not-alone");
    let mut dev = String::from("Inter-| Receive | Transmit\n face |bytes |bytes\n");
    for name in ["eno1", "fwbr1i0", "fwpr1p0"] {
        dev += &format!("{name}: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n");
    }
    for n in 0..60 {
        dev += &format!("veth{n:07x}: 1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n");
    }
    here.write("proc/net/dev", &dev);
    let mut sampler = Sampler::new(Root::new(&here.0));
    sampler.collect();
    here.write(
        "proc/net/dev",
        dev + "usb0: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n",
    );
    for _ in 0..3 {
        sampler.collect();
    }
    let before = CALLS.get();
    for _ in 0..SAMPLES {
        sampler.collect();
    }
    assert_eq!(CALLS.get() - before, 0, "in {SAMPLES} samples");
    for (why, count) in [("summed", 60), ("rule", 2), ("new", 1)] {
        let key = format!("spider.left_out{{subject=net_{why}}}");
        assert_eq!(sampler.sample().value(&key), Some(count), "{key}");
    }
}

#[test]
fn encoding_allocates_nothing() {
    let mut sampler = Sampler::new(Root::new("/"));
    let layout = stardust_shared::Layout::new(1, sampler.collect().series().to_vec());
    let mut state = State::default();
    state.start(&layout, 1, 0, sampler.sample().values());
    let mut record = Vec::with_capacity(stardust_shared::limits::RECORD_BYTES_MAX);
    let before = CALLS.get();
    for seq in 2..200 {
        let sample = sampler.collect();
        if sample.series().len() != layout.len() {
            return;
        }
        record.clear();
        state.encode_delta(&layout, seq, sample.boot_ms(), sample.values(), &mut record);
        assert!(!record.is_empty());
    }
    assert_eq!(CALLS.get() - before, 0);
}

#[test]
fn the_counter_counts() {
    let before = CALLS.get();
    let boxed = std::hint::black_box(Box::new(1));
    assert_eq!(CALLS.get() - before, *boxed);
}
