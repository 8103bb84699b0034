//! Ground Control's database: SQLite in WAL mode, one file a table, and what is done with
//! the file itself: [`backup`], [`restore`], [`salvage`]. SQL is only here and in history.
//!
//! Called from API workers, threads of jobs, `main` and (through its own connection) the
//! history writer; never from the gate thread. One writer connection and up to
//! [`READERS_MAX`] readers, each lent out under a lock; another program's lock on the file
//! is waited for as long as [`open::BUSY_TIMEOUT`]. [`Store`] has a method for each
//! question, beside its table.
//!
//! # Decisions
//!
//! - **Every connection to the database has the planner's stability guarantee** (QPSG):
//!   SQLite as it is built here otherwise plans some statements anew for each value that
//!   is bound to them, ten thousand times when a fleet's sessions begin.
//! - **A database is locked by bytes of its own file**, besides a file beside it: a link,
//!   a mount or another path leads to the same bytes. They are open file description
//!   locks, which outlive the closing of other descriptors; ours is never closed, since
//!   that would end SQLite's locks. The holder's process number is the place of a second
//!   locked byte, as such locks name nobody.
//! - **A start looks first and writes last** (`look`): secret, schema, first login,
//!   certificate and port are tried before the database is made or migrated.
//! - **A commit looks at the name of its file** before and after (`presence`): what is
//!   written into a file that was deleted is not acknowledged. It looks at the log too,
//!   by SQLite's own index: a log that was cut in place would take more frames behind a
//!   hole, which the next start can't read past. And at the file itself (`written`), which
//!   changes only when the index says so: the log of one database must not be moved into
//!   another. Nothing is written or moved into the file after that, and only a start goes
//!   on.
//! - **A database that SQLite finds malformed is written to no more**, by anyone: what it
//!   takes for a free page may hold something. SQLite's own error log tells of it, so
//!   that no caller has to; sessions live in memory then, so that whoever comes to look
//!   gets in.

pub mod api_tokens;
pub mod audit;
pub mod backup;
mod credentials;
pub mod damage;
mod error;
mod events;
mod factors;
mod grants;
mod groups;
mod idempotent;
mod jobs;
pub mod lock;
pub mod log;
pub mod look;
mod meta;
mod migrations;
mod nodes;
pub mod open;
mod owed;
pub mod packages;
mod presence;
mod quick_check;
pub mod restore;
pub mod salvage;
mod sessions;
mod settings;
mod spiders;
mod start;
pub mod users;
mod written;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

pub use api_tokens::{ApiTokenRecord, Used};
pub use audit::AuditFilter;
pub use error::StoreError;
pub use events::EventFilter;
pub use factors::{PasskeyRecord, TotpRecord};
pub use grants::GroupRecord;
pub use idempotent::Begun;
pub use jobs::JobFilter;
pub use look::Seen;
pub use open::open_connection;
pub use presence::Presence;
pub use stardust_model::installation::SpiderRecord;
pub use stardust_model::node::NodeRecord;
pub use stardust_model::session::{SessionId, SessionRecord};
pub use users::{External, NewUser, UserChange, UserRecord};

/// Reading connections kept open, and so queries that run at the same time.
pub const READERS_MAX: usize = 4;

pub struct Store {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Readers>,
    returned: Condvar,
    presence: Presence,
    /// The writer takes nothing at present.
    is_shut: AtomicBool,
    /// Sessions that have ended and could not be taken out.
    owed: Mutex<owed::Owed>,
}

struct Readers {
    idle: Vec<Connection>,
    open: usize,
}

impl Store {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves all of the log into the file, so that the one file is complete.
    ///
    /// # Errors
    /// When a reader is in the way for as long as a lock is waited for, or the disk
    /// is full. The log stays, and is as good.
    pub fn empty_log(&self) -> Result<(), StoreError> {
        if damage::found().is_some() || self.presence.check().is_err() {
            return Ok(());
        }
        let busy = self
            .writer()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                row.get::<_, bool>(0)
            })?;
        match busy {
            false => Ok(()),
            true => Err(StoreError::Path {
                path: self.path.clone(),
                why: "another program reads it".into(),
            }),
        }
    }

    /// The end of a server: [`Self::empty_log`], and no connection stays open, whoever
    /// still has the store. The last one to close removes the empty log.
    ///
    /// # Errors
    /// As of [`Self::empty_log`].
    pub fn close(&self) -> Result<(), StoreError> {
        self.pay_owed();
        let emptied = self.empty_log();
        if self.presence.check().is_err() {
            // Closing would move what is left of the log into the file, holes too, or
            // remove the log of what is in its place now.
            let writer = self.writer();
            self.lock_readers().idle.clear();
            let on_close = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            let _ = writer.set_db_config(on_close, true);
            return emptied;
        }
        self.lock_readers().idle.clear();
        if let Ok(nothing) = Connection::open_in_memory() {
            *self.writer() = nothing;
        }
        emptied
    }

    /// Whether the file is still the one at its path, with its log.
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// The one connection that writes; held only for one transaction. It writes
    /// nothing any more once damage was found, or while the file is not at its place.
    pub fn writer(&self) -> MutexGuard<'_, Connection> {
        // A panic in another holder rolled its transaction back: the connection is sound.
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let shut = damage::found().is_some() || self.presence.check().is_err();
        if shut != self.is_shut.swap(shut, Ordering::Relaxed) {
            // Where that fails, so will the writing.
            let _ = writer.pragma_update(None, "query_only", shut);
        }
        writer
    }

    /// Borrows a reading connection, waiting when all [`READERS_MAX`] are out.
    pub fn reader(&self) -> Result<Reader<'_>, StoreError> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = readers.idle.pop() {
                return Ok(Reader::new(self, connection));
            }
            if readers.open < READERS_MAX {
                readers.open += 1;
                drop(readers);
                let opened = open_connection(&self.path)
                    .and_then(|connection| {
                        connection.pragma_update(None, "query_only", true)?;
                        Ok(connection)
                    })
                    .map_err(|error| open::explain(&self.path, error));
                if opened.is_err() {
                    self.lock_readers().open -= 1;
                    self.returned.notify_one();
                }
                return opened.map(|connection| Reader::new(self, connection));
            }
            readers = self
                .returned
                .wait(readers)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock_readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A borrowed reading connection; goes back when dropped.
pub struct Reader<'a> {
    store: &'a Store,
    connection: Option<Connection>,
}

impl<'a> Reader<'a> {
    fn new(store: &'a Store, connection: Connection) -> Self {
        Self {
            store,
            connection: Some(connection),
        }
    }
}

impl Deref for Reader<'_> {
    type Target = Connection;

    #[expect(clippy::expect_used, reason = "it is taken out in drop alone")]
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("taken out in drop alone")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.store.lock_readers().idle.push(connection);
            self.store.returned.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
