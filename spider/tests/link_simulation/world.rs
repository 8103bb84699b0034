//! One world: a Spider, a server and the weather between them.

use std::collections::VecDeque;

use stardust_shared::message::Control;
use stardust_shared::{ABSENT, SeriesDef};
use stardust_spider::link::Link;
use stardust_spider::link::clocks::Clocks;
use stardust_spider::link::fault::Fault;
use stardust_spider::link::link::News;
use stardust_spider::link::random::Random;
use stardust_spider::link::session::Output;

use crate::restart::{Disk, link, run_name};
use crate::server::Server;
use crate::truth::{Sampled, Truth, Truths};

/// The server's wall clock at boot time 0. It is right; the Spider's may not be.
const SERVER_WALL_MS: i64 = 1_790_000_000_000;
/// A message is this long on the way at most, when nothing is stalled.
const DELAY_MS_MAX: u64 = 300;
/// Clocks that differ by this much are taken for the same.
const SAME_CLOCK_MS: i64 = 1_000;

macro_rules! summary {
    ($($field:ident),*) => {
        #[derive(Clone, Debug, Default)]
        pub struct Summary { $(pub $field: u64),* }
        impl Summary {
            pub fn add(&mut self, other: &Self) { $(self.$field += other.$field;)* }
        }
    };
}
summary!(
    samples,
    sessions,
    resets,
    refusals,
    half_open,
    stalls,
    crashes,
    crash_lost,
    duplicates,
    dropped,
    clock_steps,
    suspends,
    hostile,
    blocked,
    layouts,
    changes,
    outages,
    restarts,
    reboots,
    writes,
    cut,
    runs_done
);

pub enum Packet {
    Text(String),
    Binary(Vec<u8>),
    Ping,
    Pong,
    Close(u16),
}

/// One connection as the network sees it.
#[derive(Default)]
pub struct Network {
    to_server: VecDeque<(i64, Packet)>,
    to_spider: VecDeque<(i64, Packet)>,
    /// Bytes on the way that the socket still holds.
    bytes: usize,
    /// Everything vanishes, and nobody is told.
    half_open: bool,
    stalled_until_ms: i64,
}

pub enum Connection {
    /// Not before then.
    Waiting(i64),
    /// TCP is up, the answer to the upgrade comes then.
    Upgrading {
        at_ms: i64,
        refusal: Option<u64>,
    },
    Open(Network),
}

