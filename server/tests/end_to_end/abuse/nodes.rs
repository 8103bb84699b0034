//! One node's token in wrong hands: its own node may suffer, nobody else.

use std::io::Write;
use std::time::Instant;

use stardust_shared::layout::{Change, KIND_CHANGE};
use stardust_shared::limits::{LAYOUTS_AT_ONCE, SERIES_MAX};
use stardust_shared::varint::put;
use stardust_shared::{Layout, SeriesDef, samples};

use super::NOISE_KB;
use super::door::{Door, frame};
use super::peer::{Closed, Pen, closed, flood, keys, long_frame, open, open_with};
use crate::common::{PATIENCE, gauges, hello, wall_ms};

/// What a flood of lists of series may cost.
const LAYOUTS_KB: u64 = 64 << 10;

fn assert_violation(closed: Option<Closed>, words: &str) {
    // What is sent on resets the connection, which may cost the words.
    if let Some(closed) = closed {
        assert_eq!(closed.code, 1008, "{}", closed.reason);
        assert!(closed.reason.contains(words), "{}", closed.reason);
    }
}

#[test]
fn lists_of_series_are_bounded_in_size_rate_and_memory() {
    Door::each(|door| {
        let (id, token) = door.add_node("lists");
        let before = door.memory_kb();
        // Two megabytes of keys, which take 98 KB on the wire: not even one of them.
        let mut stream = open(&door, &token, "huge");
        let mut message = Vec::new();
        keys(1, SERIES_MAX, 256).encode(&mut message);
        assert!(message.len() < 128 << 10);
        stream.write_all(&long_frame(0x82, &message)).unwrap();
        let said = closed(&mut *stream).expect("it is told why");
        assert_violation(Some(said), "size of all series keys");
        // As large as may be, one with each sample, and again and again.
        let mut most_kb = 0;
        let mut sent = 0;
        for round in 0..2 {
            let mut stream = open(&door, &token, &format!("run {round}"));
            let mut pen = Pen::default();
            let (mut number, time_ms) = (round * 1_000, wall_ms());
            let ended = flood(&mut *stream, || {
                number += 1;
                sent += 1;
                most_kb = most_kb.max(door.memory_kb().saturating_sub(before));
                let layout = keys(number, SERIES_MAX, 31);
                if number <= 30 {
                    // Samples that need it keep it until they are committed.
                    let time_ms = time_ms + number as i64;
                    return pen.layout_and_sample(&layout, time_ms);
                }
                let mut message = Vec::new();
                layout.encode(&mut message);
                long_frame(0x82, &message)
            });
            assert!(ended, "round {round}: it is taken for ever");
            // It may have to wait for a commit with its lists before it is told so.
            let said = closed(&mut *stream).filter(|said| said.code != 1012);
            assert_violation(said, "list of series");
        }
        assert!(sent >= LAYOUTS_AT_ONCE, "only {sent} were taken");
        assert!(most_kb < LAYOUTS_KB, "it cost {most_kb} KB");
        let reason = door.node(id)["reason"].clone();
        let reason = reason.as_str().unwrap();
        assert!(
            reason.contains("list of series") || reason.contains("takes samples again"),
            "{reason}"
        );
        door.assert_nobody_noticed();
    });
}

/// A message of a few bytes that makes other series of all there are.
fn renamed(number: u64, value: &str) -> Vec<u8> {
    let mut message = vec![KIND_CHANGE];
    let count = SERIES_MAX as u64;
    // All go; then so many like the first and those after it, with that label.
    for field in [number, number - 1, 1, 0, count, 1, count, 0, 0, 0] {
        put(&mut message, field);
    }
    put(&mut message, value.len() as u64);
    message.extend_from_slice(value.as_bytes());
    message
}

