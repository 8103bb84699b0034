//! What /proc/meminfo says. Pure.

use crate::collect::text::{Words, find, lines, times};

pub const FIELDS: [(&[u8], &str); 9] = [
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
pub const KIB: i64 = 1024;

/// Places in [`FIELDS`].
pub const TOTAL: usize = 0;
pub const FREE: usize = 1;
pub const AVAILABLE: usize = 2;
pub const BUFFERS: usize = 3;
pub const CACHED: usize = 4;
pub const ACTIVE: usize = 5;
pub const INACTIVE: usize = 6;
pub const SWAP_TOTAL: usize = 7;
pub const SWAP_FREE: usize = 8;

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

/// What kernels tell that have no MemAvailable, and what was told of too much.
/// None of what is said to be free or available is more than the total.
pub fn complete(memory: &mut Memory, meminfo: &[u8]) {
    let total = memory[TOTAL];
    for (part, whole) in [(FREE, total), (SWAP_FREE, memory[SWAP_TOTAL])] {
        memory[part] = memory[part].map(|value| value.min(whole.unwrap_or(value)));
    }
    let is_believable =
        memory[AVAILABLE].is_some() && (total.is_none() || memory[AVAILABLE] <= total);
    if is_believable {
        return;
    }
    let field = |name: &[u8]| {
        let value = lines(meminfo).find_map(|line| line.strip_prefix(name));
        times(value.and_then(|rest| Words(rest).number()), KIB).unwrap_or(0)
    };
    memory[AVAILABLE] = memory[FREE].zip(memory[CACHED]).map(|(free, cached)| {
        // Shared memory is counted as cached and can't be dropped.
        let cached = cached.saturating_sub(field(b"Shmem:")).max(0);
        let dropped = cached
            .saturating_add(memory[BUFFERS].unwrap_or(0))
            .saturating_add(field(b"SReclaimable:"));
        free.saturating_add(dropped).min(total.unwrap_or(i64::MAX))
    });
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
    fn what_is_available_is_told_by_every_kernel_and_is_never_more_than_there_is() {
        let of = |text: &str| {
            let mut memory = parse_meminfo(text.as_bytes());
            complete(&mut memory, text.as_bytes());
            [memory[FREE], memory[AVAILABLE], memory[SWAP_FREE]].map(|n| n.map(|n| n / KIB))
        };
        let old = "MemTotal: 1000 kB\nMemFree: 50 kB\nBuffers: 100 kB\nCached: 700 kB\n\
            Shmem: 300 kB\nSReclaimable: 40 kB\nSwapTotal: 10 kB\nSwapFree: 12 kB\n";
        assert_eq!(of(old), [Some(50), Some(590), Some(10)]);
        let host = "MemTotal: 1000 kB\nMemFree: 50 kB\nMemAvailable: 9000 kB\nCached: 400 kB\n";
        assert_eq!(of(host), [Some(50), Some(450), None]);
        let more = "MemTotal: 100 kB\nMemFree: 200 kB\nCached: 4000000000000000 kB\n";
        assert_eq!(of(more), [Some(100), Some(100), None]);
        let plain = "MemTotal: 1000 kB\nMemFree: 50 kB\nMemAvailable: 70 kB\nCached: 400 kB\n";
        assert_eq!(of(plain), [Some(50), Some(70), None]);
        assert_eq!(of("MemTotal: 1000 kB\n"), [None; 3]);
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
