//! History against a store that only keeps a list of samples: whatever is asked, at every
//! stage of a sample's life, both say the same.
//!
//! Machines are made up from a seed: how often they take samples, counters that begin
//! anew, jump or are absent, series and containers that come and go, gaps, clocks that are
//! ahead and come back, runs that are delivered late or two at once, servers that are killed
//! with half of their log on the disk. `STARDUST_SEEDS=20000` tries more of
//! them, `STARDUST_SEED=17` that one alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::limits::Sizes;
use crate::list::List;
use crate::tier::Tier;
use stardust_shared::series::Kind;

/// Of a seed the same numbers every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: i64) -> i64 {
        (self.next() % end.max(1) as u64) as i64
    }

    fn one_in(&mut self, of: i64) -> bool {
        self.below(of) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as i64) as usize]
    }
}

/// One sample: its time, and the value of each series that the machine has then, if
/// there is one.
#[derive(Clone, Debug)]
struct Sample {
    time_ms: i64,
    layout: usize,
    values: Vec<i64>,
}

#[derive(Clone, Debug, Default)]
struct Life {
    samples: Vec<Sample>,
    /// So many of them were delivered.
    sent: usize,
    state: State,
}

/// Time and value of samples that were delivered.
type Points = Vec<(i64, i64)>;

/// What a machine is like.
struct Machine {
    random: Random,
    /// Its list changes all the time.
    restless: bool,
    /// Of each key and run; made anew for each look.
    points: BTreeMap<String, Vec<Points>>,
    layouts: Vec<Arc<Layout>>,
    lives: Vec<Life>,
    /// In the order in which they were first heard of.
    heard: Vec<usize>,
}

const KEYS: [(&str, &str); 8] = [
    ("net.rx_bytes", "iface"),
    ("net.tx_packets", "iface"),
    ("disk.written_bytes", "device"),
    ("cpu.user_ms", "core"),
    ("mem.free_bytes", ""),
    ("load.1m_milli", ""),
    ("temp.celsius_milli", "sensor"),
    ("proc.total", ""),
];

fn def((name, label): (&str, &str)) -> SeriesDef {
    match label {
        "" => SeriesDef::new(name, &[]),
        label => SeriesDef::new(name, &[(label, "0")]),
    }
}

