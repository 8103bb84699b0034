//! The gate: the server's listener and its one event loop, the public port.
//!
//! It accepts, reads one request head, and routes: `/ws` and `/live` become
//! WebSockets in the loop, everything else is relayed to tiny_http on a private
//! Unix socket. The loop never waits on disk, DNS, SSH or a lock that is held
//! across I/O. What bounds it is in [`limits`].

mod accept;
mod acks;
mod api_proxy;
mod api_slots;
mod broadcast;
mod client;
mod close;
mod commit;
mod core;
mod frame;
mod greeting;
mod handle;
mod head;
mod host;
mod http_conn;
mod inbox;
mod layouts;
mod limits;
mod listener;
mod live;
mod log_limit;
mod networks;
mod out;
mod pace;
mod page;
mod pools;
mod proxy_protocol;
mod refusal;
mod relay;
mod shares;
mod socket;
mod source;
mod spider;
mod stream;
mod streaming;
mod timers;
mod turns;
mod upgrade;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};
use slab::Slab;

use self::api_slots::ApiSlots;
use self::commit::Commits;
use self::core::{Core, LoopTurn, Services};
pub use self::handle::{Event, GateHandle};
pub use self::host::{Hosts, name as host_name};
use self::http_conn::{HttpConn, Step};
pub use self::limits::{BINDS_MAX, connections_max, files_needed};
use self::limits::{EVENTS_PER_TURN, GATHER_TIME, JOBS_PAUSE, LIVE_TICK, SWEEP_TICK};
use self::listener::Listener;
use self::live::LiveConn;
use self::log_limit::Subject;
use self::shares::Ticket;
use self::socket::{Ending, code};
use self::spider::{SpiderConn, Turn};
use self::stream::Stream;
use self::turns::Turns;
use crate::address_range::AddressRange;
use crate::clock::{boot_ms, wall_ms};
use crate::history::Command;
use crate::listen::Listen;
use crate::log::Level;
use crate::memory::LargePages;
use crate::prefetch;
use crate::stats::Stats;
pub use networks::Networks;

const WAKER: Token = Token(usize::MAX - 1);
/// The listeners have tokens from here on.
const LISTENERS: usize = usize::MAX - 1 - BINDS_MAX;
/// A connection `n` has token `2 n`; its socket to the API has `2 n + 1`.
fn token(conn: usize) -> Token {
    Token(conn * 2)
}

/// Boxes all: the list of them stays small enough for the processor's cache.
enum Conn {
    Http(Box<HttpConn>),
    Spider(Box<SpiderConn>),
    Live(Box<LiveConn>),
}

impl Conn {
    fn stream(&mut self) -> &mut Stream {
        match self {
            Self::Http(http) => &mut http.stream,
            Self::Spider(spider) => spider.socket.stream(),
            Self::Live(live) => live.socket.stream(),
        }
    }
}

/// What the gate is made of.
pub struct GateParts {
    pub fleet: Arc<crate::hub::Fleet>,
    pub jobs: Arc<crate::jobs::Board>,
    pub auth: Arc<crate::auth::Auth>,
    pub intakes: crate::history::Intakes,
    pub trusted_proxies: Vec<AddressRange>,
    /// From where it may be asked.
    pub networks: Networks,
    /// Under which names it is asked.
    pub hosts: Hosts,
    pub interval_ms: Option<u64>,
    pub api_socket: PathBuf,
    pub history: Sender<Command>,
    pub commit_interval: Duration,
    /// TLS on the public port.
    pub tls: Option<crate::tls::TlsSlot>,
    /// Files that the process may have open.
    pub files_max: usize,
    pub health: Arc<Stats>,
    /// Told that the loop goes round.
    pub watchdog: Option<crate::notify::Watchdog>,
}

pub struct Gate {
    poll: Poll,
    connections_max: usize,
    listeners: Vec<Listener>,
    tls: Option<crate::tls::TlsSlot>,
    events: Receiver<Event>,
    conns: Slab<Conn>,
    core: Core,
    commits: Commits,
    /// Connections with more to do than one turn allows.
    again: Vec<usize>,
    /// Connections whose handshake of TLS goes on when all others had their turn.
    handshakes: Turns,
    accept_paused_until: Option<Instant>,
    slots: ApiSlots,
    /// Places of WebSockets that were told to close and have not yet.
    leaving: std::collections::HashMap<usize, Ticket>,
    next_sweep: Instant,
    /// Which part of the Spiders the last sweep looked at.
    swept: usize,
    next_live: Instant,
    /// When jobs that have something to tell are told of.
    next_jobs: Option<Instant>,
    stop_by: Option<Instant>,
    health: Arc<Stats>,
    watchdog: Option<crate::notify::Watchdog>,
    turns: u64,
    large_pages: LargePages,
}

