//! A history of its own, in a folder that goes when it is dropped, fed as the
//! gate feeds it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use stardust_base::slots::SlotKey;
use stardust_history::{
    Answer, HelloSeen, History, Intakes, Query, Reading, Settings, Source, Writer,
};
use stardust_shared::message::{Hello, Identity};
use stardust_shared::{Layout, Record, State};
use stardust_store::Store;

/// A store, its writer on the caller's thread, and the intake before it.
pub struct Bench {
    folder: PathBuf,
    store: Arc<Store>,
    pub history: Arc<History>,
    writer: Writer,
    intakes: Intakes,
    streams: Vec<Stream>,
    pub samples: u64,
    /// What the clocks show: years are written in seconds here.
    now_ms: Arc<AtomicI64>,
}

/// Retention goes by a time so far after the newest sample.
const BEHIND_MS: i64 = 24 * 3_600_000;

/// What one Spider sends.
struct Stream {
    node: i64,
    place: SlotKey,
    layout: Arc<Layout>,
    state: State,
    units: Vec<i64>,
    /// Its list is another one than that of the sample before.
    begins: bool,
}

impl Bench {
    /// In memory where there is `/dev/shm`: what the disk costs is counted in
    /// bytes written, not waited for.
    pub fn new(name: &str, settings: Settings) -> Self {
        let base = PathBuf::from("/dev/shm");
        let base = if base.is_dir() {
            base
        } else {
            std::env::temp_dir()
        };
        let folder = base.join(format!("stardust-bench-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the bench");
        let store = Arc::new(Store::open(&folder.join("bench.db")).expect("a database"));
        let now_ms = Arc::new(AtomicI64::new(0));
        let source = {
            let now_ms = Arc::clone(&now_ms);
            Source::Told(Arc::new(move || {
                let now_ms = now_ms.load(Ordering::Relaxed);
                Reading {
                    wall_ms: now_ms,
                    boot_ms: now_ms,
                }
            }))
        };
        let history = History::open_at(Arc::clone(&store), settings, source).expect("a history");
        let history = Arc::new(history);
        let writer = history.writer().expect("a writer");
        Self {
            folder,
            store,
            history,
            writer,
            intakes: Intakes::new(Vec::new()),
            streams: Vec::new(),
            samples: 0,
            now_ms,
        }
    }

    /// Adds a node; answers where its samples go.
    pub fn node(&mut self, layout: &Layout, interval_ms: u64) -> usize {
        let number = self.streams.len();
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&(number as u64 + 1).to_le_bytes());
        let node = self
            .store
            .insert_node(&format!("node {number}"), &[], hash, 0);
        let node = node.expect("a node").id;
        let hello = Hello {
            kind: Hello::KIND.into(),
            protocol: stardust_shared::PROTOCOL_VERSION,
            version: "0.1.0".into(),
            run: format!("run {number}"),
            boot_id: "boot".into(),
            oldest_seq: 0,
            newest_seq: 0,
            interval_ms,
            outage: None,
            clock_ms: None,
            identity: Identity::default(),
        };
        let seen = HelloSeen {
            time_ms: 0,
            address: "192.0.2.1".into(),
            version: "0.1.0".into(),
            identity: Identity::default(),
        };
        let (_, place) = self.intakes.open(node, &hello, interval_ms, seen);
        self.streams.push(Stream {
            node,
            place,
            layout: Arc::new(layout.clone()),
            state: State::default(),
            units: Vec::new(),
            begins: false,
        });
        number
    }

    /// The next samples of a node are of another list.
    pub fn set_layout(&mut self, stream: usize, layout: Arc<Layout>) {
        self.streams[stream].layout = layout;
        self.streams[stream].begins = true;
    }

    /// Asks for series that there are not, and what is known of them.
    pub fn ask_for_nothing(&self, stream: usize, series: &[String], from_ms: i64, to_ms: i64) {
        let query = Query {
            node: self.streams[stream].node,
            selectors: series.to_vec(),
            from_ms,
            to_ms,
            points: 300,
        };
        let answer = self.history.query(&query).expect("an answer");
        let unknown = self.history.unknown(&query, &[]).expect("what is unknown");
        assert!(answer.series.is_empty() && unknown == series);
    }

