//! The real binary replays every fixture machine.
//!
//! After a change that is meant, `STARDUST_BLESS=1 cargo test --test fixtures`
//! writes the expected files anew; read the difference before committing it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

mod common;

use std::fs;

use common::{MACHINES, fixture, fixtures, once, readable};
use stardust_spider::identify::identify;
use stardust_spider::root::Root;

fn expect(path: &std::path::Path, got: &str) {
    if std::env::var_os("STARDUST_BLESS").is_some() {
        fs::write(path, got).unwrap();
        return;
    }
    let expected = fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}; see this file's head", path.display()));
    if expected == got {
        return;
    }
    for (number, (expected, got)) in (1..).zip(expected.lines().zip(got.lines())) {
        assert_eq!(got, expected, "{} line {number}", path.display());
    }
    panic!(
        "{}: {} lines came, not {}",
        path.display(),
        got.lines().count(),
        expected.lines().count()
    );
}

#[test]
fn every_machine_at_both_moments() {
    for machine in MACHINES {
        for moment in ["t0", "t1"] {
            let line = once(&fixture(machine, moment));
            assert!(line.ends_with('\n') && line.lines().count() == 1);
            let path = fixtures()
                .join(machine)
                .join(format!("expected.{moment}.json"));
            expect(&path, &readable(&line));
        }
    }
}

#[test]
fn who_every_machine_is() {
    for machine in MACHINES {
        let identity = identify(&Root::new(fixture(machine, "t0")));
        let told: serde_json::Value = serde_json::from_str(&once(&fixture(machine, "t0"))).unwrap();
        assert_eq!(told["identity"], serde_json::to_value(&identity).unwrap());
        let json = serde_json::to_string_pretty(&identity).unwrap() + "\n";
        expect(
            &fixtures().join(machine).join("expected.identity.json"),
            &json,
        );
    }
}

#[test]
fn the_list_of_machines_is_complete() {
    let mut dirs: Vec<String> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    dirs.sort();
    assert_eq!(dirs, MACHINES);
}
