//! One node may take no more than its part, of memory before a commit and of the
//! budget on disk.

use super::*;
use crate::tier::Tier;

/// Random values of all series, as a keyframe.
fn keyframe(layout: &Layout, seq: u64, time_ms: i64, noise: &mut u64) -> (State, Vec<u8>) {
    let values: Vec<i64> = (0..layout.len())
        .map(|_| {
            *noise = noise.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            (*noise >> 33) as i64
        })
        .collect();
    let (mut state, mut bytes) = (State::default(), Vec::new());
    state.start(layout, seq, time_ms, &values);
    state.encode_keyframe(layout, 0, &mut bytes);
    (state, bytes)
}

fn wide(id: u64, count: usize, name: &str) -> Arc<Layout> {
    let series = (0..count).map(|n| SeriesDef::new(name, &[("n", &n.to_string())]));
    Arc::new(Layout::new(id, series.collect()))
}

#[test]
fn a_node_that_floods_gives_first_and_its_neighbour_keeps_what_it_has() {
    let folder = folder("neighbour");
    let settings = Settings {
        budget_bytes: Some(16 << 20),
        ..Settings::default()
    };
    let mut direct = Direct::start(&folder, settings);
    // Twenty hours of an ordinary node.
    direct.run(&layout(1), 0, 7_200, 60, 10_000);
    let of = |direct: &Direct, node, from_ms| {
        let query = Query {
            node,
            selectors: ["net.*", "mem.*", "x{n=7}"].map(String::from).to_vec(),
            from_ms,
            to_ms: from_ms + 9_000_000,
            points: 1_000,
        };
        let answer = direct.history.query(&query).unwrap();
        let counts = answer.series.iter().map(|series| series.count.iter());
        (answer.tier, counts.flatten().sum::<u32>())
    };
    let before = of(&direct, direct.node, START_MS);
    assert_eq!(before.0, "raw");
    assert!(before.1 > 1_700, "{before:?}");

    let flooder = direct.store.insert_node("f", &[], [8; 32], START_MS);
    let flooder = flooder.unwrap().id;
    let hello = hello("flood", "b", None);
    let (_, place) = direct.intakes.open(flooder, &hello, 1_000, seen());
    let series = wide(1, 2_000, "x");
    let mut noise = 1;
    let mut given = false;
    for n in 0..1_500i64 {
        // As old as those of the other: age must not save them.
        let time_ms = START_MS + n * 1_000;
        let (state, bytes) = keyframe(&series, n as u64 + 1, time_ms, &mut noise);
        let pushed = direct
            .intakes
            .push(place, &series, &state, Record::Keyframe, &bytes);
        assert_eq!(pushed, PushResult::Taken);
        direct.commit();
        if n % 8 == 7 {
            direct.writer.settle();
        }
        if n % 250 == 249 {
            assert_eq!(of(&direct, direct.node, START_MS), before, "sample {n}");
            given |= of(&direct, flooder, START_MS).0 != "raw";
        }
    }
    // There was more of it than fits.
    assert!(given);
    let status = direct.history.status().unwrap();
    assert!(status.bytes.total <= 16 << 20, "{status:?}");
    assert_eq!(status.writer.state, "ok");
}

#[test]
fn lists_of_series_count_as_pending_and_each_node_has_its_part() {
    let folder = folder("layouts");
    let mut bench = Bench::start(&folder);
    let (eager, calm) = (bench.node("eager"), bench.node("calm"));
    bench.open(eager, &hello("e", "b", None));
    bench.open(calm, &hello("c", "b", None));
    let place = |bench: &Bench, node| bench.intakes.place(node).unwrap();
    let mut noise = 1;
    let mut push = |bench: &mut Bench, node, layout: &Arc<Layout>, seq: u64| {
        let (state, bytes) = keyframe(layout, seq, START_MS + seq as i64, &mut noise);
        let place = place(bench, node);
        let intakes = &mut bench.intakes;
        intakes.push(place, layout, &state, Record::Keyframe, &bytes)
    };
    // A list that stays counts nothing more: thousands of nodes may share it.
    let stays = wide(1, 4_000, "stays");
    assert_eq!(push(&mut bench, calm, &stays, 1), PushResult::Taken);
    assert!(bench.intakes.pending_bytes() < 40_000);
    // One that changes with each sample does.
    let bytes = wide(1, 4_000, "changes").memory_bytes();
    let mut taken = 0;
    loop {
        // Nobody else has it, as after the next has come.
        let layout = wide(taken + 1, 4_000, "changes");
        match push(&mut bench, eager, &layout, taken + 1) {
            PushResult::Taken => taken += 1,
            other => break assert_eq!(other, PushResult::Full),
        }
    }
    assert!((8..40).contains(&taken), "{taken}");
    let pending = bench.intakes.pending_bytes();
    assert!(pending >= (taken as usize - 1) * bytes, "{pending}");
    assert!(pending < 12 << 20, "{pending}");
    // The other has room, and after a commit both have.
    assert_eq!(push(&mut bench, calm, &stays, 2), PushResult::Taken);
    bench.commit();
    assert_eq!(bench.intakes.pending_bytes(), 0);
    let layout = wide(taken + 2, 4_000, "changes");
    assert_eq!(
        push(&mut bench, eager, &layout, taken + 2),
        PushResult::Taken
    );
    let again = wide(taken + 3, 4_000, "changes");
    drop(layout);
    assert_eq!(
        push(&mut bench, eager, &again, taken + 3),
        PushResult::Taken
    );
    assert!(bench.intakes.pending_bytes() > bytes);
    // What is not durable may come again.
    assert_eq!(bench.intakes.undurable(eager), 2);
    bench.intakes.forget(eager);
    assert_eq!(bench.intakes.pending_bytes(), 0);
    bench.stop();
}

