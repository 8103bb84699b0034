//! An HTTP connection: a request and its answer, and maybe another one.
//!
//! `AwaitHead` → `AwaitBody` → `AwaitSlot` → `Relaying` → `Answering` → `AwaitHead`
//! again, or `Lingering` at the end. The gate's own refusals and the Capsule's files
//! are `Answering` at once. From `AwaitHead` it may leave as a WebSocket, also after
//! other requests.

mod clock;
mod rank;
mod standing;

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use mio::net::UnixStream;

use super::api_slots::ApiSlot;
use super::core::Core;
use super::head::{self, Head, Route, Upgrade};
use super::limits::{
    LINGER_BYTES_MAX, LINGER_TIME_MAX, REQUESTS_MAX, UNREAD_BODY_BYTES_MAX, UNREAD_BODY_TIME_MAX,
};
use super::log_limit::Subject;
use super::out::Out;
use super::pools::{Held, Standing};
use super::proxy_protocol::{self, HEADER_BYTES_MAX, Header};
use super::refusal::Refusal;
use super::relay::{After, Fill, Relay};
use super::shares::{Rank, Ticket};
use super::source::Source;
use super::stream::{PLAIN_ON_TLS, Stream};
use super::{client, page};
use crate::log::Level;
pub use clock::Tick;
use standing::standing;

/// Most reads or writes for one connection in one turn of the loop.
const STEPS_PER_TURN: usize = 16;

pub struct HttpConn {
    pub stream: Stream,
    pub peer: IpAddr,
    /// The peer may speak for others.
    is_proxy: bool,
    /// Its first bytes may say for whom: the PROXY protocol.
    may_be_told: bool,
    /// Its number, in the list of connections.
    pub index: usize,
    state: State,
    /// When this state began.
    since: Instant,
    /// Bytes that had been sent when it was last looked at, and when these were fewer.
    moved: (u64, Instant),
    /// Its place among those who may have to go; none while it serves a session.
    pub place: Option<Ticket>,
    /// Memory that it holds.
    pub held: Held,
    /// Whom the request under way is counted to.
    pub source: Source,
    pub standing: Standing,
    /// Requests so far.
    requests: u32,
    /// Another request may follow the one under way.
    keep: bool,
    /// What was read behind the request under way.
    rest: Vec<u8>,
    /// It waits for its turn among the handshakes.
    pub is_queued: bool,
}

enum State {
    /// Of the buffer so many bytes were looked at.
    AwaitHead {
        buffer: Vec<u8>,
        seen: usize,
    },
    AwaitBody {
        request: Vec<u8>,
        missing: usize,
    },
    AwaitSlot {
        request: Vec<u8>,
    },
    Relaying(Box<Relay>),
    Answering(Box<Answer>),
    Lingering {
        left: usize,
        time: Duration,
    },
}

struct Answer {
    out: Out,
    after: After,
    /// What may still come of a request that was refused, and how long that may take.
    unread: (usize, Duration),
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
    /// It came through a proxy, which may end what is quiet.
    pub by_proxy: bool,
    pub https: bool,
    pub rest: Vec<u8>,
}

const LINGER: (usize, Duration) = (LINGER_BYTES_MAX, LINGER_TIME_MAX);

