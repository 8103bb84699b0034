//! Whether the database that is written to is still the one at its path, and its log
//! still what was written into it.
//!
//! A file that was deleted or replaced goes on taking writes until it is closed, and all
//! of them are lost then. A log that somebody cuts off or writes over takes writes too,
//! behind a hole that the next start can't read past. A few looks for each commit tell.

use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::log::{FRAME_HEADER_BYTES, HEADER_BYTES, INDEX_BYTES, IndexHead, with};
use super::written::Written;

/// Device and inode.
type Id = (u64, u64);

/// An index that changes while it is read is read again.
const TRIES: u32 = 4;

#[derive(Debug)]
pub struct Presence {
    path: PathBuf,
    database: Option<Id>,
    /// Since there is one: it is there as long as the database is open.
    log: Mutex<Option<Log>>,
    written: Mutex<Written>,
    /// What is gone from a log nobody can put back.
    spoilt: OnceLock<String>,
}

impl Presence {
    /// Of a database that was just opened.
    pub fn of(path: &Path) -> Self {
        let log = with(path, "-wal");
        Self {
            path: path.to_owned(),
            database: file_id(path),
            log: Mutex::new(Log::open(path, &log)),
            written: Mutex::new(Written::of(path)),
            spoilt: OnceLock::new(),
        }
    }

    /// # Errors
    /// In words, what is not there any more.
    pub fn check(&self) -> Result<(), String> {
        if let Some(spoilt) = self.spoilt.get() {
            return Err(spoilt.clone());
        }
        // Where it could not be told at the start, it can't be now.
        let meta = std::fs::metadata(&self.path).ok();
        if self.database.is_some() && meta.as_ref().map(id) != self.database {
            return Err(gone(&self.path));
        }
        if meta.is_some_and(|meta| meta.len() == 0) {
            let words = format!("{} was emptied {STOPPED} {RESTORE}", self.path.display());
            return Err(self.spoilt.get_or_init(|| words).clone());
        }
        let log = with(&self.path, "-wal");
        let mut known = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = &mut *known else {
            *known = Log::open(&self.path, &log);
            return Ok(());
        };
        if file_id(&log) != Some(known.id) {
            return Err(gone(&log));
        }
        // Who opens the database from now on gets another one, and the two see nothing of
        // each other: a backup would copy what is just being changed.
        let index = with(&self.path, "-shm");
        if known.index_id.is_some() && file_id(&index) != known.index_id {
            return Err(format!(
                "{} was {} {STOPPED} Start Ground Control anew: nothing is lost.",
                index.display(),
                what(&index)
            ));
        }
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if !written.is_ours(|| known.head()) {
            let words = format!(
                "{} was written over {STOPPED} {RESTORE}",
                self.path.display()
            );
            return Err(self.spoilt.get_or_init(|| words).clone());
        }
        if known.is_whole() {
            return Ok(());
        }
        let words = format!(
            "{} was cut off or written over while Ground Control runs on it: what was not moved \
             into {} yet is lost. Nothing is stored or acknowledged any more. Start Ground Control \
             anew, which goes on with what is left and is sent again what was not acknowledged, or \
             put a backup in its place with `stardust-server restore`.",
            log.display(),
            self.path.display()
        );
        Err(self.spoilt.get_or_init(|| words).clone())
    }
}

/// The log that is written to, and what was last seen of it.
#[derive(Debug)]
struct Log {
    id: Id,
    file: File,
    /// Which frames there are. Open as long as the database is: closing it would take
    /// SQLite's locks away, which are on this file.
    index: Option<File>,
    index_id: Option<Id>,
    /// The last frame that was there, and of which log.
    mark: (u64, [u8; 8]),
}

impl Log {
    fn open(db: &Path, log: &Path) -> Option<Self> {
        let file = File::open(log).ok()?;
        let index = File::open(with(db, "-shm")).ok();
        Some(Self {
            id: id(&file.metadata().ok()?),
            file,
            index_id: index
                .as_ref()
                .and_then(|index| index.metadata().ok())
                .map(|meta| id(&meta)),
            index,
            mark: (0, [0; 8]),
        })
    }

