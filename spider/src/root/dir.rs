//! Directories whose entries come and go: sensors.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

use super::Buffer;

/// A directory of which it is asked now and then whether its entries changed.
#[derive(Debug)]
pub struct KeptDir {
    path: PathBuf,
    dir: Option<File>,
    /// Of the names of its entries; `None` before the first look.
    hash: Option<u64>,
}

impl KeptDir {
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            dir: None,
            hash: None,
        }
    }

    /// Whether the entries are others than last time; the first time they are.
    /// Allocates nothing.
    pub fn has_changed(&mut self, buffer: &mut Buffer) -> bool {
        let hash = self.hash_of_entries(buffer);
        self.hash.replace(hash) != Some(hash)
    }

    /// 0 for a directory that is not there.
    fn hash_of_entries(&mut self, buffer: &mut Buffer) -> u64 {
        if self.dir.is_none() {
            self.dir = File::open(&self.path).ok();
        }
        let Some(dir) = &self.dir else { return 0 };
        let fd = dir.as_raw_fd();
        // SAFETY: a call without pointers, on a descriptor that `dir` keeps open.
        if unsafe { libc::lseek(fd, 0, libc::SEEK_SET) } != 0 {
            self.dir = None;
            return 0;
        }
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        loop {
            let bytes = &mut buffer.bytes;
            // SAFETY: the kernel writes at most `bytes.len()` bytes of entries
            // into `bytes`, which lives for the whole call.
            let length =
                unsafe { libc::syscall(libc::SYS_getdents64, fd, bytes.as_mut_ptr(), bytes.len()) };
            let Some(entries) = usize::try_from(length).ok().and_then(|n| bytes.get(..n)) else {
                self.dir = None;
                return 0;
            };
            if entries.is_empty() {
                return hash;
            }
            for &byte in entries {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("spider-dir-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_kept_directory_tells_when_entries_come_and_go() {
        let dir = scratch("entries");
        let mut buffer = Buffer::default();
        let mut kept = KeptDir::new(dir.join("d"));
        assert!(kept.has_changed(&mut buffer));
        assert!(!kept.has_changed(&mut buffer));
        std::fs::create_dir(dir.join("d")).unwrap();
        assert!(kept.has_changed(&mut buffer));
        assert!(!kept.has_changed(&mut buffer));
        std::fs::write(dir.join("d/hwmon0"), "").unwrap();
        assert!(kept.has_changed(&mut buffer));
        assert!(!kept.has_changed(&mut buffer));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
