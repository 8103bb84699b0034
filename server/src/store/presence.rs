//! Whether the database that is written to is still the one at its path.
//!
//! A file that was deleted or replaced goes on taking writes until it is closed, and all
//! of them are lost then. Two looks at a name for each commit tell.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Device and inode.
type Id = (u64, u64);

#[derive(Debug)]
pub struct Presence {
    path: PathBuf,
    database: Option<Id>,
    /// Since there is one: it is there as long as the database is open.
    log: Mutex<Option<Id>>,
}

impl Presence {
    /// Of a database that was just opened.
    pub fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            database: id(path),
            log: Mutex::new(id(&log_of(path))),
        }
    }

    /// # Errors
    /// In words, what is not there any more.
    pub fn check(&self) -> Result<(), String> {
        // Where it could not be told at the start, it can't be now.
        if self.database.is_some() && id(&self.path) != self.database {
            return Err(gone(&self.path));
        }
        let log = log_of(&self.path);
        let found = id(&log);
        let mut known = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some(known) if found != Some(known) => Err(gone(&log)),
            Some(_) => Ok(()),
            None => {
                *known = found;
                Ok(())
            }
        }
    }
}

fn gone(path: &Path) -> String {
    let what = match path.exists() {
        true => "replaced",
        false => "deleted",
    };
    format!(
        "{} was {what} while Ground Control runs on it. Nothing is stored or acknowledged any \
         more. Put it back where it was, or stop Ground Control and put a backup in its place \
         with `stardust-server restore`.",
        path.display()
    )
}

fn id(path: &Path) -> Option<Id> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Folder;

    #[test]
    fn a_file_that_is_another_one_is_found_out() {
        let folder = Folder::new();
        let (db, log) = (folder.join("a.db"), folder.join("a.db-wal"));
        std::fs::write(&db, "1").unwrap();
        let presence = Presence::of(&db);
        assert_eq!(presence.check(), Ok(()));
        // The log comes with the first write, and may be cut.
        std::fs::write(&log, "log").unwrap();
        assert_eq!(presence.check(), Ok(()));
        std::fs::File::options()
            .write(true)
            .open(&log)
            .unwrap()
            .set_len(0)
            .unwrap();
        assert_eq!(presence.check(), Ok(()));

        let away = folder.join("away");
        std::fs::rename(&log, &away).unwrap();
        assert!(
            presence
                .check()
                .unwrap_err()
                .contains("a.db-wal was deleted")
        );
        std::fs::write(&log, "log").unwrap();
        assert!(
            presence
                .check()
                .unwrap_err()
                .contains("a.db-wal was replaced")
        );
        std::fs::rename(&away, &log).unwrap();
        assert_eq!(presence.check(), Ok(()));

        std::fs::rename(&db, &away).unwrap();
        let said = presence.check().unwrap_err();
        assert!(
            said.contains("deleted") && said.contains("restore"),
            "{said}"
        );
        std::fs::write(&db, "1").unwrap();
        assert!(presence.check().unwrap_err().contains("replaced"));
        // Put back: it goes on.
        std::fs::rename(&away, &db).unwrap();
        assert_eq!(presence.check(), Ok(()));
    }
}
