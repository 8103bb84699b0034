//! One connection to Ground Control, without the connection.
//!
//! Driven by [`super::link::Link`]: messages, the time and the ring go in,
//! messages to send and deadlines come out. Times are boot milliseconds.
//!
//! ```text
//! AwaitUpgrade ──opened──► AwaitWelcome ──welcome──► Streaming
//!      └──────────┴── fault or close ──┴────► Draining ──► dropped
//! ```

use stardust_shared::WireError;
use stardust_shared::limits::{
    INTERVAL_MS_MAX, INTERVAL_MS_MIN, PING_INTERVAL_MS, PINGS_MISSED_MAX,
};
use stardust_shared::message::{Control, Hello};

use super::clocks::{Clocks, WallShift};
use super::fault::Fault;
use super::ring::{Chunk, Cursor, Ring};

/// For TLS and the HTTP upgrade together, once TCP is connected.
pub const UPGRADE_MS_MAX: i64 = 10_000;
/// For the answer to the hello.
pub const WELCOME_MS_MAX: i64 = 10_000;
/// For saying good-bye.
pub const DRAIN_MS_MAX: i64 = 2_000;
const PING_MS: i64 = PING_INTERVAL_MS as i64;
const SILENCE_MS_MAX: i64 = (PING_INTERVAL_MS * PINGS_MISSED_MAX) as i64;

#[derive(Debug)]
pub struct Session {
    phase: Phase,
    /// Until when the phase may last; in `Streaming` the peer's silence counts.
    deadline_ms: i64,
    /// When the peer was last heard, and when it was last asked to speak.
    heard_ms: i64,
    pinged_ms: i64,
}

#[derive(Debug)]
enum Phase {
    AwaitUpgrade,
    /// The hello goes out first; `None` when it has.
    AwaitWelcome {
        hello: Option<String>,
        since_ms: i64,
    },
    Streaming(Streaming),
    Draining,
}

#[derive(Debug)]
struct Streaming {
    cursor: Cursor,
    shift_ms: i64,
    since_ms: i64,
}

/// One message for the socket.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    Text(String),
    /// In the buffer that was passed in.
    Binary,
    Ping,
}

/// What a message of the server meant.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    Nothing,
    /// Streaming begins. `None`: our own interval stands.
    Welcome {
        interval_ms: Option<u64>,
    },
    Ack,
    Interval(u64),
}

impl Session {
    /// TCP is connected; TLS and the upgrade are under way.
    pub fn new(now_ms: i64) -> Self {
        Self {
            phase: Phase::AwaitUpgrade,
            deadline_ms: now_ms + UPGRADE_MS_MAX,
            heard_ms: now_ms,
            pinged_ms: now_ms,
        }
    }

    /// The server accepted the upgrade.
    pub fn opened(&mut self, now_ms: i64, hello: &Hello) {
        self.phase = Phase::AwaitWelcome {
            hello: Some(hello.encode()),
            since_ms: now_ms,
        };
        self.deadline_ms = now_ms + WELCOME_MS_MAX;
        self.received(now_ms);
    }

