//! Frames that say nothing, without end: each counts, so nobody waits for them.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;
use stardust_shared::samples::KIND_SAMPLES;

use super::door::{Door, Stream, frame};
use super::peer::{closed, flood, long_frame, open};
use crate::common::eventually;

/// What comes first, what then comes for ever, and what is said of it.
type Case = (&'static str, Vec<u8>, Vec<u8>, &'static str);

fn cases() -> Vec<Case> {
    let many = |first: u8, body: &[u8]| frame(first, body).repeat(500);
    vec![
        (
            "empty fragments",
            frame(0x02, b"a"),
            many(0x00, b""),
            "an empty fragment",
        ),
        (
            "fragments of a byte",
            frame(0x01, b"a"),
            many(0x00, b"a"),
            "64 fragments",
        ),
        ("pings", vec![], many(0x89, b""), "too many control frames"),
        ("pongs", vec![], many(0x8a, b"x"), "too many control frames"),
        ("empty texts", vec![], many(0x81, b""), "messages"),
        (
            "a long frame, and empty texts",
            long_frame(0x81, &[b' '; 4_000]),
            many(0x81, b""),
            "messages",
        ),
    ]
}

/// Others are served while `case` goes on, and it ends with its reason.
fn try_case(door: &Door, stream: &mut dyn Stream, (what, first, then, words): &Case) {
    stream.write_all(first).unwrap();
    let ended = flood(stream, || then.clone());
    assert!(ended, "{what} are taken for ever");
    if let Some(said) = closed(stream) {
        assert_eq!(said.code, 1008, "{what}: {}", said.reason);
        assert!(said.reason.contains(words), "{what}: {}", said.reason);
    }
    let begin = Instant::now();
    assert_eq!(door.request("GET", "/healthz", None).status, 200);
    assert!(begin.elapsed() < Duration::from_secs(10), "{what}");
}

#[test]
fn frames_that_say_nothing_end_a_spiders_connection() {
    Door::each(|door| {
        let (id, token) = door.add_node("idle talk");
        let empty = frame(0x82, &[KIND_SAMPLES]).repeat(500);
        let mut cases = cases();
        cases.push(("samples without one", vec![], empty, "messages"));
        for case in &cases {
            let mut stream = open(&door, &token, "run");
            try_case(&door, &mut *stream, case);
            let reason = door.node(id)["reason"].clone();
            // Not of a text before the hello, say.
            assert!(
                reason.as_str().unwrap().contains(case.3),
                "{}: {reason}",
                case.0
            );
        }
        // The same before any hello.
        for case in &cases[..4] {
            let mut stream = door.upgrade(&token);
            try_case(&door, &mut *stream, case);
        }
        door.assert_nobody_noticed();
    });
}

#[test]
fn frames_that_say_nothing_end_a_browsers_connection() {
    Door::each(|door| {
        for case in cases() {
            let mut stream = door.upgrade_live();
            // What is no wish is refused at once.
            if !case.0.contains("texts") {
                try_case(&door, &mut *stream, &case);
            }
        }
        let wish = json!({"type": "watch", "nodes": []}).to_string();
        let wishes = frame(0x81, wish.as_bytes()).repeat(100);
        let case = ("wishes", vec![], wishes, "messages in a second");
        try_case(&door, &mut *door.upgrade_live(), &case);
        door.assert_nobody_noticed();
    });
}

#[test]
fn a_frame_that_comes_a_byte_at_a_time_holds_nobody_up() {
    Door::each(|door| {
        let (id, token) = door.add_node("slow");
        let mut stream = open(&door, &token, "run");
        eventually("it is online", || {
            (door.node(id)["status"] == "online").then_some(())
        });
        let bytes = long_frame(0x82, &vec![9; 200_000]);
        for byte in &bytes[..20_000] {
            stream.write_all(&[*byte]).unwrap();
        }
        assert_eq!(door.request("GET", "/healthz", None).status, 200);
        stream.write_all(&bytes[20_000..]).unwrap();
        // A kind that nobody knows is skipped: it is there as before.
        door.assert_nobody_noticed();
        assert_eq!(door.node(id)["status"], "online");
    });
}
