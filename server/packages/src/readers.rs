//! Everything that reads a node's words, for tests and for fuzzing: whatever comes,
//! they answer something or nothing, and what they answer is bounded.

use super::limits::{FIELD_CHARS_MAX, FOUND_MAX, NOTES_MAX, WORDS_BYTES_MAX};
use super::model::{Preview, Track};
use super::request::{Action, PackageRequest};
use super::sections::Sections;
use super::{Manager, advice, facts, lock, preflight, restarts, text};

/// What is read of a node.
pub const KINDS: u8 = 6;

const SECTIONS: [&str; 37] = [
    "list",
    "sim",
    "held",
    "count",
    "audit",
    "check",
    "security",
    "advisories",
    "patches",
    "reboot",
    "rpm",
    "older",
    "stale",
    "half",
    "records",
    "installed",
    "sizes",
    "all",
    "automatic",
    "found",
    "here",
    "show",
    "policy",
    "changelog",
    "requires",
    "world",
    "disks",
    "kernels",
    "marks",
    "leftovers",
    "services",
    "holders",
    "boot",
    "detect",
    "running",
    "units",
    "end",
];

/// The same words in every section.
pub fn everywhere(text: &str, code: i32) -> Sections {
    let mut said = Sections::single("end", "end", 0);
    for name in SECTIONS {
        said = said.and(name, text, code);
    }
    said
}

/// One manager, one kind.
pub fn read(manager: Manager, kind: u8, said: &Sections, words: &str) {
    let backend = manager.backend();
    let Ok(spec) = backend.grammar().spec("lab") else {
        unreachable!("every grammar takes it");
    };
    match kind {
        0 => {
            let facts = facts::read(manager, None, said).unwrap_or_default();
            assert!(facts.counts().security.unwrap_or(0) <= facts.upgradable.len());
            assert!(facts.leftovers.len() <= NOTES_MAX && facts.services.len() <= NOTES_MAX);
            let _ = facts::detected(said);
        }
        1 => {
            let facts = facts::read(manager, None, said).unwrap_or_default();
            for (action, names) in [
                (Action::Upgrade, &[][..]),
                (Action::Remove, &["lab".to_owned()][..]),
            ] {
                let Ok(request) = PackageRequest::new(manager, action, names, false, None) else {
                    unreachable!("every manager does that");
                };
                let mut preview = backend.read_preview(said, &request);
                preflight::check(&request, &facts, &mut preview);
                bounded(&preview);
            }
        }
        2 => {
            let _ = backend.read_installed(said);
        }
        3 => assert!(backend.read_search(said).len() <= FOUND_MAX),
        4 => {
            if let Some(details) = backend.read_details(said, &spec) {
                assert!(details.text.len() <= WORDS_BYTES_MAX);
            }
        }
        _ => {
            let mut track = Track::default();
            for line in text::lines(words) {
                let _ = lock::holder(line);
                backend.progress(line, &mut track);
                assert!(track.done <= track.total);
            }
            let outcome = backend.outcome(words);
            assert!(outcome.failed.len() <= NOTES_MAX);
            for failure in &outcome.failed {
                assert!(failure.name.chars().count() <= FIELD_CHARS_MAX + 1);
                assert!(!failure.name.contains(char::is_control));
            }
            let _ = advice::read(manager, words);
            let _ = text::plain(words);
        }
    }
}

fn bounded(preview: &Preview) {
    assert_eq!(preflight::digest(preview).len(), 32);
    assert!(preview.text.len() <= WORDS_BYTES_MAX);
    let _ = restarts::names(preview);
}

/// Every manager and kind.
pub fn read_all(words: &str, codes: &[i32]) {
    for &code in codes {
        let said = everywhere(words, code);
        let _ = restarts::read(&said);
        for manager in Manager::ALL {
            for kind in 0..KINDS {
                read(manager, kind, &said, words);
            }
        }
    }
}
