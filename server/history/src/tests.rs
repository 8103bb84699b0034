//! Intake, writer and queries together, on a real database file.

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use stardust_shared::message::{Hello, Identity};
use stardust_shared::{ABSENT, Layout, Record, SeriesDef, State};

use super::*;
use stardust_base::slots::SlotKey;
use stardust_store::Store;

mod bounds;
mod clocks;
mod gap_rows;
mod oracle;

const START_MS: i64 = 1_790_000_000_000;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn folder(name: &str) -> Folder {
    folder_in(&std::env::temp_dir(), name)
}

fn folder_in(parent: &std::path::Path, name: &str) -> Folder {
    let path = parent.join(format!("stardust-history-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    Folder(path)
}

/// A server's history side: intakes here, the writer on its thread.
struct Bench {
    store: Arc<Store>,
    history: Arc<History>,
    intakes: Intakes,
    commands: Sender<Command>,
    outcomes: std::sync::mpsc::Receiver<Outcome>,
    writer: JoinHandle<()>,
}

impl Bench {
    fn start(folder: &Folder) -> Self {
        Self::start_with(folder, Settings::default())
    }

    fn start_with(folder: &Folder, settings: Settings) -> Self {
        let store = Arc::new(Store::open(&folder.0.join("s.db")).unwrap());
        let progress = durable_progress(&store).unwrap();
        let history =
            Arc::new(History::open_at(Arc::clone(&store), settings, Source::Samples).unwrap());
        let writer = history.writer().unwrap();
        let (commands, from_gate) = channel();
        let (report, outcomes) = channel();
        let report = Mutex::new(report);
        let writer = std::thread::spawn(move || {
            writer.run(&from_gate, &|outcome| {
                report.lock().unwrap().send(outcome).unwrap()
            });
        });
        Self {
            store,
            history,
            intakes: Intakes::new(progress),
            commands,
            outcomes,
            writer,
        }
    }

    fn node(&self, name: &str) -> i64 {
        let mut hash = [0; 32];
        hash[..name.len()].copy_from_slice(name.as_bytes());
        self.store
            .insert_node(name, &[], hash, START_MS)
            .unwrap()
            .id
    }

    fn open(&mut self, node: i64, hello: &Hello) -> u64 {
        self.intakes.open(node, hello, 1_000, seen()).0
    }

    fn commit(&mut self) -> Vec<Committed> {
        let Some(batch) = self.intakes.seal() else {
            return Vec::new();
        };
        self.commands.send(Command::Commit(batch)).unwrap();
        match self.outcomes.recv().unwrap() {
            Outcome::Committed(committed) => {
                self.intakes.committed(&committed);
                committed
            }
            Outcome::Failing(reason) => panic!("{reason}"),
        }
    }

    fn query(
        &self,
        node: i64,
        selectors: &[&str],
        from_ms: i64,
        to_ms: i64,
        points: usize,
    ) -> Answer {
        let query = Query {
            node,
            selectors: selectors.iter().map(|s| s.to_string()).collect(),
            from_ms,
            to_ms,
            points,
        };
        self.history.query(&query).unwrap()
    }

    fn stop(self) {
        self.commands.send(Command::Stop).unwrap();
        self.writer.join().unwrap();
    }
}

fn seen() -> HelloSeen {
    HelloSeen {
        time_ms: START_MS,
        address: "192.0.2.1".into(),
        version: "0.1.0".into(),
        identity: Identity::default(),
    }
}

fn hello(run: &str, boot: &str, outage: Option<&str>) -> Hello {
    Hello {
        kind: Hello::KIND.into(),
        protocol: 1,
        version: "0.1.0".into(),
        run: run.into(),
        boot_id: boot.into(),
        oldest_seq: 0,
        newest_seq: 0,
        interval_ms: 1_000,
        outage: outage.map(Into::into),
        clock_ms: None,
        identity: Identity::default(),
    }
}

fn layout(id: u64) -> Arc<Layout> {
    Arc::new(Layout::new(
        id,
        vec![
            SeriesDef::new("net.rx_bytes", &[("iface", "eth0")]),
            SeriesDef::new("mem.free_bytes", &[]),
            SeriesDef::new("system.uptime_ms", &[]),
        ],
    ))
}

fn values(n: i64) -> [i64; 3] {
    [
        n * 100,
        if n % 10 == 9 {
            ABSENT
        } else {
            4096 * (1_000 + n % 7)
        },
        n * 1_000,
    ]
}

/// Streams samples `from..to` in one session, as the gate does it.
fn stream(
    bench: &mut Bench,
    node: i64,
    layout: &Arc<Layout>,
    from: u64,
    to: u64,
) -> Vec<PushResult> {
    let mut encoder = State::default();
    let place = bench.intakes.place(node).unwrap();
    (from..to)
        .map(|seq| {
            let n = seq as i64;
            let mut bytes = Vec::new();
            let record = if seq == from {
                encoder.start(layout, seq, START_MS + n * 1_000, &values(n));
                encoder.encode_keyframe(layout, 0, &mut bytes);
                Record::Keyframe
            } else {
                encoder.encode_delta(layout, seq, START_MS + n * 1_000, &values(n), &mut bytes);
                Record::Delta
            };
            bench.intakes.push(place, layout, &encoder, record, &bytes)
        })
        .collect()
}

fn check(bench: &Bench, node: i64, count: i64) {
    let end = START_MS + (count + 1) * 1_000;
    let answer = bench.query(node, &["*"], START_MS, end, 2_000);
    assert_eq!(answer.step_ms, 1_000);
    let by_key = |key: &str| answer.series.iter().find(|s| s.key == key).unwrap();
    let rx = by_key("net.rx_bytes{iface=eth0}");
    let mem = by_key("mem.free_bytes");
    assert_eq!(answer.times.len(), rx.count.len());
    let increase: Vec<_> = rx.increase.as_ref().unwrap().iter().collect();
    let (mem, rates): (Vec<_>, Vec<_>) = (mem.avg.iter().collect(), rx.avg.iter().collect());
    for n in 1..=count {
        let at = n as usize;
        assert_eq!(answer.times[at], START_MS + n * 1_000);
        let expected = if n % 10 == 9 {
            None
        } else {
            Some(4096.0 * (1_000 + n % 7) as f64)
        };
        assert_eq!(mem[at], expected, "sample {n}");
        assert_eq!(rx.count[at], 1, "sample {n}");
        // The first one has nothing before it to count from.
        assert_eq!(increase[at], (n > 1).then_some(100), "sample {n}");
        assert_eq!(rates[at], (n > 1).then_some(100.0));
    }
    assert_eq!(answer.gaps, []);
}

#[test]
fn a_cut_and_a_killed_server_lose_and_double_nothing() {
    let folder = folder("resume");
    let layout = layout(1);
    let mut bench = Bench::start(&folder);
    let node = bench.node("a");
    assert_eq!(bench.open(node, &hello("r", "b", None)), 0);
    assert!(
        stream(&mut bench, node, &layout, 1, 21)
            .iter()
            .all(|p| *p == PushResult::Taken)
    );
    let done = bench.commit();
    assert_eq!(
        done,
        [Committed {
            node,
            run: "r".into(),
            seq: 20
        }]
    );
    stream(&mut bench, node, &layout, 21, 26);

    // The link is cut before 21..26 are durable; the Spider sends them again.
    assert_eq!(bench.open(node, &hello("r", "b", Some("link_down"))), 20);
    let pushed = stream(&mut bench, node, &layout, 21, 31);
    assert!(pushed[..5].iter().all(|p| *p == PushResult::Known));
    assert!(pushed[5..].iter().all(|p| *p == PushResult::Taken));
    assert_eq!(bench.commit()[0].seq, 30);
    check(&bench, node, 30);

    // What was pending dies with the server; the next one resumes after 30.
    stream(&mut bench, node, &layout, 31, 36);
    bench.stop();
    let mut bench = Bench::start(&folder);
    assert_eq!(bench.open(node, &hello("r", "b", Some("server_down"))), 30);
    stream(&mut bench, node, &layout, 31, 41);
    bench.commit();
    check(&bench, node, 40);
    bench.stop();
}

#[test]
fn small_blocks_are_merged_and_read_the_same() {
    let folder = folder("merge");
    let layout = layout(1);
    let mut bench = Bench::start(&folder);
    let node = bench.node("a");
    bench.open(node, &hello("r", "b", None));
    // One session a block, and enough of them for the writer to merge.
    for part in 0..150 {
        stream(&mut bench, node, &layout, part * 4 + 1, part * 4 + 5);
        bench.commit();
    }
    let counts = || -> (i64, i64) {
        let reader = bench.store.reader().unwrap();
        let count = |sql: &str| reader.query_row(sql, [], |row| row.get(0)).unwrap();
        (
            count("SELECT COUNT(*) FROM fresh"),
            count("SELECT COUNT(*) FROM blocks"),
        )
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while counts().0 >= 32 && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let (fresh, blocks) = counts();
    assert!(fresh < 32 && blocks > 0, "{fresh} {blocks}");
    check(&bench, node, 600);
    bench.stop();
}

#[test]
fn lost_samples_and_restarts_become_gaps_with_causes() {
    let folder = folder("gaps");
    let mut bench = Bench::start(&folder);
    let node = bench.node("a");
    bench.open(node, &hello("r1", "b1", None));
    stream(&mut bench, node, &layout(1), 1, 11);
    // 11..31 fell out of the ring while the link was down.
    bench.open(node, &hello("r1", "b1", Some("link_down")));
    stream(&mut bench, node, &layout(1), 31, 41);
    bench.commit();
    // The machine was off: another boot, another run.
    bench.open(node, &hello("r2", "b2", None));
    let place = bench.intakes.place(node).unwrap();
    let layout = layout(1);
    let mut state = State::default();
    let mut bytes = Vec::new();
    state.start(&layout, 1, START_MS + 100_000, &values(1));
    state.encode_keyframe(&layout, 0, &mut bytes);
    bench
        .intakes
        .push(place, &layout, &state, Record::Keyframe, &bytes);
    bench.commit();
    let answer = bench.query(node, &["mem.*"], START_MS, START_MS + 200_000, 100);
    let gaps: Vec<_> = answer
        .gaps
        .iter()
        .map(|g| (g.from - START_MS, g.to - START_MS, g.cause, g.lost))
        .collect();
    assert_eq!(
        gaps,
        [
            (10_000, 31_000, GapCause::LinkDown, 20),
            (40_000, 100_000, GapCause::NodeOff, 0)
        ]
    );
    bench.stop();
}

#[test]
fn a_removed_node_takes_its_samples_with_it() {
    let folder = folder("forget");
    let mut bench = Bench::start(&folder);
    let (gone, stays) = (bench.node("gone"), bench.node("stays"));
    for node in [gone, stays] {
        bench.open(node, &hello("r", "b", None));
        stream(&mut bench, node, &layout(1), 1, 6);
    }
    bench.commit();
    // Removed while more of its samples are pending: they must not fail the batch.
    for node in [gone, stays] {
        stream(&mut bench, node, &layout(2), 6, 11);
    }
    bench.store.delete_node(gone).unwrap();
    bench.commands.send(Command::Forget(gone)).unwrap();
    bench.commit();
    let rows = |table: &str, node: i64| -> i64 {
        let reader = bench.store.reader().unwrap();
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE node = ?1");
        reader.query_row(&sql, [node], |row| row.get(0)).unwrap()
    };
    assert_eq!((rows("fresh", gone), rows("progress", gone)), (0, 0));
    assert_eq!((rows("fresh", stays), rows("progress", stays)), (2, 1));
    bench.stop();
}

#[test]
fn a_full_intake_refuses_and_takes_again_after_the_commit() {
    let folder = folder("full");
    let mut bench = Bench::start(&folder);
    let node = bench.node("a");
    bench.open(node, &hello("r", "b", None));
    let wide = Arc::new(Layout::new(
        1,
        (0..8000)
            .map(|n| SeriesDef::new("net.rx_bytes", &[("iface", &n.to_string())]))
            .collect(),
    ));
    let mut state = State::default();
    let mut seq = 0;
    let place = bench.intakes.place(node).unwrap();
    let refused = loop {
        seq += 1;
        let mut bytes = Vec::new();
        let noise = (seq as i64).wrapping_mul(0x5851_F42D_4C95_7F2D);
        state.start(&wide, seq, START_MS + seq as i64, &vec![noise | 1; 8000]);
        state.encode_keyframe(&wide, 0, &mut bytes);
        match bench
            .intakes
            .push(place, &wide, &state, Record::Keyframe, &bytes)
        {
            PushResult::Taken => assert!(bench.intakes.pending_bytes() < 65 << 20),
            other => break other,
        }
    };
    assert_eq!(refused, PushResult::Full);
    assert_eq!(bench.commit()[0].seq, seq - 1);
    assert_eq!(bench.open(node, &hello("r", "b", None)), seq - 1);
    bench.stop();
}

#[test]
fn what_a_query_can_not_see_yet_is_handed_to_watchers() {
    let folder = folder("pending");
    let mut bench = Bench::start(&folder);
    let node = bench.node("a");
    bench.open(node, &hello("r", "b", None));
    let layout = layout(1);
    stream(&mut bench, node, &layout, 1, 4);
    let sealed = bench.intakes.seal().unwrap();
    stream(&mut bench, node, &layout, 4, 6);
    let mut seen = Vec::new();
    bench
        .intakes
        .for_each_pending(node, &mut |_, state| seen.push(state.seq));
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    bench.intakes.committed(&sealed.committed());
    seen.clear();
    bench
        .intakes
        .for_each_pending(node, &mut |_, state| seen.push(state.seq));
    assert_eq!(seen, [4, 5]);
    bench.stop();
}

#[test]
fn queries_that_make_no_sense_say_so() {
    let folder = folder("invalid");
    let bench = Bench::start(&folder);
    let run = |selectors: &[&str], from_ms, to_ms, points| {
        let selectors = selectors.iter().map(|s| s.to_string()).collect();
        let query = Query {
            node: 1,
            selectors,
            from_ms,
            to_ms,
            points,
        };
        bench.history.query(&query)
    };
    assert!(run(&["*"], 0, 1_000, 10).is_ok());
    for (selectors, from, to, points) in [
        (&["*"][..], 5, 5, 10),
        (&["*"], 9, 5, 10),
        (&["*"], -1, 5, 10),
        (&["*"], 0, 5, 0),
        (&["*"], 0, 5, 2_001),
        (&[], 0, 5, 10),
        (&[","], 0, 5, 10),
    ] {
        assert!(matches!(
            run(selectors, from, to, points),
            Err(HistoryError::Invalid { .. })
        ));
    }
    bench.stop();
}

/// Ten bits that follow no rule.
fn noise(n: i64) -> i64 {
    let mixed = (n + 1).wrapping_mul(0x5851_F42D_4C95_7F2D);
    ((mixed ^ mixed >> 29).wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40) & 1_023
}

/// A writer on the test's own thread.
struct Direct {
    store: Arc<Store>,
    history: History,
    writer: Writer,
    intakes: Intakes,
    node: i64,
    place: SlotKey,
}

/// What a Spider has sent so far.
#[derive(Default)]
struct Encoder {
    state: State,
    samples: i64,
}

impl Direct {
    fn start(folder: &Folder, settings: Settings) -> Self {
        let store = Arc::new(Store::open(&folder.0.join("d.db")).unwrap());
        let history = History::open_at(Arc::clone(&store), settings, Source::Samples).unwrap();
        let writer = history.writer().unwrap();
        let node = store.insert_node("n", &[], [7; 32], START_MS).unwrap().id;
        let mut intakes = Intakes::new(Vec::new());
        let (_, place) = intakes.open(node, &hello("r", "b", None), 1_000, seen());
        Self {
            store,
            history,
            writer,
            intakes,
            node,
            place,
        }
    }

    /// Samples `from..to`, `each` of them a commit, `step_ms` apart.
    fn run(&mut self, layout: &Arc<Layout>, from: i64, to: i64, each: i64, step_ms: i64) {
        let mut encoder = Encoder {
            samples: from,
            ..Encoder::default()
        };
        for n in from..to {
            self.push(layout, &mut encoder, step_ms);
            if n % each == each - 1 {
                self.commit();
            }
        }
        self.commit();
        self.writer.settle();
    }

    /// The next sample of a Spider, `step_ms` after the one before.
    fn push(&mut self, layout: &Arc<Layout>, encoder: &mut Encoder, step_ms: i64) {
        let n = encoder.samples;
        let (seq, time_ms) = (n as u64 + 1, START_MS + n * step_ms);
        let mut bytes = Vec::new();
        // A counter that starts again now and then.
        let by_key = |key: &str| match key {
            "mem.free_bytes" => 4096 * noise(n),
            "system.uptime_ms" => n * step_ms,
            _ => (n % 1_000) * 100,
        };
        let series = layout.series().iter();
        let values: Vec<i64> = series.map(|series| by_key(&series.key)).collect();
        let state = &mut encoder.state;
        let record = if state.seq == 0 {
            state.start(layout, seq, time_ms, &values);
            state.encode_keyframe(layout, 0, &mut bytes);
            Record::Keyframe
        } else {
            state.encode_delta(layout, seq, time_ms, &values, &mut bytes);
            Record::Delta
        };
        encoder.samples += 1;
        self.intakes
            .push(self.place, layout, &encoder.state, record, &bytes);
    }

    /// Ends it, and opens the same database again.
    fn restart(self, folder: &Folder) -> Self {
        drop((self.history, self.writer, self.store));
        let store = Arc::new(Store::open(&folder.0.join("d.db")).unwrap());
        let history =
            History::open_at(Arc::clone(&store), Settings::default(), Source::Samples).unwrap();
        let writer = history.writer().unwrap();
        let mut intakes = Intakes::new(durable_progress(&store).unwrap());
        let (_, place) = intakes.open(self.node, &hello("r", "b", None), 1_000, seen());
        Self {
            store,
            history,
            writer,
            intakes,
            node: self.node,
            place,
        }
    }

    fn commit(&mut self) {
        if let Some(batch) = self.intakes.seal() {
            let committed = self.writer.write(&batch).unwrap();
            self.intakes.committed(&committed);
        }
    }

    fn query(&self, from_ms: i64, to_ms: i64, points: usize) -> Answer {
        let query = Query {
            node: self.node,
            selectors: vec!["*".into()],
            from_ms,
            to_ms,
            points,
        };
        self.history.query(&query).unwrap()
    }

    fn numbers(&self, sql: &str) -> Vec<i64> {
        let reader = self.store.reader().unwrap();
        let mut statement = reader.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    fn execute(&self, sql: &str) {
        self.store.writer().execute(sql, []).unwrap();
    }

    /// Damages one byte of a block, counted from 1.
    fn flip(&self, id: i64, at: i64) {
        self.store
            .writer()
            .execute(
                "UPDATE blocks SET data = CAST(substr(data, 1, ?2 - 1) || x'a5' || substr(data, ?2 + 1) AS BLOB)
                 WHERE id = ?1",
                [id, at],
            )
            .unwrap();
    }

    fn number(&self, sql: &str) -> i64 {
        let reader = self.store.reader().unwrap();
        reader.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

#[test]
fn blocks_grow_until_they_are_full() {
    let folder = folder("grow");
    let mut direct = Direct::start(&folder, Settings::default());
    let layout = layout(1);
    for part in 0..300 {
        direct.run(&layout, part * 32, part * 32 + 32, 1, 10_000);
    }
    let of = |what: &str| {
        direct.number(&format!(
            "SELECT COALESCE(SUM({what}), 0) FROM blocks WHERE tier = 0"
        ))
    };
    assert_eq!(of("rows"), 9_600);
    assert_eq!(of("level = 2"), 3);
    assert!(of("1") < 20, "{} blocks", of("1"));
    assert_eq!(direct.number("SELECT COUNT(*) FROM fresh"), 0);
}

#[test]
fn a_block_of_a_newer_version_is_left_alone_and_the_others_are_merged() {
    let folder = folder("newer");
    let mut direct = Direct::start(&folder, Settings::default());
    let layout = layout(1);
    for part in 0..100 {
        direct.run(&layout, part * 32, part * 32 + 32, 1, 10_000);
        if part == 2 {
            direct.execute("UPDATE blocks SET format = 99 WHERE id = (SELECT MAX(id) FROM blocks)");
        }
    }
    assert_eq!(
        direct.numbers("SELECT rows FROM blocks WHERE format = 99 AND level = 0"),
        [32]
    );
    assert_eq!(
        direct.numbers("SELECT rows FROM blocks WHERE level = 2"),
        [2_880]
    );
    assert_eq!(direct.number("SELECT SUM(rows) FROM blocks"), 3_200);
    assert_eq!(direct.number("SELECT COUNT(*) FROM damaged"), 0);
}

/// Coarse answers say what the samples say; of rates a thousandth may be lost.
fn assert_same(coarse: &Answer, fine: &Answer) {
    assert_eq!((coarse.step_ms, &coarse.times), (fine.step_ms, &fine.times));
    assert_eq!(coarse.series.len(), fine.series.len());
    for (coarse, fine) in coarse.series.iter().zip(&fine.series) {
        assert_eq!(coarse.key, fine.key);
        assert_eq!(coarse.count, fine.count, "{}", fine.key);
        assert_eq!(coarse.increase, fine.increase, "{}", fine.key);
        assert_eq!(coarse.avg, fine.avg, "{}", fine.key);
        if fine.kind == "gauge" {
            assert_eq!((&coarse.min, &coarse.max), (&fine.min, &fine.max));
            continue;
        }
        for (coarse, fine) in [(&coarse.min, &fine.min), (&coarse.max, &fine.max)] {
            for (coarse, fine) in coarse.iter().zip(fine.iter()) {
                let (coarse, fine) = (coarse.unwrap_or(-1.0), fine.unwrap_or(-1.0));
                assert!(
                    (coarse - fine).abs() <= fine.abs() / 1_000.0,
                    "{coarse} {fine}"
                );
            }
        }
    }
}

#[test]
fn hours_say_what_the_samples_say() {
    let folder = folder("hours");
    let mut direct = Direct::start(&folder, Settings::default());
    // More than a day at thirty seconds; another layout in the middle of an hour.
    direct.run(&layout(1), 0, 1_600, 16, 30_000);
    let mut series = layout(1).series().to_vec();
    series.rotate_left(1);
    let other = Arc::new(Layout::new(2, series));
    direct.run(&other, 1_600, 4_000, 16, 30_000);
    let in_hours = direct.number("SELECT sum(rows) FROM blocks WHERE tier < 2 AND hours_ms > 0");
    assert!(in_hours > 1_440, "{in_hours}");
    direct.execute("CREATE TABLE kept AS SELECT id, tier, hours_ms FROM blocks");
    for (from_h, to_h) in [(0, 34), (-5, 40), (3, 17)] {
        // Whole hours: at the edges the hour tier knows no parts.
        let base = START_MS.div_euclid(HOUR_MS) * HOUR_MS;
        let (from, to) = (base + from_h * HOUR_MS, base + to_h * HOUR_MS);
        let points = (to_h - from_h).min(10) as usize;
        let coarse = direct.query(from, to, points);
        assert_eq!(coarse.tier, "hour");
        // The same of the samples alone.
        direct.execute("UPDATE blocks SET tier = 9 WHERE tier = 2");
        direct.execute("UPDATE blocks SET hours_ms = 0");
        let fine = direct.query(from, to, points);
        direct.execute(
            "UPDATE blocks SET (tier, hours_ms) =
             (SELECT tier, hours_ms FROM kept WHERE kept.id = blocks.id)",
        );
        if from_h == 0 {
            let gauge = fine.series.iter().find(|series| series.kind == "gauge");
            assert_eq!(gauge.unwrap().count.iter().sum::<u32>(), 4_000);
        }
        assert_same(&coarse, &fine);
    }
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

#[test]
fn minutes_take_the_place_of_old_samples_and_say_the_same() {
    let folder = folder("minutes");
    let mut direct = Direct::start(&folder, Settings::default());
    direct.run(&layout(1), 0, 12_000, 288, 1_000);
    let (from, to) = (START_MS, START_MS + 4 * HOUR_MS);
    let fine = direct.query(from, to, 240);
    let whole = direct.query(from, to, 4);
    assert_eq!((fine.tier, fine.step_ms), ("raw", 60_000));
    let Direct { node, place, .. } = direct;
    drop(direct);
    // Samples are old by the clock of the samples, which is a day behind at most.
    let settings = Settings {
        keep_ms: [
            DAY_MS + HOUR_MS / 2,
            DAY_MS + 100 * HOUR_MS,
            DAY_MS + 200 * HOUR_MS,
        ],
        budget_bytes: None,
    };
    let open = |settings: Settings| {
        let store = Arc::new(Store::open(&folder.0.join("d.db")).unwrap());
        let history = History::open_at(Arc::clone(&store), settings, Source::Samples).unwrap();
        let writer = history.writer().unwrap();
        let intakes = Intakes::new(Vec::new());
        Direct {
            store,
            history,
            writer,
            intakes,
            node,
            place,
        }
    };
    let mut aged = open(settings);
    aged.writer.settle();
    let heads =
        "SELECT group_concat(tier || ' ' || format || ' ' || rows || ' ' || bytes) FROM blocks";
    let heads: String = aged
        .store
        .reader()
        .unwrap()
        .query_row(heads, [], |row| row.get(0))
        .unwrap();
    assert!(
        aged.number("SELECT COUNT(*) FROM blocks WHERE tier = 1 AND format = 2") > 0,
        "{heads}"
    );
    assert!(aged.number("SELECT COUNT(*) FROM blocks WHERE tier = 0") > 0);
    let coarse = aged.query(from, to, 240);
    assert_eq!(coarse.tier, "minute");
    assert_same(&coarse, &fine);
    // What was seconds is minutes now, however many points are asked for.
    assert_eq!(aged.query(from, from + HOUR_MS, 2_000).step_ms, 60_000);
    drop(aged);

    // Then only the hours are left.
    let settings = Settings {
        keep_ms: [HOUR_MS, HOUR_MS, DAY_MS + 200 * HOUR_MS],
        budget_bytes: None,
    };
    let mut old = open(settings);
    old.writer.settle();
    assert_eq!(old.number("SELECT COUNT(*) FROM blocks WHERE tier < 2"), 0);
    let hours = old.query(from, to, 240);
    assert_eq!((hours.tier, hours.step_ms), ("hour", HOUR_MS));
    let samples: u32 = hours.series[1].count.iter().sum();
    // What is fresh still is read with them.
    assert_eq!(samples, whole.series[1].count.iter().sum::<u32>());
    assert_same(&hours, &whole);
}

#[test]
fn a_damaged_block_is_named_and_set_aside_and_the_rest_of_it_stays() {
    let folder = folder("damage");
    let mut direct = Direct::start(&folder, Settings::default());
    direct.run(&layout(1), 0, 128, 4, 1_000);
    direct.run(&layout(1), 128, 256, 4, 1_000);
    let (from, to) = (START_MS, START_MS + 700_000);
    let sound = direct.query(from, to, 10);
    let blocks = direct.number("SELECT COUNT(*) FROM blocks WHERE format = 1");
    assert!(blocks >= 2);
    // The last byte is of a column, the twentieth of the directory.
    let last =
        direct.number("SELECT length(data) FROM blocks WHERE id = (SELECT MIN(id) FROM blocks)");
    direct.flip(direct.number("SELECT MIN(id) FROM blocks"), last);
    direct.flip(direct.number("SELECT MAX(id) FROM blocks"), 20);
    let answer = direct.query(from, to, 10);
    let counts = |answer: &Answer| -> u32 { answer.series.iter().flat_map(|s| &s.count).sum() };
    let seen = counts(&answer);
    assert!(seen < counts(&sound) && seen > 0, "{seen}");
    direct.writer.settle();
    let status = direct.history.status().unwrap();
    assert_eq!(status.damaged.len(), 2);
    assert!(
        status
            .damaged
            .iter()
            .all(|block| block.why.contains("checksum")),
        "{status:?}"
    );
    assert_eq!(direct.number("SELECT COUNT(*) FROM blocks"), blocks - 1);
    // The same answer as while it was damaged, and the gap says why.
    let after = direct.query(from, to, 10);
    assert_eq!(counts(&after), seen);
    assert_eq!(
        after
            .gaps
            .iter()
            .filter(|gap| gap.cause == GapCause::Damaged)
            .count(),
        2
    );
    assert_eq!(
        direct.number("SELECT COUNT(*) FROM damaged WHERE data IS NOT NULL"),
        2
    );

    // Fresh records have a checksum too.
    direct.run(&layout(1), 256, 260, 4, 1_000);
    direct
        .store
        .writer()
        .execute("UPDATE fresh SET data = data || x'00'", [])
        .unwrap();
    direct.query(from, to, 10);
    direct.writer.settle();
    assert_eq!(direct.history.status().unwrap().damaged.len(), 3);
    assert_eq!(direct.number("SELECT COUNT(*) FROM fresh"), 0);
}

#[test]
fn commits_of_many_samples_stay_as_they_came_until_they_are_merged_for_good() {
    let folder = folder("records");
    let mut direct = Direct::start(&folder, Settings::default());
    let (from, to) = (START_MS, START_MS + 4_000_000);
    let counts = |answer: &Answer| -> u32 { answer.series.iter().flat_map(|s| &s.count).sum() };
    let formats = "SELECT group_concat(DISTINCT format) FROM blocks";
    let formats = |direct: &Direct| -> Option<String> {
        let reader = direct.store.reader().unwrap();
        reader.query_row(formats, [], |row| row.get(0)).unwrap()
    };
    direct.run(&layout(1), 0, 320, 10, 1_000);
    let whole = direct.query(from, to, 400);
    assert_eq!(formats(&direct).as_deref(), Some("3"));
    // One of two chains is damaged, and costs its own samples.
    let id = direct.number("SELECT MIN(id) FROM blocks");
    direct.flip(id, direct.number("SELECT length(data) FROM blocks"));
    let damaged = direct.query(from, to, 400);
    assert_eq!(counts(&whole), 3 * 320);
    assert_eq!(counts(&damaged), 3 * 160);
    direct.writer.settle();
    let status = direct.history.status().unwrap();
    assert_eq!(status.damaged.len(), 1);
    let after = direct.query(from, to, 400);
    assert_eq!(counts(&after), 3 * 160);
    let gap = after.gaps.iter().find(|gap| gap.cause == GapCause::Damaged);
    assert_eq!(gap.unwrap().lost, 160);
    assert_eq!(direct.number("SELECT rows FROM blocks"), 160);
    // Then they are merged, and say the same.
    direct.run(&layout(1), 320, 3_200, 10, 1_000);
    let merged = direct.query(from, to, 400);
    let full = "SELECT COUNT(*) FROM blocks WHERE format = 1 AND level = 2";
    assert_eq!(direct.number(full), 1);
    assert_eq!(counts(&merged), 3 * (3_200 - 160));
    let first = |answer: &Answer| -> Vec<u32> {
        answer
            .series
            .iter()
            .flat_map(|s| s.count[..20].to_vec())
            .collect()
    };
    assert_eq!(first(&merged), first(&after));
}

#[test]
fn most_commits_go_on_from_the_one_before_and_are_read_from_anywhere() {
    let folder = folder("chains");
    let mut direct = Direct::start(&folder, Settings::default());
    // All that is fresh, by one commit after the other.
    let mut encoder = Encoder::default();
    let layout = layout(1);
    let times = |answer: &Answer| -> Vec<u32> { answer.series[0].count.clone() };
    let commits = |direct: &mut Direct, encoder: &mut Encoder, count: i64| {
        for _ in 0..count * 3 {
            direct.push(&layout, encoder, 1_000);
            if encoder.samples % 3 == 0 {
                direct.commit();
            }
        }
    };
    commits(&mut direct, &mut encoder, 20);
    let first: Vec<i64> = direct.numbers("SELECT id FROM fresh WHERE before IS NULL");
    assert_eq!(first, [1, 17]);
    assert_eq!(
        direct.number("SELECT COUNT(*) FROM fresh WHERE before = id - 1"),
        18
    );
    // Whatever the range, the samples of it are there with their values.
    let all = direct.query(START_MS, START_MS + 60_000, 60);
    assert_eq!(all.step_ms, 1_000);
    for from in [0, 1, 29, 46, 50, 59] {
        let some = direct.query(START_MS + from * 1_000, START_MS + 60_000, 60);
        for (some, all) in some.series.iter().zip(&all.series) {
            let all = all.avg.iter().skip(from as usize + 1);
            assert!(some.avg.iter().skip(1).eq(all), "from {from}");
        }
    }
    // After a start no session goes on, and what is there is read as before.
    let mut direct = direct.restart(&folder);
    assert_eq!(
        direct.query(START_MS, START_MS + 60_000, 60).series[0].avg,
        all.series[0].avg
    );
    encoder.state = State::default();
    commits(&mut direct, &mut encoder, 8);
    let first: Vec<i64> = direct.numbers("SELECT id FROM fresh WHERE before IS NULL");
    assert_eq!(first, [1, 17, 21]);

    // A damaged row takes those with it that go on from it, and no other; nothing
    // goes on from them any more.
    direct.execute("UPDATE fresh SET data = x'00' WHERE id = 19");
    direct.execute("DELETE FROM fresh WHERE id = 24");
    let whole = |answer: &Answer| -> u32 { times(answer).iter().sum() };
    let left = direct.query(START_MS, START_MS + 90_000, 90);
    assert_eq!(whole(&left), 3 * (28 - 2 - 5));
    direct.writer.settle();
    assert_eq!(direct.history.status().unwrap().damaged.len(), 2 + 4);
    commits(&mut direct, &mut encoder, 3);
    let first: Vec<i64> = direct.numbers("SELECT id FROM fresh WHERE before IS NULL");
    assert_eq!(first, [1, 17, 21, 29]);
    let left = direct.query(START_MS, START_MS + 100_000, 50);
    assert_eq!(whole(&left), 3 * (31 - 2 - 5));

    // What is merged says the same, and what comes then does not count from it.
    commits(&mut direct, &mut encoder, 1);
    direct.writer.settle();
    assert_eq!(direct.number("SELECT COUNT(*) FROM fresh"), 0);
    let merged = direct.query(START_MS, START_MS + 100_000, 50);
    assert_eq!(whole(&merged), 3 * (32 - 2 - 5));
    let of = |answer: &Answer| -> Vec<_> { answer.series[0].avg.iter().take(45).collect() };
    assert_eq!(of(&merged), of(&left));
    commits(&mut direct, &mut encoder, 2);
    let first: Vec<i64> = direct.numbers("SELECT id FROM fresh WHERE before IS NULL");
    assert_eq!(first, [33]);
}

#[test]
fn how_far_a_run_is_durable_is_in_its_newest_row_until_that_is_merged() {
    let folder = folder("reached");
    let mut direct = Direct::start(&folder, Settings::default());
    let mut encoder = Encoder::default();
    let mut commits = |direct: &mut Direct, count: i64| {
        for _ in 0..count {
            direct.push(&layout(1), &mut encoder, 10_000);
            direct.commit();
        }
    };
    let durable = |direct: &Direct| -> Vec<(String, u64)> {
        let progress = durable_progress(&direct.store).unwrap();
        let runs = progress.iter();
        runs.map(|(_, progress)| (progress.run.to_string(), progress.seq))
            .collect()
    };
    let written = "SELECT seq FROM progress ORDER BY id";
    // The row is written with the session, and once more: it may have been let go.
    commits(&mut direct, 9);
    assert_eq!(direct.numbers(written), [2]);
    assert_eq!(durable(&direct), [("r".to_owned(), 9)]);
    // Another run, and the first one again after a start.
    let open = |direct: &mut Direct, run: &str| {
        let hello = hello(run, "b", None);
        direct.intakes.open(direct.node, &hello, 1_000, seen()).0
    };
    assert_eq!(open(&mut direct, "other"), 0);
    commits(&mut direct, 5);
    assert_eq!(direct.numbers(written), [2, 11]);
    let mut direct = direct.restart(&folder);
    assert_eq!(
        durable(&direct),
        [("other".to_owned(), 14), ("r".to_owned(), 9)]
    );
    assert_eq!(open(&mut direct, "other"), 14);
    assert_eq!(open(&mut direct, "r"), 9);
    commits(&mut direct, 17);
    assert_eq!(direct.numbers(written), [16, 11]);
    // A commit that fails leaves nothing that is taken for written.
    direct.execute("CREATE TRIGGER no BEFORE INSERT ON fresh BEGIN SELECT RAISE(ABORT, ''); END");
    direct.push(&layout(1), &mut encoder, 10_000);
    let batch = direct.intakes.seal().unwrap();
    direct.writer.write(&batch).unwrap_err();
    assert_eq!(durable(&direct)[0], ("r".to_owned(), 31));
    direct.execute("DROP TRIGGER no");
    direct.writer.write(&batch).unwrap();
    assert_eq!(durable(&direct)[0], ("r".to_owned(), 32));
    // Merged: the rows are gone, and what they said is not.
    direct.writer.settle();
    assert_eq!(direct.number("SELECT COUNT(*) FROM fresh"), 0);
    assert_eq!(direct.numbers(written), [32, 14]);
    let direct = direct.restart(&folder);
    assert_eq!(
        durable(&direct),
        [("r".to_owned(), 32), ("other".to_owned(), 14)]
    );
}

#[test]
fn the_budget_is_never_exceeded_log_included() {
    let folder = folder("budget");
    let budget = 16 << 20;
    let settings = Settings {
        budget_bytes: Some(budget),
        ..Settings::default()
    };
    let mut direct = Direct::start(&folder, settings);
    let wide = Arc::new(Layout::new(
        1,
        (0..2_000)
            .map(|n| SeriesDef::new("x", &[("n", &n.to_string())]))
            .collect(),
    ));
    let (mut noise, mut most) = (1u64, 0);
    for n in 0..2_000i64 {
        let values: Vec<i64> = (0..2_000)
            .map(|_| {
                noise = noise.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
                (noise >> 33) as i64
            })
            .collect();
        let mut state = State::default();
        let mut bytes = Vec::new();
        state.start(&wide, n as u64 + 1, START_MS + n * 60_000, &values);
        state.encode_keyframe(&wide, 0, &mut bytes);
        direct
            .intakes
            .push(direct.place, &wide, &state, Record::Keyframe, &bytes);
        direct.commit();
        if n % 8 == 7 {
            direct.writer.settle();
        }
        let total = direct.history.status().unwrap().bytes.total;
        assert!(total <= budget, "{total} bytes after sample {n}");
        most = most.max(total);
    }
    // 10 bytes a sample and value were written, which is four times the budget.
    assert!(most > budget / 2, "{most}");
    let status = direct.history.status().unwrap();
    let [raw, minute, hour] = &status.tiers[..] else {
        panic!("{status:?}");
    };
    assert!(raw.days_held + minute.days_held > 0.1, "{status:?}");
    assert!(hour.blocks > 0, "{status:?}");
    assert!(raw.days_fit.unwrap() < raw.keep_days, "{status:?}");
}

#[test]
fn pages_that_were_free_all_the_time_are_given_back() {
    let folder = folder("spare");
    let mut direct = Direct::start(&folder, Settings::default());
    direct.run(&layout(1), 0, 128, 1, 10_000);
    direct.execute("CREATE TABLE filler (data BLOB)");
    direct.execute("INSERT INTO filler VALUES (zeroblob(2000000))");
    direct.execute("DROP TABLE filler");
    let pages = |direct: &Direct| direct.number("SELECT page_count FROM pragma_page_count");
    let (before, now) = (pages(&direct), Instant::now());
    let said = direct.query(START_MS, START_MS + 2_000_000, 50);
    let hour = Duration::from_secs(3_600);
    // They were needed in the first hour.
    for hours in [0, 1, 6] {
        direct.writer.settle_at(now + hour * hours);
        assert_eq!(pages(&direct), before, "{hours}");
    }
    direct
        .writer
        .settle_at(now + hour * 7 + Duration::from_secs(60));
    assert!(pages(&direct) < before - 480, "{before}");
    let after = direct.query(START_MS, START_MS + 2_000_000, 50);
    let text = |answer: &Answer| serde_json::to_string(answer).unwrap();
    assert_eq!(text(&after), text(&said));
}

#[test]
fn the_log_stays_small_without_a_budget_while_there_are_always_readers() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let folder = folder("log");
    let mut direct = Direct::start(&folder, Settings::default());
    let store = Arc::clone(&direct.store);
    let over = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&over);
    // Two readers whose transactions overlap: there is no moment without one.
    let reading = std::thread::spawn(move || {
        let readers = [store.reader().unwrap(), store.reader().unwrap()];
        let begin = |at: usize| {
            let begun = readers[at].execute_batch("BEGIN; SELECT count(*) FROM fresh");
            begun.unwrap();
        };
        begin(0);
        let mut at = 0;
        while !stop.load(Ordering::Relaxed) {
            begin(1 - at);
            std::thread::sleep(std::time::Duration::from_millis(2));
            readers[at].execute_batch("COMMIT").unwrap();
            at = 1 - at;
        }
        readers[at].execute_batch("COMMIT").unwrap();
    });
    let layout = layout(1);
    let log = || std::fs::metadata(folder.0.join("d.db-wal")).unwrap().len();
    for part in 0..20 {
        direct.run(&layout, part * 32, part * 32 + 32, 1, 10_000);
    }
    // More than SQLite lets it have where there are moments without readers.
    let grown = log();
    assert!(grown > 5 << 20, "{grown}");
    // A reader that gets no turn on a busy machine may be in the way: again then.
    let emptied = (0..100).any(|_| {
        direct.writer.try_to_empty_log(1 << 20);
        log() < 1 << 20
    });
    over.store(true, Ordering::Relaxed);
    reading.join().unwrap();
    assert!(emptied, "{} bytes", log());
}
