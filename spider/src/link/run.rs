//! The Spider's one thread: sampling on a steady beat, and the link around it.
//!
//! A sample is taken when it is due, connected or not; nothing here blocks but
//! the wait for the next event. In the steady state one turn is one wait, the
//! sampler's reads and one send; at short intervals acks are read on the way.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::UnixStream;
use mio::{Events, Poll, Token, Waker};
use stardust_shared::message::Identity;
use stardust_shared::{Secret, ServerUrl};

use super::clocks::Clocks;
use super::connect::Target;
use super::connection::Connection;
use super::link::Link;
use super::log::log;
use super::random::{Random, run_id};
use super::ring_store::RingStore;
use super::signals;
use crate::clock;
use crate::collect::Sampler;
use crate::config::{Config, Pin, Proxy};

const SOCKET: Token = Token(0);
const WOKEN: Token = Token(1);
const SIGNAL: Token = Token(2);
/// One socket, one waker, one bell.
const EVENTS: usize = 4;
/// Where nothing is under way, what the server says may wait for the next
/// sample when that is so near: then an ack costs no wake-up of its own.
const NAP_MAX: Duration = Duration::from_secs(1);

/// What the link needs to know of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    pub url: ServerUrl,
    pub token: Secret,
    pub ca_file: Option<PathBuf>,
    pub pins: Vec<Pin>,
    pub proxy: Option<Proxy>,
    pub ring_file: Option<PathBuf>,
    pub ring_file_bytes: usize,
    pub interval_ms: u64,
    pub ring_bytes: usize,
}

/// Samples and delivers until SIGTERM or SIGINT.
pub fn run(config: &Config, mut sampler: Sampler, identity: Identity) -> ExitCode {
    let (Some(url), Some(token)) = (config.server.clone(), config.token.clone()) else {
        log("no server or no token is configured; give --server and --token-file");
        return ExitCode::FAILURE;
    };
    let settings = Settings {
        url,
        token,
        ca_file: config.ca_file.clone(),
        pins: config.pins.clone(),
        proxy: config.proxy.clone(),
        ring_file: config.ring_file.clone(),
        ring_file_bytes: config.ring_file_bytes,
        interval_ms: config.interval_ms,
        ring_bytes: config.ring_bytes,
    };
    let driver = Driver::new(settings, identity).and_then(|mut driver| {
        driver.watch_signals()?;
        Ok(driver)
    });
    let mut driver = match driver {
        Ok(driver) => driver,
        Err(error) => {
            log(&format!(
                "the event loop can't be set up: {error}; the system may be out of file descriptors"
            ));
            return ExitCode::FAILURE;
        }
    };
    let mut sample = |link: &mut Link| {
        let sample = sampler.collect();
        link.push(
            sample.boot_ms(),
            sample.generation(),
            sample.series(),
            sample.values(),
        );
    };
    while !driver.is_stopping() {
        if let Err(error) = driver.turn(&mut sample) {
            log(&format!(
                "waiting for events failed: {error}; this is a fault of the Spider or of the kernel"
            ));
            return ExitCode::FAILURE;
        }
    }
    driver.stop();
    ExitCode::SUCCESS
}

/// The loop, one turn at a time, so that tests can stop it.
pub struct Driver {
    link: Link,
    connection: Connection,
    target: Target,
    poll: Poll,
    waker: Arc<Waker>,
    events: Events,
    beat: Beat,
    ring_store: Option<RingStore>,
    /// Readable once a signal came.
    bell: Option<UnixStream>,
    stopping: bool,
}