impl Machine {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let layouts = (0..1 + random.below(3)).map(|id| {
            let mut keys: Vec<_> = KEYS.into_iter().filter(|_| random.below(3) > 0).collect();
            if keys.is_empty() {
                keys.push(KEYS[0]);
            }
            let by = random.below(keys.len() as i64) as usize;
            keys.rotate_left(by);
            let series = keys.into_iter().map(def).collect();
            Arc::new(Layout::new(id as u64 + 1, series))
        });
        let mut layouts: Vec<Arc<Layout>> = layouts.collect();
        let restless = random.one_in(4);
        if restless {
            layouts = Self::churn(&mut random, &layouts[0]);
        }
        let mut machine = Self {
            restless,
            random,
            points: BTreeMap::new(),
            layouts,
            lives: Vec::new(),
            heard: Vec::new(),
        };
        machine.live();
        machine
    }

    /// Lists in which containers come and go, some of them again.
    fn churn(random: &mut Random, host: &Layout) -> Vec<Arc<Layout>> {
        let mut containers: Vec<i64> = Vec::new();
        let layouts = (0..60).map(|id| {
            if !containers.is_empty() && random.one_in(2) {
                containers.remove(random.below(containers.len() as i64) as usize);
            }
            let container = match random.one_in(2) {
                true => random.below(4),
                false => 10 + id,
            };
            if !containers.contains(&container) {
                let at = random.below(containers.len() as i64 + 1) as usize;
                containers.insert(at, container);
            }
            let mut series = host.series().to_vec();
            for container in &containers {
                let at = random.below(series.len() as i64 + 1) as usize;
                let label = format!("veth{container}");
                series.insert(at, SeriesDef::new("net.rx_bytes", &[("iface", &label)]));
                if container % 2 == 0 {
                    series.push(SeriesDef::new("temp.celsius_milli", &[("sensor", &label)]));
                }
            }
            Arc::new(Layout::new(id as u64 + 1, series))
        });
        layouts.collect()
    }

    /// Takes all samples of one to four runs.
    fn live(&mut self) {
        let random = &mut self.random;
        let interval_ms = random.of(&[200, 1_000, 5_000, 10_000, 60_000, 300_000, 3_600_000]);
        let calm = random.one_in(3);
        let mut time_ms = START_MS + random.below(7_200_000);
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        let mut ahead_ms = 0;
        let both = random.one_in(6);
        let runs = 1 + random.below(3).min(random.below(3)) + i64::from(both);
        for run in 0..runs {
            let mut life = Life::default();
            if both && run == 1 {
                // Another machine with the same token, at the same time.
                time_ms = START_MS + random.below(3_600_000);
                counts.clear();
            } else if run > 0 {
                time_ms += random.of(&[0, 1, 3, 30, 1_000]) * interval_ms;
                if random.one_in(2) {
                    // It has booted.
                    counts.clear();
                }
            }
            let mut layout = random.below(self.layouts.len() as i64) as usize;
            for _ in 0..random.of(&[1, 2, 9, 40, 100, 200]) {
                time_ms += interval_ms + random.below(interval_ms / 20 + 1);
                if !calm && random.one_in(60) {
                    time_ms += random.of(&[2, 5, 100, 2_000]) * interval_ms;
                }
                if !calm && random.one_in(80) {
                    ahead_ms = match ahead_ms {
                        0 => random.of(&[-7_200_000, 3_000, 600_000, 72_000_000]),
                        _ => 0,
                    };
                }
                if self.restless {
                    layout = (layout + usize::from(random.one_in(2))) % self.layouts.len();
                } else if random.one_in(50) {
                    layout = random.below(self.layouts.len() as i64) as usize;
                }
                let series = self.layouts[layout].series().iter();
                let values = series.map(|series| {
                    if !calm && random.one_in(40) {
                        return ABSENT;
                    }
                    let scale = i64::from(series.scale);
                    let count = counts.entry(series.key.to_string()).or_default();
                    if series.kind == Kind::Gauge {
                        return (random.below(2_000) - 500) * scale;
                    }
                    *count += random.below(1_000);
                    if !calm && random.one_in(70) {
                        *count = random.of(&[0, 5, *count / 2, *count + (1 << 40), (1 << 44) - 1]);
                    }
                    *count * scale
                });
                life.samples.push(Sample {
                    values: values.collect(),
                    time_ms: time_ms + ahead_ms,
                    layout,
                });
            }
            self.lives.push(life);
        }
    }
}

/// What a bucket of one series comes to, by the samples alone.
#[derive(Clone, Debug, Default)]
struct Naive {
    count: u32,
    sum: f64,
    min: f64,
    max: f64,
    steps: i64,
    grown: i64,
    elapsed_ms: i64,
    rates: Option<(f64, f64)>,
    /// A run begins here: what it was counted to grow may have been set right since.
    begins: bool,
}

impl Machine {
    fn series(&self, key: &str) -> SeriesDef {
        let all = self.layouts.iter().flat_map(|layout| layout.series());
        all.into_iter()
            .find(|series| &*series.key == key)
            .unwrap()
            .clone()
    }

    /// The samples of each series that were delivered.
    fn note_points(&mut self) {
        self.points.clear();
        for (number, life) in self.lives.iter().enumerate() {
            for sample in &life.samples[..life.sent] {
                let series = self.layouts[sample.layout].series().iter();
                for (series, &value) in series.zip(&sample.values) {
                    if value == ABSENT {
                        continue;
                    }
                    if !self.points.contains_key(&*series.key) {
                        let none = vec![Points::new(); self.lives.len()];
                        self.points.insert(series.key.to_string(), none);
                    }
                    let points = self.points.get_mut(&*series.key).unwrap();
                    points[number].push((sample.time_ms, value));
                }
            }
        }
    }

