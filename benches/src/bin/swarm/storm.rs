//! Everybody comes at once, each with minutes of samples that nobody has yet.

use std::time::{Duration, Instant};

use mio::{Events, Poll};

use crate::Failure;
use crate::capsule::Capsules;
use crate::options::Options;
use crate::recording::Recording;
use crate::server::Server;
use crate::spider::{Latency, Phase, Spider, wall_ms};

/// Who was sent away comes back after this, and a little more by its number.
const COME_BACK: Duration = Duration::from_secs(1);
const TIME_MAX: Duration = Duration::from_secs(600);
/// Nodes that are there before the storm, and send a sample each interval all the
/// time: what Capsules are told of them shows whether live updates go on.
const EARLY: usize = 20;
/// Before it, so that they are online and the Capsules open.
const CALM: Duration = Duration::from_secs(5);

pub fn run(
    options: &Options,
    recording: &Recording,
    server: &Server,
    tokens: Vec<String>,
    minutes: u64,
) -> Result<(), Failure> {
    let mut poll = Poll::new()?;
    let count = tokens.len();
    let each = minutes * 60_000 / options.interval_ms;
    let early = EARLY.min(count / 2);
    let mut spiders = Vec::with_capacity(count);
    // Few at a time: a client's half of a handshake costs as much as the server's,
    // and those that are there already must have their turn meanwhile.
    let mut events = Events::with_capacity(64);
    let mut latency = Latency::default();
    let mut tokens = tokens.into_iter().enumerate();
    for named in tokens.by_ref().take(early) {
        let registry = poll.registry();
        spiders.push(Spider::new(
            server,
            recording,
            named,
            options.distinct,
            registry,
        )?);
    }
    let calm = Instant::now() + CALM;
    let mut capsules = None;
    while Instant::now() < calm || capsules.is_none() {
        poll.poll(&mut events, Some(Duration::from_millis(10)))?;
        for event in &events {
            spiders[event.token().0].serve(options.interval_ms, &mut latency)?;
        }
        steady(&mut spiders, options, recording);
        if capsules.is_none() && spiders.iter().all(|s| s.phase == Phase::Streaming) {
            capsules = Some(Capsules::open(server, options.capsules)?);
        }
    }
    if let Some(capsules) = &capsules {
        capsules.measure();
    }
    let (memory_before, cpu_before) = (server.memory_kb()?, server.cpu_ns()?);
    let begin = Instant::now();
    let end_ms = wall_ms();
    let mut late = Duration::ZERO;
    for named in tokens {
        let registry = poll.registry();
        spiders.push(Spider::new(
            server,
            recording,
            named,
            options.distinct,
            registry,
        )?);
        late = late.max(steady(&mut spiders[..early], options, recording));
    }
    let (mut sent_away, mut all_online) = (0u64, None);
    let mut delivered = vec![false; count];
    let mut back_at: Vec<Option<Instant>> = vec![None; count];
    let mut next_look = begin;
    loop {
        poll.poll(&mut events, Some(Duration::from_millis(10)))?;
        for event in &events {
            let n = event.token().0;
            let spider = &mut spiders[n];
            let served = spider.serve(options.interval_ms, &mut latency);
            if let (Err(error), 0) = (&served, sent_away) {
                println!(
                    "the first that was sent away, after {:.1?}: {error}",
                    begin.elapsed()
                );
            }
            if served.is_err() && back_at[n].is_none() {
                sent_away += 1;
                delivered[n] = false;
                let jitter = COME_BACK.mul_f64(n as f64 / count as f64);
                back_at[n] = Some(Instant::now() + COME_BACK + jitter);
            }
            if n >= early && spider.phase == Phase::Streaming && !delivered[n] {
                delivered[n] = true;
                spider.deliver(recording, each, options.interval_ms, end_ms);
                let _ = spider.flush();
            }
        }
        late = late.max(steady(&mut spiders[..early], options, recording));
        let now = Instant::now();
        if now < next_look {
            continue;
        }
        next_look = now + Duration::from_millis(100);
        for (n, spider) in spiders.iter_mut().enumerate() {
            if back_at[n].is_some_and(|at| now >= at) {
                back_at[n] = None;
                spider.reconnect(server, poll.registry())?;
            }
        }
        if all_online.is_none() && spiders.iter().all(|s| s.phase == Phase::Streaming) {
            all_online = Some(begin.elapsed());
        }
        let durable = |s: &Spider| s.acknowledged_seq.max(s.durable_seq) >= each;
        if all_online.is_some() && spiders[early..].iter().all(durable) {
            break;
        }
        if begin.elapsed() > TIME_MAX {
            let done = spiders.iter().filter(|s| durable(s)).count();
            return Err(format!("after {TIME_MAX:?} only {done} of {count} are durable").into());
        }
    }
    let elapsed = begin.elapsed();
    let samples = ((count - early) as u64 * each).max(1);
    let (_, silence) = capsules.map_or((0, Duration::ZERO), Capsules::close);
    let cut_early = spiders[..early]
        .iter()
        .filter(|s| s.phase != Phase::Streaming)
        .count();
    println!(
        "{early} nodes were there before, of which {cut_early} were cut, and whose samples were \
         {:.2} s late at most by this program's doing; {}",
        late.as_secs_f64(),
        match silence {
            Duration::MAX => "a Capsule was cut".to_owned(),
            silence => format!(
                "the longest silence of a Capsule was {:.2} s",
                silence.as_secs_f64()
            ),
        }
    );
    for line in server
        .log()
        .lines()
        .filter(|line| !line.is_empty())
        .take(20)
    {
        println!("  log: {line}");
    }
    println!(
        "{count} nodes with {minutes} min of ring: all online after {:.1} s, all {samples} samples \
         durable after {:.1} s ({:.0} a second), {sent_away} sent away meanwhile | server CPU \
         {:.1} s, {:.2} us a sample | memory at most {} MB, {} MB at the start, {} MB at the end | \
         database {} MB",
        all_online.unwrap_or(elapsed).as_secs_f64(),
        elapsed.as_secs_f64(),
        samples as f64 / elapsed.as_secs_f64(),
        (server.cpu_ns()? - cpu_before) as f64 / 1e9,
        (server.cpu_ns()? - cpu_before) as f64 / samples as f64 / 1e3,
        server.peak_kb()? >> 10,
        memory_before >> 10,
        server.memory_kb()? >> 10,
        server.database_bytes() >> 20,
    );
    Ok(())
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
