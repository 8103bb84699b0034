//! `stardust-server restore`: a backup in the place of the database.
//!
//! The backup is copied beside the database and looked through there, so that it stays
//! as it is and nothing is replaced by something that is no good. What was there before
//! is kept, and so are its owner and mode: restored by root, the service can open it.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::lock::{DatabaseLock, Work};
use super::look::resolve;
use super::open::{self, check_owner, explain};
use super::salvage::place;
use super::{StoreError, migrations};
use stardust_base::error::{Error, Kind};

/// What was restored.
#[derive(Debug, PartialEq, Eq)]
pub struct Restored {
    pub nodes: u64,
    /// Where the database is that was there before.
    pub aside: Option<PathBuf>,
}

/// Puts `file` in the place of `db`, on which no server may run.
///
/// # Errors
/// When the backup is not a sound database of ours of a schema that this program
/// knows, or files can't be written. `db` is what it was then.
pub fn run(db: &Path, file: &Path) -> Result<Restored, Error> {
    let db = &resolve(db);
    if !file.is_file() {
        return Err(Error::new(
            Kind::Config,
            format!("There is no backup {}.", file.display()),
            "Name a file that `stardust-server backup` has made.",
        ));
    }
    let id = |path: &Path| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.dev(), meta.ino()))
    };
    if id(file) == id(db) {
        return Err(Error::new(
            Kind::Config,
            format!("{} is the database itself.", file.display()),
            "Name a file that `stardust-server backup` has made.",
        ));
    }
    let _alone = DatabaseLock::alone(db, Work::Restore)?;
    let copy = place::beside(db, "restoring");
    // Of a restore that was cut off.
    place::remove(&copy);
    let done = copied(file, &copy)
        .map_err(|error| {
            Error::new(
                Kind::System,
                format!("{} can't be copied: {error}.", file.display()),
                "See that it can be read, and that the database's folder has room for it.",
            )
        })
        .and_then(|()| checked(file, &copy))
        .and_then(|nodes| {
            place::adopt(&copy, db);
            let aside = place::exchange(db, &copy, "replaced")?;
            Ok(Restored { nodes, aside })
        });
    if done.is_err() {
        place::remove(&copy);
    }
    done
}

/// With its log, if it has one: then it is no backup of ours, but what somebody copied.
fn copied(file: &Path, copy: &Path) -> std::io::Result<()> {
    for end in ["", "-wal"] {
        let from = place::with(file, end);
        if end.is_empty() || from.exists() {
            let mut from = File::open(from)?;
            let mut to = place::create(&place::with(copy, end))?;
            std::io::copy(&mut from, &mut to)?;
            to.sync_all()?;
        }
    }
    Ok(())
}

