//! Whether SQLite finds the database malformed: looked at when it is opened,
//! and listened for while it is used.
//!
//! A start refuses a damaged database. One that turns out to be damaged later
//! is written to no more, since SQLite could take pages that hold something
//! else for free ones: samples stay with the Spiders, and what is in memory
//! (the fleet, who is signed in) stays to be seen.

use std::ffi::c_int;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, ffi};

use super::StoreError;

/// How long a start looks: a large database is not read through.
const LOOK: Duration = Duration::from_secs(2);
/// Instructions of SQLite between two looks at the clock.
const LOOK_STEPS: i32 = 1_000;
/// Tables without which history and nodes can't be told apart; they are small.
const SMALL_TABLES: [&str; 9] = [
    "meta",
    "users",
    "nodes",
    "credentials",
    "spiders",
    "layouts",
    "series",
    "progress",
    "gaps",
];

/// What SQLite said first. A process has one database.
static FOUND: OnceLock<String> = OnceLock::new();

/// Listens for what any connection of this process finds malformed. Only
/// `main` calls it, before there is a connection or another thread.
pub fn watch() {
    // SAFETY: nothing else uses SQLite yet; `note` calls nothing of SQLite and
    // may be called on any thread.
    let watched = unsafe { rusqlite::trace::config_log(Some(note)) };
    if let Err(error) = watched {
        stardust_base::log::warn(&format!(
            "damage of the database will be told only by who runs into it: {error}"
        ));
    }
}

fn note(code: c_int, words: &str) {
    // The lower byte is the kind.
    if !matches!(code & 0xff, ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB) {
        return;
    }
    if FOUND.set(words.to_owned()).is_ok() {
        stardust_base::log::error(&format!(
            "the database is damaged ({words}): nothing is written into it any more, and \
             samples stay with the Spiders. {ADVICE} The disk may be failing."
        ));
    }
}

/// What to do about it.
pub const ADVICE: &str = "Stop Ground Control, get what can be read with `stardust-server salvage \
                          --db FILE` (or put a backup in its place), and start it again.";

/// What SQLite found since [`watch`].
pub fn found() -> Option<&'static str> {
    FOUND.get().map(String::as_str)
}

/// Whether that is what SQLite says of pages that make no sense.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// Looks through the database for as long as a start may take: whole if it is
/// small, else the beginning of it and the small tables.
pub(super) fn look(path: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    let damaged = |why: String| StoreError::Damaged {
        path: Some(path.to_owned()),
        why,
    };
    let mut seen = verdict(connection, "PRAGMA quick_check(1)");
    if seen == Ok(false) {
        for table in SMALL_TABLES {
            seen = seen.and(verdict(connection, &format!("PRAGMA quick_check({table})")));
        }
    }
    // The pages that were read would stay in memory for ever on a small host.
    let _ = connection.release_memory();
    if seen.is_err() {
        // What is in the log stays there, too.
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }
    seen.map(drop).map_err(damaged)
}

/// False when the time was over first; what is wrong as the error.
fn verdict(connection: &mut Connection, check: &str) -> Result<bool, String> {
    let until = Instant::now() + LOOK;
    let is_over = move || Instant::now() >= until;
    // Without it the look is only longer.
    let _ = connection.progress_handler(LOOK_STEPS, Some(is_over));
    let said = connection.query_row(check, [], |row| row.get::<_, String>(0));
    let _ = connection.progress_handler(0, None::<fn() -> bool>);
    match said {
        Ok(said) if said == "ok" => Ok(true),
        Ok(said) => Err(said.lines().last().unwrap_or_default().to_owned()),
        Err(error) if is_damage(&error) => Err(error.to_string()),
        // The time was over, a table is not there yet, or it is somebody else's to tell.
        Err(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use stardust_base::testing::{Folder, overwrite};

    #[test]
    fn a_start_refuses_what_is_damaged_and_says_where() {
        let folder = Folder::new();
        let db = folder.join("a.db");
        let store = Store::open(&db).unwrap();
        let root: usize = store
            .writer()
            .query_row(
                "SELECT rootpage FROM sqlite_schema WHERE name = 'nodes'",
                [],
                |row| row.get::<_, i64>(0).map(|page| page as usize),
            )
            .unwrap();
        drop(store);
        Store::open(&db).unwrap();
        overwrite(&db, std::iter::once(root - 1));
        let Err(error) = Store::open(&db) else {
            panic!("a damaged database was opened");
        };
        let words = error.to_string();
        assert!(
            words.contains("a.db") && words.contains(&root.to_string()),
            "{words}"
        );
        assert!(error.hint().contains("salvage"), "{}", error.hint());
    }

    #[test]
    fn what_a_query_runs_into_is_damage_too() {
        let failure = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        for code in [
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_CORRUPT_INDEX,
            ffi::SQLITE_NOTADB,
        ] {
            let error = StoreError::from(failure(code));
            assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
            assert!(error.hint().contains("salvage"));
        }
        let error = StoreError::from(failure(ffi::SQLITE_FULL));
        assert!(matches!(error, StoreError::Sql(_)), "{error:?}");
    }
}
