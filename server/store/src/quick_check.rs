//! Whether a database is whole, as far as a start can wait for the answer.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::StoreError;
use super::damage::is_damage;

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

/// Looks through the database for as long as a start may take: whole if it is
/// small, else the beginning of it and the small tables.
pub(super) fn run(path: &Path, connection: &mut Connection) -> Result<(), StoreError> {
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
}
