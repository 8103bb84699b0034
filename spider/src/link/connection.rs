//! Where the connection stands, and what moves it on.
//!
//! ```text
//! Waiting ─► Resolving ─► Dialing ─► (Tunneling) ─► Upgrading ─► Open ─► Closing ─► Waiting
//! ```
//! With a proxy its name is resolved and dialed, and it makes the tunnel.
//! Every failure on the way goes to `Waiting` with the backoff's delay.

use std::sync::Arc;

use mio::net::TcpStream;
use mio::{Registry, Token, Waker};
use tungstenite::protocol::{CloseFrame, Message, WebSocket};
use tungstenite::{Bytes, Error};

use super::clocks::Clocks;
use super::connect::{Dial, Target};
use super::connect_errors;
use super::fault::{Fault, plain};
use super::link::{Link, News};
use super::log::{log, log_news};
use super::random::Random;
use super::resolve::Resolver;
use super::session::Output;
use super::stream::Stream;
use super::tunnel::{Step, Tunnel};
use super::upgrade::Upgrade;
use crate::clock;

/// A lookup that takes longer counts as failed.
const RESOLVE_MS_MAX: i64 = 30_000;
/// Messages read in one turn: a server that talks without end must not stop
/// the sampling.
const MESSAGES_PER_TURN: u32 = 64;
/// Turns in a row that reading may fill. An hour of acks is less than six of them.
const FULL_TURNS_MAX: u32 = 64;
/// More of the send buffer than this is given back after a catch-up.
const OUT_BYTES_KEPT: usize = 32 << 10;

pub struct Connection {
    state: State,
    resolver: Resolver,
    waker: Arc<Waker>,
    random: Random,
    /// The message that is being made.
    out: Vec<u8>,
}

enum State {
    Waiting {
        retry_ms: i64,
    },
    Resolving {
        deadline_ms: i64,
    },
    Dialing(Dial),
    /// The proxy was asked for a way to the server.
    Tunneling(Tunnel),
    Upgrading(Upgrade),
    Open(Open),
    /// Good-bye is said; the peer's is awaited for a moment.
    Closing {
        socket: Box<WebSocket<Stream>>,
        retry_ms: i64,
    },
}

struct Open {
    socket: Box<WebSocket<Stream>>,
    /// The socket took less than there was: nothing more is asked of the link.
    blocked: bool,
    /// Reading or sending stopped at the bound of one turn.
    more: bool,
    full_turns: u32,
}

impl Connection {
    pub fn new(target: &Target, waker: Arc<Waker>, random: Random) -> Self {
        let resolver = match &target.proxy {
            Some(proxy) => Resolver::new(&proxy.host, None, proxy.port),
            None => Resolver::new(
                &target.url.host,
                target.url.zone.as_deref(),
                target.url.port(),
            ),
        };
        Self {
            state: State::Waiting { retry_ms: 0 },
            resolver,
            waker,
            random,
            out: Vec::new(),
        }
    }

    /// Something waits to be read without an event telling so.
    pub fn has_more(&self) -> bool {
        matches!(&self.state, State::Open(open) if open.more)
    }

    /// Nothing is waited for but the server's word, which is in no hurry.
    pub fn is_quiet(&self, link: &Link) -> bool {
        matches!(&self.state, State::Open(open) if !open.blocked && !open.more)
            && link.is_streaming()
    }

    pub fn deadline_ms(&self, link: &Link) -> Option<i64> {
        match &self.state {
            State::Waiting { retry_ms } => Some(*retry_ms),
            State::Resolving { deadline_ms } => Some(*deadline_ms),
            State::Dialing(dial) => Some(dial.deadline_ms()),
            State::Open(open) => link.deadline_ms(!open.blocked),
            State::Tunneling(_) | State::Upgrading(_) | State::Closing { .. } => {
                link.deadline_ms(false)
            }
        }
    }

    /// Time has passed, or a lookup may be done.
    pub fn tick(&mut self, link: &mut Link, target: &Target, registry: &Registry, token: Token) {
        let now_ms = clock::boot_ms();
        let clocks = Clocks {
            boot_ms: now_ms,
            wall_ms: clock::wall_ms(),
        };
        if matches!(self.state, State::Open(_)) && link.ends_for_clock(clocks) {
            self.close(1000, "the clock of this machine was set", now_ms);
        }
        match &self.state {
            State::Waiting { retry_ms } if *retry_ms <= now_ms => self.resolve(link, now_ms),
            State::Dialing(_) => self.dial(link, target, registry, token),
            State::Waiting { .. } | State::Resolving { .. } => {}
            state => {
                let by_proxy = matches!(state, State::Tunneling(_));
                if let Err(fault) = link.tick(now_ms) {
                    let silent = by_proxy.then(connect_errors::silent_proxy);
                    self.fail(link, &silent.unwrap_or(fault));
                }
            }
        }
        if let State::Resolving { deadline_ms } = self.state {
            match self.resolver.take() {
                Some(Ok(addresses)) => {
                    self.state = State::Dialing(Dial::new(addresses, target.proxy.is_some()));
                    self.dial(link, target, registry, token);
                }
                Some(Err(error)) => {
                    let fault = match &target.proxy {
                        Some(proxy) => connect_errors::resolve_proxy(&error, &proxy.host),
                        None => connect_errors::resolve(&error, &target.url.host),
                    };
                    self.fail(link, &fault);
                }
                None if now_ms >= deadline_ms => self.fail(
                    link,
                    &Fault::link_down(
                        "the server's name is not resolved after 30 s; check the DNS of this machine",
                    ),
                ),
                None => {}
            }
        }
    }