/// The parts of a gate that exist before the threads that talk to it.
pub struct GateSocket {
    poll: Poll,
    listeners: Vec<Listener>,
    events: Receiver<Event>,
    address: SocketAddr,
}

impl GateSocket {
    /// Listens on all of `binds`; port 0 takes any free one, the same for all of them.
    ///
    /// # Errors
    /// With the one that can't be listened on.
    pub fn bind(binds: &[Listen], port: u16) -> Result<(Self, GateHandle), (String, io::Error)> {
        let poll = Poll::new().map_err(|error| ("all of them".to_owned(), error))?;
        // IPv4 first: where `0.0.0.0` is listened on, `::` is for IPv6 alone.
        let mut binds: Vec<&Listen> = binds.iter().collect();
        binds.sort_by_key(|listen| matches!(listen, Listen::Address(IpAddr::V6(_))));
        let all_v4 = Listen::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let has_v4 = binds.contains(&&all_v4);
        let (mut listeners, mut port): (Vec<Listener>, u16) = (Vec::new(), port);
        for (number, listen) in binds.into_iter().enumerate() {
            let name = match listen {
                Listen::Address(address) => SocketAddr::new(*address, port).to_string(),
                Listen::Unix(_) => listen.to_string(),
            };
            let bound = Listener::bind(listen, port, has_v4).and_then(|mut listener| {
                listener.register(poll.registry(), Token(LISTENERS + number))?;
                Ok(listener)
            });
            let listener = bound.map_err(|error| (name, error))?;
            port = listener.address().map_or(port, |address| address.port());
            listeners.push(listener);
        }
        // Where only a proxy on this machine comes, a Spider here finds nobody else.
        let address = listeners.iter().find_map(Listener::address);
        let address = address.unwrap_or((Ipv4Addr::LOCALHOST, port).into());
        let waker = Waker::new(poll.registry(), WAKER).map_err(|error| (String::new(), error))?;
        let (handle, events) = GateHandle::new(Arc::new(waker));
        Ok((
            Self {
                poll,
                listeners,
                events,
                address,
            },
            handle,
        ))
    }

    /// All of them, for a person.
    pub fn names(&self) -> Vec<String> {
        self.listeners.iter().map(Listener::name).collect()
    }

    /// The first TCP address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Gate {
    pub fn new(socket: GateSocket, parts: GateParts) -> Self {
        let now = Instant::now();
        Self {
            poll: socket.poll,
            connections_max: limits::connections_max(parts.files_max),
            listeners: socket.listeners,
            tls: parts.tls,
            events: socket.events,
            conns: Slab::new(),
            commits: Commits::new(parts.history, parts.commit_interval, now),
            core: Core::new(
                Services {
                    fleet: parts.fleet,
                    jobs: parts.jobs,
                    auth: parts.auth,
                    trusted_proxies: parts.trusted_proxies,
                    networks: parts.networks,
                    hosts: parts.hosts,
                    interval_ms: parts.interval_ms,
                    api_socket: parts.api_socket,
                },
                parts.intakes,
                LoopTurn {
                    now,
                    wall_ms: wall_ms(),
                    scratch: vec![0; 64 << 10],
                    inbox: Vec::new(),
                },
            ),
            again: Vec::new(),
            handshakes: Default::default(),
            accept_paused_until: None,
            slots: ApiSlots::default(),
            leaving: Default::default(),
            next_sweep: now + SWEEP_TICK,
            swept: 0,
            next_live: now + LIVE_TICK,
            next_jobs: None,
            stop_by: None,
            health: parts.health,
            watchdog: parts.watchdog,
            turns: 0,
            large_pages: LargePages::default(),
        }
    }

