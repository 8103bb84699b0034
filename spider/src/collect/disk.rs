//! Reads and writes of each disk: /proc/diskstats.
//!
//! Few disks are read by /sys/block/*/stat each, and diskstats only now and then
//! to see new ones; but only where both say the same, which a container with
//! lxcfs shows not to go without saying. Whole devices only, partitions are part of them. Loop devices, RAM disks,
//! zram, raw flash, optical and floppy drives are no disks: what is on them is counted
//! where it is stored.

mod names;

use std::rc::Rc;

use names::{is_no_disk, is_path_to, is_whole, sysfs_name};
use stardust_shared::names::is_stacked;

use super::collector::{Collector, Context};
use super::limits::DISKS_MAX;
use super::rules::{Label, Rules};
use super::table::{Judged, Kind, Look, Table};
use super::text::{Words, first_line, lines, times};
use crate::root::{Buffer, KeptFile, Root, Shape};

pub const SERIES: [&str; 6] = [
    "disk.reads",
    "disk.read_bytes",
    "disk.writes",
    "disk.written_bytes",
    "disk.io_ms",
    "disk.in_flight",
];
/// diskstats counts sectors of 512 bytes whatever the disk's own are.
const SECTOR: i64 = 512;
/// More requests than any queue holds: kernels have been seen to count below 0.
const IN_FLIGHT_MAX: i64 = 1 << 30;

/// In the order of [`SERIES`].
pub type Activity = [Option<i64>; SERIES.len()];

/// Calls `each` with the name and activity of every block device.
pub fn parse_diskstats(bytes: &[u8], mut each: impl FnMut(&[u8], &Activity)) {
    for line in lines(bytes) {
        let mut words = Words(line);
        // Major and minor number.
        if words.number().is_none() || words.number().is_none() {
            continue;
        }
        let Some(name) = words.next() else { continue };
        if let Some(activity) = parse_columns(words) {
            each(name, &activity);
        }
    }
}

/// The columns after the name, which are those of /sys/block/*/stat too.
fn parse_columns(mut words: Words<'_>) -> Option<Activity> {
    let mut columns = [None; 11];
    let mut count = 0;
    while let Some(column) = columns.get_mut(count)
        && let Some(value) = words.value()
    {
        *column = value;
        count += 1;
    }
    // Partitions of kernels before 2.6.25 have four columns.
    (count == columns.len()).then(|| {
        [
            columns[0],
            times(columns[2], SECTOR),
            columns[4],
            times(columns[6], SECTOR),
            columns[9],
            columns[8].filter(|&count| count < IN_FLIGHT_MAX),
        ]
    })
}

/// One disk by its own file in sysfs.
pub fn parse_stat(bytes: &[u8]) -> Option<Activity> {
    parse_columns(Words(first_line(bytes)?))
}

/// What a multipath namespace has done where the kernel counts its paths only
/// (before Linux 6.3): the sum of theirs. As it is where it was counted.
pub fn with_paths(bytes: &[u8], name: &[u8], activity: &Activity) -> Activity {
    if !name.starts_with(b"nvme") || activity.iter().any(|value| value.unwrap_or(0) != 0) {
        return *activity;
    }
    let mut sum = None;
    parse_diskstats(bytes, |path, more| {
        if is_path_to(path, name) {
            let so_far = sum.get_or_insert([Some(0); SERIES.len()]);
            for (total, more) in so_far.iter_mut().zip(more) {
                *total = total.zip(*more).and_then(|(a, b)| i64::checked_add(a, b));
            }
        }
    });
    sum.unwrap_or(*activity)
}

/// Up to this many disks are read one by one: diskstats makes the kernel sum up
/// every loop device and partition too, at three times the cost of one disk.
const SINGLE_MAX: usize = 3;
/// So often all devices are looked at, to see new ones.
const ALL_SAMPLES: u16 = 10;
/// Places in [`SERIES`] of what only grows.
const GROWING: usize = 5;

pub struct Disk {
    root: Root,
    file: KeptFile,
    table: Table<{ SERIES.len() }>,
    /// The disks' own files, while they are few.
    singles: Vec<Single>,
    /// Samples until all devices are looked at.
    wait: u16,
}