    fn answer(&self, key: &str, times: &[i64], step_ms: i64) -> Vec<Naive> {
        let mut buckets = vec![Naive::default(); times.len()];
        let at = |time_ms: i64| {
            let at = (time_ms - times[0]).div_euclid(step_ms);
            usize::try_from(at).ok().filter(|at| *at < times.len())
        };
        let is_counter = self.series(key).kind == Kind::Counter;
        let none = vec![Points::new(); self.lives.len()];
        let points = self.points.get(key).unwrap_or(&none);
        let mut grow = |before: (i64, i64), now: (i64, i64), begins: bool| {
            let Some(at) = at(now.0) else { return };
            let bucket = &mut buckets[at];
            let grown = if now.1 >= before.1 {
                now.1 - before.1
            } else {
                now.1
            };
            bucket.steps += 1;
            bucket.grown += grown;
            bucket.begins |= begins;
            let elapsed_ms = now.0 - before.0;
            if elapsed_ms > 0 {
                bucket.elapsed_ms += elapsed_ms;
                let rate = grown as f64 * 1_000.0 / elapsed_ms as f64;
                let rates = bucket.rates.get_or_insert((rate, rate));
                *rates = (rates.0.min(rate), rates.1.max(rate));
            }
        };
        if is_counter {
            for pair in points.iter().flat_map(|points| points.windows(2)) {
                grow(pair[0], pair[1], false);
            }
            // From run to run, in the order of their first samples.
            let span = |number: &usize| {
                let sent = &self.lives[*number].samples[..self.lives[*number].sent];
                Some((sent.first()?.time_ms, sent.last()?.time_ms))
            };
            let mut order = self.heard.clone();
            order.retain(|number| span(number).is_some());
            order.sort_by_key(|number| span(number).unwrap().0);
            for (place, number) in order.iter().enumerate() {
                let Some(&first) = points[*number].first() else {
                    continue;
                };
                let mut begin_ms = span(number).unwrap().0;
                for earlier in order[..place].iter().rev() {
                    let (from_ms, to_ms) = span(earlier).unwrap();
                    if to_ms >= begin_ms {
                        break;
                    }
                    begin_ms = from_ms;
                    if let Some(&last) = points[*earlier].last() {
                        if last.0 < first.0 {
                            grow(last, first, true);
                        }
                        break;
                    }
                }
            }
            let firsts = points.iter().filter_map(|points| points.first());
            for at in firsts.filter_map(|first| at(first.0)) {
                buckets[at].begins = true;
            }
        }
        for &(time_ms, value) in points.iter().flatten() {
            let Some(at) = at(time_ms) else { continue };
            let bucket = &mut buckets[at];
            let value = value as f64;
            if bucket.count == 0 {
                (bucket.min, bucket.max) = (value, value);
            }
            bucket.count += 1;
            bucket.sum += value;
            (bucket.min, bucket.max) = (bucket.min.min(value), bucket.max.max(value));
        }
        buckets
    }
}

/// What trials have come upon: blocks of rare series, of minutes, servers that were killed,
/// machines whose list changes all the time.
static SEEN: [AtomicI64; 4] = [const { AtomicI64::new(0) }; 4];

/// A history with blocks of a few rows, and the machine whose samples it takes.
struct Trial {
    folder: Folder,
    direct: Option<Direct>,
    machine: Machine,
    /// The run whose session is open.
    open: Option<usize>,
    settings: Settings,
    said: Vec<String>,
}

const SIZES: Sizes = Sizes {
    full_rows: 48,
    fair_rows: 16,
    generation_commits: 3,
    rare_series: 2,
    hours_span_ms: 60_000,
};

impl Trial {
    fn new(seed: u64) -> Self {
        // A disk that takes its time makes nothing clearer here.
        let memory = std::path::Path::new("/dev/shm");
        let parent = match memory.is_dir() {
            true => memory.to_owned(),
            false => std::env::temp_dir(),
        };
        let folder = folder_in(&parent, &format!("oracle-{seed}"));
        let settings = Settings::default();
        let mut trial = Self {
            direct: None,
            machine: Machine::new(seed),
            open: None,
            settings,
            said: Vec::new(),
            folder,
        };
        trial.start();
        trial
    }