    /// Runs until told to stop.
    ///
    /// # Errors
    /// Only when the system's poll itself fails.
    pub fn run(mut self) -> io::Result<()> {
        let mut ready = Events::with_capacity(EVENTS_PER_TURN);
        let mut gathering = false;
        loop {
            if gathering {
                // Whoever comes meanwhile waits no longer than this.
                std::thread::sleep(GATHER_TIME);
            }
            match self.poll.poll(&mut ready, Some(self.timeout())) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let before = std::mem::replace(&mut self.core.turn.now, Instant::now());
            self.core.turn.wall_ms = wall_ms();
            self.core
                .telemetry
                .intakes
                .now_is(self.core.turn.wall_ms, boot_ms());
            // Turns with Spiders' messages alone, one hard on the other.
            gathering = self.core.turn.now - before < GATHER_TIME * 2 && self.stop_by.is_none();
            // Told first: a node that was just added must be known before its Spider.
            self.take_events();
            for index in std::mem::take(&mut self.again) {
                self.drive(index);
            }
            let tokens: Vec<usize> = ready.iter().map(|event| event.token().0).collect();
            for (at, event) in ready.iter().enumerate() {
                self.fetch_ahead(&tokens[at + 1..]);
                match event.token() {
                    WAKER => {}
                    Token(token) if token >= LISTENERS => {
                        if let Some(listener) = self.listeners.get_mut(token - LISTENERS) {
                            listener.again = true;
                        }
                        gathering = false;
                    }
                    Token(token) => {
                        if let Some(conn) = self.conns.get_mut(token / 2) {
                            gathering &= matches!(conn, Conn::Spider(_));
                            // An odd one is that of the API's socket.
                            if token % 2 == 0 {
                                conn.stream().ready(event);
                            }
                        }
                        if !self.queue_handshake(token / 2) {
                            self.drive(token / 2);
                        }
                    }
                }
            }
            self.shake_hands();
            self.accept();
            self.hand_out();
            self.start_relays();
            self.ticks();
            self.hand_out();
            gathering &= self.again.is_empty() && self.handshakes.is_empty();
            // Others have something already.
            gathering &= tokens.len() < EVENTS_PER_TURN;
            self.turns += 1;
            if self.stopped() {
                return Ok(());
            }
        }
    }

    /// Asks for the memory of the Spiders that have their turn next. What is found
    /// behind a pointer is asked for when that has come, which takes about as long as
    /// a turn: the last of these is only looked up, the first is ready to be driven.
    fn fetch_ahead(&self, tokens: &[usize]) {
        let spider = |ahead: usize| match self.conns.get(tokens.get(ahead)? / 2)? {
            Conn::Spider(spider) => Some(&**spider),
            _ => None,
        };
        if let Some(spider) = spider(6) {
            prefetch::fetch(spider);
        }
        if let Some(spider) = spider(4) {
            spider.fetch_stream();
        }
        let places = [4, 2, 0].map(|ahead| spider(ahead).and_then(SpiderConn::places));
        let [slot, soon, next] = places.map(|places| places.map(|places| places.intake));
        let intakes = &self.core.telemetry.intakes;
        slot.inspect(|place| intakes.fetch_slot(*place));
        soon.inspect(|place| intakes.fetch(*place));
        next.inspect(|place| intakes.fetch_block(*place));
        let live = places.map(|places| places.map(|places| places.live));
        if live.iter().any(Option::is_some) {
            self.core.services.fleet.fetch(live);
        }
    }

    fn timeout(&self) -> Duration {
        let accepting = self.stop_by.is_none() && self.accept_paused_until.is_none();
        let waiting = !self.again.is_empty() || !self.handshakes.is_empty();
        let more = self.listeners.iter().any(|listener| listener.again);
        if waiting || (more && accepting) {
            return Duration::ZERO;
        }
        let next = self.next_sweep.min(self.next_live).min(self.commits.due());
        let next = self.next_jobs.map_or(next, |jobs| next.min(jobs));
        next.saturating_duration_since(Instant::now())
    }

    /// Lets one connection do its work. A fault in it (a library's assertion,
    /// say) ends that connection and nothing else.
    fn drive(&mut self, index: usize) {
        let work = AssertUnwindSafe(|| self.drive_unguarded(index));
        if std::panic::catch_unwind(work).is_err() {
            let now = self.core.turn.now;
            self.core.notes.say(Level::Error, Subject::Fault, now, || {
                "a connection was ended because of a fault of the gate's own".into()
            });
            // What it holds may be half-changed: nothing of it is used again.
            let guarded =
                AssertUnwindSafe(|| self.close(index, &Ending::gone("an internal fault")));
            let _ = std::panic::catch_unwind(guarded);
        }
    }

