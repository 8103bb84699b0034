//! Bytes on the disk: what the database takes, and keeping it within the budget.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

/// What the files of the database take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    pub file_bytes: u64,
    pub log_bytes: u64,
    pub shm_bytes: u64,
}

impl Sizes {
    pub fn of(database: &Path) -> Self {
        let size = |suffix: &str| {
            let mut path = database.as_os_str().to_owned();
            path.push(suffix);
            std::fs::metadata(PathBuf::from(path)).map_or(0, |metadata| metadata.len())
        };
        Self {
            file_bytes: size(""),
            log_bytes: size("-wal"),
            shm_bytes: size("-shm"),
        }
    }

    pub fn total(self) -> u64 {
        self.file_bytes + self.log_bytes + self.shm_bytes
    }
}

/// Pages of the database, as the connection's next transaction finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    pub size: u64,
    pub count: u64,
    pub free: u64,
}

impl Pages {
    pub fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let pragma = |name: &str| {
            connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0).map(|n| n as u64))
        };
        Ok(Self {
            size: pragma("page_size")?,
            count: pragma("page_count")?,
            free: pragma("freelist_count")?,
        })
    }

    /// Bytes that can still be written before the file is larger than that.
    pub fn room(self, file_bytes_max: u64) -> u64 {
        let more = file_bytes_max.saturating_sub(self.count * self.size);
        more + self.free * self.size
    }
}

/// Gives free pages at the end of the file back, a few at a time.
///
/// SQLite gives back one page for each row of the answer that is asked for, so
/// all of them are.
pub fn shrink(connection: &Connection, pages: u64) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Whether the file can get smaller: that is decided when it is made.
pub fn can_shrink(connection: &Connection) -> rusqlite::Result<bool> {
    connection.pragma_query_value(None, "auto_vacuum", |row| {
        row.get::<_, i64>(0).map(|mode| mode == 2)
    })
}

/// Moves the log into the file and cuts it. False when a reader is in the way.
pub fn empty_log(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, i64>(0).map(|busy| busy == 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_step_gives_all_the_pages_back_that_it_should() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("PRAGMA auto_vacuum = 2; CREATE TABLE t (data BLOB);")
            .unwrap();
        let fill = "INSERT INTO t VALUES (zeroblob(3000))";
        for _ in 0..100 {
            connection.execute(fill, []).unwrap();
        }
        connection.execute("DELETE FROM t", []).unwrap();
        let before = Pages::of(&connection).unwrap();
        assert!(before.free >= 90, "{before:?}");
        shrink(&connection, 40).unwrap();
        let after = Pages::of(&connection).unwrap();
        assert_eq!(
            (before.free - after.free, before.count - after.count),
            (40, 40)
        );
    }
}
