//! Which mounts are filesystems to report: /proc/self/mountinfo, judged.
//!
//! Left out are: what is not storage (proc, tmpfs, …); images that are always
//! full (squashfs of snaps, composefs, discs); overlays other than the root,
//! which are containers on storage that is counted already; second mounts of the
//! same filesystem (bind mounts, btrfs subvolumes) and second views of it
//! (ecryptfs); files that are mounted one by one; mounts that another one hides;
//! what a container manager shows of its own machine; and shares that an
//! automounter would take away if nobody asked for them.
//!
//! Where there are more than are told, the root and disks come first, then the
//! first dataset of each ZFS pool, what other machines answer for, and the rest
//! of the datasets.

mod kinds;
mod line;

use super::text::{find, lines, unescape_octal};
use line::{Line, Tree, is_below};

/// One mount that is reported.
#[derive(Debug, PartialEq, Eq)]
pub struct Mount {
    pub point: Vec<u8>,
    pub fs_type: Vec<u8>,
    /// Where it comes from: a device, a dataset, a share.
    pub source: Vec<u8>,
    /// The filesystem takes no writes.
    pub readonly: bool,
    pub answer: Answer,
}

/// How long a filesystem may keep whoever asks it waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has its figures in memory.
    AtOnce,
    /// Until its disk answers.
    Disk,
    /// Until another machine, the host or a process answers.
    Remote,
}

/// Files that container managers mount from the host into every container, and
/// those that people do.
const CONTAINER_FILES: &[&str] = &[
    "/.dockerenv",
    "/etc/group",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/localtime",
    "/etc/machine-id",
    "/etc/mtab",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/resolv.conf",
    "/etc/shadow",
    "/etc/timezone",
    "/run/.containerenv",
    "/usr/lib/os-release",
];
/// Where container managers put what belongs to the machine around the container
/// (systemd's container interface): its disk is not this one's.
const CONTAINER_HOST: &[u8] = b"/run/host";
/// What the hypervisor of WSL shows of its own.
const WSL_HOST: &[u8] = b"/usr/lib/wsl";
/// Where a part of a disk is mounted for the system's sake: of the same disk
/// any other place says better what it is for.
const SYSTEM_PLACES: &[&str] = &[
    "/dev", "/etc", "/gnu", "/lib", "/nix", "/proc", "/run", "/snap", "/sys", "/usr",
];
/// Block devices that are files: images, unless they take writes.
const LOOP_MAJOR: &[u8] = b"7:";

fn is_in_or_below(point: &[u8], places: &[&str]) -> bool {
    places
        .iter()
        .any(|place| point == place.as_bytes() || is_below(point, place.as_bytes()))
}

/// Always full, and nothing can be done about it.
fn is_image(line: &Line<'_>) -> bool {
    if kinds::is_image(line.fs_type) {
        return true;
    }
    if kinds::is_overlay(line.fs_type) || line.fs_type == b"udf" {
        return line.is_readonly();
    }
    // AppImages have a type of their own each.
    if line.fs_type.starts_with(b"fuse.") && line.is_readonly() {
        let is_of_app = line.point.starts_with(b"/tmp/.mount_");
        return is_of_app || line.source.ends_with(b".AppImage");
    }
    line.was_mounted_readonly()
        && (line.device.starts_with(LOOP_MAJOR) || is_below(line.point, b"/apex"))
}

/// What the names of files end in that people bind into containers.
const FILE_ENDINGS: &[&str] = &[
    "cfg",
    "cnf",
    "conf",
    "crt",
    "db",
    "env",
    "htpasswd",
    "ini",
    "js",
    "json",
    "key",
    "log",
    "lua",
    "pem",
    "php",
    "properties",
    "py",
    "sh",
    "sock",
    "sql",
    "toml",
    "txt",
    "xml",
    "yaml",
    "yml",
];

/// A file in place of a folder, by what its names look like.
fn looks_like_a_file(line: &Line<'_>) -> bool {
    let ending = |path: &[u8]| -> Option<usize> {
        let name = path.rsplit(|&b| b == b'/').next()?;
        let dot = name.iter().rposition(|&b| b == b'.')?;
        (dot > 0).then_some(name.len() - dot - 1)
    };
    let is_usual = || {
        ending(line.point).is_some_and(|bytes| {
            let end = &line.point[line.point.len() - bytes..];
            FILE_ENDINGS.iter().any(|known| known.as_bytes() == end)
        })
    };
    let is_short = |path| ending(path).is_some_and(|bytes| (1..=5).contains(&bytes));
    is_usual() || (is_short(line.root) && is_short(line.point))
}

fn answer(line: &Line<'_>, remote: &[&[u8]]) -> Answer {
    // What is below a share is reached through it.
    let through = |above: &&[u8]| is_below(line.point, above);
    if kinds::is_remote(line.fs_type) || remote.iter().any(through) {
        Answer::Remote
    } else if kinds::is_quick(line.fs_type) || line.point == b"/" {
        // Whatever runs this program has the root at hand.
        Answer::AtOnce
    } else {
        Answer::Disk
    }
}