    /// Whether all frames that the index knows of are there. SQLite writes a frame before
    /// it says so, and says that there is none before it cuts the log.
    fn is_whole(&mut self) -> bool {
        for _ in 0..TRIES {
            let Some(head) = self.head() else {
                continue;
            };
            let whole = self.has_what_it_should(&head);
            // Begun anew, or grown, in the middle of the look.
            if self.head() != Some(head) {
                continue;
            }
            if whole {
                self.mark = (head.frames, head.salts);
            }
            return whole;
        }
        // The next look may find it at rest.
        true
    }

    fn head(&self) -> Option<IndexHead> {
        let mut index = [0; INDEX_BYTES];
        self.index.as_ref()?.read_exact_at(&mut index, 0).ok()?;
        IndexHead::of(&index)
    }

    fn has_what_it_should(&self, head: &IndexHead) -> bool {
        if head.frames == 0 {
            return true;
        }
        let frame_bytes = FRAME_HEADER_BYTES as u64 + head.page_bytes;
        let end_of = |frames: u64| HEADER_BYTES as u64 + frames * frame_bytes;
        let is_of_it = |at: u64| {
            let mut salts = [0; 8];
            self.file.read_exact_at(&mut salts, at).is_ok() && salts == head.salts
        };
        let has_frame = |number: u64| is_of_it(end_of(number - 1) + 8);
        // A hole that was written behind shows where the log once ended.
        let (last, of) = self.mark;
        let is_later = last > 0 && of == head.salts && last < head.frames;
        self.file
            .metadata()
            .is_ok_and(|meta| meta.len() >= end_of(head.frames))
            && is_of_it(16)
            && has_frame(head.frames)
            && (!is_later || has_frame(last))
    }
}

const STOPPED: &str =
    "while Ground Control runs on it. Nothing is stored or acknowledged any more.";
const RESTORE: &str = "Stop Ground Control and put a backup in its place with \
     `stardust-server restore`.";

fn gone(path: &Path) -> String {
    format!(
        "{} was {} {STOPPED} Put it back where it was, or stop Ground Control and put a backup in \
         its place with `stardust-server restore`.",
        path.display(),
        what(path)
    )
}

fn what(path: &Path) -> &'static str {
    match path.exists() {
        true => "replaced",
        false => "deleted",
    }
}

fn file_id(path: &Path) -> Option<Id> {
    std::fs::metadata(path).ok().map(|meta| id(&meta))
}

