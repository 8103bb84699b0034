//! Time since boot: /proc/uptime, which lxcfs makes right inside a container.
//!
//! Where that file agrees with the kernel's clock, as it does on every machine
//! without lxcfs, the clock is used from then on: it costs no read.

use super::collector::{Collector, Context};
use super::text::{Words, first_line, fixed, times};
use crate::root::{KeptFile, Root, Shape};
use crate::sample::Slot;

pub fn parse_uptime(bytes: &[u8]) -> Option<i64> {
    times(fixed(Words(first_line(bytes)?).next()?, 2), 10)
}

/// The file is written in steps of 10 ms, and so is the series.
const STEP_MS: i64 = 10;
/// File and clock are read a moment apart.
const AGREE_MS: i64 = 500;

pub struct Uptime {
    file: KeptFile,
    is_host: bool,
    /// Whether the file was found to be the clock's time.
    by_clock: bool,
    slot: Option<Slot>,
}

impl Uptime {
    pub fn new(root: &Root) -> Self {
        Self {
            file: KeptFile::new(root.proc("uptime"), Shape::Whole),
            is_host: root.is_host(),
            by_clock: false,
            slot: None,
        }
    }
}

impl Collector for Uptime {
    fn collect(&mut self, context: &mut Context<'_>) {
        let sample = &mut *context.sample;
        let clock_ms = sample.boot_ms() / STEP_MS * STEP_MS;
        let uptime_ms = if self.by_clock {
            Some(clock_ms)
        } else {
            let Some(bytes) = self.file.read(context.buffer) else {
                return;
            };
            let uptime_ms = parse_uptime(bytes);
            if uptime_ms.is_none() {
                self.file.complain();
            }
            self.by_clock = self.is_host
                && uptime_ms
                    .is_some_and(|uptime_ms| (0..AGREE_MS).contains(&(uptime_ms - clock_ms)));
            uptime_ms
        };
        let slot = self
            .slot
            .get_or_insert_with(|| sample.slot("system.uptime_ms", &[]));
        sample.set(slot, uptime_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_or_nothing() {
        assert_eq!(parse_uptime(b"35207.06 68000.11\n"), Some(35_207_060));
        for bytes in [
            &b""[..],
            b"\n",
            b"12.5\n",
            b"-1.00 2.00\n",
            b"nan\n",
            b"12.34",
        ] {
            assert_eq!(parse_uptime(bytes), None, "{bytes:?}");
        }
    }
}
