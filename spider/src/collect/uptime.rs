//! Time since boot: /proc/uptime, which lxcfs makes right inside a container.

use super::text::{Words, first_line, fixed, times};
use super::{Collector, Context};
use crate::root::{KeptFile, Root, Shape};
use crate::sample::Slot;

pub fn parse_uptime(bytes: &[u8]) -> Option<i64> {
    times(fixed(Words(first_line(bytes)?).next()?, 2), 10)
}

pub struct Uptime {
    file: KeptFile,
    slot: Option<Slot>,
}

impl Uptime {
    pub fn new(root: &Root) -> Self {
        Self {
            file: KeptFile::new(root.proc("uptime"), Shape::Whole),
            slot: None,
        }
    }
}

impl Collector for Uptime {
    fn collect(&mut self, context: &mut Context<'_>) {
        let Some(bytes) = self.file.read(context.buffer) else {
            return;
        };
        let sample = &mut *context.sample;
        let slot = self
            .slot
            .get_or_insert_with(|| sample.slot("system.uptime_ms", &[]));
        sample.set(slot, parse_uptime(bytes));
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
