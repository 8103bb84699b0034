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
//! A container that sees the groups of the whole machine (`--cgroupns=host`) is at
//! the path that /proc/self/cgroup says, and is bound by the groups above as well:
//! the smallest limit is the one that counts. Where it has a process 1 of its own,
//! the path is that one's, since the Spider's own group may be a smaller one.
//!
//! A machine's own root group has no limit, so nothing changes there. A limit
//! on the Spider's service alone is further down and not looked at.

use super::meminfo::{
    ACTIVE, AVAILABLE, BUFFERS, CACHED, FREE, INACTIVE, Memory, SWAP_FREE, SWAP_TOTAL, TOTAL,
};
use crate::collect::text::{Words, lines, number, trim};
use crate::identify::container;
use crate::root::{Buffer, KeptFile, Root, read_small};

/// Limits are changed seldom.
const LIMIT_SAMPLES: u16 = 60;
/// Groups in groups that are looked at.
const DEPTH_MAX: usize = 12;

/// How a version of control groups tells memory.
struct Version {
    /// Where groups are mounted, and what names them in /proc/self/cgroup.
    folder: &'static str,
    controller: &'static [u8],
    files: [&'static str; 3],
    /// What the lines of `memory.stat` begin with that count the groups below as
    /// well, and the name of file pages there.
    prefix: &'static [u8],
    file: &'static [u8],
}

const V1_FILES: [&str; 3] = [
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "memory.stat",
];
const V2: usize = 0;

/// Version 2, then version 1.
const VERSIONS: [Version; 2] = [
    Version {
        folder: "fs/cgroup",
        controller: b"",
        files: ["memory.max", "memory.current", "memory.stat"],
        prefix: b"",
        file: b"file",
    },
    Version {
        folder: "fs/cgroup/memory",
        controller: b"memory",
        files: V1_FILES,
        prefix: b"total_",
        file: b"cache",
    },
];

/// The files of one group.
struct Group {
    version: usize,
    files: [KeptFile; 3],
    /// `memory.swap.max` and `memory.swap.current` of version 2.
    swap: [KeptFile; 2],
}

impl Group {
    fn new(root: &Root, version: usize, path: &str) -> Self {
        let folder = root.sys(VERSIONS[version].folder);
        let folder = folder.join(path.trim_start_matches('/'));
        let kept = |name: &str| KeptFile::quiet(folder.join(name));
        Self {
            version,
            files: VERSIONS[version].files.map(kept),
            swap: ["memory.swap.max", "memory.swap.current"].map(kept),
        }
    }
}

/// The group's path by the lines of /proc/*/cgroup, `number:controllers:path`.
pub fn parse_cgroup<'a>(bytes: &'a [u8], controller: &[u8]) -> Option<&'a str> {
    lines(bytes).find_map(|line| {
        let mut parts = line.splitn(3, |&b| b == b':');
        let number = parts.next()?;
        let mut controllers = parts.next()?.split(|&b| b == b',');
        let is_it = match controller {
            b"" => number == b"0",
            _ => controllers.any(|name| name == controller),
        };
        let path = std::str::from_utf8(parts.next()?).ok()?;
        let is_plain = path.starts_with('/') && !path.split('/').any(|part| part == "..");
        (is_it && is_plain).then_some(path)
    })
}

/// The path's group and those above it, the first group of all left out.
fn with_parents(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_end_matches('/');
    std::iter::successors(Some(path), |path| {
        path.rsplit_once('/').map(|(above, _)| above)
    })
    .filter(|path| !path.is_empty())
    .take(DEPTH_MAX)
}

fn groups(root: &Root) -> Vec<Group> {
    let mut groups: Vec<Group> = (0..VERSIONS.len())
        .map(|version| Group::new(root, version, ""))
        .collect();
    // What binds a service of a machine is not the machine's.
    if container(root).is_none() {
        return groups;
    }
    let cgroup =
        read_small(&root.proc("1/cgroup")).or_else(|| read_small(&root.proc("self/cgroup")));
    let cgroup = cgroup.unwrap_or_default();
    for (version, Version { controller, .. }) in VERSIONS.iter().enumerate() {
        let Some(path) = parse_cgroup(&cgroup, controller) else {
            continue;
        };
        groups.extend(with_parents(path).map(|path| Group::new(root, version, path)));
    }
    groups
}

pub struct Limit {
    groups: Vec<Group>,
    /// Which group sets the limit, and the limit.
    found: Option<(usize, i64)>,
    wait: u16,
}