    fn start(&mut self) {
        let store = Arc::new(Store::open(&self.folder.0.join("d.db")).unwrap());
        let node = match store.insert_node("n", &[], [7; 32], START_MS) {
            Ok(node) => node.id,
            Err(_) => 1,
        };
        let settings = self.settings.clone();
        let history = History::open_with(Arc::clone(&store), settings, SIZES).unwrap();
        let writer = history.writer().unwrap();
        let mut intakes = Intakes::new(durable_progress(&store).unwrap());
        // Of one of its runs: one run more would be one more than are remembered.
        let first = hello("run-0", "boot-0", None);
        let place = intakes.open(node, &first, 1_000, seen()).1;
        self.open = None;
        self.direct = Some(Direct {
            store,
            history,
            writer,
            intakes,
            node,
            place,
        });
    }

    fn direct(&mut self) -> &mut Direct {
        self.direct.as_mut().unwrap()
    }

    /// The next samples of a run, as its Spider sends them.
    fn send(&mut self, run: usize, count: usize) {
        if self.open != Some(run) {
            self.direct().commit();
            let boot = format!("boot-{run}");
            let hello = hello(&format!("run-{run}"), &boot, None);
            let node = self.direct().node;
            let (durable, place) = self.direct().intakes.open(node, &hello, 1_000, seen());
            self.direct().place = place;
            let life = &mut self.machine.lives[run];
            assert_eq!(durable as usize, life.sent, "run {run}");
            life.state = State::default();
            self.open = Some(run);
            if !self.machine.heard.contains(&run) {
                self.machine.heard.push(run);
            }
        }
        let Machine { layouts, lives, .. } = &mut self.machine;
        let life = &mut lives[run];
        let direct = self.direct.as_mut().unwrap();
        let mut before = None;
        for sample in life.samples.iter().skip(life.sent).take(count) {
            let layout = &layouts[sample.layout];
            let seq = life.sent as u64 + 1;
            let mut bytes = Vec::new();
            let record = if life.state.seq == 0 || before != Some(sample.layout) {
                life.state
                    .start(layout, seq, sample.time_ms, &sample.values);
                life.state.encode_keyframe(layout, 0, &mut bytes);
                Record::Keyframe
            } else {
                let state = &mut life.state;
                state.encode_delta(layout, seq, sample.time_ms, &sample.values, &mut bytes);
                Record::Delta
            };
            before = Some(sample.layout);
            let pushed = direct
                .intakes
                .push(direct.place, layout, &life.state, record, &bytes);
            assert_eq!(pushed, PushResult::Taken);
            life.sent += 1;
        }
    }

    /// Everything that may happen to samples, in any order.
    fn play(&mut self) {
        loop {
            let waiting: Vec<usize> = (0..self.machine.lives.len())
                .filter(|run| {
                    let life = &self.machine.lives[*run];
                    life.sent < life.samples.len()
                })
                .collect();
            let Some(&first) = waiting.first() else { break };
            let random = &mut self.machine.random;
            // Mostly the oldest run; at times a later one comes first, or both in turn.
            let run = match random.one_in(5) {
                true => random.of(&waiting),
                false => first,
            };
            let count = random.of(&[1, 3, 10, 40, 200]) as usize;
            self.send(run, count);
            if self.machine.random.below(4) > 0 {
                self.direct().commit();
                self.said
                    .push(format!("run {run} to {}", self.machine.lives[run].sent));
                self.happen();
            }
        }
        self.direct().commit();
        self.check();
        for _ in 0..4 {
            self.happen();
        }
        let direct = self.direct();
        let seen = [
            direct.number("SELECT count(*) FROM blocks WHERE rare"),
            direct.number("SELECT count(*) FROM blocks WHERE tier = 1 AND format = 2"),
            self.said.iter().filter(|said| *said == "killed").count() as i64,
            i64::from(self.machine.restless),
        ];
        for (all, seen) in SEEN.iter().zip(seen) {
            all.fetch_add(seen, Ordering::Relaxed);
        }
        self.check_catalogue();
    }

