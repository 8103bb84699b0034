//! The database: SQLite in WAL mode, one file a table. SQL is only here and in `history`.
//!
//! Called from API workers, `main` and (through its own connection) the history
//! writer; never from the gate thread. One writer connection and up to
//! [`READERS_MAX`] readers, each lent out under a lock.

pub mod backup;
pub mod credentials;
pub mod damage;
pub mod error;
pub mod events;
pub mod jobs;
pub mod lock;
pub mod log;
pub mod meta;
pub mod migrations;
pub mod nodes;
pub mod open;
pub mod packages;
pub mod salvage;
pub mod sessions;
pub mod spiders;
pub mod users;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

pub use error::StoreError;
pub use events::EventFilter;
pub use jobs::JobFilter;
pub use nodes::NodeRecord;
pub use open::open_connection;
pub use sessions::{SessionId, SessionRecord};
pub use spiders::SpiderRecord;
pub use users::UserRecord;

/// Reading connections kept open, and so queries that run at the same time.
pub const READERS_MAX: usize = 4;

pub struct Store {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Readers>,
    returned: Condvar,
}

struct Readers {
    idle: Vec<Connection>,
    open: usize,
}

impl Store {
    /// Opens or makes the database at `path` and brings its schema up to date.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        open::prepare_file(path)?;
        let mut writer = open_connection(path).map_err(|error| open::explain(path, error))?;
        open::check_owner(path, &writer)?;
        damage::look(path, &mut writer)?;
        open::prepare_new(&writer)?;
        migrations::apply(path, &mut writer)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            readers: Mutex::new(Readers {
                idle: Vec::with_capacity(READERS_MAX),
                open: 0,
            }),
            returned: Condvar::new(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The one connection that writes; held only for one transaction. It writes
    /// nothing any more once damage was found.
    pub fn writer(&self) -> MutexGuard<'_, Connection> {
        // A panic in another holder rolled its transaction back: the connection is sound.
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if damage::found().is_some() {
            // Where that fails, so will the writing.
            let _ = writer.pragma_update(None, "query_only", true);
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
pub(crate) mod testing;
#[cfg(test)]
mod tests;
