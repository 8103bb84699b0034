//! Space and files of each mounted filesystem.
//!
//! The list of mounts is read again only when the kernel says that it changed
//! (poll on mountinfo); below an injected root, when its contents did. What is
//! left out, and why, is told in [`super::mounts`]. statfs runs on the sampling
//! thread only for the root, without which nothing runs, and for kinds that have
//! the answer in memory; for the others, and for one that once took its time,
//! [`super::statfs::helper`] asks. What another machine answers for has a helper
//! of its own, so that no share keeps a disk waiting, and is asked seldom.
//!
//! `fs.readonly` is 1 for a filesystem that takes no writes: how full it is says
//! nothing about the machine. `fs.device` is always 1: its label says on what device,
//! dataset or share it is, which the others don't, since devices change their names.

use std::borrow::Cow;
use std::ffi::{CStr, CString, OsStr};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::collector::{Collector, Context};
use super::limits::{GONE_SAMPLES, MOUNTS_MAX};
use super::mounts::{Answer, Mount, parse_mountinfo};
use super::rules::{Action, Label, Rules};
use super::statfs::helper::{Ask, Helper};
use super::statfs::{Figures, ask, parse_fixture};
use super::table::LeftOut;
use super::text::unescape_octal;
use crate::clock;
use crate::root::{Buffer, KeptFile, Root, Shape};
use crate::sample::{Sample, Slot};

pub const SERIES: [&str; 6] = [
    "fs.total_bytes",
    "fs.free_bytes",
    "fs.available_bytes",
    "fs.files",
    "fs.files_free",
    "fs.readonly",
];
const DEVICE: &str = "fs.device";
/// Places in [`SERIES`] of what statfs says.
const FIGURES: usize = 5;
/// Figures of a fixture machine, in place of statfs.
const FIXTURE: &str = "/.stardust-statfs";
/// How often disks are asked that have to be waited for, and shares.
const DISK_ROUND_MS: i64 = 4_900;
const REMOTE_ROUND_MS: i64 = 29_900;
/// Longest mount point that a label holds as it is; of a longer one both ends.
const POINT_BYTES_MAX: usize = 96;
const POINT_HEAD_BYTES: usize = 40;
/// One that once took longer is asked by the helper from then on.
const SLOW_MS: i64 = 100;

pub struct Filesystem {
    root: Root,
    mountinfo: KeptFile,
    fixture: Option<KeptFile>,
    /// Contents of mountinfo, kept below an injected root only.
    last: Vec<u8>,
    rows: Vec<Row>,
    over: u64,
    left_out: LeftOut,
    rules: Rc<Rules>,
    /// Left out by a rule, and how that is told.
    by_rule: u64,
    told_by_rule: LeftOut,
    told_new: LeftOut,
    /// The list of mounts was read before.
    began: bool,
    ask: Ask,
    disks: Helper,
    shares: Helper,
    answers: Vec<(Arc<CStr>, Option<Figures>)>,
    hanging: LeftOut,
}

struct Row {
    mount: Mount,
    /// Below the root.
    path: Arc<CStr>,
    /// Who asks, and what was told last.
    asks: Answer,
    told: Option<Figures>,
    /// `None` until it has stood a while.
    slots: Option<Slots>,
    since_ms: i64,
    /// Samples since it was last mounted; 0 while it is.
    gone: u64,
}

struct Slots {
    figures: [Slot; SERIES.len()],
    device: Slot,
}

impl Slots {
    fn of(sample: &mut Sample, mount: &Mount) -> Self {
        let point = point_label(&mount.point);
        let fs_type = String::from_utf8_lossy(&mount.fs_type);
        let labels: [(&str, &str); 2] = [("mount", &point), ("type", &fs_type)];
        Self {
            figures: SERIES.map(|name| sample.slot(name, &labels)),
            device: device_slot(sample, mount),
        }
    }

