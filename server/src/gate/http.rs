//! An HTTP connection: one request, then it ends.
//!
//! `AwaitHead` → `AwaitBody` → `AwaitSlot` → `Relaying` → `Lingering`, or from
//! anywhere `Answering` (a refusal of the gate's own) → `Lingering`. From
//! `AwaitHead` it may leave as a WebSocket.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use mio::net::UnixStream;

use super::client;
use super::core::Core;
use super::head::{self, Head, Route, Upgrade};
use super::limits::{
    BODIES_BYTES_MAX, BODY_TIME_MAX, HEAD_TIME_CROWDED, HEAD_TIME_MAX, LINGER_BYTES_MAX,
    LINGER_TIME_MAX, RELAY_BUFFER_BYTES, RELAY_TIME_MAX, TLS_HEAD_TIME_MAX,
};
use super::notes::Subject;
use super::refusal::Refusal;
use super::stream::{PLAIN_ON_TLS, Stream};
use crate::log::Level;

/// Most reads or writes for one connection in one turn of the loop.
const STEPS_PER_TURN: usize = 16;

pub struct HttpConn {
    pub stream: Stream,
    peer: IpAddr,
    state: State,
    deadline: Instant,
    /// Bytes counted in [`Core::bodies_bytes`] for this connection.
    pub reserved: usize,
    /// It waits for its turn among the handshakes.
    pub is_queued: bool,
}

enum State {
    AwaitHead { buffer: Vec<u8> },
    AwaitBody { request: Vec<u8>, missing: usize },
    AwaitSlot { request: Vec<u8> },
    Relaying(Box<Relay>),
    Answering { out: Vec<u8>, sent: usize },
    Lingering { seen: usize },
}

struct Relay {
    upstream: UnixStream,
    request: Vec<u8>,
    sent: usize,
    buffer: Vec<u8>,
    at: usize,
    upstream_done: bool,
    answered: bool,
}

fn head_time_max(stream: &Stream) -> Duration {
    if stream.is_tls() {
        TLS_HEAD_TIME_MAX
    } else {
        HEAD_TIME_MAX
    }
}

/// Whoever reads the log may have forgotten to allow a name.
fn tell_host(refusal: Refusal, head: &Head, core: &mut Core) {
    if refusal == Refusal::Host {
        core.notes
            .say(Level::Warn, Subject::ForeignHost, core.now, || {
                // A name of DNS is no longer than this; it was found to be one.
                let host: String = head.get("host").unwrap_or("").chars().take(260).collect();
                format!(
                    "a request for the host {host:?} was refused (421): if this server goes by that \
                     name, start it with --allowed-host or --server-url; a proxy in front may send \
                     the Host that it was asked for, or this server's address"
                )
            });
    }
}

/// What a connection wants of the loop after a turn.
pub enum Step {
    Wait,
    /// There may be more to do at once.
    Again,
    /// A request is whole and wants a place in the API.
    WantSlot,
    Upgrade(Box<Handover>),
    /// Plain HTTP came to the TLS port.
    PlainOnTls,
    Close,
}

/// A WebSocket handshake, with what was read behind it.
pub struct Handover {
    pub head: Head,
    pub upgrade: Upgrade,
    pub is_spider: bool,
    pub client: IpAddr,
    pub https: bool,
    pub rest: Vec<u8>,
}

impl HttpConn {
    pub fn new(stream: Stream, peer: IpAddr, now: Instant) -> Self {
        Self {
            deadline: now + head_time_max(&stream),
            stream,
            peer,
            state: State::AwaitHead { buffer: Vec::new() },
            reserved: 0,
            is_queued: false,
        }
    }

