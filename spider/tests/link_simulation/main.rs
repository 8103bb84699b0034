//! The link under every outage that a seed can think of, in virtual time.
//!
//! The link, the ring and the codec are the real ones; sockets, clocks and the
//! server's disk are models. In every world: each sequence number becomes
//! durable exactly once, with the values and the time it was taken with, or it
//! fell out of the full ring and the server has named it in a gap. In two worlds
//! of three the Spider is killed, stopped and rebooted too, with a ring file: then
//! a power cut may cost the last minute at most, and that is named as well.
//!
//! `STARDUST_SEED=17 cargo test -p stardust-spider --test link_simulation`
//! replays one world.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

mod restart;
mod server;
mod truth;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use world::{Summary, World};

const SEEDS: u64 = 1_500;

fn play(seed: u64) -> Summary {
    let played = catch_unwind(AssertUnwindSafe(|| World::new(seed).play()));
    match played {
        Ok(summary) => summary,
        Err(panic) => {
            eprintln!("failing seed: {seed}; replay it with STARDUST_SEED={seed}");
            std::panic::resume_unwind(panic)
        }
    }
}

#[test]
fn every_sample_is_durable_once_or_named_in_a_gap() {
    if let Ok(seed) = std::env::var("STARDUST_SEED") {
        let seed = seed.parse().expect("STARDUST_SEED is a number");
        println!("{:#?}", play(seed));
        return;
    }
    let mut total = Summary::default();
    for seed in 1..=SEEDS {
        total.add(&play(seed));
    }
    println!("{total:#?}");
    // Worlds in which nothing ever goes wrong would prove nothing.
    assert!(total.sessions > SEEDS * 5, "{total:?}");
    assert!(total.samples > SEEDS * 200, "{total:?}");
    for (what, count) in [
        ("resets", total.resets),
        ("refusals", total.refusals),
        ("half-open connections", total.half_open),
        ("stalls", total.stalls),
        ("crashes", total.crashes),
        ("samples lost by crashes and sent again", total.crash_lost),
        ("duplicates", total.duplicates),
        ("samples dropped", total.dropped),
        ("clock steps", total.clock_steps),
        ("suspends", total.suspends),
        ("hostile messages", total.hostile),
        ("full sockets", total.blocked),
        ("layout changes", total.layouts),
        ("layouts told as a difference", total.changes),
        ("outages named", total.outages),
        ("restarts", total.restarts),
        ("reboots", total.reboots),
        ("ring files written", total.writes),
        ("samples lost in a power cut", total.cut),
        ("earlier runs delivered", total.runs_done),
    ] {
        assert!(count > SEEDS / 10, "too few {what}: {total:?}");
    }
}