    /// Another mount has the name.
    fn is_twin(&self) -> bool {
        self.figures.iter().any(Slot::is_dead)
    }
}

impl Filesystem {
    pub fn new(root: &Root, rules: &Rc<Rules>) -> Self {
        // /proc/self of a host's proc seen from a container is the container's,
        // while process 1 there is the host's own.
        let of_init = root.proc("1/mountinfo");
        let path = if !root.is_host() && of_init.exists() {
            of_init
        } else {
            root.proc("self/mountinfo")
        };
        let fixture = root.at(FIXTURE);
        let fixture =
            (!root.is_host() && fixture.exists()).then(|| KeptFile::new(fixture, Shape::Unknown));
        Self {
            root: root.clone(),
            mountinfo: KeptFile::new(path, Shape::Unknown),
            fixture,
            last: Vec::new(),
            rows: Vec::new(),
            over: 0,
            left_out: LeftOut::default(),
            rules: Rc::clone(rules),
            by_rule: 0,
            told_by_rule: LeftOut::default(),
            told_new: LeftOut::default(),
            began: false,
            ask,
            disks: Helper::new(ask, DISK_ROUND_MS),
            shares: Helper::new(ask, REMOTE_ROUND_MS),
            answers: Vec::new(),
            hanging: LeftOut::default(),
        }
    }

    /// Reads the list of mounts if it may have changed.
    fn refresh(&mut self, buffer: &mut Buffer, sample: &mut Sample) {
        if self.root.is_host()
            && let Some(file) = self.mountinfo.file()
            && !has_changed(file.as_raw_fd())
        {
            return;
        }
        let Some(bytes) = self.mountinfo.read(buffer) else {
            return;
        };
        if !self.root.is_host() {
            if self.last == bytes {
                return;
            }
            self.last.clear();
            self.last.extend_from_slice(bytes);
        }
        let root = &self.root;
        let is_file = |point: &[u8]| {
            let point: Vec<u8> = unescape_octal(point).collect();
            let path = root.at(Path::new(OsStr::from_bytes(&point)));
            let kind = path.symlink_metadata().ok()?.file_type();
            Some(!kind.is_dir())
        };
        let mut by_rule = 0;
        let is_left_out = |point: &[u8]| {
            let is = self.rules.of(Label::Mount, point).0 == Action::LeaveOut;
            by_rule += u64::from(is);
            is
        };
        let (mounts, over) = parse_mountinfo(bytes, MOUNTS_MAX, is_file, is_left_out);
        (self.over, self.by_rule) = (over, by_rule);
        let waits = std::mem::replace(&mut self.began, true) && self.rules.new_after_ms > 0;
        for row in &mut self.rows {
            row.gone = row.gone.max(1);
        }
        for mount in mounts {
            let asks = match &self.fixture {
                Some(_) => Answer::AtOnce,
                None => mount.answer,
            };
            let is_same = |row: &&mut Row| {
                row.mount.point == mount.point && row.mount.fs_type == mount.fs_type
            };
            if let Some(row) = self.rows.iter_mut().find(is_same) {
                row.gone = 0;
                // One that was found to be slow stays with the helper.
                if mount.answer != row.mount.answer {
                    row.asks = asks;
                }
                if mount.source != row.mount.source
                    && let Some(slots) = &mut row.slots
                {
                    let device = device_slot(sample, &mount);
                    sample.release(std::mem::replace(&mut slots.device, device));
                }
                row.mount = mount;
                continue;
            }
            let inside = Path::new(OsStr::from_bytes(&mount.point));
            let path = self.root.at(inside);
            let Ok(path) = CString::new(path.as_os_str().as_bytes()) else {
                continue;
            };
            if self.rows.len() >= MOUNTS_MAX {
                self.drop_rows(sample, 1);
            }
            let slots = (!waits).then(|| Slots::of(sample, &mount));
            self.over += u64::from(slots.as_ref().is_some_and(Slots::is_twin));
            self.rows.push(Row {
                path: Arc::from(path),
                asks,
                told: None,
                slots,
                since_ms: sample.boot_ms(),
                gone: 0,
                mount,
            });
        }
    }