#[test]
fn changes_of_a_list_count_as_what_they_make() {
    Door::each(|door| {
        let (id, token) = door.add_node("changes");
        let before = door.memory_kb();
        let first = |stream: &mut dyn std::io::Write, pen: &mut Pen| {
            let name = |n| SeriesDef::new(&format!("k{n:05}"), &[("a", "b")]);
            let layout = Layout::new(1, (0..SERIES_MAX).map(name).collect());
            let bytes = pen.layout_and_sample(&layout, wall_ms());
            stream.write_all(&bytes).unwrap();
            layout
        };
        // More than a list may hold, from a message of three hundred bytes.
        let mut stream = open(&door, &token, "huge");
        first(&mut stream, &mut Pen::default());
        let message = renamed(2, &"v".repeat(200));
        assert!(message.len() < 300);
        stream.write_all(&long_frame(0x82, &message)).unwrap();
        let said = closed(&mut *stream).expect("it is told why");
        assert_violation(Some(said), "size of all series keys");
        // As much as may be, one with each sample, and again and again.
        let (mut most_kb, mut sent) = (0, 0);
        for round in 0..2 {
            let mut stream = open(&door, &token, &format!("run {round}"));
            let mut pen = Pen::default();
            let mut layout = first(&mut stream, &mut pen);
            let mut number = 1;
            let ended = flood(&mut *stream, || {
                number += 1;
                sent += 1;
                most_kb = most_kb.max(door.memory_kb().saturating_sub(before));
                let message = renamed(number, &format!("{number:016}"));
                let mut bytes = long_frame(0x82, &message);
                if number <= 30 {
                    let change = Change::decode(&layout, &message[1..]).unwrap();
                    bytes.extend(pen.changed_sample(&mut layout, &change, wall_ms()));
                }
                bytes
            });
            assert!(ended, "round {round}: it is taken for ever");
            let said = closed(&mut *stream).filter(|said| said.code != 1012);
            assert_violation(said, "list of series");
        }
        println!("{sent} changes of {SERIES_MAX} series each cost {most_kb} KB at the most");
        assert!(sent >= LAYOUTS_AT_ONCE, "only {sent} were taken");
        assert!(most_kb < LAYOUTS_KB, "it cost {most_kb} KB");
        let reason = door.node(id)["reason"].clone();
        let reason = reason.as_str().unwrap();
        assert!(
            reason.contains("list of series") || reason.contains("takes samples again"),
            "{reason}"
        );
        door.assert_nobody_noticed();
    });
}

#[test]
fn more_samples_than_time_has_passed_are_refused() {
    Door::each(|door| {
        let (id, token) = door.add_node("flooder");
        let layout = gauges(1, 4);
        let before = door.memory_kb();
        let mut hello = hello("run");
        hello.interval_ms = 10_000;
        let mut stream = open_with(&door, &token, &hello);
        let mut pen = Pen::default();
        // Two days of a node that nobody knew are taken, and no more.
        let mut time_ms = wall_ms() - 86_400_000;
        let bytes = pen.layout_and_sample(&layout, time_ms);
        stream.write_all(&bytes).unwrap();
        let mut more = |pen: &mut Pen, count: usize| {
            let mut message = vec![samples::KIND_SAMPLES];
            for _ in 0..count {
                time_ms += 1;
                pen.record(&layout, false, time_ms, &mut message);
            }
            long_frame(0x82, &message)
        };
        let ended = flood(&mut *stream, || more(&mut pen, 2_000));
        assert!(ended, "it is taken for ever");
        assert_violation(closed(&mut *stream), "more samples than the interval");
        let sent = pen.seq;
        // What it wrote after that lay in the socket.
        assert!(sent >= 17_280, "{sent}");
        // And not again a moment later.
        hello.run = "another run".into();
        let mut stream = open_with(&door, &token, &hello);
        let mut pen = Pen::default();
        let mut bytes = pen.layout_and_sample(&layout, wall_ms());
        (0..4).for_each(|_| bytes.extend(more(&mut pen, 1_000)));
        let _ = stream.write_all(&bytes);
        assert_violation(closed(&mut *stream), "more samples than the interval");
        let reason = door.node(id)["reason"].clone();
        assert!(
            reason.as_str().unwrap().contains("interval of 10000 ms"),
            "{reason}"
        );
        let grown = door.memory_kb().saturating_sub(before);
        assert!(grown < 4 * NOISE_KB, "it cost {grown} KB");
        door.assert_nobody_noticed();
    });
}

#[test]
fn a_full_ring_is_taken_at_once() {
    let door = Door::open(false).unwrap();
    let (_, token) = door.add_node("back again");
    // Hours of a Spider that samples five times a second, half a megabyte of ring.
    const COUNT: u64 = 60_000;
    let mut hello = hello("run");
    (hello.oldest_seq, hello.newest_seq) = (1, COUNT);
    let mut stream = open_with(&door, &token, &hello);
    let mut pen = Pen::default();
    let layout = gauges(1, 4);
    let first_ms = wall_ms() - COUNT as i64 * 200;
    let mut bytes = pen.layout_and_sample(&layout, first_ms);
    while pen.seq < COUNT {
        let mut message = vec![samples::KIND_SAMPLES];
        for _ in 0..1_000.min(COUNT - pen.seq) {
            let time_ms = first_ms + pen.seq as i64 * 200;
            pen.record(&layout, false, time_ms, &mut message);
        }
        bytes.extend(frame(0x82, &message));
    }
    stream.write_all(&bytes).unwrap();
    // Acknowledged to the last.
    let last = format!("\"seq\":{COUNT}}}");
    let until = Instant::now() + PATIENCE;
    let mut said = Vec::new();
    let mut buffer = [0; 4_096];
    while !String::from_utf8_lossy(&said).contains(&last) {
        assert!(Instant::now() < until, "it is not acknowledged");
        let count = std::io::Read::read(&mut stream, &mut buffer).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&buffer[..count]);
    }
    door.assert_nobody_noticed();
}
