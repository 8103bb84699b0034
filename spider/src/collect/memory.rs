//! Memory and swap: /proc/meminfo.
//!
//! Kernels before 3.14 don't tell MemAvailable; then it is absent, not guessed.
//! What a container with a limit of its own has is told in [`limit`].

mod limit;

use super::text::{Words, find, lines, times};
use super::{Collector, Context};
use crate::root::{Buffer, KeptFile, Root, Shape, read_small};
use crate::sample::Slot;
use limit::Limit;

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

/// Places in [`FIELDS`].
const TOTAL: usize = 0;
const FREE: usize = 1;
const AVAILABLE: usize = 2;
const BUFFERS: usize = 3;
const CACHED: usize = 4;
const ACTIVE: usize = 5;
const INACTIVE: usize = 6;
const SWAP_TOTAL: usize = 7;
const SWAP_FREE: usize = 8;

/// Bytes, in the order of [`FIELDS`].
pub type Memory = [Option<i64>; FIELDS.len()];

pub fn parse_meminfo(bytes: &[u8]) -> Memory {
    let mut memory: Memory = [None; FIELDS.len()];
    let mut missing = FIELDS.len();
    // The kernel's order is the one of `FIELDS`, so the next one is tried first.
    let mut next = 0;
    for line in lines(bytes) {
        let Some(colon) = find(line, b':') else {
            continue;
        };
        let (name, rest) = (&line[..colon], &line[colon + 1..]);
        let is = |(field, _): &(&[u8], &str)| *field == name;
        let index = match FIELDS.get(next).is_some_and(is) {
            true => next,
            false => match FIELDS.iter().position(is) {
                Some(index) => index,
                None => continue,
            },
        };
        next = index + 1;
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

/// Memory that the machine, or the container, may use at most.
pub fn total_bytes(root: &Root) -> Option<i64> {
    let mut memory = parse_meminfo(&read_small(&root.proc("meminfo"))?);
    Limit::new(root).apply(&mut memory, &mut Buffer::default());
    memory[TOTAL]
}

pub struct MemoryCollector {
    file: KeptFile,
    limit: Limit,
    slots: [Option<Slot>; FIELDS.len()],
}

impl MemoryCollector {
    pub fn new(root: &Root) -> Self {
        Self {
            file: KeptFile::new(root.proc("meminfo"), Shape::Whole),
            limit: Limit::new(root),
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
        let mut memory = parse_meminfo(bytes);
        if memory == [None; FIELDS.len()] {
            self.file.complain();
        }
        self.limit.apply(&mut memory, context.buffer);
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
