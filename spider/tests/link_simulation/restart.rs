//! The Spider's process and its machine come and go; a file stays.

use stardust_shared::message::Identity;
use stardust_spider::link::Link;
use stardust_spider::link::flush::{FlushPolicy, Task, WRITE_MS_MIN};
use stardust_spider::link::ring_format;

use crate::world::{Connection, World};

/// Long enough for the server to see a silence at any interval of these worlds.
const DOWN_MS_MIN: i64 = 25_000;

/// What becomes of the Spider's memory between two processes.
pub struct Disk {
    pub file: Option<Vec<u8>>,
    pub flush: FlushPolicy,
    /// How far off the Spider's clock was when the file was written.
    off_ms: i64,
}

impl Disk {
    pub fn new(bytes_max: usize, boot_ms: i64, link: &Link) -> Self {
        Self {
            file: None,
            flush: FlushPolicy::new(bytes_max, boot_ms, false, link),
            off_ms: 0,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// SIGTERM: the file is written first.
    Orderly,
    Killed,
}

impl World {
    /// Writes what is due to be written, unless the disk fails.
    pub fn keep(&mut self) {
        if !self.keeps {
            return;
        }
        let task = self.disk.flush.due(self.clocks(), &self.link);
        if task.is_some() && !self.calm && self.random.below(30) == 0 {
            self.disk.flush.failed();
            self.disk_failed_ms = self.awake_ms();
            return;
        }
        self.perform(task);
    }

    fn perform(&mut self, task: Option<Task>) {
        match task {
            None => {}
            Some(Task::Remove) => self.disk.file = None,
            Some(Task::Write(bytes)) => {
                assert!(bytes.len() <= self.ring_bytes, "the cap holds");
                self.disk.file = Some(bytes);
                self.disk.off_ms = self.own_wall_off_ms;
                self.summary.writes += 1;
            }
        }
    }

    pub fn restart(&mut self) {
        if !self.keeps {
            return;
        }
        let end = [End::Orderly, End::Killed][self.random.below(2) as usize];
        if end == End::Orderly {
            let task = self.disk.flush.last(self.clocks(), &self.link);
            self.perform(task);
        }
        self.server.disconnected();
        let (cut_awake_ms, ended_boot) = (self.awake_ms(), self.boots);
        let down_ms = DOWN_MS_MIN + self.random.below(200_000) as i64;
        self.down_ms += down_ms;
        // What the server still gets done meanwhile happens before or after; it
        // commits on its own.
        self.now_ms += down_ms;
        if self.random.below(3) > 0 {
            self.boots += 1;
            self.boot_at_ms = self.now_ms - self.random.below(20_000) as i64;
            self.summary.reboots += 1;
        }
        self.summary.restarts += 1;
        self.start();
        self.account(end, cut_awake_ms, ended_boot);
    }

    /// A new process, with what it finds on the disk.
    fn start(&mut self) {
        self.run += 1;
        self.link = link(self.ring_bytes, self.own_interval_ms, self.run, self.boots);
        self.truths.0.insert(run_name(self.run), Default::default());
        let kept = self
            .disk
            .file
            .as_ref()
            .map(|file| ring_format::decode(file).expect("our own file"));
        let found = kept.is_some();
        self.found = kept
            .iter()
            .flatten()
            .map(|kept| (kept.run.clone(), kept.boot_id.clone(), kept.agreed))
            .collect();
        self.link.restore(kept.unwrap_or_default(), self.clocks());
        let boot_ms = self.boot_ms();
        self.disk.flush = FlushPolicy::new(self.ring_bytes, boot_ms, found, &self.link);
        self.connection = Connection::Waiting(self.now_ms);
        self.sample_at_ms = self.now_ms;
        // A new process knows its series by numbers of its own.
        self.generation = 0;
        self.change_layout();
    }

    /// What did not outlive the restart, and whether it was right to go.
    fn account(&mut self, end: End, cut_awake_ms: i64, ended_boot: u64) {
        let small = self.ring_bytes < 512 << 10;
        let held: Vec<(String, u64, u64)> = self
            .link
            .earlier()
            .map(|(run, oldest, newest)| (run.to_owned(), oldest, newest))
            .collect();
        for number in 1..self.run {
            let run = run_name(number);
            let range = held.iter().find(|(held, ..)| *held == run);
            let found = self.found.iter().find(|(found, ..)| *found == run);
            let (server, truth) = (&self.server, self.truths.0.get_mut(&run).unwrap());
            if let Some((_, boot, agreed)) = found
                && *boot == boot_name(ended_boot)
                && ended_boot != self.boots
                && !agreed
                && self.disk.off_ms.abs() > 1_000
            {
                truth.vague = true;
            }
            for seq in 1..=truth.samples.len() as u64 {
                let known = truth.dropped.contains(&seq)
                    || truth.cut.contains(&seq)
                    || truth.skimmed.contains(&seq)
                    || truth.timeless.contains(&seq);
                if known
                    || server.is_durable(&run, seq)
                    || range.is_some_and(|(_, oldest, newest)| (*oldest..=*newest).contains(&seq))
                {
                    continue;
                }
                if found.is_some() && range.is_none() {
                    truth.timeless.insert(seq);
                } else if number + 1 < self.run || range.is_some_and(|(_, oldest, _)| seq < *oldest)
                {
                    assert!(small, "{seq} of {run} fell out of a file that had room");
                    truth.skimmed.insert(seq);
                } else {
                    let sampled = &truth.samples[seq as usize - 1];
                    // A disk that failed may cost a minute more.
                    let failed = self.disk_failed_ms > cut_awake_ms - 2 * WRITE_MS_MIN;
                    let age_ms = cut_awake_ms - sampled.awake_ms;
                    assert!(
                        small || end == End::Killed,
                        "{seq} of {run} was stopped in order"
                    );
                    assert!(
                        small || failed || age_ms <= WRITE_MS_MIN,
                        "{seq} of {run} is lost at an age of {age_ms} ms"
                    );
                    truth.cut.insert(seq);
                    self.summary.cut += 1;
                }
            }
        }
        // Where one run is placed by guess, those before it may have to make room.
        let mut vague = false;
        for number in (1..self.run).rev() {
            let truth = self.truths.0.get_mut(&run_name(number)).unwrap();
            vague |= truth.vague;
            truth.vague = vague;
        }
    }
}

pub fn run_name(number: u64) -> String {
    format!("run{number:04}")
}

fn boot_name(number: u64) -> String {
    format!("boot{number}")
}

pub fn link(ring_bytes: usize, interval_ms: u64, run: u64, boot: u64) -> Link {
    let identity = Identity {
        boot_id: Some(boot_name(boot)),
        ..Identity::default()
    };
    Link::new(
        ring_bytes,
        interval_ms,
        run_name(run),
        "sim".into(),
        identity,
    )
}
