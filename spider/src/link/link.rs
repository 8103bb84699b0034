//! All of the link that outlives a connection, without sockets and clocks.
//!
//! [`super::run`] feeds it from the real world, `tests/link_simulation.rs` from
//! a simulated one.

use stardust_shared::message::{Hello, Identity};
use stardust_shared::series::cut_at;
use stardust_shared::{PROTOCOL_VERSION, SeriesDef};

use super::backoff::Backoff;
use super::fault::{Fault, Tally};
use super::report::Report;
use super::ring::Ring;
use super::session::{Heard, Output, Session};
use super::wall::{Clocks, WallShift};

/// Longest boot id that a server takes in a hello; the kernel's has 36 bytes.
const BOOT_ID_BYTES_MAX: usize = 64;

#[derive(Debug)]
pub struct Link {
    ring: Ring,
    wall: WallShift,
    backoff: Backoff,
    tally: Tally,
    report: Report,
    session: Option<Session>,
    hello: Hello,
    /// The operator's interval, and the one in force.
    own_interval_ms: u64,
    interval_ms: u64,
    /// Dropped samples already told.
    dropped_told: u64,
    server: String,
}

/// What follows a failure.
#[derive(Debug, PartialEq, Eq)]
pub struct Failed {
    /// For stderr; `None` when it was told before.
    pub line: Option<String>,
    /// When to connect again.
    pub retry_ms: i64,
}

/// What a message of the server changed.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    Nothing,
    /// Streaming; the line is for stderr.
    Connected(Option<String>),
    /// [`Link::interval_ms`] has a new value.
    Interval,
}

impl Link {
    /// `run` is random, `server` is what people are told.
    pub fn new(
        ring_bytes: usize,
        interval_ms: u64,
        run: String,
        server: String,
        identity: Identity,
    ) -> Self {
        let hello = Hello {
            kind: Hello::KIND.into(),
            protocol: PROTOCOL_VERSION,
            version: crate::VERSION.into(),
            run,
            boot_id: cut_at(identity.boot_id.as_deref().unwrap_or(""), BOOT_ID_BYTES_MAX).into(),
            oldest_seq: 0,
            newest_seq: 0,
            interval_ms,
            outage: None,
            identity: identity.bounded(),
        };
        Self {
            ring: Ring::new(ring_bytes),
            wall: WallShift::default(),
            backoff: Backoff::default(),
            tally: Tally::default(),
            report: Report::default(),
            session: None,
            hello,
            own_interval_ms: interval_ms,
            interval_ms,
            dropped_told: 0,
            server,
        }
    }

    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The interval to sample at.
    pub fn interval_ms(&self) -> u64 {
        self.interval_ms
    }

    /// Keeps a sample until the server has it.
    pub fn push(
        &mut self,
        boot_ms: i64,
        generation: u64,
        series: &[SeriesDef],
        values: &[i64],
    ) -> u64 {
        self.ring.push(boot_ms, generation, series, values)
    }

    /// TCP is connected.
    pub fn connected(&mut self, now_ms: i64) {
        self.session = Some(Session::new(now_ms));
    }

    /// The WebSocket is open: time for the hello.
    pub fn opened(&mut self, now_ms: i64) {
        self.hello.oldest_seq = self.ring.oldest_seq();
        self.hello.newest_seq = self.ring.newest_seq();
        self.hello.interval_ms = self.interval_ms;
        self.hello.outage = self.tally.verdict().map(|outage| outage.name().to_owned());
        if let Some(session) = &mut self.session {
            session.opened(now_ms, &self.hello);
        }
    }

    /// A text message of the server.
    pub fn text(&mut self, clocks: Clocks, text: &str) -> Result<News, Fault> {
        let Some(session) = &mut self.session else {
            return Ok(News::Nothing);
        };
        let before_ms = self.interval_ms;
        match session.text(clocks, text, &mut self.ring, &mut self.wall)? {
            Heard::Nothing | Heard::Ack => return Ok(News::Nothing),
            Heard::Welcome { interval_ms } => {
                self.tally = Tally::default();
                self.interval_ms = interval_ms.unwrap_or(self.own_interval_ms);
                let dropped = self.ring.dropped() - self.dropped_told;
                let waiting = match self.ring.oldest_seq() {
                    0 => 0,
                    oldest => self.ring.newest_seq() + 1 - oldest,
                };
                let line = self.report.connected(&self.server, waiting, dropped);
                if line.is_some() {
                    self.dropped_told = self.ring.dropped();
                }
                return Ok(News::Connected(line));
            }
            Heard::Interval(interval_ms) => self.interval_ms = interval_ms,
        }
        Ok(if self.interval_ms == before_ms {
            News::Nothing
        } else {
            News::Interval
        })
    }

    /// Anything else of the server: a ping, a pong, a binary message.
    pub fn heard(&mut self, now_ms: i64) {
        if let Some(session) = &mut self.session {
            session.heard(now_ms);
        }
    }

    /// The next message to send; binary ones are appended to `out`.
    pub fn poll(&mut self, now_ms: i64, out: &mut Vec<u8>) -> Option<Output> {
        self.session.as_mut()?.poll(now_ms, &mut self.ring, out)
    }

    pub fn tick(&mut self, now_ms: i64) -> Result<(), Fault> {
        self.session
            .as_mut()
            .map_or(Ok(()), |session| session.tick(now_ms))
    }

    /// When [`Self::tick`] is due, if ever; and [`Self::poll`], for a socket that
    /// `can_send`.
    pub fn deadline_ms(&self, can_send: bool) -> Option<i64> {
        let session = self.session.as_ref()?;
        Some(session.deadline_ms(can_send))
    }

    pub fn is_draining(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_draining)
    }

    /// The try or the session failed. The socket may stay until good-bye was
    /// said ([`Self::is_draining`]), and then [`Self::gone`] follows.
    pub fn failed(&mut self, now_ms: i64, fault: &Fault, random: u64) -> Failed {
        self.tally.count(fault.outage);
        if let Some(session) = &mut self.session {
            if let Some(lived_ms) = session.streamed_ms(now_ms) {
                self.backoff.session_lived(lived_ms);
            }
            if session.is_open() {
                session.drain(now_ms);
            } else {
                self.session = None;
            }
        }
        let delay_ms = self.backoff.next_ms(fault.pace, random);
        Failed {
            line: self.report.failed(now_ms, fault),
            retry_ms: now_ms + delay_ms as i64,
        }
    }

    /// The socket is closed.
    pub fn gone(&mut self) {
        self.session = None;
    }
}
