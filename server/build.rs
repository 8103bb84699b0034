//! Gets what is embedded into Ground Control: the Capsule and the Spider.
//!
//! Environment, all optional:
//! - `STARDUST_CAPSULE_DIST`: a folder with a built Capsule (`index.html` in it)
//! - `STARDUST_SPIDER_DIR`: a folder with `stardust-spider-{x86_64,aarch64,armv7}`
//! - `STARDUST_SPIDER_BINARY`: the Spider for the machine that this build is for

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a build that can't go on ends"
)]

#[path = "build/capsule.rs"]
mod capsule;
#[path = "build/files.rs"]
mod files;
#[path = "build/spider.rs"]
mod spider;

use std::path::PathBuf;
use std::process::ExitCode;

/// What stops the build, in words for whoever runs it.
type Failure = String;

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    match capsule::build().and_then(|()| spider::build()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}\n");
            ExitCode::FAILURE
        }
    }
}

/// A variable that cargo sets for every build script.
fn cargo_env(name: &str) -> Result<String, Failure> {
    std::env::var(name).map_err(|_| format!("{name} is not set: run this through cargo."))
}

fn out_dir() -> Result<PathBuf, Failure> {
    cargo_env("OUT_DIR").map(PathBuf::from)
}

/// The root of the workspace.
fn root() -> Result<PathBuf, Failure> {
    Ok(PathBuf::from(cargo_env("CARGO_MANIFEST_DIR")?).join(".."))
}

/// A variable of ours: a change of it runs this script again.
fn setting(name: &str) -> Option<PathBuf> {
    println!("cargo:rerun-if-env-changed={name}");
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
