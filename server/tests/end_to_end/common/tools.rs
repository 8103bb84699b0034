//! Programs of the distribution that tests run.

use std::path::PathBuf;

use super::in_ci;

/// Where a program is; `None`, in plain words, when this machine has none.
pub fn installed(program: &str, package: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders
        .map(|folder| folder.join(program))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(
            !in_ci(),
            "{program} is not installed, and in CI nothing is left out"
        );
        eprintln!("LEFT OUT: {program} is not installed (Debian: apt-get install {package}).");
    }
    found
}
