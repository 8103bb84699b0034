//! Where the machine's files are. The only place that builds host paths.
//!
//! With `--root DIR` everything is read below `DIR`: a fixture in tests, the
//! host's `/` mounted into a container. Without it, below `/`.

mod dir;
mod file;

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

pub use dir::KeptDir;
use file::read_all;
pub use file::{Buffer, FILE_BYTES_MAX, KeptFile, Shape};

/// The directory that stands for `/`.
#[derive(Clone, Debug)]
pub struct Root {
    base: PathBuf,
    is_host: bool,
}

impl Root {
    pub fn new(base: impl Into<PathBuf>) -> Self {
        let base = base.into();
        let is_host = base == Path::new("/");
        Self { base, is_host }
    }

    /// Whether this is the running system itself, so that asking the kernel
    /// (netlink, uname) tells of the same machine as the files.
    pub fn is_host(&self) -> bool {
        self.is_host
    }

    pub fn path(&self) -> &Path {
        &self.base
    }

    pub fn proc(&self, path: &str) -> PathBuf {
        self.base.join("proc").join(path)
    }

    pub fn sys(&self, path: &str) -> PathBuf {
        self.base.join("sys").join(path)
    }

    pub fn etc(&self, path: &str) -> PathBuf {
        self.base.join("etc").join(path)
    }

    /// A path as the machine itself names it (`/run/systemd/system`), below the root.
    pub fn at(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.base
            .join(absolute.strip_prefix("/").unwrap_or(absolute))
    }
}

impl Root {
    /// Whether there is something at this path; a link counts, wherever it leads.
    pub fn has(&self, absolute: &str) -> bool {
        self.at(absolute).symlink_metadata().is_ok()
    }
}

/// What is read of a file that is looked at once.
const SMALL_BYTES_MAX: usize = 256 << 10;

/// Reads the beginning of a small file once, `None` when that is not possible.
pub fn read_small(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 4096];
    let file = open_regular(path)?;
    let length = read_all(&file, &mut bytes, Shape::Unknown, SMALL_BYTES_MAX).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

/// Opens a file that won't make us wait: no pipe, no device.
fn open_regular(path: &Path) -> Option<File> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .ok()?;
    file.metadata().ok()?.is_file().then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_below_the_root() {
        let root = Root::new("/srv/box");
        assert_eq!(root.proc("net/dev"), Path::new("/srv/box/proc/net/dev"));
        assert_eq!(
            root.sys("class/hwmon"),
            Path::new("/srv/box/sys/class/hwmon")
        );
        assert_eq!(root.etc("os-release"), Path::new("/srv/box/etc/os-release"));
        assert_eq!(root.at("/run/x"), Path::new("/srv/box/run/x"));
        assert_eq!(root.at("//run/x"), Path::new("/srv/box/run/x"));
        assert!(!root.is_host() && Root::new("/").is_host());
        assert_eq!(Root::new("/").proc("stat"), Path::new("/proc/stat"));
    }
}
