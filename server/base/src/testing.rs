//! A folder of its own for each test, removed at its end.

#![allow(clippy::unwrap_used, reason = "only tests use it")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes over whole pages of a database, counted from 0, as a failing disk does.
pub fn overwrite(file: &Path, pages: impl Iterator<Item = usize>) {
    let mut bytes = std::fs::read(file).unwrap();
    for page in pages {
        bytes[page * 4_096..(page + 1) * 4_096].fill(0xa5);
    }
    std::fs::write(file, bytes).unwrap();
}

pub struct Folder(PathBuf);

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let path = std::env::temp_dir().join(format!(
            "stardust-test-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        ));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
