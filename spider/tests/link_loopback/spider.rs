//! A Spider on a thread, with made-up samples that can be checked.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use stardust_shared::SeriesDef;
use stardust_shared::message::Identity;
use stardust_shared::{Secret, ServerUrl};
use stardust_spider::clock;
use stardust_spider::link::random::Random;
use stardust_spider::link::{Driver, Link, Settings};

pub struct Spider {
    stop: Arc<AtomicBool>,
    taken: Arc<AtomicU64>,
    sampled: Arc<Mutex<Vec<Vec<i64>>>>,
    thread: JoinHandle<(u64, u64)>,
}

pub struct End {
    /// Values of each sequence number, from 1.
    pub sampled: Vec<Vec<i64>>,
    pub waiting: u64,
    pub dropped: u64,
}

/// Settings of a Spider for `url`, with nothing out of the ordinary.
pub fn settings(url: &str, interval_ms: u64, ring_bytes: usize) -> Settings {
    Settings {
        url: ServerUrl::parse(url).unwrap(),
        token: Secret::new("t0ken".to_owned()),
        ca_file: None,
        pins: Vec::new(),
        proxy: None,
        ring_file: None,
        ring_file_bytes: ring_bytes,
        interval_ms,
        ring_bytes,
    }
}

impl Spider {
    pub fn start(url: &str, ca_file: Option<PathBuf>, interval_ms: u64, ring_bytes: usize) -> Self {
        Self::prefilled(url, ca_file, interval_ms, ring_bytes, 0, 8)
    }

    /// `samples` of `series` wait before it first connects.
    pub fn prefilled(
        url: &str,
        ca_file: Option<PathBuf>,
        interval_ms: u64,
        ring_bytes: usize,
        samples: u64,
        series: usize,
    ) -> Self {
        let settings = Settings {
            ca_file,
            ..settings(url, interval_ms, ring_bytes)
        };
        Self::spawn(settings, samples, series)
    }

    pub fn with(settings: Settings) -> Self {
        Self::spawn(settings, 0, 8)
    }

    fn spawn(settings: Settings, samples: u64, series: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let taken = Arc::new(AtomicU64::new(0));
        let sampled = Arc::new(Mutex::new(Vec::new()));
        let mut source = Source::new(series, Arc::clone(&taken), Arc::clone(&sampled));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let identity = Identity {
                hostname: Some("loopback".into()),
                ..Identity::default()
            };
            let mut driver = Driver::new(settings, identity).unwrap();
            let mut to_fill = samples;
            while !stopped.load(Ordering::Relaxed) {
                driver
                    .turn(&mut |link| {
                        source.sample(link);
                        for _ in 0..std::mem::take(&mut to_fill) {
                            source.sample(link);
                        }
                    })
                    .unwrap();
            }
            let ring = driver.link().ring();
            let waiting = match ring.oldest_seq() {
                0 => 0,
                oldest => ring.newest_seq() + 1 - oldest,
            };
            (waiting, ring.dropped())
        });
        Self {
            stop,
            taken,
            sampled,
            thread,
        }
    }

    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    pub fn stop(self) -> End {
        self.stop.store(true, Ordering::Relaxed);
        let (waiting, dropped) = self.thread.join().unwrap();
        let sampled = std::mem::take(&mut *self.sampled.lock().unwrap());
        End {
            sampled,
            waiting,
            dropped,
        }
    }
}

struct Source {
    random: Random,
    series: Vec<SeriesDef>,
    values: Vec<i64>,
    boot_ms: i64,
    taken: Arc<AtomicU64>,
    sampled: Arc<Mutex<Vec<Vec<i64>>>>,
}

impl Source {
    fn new(series: usize, taken: Arc<AtomicU64>, sampled: Arc<Mutex<Vec<Vec<i64>>>>) -> Self {
        let series: Vec<_> = (0..series)
            .map(|n| SeriesDef::new("x", &[("n", &n.to_string())]))
            .collect();
        Self {
            random: Random::new(1),
            values: vec![0; series.len()],
            series,
            boot_ms: clock::boot_ms(),
            taken,
            sampled,
        }
    }

    fn sample(&mut self, link: &mut Link) {
        self.boot_ms += 1;
        for value in &mut self.values {
            *value = self.random.bits() as i64 >> 8;
        }
        let seq = link.push(self.boot_ms, 1, &self.series, &self.values);
        self.sampled.lock().unwrap().push(self.values.clone());
        self.taken.store(seq, Ordering::Relaxed);
    }
}
