//! Memory and swap: /proc/meminfo.
//!
//! Kernels before 3.14 don't tell MemAvailable; then it is absent, not guessed.

use super::text::{Words, find, lines, times};
use super::{Collector, Context};
use crate::root::{KeptFile, Root, Shape};
use crate::sample::Slot;

const FIELDS: [(&[u8], &str); 9] = [
    (b"MemTotal", "mem.total_bytes"),
    (b"MemFree", "mem.free_bytes"),
    (b"MemAvailable", "mem.available_bytes"),
    (b"Buffers", "mem.buffers_bytes"),
    (b"Cached", "mem.cached_bytes"),
    (b"Active", "mem.active_bytes"),
    (b"Inactive", "mem.inactive_bytes"),
    (b"SwapTotal", "swap.total_bytes"),
    (b"SwapFree", "swap.free_bytes"),
];
const KIB: i64 = 1024;

/// Bytes, in the order of [`FIELDS`].
pub type Memory = [Option<i64>; FIELDS.len()];

pub fn parse_meminfo(bytes: &[u8]) -> Memory {
    let mut memory: Memory = [None; FIELDS.len()];
    let mut missing = FIELDS.len();
    for line in lines(bytes) {
        let Some(colon) = find(line, b':') else {
            continue;
        };
        let (name, rest) = (&line[..colon], &line[colon + 1..]);
        let Some(index) = FIELDS.iter().position(|(field, _)| *field == name) else {
            continue;
        };
        if memory[index].is_none() {
            memory[index] = times(Words(rest).number(), KIB);
            missing -= 1;
            if missing == 0 {
                break;
            }
        }
    }
    memory
}

pub struct MemoryCollector {
    file: KeptFile,
    slots: [Option<Slot>; FIELDS.len()],
}

impl MemoryCollector {
    pub fn new(root: &Root) -> Self {
        Self {
            file: KeptFile::new(root.proc("meminfo"), Shape::Whole),
            slots: Default::default(),
        }
    }
}

impl Collector for MemoryCollector {
    fn collect(&mut self, context: &mut Context<'_>) {
        let Some(bytes) = self.file.read(context.buffer) else {
            return;
        };
        let sample = &mut *context.sample;
        let memory = parse_meminfo(bytes);
        if memory == [None; FIELDS.len()] {
            self.file.complain();
        }
        for ((slot, (_, name)), value) in self.slots.iter_mut().zip(FIELDS).zip(memory) {
            if value.is_some() {
                let slot = slot.get_or_insert_with(|| sample.slot(name, &[]));
                sample.set(slot, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bytes_and_prefixes_are_not_mistaken() {
        let memory = parse_meminfo(
            b"MemTotal:        1000 kB\nMemFree:  200 kB\nBuffers: 3 kB\nCached: 4 kB\n\
              SwapCached: 9 kB\nActive: 5 kB\nInactive: 6 kB\nActive(anon): 7 kB\n\
              SwapTotal: 0 kB\nSwapFree: 0 kB\n",
        );
        let kib = |n: i64| Some(n * 1024);
        assert_eq!(
            memory,
            [
                kib(1000),
                kib(200),
                None,
                kib(3),
                kib(4),
                kib(5),
                kib(6),
                kib(0),
                kib(0)
            ]
        );
    }

    #[test]
    fn hostile_values_are_absent() {
        let memory = parse_meminfo(
            b"MemTotal: -1 kB\nMemFree: 18446744073709551615 kB\nMemAvailable:\nCached 5 kB\n\
              Active: 9007199254740992 kB\n\xff\xfe: 3\n:\n\nSwapTotal: 12",
        );
        assert_eq!(memory, [None; 9]);
        assert_eq!(parse_meminfo(b""), [None; 9]);
    }
}
