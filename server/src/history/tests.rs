//! Intake, writer and queries together, on a real database file.

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use stardust_shared::message::{Hello, Identity};
use stardust_shared::{ABSENT, Layout, Record, SeriesDef, State};

use super::*;
use crate::store::Store;

const START_MS: i64 = 1_790_000_000_000;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn folder(name: &str) -> Folder {
    let path = std::env::temp_dir().join(format!("stardust-history-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    Folder(path)
}

/// A server's history side: intakes here, the writer on its thread.
struct Bench {
    store: Arc<Store>,
    intakes: Intakes,
    commands: Sender<Command>,
    outcomes: std::sync::mpsc::Receiver<Outcome>,
    writer: JoinHandle<()>,
}

impl Bench {
    fn start(folder: &Folder) -> Self {
        let store = Arc::new(Store::open(&folder.0.join("s.db")).unwrap());
        let progress = durable_progress(&store).unwrap();
        let writer = Writer::open(Arc::clone(&store)).unwrap();
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
        let seen = Seen {
            time_ms: START_MS,
            address: "192.0.2.1".into(),
            version: "0.1.0".into(),
            identity: Identity::default(),
        };
        self.intakes.open(node, hello, 1_000, seen)
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
        History::new(Arc::clone(&self.store)).query(&query).unwrap()
    }

    fn stop(self) {
        self.commands.send(Command::Stop).unwrap();
        self.writer.join().unwrap();
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
fn stream(bench: &mut Bench, node: i64, layout: &Arc<Layout>, from: u64, to: u64) -> Vec<Pushed> {
    let mut encoder = State::default();
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
            bench.intakes.push(node, layout, &encoder, record, &bytes)
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
    for n in 1..=count {
        let at = n as usize;
        assert_eq!(answer.times[at], START_MS + n * 1_000);
        let expected = if n % 10 == 9 {
            None
        } else {
            Some(4096.0 * (1_000 + n % 7) as f64)
        };
        assert_eq!(mem.avg[at], expected, "sample {n}");
        // The first sample has nothing before it to count from.
        assert_eq!(rx.count[at], u32::from(n > 1), "sample {n}");
        if n > 1 {
            assert_eq!(rx.increase.as_ref().unwrap()[at], Some(100), "sample {n}");
            assert_eq!(rx.avg[at], Some(100.0));
        }
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
            .all(|p| *p == Pushed::Taken)
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
    assert!(pushed[..5].iter().all(|p| *p == Pushed::Known));
    assert!(pushed[5..].iter().all(|p| *p == Pushed::Taken));
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
    // A command behind the merges: once it is done so are they.
    let by_format = |format: i64| -> i64 {
        let reader = bench.store.reader().unwrap();
        reader
            .query_row(
                "SELECT COUNT(*) FROM blocks WHERE format = ?1",
                [format],
                |r| r.get(0),
            )
            .unwrap()
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while by_format(1) == 0 && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(by_format(1) >= 1, "nothing was merged");
    assert!(by_format(0) < 150);
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
    let layout = layout(1);
    let mut state = State::default();
    let mut bytes = Vec::new();
    state.start(&layout, 1, START_MS + 100_000, &values(1));
    state.encode_keyframe(&layout, 0, &mut bytes);
    bench
        .intakes
        .push(node, &layout, &state, Record::Keyframe, &bytes);
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
            (10_000, 31_000, Cause::LinkDown, 20),
            (40_000, 100_000, Cause::NodeOff, 0)
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
    assert_eq!((rows("blocks", gone), rows("progress", gone)), (0, 0));
    assert_eq!((rows("blocks", stays), rows("progress", stays)), (2, 1));
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
    let refused = loop {
        seq += 1;
        let mut bytes = Vec::new();
        let noise = (seq as i64).wrapping_mul(0x5851_F42D_4C95_7F2D);
        state.start(&wide, seq, START_MS + seq as i64, &vec![noise | 1; 8000]);
        state.encode_keyframe(&wide, 0, &mut bytes);
        match bench
            .intakes
            .push(node, &wide, &state, Record::Keyframe, &bytes)
        {
            Pushed::Taken => assert!(bench.intakes.pending_bytes() < 65 << 20),
            other => break other,
        }
    };
    assert_eq!(refused, Pushed::Full);
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
        History::new(Arc::clone(&bench.store)).query(&query)
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
