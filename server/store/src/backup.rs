//! A copy of the database while Ground Control runs on it.
//!
//! One read transaction of SQLite (`VACUUM INTO`): what was committed before it
//! began is in the copy, all of it and nothing more, and the writer goes on
//! meanwhile. The copy is checked before it gets its name.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::damage::is_damage;
use super::open::{check_owner, explain, open_connection, require_file};
use stardust_base::error::{Error, Kind};

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    pub nodes: u64,
    pub bytes: u64,
}

/// Copies `db` to `file`, which must not exist.
///
/// # Errors
/// When the one can't be read or the other can't be written; nothing is left then.
pub fn run(db: &Path, file: &Path) -> Result<Backup, Error> {
    require_file(db)?;
    if file.exists() {
        return Err(exists(file));
    }
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial);
    match made {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(exists(&partial)),
        Err(error) => return Err(unwritable(&partial, &error.to_string())),
    }
    let done = copy(db, &partial).and_then(|backup| {
        // Two backups at once: the second finds the first one's file.
        if file.exists() {
            return Err(exists(file));
        }
        std::fs::rename(&partial, file)
            .and_then(|()| sync_folder(file))
            .map_err(|error| unwritable(file, &error.to_string()))?;
        Ok(backup)
    });
    if done.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    done
}

fn copy(db: &Path, partial: &Path) -> Result<Backup, Error> {
    let source = open_connection(db).map_err(|error| explain(db, error))?;
    check_owner(db, &source)?;
    let name = partial
        .to_str()
        .ok_or_else(|| unwritable(partial, "its name is not UTF-8, which SQLite needs"))?;
    source.execute("VACUUM INTO ?1", [name]).map_err(|error| {
        if is_damage(&error) {
            return Error::from(explain(db, error));
        }
        unwritable(partial, &error.to_string())
    })?;
    drop(source);
    File::open(partial)
        .and_then(|file| file.sync_all())
        .map_err(|error| unwritable(partial, &error.to_string()))?;
    let checked = check(partial);
    checked.map_err(|error| unwritable(partial, &format!("the copy is damaged: {error}")))
}

fn check(partial: &Path) -> rusqlite::Result<Backup> {
    let copy = Connection::open_with_flags(partial, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let verdict: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(rusqlite::Error::InvalidColumnName(verdict));
    }
    let number = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, i64>(0).map(|n| n as u64));
    Ok(Backup {
        nodes: number("SELECT count(*) FROM nodes")?,
        bytes: number("PRAGMA page_count")? * number("PRAGMA page_size")?,
    })
}

fn sync_folder(file: &Path) -> std::io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn exists(file: &Path) -> Error {
    Error::new(
        Kind::System,
        format!("{} is there already.", file.display()),
        "Name another file: a backup never replaces one.",
    )
}

fn unwritable(file: &Path, why: &str) -> Error {
    Error::new(
        Kind::System,
        format!("The backup {} can't be made: {why}.", file.display()),
        "See that its folder is writable and has room for another copy of the database.",
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::Store;
    use stardust_base::testing::Folder;

    #[test]
    fn a_copy_is_whole_private_and_never_replaces_a_file() {
        let folder = Folder::new();
        let (db, file) = (folder.join("a.db"), folder.join("it's a \"copy\".db"));
        let missing = run(&db, &file).unwrap_err();
        assert!(missing.message.contains("no database"), "{missing}");
        let store = Store::open(&db).unwrap();
        store.insert_node("pi4", &[], [7; 32], 1).unwrap();
        // The store stays open, with a log that is not in the file yet.
        let backup = run(&db, &file).unwrap();
        assert_eq!(backup.nodes, 1);
        assert_eq!(std::fs::metadata(&file).unwrap().len(), backup.bytes);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        store.insert_node("later", &[], [8; 32], 1).unwrap();
        let again = run(&db, &file).unwrap_err();
        assert!(again.message.contains("there already"), "{again}");
        let restored = Store::open(&file).unwrap();
        assert_eq!(restored.nodes().unwrap().len(), 1);
        let nowhere = run(&db, &folder.join("missing/b.db")).unwrap_err();
        assert!(nowhere.hint.contains("writable"), "{nowhere}");
        let leftover = std::fs::read_dir(folder.path()).unwrap().any(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_string_lossy()
                .contains("partial")
        });
        assert!(!leftover);
    }
}
