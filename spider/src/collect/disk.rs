//! Reads and writes of each disk: /proc/diskstats.
//!
//! Few disks are read by /sys/block/*/stat each, and diskstats only now and then
//! to see new ones. Whole devices only, partitions are part of them. Loop devices, RAM disks,
//! zram, raw flash, optical and floppy drives are no disks: what is on them is counted
//! where it is stored.

mod names;

use names::{is_no_disk, is_whole, sysfs_name};

use super::limits::DISKS_MAX;
use super::table::Table;
use super::text::{Words, first_line, lines, times};
use super::{Collector, Context};
use crate::root::{KeptFile, Root, Shape};

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

/// Up to this many disks are read one by one: diskstats makes the kernel sum up
/// every loop device and partition too, at three times the cost of one disk.
const SINGLE_MAX: usize = 3;
/// So often all devices are looked at, to see new ones.
const ALL_SAMPLES: u16 = 10;

pub struct Disk {
    root: Root,
    file: KeptFile,
    table: Table<{ SERIES.len() }>,
    /// The disks' own files, while they are few.
    singles: Vec<(Box<[u8]>, KeptFile)>,
    /// Whether each of them has such a file.
    one_by_one: bool,
    /// Samples until all devices are looked at.
    wait: u16,
}

impl Disk {
    pub fn new(root: &Root) -> Self {
        Self {
            root: root.clone(),
            file: KeptFile::new(root.proc("diskstats"), Shape::Records),
            table: Table::new("disk", "device", &SERIES, DISKS_MAX),
            singles: Vec::new(),
            one_by_one: false,
            wait: 0,
        }
    }

    fn collect_all(&mut self, context: &mut Context<'_>) {
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
            if let Some(slots) = self.table.row(name, sample, || is_whole(root, name)) {
                for (slot, &value) in slots.iter().zip(activity) {
                    sample.set(slot, value);
                }
                same &= singles
                    .get(shown)
                    .is_some_and(|(known, _)| **known == *name);
                shown += 1;
            }
        });
        if shown > SINGLE_MAX {
            singles.clear();
        } else if !same || shown != singles.len() {
            singles.clear();
            parse_diskstats(bytes, |name, _| {
                let known = singles.iter().any(|(known, _)| **known == *name);
                if self.table.is_shown(name) && !known {
                    let path = root.sys("block").join(sysfs_name(name)).join("stat");
                    singles.push((name.into(), KeptFile::quiet(path)));
                }
            });
            self.one_by_one = singles.iter().all(|(_, file)| file.path().exists());
        }
        self.table.end(sample);
        if self.one_by_one && !self.singles.is_empty() {
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
        for (name, file) in &mut self.singles {
            let Some(activity) = file.read(context.buffer).and_then(parse_stat) else {
                // It was pulled out: see what there is now.
                self.wait = 0;
                continue;
            };
            if let Some(slots) = self.table.row(name, sample, || true) {
                for (slot, value) in slots.iter().zip(activity) {
                    sample.set(slot, value);
                }
            }
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
