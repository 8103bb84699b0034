//! Everybody comes at once, each with minutes of samples that nobody has yet.

use std::time::{Duration, Instant};

use mio::{Events, Poll};
use stardust_benches::wall_ms;

use crate::Failure;
use crate::capsule::Capsules;
use crate::options::Options;
use crate::recording::Recording;
use crate::server::Server;
use crate::spider::{Latency, Phase, Spider};

/// Who was sent away comes back after this, and a little more by its number.
const COME_BACK: Duration = Duration::from_secs(1);
const TIME_MAX: Duration = Duration::from_secs(600);
/// Nodes that are there before the storm, and send a sample each interval all the
/// time: what Capsules are told of them shows whether live updates go on.
const EARLY: usize = 20;
/// Before it, so that they are online and the Capsules open.
const CALM: Duration = Duration::from_secs(5);

/// What happened to everybody, and when.
struct Storm<'a> {
    options: &'a Options,
    recording: &'a Recording,
    server: &'a Server,
    poll: Poll,
    events: Events,
    spiders: Vec<Spider>,
    /// So many of them were there before.
    early: usize,
    /// Samples that each of the others brings.
    each: u64,
    latency: Latency,
    /// How late the samples of the early ones were at most, by this program's doing.
    late: Duration,
    sent_away: u64,
    all_online: Option<Duration>,
    all_durable: Duration,
}

/// What the server had used when the storm began.
struct Before {
    memory_kb: u64,
    cpu_ns: u64,
}

pub fn run(
    options: &Options,
    recording: &Recording,
    server: &Server,
    tokens: Vec<String>,
    minutes: u64,
) -> Result<(), Failure> {
    let count = tokens.len();
    let early = EARLY.min(count / 2);
    let mut storm = Storm {
        options,
        recording,
        server,
        poll: Poll::new()?,
        // Few at a time: a client's half of a handshake costs as much as the server's,
        // and those that are there already must have their turn meanwhile.
        events: Events::with_capacity(64),
        spiders: Vec::with_capacity(count),
        early,
        each: minutes * 60_000 / options.interval_ms,
        latency: Latency::default(),
        late: Duration::ZERO,
        sent_away: 0,
        all_online: None,
        all_durable: Duration::ZERO,
    };
    let mut tokens = tokens.into_iter().enumerate();
    for named in tokens.by_ref().take(early) {
        storm.connect(named)?;
    }
    let capsules = storm.calm()?;
    let before = Before {
        memory_kb: server.memory_kb()?,
        cpu_ns: server.cpu_ns()?,
    };
    storm.blow(tokens)?;
    let (_, silence) = capsules.close();
    storm.report(minutes, &before, silence)
}

