//! All files of a host at a moment, and what differs at another.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::host::Host;

/// What changes by itself on a host that is up, or is none of its files.
const VOLATILE: &[&str] = &[
    "proc",
    "sys",
    "dev",
    "run/systemd",
    "run/log",
    "run/dbus",
    "run/user",
    "run/utmp",
    "run/motd.dynamic",
    // Its next content, while somebody logs in.
    "run/motd.dynamic.new",
    "run/sudo",
    "run/openrc",
    "run/runit",
    "run/procd",
    "var/run/procd",
    "var/log",
    "var/lib/systemd",
    "var/lib/misc",
    "tmp/systemd-private-",
    "var/tmp/systemd-private-",
    "etc/.pwd.lock",
    // What useradd and userdel keep of the files before them.
    "etc/passwd-",
    "etc/group-",
    "etc/shadow-",
    "etc/gshadow-",
];
/// Larger files, and those of packages, are compared by size and time.
const READ_BYTES_MAX: u64 = 64 << 10;

#[derive(Debug)]
pub struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    pub fn of(host: &Host) -> Self {
        let mut files = BTreeMap::new();
        walk(&host.root(), "", &mut files);
        assert!(files.len() > 100, "too few files: {}", files.len());
        Self(files)
    }

    /// What was not so before, a line each.
    pub fn since(&self, before: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, now) in &self.0 {
            match before.0.get(path) {
                None => lines.push(format!("+ {path} {now}")),
                Some(then) if then != now => lines.push(format!("~ {path} {then} -> {now}")),
                Some(_) => {}
            }
        }
        let gone = before.0.keys().filter(|path| !self.0.contains_key(*path));
        lines.extend(gone.map(|path| format!("- {path}")));
        lines
    }
}

/// The host is as it was: no file more, less or other, and no process of ours.
pub fn assert_untouched(host: &Host, before: &Snapshot) {
    let lines = Snapshot::of(host).since(before);
    assert!(lines.is_empty(), "not as before:\n{}", lines.join("\n"));
    let running = host.shell("for p in /proc/[0-9]*; do readlink $p/exe; done 2>/dev/null; :");
    assert!(!running.contains("stardust"), "{running}");
}

fn walk(root: &Path, inside: &str, files: &mut BTreeMap<String, String>) {
    // What vanishes in between is gone.
    let Ok(entries) = std::fs::read_dir(root.join(inside)) else {
        return;
    };
    for entry in entries.map_while(Result::ok) {
        let name = entry.file_name();
        let name = name.to_str().expect("a name of plain text");
        let path = if inside.is_empty() {
            name.to_owned()
        } else {
            format!("{inside}/{name}")
        };
        let volatile = VOLATILE.iter().any(|known| {
            path == *known
                || known.ends_with('-') && path.starts_with(known)
                || path == format!("{known}/")
        });
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if volatile {
            continue;
        }
        let packaged = path.starts_with("usr/") && !path.starts_with("usr/local/");
        files.insert(path.clone(), describe(&entry.path(), &metadata, !packaged));
        if metadata.is_dir() {
            walk(root, &path, files);
        }
    }
}

fn describe(path: &Path, metadata: &Metadata, read: bool) -> String {
    let content = if metadata.is_symlink() {
        std::fs::read_link(path).map_or_else(|_| String::new(), |to| to.display().to_string())
    } else if read && metadata.is_file() && metadata.len() <= READ_BYTES_MAX {
        let mut hasher = DefaultHasher::new();
        std::fs::read(path).unwrap_or_default().hash(&mut hasher);
        format!("{:x}", hasher.finish())
    } else if metadata.is_file() {
        format!("{} bytes at {}", metadata.len(), metadata.mtime())
    } else {
        String::new()
    };
    format!(
        "{:o} {}:{} {content}",
        metadata.mode(),
        metadata.uid(),
        metadata.gid()
    )
}
