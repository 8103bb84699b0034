use super::*;
use crate::limits::SCALE_MAX;
use crate::samples::{Record, State};
use crate::{ABSENT, Layout};

struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 20) % bound
    }
}

const NAMES: [&str; 9] = [
    "net.rx_bytes",
    "net.rx_packets",
    "net.tx_bytes",
    "net.tx_packets",
    "net.rx_errors",
    "net.rx_dropped",
    "net.tx_errors",
    "net.tx_dropped",
    "system.uptime_ms",
];

fn interface(name: &str) -> Vec<SeriesDef> {
    let mut series: Vec<SeriesDef> = NAMES[..8]
        .iter()
        .map(|series| SeriesDef::new(series, &[("iface", name)]))
        .collect();
    series.push(SeriesDef::new(
        "net.kind",
        &[("iface", name), ("kind", "virtual")],
    ));
    series
}

fn round_trip(base: &Layout, series: &[SeriesDef]) -> (Change, usize) {
    let change = Change::between(base, base.id() + 1, series).unwrap();
    let mut bytes = Vec::new();
    change.encode(base, &mut bytes);
    assert_eq!(bytes[0], KIND_CHANGE);
    let decoded = Change::decode(base, &bytes[1..]);
    assert_eq!(decoded.as_ref(), Ok(&change));
    assert_eq!(change.apply(base).series(), series);
    (change, bytes.len())
}

/// Any list of series after any other, and the samples on both ways.
#[test]
fn the_state_after_a_change_is_that_after_a_keyframe() {
    let mut changes = 0;
    for seed in 1..400u64 {
        let mut rng = Rng(seed * 0x9E37_79B9);
        let make = |rng: &mut Rng| {
            let names = [
                "cpu.idle_ms",
                "mem.free_bytes",
                "net.rx_bytes",
                "system.uptime_ms",
                "cpu.system_ms",
                "fs.free_bytes",
                "fs.available_bytes",
                "x",
            ];
            let name = names[rng.below(8) as usize];
            let label = format!("é{}\\,{{", rng.below(40));
            match rng.below(3) {
                0 => SeriesDef::new(name, &[("n", &label), ("type", "zfs")]),
                1 => SeriesDef::new(name, &[("n", &label)]),
                _ => SeriesDef::new(&format!("{name}{}", rng.below(99)), &[]),
            }
        };
        let add = |rng: &mut Rng, series: &mut Vec<SeriesDef>, count: u64| {
            for _ in 0..count {
                let new = make(rng);
                if series.iter().all(|series| series.key != new.key) {
                    series.push(new);
                }
            }
        };
        let value = |rng: &mut Rng, series: &SeriesDef| match rng.below(8) {
            0 => ABSENT,
            1 => 0,
            _ => (rng.below(1 << 40) as i64 - (1 << 30)) * i64::from(series.scale),
        };
        let mut series = Vec::new();
        add(&mut rng, &mut series, 60);
        let mut layout = Layout::new(1, series.clone());
        let mut values: Vec<i64> = series.iter().map(|s| value(&mut rng, s)).collect();
        let mut encoder = State::default();
        encoder.start(&layout, 1, 0, &values);
        let mut decoder = encoder.clone();
        let mut seq = 1;
        for _ in 0..12 {
            let before = decoder.clone();
            let mut removed = Vec::new();
            let chance = 1 + rng.below(12);
            series.retain(|series| {
                let stays = rng.below(chance) > 0 || chance == 1;
                if !stays {
                    removed.push(series.clone());
                }
                stays
            });
            // One that goes may come again at once, at the end.
            if rng.below(3) == 0 {
                series.extend(removed.pop());
            }
            let more = rng.below(20);
            add(&mut rng, &mut series, more);
            if Change::between(&layout, seq + 1, &series).is_none() {
                break;
            }
            let (change, _) = round_trip(&layout, &series);
            changes += 1;
            encoder.change(&layout, &change);
            decoder.change(&layout, &change);
            let kept = series.len() - change.added().len();
            let was = |key: &str| {
                let at = layout.series().iter().position(|s| &*s.key == key)?;
                before.value(&layout, at)
            };
            let next = change.apply(&layout);
            for (at, series) in series.iter().enumerate() {
                let expected = (at < kept).then(|| was(&series.key)).flatten();
                assert_eq!(decoder.value(&next, at), expected, "seed {seed}");
            }
            layout = next;
            for _ in 0..rng.below(3) {
                seq += 1;
                let first = decoder.seq + 1 == seq && encoder == decoder;
                assert!(first);
                let held = decoder.clone();
                values = series.iter().map(|s| value(&mut rng, s)).collect();
                let mut bytes = Vec::new();
                encoder.encode_delta(&layout, seq, seq as i64 * 1_000, &values, &mut bytes);
                let mut reader = Reader::new(&bytes);
                assert_eq!(decoder.apply(&layout, &mut reader), Ok(Record::Delta));
                assert!(reader.is_empty());
                // Both ways are one from here on.
                let mut keyframe = Vec::new();
                encoder.encode_keyframe(&layout, 0, &mut keyframe);
                let mut whole = State::default();
                whole.apply(&layout, &mut Reader::new(&keyframe)).unwrap();
                assert_eq!((&decoder, &encoder), (&whole, &whole), "seed {seed}");
                for (at, &value) in values.iter().enumerate() {
                    let scale = i64::from(series[at].scale);
                    let expected = (value != ABSENT).then(|| value.div_euclid(scale) * scale);
                    assert_eq!(decoder.value(&layout, at), expected, "seed {seed}");
                }
                // And the way back: what had no value before says so.
                let back = decoder.before(&layout, &bytes).unwrap();
                for (at, back) in back.into_iter().enumerate() {
                    let gone = decoder.scaled()[at] == ABSENT;
                    let was = held.scaled()[at];
                    assert_eq!(back, if gone { ABSENT } else { was }, "seed {seed}");
                }
            }
        }
    }
    assert!(changes > 2_000, "{changes}");
}