    fn turn_helpers(&mut self, now_ms: i64) {
        // Answers are few, and come every five seconds.
        let mut answers = std::mem::take(&mut self.answers);
        let helpers = [
            (&mut self.disks, Answer::Disk),
            (&mut self.shares, Answer::Remote),
        ];
        for (helper, who) in helpers {
            let asked = self.rows.iter();
            let asked = asked.filter(|row| row.asks == who && row.gone == 0);
            helper.turn(now_ms, asked.map(|row| &row.path), |path, figures| {
                answers.push((Arc::clone(path), figures));
            });
        }
        for (path, figures) in answers.drain(..) {
            if let Some(row) = self.rows.iter_mut().find(|row| row.path == path) {
                row.told = figures;
            }
        }
        self.answers = answers;
    }

    fn drop_rows(&mut self, sample: &mut Sample, gone_min: u64) {
        let mut index = 0;
        while index < self.rows.len() {
            let row = &self.rows[index];
            // One that was not told yet has not stood.
            if row.gone >= gone_min || row.gone > 0 && row.slots.is_none() {
                let slots = self.rows.remove(index).slots.into_iter();
                let slots = slots.flat_map(|slots| slots.figures.into_iter().chain([slots.device]));
                slots.for_each(|slot| sample.release(slot));
            } else {
                index += 1;
            }
        }
    }
}

impl Collector for Filesystem {
    fn collect(&mut self, context: &mut Context<'_>) {
        let sample = &mut *context.sample;
        self.refresh(context.buffer, sample);
        let mut given = None;
        if let Some(fixture) = &mut self.fixture {
            given = Some(fixture.read(context.buffer).unwrap_or_default());
        }
        self.turn_helpers(sample.boot_ms());
        let mut too_new = 0;
        for row in &mut self.rows {
            if row.gone > 0 {
                row.gone += 1;
                continue;
            }
            let stood_ms = sample.boot_ms().saturating_sub(row.since_ms);
            if row.slots.is_none() && stood_ms < self.rules.new_after_ms {
                too_new += 1;
                continue;
            }
            let slots = row.slots.get_or_insert_with(|| {
                let slots = Slots::of(sample, &row.mount);
                self.over += u64::from(slots.is_twin());
                slots
            });
            let figures: Option<Figures> = match given {
                Some(bytes) => parse_fixture(bytes, &row.mount.point),
                None if row.asks != Answer::AtOnce => row.told,
                None => {
                    let start_ms = clock::boot_ms();
                    row.told = (self.ask)(&row.path);
                    if clock::boot_ms() - start_ms > SLOW_MS {
                        row.asks = Answer::Disk;
                    }
                    row.told
                }
            };
            let is_image = |figures: &Figures| row.mount.readonly && figures.is_full();
            let is_told = |figures: &Figures| {
                let remote = row.mount.answer == Answer::Remote;
                !(is_image(figures) || remote && figures.is_invented())
            };
            if let Some(figures) = figures.filter(is_told) {
                for (slot, value) in slots.figures[..FIGURES].iter().zip(figures.values()) {
                    sample.set(slot, value);
                }
                sample.set(&slots.figures[FIGURES], Some(i64::from(row.mount.readonly)));
                sample.set(&slots.device, Some(1));
            }
        }
        self.drop_rows(sample, GONE_SAMPLES);
        self.left_out.set("fs", self.over, sample);
        self.told_by_rule.count("fs_rule", self.by_rule, sample);
        self.told_new.count("fs_new", too_new, sample);
        let hanging = self.disks.hanging() + self.shares.hanging();
        self.hanging.set("fs_hanging", hanging as u64, sample);
    }
}