    /// The socket has something to say.
    pub fn advance(
        &mut self,
        clocks: Clocks,
        link: &mut Link,
        target: &Target,
        registry: &Registry,
        token: Token,
    ) {
        if matches!(self.state, State::Dialing(_)) {
            self.dial(link, target, registry, token);
        }
        if matches!(self.state, State::Tunneling(_)) {
            self.tunnel(link, target);
        }
        if matches!(self.state, State::Upgrading(_)) {
            self.upgrade(link, target);
        }
        let result = match &mut self.state {
            State::Open(open) => open.read(clocks, link, target),
            State::Closing { socket, .. } => discard(socket).map(|()| Received::All),
            _ => Ok(Received::All),
        };
        match result {
            Ok(Received::All) => {}
            // The next run has a session of its own, at once.
            Ok(Received::RunDone) => self.close(1000, "all of an earlier run", clocks.boot_ms),
            Err(fault) => self.fail(link, &fault),
        }
    }

    /// This process ends. The server is told, when there is a session.
    pub fn stop(&mut self, link: &mut Link) {
        link.stop(clock::boot_ms());
        self.close(1001, "the Spider was stopped", i64::MAX);
    }

    /// Good-bye is on its way.
    pub fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing { .. })
    }

    /// Says good-bye on an open WebSocket; any other try is given up.
    fn close(&mut self, code: u16, reason: &str, retry_ms: i64) {
        let state = std::mem::replace(&mut self.state, State::Waiting { retry_ms });
        if let State::Open(mut open) = state {
            let frame = CloseFrame {
                code: code.into(),
                reason: reason.into(),
            };
            // The peer's own close needs no other answer than tungstenite's.
            let _ = open.socket.close(Some(frame));
            self.state = State::Closing {
                socket: open.socket,
                retry_ms,
            };
        }
    }

    /// Sends what the link has, as far as the socket takes it.
    pub fn send(&mut self, link: &mut Link, target: &Target) {
        if let State::Open(open) = &mut self.state
            && let Err(fault) = open.send(link, target, &mut self.out)
        {
            self.fail(link, &fault);
        }
    }

    fn resolve(&mut self, link: &mut Link, now_ms: i64) {
        match self.resolver.start(&self.waker) {
            Ok(()) => {
                self.state = State::Resolving {
                    deadline_ms: now_ms + RESOLVE_MS_MAX,
                };
            }
            Err(error) => self.fail(
                link,
                &Fault::unknown(format!(
                    "no thread could be started to resolve the server's name: {error}; this machine is short of memory or of processes"
                )),
            ),
        }
    }

    fn dial(&mut self, link: &mut Link, target: &Target, registry: &Registry, token: Token) {
        let State::Dialing(dial) = &mut self.state else {
            return;
        };
        let now_ms = clock::boot_ms();
        match dial.step(now_ms, registry, token) {
            Ok(None) => {}
            Ok(Some(tcp)) => {
                link.connected(now_ms);
                match &target.proxy {
                    Some(proxy) => {
                        self.state = State::Tunneling(Tunnel::new(tcp, proxy, &target.url));
                        self.tunnel(link, target);
                    }
                    None => self.start_upgrade(link, target, tcp),
                }
            }
            Err(fault) => self.fail(link, &fault),
        }
    }

    fn tunnel(&mut self, link: &mut Link, target: &Target) {
        let state = std::mem::replace(&mut self.state, State::Waiting { retry_ms: 0 });
        let (State::Tunneling(tunnel), Some(proxy)) = (state, &target.proxy) else {
            return;
        };
        match tunnel.step(proxy) {
            Ok(Step::Waits(tunnel)) => self.state = State::Tunneling(tunnel),
            Ok(Step::Through(tcp)) => self.start_upgrade(link, target, tcp),
            Err(fault) => self.fail(link, &fault),
        }
    }

    fn start_upgrade(&mut self, link: &mut Link, target: &Target, tcp: TcpStream) {
        match Upgrade::start(target, tcp) {
            Ok(upgrade) => {
                self.state = State::Upgrading(upgrade);
                self.upgrade(link, target);
            }
            Err(fault) => self.fail(link, &fault),
        }
    }

    fn upgrade(&mut self, link: &mut Link, target: &Target) {
        let State::Upgrading(upgrade) = &mut self.state else {
            return;
        };
        match upgrade.step(target) {
            Ok(None) => {}
            Ok(Some(socket)) => {
                link.opened(Clocks {
                    boot_ms: clock::boot_ms(),
                    wall_ms: clock::wall_ms(),
                });
                self.state = State::Open(Open {
                    socket: Box::new(socket),
                    blocked: false,
                    // A message may have come along with the answer's head.
                    more: true,
                    full_turns: 0,
                });
            }
            Err(fault) => self.fail(link, &fault),
        }
    }

    fn fail(&mut self, link: &mut Link, fault: &Fault) {
        let state = std::mem::replace(&mut self.state, State::Waiting { retry_ms: 0 });
        if let State::Closing { retry_ms, .. } = state {
            // Told and counted when good-bye was said.
            link.gone();
            self.state = State::Waiting { retry_ms };
            return;
        }
        let failed = link.failed(clock::boot_ms(), fault, self.random.bits());
        if let Some(line) = &failed.line {
            log(line);
        }
        let retry_ms = failed.retry_ms;
        if let (Some(code), State::Open(_)) = (fault.close_code, &state) {
            self.state = state;
            self.close(code, &plain(&fault.words), retry_ms);
            return;
        }
        link.gone();
        self.state = State::Waiting { retry_ms };
    }
}

