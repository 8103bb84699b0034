//! Fixture machines and the real binary.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub const MACHINES: [&str; 8] = [
    "docker-container",
    "hostile",
    "laptop",
    "lxc-container",
    "openwrt-router",
    "raspberry-pi",
    "storage",
    "vm",
];

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

pub fn fixture(machine: &str, moment: &str) -> PathBuf {
    fixtures().join(machine).join(moment)
}

pub fn spider(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stardust-spider"))
        .args(args)
        .env_remove("STARDUST_TOKEN")
        .output()
        .expect("the Spider's binary runs")
}

/// One sample of the machine below `root`, by the real binary.
pub fn once(root: &Path) -> String {
    let output = spider(&["--once", "--stdout", "--root", root.to_str().unwrap()]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", root.display());
    String::from_utf8(output.stdout).expect("the line is UTF-8")
}

/// The line with its time set to 0 and one series on each line of text.
pub fn readable(line: &str) -> String {
    let rest = line.strip_prefix("{\"time_ms\":").expect("a sample's line");
    let (time, rest) = rest.split_once(',').unwrap();
    assert!(time.parse::<i64>().unwrap() > 1_577_836_800_000, "{time}");
    // The identity is a test of its own.
    let rest = &rest[rest.find("\"series\":").unwrap()..];
    // A quote within a key is escaped, so this sequence is only between series.
    let rest = rest.replace(",\"", ",\n\"").replace(":{\"", ":{\n\"");
    format!("{{\"time_ms\":0,{}", rest.replace("}}\n", "\n}}\n"))
}

pub fn value(line: &str, key: &str) -> Option<i64> {
    let parsed: serde_json::Value = serde_json::from_str(line).expect("the line is JSON");
    parsed["series"]
        .get(key)
        .map(|value| value.as_i64().unwrap())
}

/// A directory that is removed when dropped.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("spider-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Puts a fixture's files here; those that are here already are written in
    /// place, as the kernel does.
    pub fn become_machine(&self, fixture: &Path) {
        copy(fixture, &self.0);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_symlink() {
            let _ = fs::remove_file(&target);
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}