    /// Unknown numbers are events of connections that ended in this turn.
    fn drive_unguarded(&mut self, index: usize) {
        let Some(conn) = self.conns.get_mut(index) else {
            return;
        };
        match conn {
            Conn::Http(http) => {
                let had = http.slot();
                let step = http.drive(&mut self.core);
                if let Some(slot) = had.filter(|_| http.slot().is_none()) {
                    self.slots.free(slot);
                }
                match step {
                    Step::Wait => {}
                    Step::Again => self.again.push(index),
                    Step::Close => self.close(index, &Ending::gone("closed")),
                    Step::WantSlot => self.slots.wait(http.standing, http.source, index),
                    Step::Upgrade(handover) => self.upgrade(index, *handover),
                    Step::PlainOnTls => self.refuse_plain(index),
                }
                self.relieve();
            }
            Conn::Spider(spider) => match spider.drive(&mut self.core) {
                Ok(Turn::Done) => {}
                Ok(Turn::More) => self.again.push(index),
                Err(ending) => self.close(index, &ending),
            },
            Conn::Live(live) => {
                let result = live.drive(&mut self.core);
                let fresh = std::mem::take(&mut live.newly_watched);
                match result {
                    Ok(turn) => {
                        self.rewatch(index, &fresh);
                        if matches!(turn, Turn::More) {
                            self.again.push(index);
                        }
                        self.flush_live(index);
                    }
                    Err(ending) => self.close(index, &ending),
                }
            }
        }
    }

    fn ticks(&mut self) {
        let now = self.core.turn.now;
        if now >= self.next_live {
            self.next_live = now + LIVE_TICK;
            self.tell_changes();
        }
        if self.next_jobs.is_some_and(|due| now >= due) {
            self.next_jobs = None;
            self.tell_jobs();
        }
        if now >= self.next_sweep {
            self.next_sweep = now + SWEEP_TICK;
            self.sweep();
        }
        self.commits.tick(&mut self.core);
    }

    fn take_events(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            match event {
                Event::NodeRemoved(node) => {
                    self.core.telemetry.intakes.forget(node);
                    self.commits.forget(node);
                    if let Some(&index) = self.core.telemetry.spiders.get(&node) {
                        self.close(
                            index,
                            &Ending::close(code::NODE_REMOVED, "the node was removed"),
                        );
                    }
                    self.core.telemetry.paces.remove(&node);
                }
                Event::SessionsEnded(ids) => self.end_sessions(&ids),
                Event::History(outcome) => {
                    let acks = self.commits.outcome(outcome, &mut self.core);
                    self.acknowledge(&acks);
                }
                Event::Jobs => {
                    self.next_jobs
                        .get_or_insert(self.core.turn.now + JOBS_PAUSE);
                }
                Event::Happened(news) => self.tell_events(&news),
                Event::Stop => self.begin_stop(),
            }
        }
    }

    fn acknowledge(&mut self, acks: &[crate::history::Committed]) {
        for done in acks {
            let Some(&index) = self.core.telemetry.spiders.get(&done.node) else {
                continue;
            };
            let Some(Conn::Spider(spider)) = self.conns.get_mut(index) else {
                continue;
            };
            if spider.run() != Some(&*done.run) {
                continue;
            }
            if let Err(ending) = spider.ack(done.seq, self.core.turn.now) {
                self.close(index, &ending);
            }
        }
        if !acks.is_empty() && std::mem::take(&mut self.core.telemetry.overflowed) {
            // Room again: a fresh session sends what was not taken in.
            self.close_all(
                |conn| matches!(conn, Conn::Spider(spider) if spider.missed()),
                &Ending::close(code::FRESH_SESSION, "history takes samples again"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_while_the_loop_is_busy_finds_room_to_wait() {
        let (socket, _handle) =
            GateSocket::bind(&[Listen::parse("127.0.0.1").unwrap()], 0).unwrap();
        let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        let count = most.trim().parse::<usize>().unwrap().min(400);
        // Nobody accepts. One that finds no room is sent away without a word, and
        // tries again after a second.
        let second = Duration::from_secs(1);
        let waiting: Vec<_> = (0..count)
            .map_while(|_| std::net::TcpStream::connect_timeout(&socket.address(), second).ok())
            .collect();
        assert_eq!(waiting.len(), count);
    }
}