/// What issue 17 asks for: at most 300 bytes for a change on the wire, with all that
/// follows from it in the next record.
#[test]
fn containers_that_come_and_go_cost_little() {
    let mut rng = Rng(7);
    let mut name = |_| format!("veth{:07x}", rng.below(1 << 28));
    // A machine of a hundred series, and one container.
    let mut series: Vec<SeriesDef> = (0..82)
        .map(|n| SeriesDef::new("x", &[("n", &n.to_string())]))
        .collect();
    series.extend(interface("eth0"));
    series.extend(interface("veth0000000"));
    let mut layout = Layout::new(1, series.clone());
    let mut state = State::default();
    let values = |series: &[SeriesDef]| vec![1_234; series.len()];
    state.start(&layout, 1, 0, &values(&series));
    let mut change_to = |layout: &mut Layout, series: &[SeriesDef]| {
        let mut still = Vec::new();
        let mut same = state.clone();
        let seq = state.seq + 1;
        same.encode_delta(layout, seq, 0, &values(layout.series()), &mut still);
        let (change, bytes) = round_trip(layout, series);
        let mut record = Vec::new();
        state.change(layout, &change);
        *layout = change.apply(layout);
        state.encode_delta(layout, seq, 0, &values(series), &mut record);
        bytes + record.len() - still.len()
    };
    let one: Vec<String> = (0..20).map(&mut name).collect();
    series.extend(interface(&one[0]));
    let came = change_to(&mut layout, &series);
    series.truncate(100);
    let went = change_to(&mut layout, &series);
    // All twenty in one change, in the order in which the Spider has them: what moves
    // of all of them first.
    let all: Vec<Vec<SeriesDef>> = one.iter().map(|name| interface(name)).collect();
    for part in [0..4, 4..9] {
        series.extend(all.iter().flat_map(|one| one[part.clone()].to_vec()));
    }
    let twenty_came = change_to(&mut layout, &series);
    series.truncate(100);
    let twenty_went = change_to(&mut layout, &series);
    // The first of all: nothing to be like but the hardware.
    series.truncate(91);
    change_to(&mut layout, &series);
    series.extend(interface("vethabcdef0"));
    let first_came = change_to(&mut layout, &series);
    println!(
        "bytes of a change and of what follows in the record: one container comes {came}, \
         goes {went}; the first comes {first_came}; twenty come at once {twenty_came}, \
         go {twenty_went}"
    );
    let mut whole = Vec::new();
    layout.encode(&mut whole);
    state.encode_keyframe(&layout, 0, &mut whole);
    println!("the whole layout and a keyframe: {}", whole.len());
    assert!(came <= 60 && went <= 20 && first_came <= 120);
    assert!(twenty_came <= 1_000 && twenty_went <= 20);
}