impl HttpConn {
    /// `peer` with whether it may speak for others.
    pub fn new(
        stream: Stream,
        (peer, is_proxy): (IpAddr, bool),
        index: usize,
        now: Instant,
    ) -> Self {
        Self {
            stream,
            peer,
            is_proxy,
            may_be_told: is_proxy,
            index,
            state: State::AwaitHead {
                buffer: Vec::new(),
                seen: 0,
            },
            since: now,
            moved: (0, now),
            place: None,
            held: None,
            source: peer.into(),
            standing: Standing::Stranger,
            requests: 0,
            keep: false,
            rest: Vec::new(),
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

    /// Whose place among the relays it has.
    pub fn slot(&self) -> Option<ApiSlot> {
        match &self.state {
            State::Relaying(relay) => Some(relay.slot),
            _ => None,
        }
    }

    /// A request of it was taken and is not answered yet.
    pub fn is_owed_an_answer(&self) -> bool {
        matches!(self.state, State::Relaying(_) | State::Answering(_))
    }

    pub fn upstream(&mut self) -> Option<&mut UnixStream> {
        match &mut self.state {
            State::Relaying(relay) => Some(&mut relay.upstream),
            _ => None,
        }
    }

    fn turn(&mut self, state: State, now: Instant) {
        self.state = state;
        self.since = now;
        self.moved = (self.stream.sent(), now);
    }

    /// Answers by itself; the connection ends after that.
    pub fn refuse(&mut self, refusal: Refusal, core: &mut Core) {
        core.counters.refused += 1;
        let unread = match refusal {
            // It is on its way already, and who sends it reads the answer later.
            Refusal::BodyTooLarge => (UNREAD_BODY_BYTES_MAX, UNREAD_BODY_TIME_MAX),
            _ => LINGER,
        };
        let answer = Answer {
            out: Out::owned(refusal.response()),
            after: After::Close,
            unread,
        };
        self.turn(State::Answering(Box::new(answer)), core.turn.now);
        self.account(core);
    }

    /// Gives up what it holds, for others who ask for less. False: by its end.
    pub fn give_way(&mut self, core: &mut Core) -> bool {
        let answers = matches!(
            self.state,
            State::AwaitBody { .. } | State::AwaitSlot { .. }
        );
        if answers {
            self.refuse(Refusal::Busy, core);
        }
        answers
    }

    /// The request goes to the API.
    pub fn start_relay(&mut self, upstream: UnixStream, now: Instant) {
        if let State::AwaitSlot { request } = &mut self.state {
            let request = std::mem::take(request);
            let relay = Relay::new(upstream, (self.standing, self.source), request, self.keep);
            self.turn(State::Relaying(Box::new(relay)), now);
        }
    }

    /// Does what can be done without waiting.
    pub fn drive(&mut self, core: &mut Core) -> Step {
        let step = self.work(core);
        self.account(core);
        step
    }

    fn work(&mut self, core: &mut Core) -> Step {
        self.stream.push();
        for _ in 0..STEPS_PER_TURN {
            let step = match &mut self.state {
                State::AwaitHead { .. } if self.may_be_told => self.read_proxy_header(core),
                State::AwaitHead { .. } => self.read_head(core),
                State::AwaitBody { .. } => self.read_body(core),
                State::AwaitSlot { .. } => return Step::Wait,
                State::Relaying(_) => self.relay(core),
                State::Answering(_) => self.answer(core),
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
                        core.notes
                            .say(Level::Info, Subject::Tls, core.turn.now, || {
                                format!("{peer}: the TLS of a connection failed: {error}")
                            });
                    }
                    return Step::Close;
                }
            }
        }
        Step::Again
    }

    /// What a proxy that only passes bytes on says of its client.
    fn read_proxy_header(&mut self, core: &mut Core) -> io::Result<Option<Step>> {
        let mut bytes = [0; HEADER_BYTES_MAX];
        let count = self.stream.client().peek(&mut bytes)?;
        if count == 0 {
            return Ok(Some(Step::Close));
        }
        match proxy_protocol::read(&bytes[..count]) {
            Header::Absent => self.may_be_told = false,
            // It stays where it is, and more of it is told of.
            Header::More => return Err(io::ErrorKind::WouldBlock.into()),
            Header::Whole { client, bytes: end } => {
                self.stream.client().read_exact(&mut bytes[..end])?;
                self.may_be_told = false;
                if let Some(client) = client {
                    self.peer = client;
                    self.is_proxy = core.trusts(client);
                    self.source = client.into();
                    self.rank_newcomer(core);
                }
            }
            Header::Broken(what) => {
                let peer = self.peer;
                core.notes
                    .say(Level::Warn, Subject::ProxyProtocol, core.turn.now, || {
                        format!("{peer}: a header of the PROXY protocol was refused: {what}")
                    });
                return Ok(Some(Step::Close));
            }
        }
        Ok(None)
    }

