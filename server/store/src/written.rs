//! Whether somebody else has written into the database's file, as who copies a backup over
//! it: SQLite goes on with what it has read before, and moves its log into the other one.
//!
//! In WAL mode the file changes while the log is moved into it, and at no other time. The
//! log's index says how far that is to go, before the first page, and how far it is, after
//! the last. So a file that has changed while the index says the same has been changed by
//! another program.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use super::log::IndexHead;

/// The file's head (fileformat2.html, "The Database Header"): its size and a count of
/// changes are in it.
const HEAD_BYTES: usize = 100;

#[derive(Debug)]
pub struct Written {
    /// Open as long as the database is: closing it would take SQLite's locks away.
    file: Option<File>,
    /// How far the log was moved, and how the file was then.
    known: Option<(Moved, Stamp)>,
}

type Moved = ([u8; 8], u64);

#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    bytes: u64,
    head: [u8; HEAD_BYTES],
}

impl Written {
    pub fn of(path: &Path) -> Self {
        Self {
            file: File::open(path).ok(),
            known: None,
        }
    }

    /// Whether it is as SQLite has left it; `index` reads what the index says.
    pub fn is_ours(&mut self, index: impl Fn() -> Option<IndexHead>) -> bool {
        let before = index();
        let stamp = self.file.as_ref().and_then(stamp);
        let after = index();
        let now = match (moved(before), stamp) {
            // Nothing is moved just now.
            (Some(moved), Some(stamp)) if before == after => Some((moved, stamp)),
            _ => None,
        };
        let is_ours = match (&self.known, &now) {
            // Who has only touched it has changed the time alone.
            (Some((moved, was)), Some((still, is))) if moved == still => {
                was.modified == is.modified || (was.bytes, was.head) == (is.bytes, is.head)
            }
            _ => true,
        };
        if is_ours {
            self.known = now;
        }
        is_ours
    }
}

/// How far the log was moved, when that is over.
fn moved(head: Option<IndexHead>) -> Option<Moved> {
    let head = head.filter(|head| head.in_file == head.into_file)?;
    Some((head.salts, head.into_file))
}

fn stamp(file: &File) -> Option<Stamp> {
    let meta = file.metadata().ok()?;
    let mut head = [0; HEAD_BYTES];
    // One that is shorter has another head.
    let _ = file.read_exact_at(&mut head, 0);
    Some(Stamp {
        modified: (meta.mtime(), meta.mtime_nsec()),
        bytes: meta.len(),
        head,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, SystemTime};

    use rusqlite::Connection;

    use super::*;
    use crate::Store;
    use stardust_base::testing::Folder;

    fn fill(store: &Store, from: u8, to: u8) {
        for number in from..to {
            let name = format!("node {number}");
            store.insert_node(&name, &[], [number; 32], 1).unwrap();
        }
    }

    #[test]
    fn a_database_that_is_written_over_in_place_is_found_out() {
        for empties in [false, true] {
            let folder = Folder::new();
            let db = folder.join("a.db");
            let store = Store::open(&db).unwrap();
            fill(&store, 0, 20);
            crate::backup::run(&db, &folder.join("b.db")).unwrap();
            fill(&store, 20, 60);
            if empties {
                store.empty_log().unwrap();
                fill(&store, 60, 62);
            }
            assert_eq!(store.presence().check(), Ok(()));
            assert_eq!(store.presence().check(), Ok(()));
            // As `cp b.db a.db`.
            let copy = std::fs::read(folder.join("b.db")).unwrap();
            std::fs::write(&db, &copy).unwrap();
            let said = store.presence().check().unwrap_err();
            assert!(said.contains("a.db was written over"), "{said}");
            assert!(said.contains("restore"), "{said}");
            // It stays so, and what was copied stays as it is.
            assert!(store.insert_node("late", &[], [99; 32], 1).is_err());
            store.close().unwrap();
            drop(store);
            assert!(copy == std::fs::read(&db).unwrap());
        }
    }

    #[test]
    fn one_that_is_cut_or_changed_in_place_is_found_out_and_one_that_is_touched_is_not() {
        let folder = Folder::new();
        let db = folder.join("a.db");
        let store = Store::open(&db).unwrap();
        fill(&store, 0, 20);
        store.empty_log().unwrap();
        fill(&store, 20, 21);
        assert_eq!(store.presence().check(), Ok(()));
        let file = File::options().write(true).open(&db).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(9))
            .unwrap();
        assert_eq!(store.presence().check(), Ok(()));
        fill(&store, 21, 40);
        store.empty_log().unwrap();
        assert_eq!(store.presence().check(), Ok(()));
        file.set_len(8_192).unwrap();
        assert!(
            store
                .presence()
                .check()
                .unwrap_err()
                .contains("written over")
        );
        std::mem::forget(file);
    }

    #[test]
    fn what_sqlite_does_is_not_taken_for_that_however_many_write_and_read() {
        let folder = Folder::new();
        let db = folder.join("a.db");
        let store = Store::open(&db).unwrap();
        fill(&store, 0, 20);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..2)
                .map(|number| {
                    let connection = Connection::open(&db).unwrap();
                    connection.busy_timeout(Duration::from_millis(300)).unwrap();
                    // Each moves a little of the log at nearly each commit, or all of it.
                    connection
                        .pragma_update(None, "wal_autocheckpoint", 1 + 3 * number)
                        .unwrap();
                    scope.spawn(move || {
                        for round in 0..40 {
                            let name = format!("{number} {round} {}", "x".repeat(round * 20));
                            // It may have to wait for too long where much else goes on.
                            let _ = connection.execute(
                                "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
                                (format!("{number} {}", round % 7), name),
                            );
                            if round % 20 == 19 {
                                let _ = connection.query_row(
                                    "PRAGMA wal_checkpoint(TRUNCATE)",
                                    [],
                                    |_| Ok(()),
                                );
                            }
                        }
                        connection
                    })
                })
                .collect();
            // What is being read stays in the log, so that a part of it is moved.
            scope.spawn(|| {
                let connection = Connection::open(&db).unwrap();
                while !done.load(Ordering::Relaxed) {
                    connection.execute_batch("BEGIN").unwrap();
                    let count = "SELECT count(*) FROM meta";
                    connection
                        .query_row(count, [], |row| row.get::<_, i64>(0))
                        .unwrap();
                    std::thread::sleep(Duration::from_millis(2));
                    connection.execute_batch("COMMIT").unwrap();
                }
            });
            while !writers.iter().all(|writer| writer.is_finished()) {
                let found = store.presence().check();
                if found.is_err() {
                    done.store(true, Ordering::Relaxed);
                }
                assert_eq!(found, Ok(()));
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(store.presence().check(), Ok(()));
    }
}
