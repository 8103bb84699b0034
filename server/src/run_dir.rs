//! The folder in which the API's socket is, and a demo's data: only this user can enter
//! it, and it goes with the process.
//!
//! A process that was killed leaves it behind. The next start takes away what no living
//! process holds: each folder has a file with a lock, which the kernel lets go of.

use std::fs::{File, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::auth::keys;
use crate::error::{Error, Kind};

const PREFIX: &str = "stardust-";
/// Digits behind it.
const DIGITS: usize = 16;
const LOCK: &str = "lock";
/// A folder without a lock is being made, or is of a release that had none.
const MAKING: Duration = Duration::from_secs(60);
/// Names that are looked at in a folder for temporary files, and folders taken away.
const NAMES_MAX: usize = 10_000;
const SWEPT_MAX: usize = 100;

/// Removed at the end.
pub struct RunDir {
    path: PathBuf,
    _lock: Option<File>,
}

impl RunDir {
    pub fn create() -> Result<Self, Error> {
        Self::create_in(&std::env::temp_dir())
    }

    fn create_in(base: &Path) -> Result<Self, Error> {
        sweep(base, SystemTime::now());
        let mut random = [0u8; 8];
        keys::random(&mut random)?;
        let path = base.join(format!("{PREFIX}{:016x}", u64::from_le_bytes(random)));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| {
                Error::new(
                    Kind::System,
                    format!("Can't make a folder in {}: {error}.", base.display()),
                    "Set TMPDIR to a folder that this user may write to.",
                )
            })?;
        let lock = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path.join(LOCK))
            // Without locks the folder may be left behind, nothing else.
            .ok()
            .filter(|file| file.try_lock().is_ok());
        Ok(Self { path, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        // Left behind, it is taken away at the next start.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Takes away what processes of this user have left in `base` that are no more.
fn sweep(base: &Path, now: SystemTime) {
    let Ok(entries) = std::fs::read_dir(base) else {
        return;
    };
    let names = entries.take(NAMES_MAX).filter_map(Result::ok);
    let ours = names.filter(|entry| entry.file_name().to_str().is_some_and(is_our_name));
    let stale = ours.filter_map(|entry| stale(&entry.path(), now).then(|| entry.path()));
    for path in stale.take(SWEPT_MAX) {
        // Links in it are removed, never followed.
        if std::fs::remove_dir_all(&path).is_ok() {
            crate::log::info(&format!(
                "{} was removed: a Ground Control that was killed has left it",
                path.display()
            ));
        }
    }
}

fn is_our_name(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|digits| {
        digits.len() == DIGITS
            && digits
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Whether it is a folder of ours whose process has ended.
fn stale(path: &Path, now: SystemTime) -> bool {
    // Of the name itself: a link is somebody else's doing.
    let Ok(meta) = std::fs::symlink_metadata(path) else {
        return false;
    };
    // SAFETY: takes nothing and can't fail.
    let own = unsafe { libc::geteuid() };
    if !meta.is_dir() || meta.uid() != own || meta.mode() & 0o777 != 0o700 {
        return false;
    }
    let lock = File::options()
        .write(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path.join(LOCK));
    match lock {
        // Held: its process lives.
        Ok(lock) => !matches!(
            lock.try_lock(),
            Err(TryLockError::WouldBlock | TryLockError::Error(_))
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let age = meta
                .modified()
                .ok()
                .and_then(|at| now.duration_since(at).ok());
            age.is_some_and(|age| age >= MAKING) && !is_served(path)
        }
        Err(_) => false,
    }
}

/// Whether anybody listens there: releases without a lock have the socket alone.
fn is_served(path: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(path.join("api.sock")).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;
    use stardust_base::testing::Folder;

    #[test]
    fn only_folders_of_ended_processes_go() {
        let base = Folder::new();
        let running = RunDir::create_in(base.path()).unwrap();
        let make = |name: &str, lock: bool| {
            let path = base.join(name);
            std::fs::DirBuilder::new()
                .mode(0o700)
                .create(&path)
                .unwrap();
            if lock {
                std::fs::write(path.join(LOCK), "").unwrap();
            }
            path
        };
        let killed = make("stardust-00000000000000aa", true);
        let outside = base.join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("kept"), "kept").unwrap();
        symlink(&outside, killed.join("link")).unwrap();
        symlink(&outside, base.join("stardust-00000000000000ab")).unwrap();
        // Like those of tests, and of other programs.
        make("stardust-test-1-1", true);
        make("stardust-00000000000000ABCD", true);
        let open = make("stardust-00000000000000ac", true);
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
        let old = make("stardust-00000000000000ad", false);
        let served = make("stardust-00000000000000ae", false);
        let _listener = UnixListener::bind(served.join("api.sock")).unwrap();

        sweep(base.path(), SystemTime::now());
        assert!(!killed.exists());
        assert!(outside.join("kept").exists(), "a link was followed");
        assert!(old.exists(), "it may be one that is being made");
        sweep(base.path(), SystemTime::now() + MAKING);
        assert!(!old.exists());
        for kept in [
            running.path().to_owned(),
            base.join("stardust-00000000000000ab"),
            base.join("stardust-test-1-1"),
            base.join("stardust-00000000000000ABCD"),
            open,
            served,
        ] {
            assert!(kept.symlink_metadata().is_ok(), "{}", kept.display());
        }
        let path = running.path().to_owned();
        drop(running);
        assert!(!path.exists());
    }
}
