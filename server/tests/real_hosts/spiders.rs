//! Spiders that differ from the one that Ground Control carries.

use std::path::{Path, PathBuf};

use crate::common::{Folder, Spider};

/// One of a later version; it says so in its hello.
pub fn later(folder: &Folder) -> PathBuf {
    altered(folder, "later", env!("CARGO_PKG_VERSION"), "9.9.9")
}

/// Runs, and can't connect: it speaks another protocol than Ground Control.
pub fn foreign(folder: &Folder) -> PathBuf {
    altered(
        folder,
        "foreign",
        stardust_shared::SUBPROTOCOL,
        "stardust.v9",
    )
}

/// The static one for this architecture, as cross/ builds it.
pub fn built_static() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let path = root.join("cross/dist/stardust-spider-x86_64");
    assert!(
        path.is_file(),
        "{} is not there: run cross/build.sh x86_64",
        path.display()
    );
    path
}

/// An executable for this architecture that ends at once.
pub fn broken(folder: &Folder) -> PathBuf {
    let path = folder.join("broken");
    let header = &std::fs::read(Spider::path()).unwrap()[..4096];
    std::fs::write(&path, header).unwrap();
    path
}

/// One that was linked with a C library that no host has. Where the Spider is linked
/// with none at all, any other program does: it is refused before it is run.
pub fn of_tomorrow(folder: &Folder) -> PathBuf {
    let (from, to) = ("\0GLIBC_2.34\0", "\0GLIBC_9.99\0");
    let is_linked = |path: &&str| {
        let bytes = std::fs::read(path).unwrap();
        let mut parts = bytes.windows(from.len());
        parts.any(|part| part == from.as_bytes())
    };
    let program = [Spider::path(), "/bin/true"].into_iter().find(is_linked);
    let program = program.expect("one of them is linked with a C library");
    altered_of(program, folder, "tomorrow", from, to)
}

/// The Spider with one text in it for another of the same length.
fn altered(folder: &Folder, name: &str, from: &str, to: &str) -> PathBuf {
    altered_of(Spider::path(), folder, name, from, to)
}

fn altered_of(program: &str, folder: &Folder, name: &str, from: &str, to: &str) -> PathBuf {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(program).unwrap();
    let mut found = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "the Spider does not hold {from:?}");
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