#[test]
fn samples_of_one_node_never_take_the_room_of_all() {
    let folder = folder("room");
    let mut bench = Bench::start(&folder);
    let (eager, calm) = (bench.node("eager"), bench.node("calm"));
    bench.open(eager, &hello("e", "b", None));
    bench.open(calm, &hello("c", "b", None));
    let layout = wide(1, 8_000, "x");
    let mut noise = 1;
    let mut push = |bench: &mut Bench, node, seq: u64| {
        let (state, bytes) = keyframe(&layout, seq, START_MS + seq as i64, &mut noise);
        let place = bench.intakes.place(node).unwrap();
        let intakes = &mut bench.intakes;
        intakes.push(place, &layout, &state, Record::Keyframe, &bytes)
    };
    let full = (1..10_000).find(|seq| push(&mut bench, eager, *seq) == PushResult::Full);
    assert!(full.is_some());
    assert_eq!(push(&mut bench, calm, 1), PushResult::Taken);
    let pending = bench.intakes.pending_bytes();
    assert!((32 << 20..33 << 20).contains(&pending), "{pending}");
    bench.stop();
}

#[test]
fn letting_go_needs_no_room() {
    let folder = folder("no-room");
    let mut direct = Direct::start(&folder, Settings::default());
    direct.run(&layout(1), 0, 12_000, 60, 10_000);
    let blocks = |direct: &Direct| direct.number("SELECT count(*) FROM blocks");
    let before = blocks(&direct);
    assert!(direct.number("SELECT count(*) FROM blocks WHERE tier = 2") > 0);
    direct.writer.fill_file();
    // Where there is no room for minutes or hours, samples go all the same.
    for tier in [Tier::Raw, Tier::Minute, Tier::Hour] {
        let all = direct.number(&format!(
            "SELECT count(*) FROM blocks WHERE tier = {}",
            tier.number()
        ));
        for _ in 0..all {
            assert!(direct.writer.age_one(tier));
        }
    }
    assert!(blocks(&direct) < before);
    while direct.writer.age_one(Tier::Minute) {}
    assert_eq!(blocks(&direct), 0);
    // And with the blocks what they alone needed.
    assert_eq!(direct.number("SELECT count(*) FROM layouts"), 0);
    assert_eq!(direct.number("SELECT count(*) FROM series"), 0);
    // What comes next brings them again.
    direct.run(&layout(1), 12_000, 12_120, 60, 10_000);
    let from_ms = START_MS + 120_000_000;
    let answer = direct.query(from_ms, from_ms + 1_200_000, 60);
    assert_eq!(answer.series[0].count.iter().sum::<u32>(), 120);
}

#[test]
fn lists_of_series_never_fill_the_budget() {
    let folder = folder("lists");
    let settings = Settings {
        budget_bytes: Some(16 << 20),
        ..Settings::default()
    };
    let mut direct = Direct::start(&folder, settings);
    direct.run(&layout(1), 0, 720, 60, 10_000);
    let restless = direct.store.insert_node("r", &[], [8; 32], START_MS);
    let restless = restless.unwrap().id;
    let hello = hello("restless", "b", None);
    let (_, place) = direct.intakes.open(restless, &hello, 1_000, seen());
    let mut noise = 1;
    for n in 1..=120u64 {
        // A quarter of a megabyte of keys, and another one with each sample.
        let key = |at: usize| format!("{}{at:0119}", (at as u64 * 31 + n) % 1_000_003);
        let series = (0..2_000).map(|at| SeriesDef::new(&key(at), &[]));
        let layout = Arc::new(Layout::new(n, series.collect()));
        let (state, bytes) = keyframe(&layout, n, START_MS + n as i64 * 1_000, &mut noise);
        let intakes = &mut direct.intakes;
        let pushed = intakes.push(place, &layout, &state, Record::Keyframe, &bytes);
        assert_eq!(pushed, PushResult::Taken);
        direct.commit();
        if n % 8 == 7 {
            direct.writer.settle();
            let status = direct.history.status().unwrap();
            assert!(status.bytes.total <= 16 << 20, "{status:?}");
            assert_eq!(status.writer.state, "ok");
        }
    }
    // What the other has is there, and what the restless one has kept is readable.
    let query = |node, selector: &str| {
        let query = Query {
            node,
            selectors: vec![selector.into()],
            from_ms: START_MS,
            to_ms: START_MS + 7_200_000,
            points: 720,
        };
        direct.history.query(&query).unwrap()
    };
    let answer = query(direct.node, "mem.free_bytes");
    assert_eq!(answer.tier, "raw");
    assert_eq!(answer.series[0].count.iter().sum::<u32>(), 720);
    let key = format!("{}{:0119}", 5 * 31 + 120, 5);
    assert_eq!(query(restless, &key).series.len(), 1);
}
