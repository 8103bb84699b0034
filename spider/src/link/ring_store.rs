//! Keeps the ring file as [`super::flush`] says, and tells the operator of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mio::Waker;

use super::clocks::Clocks;
use super::flush::FlushPolicy;
use super::link::Link;
use super::log::log;
use super::report::REPEAT_MS;
use super::ring_file::RingFile;

/// For the last write: init systems kill what takes much longer to end.
const LAST_WRITE_MAX: Duration = Duration::from_secs(10);

pub struct RingStore {
    file: RingFile,
    flush: FlushPolicy,
    logged_ms: Option<i64>,
}

impl RingStore {
    /// Gives `link` what the file at `path` holds.
    pub fn open(path: PathBuf, bytes_max: usize, link: &mut Link, now: Clocks) -> Self {
        let file = RingFile::new(path);
        let found = file.load();
        if let Some(line) = found.line {
            log(&line);
        }
        let on_disk = !found.kept.is_empty();
        let (waiting, left_out) = link.restore(found.kept, now);
        if waiting > 0 {
            log(&format!(
                "{waiting} samples from before the start were kept and will be sent"
            ));
        }
        if left_out > 0 {
            log(&format!(
                "{left_out} samples from before the start are left out: the clock was not set when they were taken, and nobody can say when that was"
            ));
        }
        let mut ring_store = Self {
            file,
            flush: FlushPolicy::new(bytes_max, now.boot_ms, on_disk, link),
            logged_ms: None,
        };
        if let Err(line) = ring_store.file.check() {
            ring_store.failed(&line, now.boot_ms);
        }
        ring_store
    }

    pub fn deadline_ms(&self) -> i64 {
        self.flush.deadline_ms()
    }

    pub fn turn(&mut self, link: &Link, now: Clocks, waker: &Arc<Waker>) {
        if let Some(Err(line)) = self.file.take() {
            self.flush.failed();
            self.failed(&line, now.boot_ms);
        }
        if self.file.is_busy() {
            return;
        }
        if let Some(task) = self.flush.due(now, link)
            && let Err(line) = self.file.start(task, waker)
        {
            self.flush.failed();
            self.failed(&line, now.boot_ms);
        }
    }

    /// The process ends: what is not acknowledged goes to the file.
    pub fn finish(&mut self, link: &Link, now: Clocks, waker: &Arc<Waker>) {
        if self.file.wait(LAST_WRITE_MAX).is_err() {
            self.flush.failed();
        }
        let Some(task) = self.flush.last(now, link) else {
            return;
        };
        let written = self.file.start(task, waker);
        if let Err(line) = written.and_then(|()| self.file.wait(LAST_WRITE_MAX)) {
            log(&line);
        }
    }

    fn failed(&mut self, line: &str, now_ms: i64) {
        if self.logged_ms.is_none_or(|ms| now_ms - ms >= REPEAT_MS) {
            self.logged_ms = Some(now_ms);
            log(line);
        }
    }
}
