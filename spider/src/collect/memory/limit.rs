//! The memory of a container that may not use all of its machine's.
//!
//! /proc/meminfo is the whole machine's unless lxcfs stands in front of it.
//! Where the control group that is mounted as the container's own has a limit
//! below MemTotal, that limit is the total here, and what else is told is of the
//! group: free is what the limit leaves, available adds the file pages and slabs
//! that can be dropped; neither is more than the machine itself has left.
//! Buffers are not counted by groups and absent, and so is swap in version 1,
//! where it is limited only together with memory.
//!
//! A machine's own root group has no limit, so nothing changes there. A limit
//! on the Spider's service alone is further down and not looked at.

use super::{
    ACTIVE, AVAILABLE, BUFFERS, CACHED, FREE, INACTIVE, Memory, SWAP_FREE, SWAP_TOTAL, TOTAL,
};
use crate::collect::text::{Words, lines, number, trim};
use crate::root::{Buffer, KeptFile, Root};

/// Limits are changed seldom.
const LIMIT_SAMPLES: u16 = 60;

/// The folder, the files in it, what the lines of `memory.stat` begin with that
/// count the groups below as well, and the name of file pages there.
type Version = (
    &'static str,
    [&'static str; 3],
    &'static [u8],
    &'static [u8],
);

/// Version 2, then version 1.
const VERSIONS: [Version; 2] = [
    (
        "fs/cgroup/",
        ["memory.max", "memory.current", "memory.stat"],
        b"",
        b"file",
    ),
    (
        "fs/cgroup/memory/",
        [
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "memory.stat",
        ],
        b"total_",
        b"cache",
    ),
];

pub struct Limit {
    groups: [[KeptFile; 3]; 2],
    /// `memory.swap.max` and `memory.swap.current` of version 2.
    swap: [KeptFile; 2],
    /// Which version sets a limit, and the limit.
    found: Option<(usize, i64)>,
    wait: u16,
}

impl Limit {
    pub fn new(root: &Root) -> Self {
        let kept = |folder: &str, name: &str| KeptFile::quiet(root.sys(&[folder, name].concat()));
        Self {
            groups: VERSIONS.map(|(folder, names, ..)| names.map(|name| kept(folder, name))),
            swap: ["memory.swap.max", "memory.swap.current"].map(|name| kept(VERSIONS[0].0, name)),
            found: None,
            wait: 0,
        }
    }

    /// Puts what the container has in place of what its machine has.
    pub fn apply(&mut self, memory: &mut Memory, buffer: &mut Buffer) {
        if self.wait == 0 {
            self.wait = LIMIT_SAMPLES;
            self.found = None;
            for (version, [limit, ..]) in self.groups.iter_mut().enumerate() {
                if let Some(bytes) = one_number(limit, buffer) {
                    self.found = Some((version, bytes));
                    break;
                }
            }
        }
        self.wait -= 1;
        let Some((version, limit)) = self.found.filter(|&(_, n)| Some(n) < memory[TOTAL]) else {
            return;
        };
        let host = *memory;
        *memory = Memory::default();
        memory[TOTAL] = Some(limit);
        let [_, used, stat] = &mut self.groups[version];
        let free = one_number(used, buffer).map(|used| (limit - used).max(0));
        memory[FREE] = at_most(free, host[FREE]);
        let mut found = Stat::default();
        if let Some(bytes) = stat.read(buffer) {
            let (.., prefix, file) = VERSIONS[version];
            found = parse_stat(bytes, prefix, file);
            memory[CACHED] = found.cached;
            memory[ACTIVE] = found.active;
            memory[INACTIVE] = found.inactive;
        }
        let available = free.zip(found.reclaimable);
        let available = available.map(|(free, more)| free.saturating_add(more).min(limit));
        memory[AVAILABLE] = at_most(available, host[AVAILABLE]);
        memory[BUFFERS] = None;
        if version == 0 {
            let [max, current] = &mut self.swap;
            // `max` in words: as much as the machine has.
            let max = one_number(max, buffer).unwrap_or(i64::MAX);
            memory[SWAP_TOTAL] = host[SWAP_TOTAL].map(|total| total.min(max));
            let used = one_number(current, buffer);
            let free = memory[SWAP_TOTAL].zip(used);
            let free = free.map(|(total, used)| (total - used).max(0));
            memory[SWAP_FREE] = at_most(free, host[SWAP_FREE]);
        }
    }
}

fn at_most(value: Option<i64>, bound: Option<i64>) -> Option<i64> {
    value.map(|value| value.min(bound.unwrap_or(value)))
}

fn one_number(file: &mut KeptFile, buffer: &mut Buffer) -> Option<i64> {
    number(trim(file.read(buffer)?))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Stat {
    cached: Option<i64>,
    active: Option<i64>,
    inactive: Option<i64>,
    /// File pages and slabs that can be dropped.
    reclaimable: Option<i64>,
}

fn parse_stat(bytes: &[u8], prefix: &[u8], file: &[u8]) -> Stat {
    let mut stat = Stat::default();
    for line in lines(bytes) {
        let mut words = Words(line);
        let name = words.next().and_then(|name| name.strip_prefix(prefix));
        let (Some(name), Some(value)) = (name, words.number()) else {
            continue;
        };
        let add = |to: &mut Option<i64>| *to = to.unwrap_or(0).checked_add(value);
        match name {
            b"active_anon" | b"active_file" => add(&mut stat.active),
            b"inactive_anon" | b"inactive_file" => add(&mut stat.inactive),
            _ if name == file => stat.cached = Some(value),
            _ => {}
        }
        if matches!(
            name,
            b"active_file" | b"inactive_file" | b"slab_reclaimable"
        ) {
            add(&mut stat.reclaimable);
        }
    }
    stat
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const KIB: i64 = 1024;

    /// 1000, 100 and 500 KiB of memory, and 40 of swap.
    fn host() -> Memory {
        [1000, 100, 500, 10, 400, 300, 350, 40, 30].map(|n| Some(n * KIB))
    }

    fn of(name: &str, files: &[(&str, &str)]) -> Memory {
        let dir = std::env::temp_dir().join(format!("spider-limit-{}-{name}", std::process::id()));
        for (path, text) in files {
            let path = dir.join("sys/fs/cgroup").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut memory = host();
        let mut limit = Limit::new(&Root::new(&dir));
        limit.apply(&mut memory, &mut Buffer::default());
        let _ = fs::remove_dir_all(dir);
        memory
    }

    #[test]
    fn a_limit_of_version_1() {
        let stat = "cache 1\nactive_file 7\ntotal_cache 30720\ntotal_inactive_anon 1024\n\
            total_active_anon 2048\ntotal_inactive_file 4096\ntotal_active_file 8192\n";
        let got = of(
            "v1",
            &[
                ("memory/memory.limit_in_bytes", "204800\n"),
                ("memory/memory.usage_in_bytes", "153600\n"),
                ("memory/memory.stat", stat),
            ],
        );
        let expected = [200, 50, 62, -1, 30, 10, 5, -1, -1];
        assert_eq!(got, expected.map(|n| (n >= 0).then_some(n * KIB)));
    }

    #[test]
    fn what_the_machine_has_left_bounds_what_the_container_may_use() {
        let stat = "file 1024\ninactive_file 1024\nslab_reclaimable 409600\n";
        let got = of(
            "v2",
            &[
                ("memory.max", "819200\n"),
                ("memory.current", "102400\n"),
                ("memory.stat", stat),
                ("memory.swap.max", "max\n"),
                ("memory.swap.current", "4096\n"),
            ],
        );
        let expected = [800, 100, 500, -1, 1, -1, 1, 40, 30];
        assert_eq!(got, expected.map(|n| (n >= 0).then_some(n * KIB)));
    }

    #[test]
    fn no_limit_or_one_that_binds_nothing() {
        let unlimited = "9223372036854771712\n";
        for (number, files) in [
            &[][..],
            &[("memory.max", "max\n")],
            &[("memory.max", "1024000\n")],
            &[("memory.max", "-1\n")],
            &[("memory/memory.limit_in_bytes", unlimited)],
        ]
        .iter()
        .enumerate()
        {
            assert_eq!(of(&format!("none{number}"), files), host());
        }
        // A limit alone is no more than that.
        let got = of("alone", &[("memory.max", "1024\n")]);
        assert_eq!(got[TOTAL], Some(KIB));
        assert_eq!(got[FREE..=BUFFERS], [None; 3]);
    }
}