/// A disk that may be read by its own file.
struct Single {
    name: Box<[u8]>,
    file: KeptFile,
    /// What its own file said last.
    own: Option<Activity>,
    /// What diskstats has just said.
    listed: Option<Activity>,
}

impl Single {
    fn read(&mut self, buffer: &mut Buffer) -> Option<Activity> {
        self.own = self.file.read(buffer).and_then(parse_stat);
        self.own
    }

    /// Whether the own file, read before and after the list, says the same: what
    /// only grows was between the two. A disk that has done nothing proves nothing.
    fn agrees(&mut self, buffer: &mut Buffer) -> bool {
        let before = self.own;
        let after = self.read(buffer);
        let (Some(before), Some(listed), Some(after)) = (before, self.listed, after) else {
            return false;
        };
        let between = (0..GROWING).all(|at| before[at] <= listed[at] && listed[at] <= after[at]);
        between && listed.iter().any(|value| value.unwrap_or(0) > 0)
    }
}

impl Disk {
    pub fn new(root: &Root, rules: &Rc<Rules>) -> Self {
        Self {
            root: root.clone(),
            file: KeptFile::new(root.proc("diskstats"), Shape::Records),
            table: Table::new(
                Kind {
                    label: Label::Device,
                    names: &SERIES,
                    counters: GROWING,
                    shown_max: DISKS_MAX,
                    subjects: ["disk", "disk_rule", "disk_summed", "disk_new"],
                },
                rules,
            ),
            singles: Vec::new(),
            wait: 0,
        }
    }

    fn collect_all(&mut self, context: &mut Context<'_>) {
        for single in &mut self.singles {
            single.read(context.buffer);
            single.listed = None;
        }
        let Some(bytes) = self.file.read(context.buffer) else {
            return;
        };
        let sample = &mut *context.sample;
        let (root, singles) = (&self.root, &mut self.singles);
        let (mut shown, mut same) = (0, true);
        self.table.begin();
        parse_diskstats(bytes, |name, activity| {
            if is_no_disk(name) {
                return;
            }
            // Sixteen nbd devices exist whether one is in use or not.
            if name.starts_with(b"nbd") && activity.iter().all(|value| *value == Some(0)) {
                return;
            }
            let judge = |look| {
                let whole = look == Look::Brief || is_whole(root, name);
                whole.then(|| Judged::rank(u8::from(is_stacked(name))))
            };
            let activity = with_paths(bytes, name, activity);
            if self.table.put(name, &activity, sample, judge).is_some() {
                match singles.get_mut(shown) {
                    Some(single) if *single.name == *name => single.listed = Some(activity),
                    _ => same = false,
                }
                shown += 1;
            }
        });
        // Others have to be looked at too.
        if shown > SINGLE_MAX || self.table.has_others() {
            singles.clear();
        } else if !same || shown != singles.len() {
            singles.clear();
            parse_diskstats(bytes, |name, _| {
                let known = singles.iter().any(|single| *single.name == *name);
                if self.table.is_shown(name) && !known {
                    let path = root.sys("block").join(sysfs_name(name)).join("stat");
                    singles.push(Single {
                        name: name.into(),
                        file: KeptFile::quiet(path),
                        own: None,
                        listed: None,
                    });
                }
            });
        }
        self.table.end(sample);
        let mut agree = !self.singles.is_empty();
        for single in &mut self.singles {
            agree = agree && single.agrees(context.buffer);
        }
        if agree {
            self.wait = ALL_SAMPLES;
        }
    }
}

