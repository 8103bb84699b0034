//! What is at a path before a start writes anything: look first, write last.
//!
//! A start that will be refused (a wrong secret, a port that is taken) leaves what it
//! finds as it is, and where nothing is, nothing.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::open::{self, explain};
use super::{StoreError, UserRecord, log, meta, migrations, quick_check, users};

/// A database as it was found.
pub struct Seen {
    pub(super) path: PathBuf,
    /// `None`: there is none yet.
    pub(super) connection: Option<Connection>,
    users: Vec<UserRecord>,
}

/// The name under which the database's log and lock are: links are followed.
pub fn resolve(db: &Path) -> PathBuf {
    if let Ok(whole) = std::fs::canonicalize(db) {
        return whole;
    }
    let folder = match db.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match (std::fs::canonicalize(folder), db.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => db.to_owned(),
    }
}

/// Looks at `path`, and writes nothing.
///
/// # Errors
/// What would keep it from being used.
pub fn look(path: &Path) -> Result<Seen, StoreError> {
    let unusable = |why: String| StoreError::Path {
        path: path.to_owned(),
        why,
    };
    let log = log::state(path);
    let none = || Seen {
        path: path.to_owned(),
        connection: None,
        users: Vec::new(),
    };
    let leftover = |why: String| StoreError::Leftover {
        path: path.to_owned(),
        why,
    };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if log != log::State::None {
                return Err(leftover("its database is not there".into()));
            }
            writable_folder(path).map_err(unusable)?;
            return Ok(none());
        }
        Err(error) => return Err(unusable(error.to_string())),
        Ok(_) => {}
    }
    if path.is_dir() {
        return Err(unusable("it is a folder".into()));
    }
    if !path.is_file() {
        return Err(unusable("it is not a regular file".into()));
    }
    let file = File::options().read(true).write(true).open(path);
    let meta = file.and_then(|file| file.metadata());
    let meta = meta.map_err(|error| unusable(error.to_string()))?;
    writable_folder(path).map_err(unusable)?;
    if meta.len() == 0 {
        if log != log::State::None {
            return Err(leftover("its database is empty".into()));
        }
        return Ok(none());
    }
    if meta.nlink() > 1 {
        stardust_base::log::warn(&format!(
            "{} has {} names (hard links), and its log is beside one of them alone: start with \
             the same name always, and copy it with `stardust-server backup`",
            path.display(),
            meta.nlink()
        ));
    }
    if let log::State::Unreadable(why) = &log
        && !is_readable(path)
    {
        // SQLite would say less.
        return Err(leftover(why.clone()));
    }
    let mut connection = open::connect(path).map_err(|error| explain(path, error))?;
    // A refused start does not move the log into the file either.
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    open::check_owner(path, &connection)?;
    quick_check::run(path, &mut connection)?;
    migrations::check(path, &connection)?;
    let users = users::all(&connection).unwrap_or_default();
    if users.is_empty()
        && let log::State::Unreadable(why) = log
    {
        return Err(leftover(why));
    }
    Ok(Seen {
        path: path.to_owned(),
        connection: Some(connection),
        users,
    })
}

/// Whether SQLite gets as far as the tables.
fn is_readable(path: &Path) -> bool {
    open::connect(path).is_ok_and(|connection| {
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        let read = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
            row.get::<_, i64>(0)
        });
        read.is_ok()
    })
}

fn writable_folder(path: &Path) -> Result<(), String> {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err("its folder does not exist".into());
    }
    let Ok(name) = std::ffi::CString::new(folder.as_os_str().as_bytes()) else {
        return Err("its folder has a name that can't be used".into());
    };
    // SAFETY: the pointer is to a text that ends with a zero byte, which is only read.
    match unsafe { libc::access(name.as_ptr(), libc::W_OK | libc::X_OK) } {
        0 => Ok(()),
        _ => Err(format!(
            "its folder must be writable too: {}",
            std::io::Error::last_os_error()
        )),
    }
}

impl Seen {
    /// Nobody has a login yet: a start makes the first one.
    pub fn is_new(&self) -> bool {
        self.users.is_empty()
    }

    pub fn users(&self) -> &[UserRecord] {
        &self.users
    }

    /// A row of the `meta` table.
    pub fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match &self.connection {
            Some(connection) if open::has_tables(connection)? => meta::get(connection, key),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use stardust_base::testing::Folder;

    fn files(folder: &Folder) -> Vec<String> {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries.map(|e| name(e).into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn looking_makes_nothing() {
        let folder = Folder::new();
        let seen = look(&folder.join("a.db")).unwrap();
        assert!(seen.is_new() && seen.meta("secret.salt").unwrap().is_none());
        drop(seen);
        assert_eq!(files(&folder), [""; 0]);
        let nowhere = look(&folder.join("none/a.db")).err().unwrap();
        assert!(nowhere.to_string().contains("does not exist"), "{nowhere}");
    }

    #[test]
    fn a_log_that_can_not_be_read_is_not_taken_for_a_beginning() {
        let folder = Folder::new();
        let db = folder.join("a.db");
        let store = Store::open(&db).unwrap();
        store.insert_user("ziggy", "hash", false, 1).unwrap();
        // As a kill leaves them.
        let copy = |name: &str, log: Option<&[u8]>| {
            let to = folder.join(name);
            std::fs::copy(&db, &to).unwrap();
            if let Some(log) = log {
                std::fs::write(folder.join(&format!("{name}-wal")), log).unwrap();
            }
            to
        };
        let log = std::fs::read(folder.join("a.db-wal")).unwrap();
        assert!(log.len() > 4_096);
        let whole = look(&copy("whole.db", Some(&log))).unwrap();
        assert_eq!(whole.users().len(), 1);
        let mut headless = log.clone();
        headless[..32].fill(0xa5);
        let mut damaged = log.clone();
        damaged[32 + 24 + 100] ^= 1;
        for (name, log) in [
            ("headless.db", &headless[..]),
            ("damaged.db", &damaged),
            ("short.db", &log[..20]),
            (
                "text.db",
                b"not a log at all, but nobody may delete it either",
            ),
        ] {
            let db = copy(name, Some(log));
            let error = look(&db).err().unwrap_or_else(|| panic!("{name}"));
            assert!(
                matches!(error, StoreError::Leftover { .. }),
                "{name}: {error}"
            );
            assert!(error.to_string().contains("-wal"), "{error}");
            assert!(Store::open(&db).is_err(), "{name}");
            let mut kept = db.into_os_string();
            kept.push("-wal");
            assert!(std::fs::read(kept).unwrap() == log, "{name}");
        }
        // A log alone.
        std::fs::write(folder.join("lost.db-wal"), &log).unwrap();
        let error = look(&folder.join("lost.db")).err().unwrap();
        assert!(error.to_string().contains("not there"), "{error}");
        assert!(Store::open(&folder.join("lost.db")).is_err());
        std::fs::write(folder.join("empty.db"), "").unwrap();
        std::fs::write(folder.join("empty.db-wal"), &log).unwrap();
        assert!(look(&folder.join("empty.db")).is_err());
        // An empty log is what an orderly stop leaves.
        assert!(look(&copy("plain.db", Some(b""))).is_ok());
    }

    #[test]
    fn links_lead_to_one_name() {
        let folder = Folder::new();
        let db = folder.join("a.db");
        std::fs::write(&db, "").unwrap();
        let link = folder.join("link.db");
        std::os::unix::fs::symlink("a.db", &link).unwrap();
        assert_eq!(resolve(&link), resolve(&db));
        let new = resolve(&folder.join("./new.db"));
        assert_eq!(new.file_name().unwrap(), "new.db");
    }
}
