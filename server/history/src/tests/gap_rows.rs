//! Gaps in a real database: clocks that jump, and samples that come late.

use super::*;

const SECOND_MS: i64 = 1_000;

/// Samples of a session by their number and their second.
fn send(bench: &mut Bench, node: i64, samples: impl IntoIterator<Item = (u64, i64)>) {
    let layout = layout(1);
    let place = bench.intakes.place(node).unwrap();
    let mut state = State::default();
    for (seq, second) in samples {
        let (time_ms, values) = (START_MS + second * SECOND_MS, values(seq as i64));
        let mut bytes = Vec::new();
        let record = if state.seq == 0 {
            state.start(&layout, seq, time_ms, &values);
            state.encode_keyframe(&layout, 0, &mut bytes);
            Record::Keyframe
        } else {
            state.encode_delta(&layout, seq, time_ms, &values, &mut bytes);
            Record::Delta
        };
        let pushed = bench.intakes.push(place, &layout, &state, record, &bytes);
        assert_eq!(pushed, PushResult::Taken);
    }
}

/// From, to (seconds) and lost, of all that there are.
fn gaps(bench: &Bench, node: i64) -> Vec<(i64, i64, GapCause, i64)> {
    let end_ms = START_MS + 2 * DAY_MS;
    let answer = bench.query(node, &["mem.*"], START_MS, end_ms, 100);
    let mut gaps: Vec<_> = answer
        .gaps
        .iter()
        .map(|gap| {
            let second = |ms: i64| (ms - START_MS) / SECOND_MS;
            (second(gap.from), second(gap.to), gap.cause, gap.lost)
        })
        .collect();
    gaps.sort_by_key(|gap| gap.0);
    gaps
}

fn told(bench: &Bench) -> i64 {
    let told = "SELECT COUNT(*) FROM events WHERE kind = 'gap'";
    let reader = bench.store.reader().unwrap();
    reader.query_row(told, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_clock_that_was_ahead_leaves_no_false_gap_and_hides_no_lost_samples() {
    let folder = folder("gaps-ahead");
    let mut bench = Bench::start(&folder);
    let node = bench.node("a");
    bench.open(node, &hello("r", "b", None));
    let now_is = |bench: &mut Bench, second: i64| {
        bench.intakes.now_is(START_MS + second * SECOND_MS, 0);
    };
    now_is(&mut bench, 100);
    send(&mut bench, node, (1..=100).map(|n| (n, n as i64)));
    // Twenty hours ahead for two minutes, and right again.
    now_is(&mut bench, 220);
    send(
        &mut bench,
        node,
        (101..=220).map(|n| (n, n as i64 + 20 * 3_600)),
    );
    bench.commit();
    now_is(&mut bench, 300);
    send(&mut bench, node, (221..=300).map(|n| (n, n as i64)));
    bench.commit();
    assert_eq!(gaps(&bench, node), []);
    // The link is down for longer than the ring holds, and meanwhile the clock goes back.
    now_is(&mut bench, 310);
    send(&mut bench, node, [(301, 310 + 20 * 3_600)]);
    bench.open(node, &hello("r", "b", Some("link_down")));
    now_is(&mut bench, 5_400);
    send(&mut bench, node, (5_302..=5_310).map(|n| (n, n as i64 + 9)));
    bench.commit();
    assert_eq!(
        gaps(&bench, node),
        [(310, 5_311, GapCause::LinkDown, 5_000)]
    );
    bench.stop();
}

#[test]
fn late_samples_take_the_place_of_the_gap_that_they_fill() {
    let folder = folder("gaps-late");
    let mut bench = Bench::start(&folder);
    let node = bench.node("a");
    bench.open(node, &hello("older", "b1", None));
    send(&mut bench, node, (1..=100).map(|n| (n, n as i64)));
    bench.open(node, &hello("newer", "b2", None));
    send(&mut bench, node, (1..=100).map(|n| (n, n as i64 + 4_100)));
    bench.commit();
    assert_eq!(gaps(&bench, node), [(100, 4_101, GapCause::NodeOff, 0)]);
    // Its ring file comes after all: first a part of it, with a hole of its own.
    bench.open(node, &hello("older", "b1", Some("link_down")));
    let early = (101..=1_000).map(|n| (n, n as i64));
    let later = (1_001..=2_000).map(|n| (n, n as i64 + 600));
    send(&mut bench, node, early.chain(later));
    bench.commit();
    let left = [
        (1_000, 1_601, GapCause::Suspended, 0),
        (2_600, 4_101, GapCause::NodeOff, 0),
    ];
    assert_eq!(gaps(&bench, node), left);
    // Told was that of before; not what it was cut into.
    assert_eq!(told(&bench), 1);
    bench.stop();

    // A second machine in the middle, after a restart.
    let mut bench = Bench::start(&folder);
    bench.open(node, &hello("another", "b3", None));
    send(&mut bench, node, (1..=300).map(|n| (n, n as i64 + 3_000)));
    bench.commit();
    let left = [
        (1_000, 1_601, GapCause::Suspended, 0),
        (2_600, 3_001, GapCause::NodeOff, 0),
        (3_300, 4_101, GapCause::NodeOff, 0),
    ];
    assert_eq!(gaps(&bench, node), left);
    // And on to its end, with one that is told as lost.
    bench.open(node, &hello("another", "b3", None));
    send(
        &mut bench,
        node,
        (301..=1_099).map(|n| (n, n as i64 + 3_000)),
    );
    send(&mut bench, node, [(1_110, 4_105)]);
    bench.commit();
    let left = [
        (1_000, 1_601, GapCause::Suspended, 0),
        (2_600, 3_001, GapCause::NodeOff, 0),
        (4_099, 4_105, GapCause::LinkDown, 10),
    ];
    assert_eq!(gaps(&bench, node), left);
    assert_eq!(told(&bench), 2);
    bench.stop();
}
