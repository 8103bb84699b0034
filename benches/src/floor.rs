//! The floor: the least that an agent must do for the same figures, in plain
//! libc calls on files that are open already, without a look at what they hold.

use std::fs::File;
use std::os::fd::AsRawFd as _;

/// Files that any agent must read for the figures that the Spider sends.
pub const FILES: [&str; 8] = [
    "/proc/stat",
    "/proc/meminfo",
    "/proc/loadavg",
    "/proc/diskstats",
    "/proc/net/dev",
    "/proc/uptime",
    "/proc/net/sockstat",
    "/proc/net/snmp",
];

pub struct Floor {
    files: Vec<File>,
    buffer: Vec<u8>,
}

impl Floor {
    /// Of all [`FILES`], or of some; a file that is not there costs nothing.
    pub fn new(paths: &[&str]) -> Self {
        Self {
            files: paths
                .iter()
                .filter_map(|path| File::open(path).ok())
                .collect(),
            buffer: vec![0; 64 << 10],
        }
    }

    /// Reads each file once.
    pub fn read(&mut self) {
        for file in &self.files {
            // SAFETY: the buffer is valid for the length that is given.
            unsafe {
                libc::pread(
                    file.as_raw_fd(),
                    self.buffer.as_mut_ptr().cast(),
                    self.buffer.len(),
                    0,
                );
            }
        }
        std::hint::black_box(&self.buffer);
    }

    /// Asks how full the filesystem at `/` is.
    pub fn statfs() {
        // SAFETY: an all-zero statfs is valid for the call to fill, and the path
        // is a C string.
        unsafe {
            let mut answer: libc::statfs = std::mem::zeroed();
            libc::statfs(c"/".as_ptr(), &raw mut answer);
            std::hint::black_box(&answer);
        }
    }
}
