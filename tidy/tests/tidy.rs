//! The rules of the house, held against the sources as they are.
//!
//! What is known to break one stands in `tidy/known/`, and may only become less:
//! `TIDY_STRIKE=1 cargo test -p stardust-tidy` strikes what is no longer there, and
//! follows files that have moved.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use stardust_tidy::circles::circles;
use stardust_tidy::crates::{dependencies, members};
use stardust_tidy::known;
use stardust_tidy::layers::Layers;
use stardust_tidy::links::{anchors, links};
use stardust_tidy::modules::Crate;

/// Lines of a file, without the unit tests in it, that nobody has to give a reason for.
const LINES_MAX: usize = 400;
/// Lines of the map, which is read in one go: what is about one crate stands in that one.
const MAP_LINES_MAX: usize = 200;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files that git knows or would take, and that are there.
fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git is installed");
    assert!(
        listed.status.success(),
        "{}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let listed = String::from_utf8(listed.stdout).expect("names in UTF-8");
    let there = listed.lines().filter(|path| root().join(path).is_file());
    let files: Vec<String> = there.map(str::to_owned).collect();
    assert!(
        files.len() > 100,
        "{} files are not all of Stardust",
        files.len()
    );
    files
}

fn layers(which: &str) -> Layers {
    Layers::read(&read("ARCHITECTURE.md"), which)
        .unwrap_or_else(|| panic!("ARCHITECTURE.md has no list of {which}"))
}

/// The folder of each crate, its name, and the crates of ours that it names.
fn crates() -> Vec<(String, String, Vec<String>)> {
    let members = members(&read("Cargo.toml"));
    assert!(members.len() > 3, "{members:?}");
    let manifest = |folder: String| {
        let manifest = read(&format!("{folder}/Cargo.toml"));
        let (name, ours) = dependencies(&manifest).expect("a name");
        (folder, name, ours)
    };
    members.into_iter().map(manifest).collect()
}

/// Fails when ARCHITECTURE.md lists others than there are.
fn listed_are(layers: &Layers, there: &BTreeSet<&str>, what: &str) {
    let listed: BTreeSet<&str> = layers.names().collect();
    let missing: Vec<_> = there.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(there).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "ARCHITECTURE.md (\"Layers\") does not say where these {what} stand: {missing:?}; it lists such as are not there: {gone:?}"
    );
}

/// Fails with what is new, and with what is to be struck from `tidy/known/FILE`.
fn check(file: &str, found: &BTreeSet<String>, rule: &str) {
    let path = format!("tidy/known/{file}");
    let list = read(&path);
    let mut difference = known::compare(found, &list);
    if std::env::var_os("TIDY_STRIKE").is_some() && !difference.gone.is_empty() {
        let shorter = known::strike(&list, &difference);
        difference = known::compare(found, &shorter);
        fs::write(root().join(&path), shorter).expect("the list can be written");
    }
    let (new, gone) = (difference.new, difference.gone);
    assert!(new.is_empty(), "{rule}\n  {}", new.join("\n  "));
    assert!(
        gone.is_empty(),
        "{path} may be shorter; with TIDY_STRIKE=1 this test strikes what is no longer there:\n  {}",
        gone.join("\n  ")
    );
}

#[test]
fn crates_name_only_those_below_them() {
    let layers = layers("crates");
    let crates = crates();
    let names = crates.iter().map(|(_, name, _)| name.as_str()).collect();
    listed_are(&layers, &names, "crates");
    let mut up = Vec::new();
    for (_, name, ours) in &crates {
        let above = ours.iter().filter(|used| !layers.allow(name, used));
        up.extend(above.map(|used| format!("{name} -> {used}")));
    }
    assert!(
        up.is_empty(),
        "a crate names one that ARCHITECTURE.md has above it or beside it: {up:?}"
    );
}

