//! How a store begins: looked at first, then made or brought up to date.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Condvar, Mutex};

use rusqlite::config::DbConfig;

use super::{Presence, READERS_MAX, Readers, Seen, Store, StoreError};
use super::{look, migrations, open, quick_check};

impl Store {
    /// Opens or makes the database at `path` and brings its schema up to date.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::begin(look::look(path)?)
    }

    /// Makes or brings up to date what was looked at.
    pub fn begin(seen: Seen) -> Result<Self, StoreError> {
        let path = seen.path;
        let explain = |error| open::explain(&path, error);
        let mut writer = match seen.connection {
            Some(connection) => connection,
            None => {
                open::prepare_file(&path)?;
                let mut made = open::connect(&path).map_err(explain)?;
                // Somebody may have been faster.
                open::check_owner(&path, &made)?;
                quick_check::run(&path, &mut made)?;
                made
            }
        };
        let on_close = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        writer.set_db_config(on_close, false).map_err(explain)?;
        open::configure(&writer).map_err(explain)?;
        open::prepare_new(&writer)?;
        migrations::apply(&path, &mut writer)?;
        Ok(Self {
            presence: Presence::of(&path),
            is_shut: AtomicBool::new(false),
            owed: Mutex::default(),
            path,
            writer: Mutex::new(writer),
            readers: Mutex::new(Readers {
                idle: Vec::with_capacity(READERS_MAX),
                open: 0,
            }),
            returned: Condvar::new(),
        })
    }
}
