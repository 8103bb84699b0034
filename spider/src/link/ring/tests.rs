use stardust_shared::ABSENT;
use stardust_shared::layout::{KIND_CHANGE, KIND_LAYOUT};
use stardust_shared::limits::RING_BYTES_MIN;

use super::*;
use crate::link::random::Random;

const SHIFT_MS: i64 = 1_790_000_000_000;

struct Pushed {
    boot_ms: i64,
    series: Vec<SeriesDef>,
    values: Vec<i64>,
}

/// Reads messages as the server does and compares with what was pushed.
#[derive(Default)]
struct Reading {
    cursor: Cursor,
    layout: Option<Layout>,
    state: State,
    last_seq: u64,
    changes: u64,
}

impl Reading {
    /// Reads one message; false when there was none.
    fn step(&mut self, ring: &mut Ring, pushed: &[Pushed]) -> bool {
        let mut out = Vec::new();
        let before = self.last_seq;
        let oldest = ring.oldest_seq();
        let Some(chunk) = ring.read(&mut self.cursor, SHIFT_MS, &mut out) else {
            return false;
        };
        if chunk == Chunk::Layout && out[0] == KIND_CHANGE {
            assert!(self.cursor.takes_changes);
            let base = self.layout.as_ref().expect("a change of nothing");
            let change = Change::decode(base, &out[1..]).unwrap();
            self.state.change(base, &change);
            self.layout = Some(change.apply(base));
            self.changes += 1;
            return true;
        }
        if chunk == Chunk::Layout {
            assert_eq!(out[0], KIND_LAYOUT);
            let layout = Layout::decode(&out[1..]).unwrap();
            if let Some(known) = &self.layout {
                assert!(layout.id() > known.id(), "layout numbers must grow");
            }
            self.layout = Some(layout);
            self.state = State::default();
            return true;
        }
        assert_eq!(out[0], KIND_SAMPLES);
        let layout = self.layout.as_ref().expect("samples before a layout");
        let mut reader = Reader::new(&out[1..]);
        assert!(!reader.is_empty(), "an empty frame");
        let mut expected = (before + 1).max(oldest);
        while !reader.is_empty() {
            self.state.apply(layout, &mut reader).unwrap();
            assert_eq!(self.state.seq, expected);
            let model = &pushed[expected as usize - 1];
            assert_eq!(self.state.time_ms, model.boot_ms + SHIFT_MS);
            assert_eq!(layout.series(), model.series);
            for (index, &value) in model.values.iter().enumerate() {
                let held = self.state.value(layout, index);
                assert_eq!(held, (value != ABSENT).then_some(value), "seq {expected}");
            }
            expected += 1;
        }
        let last_seq = self.state.seq;
        assert_eq!(chunk, Chunk::Samples { last_seq });
        self.last_seq = last_seq;
        true
    }
}

fn series(random: &mut Random) -> Vec<SeriesDef> {
    let names = [
        "cpu.idle_ms",
        "mem.free_bytes",
        "net.rx_bytes",
        "system.uptime_ms",
        "x",
    ];
    (0..random.below(40))
        .map(|n| {
            let label = format!("{n}-{}", random.below(1000));
            SeriesDef::new(names[random.below(5) as usize], &[("n", &label)])
        })
        .collect()
}

fn change(values: &mut [i64], series: &[SeriesDef], random: &mut Random) {
    for (value, series) in values.iter_mut().zip(series) {
        let scale = i64::from(series.scale);
        match random.below(12) {
            0 => *value = ABSENT,
            1..3 => *value = (random.bits() as i32 as i64) * scale,
            3..6 if *value != ABSENT => *value = value.wrapping_add(scale),
            _ => {}
        }
    }
}