fn device_slot(sample: &mut Sample, mount: &Mount) -> Slot {
    let (source, point) = (point_label(&mount.source), point_label(&mount.point));
    let fs_type = String::from_utf8_lossy(&mount.fs_type);
    let labels: [(&str, &str); 3] = [("device", &source), ("mount", &point), ("type", &fs_type)];
    sample.slot(DEVICE, &labels)
}

/// A mount point as a label. Those of Kubernetes are long and differ at their
/// ends, so a long one gives its middle.
fn point_label(point: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(point);
    if text.len() <= POINT_BYTES_MAX {
        return text;
    }
    let head = text.floor_char_boundary(POINT_HEAD_BYTES);
    let tail = text.len() - (POINT_BYTES_MAX - POINT_HEAD_BYTES - '…'.len_utf8());
    let tail = text.ceil_char_boundary(tail);
    Cow::Owned([&text[..head], "…", &text[tail..]].concat())
}

/// Whether the mounts changed since the last time this was asked.
fn has_changed(fd: i32) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLPRI | libc::POLLERR,
        revents: 0,
    };
    // SAFETY: `poll` is one valid pollfd, and the call returns at once.
    let ready = unsafe { libc::poll(&mut poll, 1, 0) };
    ready > 0 && poll.revents & (libc::POLLPRI | libc::POLLERR) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Where `slow` is in the path it takes its time, once.
    fn ask_slowly(path: &CStr) -> Option<Figures> {
        if path.to_bytes().ends_with(b"slow") {
            std::thread::sleep(std::time::Duration::from_millis(120));
        }
        Some(Figures {
            block_bytes: Some(1),
            blocks: Some(7),
            ..Figures::default()
        })
    }

    #[test]
    fn long_mount_points_keep_both_their_ends() {
        assert_eq!(point_label(b"/srv"), "/srv");
        let long = |middle: &str, end: &str| {
            let point = format!("/var/lib/kubelet/{}{middle}/{end}/mount", "é".repeat(60));
            point_label(point.as_bytes()).into_owned()
        };
        let (a, b) = (long("x", "aaaa"), long("x", "bbbb"));
        assert!(a != b && a.len() <= POINT_BYTES_MAX && a.starts_with("/var/lib/kubelet/é"));
        assert!(a.ends_with("/aaaa/mount") && a.contains('…'));
    }

    #[test]
    fn one_that_takes_its_time_is_asked_by_the_helper_from_then_on() {
        let dir = std::env::temp_dir().join(format!("spider-slow-{}", std::process::id()));
        fs::create_dir_all(dir.join("proc/self")).unwrap();
        let mounts = "1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /slow rw - ext4 b rw\n\
            3 1 0:9 / /pool rw - zfs c rw\n";
        fs::write(dir.join("proc/self/mountinfo"), mounts).unwrap();
        let mut filesystem = Filesystem::new(&Root::new(&dir), &Rc::default());
        filesystem.ask = ask_slowly;
        filesystem.disks = Helper::new(ask_slowly, DISK_ROUND_MS);
        let (mut sample, mut buffer) = (Sample::default(), Buffer::default());
        let mut slowest_ms = Vec::new();
        for _ in 0..4 {
            sample.begin();
            let start_ms = clock::boot_ms();
            filesystem.collect(&mut Context {
                sample: &mut sample,
                buffer: &mut buffer,
            });
            slowest_ms.push(clock::boot_ms() - start_ms);
            sample.end();
            for key in ["/,type=ext4", "/slow,type=ext4", "/pool,type=zfs"] {
                let key = format!("fs.total_bytes{{mount={key}}}");
                assert_eq!(sample.value(&key), Some(7), "{key}");
            }
        }
        assert!(slowest_ms[0] >= 120, "{slowest_ms:?}");
        assert!(
            *slowest_ms[1..].iter().max().unwrap() < 100,
            "{slowest_ms:?}"
        );
        fs::remove_dir_all(dir).unwrap();
    }
}