impl Driver {
    pub fn new(settings: Settings, identity: Identity) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WOKEN)?);
        let scheme = if settings.url.tls { "wss" } else { "ws" };
        let server = format!("{scheme}://{}", settings.url.host_header());
        let target = Target {
            url: settings.url,
            token: settings.token,
            ca_file: settings.ca_file,
            pins: settings.pins,
            proxy: settings.proxy,
        };
        let mut link = Link::new(
            settings.ring_bytes,
            settings.interval_ms,
            run_id(),
            server,
            identity,
        );
        let bytes_max = settings.ring_file_bytes;
        let ring_store = settings
            .ring_file
            .map(|path| RingStore::open(path, bytes_max, &mut link, clocks()));
        Ok(Self {
            link,
            connection: Connection::new(&target, Arc::clone(&waker), Random::from_system()),
            target,
            poll,
            waker,
            events: Events::with_capacity(EVENTS),
            beat: Beat::new(Instant::now()),
            ring_store,
            bell: None,
            stopping: false,
        })
    }

    /// SIGTERM and SIGINT make [`Self::is_stopping`] true.
    fn watch_signals(&mut self) -> io::Result<()> {
        self.bell = Some(signals::watch(self.poll.registry(), SIGNAL)?);
        Ok(())
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Keeps what is not acknowledged and says good-bye to the server.
    pub fn stop(mut self) {
        // First what must not be lost, then what is polite.
        if let Some(ring_store) = &mut self.ring_store {
            ring_store.finish(&self.link, clocks(), &self.waker);
        }
        self.connection.stop(&mut self.link);
        while self.connection.is_closing() {
            let timeout = self.timeout();
            if self.poll.poll(&mut self.events, Some(timeout)).is_ok() {
                self.advance();
            }
            let registry = self.poll.registry();
            self.connection
                .tick(&mut self.link, &self.target, registry, SOCKET);
        }
    }

    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Waits for what is due next and does it.
    pub fn turn(&mut self, sample: &mut impl FnMut(&mut Link)) -> io::Result<()> {
        let mut timeout = self.timeout();
        if timeout <= NAP_MAX && self.connection.is_quiet(&self.link) {
            clock::nap(timeout);
            timeout = Duration::ZERO;
        }
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let ready = self.events.iter().any(|event| event.token() == SOCKET);
        self.stopping |= self.events.iter().any(|event| event.token() == SIGNAL);
        // What has arrived is read before anybody is called silent: the machine
        // may have slept since the last turn.
        if ready || self.connection.has_more() {
            self.advance();
        }
        let interval = Duration::from_millis(self.link.interval_ms());
        if self.beat.due(Instant::now(), interval) {
            sample(&mut self.link);
        }
        self.connection
            .tick(&mut self.link, &self.target, self.poll.registry(), SOCKET);
        self.connection.send(&mut self.link, &self.target);
        if let Some(ring_store) = &mut self.ring_store {
            ring_store.turn(&self.link, clocks(), &self.waker);
        }
        Ok(())
    }

    fn advance(&mut self) {
        let registry = self.poll.registry();
        self.connection
            .advance(clocks(), &mut self.link, &self.target, registry, SOCKET);
    }

    fn timeout(&self) -> Duration {
        if self.connection.has_more() {
            return Duration::ZERO;
        }
        let sample = self.beat.wait(Instant::now());
        let link = self.connection.deadline_ms(&self.link);
        let file = self.ring_store.as_ref().map(RingStore::deadline_ms);
        match link.into_iter().chain(file).min() {
            None => sample,
            Some(deadline_ms) => {
                let wait_ms = deadline_ms.saturating_sub(clock::boot_ms()).max(0);
                sample.min(Duration::from_millis(wait_ms as u64))
            }
        }
    }
}

fn clocks() -> Clocks {
    Clocks {
        boot_ms: clock::boot_ms(),
        wall_ms: clock::wall_ms(),
    }
}

/// When the next sample is due: on a grid, so that delays do not add up.
#[derive(Debug)]
struct Beat {
    due: Instant,
    interval: Duration,
}

impl Beat {
    fn new(now: Instant) -> Self {
        Self {
            due: now,
            interval: Duration::ZERO,
        }
    }

    fn wait(&self, now: Instant) -> Duration {
        self.due.saturating_duration_since(now)
    }

    /// Whether a sample is due now; if so, the next one is an `interval` later.
    /// Those missed meanwhile are left out rather than taken in a burst.
    fn due(&mut self, now: Instant, interval: Duration) -> bool {
        if interval < self.interval {
            // Shorter than what the last sample expected: not wait for the old one.
            self.due = self.due.min(now + interval);
        }
        self.interval = interval;
        let Some(late) = now.checked_duration_since(self.due) else {
            return false;
        };
        // An interval is an hour at most, and in whole milliseconds.
        let interval_ns = (interval.as_nanos() as u64).max(1);
        let into = Duration::from_nanos(late.as_nanos() as u64 % interval_ns);
        self.due = now + (interval - into);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beat_keeps_its_grid_and_never_bursts() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut beat = Beat::new(start);
        assert!(beat.due(start, ms(1000)));
        assert!(!beat.due(start + ms(999), ms(1000)));
        // Ten milliseconds late; the next one is not.
        assert!(beat.due(start + ms(1010), ms(1000)));
        assert_eq!(beat.wait(start + ms(1010)), ms(990));
        // Stopped for a while: one sample, and on with the grid.
        assert!(beat.due(start + ms(61_300), ms(1000)));
        assert!(!beat.due(start + ms(61_301), ms(1000)));
        assert_eq!(beat.wait(start + ms(61_300)), ms(700));
    }

    #[test]
    fn a_shorter_interval_counts_at_once_and_a_longer_one_from_the_next() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut beat = Beat::new(start);
        assert!(beat.due(start, ms(3_600_000)));
        assert!(!beat.due(start + ms(500), ms(1000)));
        assert_eq!(beat.wait(start + ms(500)), ms(1000));
        assert!(beat.due(start + ms(1500), ms(5000)));
        assert_eq!(beat.wait(start + ms(1500)), ms(5000));
    }
}