fn base() -> Layout {
    let mut series = interface("eth0");
    series.push(SeriesDef::new("mem.free_bytes", &[]));
    Layout::new(5, series)
}

fn out_of_range(what: &'static str) -> Result<Change, WireError> {
    Err(WireError::OutOfRange(what))
}

#[test]
fn hostile_changes_are_refused() {
    let base = base();
    let decode = |bytes: &[u8]| Change::decode(&base, bytes);
    // Nothing goes and nothing comes: a new number for the same.
    assert!(decode(&[6, 5, 0, 0]).is_ok());
    assert_eq!(decode(&[6, 4, 0, 0]), Err(WireError::UnknownLayout));
    assert_eq!(decode(&[5, 5, 0, 0]), out_of_range("layout number"));
    assert!(decode(&[6, 5, 1, 9, 1, 0]).is_ok());
    for removed in [[10, 1], [0, 11], [0, 0], [9, 2]] {
        let bytes = [&[6, 5, 1], &removed[..], &[0]].concat();
        assert_eq!(decode(&bytes), out_of_range("removed series"));
    }
    let added = |run: &[u8]| decode(&[&[6, 5, 0, 1], run].concat());
    assert!(added(&[8, 0, 0, 0, 1, b'a']).is_ok());
    // Before the first series, past the last, and more than there are.
    for run in [[1, 1, 0], [1, 20, 0], [11, 0, 0]] {
        assert_eq!(added(&run), out_of_range("place of a series to be like"));
    }
    assert_eq!(
        added(&[1, 18, 0, 0, 1, b'a']),
        out_of_range("label of a series to be like")
    );
    assert_eq!(added(&[1, 0, 1]), out_of_range("number of a label's value"));
    assert_eq!(
        added(&[1, 0, 0, 5, 0]),
        out_of_range("shared key prefix"),
        "eth0 has four"
    );
    assert_eq!(added(&[1, 0, 0, 0, 1, 0xff]), Err(WireError::NotUtf8));
    let mut long = vec![1, 0, 0, 0];
    put(&mut long, KEY_BYTES_MAX as u64);
    long.extend([b'a'; KEY_BYTES_MAX]);
    assert_eq!(added(&long), out_of_range("series key length"));
    let flags = [
        0,
        0,
        1,
        b'y',
        super::super::FLAG_PART | super::super::FLAG_SUM,
    ];
    assert_eq!(
        added(&[&flags[..], &[0, 1]].concat()),
        out_of_range("series flags")
    );
    let mut scale = vec![0, 0, 1, b'y', 0, 0];
    put(&mut scale, u64::from(SCALE_MAX) + 1);
    assert_eq!(added(&scale), out_of_range("series scale"));
    // Bytes after the last run are another version's.
    assert_eq!(decode(&[6, 5, 0, 0, 1, 2, 3]), decode(&[6, 5, 0, 0]));
}

#[test]
fn every_cut_is_refused_not_misread() {
    let base = base();
    let mut series = base.series()[1..].to_vec();
    series.extend(interface("veth1"));
    series.push(SeriesDef::new("new", &[]));
    let change = Change::between(&base, 6, &series);
    let mut bytes = Vec::new();
    change.unwrap().encode(&base, &mut bytes);
    for end in 1..bytes.len() {
        let cut = Change::decode(&base, &bytes[1..end]);
        assert_eq!(cut, Err(WireError::Truncated), "cut at {end}");
    }
}