impl Limit {
    pub fn new(root: &Root) -> Self {
        Self {
            groups: groups(root),
            found: None,
            wait: 0,
        }
    }

    /// Puts what the container has in place of what its machine has.
    pub fn apply(&mut self, memory: &mut Memory, buffer: &mut Buffer) {
        if self.wait == 0 {
            self.wait = LIMIT_SAMPLES;
            self.found = None;
            for (index, Group { files, .. }) in self.groups.iter_mut().enumerate() {
                let limit = one_number(&mut files[0], buffer);
                if let Some(bytes) = limit.filter(|&n| self.found.is_none_or(|(_, m)| n < m)) {
                    self.found = Some((index, bytes));
                }
            }
        }
        self.wait -= 1;
        let Some((index, limit)) = self.found.filter(|&(_, n)| Some(n) < memory[TOTAL]) else {
            return;
        };
        let host = *memory;
        *memory = Memory::default();
        memory[TOTAL] = Some(limit);
        let group = &mut self.groups[index];
        let version = &VERSIONS[group.version];
        let [_, used, stat] = &mut group.files;
        let free = one_number(used, buffer).map(|used| (limit - used).max(0));
        memory[FREE] = at_most(free, host[FREE]);
        let mut found = Stat::default();
        if let Some(bytes) = stat.read(buffer) {
            found = parse_stat(bytes, version.prefix, version.file);
            memory[CACHED] = found.cached;
            memory[ACTIVE] = found.active;
            memory[INACTIVE] = found.inactive;
        }
        let available = free.zip(found.reclaimable);
        let available = available.map(|(free, more)| free.saturating_add(more).min(limit));
        memory[AVAILABLE] = at_most(available, host[AVAILABLE]);
        memory[BUFFERS] = None;
        if group.version == V2 {
            let [max, current] = &mut group.swap;
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
            // What begins with a slash is no file of a group.
            let path = match path.strip_prefix('/') {
                Some(path) => dir.join(path),
                None => dir.join("sys/fs/cgroup").join(path),
            };
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
    fn a_container_among_the_groups_of_its_machine() {
        let slice = "system.slice/docker-1.scope";
        let file = |name: &str| format!("{slice}/{name}");
        let (max, current) = (file("memory.max"), file("memory.current"));
        let group = format!("0::/{slice}\n");
        let mut files = vec![
            ("/.dockerenv", ""),
            ("/proc/self/cgroup", &group),
            (&max, "819200\n"),
            (&current, "716800\n"),
        ];
        let total_and_free =
            |memory: Memory| [memory[TOTAL], memory[FREE]].map(|n| n.map(|n| n / KIB));
        assert_eq!(total_and_free(of("deep", &files)), [Some(800), Some(100)]);
        // A smaller limit above it, which others have a part in.
        files.push(("system.slice/memory.max", "409600\n"));
        files.push(("system.slice/memory.current", "399360\n"));
        assert_eq!(total_and_free(of("above", &files)), [Some(400), Some(10)]);
        // A service within the container is not the container.
        files.push(("/proc/1/cgroup", "0::/\n"));
        assert_eq!(of("service", &files), host());
        // And a machine's service not the machine.
        files.retain(|(path, _)| *path != "/.dockerenv" && *path != "/proc/1/cgroup");
        assert_eq!(of("machine", &files), host());
        let v1 = [
            ("/.dockerenv", ""),
            (
                "/proc/self/cgroup",
                "4:cpu,memory:/docker/1\n1:name=systemd:/x\n",
            ),
            ("memory/docker/1/memory.limit_in_bytes", "204800\n"),
        ];
        assert_eq!(of("v1-deep", &v1)[TOTAL], Some(200 * KIB));
    }

    #[test]
    fn paths_of_groups() {
        assert_eq!(parse_cgroup(b"0::/a/b\n", b""), Some("/a/b"));
        assert_eq!(
            parse_cgroup(b"3:cpu:/x\n2:memory:/y\n", b"memory"),
            Some("/y")
        );
        for bytes in [
            &b"0::/../../a\n"[..],
            b"0::a\n",
            b"0:\n",
            b"1::/a\n",
            b"0::/\xff\n",
            b"0::/a",
        ] {
            assert_eq!(parse_cgroup(bytes, b""), None, "{bytes:?}");
        }
        let all: Vec<&str> = with_parents("/a/b/c").collect();
        assert_eq!(all, ["/a/b/c", "/a/b", "/a"]);
        assert_eq!(with_parents("/").count(), 0);
        assert_eq!(with_parents(&"/x".repeat(99)).count(), DEPTH_MAX);
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