pub struct World {
    pub random: Random,
    /// True time. The Spider's own clock of its boot began at `boot_at_ms`.
    pub now_ms: i64,
    pub boot_at_ms: i64,
    pub link: Link,
    pub server: Server,
    pub truths: Truths,
    /// Restarts happen, and the Spider has a ring file.
    pub keeps: bool,
    pub disk: Disk,
    pub disk_failed_ms: i64,
    /// What the file held at the last start: run, boot, agreed.
    pub found: Vec<(String, String, bool)>,
    pub run: u64,
    pub boots: u64,
    pub ring_bytes: usize,
    pub own_interval_ms: u64,
    pub connection: Connection,
    pub own_wall_off_ms: i64,
    server_down_until_ms: i64,
    commit_at_ms: i64,
    commit_every_ms: u64,
    pub sample_at_ms: i64,
    chaos_at_ms: i64,
    chaos_every_ms: u64,
    pub calm: bool,
    slept_ms: i64,
    pub down_ms: i64,
    opened_ms: i64,
    /// The longest way of a hello and its welcome: no clock can be read better.
    welcome_ms_max: i64,
    socket_bytes: usize,
    pub generation: u64,
    series: Vec<SeriesDef>,
    values: Vec<i64>,
    pub summary: Summary,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let rings = [700, 2_000, 6_000, 512 << 10, 512 << 10];
        let ring_bytes = rings[random.below(5) as usize];
        let interval_ms = [200, 1_000, 5_000][random.below(3) as usize];
        let link = link(ring_bytes, interval_ms, 1, 1);
        let wall_offs = [0, 700, -900, -SERVER_WALL_MS, 3_600_000];
        let mut world = Self {
            disk: Disk::new(ring_bytes, 0, &link),
            link,
            server: Server::default(),
            truths: Truths::default(),
            keeps: random.below(3) > 0,
            disk_failed_ms: i64::MIN,
            found: Vec::new(),
            run: 1,
            boots: 1,
            ring_bytes,
            own_interval_ms: interval_ms,
            boot_at_ms: 0,
            now_ms: random.below(100_000) as i64,
            connection: Connection::Waiting(0),
            own_wall_off_ms: wall_offs[random.below(5) as usize],
            server_down_until_ms: 0,
            commit_at_ms: 0,
            commit_every_ms: 1 + random.below(15_000),
            sample_at_ms: 0,
            chaos_at_ms: 0,
            chaos_every_ms: 2_000 + random.below(60_000),
            calm: false,
            slept_ms: 0,
            down_ms: 0,
            opened_ms: 0,
            welcome_ms_max: 0,
            socket_bytes: [300, 3_000, 1 << 20][random.below(3) as usize],
            generation: 0,
            series: Vec::new(),
            values: Vec::new(),
            summary: Summary::default(),
            random,
        };
        let clocks = world.clocks();
        world.link.restore(Vec::new(), clocks);
        world.truths.0.insert(run_name(1), Truth::default());
        world.change_layout();
        world
    }

    pub fn boot_ms(&self) -> i64 {
        self.now_ms - self.boot_at_ms
    }

    pub fn awake_ms(&self) -> i64 {
        self.now_ms - self.slept_ms
    }

    pub fn clocks(&self) -> Clocks {
        Clocks {
            boot_ms: self.boot_ms(),
            wall_ms: (SERVER_WALL_MS + self.now_ms).saturating_add(self.own_wall_off_ms),
        }
    }

    fn truth(&mut self) -> &mut Truth {
        self.truths.0.get_mut(&run_name(self.run)).unwrap()
    }

    /// Trouble for a while, then fair weather: everything must have arrived.
    pub fn play(mut self) -> Summary {
        let interval_ms = self.link.interval_ms() as i64;
        let trouble_ends_ms = self.now_ms + 300 * interval_ms + 120_000;
        let (mut spin, mut spun_ms) = (0, self.now_ms);
        loop {
            let trouble_ends_ms = trouble_ends_ms + self.slept_ms + self.down_ms;
            let samples_end_ms = trouble_ends_ms + 200_000;
            if self.now_ms >= samples_end_ms + 200_000 {
                return self.judge();
            }
            let calm = self.now_ms >= trouble_ends_ms;
            if calm && !self.calm {
                self.fair_weather();
            }
            if self.now_ms >= self.sample_at_ms && self.now_ms < samples_end_ms {
                self.sample();
            }
            if self.now_ms >= self.commit_at_ms {
                self.commit();
            }
            if !calm && self.now_ms >= self.chaos_at_ms {
                let wait_ms = 1 + self.random.below(self.chaos_every_ms);
                self.chaos_at_ms = self.now_ms + wait_ms as i64;
                self.chaos();
            }
            self.connect();
            self.deliver();
            if let Err(fault) = self.link.tick(self.boot_ms()) {
                self.fail(fault);
            }
            self.send();
            self.keep();
            let next_ms = self.next_ms(samples_end_ms);
            spin = if next_ms == spun_ms { spin + 1 } else { 0 };
            assert!(spin < 1_000, "the loop spins at {spun_ms}");
            spun_ms = next_ms;
            self.now_ms = next_ms;
        }
    }

    fn next_ms(&self, samples_end_ms: i64) -> i64 {
        let mut next_ms = self.commit_at_ms;
        if self.sample_at_ms < samples_end_ms {
            next_ms = next_ms.min(self.sample_at_ms);
        }
        if !self.calm {
            next_ms = next_ms.min(self.chaos_at_ms);
        }
        let blocked = match &self.connection {
            Connection::Waiting(at_ms) | Connection::Upgrading { at_ms, .. } => {
                next_ms = next_ms.min(*at_ms);
                true
            }
            Connection::Open(network) => {
                let queues = [&network.to_server, &network.to_spider];
                for (at_ms, _) in queues.into_iter().filter_map(VecDeque::front) {
                    if !network.half_open {
                        next_ms = next_ms.min((*at_ms).max(network.stalled_until_ms));
                    }
                }
                network.bytes >= self.socket_bytes
            }
        };
        if let Some(deadline_ms) = self.link.deadline_ms(!blocked) {
            next_ms = next_ms.min(deadline_ms + self.boot_at_ms);
        }
        if self.keeps {
            next_ms = next_ms.min(self.disk.flush.deadline_ms() + self.boot_at_ms);
        }
        next_ms.max(self.now_ms)
    }

    fn sample(&mut self) {
        for (value, series) in self.values.iter_mut().zip(&self.series) {
            let scale = i64::from(series.scale);
            match self.random.below(8) {
                0 => *value = ABSENT,
                1..3 => *value = (self.random.bits() as i32 as i64) * scale,
                3..6 if *value != ABSENT => *value += scale,
                _ => {}
            }
        }
        let sampled = Sampled {
            true_ms: self.now_ms,
            awake_ms: self.awake_ms(),
            series: self.series.clone(),
            values: self.values.clone(),
        };
        self.truth().samples.push(sampled);
        let oldest = self.link.ring().oldest_seq();
        let seq = self.link.push(
            self.now_ms - self.boot_at_ms,
            self.generation,
            &self.series,
            &self.values,
        );
        assert_eq!(seq, self.truth().samples.len() as u64);
        let held = match self.link.ring().oldest_seq() {
            0 => seq + 1,
            held => held,
        };
        if oldest > 0 {
            self.truth().dropped.extend(oldest..held);
        } else {
            self.truth().dropped.extend(seq..held);
        }
        self.summary.samples += 1;
        self.sample_at_ms = self.now_ms + self.link.interval_ms() as i64;
        if self.random.below(100) == 0 {
            self.change_layout();
        }
    }

    pub fn change_layout(&mut self) {
        let names = ["cpu.idle_ms", "mem.free_bytes", "net.rx_bytes", "x"];
        self.generation += 1;
        self.summary.layouts += 1;
        // Mostly some go, and some come after those that stay.
        if !self.series.is_empty() && self.random.below(4) > 0 {
            for _ in 0..self.random.below(3) {
                let at = self.random.below(self.series.len() as u64) as usize;
                if self.series.len() > 1 {
                    self.series.remove(at);
                    self.values.remove(at);
                }
            }
            for n in 0..self.random.below(4) {
                let name = names[self.random.below(4) as usize];
                let label = format!("late{}-{n}", self.summary.layouts);
                self.series.push(SeriesDef::new(name, &[("n", &label)]));
                self.values.push(0);
            }
            return;
        }
        self.series = (0..1 + self.random.below(12))
            .map(|n| {
                let label = format!("{n}-{}", self.random.below(50));
                SeriesDef::new(names[self.random.below(4) as usize], &[("n", &label)])
            })
            .collect();
        self.values = vec![0; self.series.len()];
    }

    fn commit(&mut self) {
        let wait_ms = 1 + self.random.below(self.commit_every_ms);
        self.commit_at_ms = self.now_ms + wait_ms as i64;
        if self.now_ms < self.server_down_until_ms {
            return;
        }
        // The ack goes to whatever session is there now, if any.
        if let Some(ack) = self.server.commit()
            && self.server.is_streaming()
        {
            self.tell_spider(Packet::Text(ack));
        }
    }

    fn connect(&mut self) {
        match self.connection {
            Connection::Waiting(at_ms) if at_ms <= self.now_ms => {
                if self.now_ms < self.server_down_until_ms {
                    self.summary.refusals += 1;
                    return self.fail(Fault::server_down("refused"));
                }
                if !self.calm && self.random.below(8) == 0 {
                    return self.fail(Fault::link_down("no route"));
                }
                self.link.connected(self.boot_ms());
                let refusal =
                    (!self.calm && self.random.below(6) == 0).then(|| self.random.below(4));
                let at_ms = self.now_ms + self.random.below(3_000) as i64;
                self.connection = Connection::Upgrading { at_ms, refusal };
            }
            Connection::Upgrading { at_ms, refusal } if at_ms <= self.now_ms => match refusal {
                // No answer at all: the session's own deadline must end this.
                Some(0) => {
                    let refusal = None;
                    let at_ms = self.now_ms + 3_600_000;
                    self.connection = Connection::Upgrading { at_ms, refusal };
                }
                Some(kind) => {
                    self.summary.refusals += 1;
                    self.fail(match kind {
                        1 => Fault::unknown("401").slow(),
                        2 => Fault::server_down("503"),
                        _ => Fault::server_down("reset"),
                    });
                }
                None => {
                    self.server.connected();
                    self.link.opened(self.clocks());
                    self.opened_ms = self.now_ms;
                    self.summary.sessions += 1;
                    self.connection = Connection::Open(Network::default());
                }
            },
            _ => {}
        }
    }

    /// The connection is gone, for the reason that the Spider sees.
    fn fail(&mut self, fault: Fault) {
        self.server.disconnected();
        let random = self.random.bits();
        let failed = self.link.failed(self.boot_ms(), &fault, random);
        self.link.gone();
        let retry_ms = failed.retry_ms + self.boot_at_ms;
        assert!(retry_ms > self.now_ms, "no try without a pause");
        assert!(retry_ms <= self.now_ms + 61_000, "no pause without an end");
        self.connection = Connection::Waiting(retry_ms);
    }

    fn tell_spider(&mut self, packet: Packet) {
        let at_ms = self.now_ms + self.random.below(DELAY_MS_MAX) as i64;
        if let Connection::Open(network) = &mut self.connection {
            let after_ms = network.to_spider.back().map_or(0, |(at_ms, _)| *at_ms);
            network.to_spider.push_back((at_ms.max(after_ms), packet));
        }
    }

    fn send(&mut self) {
        let mut out = Vec::new();
        loop {
            let Connection::Open(network) = &mut self.connection else {
                return;
            };
            if network.bytes >= self.socket_bytes {
                self.summary.blocked += 1;
                return;
            }
            out.clear();
            let packet = match self.link.poll(self.now_ms - self.boot_at_ms, &mut out) {
                None => return,
                Some(Output::Text(text)) => Packet::Text(text),
                Some(Output::Binary) => Packet::Binary(out.clone()),
                Some(Output::Ping) => Packet::Ping,
            };
            network.bytes += match &packet {
                Packet::Text(text) => text.len(),
                Packet::Binary(bytes) => bytes.len(),
                _ => 2,
            };
            let at_ms = self.now_ms + self.random.below(DELAY_MS_MAX) as i64;
            let after_ms = network.to_server.back().map_or(0, |(at_ms, _)| *at_ms);
            network.to_server.push_back((at_ms.max(after_ms), packet));
        }
    }

    /// The next packet that is due, in order of time and for either side.
    fn due(&mut self) -> Option<(bool, Packet)> {
        let Connection::Open(network) = &mut self.connection else {
            return None;
        };
        if network.half_open || self.now_ms < network.stalled_until_ms {
            return None;
        }
        let due = |queue: &VecDeque<(i64, Packet)>| {
            queue
                .front()
                .map(|(at_ms, _)| *at_ms)
                .filter(|at_ms| *at_ms <= self.now_ms)
        };
        if due(&network.to_server).is_some() {
            let (_, packet) = network.to_server.pop_front()?;
            if network.to_server.is_empty() {
                network.bytes = 0;
            }
            return Some((true, packet));
        }
        due(&network.to_spider)?;
        network
            .to_spider
            .pop_front()
            .map(|(_, packet)| (false, packet))
    }

    fn deliver(&mut self) {
        while let Some((to_server, packet)) = self.due() {
            if to_server {
                self.server_hears(packet);
            } else if let Err(fault) = self.spider_hears(packet) {
                return self.fail(fault);
            }
        }
    }

    fn server_hears(&mut self, packet: Packet) {
        match packet {
            Packet::Text(text) => {
                let interval_ms = (self.random.below(10) == 0).then_some(1_000);
                let wall_ms = SERVER_WALL_MS + self.now_ms;
                // An older server knows no changes.
                let takes_changes = self.random.below(3) > 0;
                let welcome = self.server.text(&text, wall_ms, interval_ms, takes_changes);
                // Sometimes the server takes longer than the Spider waits.
                if self.calm || self.random.below(20) > 0 {
                    self.tell_spider(Packet::Text(welcome));
                }
            }
            Packet::Binary(bytes) => {
                let wall_ms = SERVER_WALL_MS + self.now_ms;
                self.server.binary(&bytes, wall_ms, &self.truths);
            }
            Packet::Ping => self.tell_spider(Packet::Pong),
            Packet::Pong | Packet::Close(_) => {}
        }
    }

    fn spider_hears(&mut self, packet: Packet) -> Result<(), Fault> {
        match packet {
            Packet::Text(text) => {
                let news = self.link.text(self.clocks(), &text)?;
                if news == News::RunDone {
                    self.summary.runs_done += 1;
                    self.server.disconnected();
                    self.link.gone();
                    self.connection = Connection::Waiting(self.now_ms);
                    return Ok(());
                }
                if matches!(news, News::Connected(_)) {
                    let way_ms = self.now_ms - self.opened_ms;
                    self.welcome_ms_max = self.welcome_ms_max.max(way_ms);
                }
                if news == News::Interval {
                    let interval_ms = self.link.interval_ms() as i64;
                    self.sample_at_ms = self.sample_at_ms.min(self.now_ms + interval_ms);
                }
            }
            Packet::Close(code) => return Err(Fault::closed(code, "simulated")),
            _ => self.link.received(self.boot_ms()),
        }
        Ok(())
    }

    fn chaos(&mut self) {
        match self.random.below(14) {
            // A reset: what is on the way is lost from some point on.
            0 | 1 => self.reset(),
            2 => {
                if let Connection::Open(network) = &mut self.connection {
                    network.half_open = true;
                    self.summary.half_open += 1;
                }
            }
            3 | 4 => {
                let for_ms = self.random.below(90_000) as i64;
                if let Connection::Open(network) = &mut self.connection {
                    network.stalled_until_ms = self.now_ms + for_ms;
                    self.summary.stalls += 1;
                }
            }
            5 | 6 => {
                self.server.crash();
                self.summary.crashes += 1;
                let most_ms = [2_000, 2_000, 20_000, 200_000][self.random.below(4) as usize];
                let down_ms = self.random.below(most_ms) as i64;
                self.server_down_until_ms = self.now_ms + down_ms;
                if matches!(self.connection, Connection::Open(_)) {
                    self.fail(Fault::server_down("reset"));
                }
            }
            7 => {
                let offs = [0, -800, 900, 86_400_000, -SERVER_WALL_MS, i64::MAX / 4];
                self.own_wall_off_ms = offs[self.random.below(6) as usize];
                self.summary.clock_steps += 1;
            }
            8 => {
                // The machine sleeps: no time passes for its packets and samples.
                let asleep_ms = self.random.below(3 * 3_600_000) as i64;
                self.slept_ms += asleep_ms;
                self.now_ms += asleep_ms;
                self.summary.suspends += 1;
            }
            9 => {
                let codes = [1000, 1001, 1012, 4409];
                let code = codes[self.random.below(4) as usize];
                self.tell_spider(Packet::Close(code));
            }
            10 => self.hostile(),
            11 => self.tell_spider(Packet::Ping),
            12 => self.restart(),
            _ => {
                let interval_ms = [0, 200, 1_000, 7_000][self.random.below(4) as usize];
                if self.server.is_streaming() {
                    self.tell_spider(Packet::Text(Control::interval(interval_ms).encode()));
                }
            }
        }
    }

    fn reset(&mut self) {
        let arrived = self.random.below(6);
        for _ in 0..arrived {
            let Connection::Open(network) = &mut self.connection else {
                return;
            };
            if network.half_open {
                break;
            }
            let Some((_, packet)) = network.to_server.pop_front() else {
                break;
            };
            // The server took it in, and its answer never comes back.
            self.server_hears(packet);
        }
        if matches!(self.connection, Connection::Open(_)) {
            self.summary.resets += 1;
            self.fail(Fault::server_down("reset"));
        }
    }

    fn hostile(&mut self) {
        let seq = self.link.ring().last_seq() + 1_000_000;
        let text = match self.random.below(4) {
            0 => Control::ack(seq).encode(),
            1 => Control::welcome(0, 0, None).encode(),
            2 => "{".into(),
            _ => r#"{"type":"later","seq":[]}"#.into(),
        };
        self.summary.hostile += 1;
        self.tell_spider(Packet::Text(text));
    }

    fn fair_weather(&mut self) {
        self.calm = true;
        self.server_down_until_ms = 0;
        self.own_wall_off_ms = 0;
        if let Connection::Open(network) = &mut self.connection {
            network.stalled_until_ms = 0;
        }
    }

    fn judge(mut self) -> Summary {
        let waiting: Vec<_> = self.link.earlier().collect();
        assert!(waiting.is_empty(), "{waiting:?} still wait");
        let ring = self.link.ring();
        assert!(ring.is_empty(), "{} still wait", ring.oldest_seq());
        let dropped = self.truth().dropped.len() as u64;
        assert_eq!(self.link.ring().dropped(), dropped);
        if self.keeps {
            assert_eq!(self.disk.file, None, "nothing waits, and there is a file");
        }
        let tolerance_ms = 2 * (SAME_CLOCK_MS + self.welcome_ms_max);
        let vague = self.truths.0.values().any(|truth| truth.vague);
        let mut ended_ms = i64::MIN;
        for (id, truth) in &self.truths.0 {
            let run = self.server.runs.get(id);
            let mut last_ms = ended_ms;
            for (seq, sampled) in (1..).zip(&truth.samples) {
                let true_ms = SERVER_WALL_MS + sampled.true_ms;
                let named = run.is_some_and(|run| run.gaps.contains(&seq));
                if let Some(&time_ms) = run.and_then(|run| run.durable.get(&seq)) {
                    let off_ms = time_ms - true_ms;
                    assert!(
                        truth.vague || off_ms.abs() <= tolerance_ms,
                        "{seq} of {id} is off by {off_ms} ms"
                    );
                    assert!(!named, "{seq} of {id} is there and in a gap");
                    assert!(
                        time_ms >= ended_ms.saturating_sub(tolerance_ms),
                        "{seq} of {id} comes before an earlier run"
                    );
                    last_ms = last_ms.max(time_ms);
                    continue;
                }
                let excused = [&truth.dropped, &truth.cut, &truth.skimmed, &truth.timeless];
                assert!(
                    excused.iter().any(|excused| excused.contains(&seq)),
                    "{seq} of {id} is lost"
                );
                // Before the first sample there is nothing to miss; and where
                // clocks were wrong the silence is not where the sample was.
                let first = self
                    .server
                    .runs
                    .values()
                    .flat_map(|run| run.durable.values());
                let silent = self.server.silences.iter().any(|&(from_ms, to_ms)| {
                    (from_ms - tolerance_ms..=to_ms + tolerance_ms).contains(&true_ms)
                });
                assert!(
                    named || silent || vague || first.min().is_none_or(|&ms| true_ms < ms),
                    "the loss of {seq} of {id} is not named"
                );
            }
            ended_ms = last_ms;
        }
        self.summary.crash_lost = self.server.crash_lost;
        self.summary.duplicates = self.server.duplicates;
        self.summary.outages = self.server.outages;
        self.summary.changes = self.server.changes;
        let dropped = self
            .truths
            .0
            .values()
            .map(|truth| truth.dropped.len() as u64);
        self.summary.dropped = dropped.sum();
        self.summary
    }
}
