//! Everybody sends a sample each interval, spread over it as real fleets are.

use std::time::{Duration, Instant};

use mio::{Events, Poll};

use crate::Failure;
use crate::capsule::Capsules;
use crate::options::Options;
use crate::recording::Recording;
use crate::server::Server;
use crate::spider::{Latency, Phase, Spider};
use crate::table::Row;

/// Who was sent away comes back after this.
const COME_BACK: Duration = Duration::from_secs(1);
/// After all are online, and again after the Capsules have opened.
const SETTLE: Duration = Duration::from_secs(6);
const CONNECT_MAX: Duration = Duration::from_secs(120);

/// The fleet on its beat, and what came of it.
struct Beat<'a> {
    options: &'a Options,
    recording: &'a Recording,
    server: &'a Server,
    poll: Poll,
    events: Events,
    spiders: Vec<Spider>,
    begin: Instant,
    latency: Latency,
    sent: u64,
    closed: u64,
}

/// How things stood when the measurement began.
struct Since {
    cpu_ns: u64,
    sent: u64,
    at: Instant,
    /// Of all connections, before those of the Capsules joined.
    memory_kb: u64,
    /// Later not each commit is told of.
    latency: Latency,
}

pub fn run(
    options: &Options,
    recording: &Recording,
    server: &Server,
    tokens: Vec<String>,
) -> Result<Row, Failure> {
    // The floor has nothing to show.
    let watching = if server.is_floor() {
        0
    } else {
        options.capsules
    };
    let memory_before = server.memory_kb()?;
    let mut beat = Beat::new(options, recording, server, tokens)?;
    let (since, capsules) = beat.run(watching)?;
    beat.report(memory_before, &since, capsules)
}

impl<'a> Beat<'a> {
    fn new(
        options: &'a Options,
        recording: &'a Recording,
        server: &'a Server,
        tokens: Vec<String>,
    ) -> Result<Self, Failure> {
        let poll = Poll::new()?;
        let begin = Instant::now();
        let interval = Duration::from_millis(options.interval_ms);
        let count = tokens.len();
        let mut spiders = Vec::with_capacity(count);
        for named in tokens.into_iter().enumerate() {
            let part = named.0 as f64 / count as f64;
            let registry = poll.registry();
            let mut spider = Spider::new(server, recording, named, options.distinct, registry)?;
            spider.due = begin + interval.mul_f64(part);
            spiders.push(spider);
        }
        Ok(Self {
            options,
            recording,
            server,
            poll,
            events: Events::with_capacity(4_096),
            spiders,
            begin,
            latency: Latency::default(),
            sent: 0,
            closed: 0,
        })
    }

    /// Until all are online, the Capsules are open and the time is over.
    fn run(&mut self, watching: usize) -> Result<(Since, Capsules), Failure> {
        let mut end = self.begin + CONNECT_MAX;
        let mut settled = self.begin + SETTLE;
        let mut opened: Option<(Capsules, u64)> = None;
        let mut since: Option<Since> = None;
        loop {
            let now = Instant::now();
            if now >= end {
                break;
            }
            if now >= settled && opened.is_none() && self.online() == self.spiders.len() {
                settled = now + SETTLE;
                let memory_kb = self.server.memory_kb()?;
                opened = Some((Capsules::open(self.server, watching)?, memory_kb));
            }
            if now >= settled
                && since.is_none()
                && let Some((capsules, memory_kb)) = &opened
            {
                capsules.measure();
                since = Some(Since {
                    cpu_ns: self.server.cpu_ns()?,
                    sent: self.sent,
                    at: now,
                    memory_kb: *memory_kb,
                    latency: std::mem::take(&mut self.latency),
                });
                end = now + Duration::from_secs(self.options.seconds);
            }
            self.turn()?;
        }
        match (since, opened) {
            (Some(since), Some((capsules, _))) => Ok((since, capsules)),
            _ => Err("not all came online".into()),
        }
    }

    /// Reads what has come, sends what is due.
    fn turn(&mut self) -> Result<(), Failure> {
        let interval_ms = self.options.interval_ms;
        self.poll
            .poll(&mut self.events, Some(Duration::from_millis(5)))?;
        for event in &self.events {
            let spider = &mut self.spiders[event.token().0];
            if let Err(error) = spider.serve(interval_ms, &mut self.latency) {
                if self.closed == 0 {
                    let after = self.begin.elapsed();
                    println!("the first connection that ended, after {after:.1?}: {error}");
                }
                self.closed += 1;
            }
        }
        let now = Instant::now();
        for spider in &mut self.spiders {
            if spider.phase == Phase::Closed && now >= spider.due {
                spider.due = now + COME_BACK;
                spider.reconnect(self.server, self.poll.registry())?;
            }
            if spider.phase == Phase::Streaming && now >= spider.due {
                spider.due += Duration::from_millis(interval_ms);
                spider.sample(self.recording, now);
                self.sent += 1;
                self.closed += u64::from(spider.flush().is_err());
            }
        }
        Ok(())
    }

    fn online(&self) -> usize {
        let streaming = |s: &&Spider| s.phase == Phase::Streaming;
        self.spiders.iter().filter(streaming).count()
    }

    fn report(
        &self,
        memory_before: u64,
        since: &Since,
        capsules: Capsules,
    ) -> Result<Row, Failure> {
        let (server, count) = (self.server, self.spiders.len());
        let cpu = server.cpu_ns()? - since.cpu_ns;
        let elapsed = since.at.elapsed();
        let samples = (self.sent - since.sent).max(1);
        let late_memory = server.memory_kb()?;
        let (resident, peak) = (server.resident_kb()?, server.peak_kb()?);
        let (bytes, silence) = capsules.close();
        let latency = &since.latency;
        let row = Row {
            nodes: count,
            tls: server.tls.is_some(),
            cpu_us: cpu as f64 / samples as f64 / 1_000.0,
            floor_us: None,
            core_percent: cpu as f64 / elapsed.as_nanos() as f64 * 100.0,
            connection_kb: since.memory_kb.saturating_sub(memory_before) as f64 / count as f64,
            resident_mb: resident as f64 / 1_024.0,
            mean: latency.sum.div_f64(latency.count.max(1) as f64),
            longest: latency.longest,
            silence,
        };
        println!(
            "{}: {count} nodes{}: {} online, {} closed, {:.0} samples/s | CPU {:.2} us a sample, \
             {:.1} % of a core | memory {:.1} KB a connection, {:.1} MB in all ({:.1} MB \
             resident, {:.1} MB at most) | sample to acknowledgement {:.1} s, longest {:.1} s | \
             a Capsule got {:.0} KB/s, longest silence {:.2} s",
            if server.is_floor() {
                "the floor"
            } else {
                "the server"
            },
            if row.tls { " over TLS" } else { "" },
            self.online(),
            self.closed,
            samples as f64 / elapsed.as_secs_f64(),
            row.cpu_us,
            row.core_percent,
            row.connection_kb,
            late_memory as f64 / 1_024.0,
            row.resident_mb,
            peak as f64 / 1_024.0,
            row.mean.as_secs_f64(),
            row.longest.as_secs_f64(),
            bytes as f64 / elapsed.as_secs_f64() / 1_000.0,
            row.silence.as_secs_f64(),
        );
        Ok(row)
    }
}
