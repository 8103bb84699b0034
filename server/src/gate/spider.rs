//! The connection of one Spider: `AwaitHello`, then `Streaming`.

use std::sync::Arc;
use std::time::Instant;

use stardust_shared::limits::{
    FRAME_BYTES_MAX, INTERVAL_MS_MAX, INTERVAL_MS_MIN, TIME_AHEAD_MS_MAX, TIME_MS_MIN,
};
use stardust_shared::message::{Control, Hello};
use stardust_shared::varint::Reader;
use stardust_shared::{Layout, PROTOCOL_VERSION, Record, WireError, layout, samples};
use tungstenite::Message;

use super::acks::Acks;
use super::core::Core;
use super::greeting;
use super::inbox::{Inbox, Next, Rest};
use super::limits::{HELLO_TIME_MAX, MESSAGES_PER_TURN};
use super::socket::{Ending, Socket, code};
use crate::history::{Pushed, Seen};
use crate::hub;
use crate::places::Place;
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

enum Phase {
    AwaitHello,
    Streaming(Streaming),
}

struct Streaming {
    places: Where,
    run: String,
    layout: Option<Arc<Layout>>,
    /// The next record is the first of its layout.
    anew: bool,
    /// Sequence of the last record of this session.
    last_seq: u64,
    /// Some samples were not taken in: the Spider must send them again.
    missed: bool,
    acks: Acks,
}

/// Where its node is in the live fleet, and where its samples go.
#[derive(Clone, Copy)]
pub struct Where {
    pub live: Place,
    pub intake: Place,
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
            Phase::Streaming(streaming) => Some(&streaming.run),
        }
    }

    /// That it will be driven soon.
    pub fn fetch_stream(&self) {
        prefetch::fetch(self.socket.stream_ref());
    }

    /// Where its node is, and where its samples go, once it has said hello.
    pub fn places(&self) -> Option<Where> {
        match &self.state {
            Phase::Streaming(streaming) => Some(streaming.places),
            Phase::AwaitHello => None,
        }
    }

    /// Samples of this session were refused and must be sent again.
    pub fn missed(&self) -> bool {
        matches!(&self.state, Phase::Streaming(streaming) if streaming.missed)
    }

    /// Reads and works on what has come, a bounded number of messages.
    pub fn drive(&mut self, core: &mut Core) -> Result<Turn, Ending> {
        let mut inbox = self.rest.open(std::mem::take(&mut core.inbox));
        let turn = self.work(&mut inbox, core);
        core.inbox = self.rest.close(inbox);
        let turn = turn?;
        self.flush(core.now)?;
        Ok(turn)
    }

    fn work(&mut self, inbox: &mut Inbox, core: &mut Core) -> Result<Turn, Ending> {
        for _ in 0..MESSAGES_PER_TURN {
            let next = inbox.next(&mut self.socket, core.now)?;
            match next {
                Next::Nothing => return Ok(Turn::Done),
                // The answer to ours.
                Next::Other(Message::Close(_)) if self.socket.is_closing() => {
                    return Err(Ending::gone("closed"));
                }
                _ if self.socket.is_closing() => {}
                Next::Binary(at) => self.binary(inbox.bytes(at), core)?,
                Next::Text(at) => self.text(inbox.bytes(at), core)?,
                Next::Other(message) => self.other(message, core)?,
                Next::Discarded => {}
            }
        }
        Ok(Turn::More)
    }

    fn flush(&mut self, now: Instant) -> Result<(), Ending> {
        if !self.socket.is_flushed() {
            self.socket.flush()?;
        }
        if let Phase::Streaming(streaming) = &mut self.state
            && self.socket.is_flushed()
            && let Some(seq) = streaming.acks.take(now)
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
            streaming.acks.durable(seq);
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
            Phase::Streaming(_) => Ok(()),
        }
    }

    fn binary(&mut self, bytes: &[u8], core: &mut Core) -> Result<(), Ending> {
        match &mut self.state {
            Phase::AwaitHello => Err(Ending::close(
                code::VIOLATION,
                "the first message must be a hello",
            )),
            Phase::Streaming(streaming) => {
                streaming.binary(self.node, bytes, core).map_err(violation)
            }
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
        let told = core.interval_ms;
        let interval_ms = told
            .unwrap_or(hello.interval_ms)
            .clamp(INTERVAL_MS_MIN, INTERVAL_MS_MAX);
        let seen = Seen {
            time_ms: core.wall_ms,
            address: self.address.clone(),
            version: hello.version.clone(),
            identity: hello.identity.clone(),
        };
        let live = core.fleet.place(self.node);
        let live = live.filter(|place| {
            core.fleet
                .at(*place, |node| {
                    node.hello(
                        &hello,
                        &self.token,
                        &self.address,
                        interval_ms,
                        core.wall_ms,
                    );
                })
                .is_some()
        });
        let Some(live) = live else {
            return Err(Ending::close(code::NODE_REMOVED, "the node was removed"));
        };
        let (durable_seq, intake) = core.intakes.open(self.node, &hello, interval_ms, seen);
        let welcome = Control::welcome(durable_seq, core.wall_ms, told);
        self.socket.write(Message::text(welcome.encode()))?;
        self.state = Phase::Streaming(Streaming {
            places: Where { live, intake },
            run: hello.run,
            layout: None,
            anew: true,
            last_seq: 0,
            missed: false,
            acks: Acks::new(core.now),
        });
        Ok(())
    }

    /// What a new watcher of this node needs first: the layout.
    pub fn layout(&self) -> Option<&Arc<Layout>> {
        match &self.state {
            Phase::Streaming(streaming) => streaming.layout.as_ref(),
            Phase::AwaitHello => None,
        }
    }
}