/// What reading came to.
enum Received {
    All,
    RunDone,
}

impl Open {
    fn read(
        &mut self,
        clocks: Clocks,
        link: &mut Link,
        target: &Target,
    ) -> Result<Received, Fault> {
        self.more = false;
        self.socket.get_mut().refill();
        for _ in 0..MESSAGES_PER_TURN {
            match self.socket.read() {
                Ok(Message::Text(text)) => match link.text(clocks, &text)? {
                    News::RunDone => return Ok(Received::RunDone),
                    news => log_news(news),
                },
                Ok(Message::Close(frame)) => {
                    // Sends tungstenite's answer, if the socket takes it.
                    let _ = self.socket.flush();
                    let (code, reason) = frame.as_ref().map_or((1005, ""), |frame| {
                        (frame.code.into(), frame.reason.as_str())
                    });
                    return Err(Fault::closed(code, reason));
                }
                Ok(_) => link.received(clocks.boot_ms),
                Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if self.socket.get_mut().exhausted() {
                        break;
                    }
                    self.full_turns = 0;
                    return Ok(Received::All);
                }
                Err(error) => return Err(connect_errors::websocket(&error, &target.url)),
            }
        }
        self.more = true;
        self.full_turns += 1;
        if self.full_turns > FULL_TURNS_MAX {
            return Err(Fault::violation("it talks without end"));
        }
        Ok(Received::All)
    }

    fn send(&mut self, link: &mut Link, target: &Target, out: &mut Vec<u8>) -> Result<(), Fault> {
        let now_ms = clock::boot_ms();
        // What does not fit the socket stays in tungstenite's buffer: one message
        // at the most, since no other is asked for until that one is out.
        if self.blocked && !self.write(None, target)? {
            return Ok(());
        }
        for _ in 0..MESSAGES_PER_TURN {
            out.clear();
            let message = match link.poll(now_ms, out) {
                // The one allocation of a sample: tungstenite wants to own it.
                Some(Output::Binary) => Some(Message::Binary(Bytes::copy_from_slice(out))),
                Some(Output::Text(text)) => Some(Message::text(text)),
                Some(Output::Ping) => Some(Message::Ping(Bytes::new())),
                None => None,
            };
            let last = message.is_none();
            if !self.write(message, target)? || last {
                out.shrink_to(OUT_BYTES_KEPT);
                return Ok(());
            }
        }
        self.more = true;
        Ok(())
    }

    /// Writes one message, or flushes; false when the socket took not all of it.
    fn write(&mut self, message: Option<Message>, target: &Target) -> Result<bool, Fault> {
        let result = match message {
            Some(message) => self.socket.write(message),
            None => self.socket.flush(),
        };
        self.blocked = match result {
            Ok(()) => false,
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => true,
            Err(error) => return Err(connect_errors::websocket(&error, &target.url)),
        };
        Ok(!self.blocked)
    }
}

/// Reads until the peer has closed too.
fn discard(socket: &mut WebSocket<Stream>) -> Result<(), Fault> {
    socket.get_mut().refill();
    for _ in 0..MESSAGES_PER_TURN {
        match socket.read() {
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                return Ok(());
            }
            Err(_) => break,
        }
    }
    Err(Fault::unknown("closed"))
}
