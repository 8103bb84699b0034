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

/// Static where that can be: else it runs on no node whose C library is older than
/// this machine's.
fn compile(out: &Path) -> Result<PathBuf, Failure> {
    let root = root()?;
    for source in SOURCES {
        watch(&root.join(source));
    }
    let target = cargo_env("TARGET")?;
    if let Some(target) = static_target(&target)? {
        match compile_for(out, &root, &target) {
            Ok(spider) => return Ok(spider),
            Err(failure) => {
                let last = failure.lines().rfind(|line| !line.trim().is_empty());
                println!(
                    "cargo:warning=No static Spider could be built for {target} ({}): the one for \
                     nodes needs a C library as new as this machine's.",
                    last.unwrap_or_default().trim()
                );
            }
        }
    }
    compile_for(out, &root, &target)
}

/// The same machine with musl, where Rust's part of it is installed.
fn static_target(target: &str) -> Result<Option<String>, Failure> {
    let Some((machine, rest)) = target.split_once("-linux-gnu") else {
        return Ok(None);
    };
    let wanted = format!("{machine}-linux-musl{rest}");
    let output = Command::new(cargo_env("RUSTC")?)
        .args(["--print", "target-libdir", "--target", &wanted])
        .output()
        .map_err(|error| format!("rustc could not be started: {error}."))?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    // The folder of a target that is not installed is named all the same.
    let has_std = fs::read_dir(folder).is_ok_and(|mut files| {
        files.any(|file| {
            file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
        })
    });
    Ok((output.status.success() && has_std).then_some(wanted))
}

/// Builds the Spider with its own profile, in a target folder of its own: the
/// outer cargo holds the lock of the usual one.
fn compile_for(out: &Path, root: &Path, target: &str) -> Result<PathBuf, Failure> {
    let target_dir = out.join("spider");
    let mut cargo = Command::new(cargo_env("CARGO")?);
    cargo
        .current_dir(root)
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
    let mut folder = target_dir;
    if cargo_env("HOST")? != target {
        cargo.args(["--target", target]);
        folder.push(target);
    }
    if target.contains("-linux-musl") {
        // What little C there is in it asks nothing of a C library.
        let compiler = format!("CC_{}", target.replace('-', "_"));
        if std::env::var_os(&compiler).is_none() && !is_in_path("musl-gcc") {
            cargo.env(compiler, "cc");
        }
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

fn is_in_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}
