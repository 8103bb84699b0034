//! Files beside the database, and which of them has its name.

use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use stardust_base::error::{Error, Kind};

/// `stardust.db` and `damaged` make `stardust.db.damaged`.
pub fn beside(db: &Path, suffix: &str) -> PathBuf {
    with(db, &format!(".{suffix}"))
}

pub fn with(db: &Path, end: &str) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// A new file that is nobody else's business.
pub fn create(path: &Path) -> std::io::Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Gives `file` owner and mode of the database whose place it will take, or, where there
/// is none, the owner of its folder: run by root, the service must be able to open it.
pub fn adopt(file: &Path, db: &Path) {
    adopt_owner(file, db);
    if let Ok(meta) = std::fs::metadata(db) {
        let mode = Permissions::from_mode(meta.mode() & 0o777);
        let _ = std::fs::set_permissions(file, mode);
    }
}

/// The owner alone.
pub fn adopt_owner(file: &Path, db: &Path) {
    let found = std::fs::metadata(db).or_else(|_| std::fs::metadata(folder_of(db)));
    if let Ok(meta) = found {
        // Only root can, and only root needs it.
        let _ = std::os::unix::fs::chown(file, Some(meta.uid()), Some(meta.gid()));
    }
}

fn folder_of(db: &Path) -> &Path {
    match db.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A database with what SQLite keeps beside it.
pub fn remove(file: &Path) {
    for end in ["", "-wal", "-shm", "-journal"] {
        let _ = std::fs::remove_file(with(file, end));
    }
}

/// `file` gets the name of `db`, which is kept under another one with `word` in it: the
/// answer, where there was one.
///
/// At every moment there is a database of that name, so that a start that comes
/// between does not make an empty one. The old log goes first: it must never be
/// taken for the new one's.
pub fn exchange(db: &Path, file: &Path, word: &str) -> Result<Option<PathBuf>, Error> {
    let aside = (1..)
        .map(|number| match number {
            1 => beside(db, word),
            _ => beside(db, &format!("{word}-{number}")),
        })
        .find(|path| !path.exists() && !with(path, "-wal").exists())
        .unwrap_or_else(|| beside(db, word));
    let is_there = db.exists();
    let moved = || -> std::io::Result<()> {
        File::open(file)?.sync_all()?;
        if is_there && std::fs::hard_link(db, &aside).is_err() {
            // A file system without links; it may have room for another copy.
            std::fs::copy(db, &aside)?;
        }
        if with(db, "-wal").exists() {
            std::fs::rename(with(db, "-wal"), with(&aside, "-wal"))?;
        }
        // Only an index of the log; SQLite makes it anew.
        let _ = std::fs::remove_file(with(db, "-shm"));
        std::fs::rename(file, db)?;
        File::open(folder_of(db))?.sync_all()
    };
    match moved() {
        Ok(()) => Ok(is_there.then_some(aside)),
        Err(error) => Err(Error::new(
            Kind::System,
            format!("{} can't be set aside: {error}.", db.display()),
            "See that its folder is writable and has room for another copy.",
        )),
    }
}