/// Looks through the copy and leaves one complete file. How many nodes it has.
fn checked(file: &Path, copy: &Path) -> Result<u64, Error> {
    let named = |error: StoreError| {
        let error = Error::from(error);
        let name = |path: &Path| path.display().to_string();
        Error {
            message: error.message.replace(&name(copy), &name(file)),
            hint: "Nothing was replaced. Name another backup.".to_owned(),
            ..error
        }
    };
    let sql = |error| named(explain(copy, error));
    let connection = open::connect(copy).map_err(sql)?;
    check_owner(copy, &connection).map_err(named)?;
    migrations::check(copy, &connection).map_err(named)?;
    let verdict: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(sql)?;
    if verdict != "ok" {
        return Err(named(StoreError::Damaged {
            path: Some(copy.to_owned()),
            why: verdict,
        }));
    }
    if super::users::all(&connection).map_err(sql)?.is_empty() {
        return Err(Error::new(
            Kind::Config,
            format!("{} has no login: it was never in use.", file.display()),
            "Nothing was replaced. If a file with the same name and -wal belongs to it, put that \
             beside it.",
        ));
    }
    // Who was signed in signs in again: what has ended since must not come back.
    connection
        .execute("DELETE FROM sessions", [])
        .map_err(sql)?;
    let nodes = connection
        .query_row("SELECT count(*) FROM nodes", [], |row| row.get::<_, i64>(0))
        .map_err(sql)?;
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .map_err(sql)?;
    drop(connection);
    for end in ["-wal", "-shm", "-journal"] {
        let _ = std::fs::remove_file(place::with(copy, end));
    }
    Ok(nodes.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::{Store, backup};
    use stardust_base::testing::{Folder, overwrite};

    fn made(db: &Path, nodes: u8) {
        let store = Store::open(db).unwrap();
        store.insert_user("ziggy", "hash", false, 1).unwrap();
        for number in 0..nodes {
            let name = format!("node {number}");
            store.insert_node(&name, &[], [number; 32], 1).unwrap();
        }
    }

    fn nodes(db: &Path) -> usize {
        Store::open(db).unwrap().nodes().unwrap().len()
    }

    #[test]
    fn a_backup_takes_the_place_and_what_was_there_is_kept() {
        let folder = Folder::new();
        let (db, file) = (folder.join("a.db"), folder.join("backup.db"));
        made(&db, 3);
        backup::run(&db, &file).unwrap();
        let kept = std::fs::read(&file).unwrap();
        let store = Store::open(&db).unwrap();
        store.insert_node("later", &[], [99; 32], 1).unwrap();
        let server = DatabaseLock::serve(&db).unwrap();
        let held = run(&db, &file).unwrap_err();
        assert!(held.message.contains("runs on"), "{held}");
        drop((server, store));
        let mode = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(&db, mode).unwrap();
        // A log of the database that is replaced must not become the new one's.
        std::fs::write(folder.join("a.db-wal"), "stale").unwrap();
        std::fs::write(folder.join("a.db-shm"), "stale").unwrap();

        let restored = run(&db, &file).unwrap();
        let aside = folder.join("a.db.replaced");
        assert_eq!((restored.nodes, restored.aside), (3, Some(aside.clone())));
        assert!(!folder.join("a.db-wal").exists() && !folder.join("a.db-shm").exists());
        assert!(folder.join("a.db.replaced-wal").exists());
        let meta = std::fs::metadata(&db).unwrap();
        assert_eq!(meta.mode() & 0o777, 0o640);
        assert_eq!(nodes(&db), 3);
        std::fs::remove_file(folder.join("a.db.replaced-wal")).unwrap();
        assert_eq!(nodes(&aside), 4);
        assert!(
            std::fs::read(&file).unwrap() == kept,
            "the backup was changed"
        );
        assert!(!folder.join("a.db.restoring").exists());

        // Where nothing is, and a second time.
        let other = folder.join("new.db");
        assert_eq!(run(&other, &file).unwrap().aside, None);
        assert_eq!(nodes(&other), 3);
        let again = run(&db, &file).unwrap().aside;
        assert_eq!(again, Some(folder.join("a.db.replaced-2")));
    }

    #[test]
    fn what_is_no_good_replaces_nothing() {
        let folder = Folder::new();
        let db = folder.join("a.db");
        made(&db, 200);
        let before = std::fs::read(&db).unwrap();
        let damaged = folder.join("damaged.db");
        std::fs::copy(&db, &damaged).unwrap();
        let pages = before.len() / 4_096;
        overwrite(&damaged, pages / 2..pages);
        let newer = folder.join("newer.db");
        made(&newer, 1);
        rusqlite::Connection::open(&newer)
            .unwrap()
            .pragma_update(None, "user_version", 999)
            .unwrap();
        let foreign = folder.join("foreign.db");
        rusqlite::Connection::open(&foreign)
            .unwrap()
            .execute_batch("CREATE TABLE recipes (name TEXT)")
            .unwrap();
        let unused = folder.join("unused.db");
        drop(Store::open(&unused).unwrap());
        let text = folder.join("letter.txt");
        std::fs::write(&text, "Dear Major Tom, this is no database at all.").unwrap();
        for (file, word) in [
            (&damaged, "damaged"),
            (&newer, "later release"),
            (&foreign, "another program"),
            (&unused, "no login"),
            (&text, "not an SQLite database"),
            (&folder.join("none.db"), "no backup"),
            (&db, "database itself"),
        ] {
            let error = run(&db, file).unwrap_err();
            assert!(error.message.contains(word), "{word}: {error}");
            assert!(!error.to_string().contains("restoring"), "{error}");
            assert!(std::fs::read(&db).unwrap() == before, "{word}");
        }
        assert!(!folder.join("a.db.restoring").exists());
        assert!(!folder.join("a.db.replaced").exists());
    }
}
