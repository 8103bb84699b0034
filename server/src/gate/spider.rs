//! The connection of one Spider: `AwaitHello`, then `Streaming`.

use std::sync::Arc;
use std::time::Instant;

use stardust_shared::limits::{FRAME_BYTES_MAX, INTERVAL_MS_MAX, INTERVAL_MS_MIN};
use stardust_shared::message::{Control, Hello};
use stardust_shared::{Layout, PROTOCOL_VERSION, WireError};
use tungstenite::Message;

use super::core::Core;
use super::greeting;
use super::inbox::{Inbox, Next, Rest};
use super::limits::{FRAMES_PER_TURN, HELLO_TIME_MAX, SAMPLES_PER_TURN};
use super::pace::{Pace, Rates};
use super::socket::{Ending, Socket, code};
use super::streaming::{Session, Streaming, Where};
use crate::history::HelloSeen;
use crate::hub;
use crate::prefetch;

pub struct SpiderConn {
    pub socket: Socket,
    rest: Rest,
    pub node: i64,
    token: hub::TokenHash,
    address: String,
    state: Phase,
    opened: Instant,
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly all stream, and a pointer more is memory to wait for"
)]
enum Phase {
    AwaitHello,
    Streaming(Streaming),
}

/// Whether there may be more to read.
pub enum Turn {
    Done,
    More,
}

impl SpiderConn {
    pub fn new(
        stream: super::stream::Stream,
        rest: Vec<u8>,
        node: i64,
        token: hub::TokenHash,
        address: String,
        now: Instant,
    ) -> Self {
        Self {
            socket: Socket::of_frames(stream, FRAME_BYTES_MAX, now),
            rest: Rest::new(rest),
            node,
            token,
            address,
            state: Phase::AwaitHello,
            opened: now,
        }
    }

    /// The run of the Spider, once it has said hello.
    pub fn run(&self) -> Option<&str> {
        match &self.state {
            Phase::AwaitHello => None,
            Phase::Streaming(streaming) => Some(streaming.run()),
        }
    }

    /// That it will be driven soon.
    pub fn fetch_stream(&self) {
        prefetch::fetch(self.socket.stream_ref());
    }

    /// Where its node is, and where its samples go, once it has said hello.
    pub fn places(&self) -> Option<Where> {
        match &self.state {
            Phase::Streaming(streaming) => Some(streaming.places()),
            Phase::AwaitHello => None,
        }
    }

    /// Samples of this session were refused and must be sent again.
    pub fn missed(&self) -> bool {
        matches!(&self.state, Phase::Streaming(streaming) if streaming.missed())
    }

    /// Reads and works on what has come, a bounded number of messages.
    pub fn drive(&mut self, core: &mut Core) -> Result<Turn, Ending> {
        let mut inbox = self.rest.open(std::mem::take(&mut core.turn.inbox));
        let turn = self.work(&mut inbox, core);
        core.turn.inbox = self.rest.close(inbox);
        let turn = turn?;
        self.flush(core.turn.now)?;
        Ok(turn)
    }

    fn work(&mut self, inbox: &mut Inbox, core: &mut Core) -> Result<Turn, Ending> {
        let samples_max = core.counters.samples + SAMPLES_PER_TURN;
        for _ in 0..FRAMES_PER_TURN {
            // Enough for now: others wait.
            if core.counters.samples >= samples_max {
                break;
            }
            let next = inbox.next(&mut self.socket, core.turn.now)?;
            match next {
                Next::Nothing => return Ok(Turn::Done),
                Next::Later => break,
                // The answer to ours.
                Next::Other(Message::Close(_)) if self.socket.is_closing() => {
                    return Err(Ending::gone("closed"));
                }
                _ if self.socket.is_closing() => {}
                Next::Binary(at) => self.binary(inbox.bytes(at), core)?,
                Next::Text(at) => self.text(inbox.bytes(at), core)?,
                Next::Other(message) => self.other(message, core)?,
                Next::Part | Next::Discarded => {}
            }
        }
        if self.socket.is_closing() {
            self.socket.ignored(inbox.bytes_read())?;
        }
        Ok(Turn::More)
    }

    fn flush(&mut self, now: Instant) -> Result<(), Ending> {
        if !self.socket.is_flushed() {
            self.socket.flush()?;
        }
        if let Phase::Streaming(streaming) = &mut self.state
            && self.socket.is_flushed()
            && let Some(seq) = streaming.acks().take(now)
        {
            self.socket
                .write(Message::text(Control::ack(seq).encode()))?;
            self.socket.flush()?;
        }
        Ok(())
    }

    /// Everything up to `seq` is durable.
    pub fn ack(&mut self, seq: u64, now: Instant) -> Result<(), Ending> {
        if let Phase::Streaming(streaming) = &mut self.state {
            streaming.acks().durable(seq);
        }
        self.flush(now)
    }

