//! Frames of every released version decode for ever: byte for byte, by name.
//!
//! A recording is a text file of hexadecimal lines, `layout …`, `change …` and
//! `samples …`, with the decoded values after `=`. A new wire version adds a file; no file
//! is ever edited.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

use stardust_shared::layout::Change;
use stardust_shared::varint::Reader;
use stardust_shared::{Layout, State};

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn replay(recording: &str) -> usize {
    let mut layout: Option<Layout> = None;
    let mut state = State::default();
    let mut records = 0;
    for line in recording
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let (kind, rest) = line.split_once(' ').unwrap();
        match kind {
            "layout" => {
                let bytes = unhex(rest);
                assert_eq!(bytes[0], stardust_shared::layout::KIND_LAYOUT);
                layout = Some(Layout::decode(&bytes[1..]).unwrap());
            }
            "change" => {
                let bytes = unhex(rest);
                assert_eq!(bytes[0], stardust_shared::layout::KIND_CHANGE);
                let base: &Layout = layout.as_ref().unwrap();
                let change = Change::decode(base, &bytes[1..]).unwrap();
                state.change(base, &change);
                layout = Some(change.apply(base));
            }
            "samples" => {
                let (hex, expected) = rest.split_once(" = ").unwrap();
                let bytes = unhex(hex);
                assert_eq!(bytes[0], stardust_shared::samples::KIND_SAMPLES);
                let layout = layout.as_ref().unwrap();
                let mut reader = Reader::new(&bytes[1..]);
                state.apply(layout, &mut reader).unwrap();
                assert!(reader.is_empty());
                let values: Vec<String> = (0..layout.len())
                    .map(|n| state.value(layout, n).map_or("-".into(), |v| v.to_string()))
                    .collect();
                assert_eq!(
                    format!("{} {} {}", state.seq, state.time_ms, values.join(" ")),
                    expected
                );
                records += 1;
            }
            other => panic!("unknown line {other}"),
        }
    }
    records
}

#[test]
fn version_1() {
    assert_eq!(replay(include_str!("recorded/v1.txt")), 12);
}

#[test]
fn version_1_with_changes_of_the_layout() {
    assert_eq!(replay(include_str!("recorded/v1-changes.txt")), 7);
}
