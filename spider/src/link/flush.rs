//! When the ring file is written. Pure: the time and the link come in, tasks come out.
//!
//! Flash is spared: while the server acknowledges, nothing is ever written. Every
//! half minute one look is taken, and only what has waited since the last look is
//! worth a file; that is written at most once a minute. So a power cut costs the
//! samples of the last minute at most.

use super::clocks::Clocks;
use super::link::Link;
use super::ring::Holding;

const LOOK_MS: i64 = 30_000;
pub const WRITE_MS_MIN: i64 = 60_000;

#[derive(Debug)]
pub struct FlushPolicy {
    bytes_max: usize,
    look_ms: i64,
    written_ms: Option<i64>,
    /// Newest sequence at the last look.
    mark_seq: u64,
    /// What the file holds; `None` when there is no file.
    holds: Option<Holding>,
    runs: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    Write(Vec<u8>),
    Remove,
}

impl FlushPolicy {
    /// `found`: the link was restored from a file.
    pub fn new(bytes_max: usize, now_ms: i64, found: bool, link: &Link) -> Self {
        let holding = link.holding();
        Self {
            bytes_max,
            look_ms: now_ms + LOOK_MS,
            written_ms: None,
            mark_seq: 0,
            holds: found.then_some(holding),
            runs: holding.runs,
        }
    }

    /// When [`Self::due`] has something to do.
    pub fn deadline_ms(&self) -> i64 {
        self.look_ms
    }

    /// What is to be done with the file now.
    pub fn due(&mut self, clocks: Clocks, link: &Link) -> Option<Task> {
        let now_ms = clocks.boot_ms;
        let holding = link.holding();
        // A run that was delivered whole leaves the file before the server, which
        // remembers few runs, can have forgotten it.
        let run_done = holding.runs < std::mem::replace(&mut self.runs, holding.runs);
        if now_ms < self.look_ms && !run_done {
            return None;
        }
        self.look_ms = now_ms + LOOK_MS;
        let waited = holding.oldest_seq != 0 && holding.oldest_seq <= self.mark_seq;
        self.mark_seq = link.ring().last_seq();
        if holding.runs == 0 && !waited {
            return self.holds.take().map(|_| Task::Remove);
        }
        let early = self.written_ms.is_some_and(|ms| now_ms - ms < WRITE_MS_MIN);
        if self.holds == Some(holding) || (early && !run_done) {
            return None;
        }
        Some(self.write(clocks, link, holding))
    }

    /// The same at the very end, whenever that is.
    pub fn last(&mut self, clocks: Clocks, link: &Link) -> Option<Task> {
        let holding = link.holding();
        if self.holds == Some(holding) {
            return None;
        }
        if holding.runs == 0 && holding.oldest_seq == 0 {
            return self.holds.take().map(|_| Task::Remove);
        }
        Some(self.write(clocks, link, holding))
    }

    /// The last task failed: the file is what it was before, and tried again.
    pub fn failed(&mut self) {
        self.holds = Some(Holding {
            runs: usize::MAX,
            ..Holding::default()
        });
    }

    fn write(&mut self, clocks: Clocks, link: &Link, holding: Holding) -> Task {
        self.written_ms = Some(clocks.boot_ms);
        match link.save(self.bytes_max, clocks) {
            Some(file) => {
                self.holds = Some(holding);
                Task::Write(file)
            }
            // Nothing fits the bound.
            None => {
                self.holds = None;
                Task::Remove
            }
        }
    }
}