    /// No list and no series is there that no block needs.
    fn check_catalogue(&mut self) {
        let direct = self.direct();
        direct.writer.settle();
        let loose = direct.number(
            "SELECT count(*) FROM layouts WHERE id NOT IN (SELECT layout FROM blocks)
                                            AND id NOT IN (SELECT layout FROM fresh)",
        );
        // The newest, which the next sample will be of; and one that was, before a start.
        assert!(loose <= 2, "{loose} lists that nothing needs");
        let lists = direct.store.reader().unwrap();
        let mut lists = lists.prepare("SELECT list FROM layouts").unwrap();
        let lists = lists.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        let lists = lists.map(|list| List::decode(&list.unwrap()).unwrap());
        let mut named: Vec<i64> = lists
            .flat_map(|list| list.ids().collect::<Vec<_>>())
            .collect();
        named.sort_unstable();
        named.dedup();
        let series = direct.numbers("SELECT id FROM series ORDER BY id");
        assert_eq!(named, series);
    }

    /// Goes on with what was made of the database.
    fn come_back(&mut self, what: &str, make: impl Fn(&Path, &Path) -> Result<(), String>) {
        self.direct = None;
        let (db, file) = (self.folder.0.join("d.db"), self.folder.0.join("copy.db"));
        if let Err(why) = make(&db, &file) {
            panic!("{what}: {why}");
        }
        for name in ["d.db", "d.db-wal", "d.db-shm"] {
            let _ = std::fs::remove_file(self.folder.0.join(name));
        }
        std::fs::rename(file, db).unwrap();
        self.start();
    }

