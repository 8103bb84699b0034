//! Files beside the database, and which of them has its name.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind};

/// `stardust.db` and `damaged` make `stardust.db.damaged`.
pub fn beside(db: &Path, suffix: &str) -> PathBuf {
    with(db, &format!(".{suffix}"))
}

fn with(db: &Path, end: &str) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// A database with what SQLite keeps beside it.
pub fn remove(file: &Path) {
    for end in ["", "-wal", "-shm", "-journal"] {
        let _ = std::fs::remove_file(with(file, end));
    }
}

/// `file` gets the name of `db`, which is kept under another one: the answer.
///
/// At every moment there is a database of that name, so that a start that comes
/// between does not make an empty one. The old log goes first: it must never be
/// taken for the new one's.
pub fn exchange(db: &Path, file: &Path) -> Result<PathBuf, Error> {
    let aside = (1..)
        .map(|number| match number {
            1 => beside(db, "damaged"),
            _ => beside(db, &format!("damaged-{number}")),
        })
        .find(|path| !path.exists() && !with(path, "-wal").exists())
        .unwrap_or_else(|| beside(db, "damaged"));
    let moved = || -> std::io::Result<()> {
        File::open(file)?.sync_all()?;
        if std::fs::hard_link(db, &aside).is_err() {
            // A file system without links; it may have room for another copy.
            std::fs::copy(db, &aside)?;
        }
        if with(db, "-wal").exists() {
            std::fs::rename(with(db, "-wal"), with(&aside, "-wal"))?;
        }
        // Only an index of the log; SQLite makes it anew.
        let _ = std::fs::remove_file(with(db, "-shm"));
        std::fs::rename(file, db)?;
        let folder = match db.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        File::open(folder)?.sync_all()
    };
    match moved() {
        Ok(()) => Ok(aside),
        Err(error) => Err(Error::new(
            Kind::System,
            format!("{} can't be set aside: {error}.", db.display()),
            "See that its folder is writable, or name another file: stardust-server salvage FILE.",
        )),
    }
}
