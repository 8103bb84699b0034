//! Small helpers on files.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use crate::Failure;

/// Tells cargo to run this script again when `path` changes. A path that is
/// missing would run it every time, so it is left out.
pub fn watch(path: &Path) {
    if path.exists() {
        println!("cargo:rerun-if-changed={}", path.display());
    }
}

/// When the newest file at or below `path` was written; None when there is none.
pub fn newest(path: &Path) -> Option<SystemTime> {
    if path.is_dir() {
        return fs::read_dir(path)
            .ok()?
            .flatten()
            .filter_map(|entry| newest(&entry.path()))
            .max();
    }
    fs::metadata(path).ok()?.modified().ok()
}

/// Makes `to` a copy of the folder `from`, with nothing else in it.
pub fn copy_dir(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |error| format!("Copying {} failed: {error}.", from.display());
    if to.exists() {
        fs::remove_dir_all(to).map_err(failed)?;
    }
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target).map_err(failed)?;
        }
    }
    Ok(())
}
