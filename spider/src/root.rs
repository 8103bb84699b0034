//! Where the machine's files are. The only place that builds host paths.
//!
//! With `--root DIR` everything is read below `DIR`: a fixture in tests, the
//! host's `/` mounted into a container. Without it, below `/`.

mod dir;
mod file;

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
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

    /// A file of the network: that of process 1 where the root is not ours, since
    /// /proc/net is of whoever looks.
    pub fn net(&self, path: &str) -> PathBuf {
        let of_init = self.proc("1/net").join(path);
        if !self.is_host && File::open(&of_init).is_ok() {
            return of_init;
        }
        self.proc("net").join(path)
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

/// Links that lead to links, and folders that are links.
const LINKS_MAX: usize = 40;

impl Root {
    /// Whether there is something at this path; a link counts, wherever it leads.
    pub fn has(&self, absolute: &str) -> bool {
        let path = Path::new(absolute);
        match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => self.resolved(folder).join(name),
            _ => self.at(path),
        }
        .symlink_metadata()
        .is_ok()
    }

    /// Reads the beginning of a small file of the machine, wherever the machine's
    /// own links lead.
    pub fn read(&self, absolute: &str) -> Option<Vec<u8>> {
        read_small(&self.resolved(Path::new(absolute)))
    }

    /// A path below the root with its links resolved as the machine itself does:
    /// an absolute one leads to the root, not out of it (NixOS has many).
    pub fn resolved(&self, absolute: &Path) -> PathBuf {
        if self.is_host {
            return absolute.to_path_buf();
        }
        let mut left: Vec<OsString> = Vec::new();
        let push = |left: &mut Vec<OsString>, path: &Path| {
            let parts = path.components().rev();
            left.extend(parts.map(|part| part.as_os_str().to_owned()));
        };
        push(&mut left, absolute);
        let mut inside = PathBuf::from("/");
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == ".." {
                inside.pop();
            } else if part == "/" {
                inside = PathBuf::from("/");
            } else if part != "." {
                inside.push(&part);
                if links < LINKS_MAX
                    && let Ok(to) = std::fs::read_link(self.at(&inside))
                {
                    links += 1;
                    inside.pop();
                    push(&mut left, &to);
                }
            }
        }
        self.at(inside)
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

/// Reads a small file of sysfs once, into the shared buffer. Allocates nothing.
pub fn read_once<'b>(path: &Path, buffer: &'b mut Buffer) -> Option<&'b [u8]> {
    let file = File::open(path).ok()?;
    let length = file.read_at(&mut buffer.bytes, 0).ok()?;
    buffer.bytes.get(..length)
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

    #[test]
    fn links_of_the_machine_stay_below_the_root() {
        use std::os::unix::fs::symlink;
        let dir = std::env::temp_dir().join(format!("spider-links-{}", std::process::id()));
        for folder in ["etc/static", "nix/store/system/sw/bin", "run"] {
            std::fs::create_dir_all(dir.join(folder)).unwrap();
        }
        std::fs::write(dir.join("etc/static/os-release"), "ID=nixos\n").unwrap();
        std::fs::write(dir.join("nix/store/system/sw/bin/nix-env"), "").unwrap();
        symlink("/etc/static/os-release", dir.join("etc/os-release")).unwrap();
        symlink("/nix/store/system", dir.join("run/current-system")).unwrap();
        symlink("../../../../../etc/hostname", dir.join("etc/out")).unwrap();
        symlink("/etc/ring", dir.join("etc/ring")).unwrap();
        symlink("/no/such/init", dir.join("etc/dangling")).unwrap();
        let root = Root::new(&dir);
        assert_eq!(
            root.read("/etc/os-release").as_deref(),
            Some(&b"ID=nixos\n"[..])
        );
        assert!(root.has("/run/current-system/sw/bin/nix-env"));
        assert!(!root.has("/run/current-system/sw/bin/apt-get"));
        assert_eq!(
            root.resolved(Path::new("/etc/out")),
            dir.join("etc/hostname")
        );
        assert_eq!(root.read("/etc/ring"), None);
        assert!(root.has("/etc/dangling") && root.read("/etc/dangling").is_none());
        std::fs::remove_dir_all(dir).unwrap();
    }
}
