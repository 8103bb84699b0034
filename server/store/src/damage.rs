//! Whether SQLite finds the database malformed: listened for while it is used.
//!
//! A start refuses a damaged database ([`super::quick_check`]). One that turns out to be
//! damaged later is written to no more, since SQLite could take pages that hold something
//! else for free ones: samples stay with the Spiders, and what is in memory
//! (the fleet, who is signed in) stays to be seen.

use std::ffi::c_int;
use std::sync::OnceLock;

use rusqlite::{ErrorCode, ffi};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreError;

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
