//! When batches go to the history writer, and what comes back.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::core::Core;
use crate::history::{Command, Committed, Outcome};
use crate::stats::Stats;

/// Pending samples that are committed before their time has come, in bytes.
const COMMIT_EARLY_BYTES: usize = 8 << 20;

pub struct Commits {
    writer: Sender<Command>,
    interval: Duration,
    next: Instant,
    /// A batch is with the writer: one at a time, so that acknowledgements stay in order.
    outstanding: bool,
    sent: Instant,
    done: u64,
    spent: Duration,
    failing: bool,
}

impl Commits {
    pub fn new(writer: Sender<Command>, interval: Duration, now: Instant) -> Self {
        Self {
            writer,
            interval,
            next: now + interval,
            outstanding: false,
            sent: now,
            done: 0,
            spent: Duration::ZERO,
            failing: false,
        }
    }

    pub fn due(&self) -> Instant {
        self.next
    }

    /// The next batch goes without waiting for its time.
    pub fn now(&mut self) {
        self.next = Instant::now();
    }

    /// The node was removed: its samples on disk go too.
    pub fn forget(&self, node: i64) {
        // Fails only when the writer is gone, and then nothing is stored any more.
        let _ = self.writer.send(Command::Forget(node));
    }

    pub fn tick(&mut self, core: &mut Core) {
        let early =
            !self.outstanding && core.telemetry.intakes.pending_bytes() > COMMIT_EARLY_BYTES;
        if core.turn.now < self.next && !early {
            return;
        }
        self.next = core.turn.now + self.interval;
        if self.outstanding {
            return;
        }
        if let Some(batch) = core.telemetry.intakes.seal() {
            // A batch that nobody takes is never acknowledged: the Spiders keep it.
            self.outstanding = true;
            self.sent = core.turn.now;
            if self.writer.send(Command::Commit(batch)).is_err() {
                crate::log::error("history: the writer has ended; nothing is stored any more");
            }
        }
    }

    /// Answers what is to be acknowledged.
    pub fn outcome(&mut self, outcome: Outcome, core: &mut Core) -> Vec<Committed> {
        match outcome {
            Outcome::Committed(committed) => {
                self.outstanding = false;
                self.failing = false;
                self.done += 1;
                self.spent += core.turn.now - self.sent;
                core.telemetry.intakes.committed(&committed);
                committed
            }
            Outcome::Failing(_) => {
                self.failing = true;
                Vec::new()
            }
        }
    }

    pub fn publish(&self, health: &Stats) {
        use std::sync::atomic::Ordering::Relaxed;
        health.commits.store(self.done, Relaxed);
        let spent_us = u64::try_from(self.spent.as_micros()).unwrap_or(u64::MAX);
        health.commit_us.store(spent_us, Relaxed);
        health.failing.store(i64::from(self.failing), Relaxed);
    }

    /// Nothing waits to be committed.
    pub fn is_idle(&self, core: &Core) -> bool {
        !self.outstanding && core.telemetry.intakes.pending_bytes() == 0
    }
}