impl Streaming {
    fn binary(&mut self, node: i64, bytes: &[u8], core: &mut Core) -> Result<(), WireError> {
        match bytes.split_first() {
            Some((&layout::KIND_LAYOUT, body)) => {
                let layout = core.layouts.decode(body)?;
                if self
                    .layout
                    .as_ref()
                    .is_some_and(|known| layout.id() <= known.id())
                {
                    return Err(WireError::OutOfRange("layout number"));
                }
                if core.is_watched(node) {
                    let message = hub::layout_message(node, &layout);
                    core.outbox.push_back((node, message.into()));
                }
                self.layout = Some(layout);
                self.anew = true;
                Ok(())
            }
            Some((&samples::KIND_SAMPLES, body)) => self.samples(node, body, core),
            Some(_) => Ok(()),
            None => Err(WireError::Truncated),
        }
    }

    fn samples(&mut self, node: i64, body: &[u8], core: &mut Core) -> Result<(), WireError> {
        self.acks.came(body.len());
        let layout = self.layout.clone().ok_or(WireError::UnknownLayout)?;
        let fleet = Arc::clone(&core.fleet);
        let watched = core.is_watched(node);
        let mut reader = Reader::new(body);
        while !reader.is_empty() {
            let anew = std::mem::take(&mut self.anew);
            let told = fleet.at(self.places.live, |live| {
                let start = reader.rest();
                let record = live.apply(&layout, anew, &mut reader)?;
                let bytes = &start[..start.len() - reader.rest().len()];
                let news = self.take(live, &layout, record, bytes, core);
                if news.is_err() {
                    live.forget_latest();
                }
                let state = live.state().filter(|_| watched && news == Ok(true));
                news?;
                Ok(state.map(|state| hub::sample_message(node, &layout, state)))
            });
            match told {
                Some(Ok(None)) => {}
                Some(Ok(Some(message))) => core.outbox.push_back((node, message.into())),
                Some(Err(error)) => return Err(error),
                // The node was removed: its connection ends.
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Takes the record that was applied last to the history, and answers whether
    /// it is news to those who look: the live view has every sample, stored or not.
    fn take(
        &mut self,
        live: &mut hub::Node,
        layout: &Arc<Layout>,
        record: Record,
        bytes: &[u8],
        core: &mut Core,
    ) -> Result<bool, WireError> {
        let state = live.state().ok_or(WireError::NoKeyframe)?;
        if state.seq <= self.last_seq {
            return Err(WireError::OutOfRange("sequence"));
        }
        self.last_seq = state.seq;
        core.samples += 1;
        let latest = core.wall_ms.saturating_add(TIME_AHEAD_MS_MAX);
        if !(TIME_MS_MIN..=latest).contains(&state.time_ms) {
            return Err(WireError::OutOfRange("sample time"));
        }
        // A later sample must not become durable before a missed one.
        if !self.missed {
            let intakes = &mut core.intakes;
            match intakes.push(self.places.intake, layout, state, record, bytes) {
                Pushed::Known => return Ok(false),
                Pushed::Taken => {}
                Pushed::Full => {
                    self.missed = true;
                    core.overflowed = true;
                }
            }
        }
        live.sampled(core.wall_ms);
        Ok(true)
    }
}

fn violation(error: WireError) -> Ending {
    Ending::close(code::VIOLATION, error.to_string())
}
