//! Opening the file: its mode, its pragmas, and plain words when it can't be.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::StoreError;
use stardust_base::error::{Error, Kind};

/// How long a connection waits for another one's lock.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// "SDST": says in the file's header whose database it is (`PRAGMA application_id`).
pub(super) const APPLICATION_ID: i64 = 0x5344_5354;

/// A connection with the settings that all of ours share. The file must exist.
///
/// `synchronous` is NORMAL: in WAL mode a crash of the machine can lose the last
/// transactions, never the database. Who promises durability sets FULL.
pub fn open_connection(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    configure(&connection)?;
    Ok(connection)
}

/// One that has changed nothing yet.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// The settings that all of ours share.
pub(super) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    // Otherwise a statement may be planned anew for each value that is bound to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Text that came from nodes must not be able to reach functions through a crafted schema.
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(())
}

pub(super) fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) > 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
}

/// Makes a missing file with mode 0600 before SQLite sees it; its -wal and -shm
/// files then get the same mode.
pub(super) fn prepare_file(path: &Path) -> Result<(), StoreError> {
    let unusable = |why: String| StoreError::Path {
        path: path.to_owned(),
        why,
    };
    if path.is_dir() {
        return Err(unusable("it is a folder".into()));
    }
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if !path.is_file() {
                return Err(unusable("it is not a regular file".into()));
            }
            File::options()
                .read(true)
                .write(true)
                .open(path)
                .map(|_| ())
                .map_err(|error| unusable(error.to_string()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(unusable("its folder does not exist".into()))
        }
        Err(error) => Err(unusable(error.to_string())),
    }
}

/// Refuses to work on a database that is not there, which opening would make.
pub fn require_file(db: &Path) -> Result<(), Error> {
    if db.is_file() {
        return Ok(());
    }
    Err(Error::new(
        Kind::Database,
        format!("There is no database {}.", db.display()),
        "Name it with --db FILE.",
    ))
}

/// Refuses a database that another program made.
pub(super) fn check_owner(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let read = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let owner = read("PRAGMA application_id").map_err(|error| explain(path, error))?;
    let tables =
        read("SELECT count(*) FROM sqlite_schema").map_err(|error| explain(path, error))?;
    if owner == APPLICATION_ID || (owner == 0 && tables == 0) {
        Ok(())
    } else {
        Err(StoreError::Foreign(path.to_owned()))
    }
}

/// A new database can give pages back to the file system: history that was
/// dropped makes the file smaller. Only before the first table can that be set.
pub(super) fn prepare_new(connection: &Connection) -> rusqlite::Result<()> {
    if !has_tables(connection)? {
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        // In WAL mode it is in the header only after this.
        connection.execute_batch("VACUUM")?;
    }
    Ok(())
}

/// The words for what SQLite says when it can't open `path`.
pub(super) fn explain(path: &Path, error: rusqlite::Error) -> StoreError {
    let code = error.sqlite_error_code();
    match code {
        Some(ErrorCode::NotADatabase) => StoreError::NotADatabase(path.to_owned()),
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged {
            path: Some(path.to_owned()),
            why: error.to_string(),
        },
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::Path {
                path: path.to_owned(),
                why: format!("{error} (its folder must be writable too)"),
            }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Path {
            path: path.to_owned(),
            why: "another program holds it".into(),
        },
        _ => StoreError::Sql(error),
    }
}
