//! Tells whether a Ground Control runs on a database: an advisory lock on a file
//! beside it, which the kernel lets go of when the process ends, however it ends.
//!
//! Not on the database itself: closing any handle of that file would take
//! SQLite's own locks away.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind};

/// Held as long as this lives.
#[derive(Debug)]
pub struct DatabaseLock {
    file: Option<File>,
}

/// Let go of in so many words: a child that was just forked has the file open too,
/// and closing ours alone would leave the lock with it until it runs its program.
impl Drop for DatabaseLock {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = file.unlock();
        }
    }
}

impl DatabaseLock {
    /// For whoever serves from the database. Refused only while it is rekeyed.
    pub fn serve(db: &Path) -> Result<Self, Error> {
        Self::take(db, File::try_lock_shared, || {
            Error::new(
                Kind::Database,
                format!("The secret of {} is being changed.", db.display()),
                "Start again when `stardust-server rekey` has ended, with the new secret.",
            )
        })
    }

    /// For whoever must be alone with the database.
    pub fn alone(db: &Path) -> Result<Self, Error> {
        Self::take(db, File::try_lock, || {
            Error::new(
                Kind::Database,
                format!("A Ground Control runs on {}.", db.display()),
                "Stop it first: this needs the database for itself.",
            )
        })
    }

    fn take(
        db: &Path,
        lock: impl FnOnce(&File) -> Result<(), TryLockError>,
        held: impl FnOnce() -> Error,
    ) -> Result<Self, Error> {
        let path = lock_path(db);
        let file = OpenOptions::new()
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
        match lock(&file) {
            Ok(()) => Ok(Self { file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(held()),
            // A file system without locks: nothing can be told, which must not
            // keep a server from starting.
            Err(TryLockError::Error(_)) => Ok(Self { file: None }),
        }
    }
}

fn lock_path(db: &Path) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Folder;

    #[test]
    fn it_is_let_go_of_although_a_child_has_its_file() {
        let folder = Folder::new();
        let db = folder.join("l.db");
        let lock = DatabaseLock::alone(&db).unwrap();
        // What a fork does to a descriptor.
        let child = lock.file.as_ref().unwrap().try_clone().unwrap();
        assert!(DatabaseLock::serve(&db).is_err());
        drop(lock);
        assert!(DatabaseLock::serve(&db).is_ok());
        drop(child);
    }

    #[test]
    fn a_server_keeps_rekey_out_and_the_reverse() {
        let folder = Folder::new();
        let db = folder.join("l.db");
        let server = DatabaseLock::serve(&db).unwrap();
        let refused = DatabaseLock::alone(&db).unwrap_err();
        assert!(refused.message.contains("runs on"), "{refused}");
        drop(server);
        let alone = DatabaseLock::alone(&db).unwrap();
        assert!(DatabaseLock::serve(&db).is_err());
        assert!(DatabaseLock::alone(&db).is_err());
        drop(alone);
        let _one = DatabaseLock::serve(&db).unwrap();
    }
}
