//! The gate: the public port and the one event loop.
//!
//! It accepts, reads one request head, and routes: `/ws` and `/live` become
//! WebSockets in the loop, everything else is relayed to tiny_http on a private
//! Unix socket. The loop never waits on disk, DNS, SSH or a lock that is held
//! across I/O. What bounds it is in [`limits`].

mod client;
mod commit;
mod core;
mod handle;
mod head;
mod http;
mod layouts;
mod limits;
mod live;
mod notes;
mod refusal;
mod socket;
mod spider;
mod stream;
mod upgrade;

use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, UnixStream};
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use self::commit::Commits;
use self::core::Core;
pub use self::handle::{Event, GateHandle};
use self::http::{HttpConn, Step};
use self::limits::{
    ACCEPT_PAUSE, ACCEPTS_PER_TURN, BACKLOG_SAMPLES_MAX, CONNECTIONS_MAX, EVENTS_PER_TURN,
    GATHER_TIME, JOBS_PAUSE, LIVE_SAMPLES_PER_TICK, LIVE_TICK, RELAYS_MAX, RELAYS_WAITING_MAX,
    STOP_TIME_MAX, SWEEP_PARTS, SWEEP_TICK,
};
pub use self::limits::{connections_max, files_needed};
use self::live::LiveConn;
use self::notes::{Notes, Subject};
use self::refusal::Refusal;
use self::socket::{Ending, code};
use self::spider::{SpiderConn, Turn};
use self::stream::Stream;
use crate::clock::wall_ms;
use crate::health::Health;
use crate::history::Command;
use crate::log::Level;

const LISTENER: Token = Token(usize::MAX - 1);
const WAKER: Token = Token(usize::MAX - 2);
/// A connection `n` has token `2 n`; its socket to the API has `2 n + 1`.
fn token(conn: usize) -> Token {
    Token(conn * 2)
}

enum Conn {
    Http(HttpConn),
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
    pub trusted_proxies: Vec<std::net::IpAddr>,
    pub interval_ms: Option<u64>,
    pub api_socket: PathBuf,
    pub history: Sender<Command>,
    pub commit_interval: Duration,
    /// TLS on the public port.
    pub tls: Option<crate::tls::TlsSlot>,
    /// Files that the process may have open.
    pub files_max: usize,
    pub health: Arc<Health>,
}

pub struct Gate {
    poll: Poll,
    connections_max: usize,
    listener: TcpListener,
    tls: Option<crate::tls::TlsSlot>,
    events: Receiver<Event>,
    conns: Slab<Conn>,
    core: Core,
    commits: Commits,
    /// Connections with more to do than one turn allows.
    again: Vec<usize>,
    accept_again: bool,
    accept_paused_until: Option<Instant>,
    relays: usize,
    waiting: std::collections::VecDeque<usize>,
    next_sweep: Instant,
    /// Which part of the Spiders the last sweep looked at.
    swept: usize,
    next_live: Instant,
    /// When jobs that have something to tell are told of.
    next_jobs: Option<Instant>,
    stop_by: Option<Instant>,
    health: Arc<Health>,
    turns: u64,
}

/// The parts of a gate that exist before the threads that talk to it.
pub struct GateSocket {
    poll: Poll,
    listener: TcpListener,
    events: Receiver<Event>,
    address: SocketAddr,
}