    /// Whether what waits is the PROXY protocol.
    pub fn begins_with_proxy(&mut self) -> bool {
        let mut bytes = [0; 16];
        let count = self.stream.client().peek(&mut bytes).unwrap_or(0);
        proxy_protocol::begins(&bytes[..count])
    }

    fn read_head(&mut self, core: &mut Core) -> io::Result<Option<Step>> {
        let State::AwaitHead { buffer, seen } = &mut self.state else {
            return Ok(None);
        };
        // What was read behind the request before is looked at first.
        if buffer.len() == *seen {
            let count = self.stream.read(&mut core.turn.scratch)?;
            if count == 0 {
                return Ok(Some(Step::Close));
            }
            // It is kept no longer: the head has its own time.
            if buffer.is_empty() && self.requests > 0 {
                self.since = core.turn.now;
            }
            buffer.extend_from_slice(&core.turn.scratch[..count]);
        }
        let looked = std::mem::replace(seen, buffer.len());
        let parsed = match head::find_end(buffer, looked) {
            _ if looked == 0 && proxy_protocol::begins(buffer) => Err(Refusal::ProxyProtocol),
            Ok(None) if looked > 0 => return Ok(None),
            Ok(None) => {
                self.rank(Rank::Asking, core);
                return Ok(None);
            }
            Ok(Some(end)) => head::parse(&buffer[..end])
                .and_then(|head| {
                    let route = head::route(&head)?;
                    if let Err(refusal) = core.services.hosts.check(&head) {
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
                self.rank(Rank::Served, core);
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
        let (client, scheme) = client::client(
            &head,
            (self.peer, self.is_proxy),
            own,
            &core.services.trusted_proxies,
        );
        self.source = client.into();
        self.requests += 1;
        if !core.services.networks.admit(head.path(), client) {
            self.refuse(Refusal::Network, core);
            return None;
        }
        let (body, expects_continue) = match route {
            Route::Spider(upgrade) | Route::Live(upgrade) => {
                let is_spider = head.path() == stardust_shared::SPIDER_PATH;
                self.rank(Rank::Served, core);
                let by_proxy = self.is_proxy || client != self.peer || names_a_proxy(&head);
                let handover = Handover {
                    head,
                    upgrade,
                    is_spider,
                    client,
                    by_proxy,
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
        self.standing = standing(&head, client, scheme == "https", core);
        self.rank(Rank::Served, core);
        // Who comes again and again while others wait comes anew.
        self.keep = head.keeps() && self.requests < REQUESTS_MAX && !core.room.stopping;
        self.keep &= !core.room.crowded || self.standing == Standing::Session;
        if let Some(out) = page::answer(&head, body, scheme == "https", self.keep) {
            self.rest = rest;
            let answer = Answer {
                out,
                after: if self.keep { After::Keep } else { After::Close },
                unread: LINGER,
            };
            self.turn(State::Answering(Box::new(answer)), core.turn.now);
            return None;
        }
        let mut request = head::rewrite(&head, body, &client.to_string(), scheme);
        self.rest = rest.split_off(body.min(rest.len()));
        request.extend_from_slice(&rest);
        let missing = body - rest.len();
        if expects_continue && missing > 0 {
            // A few bytes, and the answer before has left: the kernel has room for them.
            let _ = self.stream.write(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        if missing > 0 {
            self.turn(State::AwaitBody { request, missing }, core.turn.now);
            return None;
        }
        self.turn(State::AwaitSlot { request }, core.turn.now);
        Some(Step::WantSlot)
    }

    fn read_body(&mut self, core: &mut Core) -> io::Result<Option<Step>> {
        let State::AwaitBody { request, missing } = &mut self.state else {
            return Ok(None);
        };
        let room = core.turn.scratch.len().min(*missing);
        let count = self.stream.read(&mut core.turn.scratch[..room])?;
        if count == 0 {
            return Ok(Some(Step::Close));
        }
        request.extend_from_slice(&core.turn.scratch[..count]);
        *missing -= count;
        if *missing > 0 {
            return Ok(None);
        }
        let request = std::mem::take(request);
        self.turn(State::AwaitSlot { request }, core.turn.now);
        Ok(Some(Step::WantSlot))
    }

    /// Both ways as far as they go: the API must not wait for the client.
    fn relay(&mut self, core: &mut Core) -> io::Result<Option<Step>> {
        let State::Relaying(relay) = &mut self.state else {
            return Ok(None);
        };
        let fill = relay.fill(&mut core.turn.scratch);
        if let Fill::Over(after) = fill {
            let out = Out::owned(relay.buffer.split_off(relay.at));
            if after == After::Nothing {
                self.refuse(Refusal::NoAnswer, core);
            } else {
                let answer = Answer {
                    out,
                    after,
                    unread: LINGER,
                };
                self.turn(State::Answering(Box::new(answer)), core.turn.now);
            }
            return Ok(None);
        }
        if !relay.is_empty() {
            match self.stream.write(&relay.buffer[relay.at..]) {
                Ok(count) => {
                    relay.at += count;
                    return Ok(None);
                }
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Err(_) => {}
            }
        }
        match fill {
            Fill::Blocked => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(None),
        }
    }

    fn answer(&mut self, core: &mut Core) -> io::Result<Option<Step>> {
        let State::Answering(answer) = &mut self.state else {
            return Ok(None);
        };
        if !answer.out.is_over() {
            answer.out.write(&mut self.stream)?;
            return Ok(None);
        }
        // With TLS the last of it may wait for the kernel.
        self.stream.flush()?;
        match answer.after {
            After::Keep if !core.room.stopping => {
                self.keep_on(core);
                Ok(None)
            }
            After::Cut | After::Nothing => Ok(Some(Step::Close)),
            After::Keep | After::Close => {
                // No more is written; the client may still be sending.
                let (left, time) = answer.unread;
                self.stream.finish();
                self.turn(State::Lingering { left, time }, core.turn.now);
                self.rank(Rank::Leaving, core);
                Ok(None)
            }
        }
    }

    /// The next request, whoever it is from.
    fn keep_on(&mut self, core: &mut Core) {
        let buffer = std::mem::take(&mut self.rest);
        let waits = buffer.is_empty();
        self.turn(State::AwaitHead { buffer, seen: 0 }, core.turn.now);
        self.standing = Standing::Stranger;
        if waits {
            self.source = self.peer.into();
            self.rank(Rank::Kept, core);
        }
    }

    /// Closing with unread bytes would reset the connection, and the client might
    /// lose the answer (RFC 9112 section 9.6).
    fn linger(&mut self, core: &mut Core) -> io::Result<Option<Step>> {
        let State::Lingering { left, .. } = &mut self.state else {
            return Ok(None);
        };
        let count = self.stream.read(&mut core.turn.scratch)?;
        *left = left.saturating_sub(count);
        Ok((count == 0 || *left == 0).then_some(Step::Close))
    }
}

/// Whether a proxy has left its mark on a request, also one that is not believed.
fn names_a_proxy(head: &Head) -> bool {
    let marks = ["via", "forwarded", "x-forwarded-for"];
    marks.iter().any(|name| head.get(name).is_some())
}

/// Whoever reads the log may have forgotten to allow a name.
fn tell_host(refusal: Refusal, head: &Head, core: &mut Core) {
    if refusal == Refusal::Host {
        core.notes
            .say(Level::Warn, Subject::ForeignHost, core.turn.now, || {
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