/// Some go, and some come at the end.
fn come_and_go(names: &mut Vec<SeriesDef>, values: &mut Vec<i64>, random: &mut Random, n: u64) {
    let mut stays: Vec<bool> = names.iter().map(|_| random.below(6) > 0).collect();
    stays.push(true);
    let mut stay = stays.iter();
    names.retain(|_| *stay.next().unwrap());
    let mut stay = stays.iter();
    values.retain(|_| *stay.next().unwrap());
    for more in 0..random.below(6) {
        let name = ["net.rx_bytes", "system.uptime_ms", "fs.free_bytes"][more as usize % 3];
        names.push(SeriesDef::new(name, &[("n", &format!("late{n}-{more}"))]));
        values.push(random.below(3) as i64 * 512_000);
    }
}

/// Pushes, layout changes, acks, slow readers and new sessions at random. Answers what
/// was dropped, and how many changes were read.
fn shake(seed: u64, bytes_max: usize, rounds: u32) -> (u64, u64) {
    let mut random = Random::new(seed);
    let mut ring = Ring::new(bytes_max);
    let mut pushed: Vec<Pushed> = Vec::new();
    let mut reading = Reading::default();
    let (mut generation, mut boot_ms) = (0, 50);
    let mut names = series(&mut random);
    let mut values = vec![0; names.len()];
    let (mut acked, mut changes) = (0, 0);
    for round in 0..rounds {
        match random.below(40) {
            0 => {
                generation += 1;
                // Sometimes a new generation brings the very same list.
                match random.below(6) {
                    0 => {}
                    1 => {
                        names = series(&mut random);
                        values = vec![0; names.len()];
                    }
                    _ => come_and_go(&mut names, &mut values, &mut random, u64::from(round)),
                }
            }
            1..3 => {
                let back = random.below(30).min(ring.last_seq());
                acked = acked.max(ring.last_seq() - back);
                ring.ack(acked);
            }
            3 => {
                changes += reading.changes;
                reading = Reading::default();
                reading.cursor = Cursor::new(random.below(3) > 0);
            }
            4..12 => {
                reading.step(&mut ring, &pushed);
            }
            12 => while reading.step(&mut ring, &pushed) {},
            _ => {
                boot_ms += 900 + random.below(200) as i64;
                change(&mut values, &names, &mut random);
                pushed.push(Pushed {
                    boot_ms,
                    series: names.clone(),
                    values: values.clone(),
                });
                let seq = ring.push(boot_ms, generation, &names, &values);
                assert_eq!(seq, pushed.len() as u64);
            }
        }
        assert!(ring.bytes() <= bytes_max);
        assert!(ring.capacity() <= bytes_max.max(4 << 10));
        assert!(ring.oldest_seq() == 0 || ring.oldest_seq() > acked);
    }
    let mut last = Reading {
        cursor: Cursor::new(random.below(2) > 0),
        ..Reading::default()
    };
    while last.step(&mut ring, &pushed) {}
    if !ring.is_empty() {
        assert_eq!(last.last_seq, pushed.len() as u64);
    }
    (ring.dropped(), changes + reading.changes)
}

#[test]
fn every_sample_held_reads_back_exactly_at_any_point() {
    let mut changes = 0;
    for seed in 1..=300 {
        let (dropped, read) = shake(seed, RING_BYTES_MIN, 400);
        assert_eq!(dropped, 0, "seed {seed}: this ring never fills up");
        changes += read;
    }
    assert!(changes > 300, "{changes}");
}

#[test]
fn a_small_ring_drops_the_oldest_and_reads_back_the_rest() {
    let mut dropped_ever = 0;
    // Down to rings that can't hold a single keyframe.
    for seed in 1..=300 {
        dropped_ever += shake(seed, 40 + (seed as usize * 37) % 3000, 600).0;
    }
    assert!(dropped_ever > 1000, "{dropped_ever}");
}

