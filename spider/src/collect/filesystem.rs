//! Space and files of each mounted filesystem.
//!
//! The list of mounts is read again only when the kernel says that it changed
//! (poll on mountinfo); below an injected root, when its contents did. What is
//! left out, and why, is told in [`super::mounts`]. statfs runs on the sampling
//! thread, which is why nothing remote is ever asked.

use std::ffi::CString;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::limits::{GONE_SAMPLES, MOUNTS_MAX};
use super::mounts::{Mount, parse_mountinfo};
use super::statfs::{Figures, ask, parse_fixture};
use super::table::LeftOut;
use super::{Collector, Context};
use crate::root::{Buffer, KeptFile, Root, Shape};
use crate::sample::{Sample, Slot};

pub const SERIES: [&str; 5] = [
    "fs.total_bytes",
    "fs.free_bytes",
    "fs.available_bytes",
    "fs.files",
    "fs.files_free",
];
/// Figures of a fixture machine, in place of statfs.
const FIXTURE: &str = "/.stardust-statfs";

pub struct Filesystem {
    root: Root,
    mountinfo: KeptFile,
    fixture: Option<KeptFile>,
    /// Contents of mountinfo, kept below an injected root only.
    last: Vec<u8>,
    rows: Vec<Row>,
    over: u64,
    left_out: LeftOut,
}

struct Row {
    mount: Mount,
    /// Below the root.
    path: CString,
    slots: [Slot; SERIES.len()],
    /// Samples since it was last mounted; 0 while it is.
    gone: u64,
}

impl Filesystem {
    pub fn new(root: &Root) -> Self {
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
        let (mounts, over) = parse_mountinfo(bytes, MOUNTS_MAX);
        self.over = over;
        for row in &mut self.rows {
            row.gone = row.gone.max(1);
        }
        for mount in mounts {
            if let Some(row) = self.rows.iter_mut().find(|row| row.mount == mount) {
                row.gone = 0;
                continue;
            }
            let inside = Path::new(std::ffi::OsStr::from_bytes(&mount.point));
            let path = self.root.at(inside);
            let Ok(path) = CString::new(path.as_os_str().as_bytes()) else {
                continue;
            };
            if self.rows.len() >= MOUNTS_MAX {
                self.drop_rows(sample, 1);
            }
            let point = String::from_utf8_lossy(&mount.point);
            let fs_type = String::from_utf8_lossy(&mount.fs_type);
            let labels: [(&str, &str); 2] = [("mount", &point), ("type", &fs_type)];
            let slots = SERIES.map(|name| sample.slot(name, &labels));
            self.rows.push(Row {
                path,
                slots,
                gone: 0,
                mount,
            });
        }
    }

    fn drop_rows(&mut self, sample: &mut Sample, gone_min: u64) {
        let mut index = 0;
        while index < self.rows.len() {
            if self.rows[index].gone >= gone_min {
                for slot in self.rows.remove(index).slots {
                    sample.release(slot);
                }
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
        for row in &mut self.rows {
            if row.gone > 0 {
                row.gone += 1;
                continue;
            }
            let figures: Option<Figures> = match given {
                Some(bytes) => parse_fixture(bytes, &row.mount.point),
                None => ask(&row.path),
            };
            if let Some(figures) = figures {
                for (slot, value) in row.slots.iter().zip(figures.values()) {
                    sample.set(slot, value);
                }
            }
        }
        self.drop_rows(sample, GONE_SAMPLES);
        self.left_out.set("fs", self.over, sample);
    }
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
