//! The Spiders that Ground Control carries: at least the one for its own machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::watch;
use crate::{Failure, cargo_env, out_dir, root, setting};

const ARCHES: &[&str] = &["x86_64", "aarch64", "armv7"];
/// What the Spider is made of, below the root.
const SOURCES: &[&str] = &[
    "spider/src",
    "spider/Cargo.toml",
    "shared/src",
    "shared/Cargo.toml",
    "Cargo.toml",
    "Cargo.lock",
];
/// Variables of this very build that would change the nested one.
const FOREIGN: &[&str] = &[
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_MANIFEST_LINKS",
    "CARGO_PRIMARY_PACKAGE",
    "RUSTC_WORKSPACE_WRAPPER",
    "CLIPPY_ARGS",
    "CLIPPY_CONF_DIR",
    "DEBUG",
    "HOST",
    "NUM_JOBS",
    "OPT_LEVEL",
    "OUT_DIR",
    "PROFILE",
    "TARGET",
];
const FOREIGN_PREFIXES: &[&str] = &["CARGO_CFG_", "CARGO_FEATURE_", "CARGO_PKG_"];

pub fn build() -> Result<(), Failure> {
    let out = out_dir()?;
    let native = native_arch()?;
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    if let Some(dir) = setting("STARDUST_SPIDER_DIR") {
        for arch in ARCHES {
            let file = dir.join(format!("stardust-spider-{arch}"));
            if file.is_file() {
                found.push(((*arch).to_owned(), file));
            }
        }
        if found.is_empty() {
            return Err(format!(
                "STARDUST_SPIDER_DIR is {}, but there is no stardust-spider-{{{}}} in it.",
                dir.display(),
                ARCHES.join(",")
            ));
        }
        watch(&dir);
    }
    if let Some(file) = setting("STARDUST_SPIDER_BINARY") {
        found.retain(|(arch, _)| *arch != native);
        found.push((native.clone(), file));
    } else if !found.iter().any(|(arch, _)| *arch == native) {
        found.push((native.clone(), compile(&out)?));
    }

    let mut list = String::from("&[\n");
    for (arch, file) in found {
        // A copy of our own: the file may be replaced while the compiler reads it.
        let copy = out.join(format!("stardust-spider-{arch}"));
        fs::copy(&file, &copy)
            .map_err(|error| format!("The Spider {} can't be read: {error}.", file.display()))?;
        if !file.starts_with(&out) {
            watch(&file);
        }
        list.push_str(&format!("    ({arch:?}, include_bytes!({copy:?})),\n"));
    }
    list.push_str("]\n");
    fs::write(out.join("spiders.rs"), list).map_err(|error| format!("Writing failed: {error}."))?;
    println!("cargo:rustc-env=STARDUST_NATIVE_ARCH={native}");
    Ok(())
}

/// The name that our files use for the architecture this build is for.
fn native_arch() -> Result<String, Failure> {
    Ok(match cargo_env("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "arm" => "armv7".into(),
        other => other.into(),
    })
}

/// Builds the Spider with its own profile, in a target folder of its own: the
/// outer cargo holds the lock of the usual one.
fn compile(out: &Path) -> Result<PathBuf, Failure> {
    let root = root()?;
    for source in SOURCES {
        watch(&root.join(source));
    }
    let target_dir = out.join("spider");
    let mut cargo = Command::new(cargo_env("CARGO")?);
    cargo
        .current_dir(&root)
        .args([
            "build",
            "--profile",
            "spider",
            "--package",
            "stardust-spider",
        ])
        .arg("--bin=stardust-spider")
        .arg("--target-dir")
        .arg(&target_dir);
    if root.join("Cargo.lock").is_file() {
        cargo.arg("--locked");
    }
    let (host, target) = (cargo_env("HOST")?, cargo_env("TARGET")?);
    let mut folder = target_dir;
    if host != target {
        cargo.args(["--target", &target]);
        folder.push(&target);
    }
    for (name, _) in std::env::vars_os() {
        let foreign = name.to_str().is_some_and(|name| {
            FOREIGN.contains(&name) || FOREIGN_PREFIXES.iter().any(|p| name.starts_with(p))
        });
        if foreign {
            cargo.env_remove(name);
        }
    }
    // How many jobs may run is shared with the outer cargo: its job server is inherited.
    let output = cargo
        .output()
        .map_err(|error| format!("cargo could not be started for the Spider: {error}."))?;
    if !output.status.success() {
        return Err(format!(
            "The Spider could not be built ({}):\n{}\n\
             Mend this, or set STARDUST_SPIDER_BINARY to a stardust-spider for this machine.",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(folder.join("spider/stardust-spider"))
}