    /// The server goes on with what a kill, or a power cut, leaves: a part of the log.
    fn kill(&mut self) -> &'static str {
        // Of a log that is so long some may be in the file already.
        const LOG_BYTES_MAX: u64 = 900 * 4_096;
        let [db, log] = ["d.db", "d.db-wal"].map(|name| self.folder.0.join(name));
        let Ok(bytes) = std::fs::read(&log) else {
            return "not killed";
        };
        if bytes.len() as u64 > LOG_BYTES_MAX {
            return "not killed";
        }
        let random = &mut self.machine.random;
        let lost = match random.one_in(2) {
            true => 0,
            false => random.below(bytes.len() as i64 / 2 + 1) as usize,
        };
        let file = std::fs::read(&db).unwrap();
        self.direct = None;
        std::fs::write(db, file).unwrap();
        std::fs::write(log, &bytes[..bytes.len() - lost]).unwrap();
        let _ = std::fs::remove_file(self.folder.0.join("d.db-shm"));
        self.start();
        // What is not durable its Spiders send again.
        let durable = durable_progress(&self.direct().store).unwrap();
        for (number, life) in self.machine.lives.iter_mut().enumerate() {
            let run = format!("run-{number}");
            let of_run = durable.iter().find(|(_, progress)| *progress.run == *run);
            let seq = of_run.map_or(0, |(_, progress)| progress.seq as usize);
            assert!(seq <= life.sent);
            life.sent = seq;
        }
        "killed"
    }

    fn happen(&mut self) {
        let what = self.machine.random.below(15);
        let said = match what {
            0..4 => {
                self.direct().writer.settle();
                "settled"
            }
            4 => {
                self.direct = None;
                self.start();
                "started again"
            }
            5 => {
                let aged = self.direct().writer.age_one(Tier::Raw);
                if aged { "minutes" } else { "no minutes" }
            }
            6 => {
                while self.direct().writer.age_one(Tier::Raw) {}
                "minutes of all"
            }
            8 => {
                self.come_back("a backup", |db, file| {
                    stardust_store::backup::run(db, file).map_err(|error| error.message)?;
                    Ok(())
                });
                "from a backup"
            }
            9 => {
                self.come_back("a salvage", |db, file| {
                    let made = stardust_store::salvage::run(db, file);
                    made.map_err(|error| error.message)?;
                    Ok(())
                });
                "salvaged"
            }
            10 => self.kill(),
            7 => {
                let aged = self.direct().writer.age_one(Tier::Minute);
                if aged {
                    "minutes went"
                } else {
                    "no minutes to go"
                }
            }
            _ => "nothing",
        };
        self.said.push(said.into());
        if what < 11 {
            self.check();
        }
    }

    fn check(&mut self) {
        self.machine.note_points();
        let times: Vec<i64> = self
            .machine
            .lives
            .iter()
            .flat_map(|life| {
                life.samples[..life.sent]
                    .iter()
                    .map(|sample| sample.time_ms)
            })
            .collect();
        let (Some(&min), Some(&max)) = (times.iter().min(), times.iter().max()) else {
            return;
        };
        let random = &mut self.machine.random;
        let span = max - min + 1;
        let mut ranges = vec![(min, max + 1)];
        let from = min + random.below(span) - random.below(3_600_000);
        let length = random.of(&[1_000, 60_000, 900_000, 3_600_000, 86_400_000, span]);
        ranges.push((from, from + 1 + random.below(length)));
        let points = random.of(&[1, 7, 60, 300, 2_000]) as usize;
        for (from, to) in ranges {
            self.compare(from, to, points);
        }
        if self.machine.random.one_in(3) {
            self.compare_parts(min, max);
        }
    }

    fn compare(&mut self, from: i64, to: i64, points: usize) -> Answer {
        let answer = self.direct().query(from, to, points);
        let which = format!("{from} to {to}, {points} points, tier {}", answer.tier);
        assert!(answer.times[0] <= from, "{which}");
        let end = answer.times[answer.times.len() - 1] + answer.step_ms;
        assert!(end >= to && end - answer.step_ms < to, "{which}");
        assert_eq!(answer.partial, end > to, "{which}");
        assert!(
            answer.times.iter().all(|time| time % answer.step_ms == 0),
            "{which}"
        );
        let keys: BTreeSet<Box<str>> = self
            .machine
            .layouts
            .iter()
            .flat_map(|layout| layout.series())
            .map(|series| series.key.clone())
            .collect();
        for key in keys.iter().map(|key| &**key) {
            // Of many a few are looked at.
            if keys.len() > KEYS.len() && self.machine.random.below(4) > 0 {
                continue;
            }
            let naive = self.machine.answer(key, &answer.times, answer.step_ms);
            let Some(series) = answer.series.iter().find(|series| series.key == key) else {
                assert!(
                    naive.iter().all(|bucket| bucket.count == 0),
                    "{key} is missing, {which}"
                );
                continue;
            };
            let increase: Vec<Option<i64>> = match &series.increase {
                Some(growth) => growth.iter().collect(),
                None => vec![None; naive.len()],
            };
            let (avg, min, max): (Vec<_>, Vec<_>, Vec<_>) = (
                series.avg.iter().collect(),
                series.min.iter().collect(),
                series.max.iter().collect(),
            );
            let outer = &which;
            for (at, naive) in naive.iter().enumerate() {
                let which = || format!("{key} at {} of {outer}: {naive:?}", answer.times[at]);
                assert_eq!(series.count[at], naive.count, "{}", which());
                if series.kind == "gauge" {
                    let there = naive.count > 0;
                    let mean = there.then(|| naive.sum / f64::from(naive.count));
                    near(avg[at], mean, 1e-9, &which);
                    assert_eq!(min[at], there.then_some(naive.min), "{}", which());
                    assert_eq!(max[at], there.then_some(naive.max), "{}", which());
                    continue;
                }
                assert_eq!(
                    increase[at],
                    (naive.steps > 0).then_some(naive.grown),
                    "{}",
                    which()
                );
                let timed = naive.steps > 0 && naive.elapsed_ms > 0;
                let rate = timed.then(|| naive.grown as f64 * 1_000.0 / naive.elapsed_ms as f64);
                near(avg[at], rate, 1e-9, &which);
                if !naive.begins {
                    // A thousandth is lost where it is kept for long.
                    near(min[at], naive.rates.map(|rates| rates.0), 1.1e-3, &which);
                    near(max[at], naive.rates.map(|rates| rates.1), 1.1e-3, &which);
                }
            }
        }
        answer
    }

    /// All that is known, for whoever looks into a failure.
    fn tell(&mut self) {
        for (number, life) in self.machine.lives.iter().enumerate() {
            for (seq, sample) in life.samples[..life.sent].iter().enumerate() {
                println!("run {number} {seq}: {sample:?}");
            }
        }
        let layouts = self.machine.layouts.iter();
        for (number, layout) in layouts.enumerate() {
            let keys: Vec<_> = layout.series().iter().map(|series| &series.key).collect();
            println!("layout {number}: {keys:?}");
        }
        let Some(direct) = &self.direct else { return };
        let reader = direct.store.reader().unwrap();
        let runs = crate::runs::Runs::load(&reader, direct.node, None);
        println!("{runs:#?}\n{:#?}", direct.history.shared.fresh());
        let mut blocks = reader
            .prepare("SELECT id, tier, level, layout, format, time_min_ms, time_max_ms, rows, hours_ms FROM blocks")
            .unwrap();
        let mut rows = blocks.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let numbers: Vec<i64> = (0..9).map(|at| row.get(at).unwrap()).collect();
            println!("block {numbers:?}");
        }
    }

    /// What two ranges beside each other say adds up to what both together say.
    fn compare_parts(&mut self, min: i64, max: i64) {
        let hour = |time: i64| time.div_euclid(HOUR_MS) * HOUR_MS;
        let (from, to) = (hour(min), hour(max) + HOUR_MS);
        let between = hour(from + self.machine.random.below(to - from));
        if between <= from || to - from > 40 * DAY_MS {
            return;
        }
        let sums = |answer: &Answer| -> BTreeMap<String, i64> {
            let counters = answer.series.iter().filter_map(|series| {
                let sum = series.increase.as_ref()?.iter().flatten().sum();
                Some((series.key.clone(), sum))
            });
            counters.filter(|(_, sum)| *sum != 0).collect()
        };
        let both = self.compare(from, to, 1_000);
        let (first, second) = (
            self.compare(from, between, 1_000),
            self.compare(between, to, 1_000),
        );
        // Where samples are rare buckets are longer than an hour, and whole all the same.
        let steps = [&both, &first, &second].map(|answer| answer.step_ms);
        if steps
            .iter()
            .any(|step| [from, between, to].iter().any(|time| time % step != 0))
        {
            return;
        }
        let mut parts = sums(&first);
        for (key, sum) in sums(&second) {
            *parts.entry(key).or_default() += sum;
        }
        assert_eq!(parts, sums(&both), "{from}, {between}, {to}");
    }
}