#[test]
fn modules_of_the_server_name_only_those_below_them() {
    let layers = layers("modules of the server");
    let server = Crate::read(&root().join("server/src"), "lib.rs").expect("it is there");
    let tops = (0..server.files.len()).map(|file| server.top(file));
    // The root only says which modules there are.
    let tops = tops.filter(|top| !top.is_empty()).collect();
    listed_are(&layers, &tops, "modules of server/src");
    let mut up = BTreeSet::new();
    for (file, others) in server.edges.iter().enumerate() {
        let user = server.top(file);
        for &other in others {
            let used = server.top(other);
            if !user.is_empty() && !layers.allow(user, used) {
                let used = if used.is_empty() { "lib.rs" } else { used };
                up.insert(format!("{} -> {used}", server.files[file]));
            }
        }
    }
    check(
        "arrows.txt",
        &up,
        "a file of server/src names a module that ARCHITECTURE.md has above it or beside it:",
    );
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut in_circles = BTreeSet::new();
    let mut told = String::new();
    for (folder, name, _) in crates() {
        let src = root().join(&folder).join("src");
        if !src.join("lib.rs").is_file() {
            continue;
        }
        let read = Crate::read(&src, "lib.rs").expect("it is there");
        for circle in circles(&read.edges) {
            in_circles.insert(name.clone());
            let files: Vec<_> = circle.iter().map(|&file| &*read.files[file]).collect();
            told.push_str(&format!("\n  {folder}/src: {}", files.join(" ")));
        }
    }
    let rule = format!("in these crates files import each other in a circle ({told}):");
    check("circles.txt", &in_circles, &rule);
}

#[test]
fn files_are_short_or_say_why_not() {
    let is_source = |path: &String| {
        let ends = [".rs", ".ts", ".tsx", ".css", ".sh", ".mjs"];
        ends.iter().any(|end| path.ends_with(end)) && !root().join(path).is_symlink()
    };
    let is_long = |path: &String| {
        let text = read(path);
        let end = text.find("\n#[cfg(test)]\nmod tests {");
        text[..end.unwrap_or(text.len())].lines().count() > LINES_MAX
    };
    let long = files().into_iter().filter(is_source).filter(is_long);
    let rule = format!(
        "these files have more than {LINES_MAX} lines; divide them, or give the reason in tidy/known/long.txt:"
    );
    check("long.txt", &long.collect(), &rule);
    let list = read("tidy/known/long.txt");
    let without = list
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains(": "));
    assert_eq!(
        without.collect::<Vec<_>>(),
        [""; 0],
        "a reason is missing in tidy/known/long.txt"
    );
}

#[test]
fn the_map_stays_one() {
    let lines = read("ARCHITECTURE.md").lines().count();
    assert!(
        lines <= MAP_LINES_MAX,
        "ARCHITECTURE.md has {lines} lines, and may have {MAP_LINES_MAX}: what is about one crate belongs at the head of its lib.rs"
    );
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    let files = files();
    let documents = files.iter().filter(|path| path.ends_with(".md"));
    let (mut broken, mut count) = (Vec::new(), 0);
    for path in documents {
        for link in links(&read(path)) {
            count += 1;
            if !leads_somewhere(path, &link) {
                broken.push(format!("{path}: {link}"));
            }
        }
    }
    assert!(count > 0, "no document has a link: then this reads none");
    assert!(
        broken.is_empty(),
        "these links lead nowhere:\n  {}",
        broken.join("\n  ")
    );
}

fn leads_somewhere(document: &str, link: &str) -> bool {
    let (file, anchor) = match link.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (link, None),
    };
    let beside = Path::new(document).parent().unwrap_or(Path::new(""));
    let target = if file.is_empty() {
        PathBuf::from(document)
    } else {
        beside.join(file)
    };
    if !root().join(&target).exists() {
        return false;
    }
    let is_document = target.extension().is_some_and(|end| end == "md");
    anchor.filter(|_| is_document).is_none_or(|anchor| {
        let anchors = anchors(&read(&target.to_string_lossy()));
        anchors.iter().any(|known| known == anchor)
    })
}
