//! Who works on a database: one program at a time, but for `backup`.
//!
//! Two locks, which the kernel lets go of when the process ends, however it ends:
//! - on bytes of the database file itself, far behind those that SQLite locks. They
//!   are the file's: whoever comes by another path, a link or a mount finds them. Which
//!   process holds them is in the place of a second byte, so that it can be named.
//! - on a file beside it, with the process and what it does in words. A release that
//!   knows nothing of the first takes this one, and it is there before the database is.
//!
//! The database's own descriptor is never closed: closing any of that file would take
//! SQLite's locks away.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::fd::IntoRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::salvage::place;
use stardust_base::error::{Error, Kind};

/// The byte that is locked. SQLite's are at 1 GiB; also a small `off_t` reaches this.
const HELD_BYTE: i64 = 0x6000_0000;
/// From here on the byte of the process that holds it.
const PID_BYTES: i64 = HELD_BYTE + 1;
/// Process numbers are below this on every Linux.
const PIDS: i64 = 1 << 22;
/// What is read of the file beside the database.
const WORDS_BYTES_MAX: u64 = 64;

/// What for a database is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Serve,
    Rekey,
    Salvage,
    Restore,
    ResetPassword,
    Users,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Rekey => "rekey",
            Self::Salvage => "salvage",
            Self::Restore => "restore",
            Self::ResetPassword => "reset-password",
            Self::Users => "users",
        }
    }
}

/// Held as long as this lives.
#[derive(Debug)]
pub struct DatabaseLock {
    beside: Option<File>,
    /// The database's descriptor.
    bytes: Option<i32>,
}

/// Let go of in so many words: a child that was just forked has the files open too,
/// and closing ours alone would leave the lock with it until it runs its program.
impl Drop for DatabaseLock {
    fn drop(&mut self) {
        if let Some(file) = &mut self.beside {
            let _ = file.set_len(0);
            let _ = file.unlock();
        }
        if let Some(descriptor) = self.bytes {
            let _ = set(descriptor, libc::F_UNLCK, HELD_BYTE, PIDS + 1);
        }
    }
}

impl DatabaseLock {
    /// For whoever serves from the database, which need not be there yet: then
    /// [`Self::made`] follows.
    ///
    /// # Errors
    /// When somebody else works on it, or its folder can't be written to.
    pub fn serve(db: &Path) -> Result<Self, Error> {
        Self::take(db, Work::Serve)
    }

    /// For whoever must be alone with it.
    ///
    /// # Errors
    /// As of [`Self::serve`].
    pub fn alone(db: &Path, work: Work) -> Result<Self, Error> {
        Self::take(db, work)
    }

    /// The database is there now.
    ///
    /// # Errors
    /// When somebody holds it by another name.
    pub fn made(&mut self, db: &Path) -> Result<(), Error> {
        if self.bytes.is_none() {
            self.bytes = take_bytes(db).map_err(|pid| held(db, pid, Some("serve"), Work::Serve))?;
        }
        Ok(())
    }

    fn take(db: &Path, work: Work) -> Result<Self, Error> {
        let beside = match Self::take_beside(db, work) {
            // What can be read of a disk that can't be written to any more.
            Err(_) if work == Work::Salvage && !lock_path(db).exists() => None,
            taken => taken?,
        };
        let mut lock = Self {
            beside,
            bytes: None,
        };
        if db.exists() {
            lock.bytes = take_bytes(db).map_err(|pid| held(db, pid, None, work))?;
        }
        Ok(lock)
    }

    fn take_beside(db: &Path, work: Work) -> Result<Option<File>, Error> {
        let path = lock_path(db);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| {
                Error::new(
                    Kind::Database,
                    format!("{} can't be opened: {error}.", path.display()),
                    "The folder of the database must be writable.",
                )
            })?;
        match file.try_lock() {
            Ok(()) => {
                // Without these words a refusal only names nobody.
                let words = format!("{} {}\n", std::process::id(), work.name());
                let _ = file
                    .set_len(0)
                    .and_then(|()| file.write_all(words.as_bytes()));
                // Made by root, the service must be able to open it.
                if file.metadata().is_ok_and(|meta| meta.uid() == 0) {
                    place::adopt_owner(&path, db);
                }
                Ok(Some(file))
            }
            Err(TryLockError::WouldBlock) => {
                let mut words = String::new();
                let _ = file.take(WORDS_BYTES_MAX).read_to_string(&mut words);
                let (pid, verb) = parse(&words);
                Err(held(db, pid, verb, work))
            }
            // A file system without locks: nothing can be told, which must not
            // keep a server from starting.
            Err(TryLockError::Error(_)) => Ok(None),
        }
    }
}

/// `1234 serve`
fn parse(words: &str) -> (Option<i64>, Option<&str>) {
    let mut words = words.split_whitespace();
    let pid = words.next().and_then(|pid| pid.parse().ok());
    let is_verb = |verb: &&str| verb.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    (pid, words.next().filter(is_verb))
}

/// The words of a refusal.
fn held(db: &Path, pid: Option<i64>, verb: Option<&str>, work: Work) -> Error {
    let process = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
    let db = db.display();
    let (message, hint) = match (verb, work) {
        (Some("rekey"), Work::Serve) => (
            format!("The secret of {db} is being changed{process}."),
            "Start again when `stardust-server rekey` has ended, with the new secret.".to_owned(),
        ),
        (Some(verb), _) if verb != "serve" => (
            format!("`stardust-server {verb}` works on {db}{process}."),
            "Try again when it has ended.".to_owned(),
        ),
        (_, Work::Serve) => (
            format!("Another Ground Control runs on {db}{process}."),
            "Two would undo each other's work. Stop that one, or give this one a database of \
             its own with --db FILE."
                .to_owned(),
        ),
        _ => (
            format!("A Ground Control runs on {db}{process}."),
            "Stop it first: this needs the database for itself.".to_owned(),
        ),
    };
    Error::new(Kind::Database, message, hint)
}

