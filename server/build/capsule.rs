//! The Capsule: a ready bundle, or built from `web/` when that is newer.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::files::{copy_dir, newest, watch};
use crate::{Failure, out_dir, root, setting};

/// What the bundle is made of, below `web/`.
const SOURCES: &[&str] = &[
    "src",
    "public",
    "scripts",
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
];
const NODE_MAJOR_MIN: u32 = 20;
const HOW_TO_GO_ON: &str = "Install Node.js 20 or newer with npm (Debian: apt-get install nodejs npm), \
     or set STARDUST_CAPSULE_DIST to a folder with a built Capsule.";

pub fn build() -> Result<(), Failure> {
    let embedded = out_dir()?.join("capsule");
    println!("cargo:rustc-env=STARDUST_CAPSULE={}", embedded.display());
    if let Some(dist) = setting("STARDUST_CAPSULE_DIST") {
        if !dist.join("index.html").is_file() {
            return Err(format!(
                "STARDUST_CAPSULE_DIST is {}, but there is no index.html in it.\n\
                 Point it to the folder that `npm run build` in web/ writes.",
                dist.display()
            ));
        }
        watch(&dist);
        return copy_dir(&dist, &embedded);
    }

    let web = root()?.join("web");
    if !web.join("package.json").is_file() {
        return Err(format!(
            "The Capsule's sources are not in {}.\n\
             Get the whole repository, or set STARDUST_CAPSULE_DIST to a folder with a built Capsule.",
            web.display()
        ));
    }
    for source in SOURCES {
        watch(&web.join(source));
    }
    // Builds of other profiles and target folders may run at the same time: one
    // makes the bundle, and each takes its copy while nobody writes to it.
    let lock = File::open(&web).and_then(|folder| folder.lock().map(|()| folder));
    let _lock = lock.map_err(|error| format!("{} can't be locked: {error}.", web.display()))?;
    let dist = web.join("dist");
    if is_stale(&web, &dist) {
        bundle(&web, &dist)?;
    }
    copy_dir(&dist, &embedded)
}

fn is_stale(web: &Path, dist: &Path) -> bool {
    let Some(built) = newest(&dist.join("index.html")) else {
        return true;
    };
    SOURCES
        .iter()
        .filter_map(|source| newest(&web.join(source)))
        .any(|changed| changed > built)
}

fn bundle(web: &Path, dist: &Path) -> Result<(), Failure> {
    check_node()?;
    check_writable(web)?;
    let installed = newest(&web.join("node_modules/.package-lock.json"));
    if installed.is_none() || installed < newest(&web.join("package-lock.json")) {
        npm(web, &["ci", "--no-audit", "--no-fund"])?;
    }
    let index = dist.join("index.html");
    let before = newest(&index);
    let built = npm(web, &["run", "build"]);
    if built.is_err() && newest(&index) != before {
        // Half a bundle must not pass for a whole one next time.
        let _ = fs::remove_file(&index);
    }
    built?;
    if index.is_file() {
        Ok(())
    } else {
        Err("`npm run build` in web/ ended well but wrote no dist/index.html.".into())
    }
}

fn check_node() -> Result<(), Failure> {
    let output = match Command::new("node").arg("--version").output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(format!(
                "The Capsule has to be built, and Node.js is not installed.\n{HOW_TO_GO_ON}"
            ));
        }
        Err(error) => return Err(format!("`node --version` failed: {error}.\n{HOW_TO_GO_ON}")),
    };
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major: Option<u32> = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    match major {
        Some(major) if major >= NODE_MAJOR_MIN => Ok(()),
        _ => Err(format!(
            "The Capsule has to be built, and Node.js is {version}: too old.\n{HOW_TO_GO_ON}"
        )),
    }
}

fn check_writable(web: &Path) -> Result<(), Failure> {
    let probe = web.join(format!(".write-probe-{}", std::process::id()));
    let written = File::create(&probe).map(|_| ());
    let _ = fs::remove_file(&probe);
    written.map_err(|error| {
        format!(
            "The Capsule has to be built, and {} can't be written to: {error}.\n\
             Build from a writable copy, or set STARDUST_CAPSULE_DIST to a folder with a built Capsule.",
            web.display()
        )
    })
}

fn npm(web: &Path, args: &[&str]) -> Result<(), Failure> {
    let what = format!("`npm {}` in web/", args.join(" "));
    let output = Command::new("npm")
        .args(args)
        .current_dir(web)
        .env("npm_config_update_notifier", "false")
        .output()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                format!("The Capsule has to be built, and npm is not installed.\n{HOW_TO_GO_ON}")
            }
            _ => format!("{what} could not be started: {error}.\n{HOW_TO_GO_ON}"),
        })?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{what} failed with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}