#[test]
fn nothing_is_held_after_the_last_ack_and_memory_goes_back() {
    let names = [SeriesDef::new("x", &[])];
    let mut ring = Ring::new(512 << 10);
    for n in 0..100_000 {
        ring.push(n, 1, &names, &[n * n * 7919]);
    }
    let held = ring.newest_seq() - ring.oldest_seq() + 1;
    assert_eq!(held + ring.dropped(), 100_000);
    assert!(ring.bytes() <= 512 << 10 && ring.bytes() > 500 << 10);
    ring.ack(u64::MAX);
    assert!(ring.is_empty());
    assert_eq!(
        (ring.oldest_seq(), ring.newest_seq(), ring.bytes()),
        (0, 0, 0)
    );
    assert!(ring.capacity() <= 4 << 10);
    // The next one still counts on.
    assert_eq!(ring.push(1, 1, &names, &[1]), 100_001);
    assert_eq!(ring.oldest_seq(), 100_001);
}

#[test]
fn catch_up_frames_are_about_16_kib() {
    let names: Vec<_> = (0..50)
        .map(|n| SeriesDef::new("x", &[("n", &n.to_string())]))
        .collect();
    let mut random = Random::new(7);
    let mut ring = Ring::new(512 << 10);
    for n in 0..2000 {
        let values: Vec<i64> = (0..50).map(|_| random.bits() as i16 as i64).collect();
        ring.push(n, 1, &names, &values);
    }
    let (mut cursor, mut out, mut frames) = (Cursor::default(), Vec::new(), Vec::new());
    while let Some(chunk) = ring.read(&mut cursor, 0, &mut out) {
        if matches!(chunk, Chunk::Samples { .. }) {
            frames.push(out.len());
        }
        out.clear();
    }
    assert!(frames.len() > 10);
    frames.pop();
    assert!(
        frames
            .iter()
            .all(|&len| len <= CATCH_UP_FRAME_BYTES + 1 && len > CATCH_UP_FRAME_BYTES - 300),
        "{frames:?}"
    );
}

#[test]
fn more_series_than_the_wire_takes_are_left_out_not_fatal() {
    let names: Vec<_> = (0..SERIES_MAX + 5)
        .map(|n| SeriesDef::new("x", &[("n", &n.to_string())]))
        .collect();
    let values = vec![1; names.len()];
    let mut ring = Ring::new(4 << 20);
    ring.push(1, 1, &names, &values);
    ring.push(2, 1, &names, &values);
    let mut out = Vec::new();
    ring.read(&mut Cursor::default(), 0, &mut out);
    assert_eq!(Layout::decode(&out[1..]).unwrap().len(), SERIES_MAX);
}

/// What a machine whose containers come and go holds, and sends.
#[test]
fn a_change_is_held_and_sent_as_the_difference() {
    let interface = |name: &str| {
        let series = crate::collect::network::SERIES.map(|series| (series, name.to_owned()));
        series.map(|(series, name)| SeriesDef::new(series, &[("iface", &name)]))
    };
    let mut names: Vec<SeriesDef> = (0..92)
        .map(|n| SeriesDef::new("x", &[("n", &n.to_string())]))
        .collect();
    names.extend(interface("eth0"));
    let mut ring = Ring::new(RING_BYTES_MIN);
    let mut cursors = [Cursor::new(true), Cursor::new(false)];
    let mut sent = [0; 2];
    let mut held = 0;
    for n in 0..40u64 {
        match n % 2 {
            0 => names.truncate(100),
            _ => names.extend(interface(&format!("veth{:07x}", n * 0x91_3571))),
        }
        let before = ring.bytes();
        ring.push(n as i64 * 1_000, n + 1, &names, &vec![77_777; names.len()]);
        for (cursor, sent) in cursors.iter_mut().zip(&mut sent) {
            let mut out = Vec::new();
            while ring.read(cursor, 0, &mut out).is_some() {}
            *sent += if n > 0 { out.len() } else { 0 };
        }
        held += if n > 0 { ring.bytes() - before } else { 0 };
    }
    println!(
        "bytes a change with its sample: held {}, sent {}, to an older server {}",
        held / 39,
        sent[0] / 39,
        sent[1] / 39
    );
    assert!(held / 39 <= 100 && sent[0] / 39 <= 100, "{held} {sent:?}");
    assert!(sent[1] / 39 > 800, "{sent:?}");
}