/// Locks the bytes of the file. `Err` with the process that has them, if that is known;
/// `Ok(None)` where there are no such locks.
fn take_bytes(db: &Path) -> Result<Option<i32>, Option<i64>> {
    let Ok(file) = File::options().read(true).write(true).open(db) else {
        // That it can't be opened is told by who opens it.
        return Ok(None);
    };
    // Never closed, see above: one for the life of a process.
    let descriptor = file.into_raw_fd();
    match set(descriptor, libc::F_WRLCK, HELD_BYTE, 1) {
        Ok(()) => {
            let pid = i64::from(std::process::id()) % PIDS;
            let _ = set(descriptor, libc::F_WRLCK, PID_BYTES + pid, 1);
            Ok(Some(descriptor))
        }
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
            Err(holder(descriptor))
        }
        Err(_) => Ok(None),
    }
}

/// The process whose byte is locked.
#[allow(clippy::useless_conversion, reason = "elsewhere an off_t is shorter")]
fn holder(descriptor: i32) -> Option<i64> {
    let mut range = range(libc::F_WRLCK, PID_BYTES, PIDS);
    // SAFETY: the pointer is to a whole flock, which the call reads and writes.
    let asked = unsafe { libc::fcntl(descriptor, libc::F_OFD_GETLK, &raw mut range) };
    let found = asked == 0 && range.l_type != libc::F_UNLCK as libc::c_short;
    found.then(|| i64::from(range.l_start) - PID_BYTES)
}

fn set(descriptor: i32, kind: i32, start: i64, length: i64) -> std::io::Result<()> {
    let range = range(kind, start, length);
    // SAFETY: the pointer is to a whole flock, which is only read.
    match unsafe { libc::fcntl(descriptor, libc::F_OFD_SETLK, &raw const range) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

fn range(kind: i32, start: i64, length: i64) -> libc::flock {
    // SAFETY: a flock is plain numbers, for all of which zero is one.
    let mut range: libc::flock = unsafe { std::mem::zeroed() };
    range.l_type = kind as libc::c_short;
    range.l_whence = libc::SEEK_SET as libc::c_short;
    range.l_start = start as libc::off_t;
    range.l_len = length as libc::off_t;
    range
}

fn lock_path(db: &Path) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_base::testing::Folder;

    #[test]
    fn it_is_let_go_of_although_a_child_has_its_file() {
        let folder = Folder::new();
        let db = folder.join("l.db");
        let lock = DatabaseLock::alone(&db, Work::Rekey).unwrap();
        // What a fork does to a descriptor.
        let child = lock.beside.as_ref().unwrap().try_clone().unwrap();
        assert!(DatabaseLock::serve(&db).is_err());
        drop(lock);
        assert!(DatabaseLock::serve(&db).is_ok());
        drop(child);
    }

    #[test]
    fn a_server_keeps_all_others_out_and_is_named() {
        let folder = Folder::new();
        let db = folder.join("l.db");
        let server = DatabaseLock::serve(&db).unwrap();
        let us = format!("process {}", std::process::id());
        for work in [Work::Serve, Work::Rekey, Work::Salvage, Work::Restore] {
            let refused = DatabaseLock::alone(&db, work).unwrap_err();
            let said = refused.message.contains("runs on") && refused.message.contains(&us);
            assert!(said, "{refused}");
        }
        drop(server);
        let alone = DatabaseLock::alone(&db, Work::Rekey).unwrap();
        let refused = DatabaseLock::serve(&db).unwrap_err();
        assert!(refused.message.contains("being changed"), "{refused}");
        let refused = DatabaseLock::alone(&db, Work::Salvage).unwrap_err();
        assert!(refused.message.contains("rekey"), "{refused}");
        drop(alone);
        let _one = DatabaseLock::serve(&db).unwrap();
    }

    #[test]
    fn a_file_is_held_under_all_of_its_names() {
        let folder = Folder::new();
        let (db, link) = (folder.join("l.db"), folder.join("link.db"));
        let mut first = DatabaseLock::serve(&db).unwrap();
        std::fs::write(&db, "").unwrap();
        first.made(&db).unwrap();
        std::fs::hard_link(&db, &link).unwrap();
        let symbolic = folder.join("symbolic.db");
        std::os::unix::fs::symlink(&db, &symbolic).unwrap();
        for other in [&link, &symbolic] {
            let refused = DatabaseLock::serve(other).unwrap_err();
            let us = format!("process {}", std::process::id());
            assert!(refused.message.contains(&us), "{refused}");
        }
        drop(first);
        let second = DatabaseLock::serve(&link).unwrap();
        assert!(DatabaseLock::serve(&db).is_err());
        drop(second);
        assert!(DatabaseLock::serve(&db).is_ok());
    }

    #[test]
    fn damaged_words_name_nobody() {
        assert_eq!(parse("12 serve\n"), (Some(12), Some("serve")));
        assert_eq!(parse(""), (None, None));
        assert_eq!(parse("\u{1b}[2J x"), (None, Some("x")));
        assert_eq!(parse("7 \u{1b}[2J"), (Some(7), None));
        let error = held(Path::new("a.db"), None, None, Work::Serve);
        assert!(!error.message.contains("process"), "{error}");
    }
}
