//! All of the link that outlives a connection, without sockets and clocks.
//!
//! [`super::run`] feeds it from the real world, `tests/link_simulation` from
//! a simulated one.

use stardust_shared::message::{Hello, Identity};
use stardust_shared::series::cut_at;
use stardust_shared::{PROTOCOL_VERSION, SeriesDef};

use super::backoff::Backoff;
use super::changes::Changes;
use super::clocks::{Clocks, ReportedClock, WallShift};
use super::earlier_runs::EarlierRuns;
use super::fault::{Fault, Tally};
use super::report::Report;
use super::ring::{Holding, Ring};
use super::ring_format::{self, Part, SavedRun};
use super::session::{Output, Received, Session};

/// Longest boot id that a server takes in a hello; the kernel's has 36 bytes.
const BOOT_ID_BYTES_MAX: usize = 64;

#[derive(Debug)]
pub struct Link {
    ring: Ring,
    changes: Changes,
    /// What a file brought from before; delivered first, a session for each run.
    earlier: EarlierRuns,
    /// The session is for the first of them.
    serves_earlier: bool,
    /// When this run began.
    began_ms: i64,
    wall: WallShift,
    /// Of the last hello.
    reported_clock: ReportedClock,
    backoff: Backoff,
    tally: Tally,
    report: Report,
    session: Option<Session>,
    hello: Hello,
    /// The operator's interval, and the one in force.
    own_interval_ms: u64,
    interval_ms: u64,
    /// Dropped samples already told.
    dropped_reported: u64,
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
    /// An earlier run is delivered whole: the session is over, say good-bye and
    /// connect again for the next.
    RunDone,
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
            // As text in the program: whoever has the file can tell it, and tests make
            // another version of it. The optimizer would take it for a number.
            version: std::hint::black_box(crate::VERSION).into(),
            run,
            boot_id: cut_at(identity.boot_id.as_deref().unwrap_or(""), BOOT_ID_BYTES_MAX).into(),
            oldest_seq: 0,
            newest_seq: 0,
            interval_ms,
            outage: None,
            clock_ms: None,
            identity: identity.bounded(),
        };
        Self {
            ring: Ring::new(ring_bytes),
            changes: Changes::default(),
            earlier: EarlierRuns::default(),
            serves_earlier: false,
            began_ms: 0,
            wall: WallShift::default(),
            reported_clock: ReportedClock::default(),
            backoff: Backoff::default(),
            tally: Tally::default(),
            report: Report::default(),
            session: None,
            hello,
            own_interval_ms: interval_ms,
            interval_ms,
            dropped_reported: 0,
            server,
        }
    }

    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Takes over what earlier runs have left. At the start, before anything else.
    /// Gives how many samples are to be sent, and how many have no time.
    pub fn restore(&mut self, kept: Vec<SavedRun>, now: Clocks) -> (u64, u64) {
        self.began_ms = now.boot_ms;
        let (earlier, agreed_ms, left_out) = EarlierRuns::new(kept, &self.hello.boot_id, now);
        self.earlier = earlier;
        if let Some(shift_ms) = agreed_ms {
            self.wall.resume(shift_ms);
        }
        (self.earlier.waiting(), left_out)
    }

    /// The ring file of now, at most `bytes_max`; `None` when there is nothing to keep.
    pub fn save(&self, bytes_max: usize, now: Clocks) -> Option<Vec<u8>> {
        let own_ms = now.wall_ms.saturating_sub(now.boot_ms);
        let agreed_ms = self.wall.agreed_ms();
        let (shift_ms, agreed) = (agreed_ms.unwrap_or(own_ms), agreed_ms.is_some());
        let mut parts: Vec<Part<'_>> = self.earlier.parts(shift_ms, agreed).collect();
        parts.push(Part {
            run: &self.hello.run,
            boot_id: &self.hello.boot_id,
            began_ms: self.began_ms,
            shift_ms,
            agreed,
            ring: &self.ring,
        });
        ring_format::encode(&parts, bytes_max)
    }

    /// Earlier runs still to be delivered: id, oldest and newest sequence.
    pub fn earlier(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        let runs = self.earlier.parts(0, false);
        runs.map(|part| (part.run, part.ring.oldest_seq(), part.ring.newest_seq()))
    }

    /// What [`Self::save`] would keep.
    pub fn holding(&self) -> Holding {
        Holding {
            runs: self.earlier.len(),
            first_seq: self
                .earlier
                .first()
                .map_or(0, |kept| kept.ring.oldest_seq()),
            oldest_seq: self.ring.oldest_seq(),
            newest_seq: self.ring.newest_seq(),
        }
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
        if self.changes.take(generation, boot_ms) {
            return self.ring.push(boot_ms, generation, series, values);
        }
        let told = self.ring.series();
        let (generation, values) = self.changes.as_told(told, generation, series, values);
        self.ring.push(boot_ms, generation, &[], values)
    }

    /// TCP is connected.
    pub fn connected(&mut self, now_ms: i64) {
        self.session = Some(Session::new(now_ms));
    }

    /// The WebSocket is open: time for the hello.
    pub fn opened(&mut self, clocks: Clocks) {
        let now_ms = clocks.boot_ms;
        self.reported_clock.report(clocks);
        self.hello.clock_ms = Some(clocks.wall_ms);
        self.hello.interval_ms = self.interval_ms;
        self.hello.outage = self.tally.verdict().map(|outage| outage.name().to_owned());
        let kept = self.earlier.first();
        self.serves_earlier = kept.is_some();
        let ring = kept.map_or(&self.ring, |kept| &kept.ring);
        self.hello.oldest_seq = ring.oldest_seq();
        self.hello.newest_seq = ring.newest_seq();
        let Some(session) = &mut self.session else {
            return;
        };
        match kept {
            None => session.opened(now_ms, &self.hello),
            Some(kept) => {
                let mut hello = self.hello.clone();
                hello.run.clone_from(&kept.run);
                hello.boot_id.clone_from(&kept.boot_id);
                session.opened(now_ms, &hello);
            }
        }
    }

    /// A text message of the server.
    pub fn text(&mut self, clocks: Clocks, text: &str) -> Result<News, Fault> {
        let Some(session) = &mut self.session else {
            return Ok(News::Nothing);
        };
        let before_ms = self.interval_ms;
        let own = &mut self.ring;
        let ring = match self.earlier.first_ring() {
            Some(ring) if self.serves_earlier => ring,
            _ => own,
        };
        match session.text(clocks, text, ring, &mut self.wall)? {
            Received::Nothing => return Ok(News::Nothing),
            Received::Ack => {
                if self.serves_earlier {
                    self.earlier.progressed();
                }
                let first = self.earlier.first_ring();
                let done = self.serves_earlier && first.is_some_and(|ring| ring.is_empty());
                return Ok(if done {
                    self.run_done(clocks)
                } else {
                    News::Nothing
                });
            }
            Received::Welcome { interval_ms } => {
                self.tally = Tally::default();
                self.interval_ms = interval_ms.unwrap_or(self.own_interval_ms);
                return Ok(self.welcomed(clocks));
            }
            Received::Interval(interval_ms) => self.interval_ms = interval_ms,
        }
        Ok(if self.interval_ms == before_ms {
            News::Nothing
        } else {
            News::Interval
        })
    }

    fn welcomed(&mut self, clocks: Clocks) -> News {
        if self.serves_earlier {
            let agreed_ms = self.wall.agreed_ms().unwrap_or_default();
            let shift_ms = self.earlier.first_shift_ms(agreed_ms, self.began_ms);
            let delivered = self.earlier.first().is_none_or(|kept| kept.ring.is_empty());
            match (shift_ms, &mut self.session) {
                (Some(shift_ms), Some(session)) if !delivered => session.stamp_with(shift_ms),
                _ => return self.run_done(clocks),
            }
        }
        let dropped = self.ring.dropped() - self.dropped_reported;
        let waiting = match self.ring.oldest_seq() {
            0 => 0,
            oldest => self.ring.newest_seq() + 1 - oldest,
        };
        let waiting = waiting + self.earlier.waiting();
        let line = self.report.connected(&self.server, waiting, dropped);
        if line.is_some() {
            self.dropped_reported = self.ring.dropped();
        }
        News::Connected(line)
    }

    fn run_done(&mut self, clocks: Clocks) -> News {
        self.earlier.remove_first();
        self.serves_earlier = false;
        if let Some(session) = &mut self.session {
            session.drain(clocks.boot_ms);
        }
        News::RunDone
    }

    /// Whether this machine's clock was set since the hello, so that the session has to
    /// end for another one. An earlier run is delivered first.
    pub fn ends_for_clock(&mut self, clocks: Clocks) -> bool {
        if self.serves_earlier || !self.reported_clock.was_set(clocks) {
            return false;
        }
        if let Some(session) = &mut self.session {
            session.drain(clocks.boot_ms);
        }
        true
    }

    /// Anything else of the server: a ping, a pong, a binary message.
    pub fn received(&mut self, now_ms: i64) {
        if let Some(session) = &mut self.session {
            session.received(now_ms);
        }
    }

    /// The next message to send; binary ones are appended to `out`.
    pub fn poll(&mut self, now_ms: i64, out: &mut Vec<u8>) -> Option<Output> {
        let own = &mut self.ring;
        let ring = match self.earlier.first_ring() {
            Some(ring) if self.serves_earlier => ring,
            _ => own,
        };
        self.session.as_mut()?.poll(now_ms, ring, out)
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

    /// Samples go out as they are taken.
    pub fn is_streaming(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_streaming)
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
        let mut line = self.report.failed(now_ms, fault);
        if self.serves_earlier
            && fault.refused
            && let Some(lost) = self.earlier.refused()
        {
            let line = line.get_or_insert_default();
            line.push_str(&format!(
                "; {lost} samples of an earlier run were refused again and again and are given up"
            ));
        }
        self.serves_earlier = false;
        Failed {
            line,
            retry_ms: now_ms + delay_ms as i64,
        }
    }

    /// This process ends: nothing more is sent but good-bye.
    pub fn stop(&mut self, now_ms: i64) {
        if let Some(session) = &mut self.session {
            session.drain(now_ms);
        }
    }

    /// The socket is closed.
    pub fn gone(&mut self) {
        self.session = None;
    }
}