    /// One sample; the values are scaled.
    pub fn push(&mut self, stream: usize, time_ms: i64, scaled: &[i64]) {
        let now_ms = time_ms + BEHIND_MS;
        self.now_ms.fetch_max(now_ms, Ordering::Relaxed);
        let stream = &mut self.streams[stream];
        let units = scaled
            .iter()
            .zip(stream.layout.series())
            .map(|(&value, series)| {
                if value == stardust_shared::ABSENT {
                    value
                } else {
                    value * i64::from(series.scale)
                }
            });
        stream.units.clear();
        stream.units.extend(units);
        let mut bytes = Vec::new();
        let seq = stream.state.seq + 1;
        let record = if seq == 1 || std::mem::take(&mut stream.begins) {
            stream
                .state
                .start(&stream.layout, seq, time_ms, &stream.units);
            stream.state.encode_keyframe(&stream.layout, 0, &mut bytes);
            Record::Keyframe
        } else {
            stream
                .state
                .encode_delta(&stream.layout, seq, time_ms, &stream.units, &mut bytes);
            Record::Delta
        };
        self.intakes
            .push(stream.place, &stream.layout, &stream.state, record, &bytes);
        self.samples += 1;
    }

    /// What the commit interval does.
    pub fn commit(&mut self) {
        if let Some(batch) = self.intakes.seal() {
            let committed = self.writer.write(&batch).expect("a commit");
            self.intakes.committed(&committed);
        }
    }

    /// Merges, tiers and retention, as far as they are due.
    pub fn settle(&mut self) {
        self.writer.settle();
    }

    /// A server that starts again: its first look at age and free pages is now.
    pub fn restart(&mut self) {
        self.writer = self.history.writer().expect("a writer");
        self.writer.settle();
    }

    pub fn query(
        &self,
        stream: usize,
        series: &str,
        from_ms: i64,
        to_ms: i64,
        points: usize,
    ) -> Answer {
        let query = Query {
            node: self.streams[stream].node,
            selectors: vec![series.to_owned()],
            from_ms,
            to_ms,
            points,
        };
        self.history.query(&query).expect("an answer")
    }

    /// Does `work` while `count` threads do `other` over and over, given the number
    /// of the thread. Answers how often they did.
    pub fn beside<F>(&mut self, count: usize, other: F, work: impl FnOnce(&mut Self)) -> u64
    where
        F: Fn(&History, usize) + Sync,
    {
        let history = Arc::clone(&self.history);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (history, over, other) = (&history, &over, &other);
            let threads: Vec<_> = (0..count)
                .map(|number| {
                    scope.spawn(move || {
                        let mut times = 0;
                        while !over.load(Ordering::Relaxed) {
                            other(history, number);
                            times += 1;
                        }
                        times
                    })
                })
                .collect();
            work(self);
            over.store(true, Ordering::Relaxed);
            let times = threads.into_iter().map(|thread| thread.join());
            times.map(|times| times.expect("the other work")).sum()
        })
    }

    /// Bytes of the file and of the log beside it, while the server runs.
    pub fn bytes(&self) -> (u64, u64) {
        let status = self.history.status().expect("the status");
        (status.bytes.file, status.bytes.log)
    }

    /// Bytes of all that is left when the server has stopped.
    pub fn stop(mut self) -> u64 {
        // Not to be removed before it was looked at.
        let folder = std::mem::take(&mut self.folder);
        drop(self);
        let files = std::fs::read_dir(&folder).expect("the folder");
        let bytes = files
            .map(|file| {
                file.and_then(|file| file.metadata())
                    .map_or(0, |file| file.len())
            })
            .sum();
        let _ = std::fs::remove_dir_all(&folder);
        bytes
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !self.folder.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}