impl Collector for Disk {
    fn collect(&mut self, context: &mut Context<'_>) {
        if self.wait == 0 {
            return self.collect_all(context);
        }
        self.wait -= 1;
        let sample = &mut *context.sample;
        self.table.begin();
        for single in &mut self.singles {
            let Some(activity) = single.read(context.buffer) else {
                // It was pulled out: see what there is now.
                self.wait = 0;
                continue;
            };
            let judge = |_| Some(Judged::rank(0));
            self.table.put(&single.name, &activity, sample, judge);
        }
        self.table.end(sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<(String, Activity)> {
        let mut out = Vec::new();
        parse_diskstats(bytes, |name, activity| {
            out.push((String::from_utf8_lossy(name).into_owned(), *activity));
        });
        out
    }

    #[test]
    fn columns_of_old_and_new_kernels() {
        let got = all(b"   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n\
            254 0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n8 1 sda1 1 2 3 4\n");
        let activity = [1, 3 * 512, 5, 7 * 512, 10, 9].map(Some);
        assert_eq!(got, [("sda".into(), activity), ("vda".into(), activity)]);
    }

    #[test]
    fn the_file_of_one_disk() {
        let stat =
            b"   33522     7285  3311666    10486    19329 0 6 0 2 10 11 12 13 14 15 16 17\n";
        let activity = [33522, 3_311_666 * 512, 19329, 6 * 512, 10, 2].map(Some);
        assert_eq!(parse_stat(stat), Some(activity));
        for bytes in [&b""[..], b"1 2 3\n", b"1 2 3 4 5 6 7 8 9 10 11", b"\n"] {
            assert_eq!(parse_stat(bytes), None);
        }
    }

    #[test]
    fn a_namespace_without_counts_has_those_of_its_paths() {
        let stats =
            b"0 0 nvme0c0n1 1 2 3 4 5 6 7 8 9 10 11\n0 0 nvme0c1n1 1 2 3 4 5 6 7 8 9 10 11\n\
            259 1 nvme0n1 0 0 0 0 0 0 0 0 0 0 0\n0 0 nvme0c0n2 9 9 9 9 9 9 9 9 9 9 9\n";
        let nothing = [Some(0); 6];
        let sum = [2, 6 * 512, 10, 14 * 512, 20, 18].map(Some);
        assert_eq!(with_paths(stats, b"nvme0n1", &nothing), sum);
        assert_eq!(with_paths(stats, b"nvme1n1", &nothing), nothing);
        let counted = [Some(7); 6];
        assert_eq!(with_paths(stats, b"nvme0n1", &counted), counted);
    }

    #[test]
    fn own_files_count_only_where_they_say_the_same() {
        let dir = std::env::temp_dir().join(format!("spider-disk-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("proc")).unwrap();
        std::fs::create_dir_all(dir.join("sys/block/sda")).unwrap();
        let write = |path: &str, text: String| std::fs::write(dir.join(path), text).unwrap();
        let list = |n: u64| {
            write(
                "proc/diskstats",
                format!("8 0 sda {n} 0 8 0 0 0 0 0 0 0 0\n"),
            )
        };
        let own = |n: u64| write("sys/block/sda/stat", format!("{n} 0 8 0 0 0 0 0 0 0 0\n"));
        let mut disk = Disk::new(&Root::new(&dir), &Rc::default());
        let (mut sample, mut buffer) = (crate::sample::Sample::default(), Buffer::default());
        let mut reads = || {
            sample.begin();
            disk.collect(&mut Context {
                sample: &mut sample,
                buffer: &mut buffer,
            });
            sample.end();
            sample.value("disk.reads{device=sda}")
        };
        list(5);
        own(99);
        // lxcfs: the list is the container's, the file the machine's.
        for _ in 0..30 {
            assert_eq!(reads(), Some(5));
        }
        own(5);
        assert_eq!(reads(), Some(5));
        own(6);
        assert_eq!(reads(), Some(6));
        // They part again: seen with the next look at all devices.
        own(99);
        let wrong = (0..20).take_while(|_| reads() == Some(99)).count();
        assert!(wrong <= usize::from(ALL_SAMPLES), "{wrong}");
        assert_eq!(reads(), Some(5));
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn hostile_lines() {
        let got = all(
            b"8 0\n8 0 sda 1 2 3 4 5\nx y z\n-1 0 sdb 1 2 3 4 5 6 7 8 9 10 11\n\
            8 0 sdc 18446744073709551615 0 36028797018963968 0 -5 0 2 0 4294967295 3 0\n\
            8 0 sdd 1 2 3 4 5 6 7 8 9 10 11",
        );
        let activity = [None, None, None, Some(1024), Some(3), None];
        assert_eq!(got, [("sdc".into(), activity)]);
    }
}
