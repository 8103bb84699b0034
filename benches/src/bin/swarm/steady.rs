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
    let mut poll = Poll::new()?;
    let interval = Duration::from_millis(options.interval_ms);
    let count = tokens.len();
    let begin = Instant::now();
    let mut spiders = Vec::with_capacity(count);
    for (n, token) in tokens.into_iter().enumerate() {
        let registry = poll.registry();
        let mut spider = Spider::new(server, recording, (n, token), options.distinct, registry)?;
        spider.due = begin + interval.mul_f64(n as f64 / count as f64);
        spiders.push(spider);
    }
    let mut events = Events::with_capacity(4_096);
    let (mut latency, mut at_first) = (Latency::default(), Latency::default());
    let (mut sent, mut closed) = (0u64, 0u64);
    let mut end = begin + CONNECT_MAX;
    let mut settled = begin + SETTLE;
    let mut capsules = None;
    // CPU, samples, time and memory when the measurement begins.
    let mut from: Option<(u64, u64, Instant, u64)> = None;
    loop {
        let now = Instant::now();
        if now >= end {
            break;
        }
        let all_online = || spiders.iter().all(|s| s.phase == Phase::Streaming);
        if now >= settled && capsules.is_none() && all_online() {
            settled = now + SETTLE;
            // Memory a connection, before those of the Capsules join.
            let memory = server.memory_kb()?;
            capsules = Some((Capsules::open(server, watching)?, memory));
        }
        if now >= settled
            && from.is_none()
            && let Some((capsules, memory)) = &capsules
        {
            capsules.measure();
            from = Some((server.cpu_ns()?, sent, now, *memory));
            // Later not each commit is told of.
            at_first = std::mem::take(&mut latency);
            end = now + Duration::from_secs(options.seconds);
        }
        poll.poll(&mut events, Some(Duration::from_millis(5)))?;
        for event in &events {
            let spider = &mut spiders[event.token().0];
            if let Err(error) = spider.serve(options.interval_ms, &mut latency) {
                if closed == 0 {
                    let after = begin.elapsed();
                    println!("the first connection that ended, after {after:.1?}: {error}");
                }
                closed += 1;
            }
        }
        let now = Instant::now();
        for spider in &mut spiders {
            if spider.phase == Phase::Closed && now >= spider.due {
                spider.due = now + COME_BACK;
                spider.reconnect(server, poll.registry())?;
            }
            if spider.phase == Phase::Streaming && now >= spider.due {
                spider.due += interval;
                spider.sample(recording, now);
                sent += 1;
                closed += u64::from(spider.flush().is_err());
            }
        }
    }
    let (cpu, sent_before, since, memory) = from.ok_or("not all came online")?;
    let cpu = server.cpu_ns()? - cpu;
    let elapsed = since.elapsed();
    let samples = (sent - sent_before).max(1);
    let (late_memory, resident, peak) = (
        server.memory_kb()?,
        server.resident_kb()?,
        server.peak_kb()?,
    );
    let (bytes, silence) = capsules.map_or((0, Duration::ZERO), |(capsules, _)| capsules.close());
    let online = spiders
        .iter()
        .filter(|s| s.phase == Phase::Streaming)
        .count();
    let row = Row {
        nodes: count,
        tls: server.tls.is_some(),
        cpu_us: cpu as f64 / samples as f64 / 1_000.0,
        floor_us: None,
        core_percent: cpu as f64 / elapsed.as_nanos() as f64 * 100.0,
        connection_kb: memory.saturating_sub(memory_before) as f64 / count as f64,
        resident_mb: resident as f64 / 1_024.0,
        mean: at_first.sum.div_f64(at_first.count.max(1) as f64),
        longest: at_first.longest,
        silence,
    };
    println!(
        "{}: {count} nodes{}: {online} online, {closed} closed, {:.0} samples/s | CPU {:.2} us a \
         sample, {:.1} % of a core | memory {:.1} KB a connection, {:.1} MB in all ({:.1} MB \
         resident, {:.1} MB at most) | sample to acknowledgement {:.1} s, longest {:.1} s | a \
         Capsule got {:.0} KB/s, longest silence {:.2} s",
        if server.is_floor() {
            "the floor"
        } else {
            "the server"
        },
        if row.tls { " over TLS" } else { "" },
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