    pub fn tick(&mut self, now: Instant) -> Result<(), Ending> {
        // A close under way has a deadline of its own.
        if matches!(self.state, Phase::AwaitHello)
            && !self.socket.is_closing()
            && now.duration_since(self.opened) > HELLO_TIME_MAX
        {
            return Err(Ending::close(code::VIOLATION, "no hello within 30 s"));
        }
        self.flush(now)?;
        self.socket.tick(now)
    }

    fn other(&mut self, message: Message, core: &mut Core) -> Result<(), Ending> {
        match message {
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
            Message::Close(frame) => Err(Ending::gone(match frame {
                Some(frame) if !frame.reason.is_empty() => {
                    format!("the Spider said: {}", frame.reason)
                }
                _ => "the Spider closed the connection".to_string(),
            })),
            // It came in parts.
            Message::Text(text) => self.text(text.as_bytes(), core),
            Message::Binary(bytes) => self.binary(&bytes, core),
        }
    }

    fn text(&mut self, text: &[u8], core: &mut Core) -> Result<(), Ending> {
        let text = std::str::from_utf8(text)
            .map_err(|_| Ending::close(code::VIOLATION, "a text that is not UTF-8"))?;
        match &self.state {
            Phase::AwaitHello => self.hello(text, core),
            // No text message but hello is known in version 1: kinds of a newer
            // Spider are skipped.
            Phase::Streaming(_) => self.skip(core),
        }
    }

    fn binary(&mut self, bytes: &[u8], core: &mut Core) -> Result<(), Ending> {
        match &mut self.state {
            Phase::AwaitHello => Err(Ending::close(
                code::VIOLATION,
                "the first message must be a hello",
            )),
            Phase::Streaming(streaming) => match streaming.binary(self.node, bytes, core) {
                Ok(true) => Ok(()),
                Ok(false) => self.skip(core),
                Err(wrong) => Err(wrong.ending()),
            },
        }
    }

    /// A message that means nothing here: few of them come.
    fn skip(&mut self, core: &Core) -> Result<(), Ending> {
        self.socket.count_control(core.turn.now)
    }

    /// What its node may send, to be kept for the next session. None when there is no
    /// session, or it was taken already.
    pub fn take_pace(&mut self) -> Option<Pace> {
        match &mut self.state {
            Phase::Streaming(streaming) => streaming.take_pace(),
            Phase::AwaitHello => None,
        }
    }

    fn hello(&mut self, text: &str, core: &mut Core) -> Result<(), Ending> {
        let hello = Hello::decode(text).and_then(greeting::tidy);
        let hello = hello.map_err(violation)?;
        if hello.protocol != PROTOCOL_VERSION {
            return Err(Ending::close(
                code::VIOLATION,
                format!(
                    "protocol {} is not spoken here, only {PROTOCOL_VERSION}",
                    hello.protocol
                ),
            ));
        }
        let told = core.services.interval_ms;
        let interval_ms = told
            .unwrap_or(hello.interval_ms)
            .clamp(INTERVAL_MS_MIN, INTERVAL_MS_MAX);
        let seen = HelloSeen {
            time_ms: core.turn.wall_ms,
            address: self.address.clone(),
            version: hello.version.clone(),
            identity: hello.identity.clone(),
        };
        let live = core.services.fleet.place(self.node);
        let live = live.filter(|place| {
            core.services
                .fleet
                .at(*place, |node| {
                    node.hello(
                        &hello,
                        &self.token,
                        &self.address,
                        interval_ms,
                        core.turn.wall_ms,
                    );
                })
                .is_some()
        });
        let Some(live) = live else {
            return Err(Ending::close(code::NODE_REMOVED, "the node was removed"));
        };
        // Samples that it has already may be of another interval.
        let rates = Rates::new(interval_ms, hello.newest_seq);
        let pace = match core.telemetry.paces.remove(&self.node) {
            Some(mut pace) => {
                pace.opened(core.turn.now);
                pace
            }
            None => {
                let newest_ms = core.telemetry.intakes.newest_ms(self.node);
                let away_ms =
                    newest_ms.map(|newest_ms| core.turn.wall_ms.saturating_sub(newest_ms));
                Pace::new(away_ms, rates, core.turn.now)
            }
        };
        let again = core.telemetry.intakes.undurable(self.node);
        let (durable_seq, intake) =
            core.telemetry
                .intakes
                .open(self.node, &hello, interval_ms, seen);
        let welcome = Control::welcome(durable_seq, core.turn.wall_ms, told);
        self.socket.write(Message::text(welcome.encode()))?;
        let session = Session {
            places: Where { live, intake },
            run: hello.run,
            rates,
        };
        self.state = Phase::Streaming(Streaming::new(session, pace, again, core.turn.now));
        Ok(())
    }

    /// What a new watcher of this node needs first: the layout.
    pub fn layout(&self) -> Option<&Arc<Layout>> {
        match &self.state {
            Phase::Streaming(streaming) => streaming.layout(),
            Phase::AwaitHello => None,
        }
    }
}

fn violation(error: WireError) -> Ending {
    Ending::close(code::VIOLATION, error.to_string())
}