impl GateSocket {
    /// Listens on `address`; port 0 takes any free one.
    pub fn bind(address: SocketAddr) -> io::Result<(Self, GateHandle)> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let (handle, events) = GateHandle::new(waker);
        Ok((
            Self {
                poll,
                listener,
                events,
                address,
            },
            handle,
        ))
    }

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
            listener: socket.listener,
            tls: parts.tls,
            events: socket.events,
            conns: Slab::new(),
            commits: Commits::new(parts.history, parts.commit_interval, now),
            core: Core {
                fleet: parts.fleet,
                jobs: parts.jobs,
                auth: parts.auth,
                intakes: parts.intakes,
                trusted_proxies: parts.trusted_proxies,
                interval_ms: parts.interval_ms,
                api_socket: parts.api_socket,
                now,
                wall_ms: wall_ms(),
                scratch: vec![0; 16 << 10],
                bodies_bytes: 0,
                spiders: Default::default(),
                live_count: 0,
                snapshot: None,
                layouts: Default::default(),
                notes: Notes::new(now),
                samples: 0,
                refused: 0,
                watchers: Default::default(),
                outbox: Default::default(),
                overflowed: false,
            },
            again: Vec::new(),
            accept_again: false,
            accept_paused_until: None,
            relays: 0,
            waiting: Default::default(),
            next_sweep: now + SWEEP_TICK,
            swept: 0,
            next_live: now + LIVE_TICK,
            next_jobs: None,
            stop_by: None,
            health: parts.health,
            turns: 0,
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
            let before = std::mem::replace(&mut self.core.now, Instant::now());
            self.core.wall_ms = wall_ms();
            // Turns with Spiders' messages alone, one hard on the other.
            gathering = self.core.now - before < GATHER_TIME * 2 && self.stop_by.is_none();
            // Told first: a node that was just added must be known before its Spider.
            self.take_events();
            for index in std::mem::take(&mut self.again) {
                self.drive(index);
            }
            for event in &ready {
                match event.token() {
                    LISTENER => {
                        self.accept_again = true;
                        gathering = false;
                    }
                    WAKER => {}
                    Token(token) => {
                        if let Some(conn) = self.conns.get_mut(token / 2) {
                            gathering &= matches!(conn, Conn::Spider(_));
                            // An odd one is that of the API's socket.
                            if token % 2 == 0 {
                                conn.stream().ready(event);
                            }
                        }
                        self.drive(token / 2);
                    }
                }
            }
            self.accept();
            self.hand_out();
            self.start_relays();
            self.ticks();
            self.hand_out();
            gathering &= self.again.is_empty();
            self.turns += 1;
            if self.stopped() {
                return Ok(());
            }
        }
    }

    fn timeout(&self) -> Duration {
        let accepting = self.stop_by.is_none() && self.accept_paused_until.is_none();
        if !self.again.is_empty() || (self.accept_again && accepting) {
            return Duration::ZERO;
        }
        let next = self.next_sweep.min(self.next_live).min(self.commits.due());
        let next = self.next_jobs.map_or(next, |jobs| next.min(jobs));
        next.saturating_duration_since(Instant::now())
    }

    fn accept(&mut self) {
        if let Some(until) = self.accept_paused_until {
            if self.core.now < until {
                return;
            }
            self.accept_paused_until = None;
        }
        if !self.accept_again || self.stop_by.is_some() {
            return;
        }
        for _ in 0..ACCEPTS_PER_TURN {
            match self.listener.accept() {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.accept_again = false;
                    return;
                }
                // The client was gone before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    let now = self.core.now;
                    let notes = &mut self.core.notes;
                    notes.say(Level::Error, Subject::AcceptFailed, now, || {
                        format!(
                            "no more connections can be accepted: {error}. Raise the limit of \
                             open files (LimitNOFILE= or ulimit -n)."
                        )
                    });
                    self.accept_paused_until = Some(self.core.now + ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }

    fn admit(&mut self, mut stream: mio::net::TcpStream, peer: SocketAddr) {
        // Over the limit: closing at once costs least, and clients try again.
        if self.conns.len() >= self.connections_max {
            let (max, now) = (self.connections_max, self.core.now);
            self.core.notes.say(Level::Warn, Subject::Full, now, || {
                format!(
                    "{max} connections are open, which is the most: new ones are closed. \
                     The limit is {CONNECTIONS_MAX}, or less where few files may be open \
                     (LimitNOFILE= or ulimit -n)"
                )
            });
            return;
        }
        let _ = stream.set_nodelay(true);
        // The TLS of a connection is the one that holds when it opens.
        let tls = self.tls.as_ref().map(crate::tls::TlsSlot::current);
        let entry = self.conns.vacant_entry();
        let index = entry.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self
            .poll
            .registry()
            .register(&mut stream, token(index), interest)
            .is_ok()
        {
            let stream = match tls {
                None => Stream::plain(stream),
                Some(config) => match Stream::tls(stream, config) {
                    Ok(stream) => stream,
                    Err(error) => return crate::log::error(&format!("TLS: {error}")),
                },
            };
            entry.insert(Conn::Http(HttpConn::new(stream, peer.ip(), self.core.now)));
        }
    }

    /// Lets one connection do its work. A fault in it (a library's assertion,
    /// say) ends that connection and nothing else.
    fn drive(&mut self, index: usize) {
        let work = AssertUnwindSafe(|| self.drive_unguarded(index));
        if std::panic::catch_unwind(work).is_err() {
            let now = self.core.now;
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
                let was_relaying = http.is_relaying();
                let step = http.drive(&mut self.core);
                if was_relaying && !http.is_relaying() {
                    self.relays -= 1;
                }
                match step {
                    Step::Wait => {}
                    Step::Again => self.again.push(index),
                    Step::Close => self.close(index, &Ending::gone("closed")),
                    Step::WantSlot if self.waiting.len() < RELAYS_WAITING_MAX => {
                        self.waiting.push_back(index)
                    }
                    Step::WantSlot => {
                        http.refuse(Refusal::Busy, &mut self.core);
                        self.again.push(index);
                    }
                    Step::Upgrade(handover) => self.upgrade(index, *handover),
                    Step::PlainOnTls => self.refuse_plain(index),
                }
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

    /// Tells a client in its own language that this is a TLS port.
    fn refuse_plain(&mut self, index: usize) {
        if let Conn::Http(http) = self.conns.remove(index) {
            let vacant = self.conns.vacant_entry();
            debug_assert_eq!(vacant.key(), index);
            let mut http = http.into_plain();
            http.refuse(Refusal::PlainOnTls, &mut self.core);
            vacant.insert(Conn::Http(http));
            self.again.push(index);
        }
    }

    fn upgrade(&mut self, index: usize, handover: http::Handover) {
        let Some(Conn::Http(http)) = self.conns.get_mut(index) else {
            return;
        };
        let admitted = match upgrade::check(&handover, &self.core) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let now = self.core.now;
                http.refuse(refusal, &mut self.core);
                self.again.push(index);
                if refusal == Refusal::Token {
                    let notes = &mut self.core.notes;
                    notes.say(Level::Warn, Subject::UnknownToken, now, || {
                        let client = handover.client;
                        format!("{client}: a Spider was refused, its token is unknown or revoked")
                    });
                }
                return;
            }
        };
        let response = upgrade::response(&handover);
        // The first bytes on this connection: the kernel's buffer is empty.
        if !matches!(io::Write::write(&mut http.stream, &response), Ok(n) if n == response.len()) {
            self.close(index, &Ending::gone("closed during the handshake"));
            return;
        }
        let Conn::Http(http) = self.conns.remove(index) else {
            return;
        };
        let vacant = self.conns.vacant_entry();
        // A slab hands out the place that was freed last: the registration stays right.
        debug_assert_eq!(vacant.key(), index);
        match admitted {
            upgrade::Admitted::Spider(node, token) => {
                let client = handover.client.to_string();
                let spider = SpiderConn::new(
                    http.stream,
                    handover.rest,
                    node,
                    token,
                    client,
                    self.core.now,
                );
                vacant.insert(Conn::Spider(Box::new(spider)));
                let before = self.core.spiders.insert(node, index);
                if let Some(before) = before.filter(|before| *before != index) {
                    let now = self.core.now;
                    let notes = &mut self.core.notes;
                    notes.say(Level::Warn, Subject::Replaced(node), now, || {
                        let client = handover.client;
                        format!(
                            "node {node}: a second Spider connected with its token, from \
                             {client}; the first was closed. Give each machine a token of its own"
                        )
                    });
                    let reason = "replaced by a newer connection with the same token";
                    self.close(before, &Ending::close(code::REPLACED, reason));
                }
            }
            upgrade::Admitted::Live(session) => {
                if self.core.live_count == 0 {
                    self.core.fleet.listen(true);
                }
                self.core.live_count += 1;
                let live = LiveConn::new(http.stream, handover.rest, session, &mut self.core);
                vacant.insert(Conn::Live(Box::new(live)));
            }
        }
        // What came behind the head is not announced again.
        self.again.push(index);
    }

    /// Gives waiting requests a place in the API.
    fn start_relays(&mut self) {
        while self.relays < RELAYS_MAX {
            let Some(index) = self.waiting.pop_front() else {
                return;
            };
            let Some(Conn::Http(http)) = self.conns.get_mut(index) else {
                continue;
            };
            if !http.is_waiting() {
                continue;
            }
            let connected = UnixStream::connect(&self.core.api_socket).and_then(|mut upstream| {
                let interest = Interest::READABLE | Interest::WRITABLE;
                let number = Token(index * 2 + 1);
                self.poll
                    .registry()
                    .register(&mut upstream, number, interest)?;
                Ok(upstream)
            });
            match connected {
                Ok(upstream) => {
                    http.start_relay(upstream, self.core.now);
                    self.relays += 1;
                }
                Err(error) => {
                    let now = self.core.now;
                    let notes = &mut self.core.notes;
                    notes.say(Level::Error, Subject::ApiUnreachable, now, || {
                        format!("the API can't be reached: {error}")
                    });
                    http.refuse(Refusal::NoAnswer, &mut self.core);
                }
            }
            self.again.push(index);
        }
    }

    /// The node's backlog that is not in the database yet, then its new samples.
    fn rewatch(&mut self, index: usize, fresh: &[i64]) {
        let Some(Conn::Live(live)) = self.conns.get(index) else {
            return;
        };
        let watched = live.watched.clone();
        let stale: Vec<i64> = self
            .core
            .watchers
            .iter()
            .filter(|(node, tokens)| tokens.contains(&index) && !watched.contains(node))
            .map(|(node, _)| *node)
            .collect();
        for node in stale {
            self.core.unwatch(index, node);
        }
        for &node in fresh {
            self.core.watch(index, node);
            let messages = self.backlog(node);
            if let Some(Conn::Live(live)) = self.conns.get_mut(index) {
                messages
                    .into_iter()
                    .for_each(|message| live.push(message.into()));
            }
        }
    }

    fn backlog(&self, node: i64) -> Vec<String> {
        // When the writer is stuck there may be hours of it: the newest count.
        let mut skip = 0usize;
        self.core
            .intakes
            .for_each_pending(node, &mut |_, _| skip += 1);
        skip = skip.saturating_sub(BACKLOG_SAMPLES_MAX);
        let mut messages = Vec::new();
        // By address: two runs of a Spider may give two layouts one number.
        let mut told: *const stardust_shared::Layout = std::ptr::null();
        self.core
            .intakes
            .for_each_pending(node, &mut |layout, state| {
                if skip > 0 {
                    skip -= 1;
                    return;
                }
                if !std::ptr::eq(told, layout) {
                    told = layout;
                    messages.push(crate::hub::layout_message(node, layout));
                }
                messages.push(crate::hub::sample_message(node, layout, state));
            });
        let conn = self
            .core
            .spiders
            .get(&node)
            .and_then(|index| self.conns.get(*index));
        if let Some(Conn::Spider(spider)) = conn
            && let Some(layout) = spider.layout()
            && !std::ptr::eq(told, Arc::as_ptr(layout))
        {
            messages.push(crate::hub::layout_message(node, layout));
        }
        messages
    }

    /// Hands samples to those who watch their nodes.
    fn hand_out(&mut self) {
        let mut touched = Vec::new();
        while let Some((node, message)) = self.core.outbox.pop_front() {
            for &index in self.core.watchers.get(&node).into_iter().flatten() {
                if let Some(Conn::Live(live)) = self.conns.get_mut(index) {
                    live.push(message.clone());
                    touched.push(index);
                }
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for index in touched {
            self.flush_live(index);
        }
    }

    fn flush_live(&mut self, index: usize) {
        let Some(Conn::Live(live)) = self.conns.get_mut(index) else {
            return;
        };
        if let Err(ending) = live.flush(self.core.now) {
            self.close(index, &ending);
        }
    }

    fn ticks(&mut self) {
        let now = self.core.now;
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

    /// Jobs that changed go to every browser, their output to those that follow it.
    fn tell_jobs(&mut self) {
        let news = self.core.jobs.take_news();
        self.core.snapshot = None;
        let changed: Vec<tungstenite::Utf8Bytes> = news
            .jobs
            .iter()
            .map(|job| crate::hub::job_message(job).into())
            .collect();
        for index in self.indexes(|conn| matches!(conn, Conn::Live(_))) {
            if let Some(Conn::Live(live)) = self.conns.get_mut(index) {
                for job in &news.output {
                    live.output(job);
                }
                changed
                    .iter()
                    .for_each(|message| live.push(message.clone()));
            }
            self.flush_live(index);
        }
    }

    fn tell_changes(&mut self) {
        // A snapshot from before these changes is of no use to those who come later.
        self.core.snapshot = None;
        if self.core.live_count == 0 {
            return;
        }
        let wall_ms = self.core.wall_ms;
        let changes = self.core.fleet.take_changes(LIVE_SAMPLES_PER_TICK, wall_ms);
        let Some(changes) = changes else { return };
        let message = tungstenite::Utf8Bytes::from(changes);
        for index in self.indexes(|conn| matches!(conn, Conn::Live(_))) {
            if let Some(Conn::Live(live)) = self.conns.get_mut(index) {
                live.push(message.clone());
            }
            self.flush_live(index);
        }
    }

    /// Tells `/metrics` how things are.
    fn publish(&self) {
        use std::sync::atomic::Ordering::Relaxed;
        let size = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let health = &self.health;
        health.connections.store(size(self.conns.len()), Relaxed);
        let max = size(self.connections_max);
        health.connections_max.store(max, Relaxed);
        health.spiders.store(size(self.core.spiders.len()), Relaxed);
        health.capsules.store(size(self.core.live_count), Relaxed);
        let pending = size(self.core.intakes.pending_bytes());
        health.pending_bytes.store(pending, Relaxed);
        health.samples.store(self.core.samples, Relaxed);
        health.refused.store(self.core.refused, Relaxed);
        health.turns.store(self.turns, Relaxed);
        self.commits.publish(health);
    }

    /// Deadlines and keep-alives.
    fn sweep(&mut self) {
        let now = self.core.now;
        self.core.notes.tick(now);
        self.publish();
        // Places are getting scarce: who has asked for nothing yet must hurry.
        let crowded = self.conns.len() > self.connections_max / 4 * 3;
        let mut endings = Vec::new();
        self.swept = (self.swept + 1) % SWEEP_PARTS;
        for (index, conn) in &mut self.conns {
            let result = match conn {
                Conn::Http(http) => {
                    let was_relaying = http.is_relaying();
                    let goes_on = http.tick(&mut self.core, crowded);
                    if was_relaying && !http.is_relaying() {
                        self.relays -= 1;
                    }
                    if goes_on {
                        // A refusal may have to be written.
                        if !http.is_relaying() && !http.is_waiting() {
                            self.again.push(index);
                        }
                        Ok(())
                    } else {
                        Err(Ending::gone("too slow"))
                    }
                }
                Conn::Spider(spider) if index % SWEEP_PARTS == self.swept => spider.tick(now),
                Conn::Spider(_) => Ok(()),
                Conn::Live(live) => live.tick(&self.core),
            };
            if let Err(ending) = result {
                endings.push((index, ending));
            }
        }
        for (index, ending) in endings {
            self.close(index, &ending);
        }
    }

    fn take_events(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            match event {
                Event::NodeRemoved(node) => {
                    self.core.intakes.forget(node);
                    self.commits.forget(node);
                    if let Some(&index) = self.core.spiders.get(&node) {
                        self.close(
                            index,
                            &Ending::close(code::NODE_REMOVED, "the node was removed"),
                        );
                    }
                }
                Event::SessionsEnded(ids) => self.end_sessions(&ids),
                Event::History(outcome) => {
                    let acks = self.commits.outcome(outcome, &mut self.core);
                    self.acknowledge(&acks);
                }
                Event::Jobs => {
                    self.next_jobs.get_or_insert(self.core.now + JOBS_PAUSE);
                }
                Event::Stop => self.begin_stop(),
            }
        }
    }

    fn acknowledge(&mut self, acks: &[crate::history::Committed]) {
        for done in acks {
            let Some(&index) = self.core.spiders.get(&done.node) else {
                continue;
            };
            let Some(Conn::Spider(spider)) = self.conns.get_mut(index) else {
                continue;
            };
            if spider.run() != Some(done.run.as_str()) {
                continue;
            }
            if let Err(ending) = spider.ack(done.seq) {
                self.close(index, &ending);
            }
        }
        if !acks.is_empty() && std::mem::take(&mut self.core.overflowed) {
            // Room again: a fresh session sends what was not taken in.
            self.close_all(
                |conn| matches!(conn, Conn::Spider(spider) if spider.missed()),
                &Ending::close(code::FRESH_SESSION, "history takes samples again"),
            );
        }
    }

    fn end_sessions(&mut self, ids: &[crate::store::SessionId]) {
        self.close_all(
            |conn| matches!(conn, Conn::Live(live) if ids.contains(live.session_id())),
            &Ending::close(code::SESSION_ENDED, "the session has ended"),
        );
    }

    /// The connections that `pick` picks; gathered first, since work on one may
    /// end it.
    fn indexes(&self, pick: impl Fn(&Conn) -> bool) -> Vec<usize> {
        let picked = self.conns.iter().filter(|(_, conn)| pick(conn));
        picked.map(|(index, _)| index).collect()
    }

    fn close_all(&mut self, pick: impl Fn(&Conn) -> bool, ending: &Ending) {
        for index in self.indexes(pick) {
            self.close(index, ending);
        }
    }

    /// Ends a connection: with a close frame where there is somebody to tell.
    fn close(&mut self, index: usize, ending: &Ending) {
        let now = self.core.now;
        let Some(conn) = self.conns.get_mut(index) else {
            return;
        };
        if let Conn::Spider(spider) = conn {
            let node = spider.node;
            // Unless a newer connection has taken its place.
            if self.core.spiders.get(&node) == Some(&index) {
                self.core.spiders.remove(&node);
                self.core
                    .fleet
                    .with_node(node, |n| n.offline(&ending.reason, self.core.wall_ms));
                // A stop ends them all, and says so once.
                if self.stop_by.is_none() {
                    let notes = &mut self.core.notes;
                    notes.say(Level::Info, Subject::Offline(node), now, || {
                        format!("node {node} is offline: {}", ending.reason)
                    });
                }
            }
        }
        if let Some(code) = ending.code {
            let closing = match conn {
                Conn::Http(_) => false,
                Conn::Spider(spider) => {
                    spider.socket.close(code, &ending.reason, now);
                    true
                }
                Conn::Live(live) => {
                    live.close(code, &ending.reason, now);
                    true
                }
            };
            if closing {
                return;
            }
        }
        self.remove(index);
    }

    fn remove(&mut self, index: usize) {
        let registry = self.poll.registry();
        match self.conns.remove(index) {
            Conn::Http(mut http) => {
                self.core.bodies_bytes -= http.reserved;
                if http.is_relaying() {
                    self.relays -= 1;
                }
                if let Some(upstream) = http.upstream() {
                    let _ = registry.deregister(upstream);
                }
                let _ = registry.deregister(http.stream.tcp());
            }
            Conn::Spider(mut spider) => {
                let _ = registry.deregister(spider.socket.stream().tcp());
            }
            Conn::Live(mut live) => {
                self.core.live_count -= 1;
                if self.core.live_count == 0 {
                    self.core.fleet.listen(false);
                }
                for node in std::mem::take(&mut live.watched) {
                    self.core.unwatch(index, node);
                }
                let _ = registry.deregister(live.socket.stream().tcp());
            }
        }
    }

    fn begin_stop(&mut self) {
        if self.stop_by.is_some() {
            return;
        }
        self.stop_by = Some(self.core.now + STOP_TIME_MAX);
        let (spiders, capsules) = (self.core.spiders.len(), self.core.live_count);
        crate::log::info(&format!(
            "stopping: {spiders} Spiders and {capsules} open Capsules are told, and what is \
             pending is committed"
        ));
        let _ = self.poll.registry().deregister(&mut self.listener);
        self.commits.now();
        // Requests inside the API are answered; others have not begun.
        self.close_all(
            |conn| !matches!(conn, Conn::Http(http) if http.is_relaying()),
            &Ending::close(code::GOING_AWAY, "Ground Control is stopping"),
        );
    }

    /// All is committed and everyone has been told, or time is up.
    fn stopped(&self) -> bool {
        let Some(by) = self.stop_by else { return false };
        let idle = self.conns.is_empty() && self.commits.is_idle(&self.core);
        if !idle && self.core.now >= by && !self.commits.is_idle(&self.core) {
            crate::log::warn("stopping with uncommitted samples: the Spiders will send them again");
        }
        idle || self.core.now >= by
    }
}
