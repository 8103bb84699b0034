//! What Ground Control counts about itself, for `/metrics`.
//!
//! The gate's thread publishes its figures a few times a second; API workers
//! read them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use stardust_shared::Kind;

#[derive(Default)]
pub struct Stats {
    start_ms: i64,
    pub connections: AtomicI64,
    pub connections_max: AtomicI64,
    pub spiders: AtomicI64,
    pub capsules: AtomicI64,
    pub samples: AtomicU64,
    pub refused: AtomicU64,
    pub pending_bytes: AtomicI64,
    pub commits: AtomicU64,
    pub commit_us: AtomicU64,
    /// 1 while samples can't be committed.
    pub failing: AtomicI64,
    pub turns: AtomicU64,
    /// Held by the one scraper that is served.
    pub scraping: Mutex<()>,
}

/// A figure: name, kind, help, value, divisor.
pub type Put<'a> = dyn FnMut(&str, Kind, &str, i64, i64) + 'a;

impl Stats {
    pub fn new(start_ms: i64) -> Self {
        Self {
            start_ms,
            ..Self::default()
        }
    }

    pub fn start_ms(&self) -> i64 {
        self.start_ms
    }

    pub fn put(&self, put: &mut Put<'_>) {
        let mut gauge = |name: &str, help: &str, value: &AtomicI64| {
            put(name, Kind::Gauge, help, value.load(Relaxed), 1);
        };
        gauge(
            "stardust_connections",
            "Connections of all kinds.",
            &self.connections,
        );
        gauge(
            "stardust_connections_max",
            "Connections that may be open.",
            &self.connections_max,
        );
        gauge(
            "stardust_spiders",
            "Spiders that are connected.",
            &self.spiders,
        );
        gauge("stardust_capsules", "Open Capsules.", &self.capsules);
        gauge(
            "stardust_history_pending_bytes",
            "Samples that wait to be committed.",
            &self.pending_bytes,
        );
        gauge(
            "stardust_history_failing",
            "Whether samples can not be committed at the moment.",
            &self.failing,
        );
        let mut counter = |name: &str, help: &str, value: &AtomicU64, divisor: i64| {
            let value = i64::try_from(value.load(Relaxed)).unwrap_or(i64::MAX);
            put(name, Kind::Counter, help, value, divisor);
        };
        counter(
            "stardust_samples_total",
            "Samples that Spiders delivered.",
            &self.samples,
            1,
        );
        counter(
            "stardust_refused_total",
            "Requests that the gate refused by itself.",
            &self.refused,
            1,
        );
        counter(
            "stardust_history_commits_total",
            "Commits.",
            &self.commits,
            1,
        );
        counter(
            "stardust_history_commit_seconds_total",
            "Time from a batch's way to the disk until it was there.",
            &self.commit_us,
            1_000_000,
        );
        counter(
            "stardust_gate_turns_total",
            "Turns of the gate's loop.",
            &self.turns,
            1,
        );
    }
}