fn near(found: Option<f64>, expected: Option<f64>, share: f64, which: &dyn Fn() -> String) {
    let fits = match (found, expected) {
        (Some(found), Some(expected)) => {
            (found - expected).abs() <= expected.abs().max(1e-6) * share
        }
        (found, expected) => found == expected,
    };
    assert!(fits, "{found:?} for {expected:?}: {}", which());
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The first of these seeds that fails, with why and what was done.
fn first_failure(seeds: impl Iterator<Item = u64>) -> Option<(u64, String, Vec<String>)> {
    for seed in seeds {
        let mut trial = Trial::new(seed);
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| trial.play()));
        if let Err(why) = played {
            let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
            if std::env::var_os("STARDUST_SEED").is_some() {
                trial.tell();
            }
            return Some((seed, why, trial.said));
        }
    }
    None
}

#[test]
fn every_answer_is_that_of_the_samples() {
    let seeds = match number("STARDUST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("STARDUST_SEEDS").unwrap_or(200),
    };
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let found = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                let seeds = seeds.clone().filter(move |seed| seed % threads == part);
                scope.spawn(move || first_failure(seeds))
            })
            .collect();
        let found = parts.into_iter().filter_map(|part| part.join().unwrap());
        found.min_by_key(|(seed, ..)| *seed)
    });
    if let Some((seed, why, said)) = found {
        panic!("STARDUST_SEED={seed}: {why}\n{}", said.join("\n"));
    }
    if seeds.end - seeds.start >= 200 {
        let seen = SEEN.each_ref().map(|seen| seen.load(Ordering::Relaxed));
        assert!(seen.iter().all(|seen| *seen > 0), "{seen:?}");
    }
}
