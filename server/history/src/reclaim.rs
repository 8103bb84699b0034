//! Bytes on the disk: what the database takes, and keeping it within the budget.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::limits::STEP_TIME;

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

/// A file that has more of its pages free than one in so many gives some back.
const FREE_SHARE: u64 = 64;
/// So few are not worth it.
const FREE_PAGES_MIN: u64 = 32;
/// Pages that were free for so long will not be filled soon.
const SPARE_TIME: Duration = Duration::from_secs(6 * 3_600);
/// The same after a start, when somebody may wait to see the file get smaller: at a
/// sample a second blocks are made for good within the hour.
const SPARE_TIME_AT_START: Duration = Duration::from_secs(3_600);

/// Which of the free pages nobody needs. Pure.
///
/// Merging frees what the next records fill: how many that are, the least that were
/// free at any time tells.
#[derive(Debug)]
pub struct Spare {
    until: Instant,
    least_free: Option<u64>,
}

impl Spare {
    pub fn new(now: Instant) -> Self {
        Self {
            until: now + SPARE_TIME_AT_START,
            least_free: None,
        }
    }

    /// That so many pages are free now.
    pub fn note(&mut self, free: u64) {
        self.least_free = Some(self.least_free.map_or(free, |least| least.min(free)));
    }

    /// How many to give back: none, until they were free for long enough.
    pub fn over(&mut self, now: Instant, pages: Pages) -> u64 {
        if now < self.until {
            return 0;
        }
        self.until = now + SPARE_TIME;
        let least = self.least_free.take().unwrap_or(0).min(pages.free);
        if least > pages.count / FREE_SHARE + FREE_PAGES_MIN {
            least
        } else {
            0
        }
    }
}

/// Gives free pages at the end of the file back, a few at a time: SQLite looks through
/// its list of all that are free for each of them.
///
/// It gives one back for each row of the answer that is asked for.
pub fn shrink(connection: &Connection, pages: u64) -> rusqlite::Result<()> {
    let begin = Instant::now();
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() && begin.elapsed() < STEP_TIME {}
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
    fn pages_are_spare_when_they_were_free_all_the_time() {
        let start = Instant::now();
        let mut spare = Spare::new(start);
        let pages = |free| Pages {
            size: 4_096,
            count: 64_000,
            free,
        };
        let minute = Duration::from_secs(60);
        let mut over = |from: u32, to: u32, free: &dyn Fn(u32) -> u64| -> Vec<(u32, u64)> {
            let minutes = (from..to).map(|at| {
                spare.note(free(at));
                (at, spare.over(start + minute * at, pages(free(at))))
            });
            minutes.filter(|(_, over)| *over > 0).collect()
        };
        // What comes and goes stays in the file, of the rest all goes.
        assert_eq!(over(0, 60, &|at| 2_000 + u64::from(at % 50) * 900), []);
        assert_eq!(
            over(60, 61, &|at| 2_000 + u64::from(at % 50) * 900),
            [(60, 2_000)]
        );
        assert_eq!(over(61, 1_000, &|at| u64::from(at % 50) * 900), []);
        // So few are not worth it.
        assert_eq!(over(1_000, 2_000, &|_| 1_032), []);
        assert_eq!(over(2_000, 2_600, &|_| 1_033), [(2_580, 1_033)]);
        // One moment without is enough.
        let once = |at| if at == 2_601 { 0 } else { 9_000 };
        assert_eq!(over(2_600, 3_301, &once), [(3_300, 9_000)]);
    }

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