    pub fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::AwaitUpgrade)
    }

    pub fn is_streaming(&self) -> bool {
        matches!(self.phase, Phase::Streaming(_))
    }

    pub fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Draining)
    }

    /// For how long this session has been streaming.
    pub fn streamed_ms(&self, now_ms: i64) -> Option<i64> {
        match &self.phase {
            Phase::Streaming(streaming) => Some(now_ms - streaming.since_ms),
            _ => None,
        }
    }

    /// Sends the times of this session with another shift than the agreed one.
    /// Before the first [`Self::poll`].
    pub fn stamp_with(&mut self, shift_ms: i64) {
        if let Phase::Streaming(streaming) = &mut self.phase {
            streaming.shift_ms = shift_ms;
        }
    }

    /// Says good-bye: nothing is sent or believed any more.
    pub fn drain(&mut self, now_ms: i64) {
        self.phase = Phase::Draining;
        self.deadline_ms = now_ms + DRAIN_MS_MAX;
    }

    /// Something arrived that means no more than that the peer is there: a ping,
    /// a pong, or a binary message, of which this version knows no kind.
    pub fn received(&mut self, now_ms: i64) {
        self.heard_ms = now_ms;
    }

    /// A text message arrived.
    pub fn text(
        &mut self,
        clocks: Clocks,
        text: &str,
        ring: &mut Ring,
        wall: &mut WallShift,
    ) -> Result<Received, Fault> {
        self.received(clocks.boot_ms);
        if self.is_draining() {
            return Ok(Received::Nothing);
        }
        let control = Control::decode(text).map_err(|error| match error {
            WireError::OutOfRange(_) => Fault::violation("a text message is too long"),
            _ => Fault::violation("a text message is not the JSON that was expected"),
        })?;
        match control.kind.as_str() {
            Control::WELCOME => self.welcome(clocks, &control, ring, wall),
            Control::ACK => {
                if !matches!(self.phase, Phase::Streaming(_)) {
                    return Err(Fault::violation("an ack before the welcome"));
                }
                let seq = control
                    .seq
                    .ok_or_else(|| Fault::violation("an ack without seq"))?;
                let may_be = seq <= ring.last_seq();
                acknowledge(ring, seq, may_be)?;
                Ok(Received::Ack)
            }
            Control::INTERVAL => {
                if !matches!(self.phase, Phase::Streaming(_)) {
                    return Err(Fault::violation("an interval before the welcome"));
                }
                let interval_ms = control
                    .interval_ms
                    .ok_or_else(|| Fault::violation("an interval without interval_ms"))?;
                Ok(Received::Interval(clamp(interval_ms)))
            }
            _ => Ok(Received::Nothing),
        }
    }

    fn welcome(
        &mut self,
        clocks: Clocks,
        control: &Control,
        ring: &mut Ring,
        wall: &mut WallShift,
    ) -> Result<Received, Fault> {
        let Phase::AwaitWelcome {
            hello: None,
            since_ms: hello_ms,
        } = self.phase
        else {
            return Err(Fault::violation("a welcome that nothing asked for"));
        };
        // It may have lain in the socket while this machine slept: then it says
        // too little about the time.
        self.tick(clocks.boot_ms)?;
        let seq = control
            .seq
            .ok_or_else(|| Fault::violation("a welcome without seq"))?;
        let shift_ms = wall.agree(clocks, hello_ms, control.time_ms)?;
        // The file of an earlier run may lack the last samples that it delivered.
        let may_be = ring.may_have_taken(seq);
        acknowledge(ring, seq, may_be)?;
        self.phase = Phase::Streaming(Streaming {
            cursor: Cursor::new(control.layout_changes == Some(true)),
            shift_ms,
            since_ms: clocks.boot_ms,
        });
        Ok(Received::Welcome {
            interval_ms: control.interval_ms.map(clamp),
        })
    }

    /// The next message to send, when the socket takes one.
    pub fn poll(&mut self, now_ms: i64, ring: &mut Ring, out: &mut Vec<u8>) -> Option<Output> {
        match &mut self.phase {
            Phase::AwaitUpgrade | Phase::Draining => None,
            Phase::AwaitWelcome { hello, .. } => hello.take().map(Output::Text),
            Phase::Streaming(streaming) => {
                let found = ring.read(&mut streaming.cursor, streaming.shift_ms, out);
                if let Some(Chunk::Layout | Chunk::Samples { .. }) = found {
                    return Some(Output::Binary);
                }
                if now_ms - self.heard_ms.max(self.pinged_ms) >= PING_MS {
                    self.pinged_ms = now_ms;
                    return Some(Output::Ping);
                }
                None
            }
        }
    }

    /// Whether the peer has taken too long.
    pub fn tick(&mut self, now_ms: i64) -> Result<(), Fault> {
        let late = now_ms >= self.end_ms();
        match &self.phase {
            _ if !late => Ok(()),
            Phase::AwaitUpgrade => Err(Fault::server_down(
                "the server took the connection and did not answer within 10 s; is that port Ground Control's, and is it overloaded?",
            )),
            Phase::AwaitWelcome { .. } => Err(Fault::server_down(
                "the server did not answer the hello within 10 s; it may be overloaded",
            )),
            Phase::Streaming(_) => Err(Fault::link_down(
                "the server has been silent for 60 s; the link is cut or the server is down",
            )),
            // Good-bye was said; whoever drains knows why.
            Phase::Draining => Err(Fault::unknown("the connection did not close in time")),
        }
    }

    /// When [`Self::tick`] has something to do by itself; and [`Self::poll`], for
    /// a socket that `can_send`.
    pub fn deadline_ms(&self, can_send: bool) -> i64 {
        match &self.phase {
            Phase::Streaming(_) if can_send => {
                let ping_ms = self.heard_ms.max(self.pinged_ms) + PING_MS;
                ping_ms.min(self.end_ms())
            }
            _ => self.end_ms(),
        }
    }

    fn end_ms(&self) -> i64 {
        match &self.phase {
            Phase::Streaming(_) => self.heard_ms + SILENCE_MS_MAX,
            _ => self.deadline_ms,
        }
    }
}

fn acknowledge(ring: &mut Ring, seq: u64, may_be: bool) -> Result<(), Fault> {
    if !may_be {
        return Err(Fault::violation(
            "it confirms samples that this Spider has not taken",
        ));
    }
    ring.ack(seq);
    Ok(())
}

fn clamp(interval_ms: u64) -> u64 {
    interval_ms.clamp(INTERVAL_MS_MIN, INTERVAL_MS_MAX)
}

#[cfg(test)]
mod tests;
