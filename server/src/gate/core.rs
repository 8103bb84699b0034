//! What all connections share on the gate thread, apart from the connections.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::frame::TextFrame;
use super::host::Hosts;
use super::layouts::Layouts;
use super::limits::{LIVE_QUEUE_BYTES_MAX, LIVE_SAMPLES_PER_TICK};
use super::log_limit::Notes;
use super::networks::Networks;
use super::pace::Pace;
use super::pools::Pools;
use super::shares::Shares;
use crate::access::Scope;
use crate::address_range::{AddressRange, any_contains};
use crate::auth::Auth;
use crate::history::Intakes;
use crate::hub::{Audience, Fleet};
use crate::jobs::Board;
use crate::store::SessionId;

/// Passed to every connection while it works.
pub struct Core {
    pub services: Services,
    pub turn: LoopTurn,
    pub room: Room,
    pub telemetry: Telemetry,
    pub watching: Watching,
    pub counters: Counters,
    /// What is written to the log about connections.
    pub notes: Notes,
}

/// What the rest of Ground Control does for connections, and what it was started with.
pub struct Services {
    pub fleet: Arc<Fleet>,
    pub jobs: Arc<Board>,
    pub auth: Arc<Auth>,
    pub trusted_proxies: Vec<AddressRange>,
    pub networks: Networks,
    pub hosts: Hosts,
    /// What Spiders are told; `None` leaves it to them.
    pub interval_ms: Option<u64>,
    /// Where tiny_http listens.
    pub api_socket: PathBuf,
}

/// This turn of the loop.
pub struct LoopTurn {
    pub now: Instant,
    pub wall_ms: i64,
    /// One buffer to read into, for all connections.
    pub scratch: Vec<u8>,
    /// Another one, for the frames of all WebSockets.
    pub inbox: Vec<u8>,
}

/// Connections and memory, of which there is so much.
#[derive(Default)]
pub struct Room {
    /// Those who may have to go for others: who has shown no token and no session.
    pub crowd: Shares,
    /// Places are getting scarce.
    pub crowded: bool,
    /// Memory of requests and answers.
    pub pools: Pools,
    /// No connection is kept for another request.
    pub stopping: bool,
}

/// What comes from nodes.
#[derive(Default)]
pub struct Telemetry {
    pub intakes: Intakes,
    /// The connection of each online node.
    pub spiders: HashMap<i64, usize>,
    pub layouts: Layouts,
    /// What nodes may send that have no session now, and had one since the start.
    pub paces: HashMap<i64, Pace>,
    /// Samples were refused since the writer could not keep up.
    pub overflowed: bool,
}

/// Who looks on by `/live`, and what they are to be told.
#[derive(Default)]
pub struct Watching {
    /// How many `/live` connections there are.
    pub live_count: usize,
    /// Of each session.
    pub live_of: HashMap<SessionId, usize>,
    /// What those are shown first who come in this tick.
    pub snapshot: Option<Vec<TextFrame>>,
    /// Of each scope that is not the whole fleet.
    pub audiences: Vec<Audience>,
    /// What `Auth` said last of who may what.
    pub generation: u64,
    /// Which connections watch a node in full.
    pub watchers: HashMap<i64, Vec<usize>>,
    /// Messages for the watchers of a node, to be handed out this turn.
    pub outbox: VecDeque<(i64, TextFrame)>,
    pub outbox_bytes: usize,
}

/// Since the start.
#[derive(Default)]
pub struct Counters {
    /// Samples that came in.
    pub samples: u64,
    /// Requests that were refused.
    pub refused: u64,
}

impl Core {
    pub fn new(services: Services, intakes: Intakes, turn: LoopTurn) -> Self {
        let now = turn.now;
        Self {
            services,
            turn,
            room: Room::default(),
            telemetry: Telemetry {
                intakes,
                ..Telemetry::default()
            },
            watching: Watching::default(),
            counters: Counters::default(),
            notes: Notes::new(now),
        }
    }

    pub fn trusts(&self, peer: IpAddr) -> bool {
        any_contains(&self.services.trusted_proxies, peer)
    }

    pub fn is_watched(&self, node: i64) -> bool {
        self.watching.watchers.contains_key(&node)
    }

    /// Queues a message for those who watch a node.
    pub fn tell_watchers(&mut self, node: i64, message: String) {
        let frame = TextFrame::from(message);
        self.watching.outbox_bytes += frame.len();
        self.watching.outbox.push_back((node, frame));
    }

    /// A node that catches up may have thousands of samples in one turn: who watches
    /// it could not take them all.
    pub fn has_room_for_watchers(&self) -> bool {
        self.watching.outbox_bytes < LIVE_QUEUE_BYTES_MAX / 2
    }

    /// What a connection of this scope is shown first.
    pub fn snapshot(&mut self, scope: &Scope) -> Vec<TextFrame> {
        if !scope.is_all() {
            return self.scoped_snapshot(scope);
        }
        let (fleet, jobs, wall_ms) = (&self.services.fleet, &self.services.jobs, self.turn.wall_ms);
        self.watching.snapshot.get_or_insert_with(|| {
            let live = jobs.snapshot();
            let parts = fleet.snapshot(scope, LIVE_SAMPLES_PER_TICK, wall_ms, &live);
            parts.into_iter().map(TextFrame::from).collect()
        });
        self.watching.snapshot.clone().unwrap_or_default()
    }

    fn scoped_snapshot(&mut self, scope: &Scope) -> Vec<TextFrame> {
        let (fleet, jobs) = (&self.services.fleet, self.services.jobs.snapshot());
        let known = &mut self.watching.audiences;
        if !known.iter().any(|audience| audience.scope() == scope) {
            known.push(Audience::new(scope.clone(), fleet));
        }
        let parts = fleet.snapshot(scope, LIVE_SAMPLES_PER_TICK, self.turn.wall_ms, &jobs);
        parts.into_iter().map(TextFrame::from).collect()
    }

    /// Whether a node can be seen from `scope`, as its connections were told.
    pub fn sees(&self, scope: &Scope, node: i64) -> bool {
        let mut known = self.watching.audiences.iter();
        scope.is_all() || known.any(|audience| audience.scope() == scope && audience.sees(node))
    }

    pub fn watch(&mut self, token: usize, node: i64) {
        let watchers = self.watching.watchers.entry(node).or_default();
        if !watchers.contains(&token) {
            watchers.push(token);
        }
    }

    pub fn unwatch(&mut self, token: usize, node: i64) {
        if let Some(watchers) = self.watching.watchers.get_mut(&node) {
            watchers.retain(|watcher| *watcher != token);
            if watchers.is_empty() {
                self.watching.watchers.remove(&node);
            }
        }
    }
}