    pub fn into_plain(self) -> Self {
        Self {
            stream: self.stream.into_plain(),
            ..self
        }
    }

    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::AwaitSlot { .. })
    }

    pub fn is_relaying(&self) -> bool {
        matches!(self.state, State::Relaying(_))
    }

    pub fn upstream(&mut self) -> Option<&mut UnixStream> {
        match &mut self.state {
            State::Relaying(relay) => Some(&mut relay.upstream),
            _ => None,
        }
    }

    /// Answers by itself; the connection ends after that.
    pub fn refuse(&mut self, refusal: Refusal, core: &mut Core) {
        core.refused += 1;
        self.state = State::Answering {
            out: refusal.response(),
            sent: 0,
        };
        self.deadline = core.now + LINGER_TIME_MAX;
    }

    /// The request goes to the API.
    pub fn start_relay(&mut self, upstream: UnixStream, now: Instant) {
        let state = std::mem::replace(&mut self.state, State::Lingering { seen: 0 });
        if let State::AwaitSlot { request } = state {
            self.state = State::Relaying(Box::new(Relay {
                upstream,
                request,
                sent: 0,
                buffer: Vec::new(),
                at: 0,
                upstream_done: false,
                answered: false,
            }));
            self.deadline = now + RELAY_TIME_MAX;
        }
    }

    /// Looked at now and then. False: the connection is over.
    pub fn tick(&mut self, core: &mut Core, crowded: bool) -> bool {
        let mut deadline = self.deadline;
        if crowded && matches!(self.state, State::AwaitHead { .. }) {
            deadline -= head_time_max(&self.stream) - HEAD_TIME_CROWDED;
        }
        if core.now < deadline {
            return true;
        }
        let refusal = match &self.state {
            State::AwaitHead { buffer } if buffer.is_empty() => return false,
            State::AwaitHead { .. } => Refusal::HeadTimeout,
            State::AwaitBody { .. } => Refusal::BodyTimeout,
            State::AwaitSlot { .. } => Refusal::Busy,
            State::Relaying(relay) if !relay.answered => Refusal::SlowAnswer,
            _ => return false,
        };
        self.refuse(refusal, core);
        true
    }

    /// Does what can be done without waiting.
    pub fn drive(&mut self, core: &mut Core) -> Step {
        self.stream.push();
        for _ in 0..STEPS_PER_TURN {
            let step = match &mut self.state {
                State::AwaitHead { .. } => self.read_head(core),
                State::AwaitBody { .. } => self.read_body(core),
                State::AwaitSlot { .. } => return Step::Wait,
                State::Relaying(_) => self.relay(core),
                State::Answering { .. } => self.answer(core),
                State::Lingering { .. } => self.linger(core),
            };
            match step {
                Ok(Some(step)) => return step,
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Step::Wait,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.stream.is_tls() && error.to_string() == PLAIN_ON_TLS => {
                    return Step::PlainOnTls;
                }
                Err(error) => {
                    if self.stream.is_tls() && error.kind() == io::ErrorKind::InvalidData {
                        let peer = self.peer;
                        core.notes.say(Level::Info, Subject::Tls, core.now, || {
                            format!("{peer}: the TLS of a connection failed: {error}")
                        });
                    }
                    return Step::Close;
                }
            }
        }
        Step::Again
    }

    fn read_head(&mut self, core: &mut Core) -> io::Result<Option<Step>> {
        let count = self.stream.read(&mut core.scratch)?;
        if count == 0 {
            return Ok(Some(Step::Close));
        }
        let State::AwaitHead { buffer } = &mut self.state else {
            return Ok(None);
        };
        let seen = buffer.len();
        buffer.extend_from_slice(&core.scratch[..count]);
        let parsed = match head::find_end(buffer, seen) {
            Ok(None) => return Ok(None),
            Ok(Some(end)) => head::parse(&buffer[..end])
                .and_then(|head| {
                    let route = head::route(&head)?;
                    if let Err(refusal) = core.hosts.check(&head) {
                        tell_host(refusal, &head, core);
                        return Err(refusal);
                    }
                    Ok((route, head))
                })
                .map(|(route, head)| (route, head, buffer.split_off(end))),
            Err(refusal) => Err(refusal),
        };
        match parsed {
            Ok((route, head, rest)) => Ok(self.begin(route, head, rest, core)),
            Err(refusal) => {
                self.refuse(refusal, core);
                Ok(None)
            }
        }
    }

    fn begin(
        &mut self,
        route: Route,
        head: Head,
        mut rest: Vec<u8>,
        core: &mut Core,
    ) -> Option<Step> {
        let own = if self.stream.is_tls() {
            "https"
        } else {
            "http"
        };
        let (client, scheme) = client::client(&head, self.peer, own, &core.trusted_proxies);
        let (body, expects_continue) = match route {
            Route::Spider(upgrade) | Route::Live(upgrade) => {
                let is_spider = head.path() == stardust_shared::SPIDER_PATH;
                let handover = Handover {
                    head,
                    upgrade,
                    is_spider,
                    client,
                    https: scheme == "https",
                    rest,
                };
                return Some(Step::Upgrade(Box::new(handover)));
            }
            Route::Relay {
                body,
                expects_continue,
            } => (body, expects_continue),
        };
        if core.bodies_bytes + body > BODIES_BYTES_MAX {
            self.refuse(Refusal::Busy, core);
            return None;
        }
        core.bodies_bytes += body;
        self.reserved = body;
        let mut request = head::rewrite(&head, body, &client.to_string(), scheme);
        // Pipelined requests are not read: the answer ends the connection.
        rest.truncate(body);
        request.extend_from_slice(&rest);
        let missing = body - rest.len();
        if expects_continue && missing > 0 {
            // A few bytes on a fresh connection: the kernel has room for them.
            let _ = self.stream.write(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.deadline = core.now + BODY_TIME_MAX;
        if missing > 0 {
            self.state = State::AwaitBody { request, missing };
            return None;
        }
        self.state = State::AwaitSlot { request };
        Some(Step::WantSlot)
    }

    fn read_body(&mut self, core: &mut Core) -> io::Result<Option<Step>> {
        let State::AwaitBody { request, missing } = &mut self.state else {
            return Ok(None);
        };
        let room = core.scratch.len().min(*missing);
        let count = self.stream.read(&mut core.scratch[..room])?;
        if count == 0 {
            return Ok(Some(Step::Close));
        }
        request.extend_from_slice(&core.scratch[..count]);
        *missing -= count;
        if *missing > 0 {
            return Ok(None);
        }
        let request = std::mem::take(request);
        self.state = State::AwaitSlot { request };
        Ok(Some(Step::WantSlot))
    }

    fn relay(&mut self, core: &mut Core) -> io::Result<Option<Step>> {
        let State::Relaying(relay) = &mut self.state else {
            return Ok(None);
        };
        if relay.sent < relay.request.len() {
            match relay.upstream.write(&relay.request[relay.sent..]) {
                Ok(count) => relay.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                // It may have answered and closed before it read everything.
                Err(_) => relay.sent = relay.request.len(),
            }
            return Ok(None);
        }
        if relay.at < relay.buffer.len() {
            relay.at += self.stream.write(&relay.buffer[relay.at..])?;
            relay.answered = true;
            return Ok(None);
        }
        if relay.upstream_done {
            let answered = relay.answered;
            if answered {
                self.end(core.now);
            } else {
                self.refuse(Refusal::NoAnswer, core);
            }
            return Ok(None);
        }
        relay.buffer.resize(RELAY_BUFFER_BYTES, 0);
        relay.at = 0;
        let result = relay.upstream.read(&mut relay.buffer);
        relay.buffer.truncate(*result.as_ref().unwrap_or(&0));
        match result {
            Ok(0) => relay.upstream_done = true,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            Err(_) => relay.upstream_done = true,
        }
        Ok(None)
    }

    fn answer(&mut self, core: &mut Core) -> io::Result<Option<Step>> {
        let State::Answering { out, sent } = &mut self.state else {
            return Ok(None);
        };
        *sent += self.stream.write(&out[*sent..])?;
        if *sent == out.len() {
            self.end(core.now);
        }
        Ok(None)
    }

    /// No more is written; the client may still be sending.
    fn end(&mut self, now: Instant) {
        self.stream.finish();
        self.state = State::Lingering { seen: 0 };
        self.deadline = now + LINGER_TIME_MAX;
    }

    /// Closing with unread bytes would reset the connection, and the client might
    /// lose the answer (RFC 9112 section 9.6).
    fn linger(&mut self, core: &mut Core) -> io::Result<Option<Step>> {
        let State::Lingering { seen } = &mut self.state else {
            return Ok(None);
        };
        let count = self.stream.read(&mut core.scratch)?;
        *seen += count;
        Ok((count == 0 || *seen > LINGER_BYTES_MAX).then_some(Step::Close))
    }
}