#[test]
fn a_key_twice_is_named_in_layouts_and_in_changes() {
    let twice = |key: &str| WireError::KeyTwice(key.into());
    let mut series = interface("eth0");
    series.push(series[3].clone());
    let mut bytes = Vec::new();
    Layout::new(1, series).encode(&mut bytes);
    let key = "net.tx_packets{iface=eth0}";
    assert_eq!(Layout::decode(&bytes[1..]), Err(twice(key)));
    // What a database holds of before is read.
    let (id, list) = (bytes[1], &bytes[2..]);
    assert_eq!(
        Layout::decode_series(u64::from(id), list).unwrap().len(),
        10
    );

    let base = base();
    let decode = |bytes: &[u8]| Change::decode(&base, bytes);
    // One that stays, and one that is added twice.
    let stays = [6, 5, 0, 1, 1, 0, 0, 4, 0];
    assert_eq!(decode(&stays), Err(twice("net.rx_bytes{iface=eth0}")));
    let added = [6, 5, 0, 2, 1, 0, 0, 0, 1, b'a', 1, 1, 1];
    assert_eq!(decode(&added), Err(twice("net.rx_bytes{iface=a}")));
    // One that goes may come again.
    let again = [6, 5, 1, 0, 1, 1, 1, 0, 0, 4, 0];
    assert!(decode(&again).is_ok());
    let words = twice(&"\u{1b}é".repeat(100)).to_string();
    assert!(
        words.len() <= 123 * 3 && !words.contains('\u{1b}'),
        "{words}"
    );
}

#[test]
fn a_few_bytes_make_no_more_than_a_layout_holds() {
    let long = "k".repeat(200);
    let series = |count: usize, key: &dyn Fn(usize) -> String| {
        let defs = (0..count).map(|n| SeriesDef::new(&key(n), &[("a", "b")]));
        Layout::new(1, defs.collect())
    };
    // A thousand long keys, which a run of ten bytes would double and double again.
    let base = series(1_000, &|n| format!("{long}{n:04}"));
    let run = |value: u8, count: u64, from: i64| {
        let mut run = Vec::new();
        put(&mut run, count);
        put_signed(&mut run, from);
        run.extend([0, 0, 1, value]);
        run
    };
    let bomb = [&[2, 1, 0, 1][..], &run(b'c', 1_000, 0)].concat();
    assert_eq!(
        Change::decode(&base, &bomb),
        out_of_range("size of all series keys together")
    );
    let base = series(SERIES_MAX, &|n| format!("{n:04}"));
    let bomb = [&[2, 1, 0, 1][..], &run(b'c', 1, 0)].concat();
    assert_eq!(Change::decode(&base, &bomb), out_of_range("series count"));
    // As many as there may be, from as many that go.
    let mut all = vec![2, 1, 1, 0];
    put(&mut all, SERIES_MAX as u64);
    all.push(1);
    all.extend(run(b'c', SERIES_MAX as u64, 0));
    assert!(all.len() < 16);
    assert_eq!(
        Change::decode(&base, &all).unwrap().added().len(),
        SERIES_MAX
    );
}

#[test]
fn random_bytes_never_panic() {
    let base = base();
    let mut rng = Rng(11);
    let mut taken = 0;
    for _ in 0..200_000 {
        let mut bytes = vec![6, 5];
        bytes.extend((0..rng.below(24)).map(|_| match rng.below(3) {
            0 => rng.below(256) as u8,
            _ => rng.below(4) as u8,
        }));
        if let Ok(change) = Change::decode(&base, &bytes) {
            taken += 1;
            let layout = change.apply(&base);
            let mut again = Vec::new();
            change.encode(&base, &mut again);
            assert_eq!(Change::decode(&base, &again[1..]), Ok(change));
            assert!(layout.len() <= SERIES_MAX);
        }
    }
    assert!(taken > 1_000, "{taken}");
}
