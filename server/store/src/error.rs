//! Why the database could not do something, by who can mend it.

use std::fmt;
use std::path::PathBuf;

use rusqlite::ErrorCode;

use super::damage;
use stardust_base::error::{Error, Kind};

#[derive(Debug)]
pub enum StoreError {
    /// The file or its folder can't be read or written: the operator's.
    Path { path: PathBuf, why: String },
    /// The file is no SQLite database, or its head is damaged.
    NotADatabase(PathBuf),
    /// SQLite finds pages of it malformed; `why` in its words.
    Damaged { path: Option<PathBuf>, why: String },
    /// An SQLite database of some other program.
    Foreign(PathBuf),
    /// Nobody has a login in it, and beside it is a log that SQLite would pass over.
    Leftover { path: PathBuf, why: String },
    /// Written by a later release than this one.
    Newer {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    /// Two users or nodes can't have one name.
    NameTaken,
    /// What is to be changed is not there (any more).
    Missing,
    /// It was changed by somebody else meanwhile.
    Changed,
    /// Nobody would be left who may everything.
    LastAdmin,
    /// SQLite refused: full disk, lock held for too long, or a fault of ours.
    Sql(rusqlite::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path, why } => {
                write!(f, "The database {} can't be opened: {why}.", path.display())
            }
            Self::NotADatabase(path) => {
                write!(
                    f,
                    "{} is not an SQLite database, or it is damaged.",
                    path.display()
                )
            }
            Self::Damaged { path, why } => match path {
                Some(path) => write!(f, "The database {} is damaged: {why}.", path.display()),
                None => write!(f, "The database is damaged: {why}."),
            },
            Self::Foreign(path) => {
                write!(f, "{} is the database of another program.", path.display())
            }
            Self::Leftover { path, why } => write!(
                f,
                "{} would be taken for a new database, but there is {0}-wal, which holds what was \
                 written last and can't be used: {why}.",
                path.display()
            ),
            Self::Newer { path, found, known } => write!(
                f,
                "The database {} is of a later release: its schema is {found}, this program knows up to {known}.",
                path.display()
            ),
            Self::NameTaken => f.write_str("The name is taken."),
            Self::Missing => f.write_str("It is not there, or not any more."),
            Self::Changed => f.write_str("It was changed by somebody else meanwhile."),
            Self::LastAdmin => {
                f.write_str("Then nobody would be left who is an admin of everything.")
            }
            Self::Sql(error) => write!(f, "The database refused: {error}."),
        }
    }
}

impl StoreError {
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Path { .. } => {
                "Name a file in a folder that this user may write to, with --db FILE."
            }
            Self::NotADatabase(_) => {
                "Name another file with --db FILE. If this was the database, put a backup in its \
                 place: of a file without a head nothing can be read."
            }
            Self::Damaged { .. } => damage::ADVICE,
            Self::Foreign(_) => "Name another file with --db FILE.",
            Self::Leftover { .. } => {
                "Put a backup in its place, or the database to which that log belongs. If nothing \
                 of it is wanted, move both files away first."
            }
            Self::Newer { .. } => {
                "Start the later release, or put back a copy of the database from before it."
            }
            Self::NameTaken => "Choose another name.",
            Self::Missing => "Load the list again.",
            Self::Changed => "Load it again, and send the change with the new ETag in If-Match.",
            Self::LastAdmin => "Make somebody else an admin without tags first.",
            Self::Sql(_) => {
                "See that the disk is not full and that nothing else holds the database."
            }
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Sql(error) => Some(error),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if damage::is_damage(&error) {
            return Self::Damaged {
                path: None,
                why: error.to_string(),
            };
        }
        match damage::found() {
            // We have made it so.
            Some(why) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ReadOnly) => {
                Self::Damaged {
                    path: None,
                    why: why.to_owned(),
                }
            }
            _ => Self::Sql(error),
        }
    }
}

/// Why nothing can be written at present, where it is no fault of the database, and what
/// to do next.
fn takes_nothing(error: &rusqlite::Error) -> Option<(&'static str, &'static str)> {
    match error.sqlite_error_code()? {
        ErrorCode::DiskFull => Some((
            "its disk is full",
            "Free some space on Ground Control's machine, and try again.",
        )),
        ErrorCode::ReadOnly => Some((
            "it has become read-only, or its file is not where it was",
            "GET /api/history/status and Ground Control's log say why.",
        )),
        ErrorCode::SystemIoFailure => Some((
            "its disk does not work",
            "Look at the kernel's log on Ground Control's machine.",
        )),
        _ => None,
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        if let StoreError::Sql(sql) = &error
            && let Some((why, hint)) = takes_nothing(sql)
        {
            let message = format!("The database takes nothing at present: {why}.");
            return Self::new(Kind::Storage, message, hint);
        }
        let kind = match error {
            StoreError::NameTaken => Kind::NameTaken,
            StoreError::Missing => Kind::NotFound,
            StoreError::Changed => Kind::PreconditionFailed,
            StoreError::LastAdmin => Kind::Conflict,
            // These don't get better by trying again.
            StoreError::Newer { .. } | StoreError::Foreign(_) | StoreError::Leftover { .. } => {
                Kind::Config
            }
            _ => Kind::Database,
        };
        Self::new(kind, error.to_string(), error.hint())
    }
}

impl From<StoreError> for stardust_shell::Fault {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

/// Of a table in which nothing but the name has to be the only one (a token is 256 random
/// bits): the name is there already, or SQLite refused for another reason.
pub(super) fn name_taken(error: rusqlite::Error) -> StoreError {
    match is_unique_violation(&error) {
        true => StoreError::NameTaken,
        false => StoreError::from(error),
    }
}

/// Whether SQLite refused a row since its UNIQUE value is there already.
fn is_unique_violation(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::SqliteFailure(failure, _)
            if failure.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_reads_whose_side_it_is_on() {
        let refused = |code: i32| {
            let failure = rusqlite::ffi::Error::new(code);
            let error = StoreError::from(rusqlite::Error::SqliteFailure(failure, None));
            Error::from(error)
        };
        for (code, words) in [
            (rusqlite::ffi::SQLITE_FULL, "disk is full"),
            (rusqlite::ffi::SQLITE_READONLY, "read-only"),
            (rusqlite::ffi::SQLITE_IOERR, "disk does not work"),
        ] {
            let error = refused(code);
            assert_eq!(error.kind.http_status(), 507);
            assert!(error.message.contains(words), "{error}");
        }
        // What is a fault of ours stays one.
        assert_eq!(refused(rusqlite::ffi::SQLITE_MISUSE).kind, Kind::Database);
    }
}