impl Storm<'_> {
    fn connect(&mut self, named: (usize, String)) -> Result<(), Failure> {
        self.spiders.push(Spider::new(
            self.server,
            self.recording,
            named,
            self.options.distinct,
            self.poll.registry(),
        )?);
        Ok(())
    }

    /// The early ones come online, and the Capsules open.
    fn calm(&mut self) -> Result<Capsules, Failure> {
        let end = Instant::now() + CALM;
        let mut opened: Option<Capsules> = None;
        loop {
            if let Some(capsules) = opened.take_if(|_| Instant::now() >= end) {
                capsules.measure();
                return Ok(capsules);
            }
            self.poll
                .poll(&mut self.events, Some(Duration::from_millis(10)))?;
            for event in &self.events {
                let spider = &mut self.spiders[event.token().0];
                spider.serve(self.options.interval_ms, &mut self.latency)?;
            }
            steady(&mut self.spiders, self.options, self.recording);
            if opened.is_none() && self.all_stream() {
                opened = Some(Capsules::open(self.server, self.options.capsules)?);
            }
        }
    }

    /// Everybody else comes, until all that they bring is durable.
    fn blow(&mut self, tokens: impl Iterator<Item = (usize, String)>) -> Result<(), Failure> {
        let begin = Instant::now();
        let end_ms = wall_ms();
        for named in tokens {
            self.connect(named)?;
            self.keep_early_going();
        }
        let count = self.spiders.len();
        let mut delivered = vec![false; count];
        let mut back_at: Vec<Option<Instant>> = vec![None; count];
        let mut next_look = begin;
        loop {
            self.serve(begin, end_ms, &mut delivered, &mut back_at)?;
            self.keep_early_going();
            let now = Instant::now();
            if now < next_look {
                continue;
            }
            next_look = now + Duration::from_millis(100);
            for (spider, back_at) in self.spiders.iter_mut().zip(&mut back_at) {
                if back_at.take_if(|at| now >= *at).is_some() {
                    spider.reconnect(self.server, self.poll.registry())?;
                }
            }
            if self.all_online.is_none() && self.all_stream() {
                self.all_online = Some(begin.elapsed());
            }
            let durable = |s: &&Spider| s.acknowledged_seq.max(s.durable_seq) >= self.each;
            let waiting = &self.spiders[self.early..];
            if self.all_online.is_some() && waiting.iter().all(|spider| durable(&spider)) {
                self.all_durable = begin.elapsed();
                return Ok(());
            }
            if begin.elapsed() > TIME_MAX {
                let done = self.spiders.iter().filter(durable).count();
                let only = format!("after {TIME_MAX:?} only {done} of {count} are durable");
                return Err(only.into());
            }
        }
    }

    /// One turn: who was sent away will be back, who is let in delivers.
    fn serve(
        &mut self,
        begin: Instant,
        end_ms: i64,
        delivered: &mut [bool],
        back_at: &mut [Option<Instant>],
    ) -> Result<(), Failure> {
        let interval_ms = self.options.interval_ms;
        self.poll
            .poll(&mut self.events, Some(Duration::from_millis(10)))?;
        for event in &self.events {
            let n = event.token().0;
            let spider = &mut self.spiders[n];
            let served = spider.serve(interval_ms, &mut self.latency);
            if let (Err(error), 0) = (&served, self.sent_away) {
                let after = begin.elapsed();
                println!("the first that was sent away, after {after:.1?}: {error}");
            }
            if served.is_err() && back_at[n].is_none() {
                self.sent_away += 1;
                delivered[n] = false;
                let jitter = COME_BACK.mul_f64(n as f64 / delivered.len() as f64);
                back_at[n] = Some(Instant::now() + COME_BACK + jitter);
            }
            if n >= self.early && spider.phase == Phase::Streaming && !delivered[n] {
                delivered[n] = true;
                spider.deliver(self.recording, self.each, interval_ms, end_ms);
                let _ = spider.flush();
            }
        }
        Ok(())
    }

    fn keep_early_going(&mut self) {
        let early = &mut self.spiders[..self.early];
        self.late = self.late.max(steady(early, self.options, self.recording));
    }

    fn all_stream(&self) -> bool {
        self.spiders.iter().all(|s| s.phase == Phase::Streaming)
    }

    fn report(&self, minutes: u64, before: &Before, silence: Duration) -> Result<(), Failure> {
        let (early, count, server) = (self.early, self.spiders.len(), self.server);
        let cut_early = self.spiders[..early]
            .iter()
            .filter(|s| s.phase != Phase::Streaming)
            .count();
        println!(
            "{early} nodes were there before, of which {cut_early} were cut, and whose samples \
             were {:.2} s late at most by this program's doing; {}",
            self.late.as_secs_f64(),
            match silence {
                Duration::MAX => "a Capsule was cut".to_owned(),
                silence => format!(
                    "the longest silence of a Capsule was {:.2} s",
                    silence.as_secs_f64()
                ),
            }
        );
        let log = server.log();
        for line in log.lines().filter(|line| !line.is_empty()).take(20) {
            println!("  log: {line}");
        }
        let elapsed = self.all_durable;
        let samples = ((count - early) as u64 * self.each).max(1);
        let cpu_ns = server.cpu_ns()? - before.cpu_ns;
        println!(
            "{count} nodes with {minutes} min of ring: all online after {:.1} s, all {samples} \
             samples durable after {:.1} s ({:.0} a second), {} sent away meanwhile | server CPU \
             {:.1} s, {:.2} us a sample | memory at most {} MB, {} MB at the start, {} MB at the \
             end | database {} MB",
            self.all_online.unwrap_or(elapsed).as_secs_f64(),
            elapsed.as_secs_f64(),
            samples as f64 / elapsed.as_secs_f64(),
            self.sent_away,
            cpu_ns as f64 / 1e9,
            cpu_ns as f64 / samples as f64 / 1e3,
            server.peak_kb()? >> 10,
            before.memory_kb >> 10,
            server.memory_kb()? >> 10,
            server.database_bytes() >> 20,
        );
        Ok(())
    }
}

/// A sample of each that is due. Answers how late the latest is.
fn steady(early: &mut [Spider], options: &Options, recording: &Recording) -> Duration {
    let now = Instant::now();
    let mut late = Duration::ZERO;
    for spider in early {
        if spider.phase == Phase::Streaming && now >= spider.due {
            late = late.max(now - spider.due);
            spider.due = now + Duration::from_millis(options.interval_ms);
            spider.sample(recording, now);
            let _ = spider.flush();
        }
    }
    late
}