fn is_reported(line: &Line<'_>, expiring: &[&[u8]]) -> bool {
    if is_image(line) {
        return false;
    }
    if line.point == b"/" {
        return line.fs_type != b"rootfs";
    }
    let is_file = CONTAINER_FILES.iter().any(|p| p.as_bytes() == line.point);
    let would_expire = || {
        let on = |place: &&[u8]| line.point == *place || is_below(line.point, place);
        kinds::is_remote(line.fs_type) && expiring.iter().any(on)
    };
    // A snapshot that somebody has looked into.
    let is_snapshot = || line.fs_type == b"zfs" && find(line.source, b'@').is_some();
    !kinds::is_no_storage(line.fs_type)
        && !kinds::is_overlay(line.fs_type)
        && !is_file
        && !is_below(line.point, b"/dev")
        && !is_below(line.point, CONTAINER_HOST)
        && !is_below(line.point, WSL_HOST)
        && !is_snapshot()
        && !would_expire()
}

/// Which of two mounts of the same storage is told: the root, then where people
/// keep their own, then the shorter name.
fn naming(line: &Line<'_>) -> (bool, bool, usize) {
    let is_system = is_in_or_below(line.point, SYSTEM_PLACES);
    (line.point != b"/", is_system, line.point.len())
}

/// The pool of a dataset.
fn pool<'a>(line: &Line<'a>) -> Option<&'a [u8]> {
    (line.fs_type == b"zfs").then(|| line.source.split(|&b| b == b'/').next())?
}

/// Puts what must not be left out first, and what belongs together side by side.
fn sort_by_importance(kept: &mut Vec<(usize, &Line<'_>)>, remote: &[&[u8]]) {
    let mut pools: Vec<(&[u8], usize)> = Vec::new();
    for &(at, line) in kept.iter() {
        let Some(name) = pool(line) else { continue };
        let of = |place: usize| kept.iter().find(|(at, _)| *at == place);
        match pools.iter_mut().find(|(known, _)| *known == name) {
            None => pools.push((name, at)),
            Some((_, first)) => {
                let depth = |line: &Line<'_>| (line.point != b"/", line.source.len());
                if of(*first).is_some_and(|(_, other)| depth(line) < depth(other)) {
                    *first = at;
                }
            }
        }
    }
    let mut keyed: Vec<_> = kept
        .drain(..)
        .map(|(at, line)| {
            let number =
                pool(line).and_then(|name| pools.iter().position(|(known, _)| *known == name));
            let class = match number {
                _ if line.point == b"/" => 0,
                Some(number) if pools[number].1 == at => 2,
                Some(_) => 4,
                None if answer(line, remote) == Answer::Remote => 3,
                None => 1,
            };
            ((class, number, at), (at, line))
        })
        .collect();
    keyed.sort_unstable_by_key(|(key, _)| *key);
    kept.extend(keyed.into_iter().map(|(_, mount)| mount));
}

/// The mounts to report, the most important ones first, and how many storage
/// mounts were over `max`. `is_file` says whether a mount point is a file, where
/// that can be seen, and `is_left_out` whether one that would be told is not to be.
pub fn parse_mountinfo(
    bytes: &[u8],
    max: usize,
    mut is_file: impl FnMut(&[u8]) -> Option<bool>,
    mut is_left_out: impl FnMut(&[u8]) -> bool,
) -> (Vec<Mount>, u64) {
    let all: Vec<Line<'_>> = lines(bytes).filter_map(Line::parse).collect();
    let points = |wanted: fn(&Line<'_>) -> bool| -> Vec<&[u8]> {
        let found = all.iter().filter(|line| line.point != b"/" && wanted(line));
        found.map(|line| line.point).collect()
    };
    let remote = points(|line| kinds::is_remote(line.fs_type));
    let expiring = points(|line| line.is_expiring_autofs());
    let tree = Tree::new(&all);
    let mut kept: Vec<(usize, &Line<'_>)> = Vec::new();
    for (index, line) in all.iter().enumerate() {
        if !is_reported(line, &expiring) {
            continue;
        }
        let same = kept
            .iter()
            .position(|(_, other)| line.is_same_storage(other));
        if same.is_some_and(|at| naming(line) >= naming(kept[at].1)) || tree.is_hidden(index) {
            continue;
        }
        if line.is_part() && line.point != b"/" {
            let seen = match answer(line, &remote) {
                Answer::Remote => None,
                _ => is_file(line.point),
            };
            if seen.unwrap_or_else(|| looks_like_a_file(line)) {
                continue;
            }
        }
        match same {
            Some(at) => kept[at] = (index, line),
            None => kept.push((index, line)),
        }
    }
    kept.retain(|(_, line)| {
        let point: Vec<u8> = unescape_octal(line.point).collect();
        !is_left_out(&point)
    });
    sort_by_importance(&mut kept, &remote);
    let over = kept.len().saturating_sub(max) as u64;
    kept.truncate(max);
    let mounts = kept
        .iter()
        .map(|(_, line)| Mount {
            point: unescape_octal(line.point).collect(),
            fs_type: unescape_octal(line.fs_type).collect(),
            source: unescape_octal(line.source).collect(),
            readonly: line.is_readonly(),
            answer: answer(line, &remote),
        })
        .collect();
    (mounts, over)
}

#[cfg(test)]
mod tests;
