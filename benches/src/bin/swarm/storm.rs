//! Everybody comes at once, each with minutes of samples that nobody has yet.

use std::time::{Duration, Instant};

use mio::{Events, Poll};

use crate::Failure;
use crate::options::Options;
use crate::recording::Recording;
use crate::server::Server;
use crate::spider::{Latency, Phase, Spider, wall_ms};

/// Who was sent away comes back after this, and a little more by its number.
const COME_BACK: Duration = Duration::from_secs(1);
const TIME_MAX: Duration = Duration::from_secs(600);

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
    let (memory_before, cpu_before) = (server.memory_kb()?, server.cpu_ns()?);
    let begin = Instant::now();
    let end_ms = wall_ms();
    let mut spiders = Vec::with_capacity(count);
    for (n, token) in tokens.into_iter().enumerate() {
        let registry = poll.registry();
        spiders.push(Spider::new(
            server,
            recording,
            (n, token),
            options.distinct,
            registry,
        )?);
    }
    let mut events = Events::with_capacity(4_096);
    let mut latency = Latency::default();
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
            if served.is_err() && back_at[n].is_none() {
                sent_away += 1;
                delivered[n] = false;
                let jitter = COME_BACK.mul_f64(n as f64 / count as f64);
                back_at[n] = Some(Instant::now() + COME_BACK + jitter);
            }
            if spider.phase == Phase::Streaming && !delivered[n] {
                delivered[n] = true;
                spider.deliver(recording, each, options.interval_ms, end_ms);
                let _ = spider.flush();
            }
        }
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
        if spiders.iter().all(durable) {
            break;
        }
        if begin.elapsed() > TIME_MAX {
            let done = spiders.iter().filter(|s| durable(s)).count();
            return Err(format!("after {TIME_MAX:?} only {done} of {count} are durable").into());
        }
    }
    let elapsed = begin.elapsed();
    let samples = count as u64 * each;
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