fn id(meta: &Metadata) -> Id {
    (meta.dev(), meta.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use stardust_base::testing::Folder;

    #[test]
    fn a_file_that_is_another_one_is_found_out() {
        let folder = Folder::new();
        let (db, log) = (folder.join("a.db"), folder.join("a.db-wal"));
        std::fs::write(&db, "1").unwrap();
        let presence = Presence::of(&db);
        assert_eq!(presence.check(), Ok(()));
        // The log comes with the first write.
        std::fs::write(&log, "log").unwrap();
        assert_eq!(presence.check(), Ok(()));

        let away = folder.join("away");
        std::fs::rename(&log, &away).unwrap();
        assert!(
            presence
                .check()
                .unwrap_err()
                .contains("a.db-wal was deleted")
        );
        std::fs::write(&log, "log").unwrap();
        assert!(
            presence
                .check()
                .unwrap_err()
                .contains("a.db-wal was replaced")
        );
        std::fs::rename(&away, &log).unwrap();
        assert_eq!(presence.check(), Ok(()));

        std::fs::rename(&db, &away).unwrap();
        let said = presence.check().unwrap_err();
        assert!(
            said.contains("deleted") && said.contains("restore"),
            "{said}"
        );
        std::fs::write(&db, "1").unwrap();
        assert!(presence.check().unwrap_err().contains("replaced"));
        // Put back: it goes on.
        std::fs::rename(&away, &db).unwrap();
        assert_eq!(presence.check(), Ok(()));
    }

    #[test]
    fn an_index_that_is_another_one_is_found_out() {
        for replaced in [false, true] {
            let folder = Folder::new();
            let store = Store::open(&folder.join("a.db")).unwrap();
            fill(&store, 0, 3);
            assert_eq!(store.presence().check(), Ok(()));
            let index = folder.join("a.db-shm");
            std::fs::rename(&index, folder.join("away")).unwrap();
            if replaced {
                std::fs::write(&index, "other").unwrap();
            }
            let said = store.presence().check().unwrap_err();
            assert!(said.contains("a.db-shm was"), "{said}");
            assert!(said.contains("anew"), "{said}");
            // Nothing is written into what two may take for their own.
            assert!(store.insert_node("late", &[], [99; 32], 1).is_err());
        }
    }

    #[test]
    fn a_database_that_was_emptied_is_found_out() {
        let folder = Folder::new();
        let store = Store::open(&folder.join("a.db")).unwrap();
        fill(&store, 0, 3);
        std::fs::File::create(folder.join("a.db")).unwrap();
        let said = store.presence().check().unwrap_err();
        assert!(said.contains("a.db was emptied"), "{said}");
        assert!(said.contains("restore"), "{said}");
    }

    fn fill(store: &Store, from: u8, to: u8) {
        for number in from..to {
            let name = format!("node {number}");
            store.insert_node(&name, &[], [number; 32], 1).unwrap();
        }
    }

    /// A database with a log, what is done to the log, and whether that is found out.
    fn spoilt_by(spoil: impl Fn(&Store, &File, u64)) -> Result<(), String> {
        let folder = Folder::new();
        let store = Store::open(&folder.join("a.db")).unwrap();
        fill(&store, 0, 20);
        assert_eq!(store.presence().check(), Ok(()));
        let log = File::options()
            .read(true)
            .write(true)
            .open(folder.join("a.db-wal"))
            .unwrap();
        let length = log.metadata().unwrap().len();
        spoil(&store, &log, length);
        let found = store.presence().check();
        if found.is_err() {
            // It stays so, and nothing is written on top.
            assert_eq!(store.presence().check(), found);
            assert!(store.insert_node("late", &[], [99; 32], 1).is_err());
            let before = std::fs::read(folder.join("a.db")).unwrap();
            store.close().unwrap();
            drop(store);
            assert!(before == std::fs::read(folder.join("a.db")).unwrap());
        }
        found
    }

    #[test]
    fn a_log_that_is_cut_in_place_is_found_out() {
        for keep in [
            |_: u64| 0,
            |_| 32,
            |length| length / 2,
            |length| length - 4_120,
            |length| length - 1,
        ] {
            let said = spoilt_by(|_, log, length| log.set_len(keep(length)).unwrap()).unwrap_err();
            assert!(said.contains("a.db-wal was cut off"), "{said}");
            assert!(said.contains("restore"), "{said}");
            // In the moment before somebody else writes behind the hole.
            let behind = |store: &Store, log: &File, length: u64| {
                log.set_len(keep(length).min(length - 4_120)).unwrap();
                let writer = store.writer.lock().unwrap();
                writer
                    .execute("UPDATE nodes SET created_ms = 2", [])
                    .unwrap();
                assert!(log.metadata().unwrap().len() > length);
            };
            assert!(spoilt_by(behind).is_err());
        }
        // Written over with something of the same size.
        let over = |_: &Store, log: &File, length: u64| {
            log.write_all_at(&vec![0x5a; length as usize], 0).unwrap();
        };
        assert!(spoilt_by(over).is_err());
        assert_eq!(spoilt_by(|_, _, _| ()), Ok(()));
    }

    #[test]
    fn what_sqlite_does_with_its_log_is_not_taken_for_that() {
        let folder = Folder::new();
        let store = Store::open(&folder.join("a.db")).unwrap();
        for round in 0..4 {
            fill(&store, round * 20, round * 20 + 20);
            assert_eq!(store.presence().check(), Ok(()));
            // Cut, begun anew in place, or neither.
            match round % 2 {
                0 => store.empty_log().unwrap(),
                _ => store
                    .writer()
                    .query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))
                    .unwrap(),
            }
            assert_eq!(store.presence().check(), Ok(()));
        }
        // While others write and cut it without a pause.
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for round in 0..40 {
                    store
                        .writer()
                        .execute("UPDATE nodes SET created_ms = ?1", [round])
                        .unwrap();
                    if round % 8 == 7 {
                        store.empty_log().unwrap();
                    }
                }
            });
            while !writer.is_finished() {
                assert_eq!(store.presence().check(), Ok(()));
            }
        });
        assert_eq!(store.presence().check(), Ok(()));
    }
}
