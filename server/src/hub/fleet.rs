//! All nodes: who they are, whether they are online, what they last said.

mod seen;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use super::live::{Changes, snapshot_message};
use super::node::{Changed, LastHello, Node};
use super::view::{SeriesView, StatsView};
use super::{Status, TokenHash};
use crate::slots::{SlotKey, Slots};
use crate::store::NodeRecord;
use stardust_model::access::Scope;
use stardust_model::event::{NodePresence, Transition};
use stardust_model::failed_jobs::LiveJobs;

/// What the hub keeps until it is written; what comes after that is left out.
pub const PENDING_MAX: usize = 50_000;
/// Nodes in one message to a new browser: each message is written whole into a
/// buffer of that connection, which never shrinks.
pub(super) const SNAPSHOT_NODES: usize = 500;

#[derive(Default)]
struct Inner {
    nodes: Slots<Node>,
    tokens: HashMap<TokenHash, i64>,
    /// Somebody listens to `/live`: nothing is noted for nobody.
    listening: bool,
    /// Nodes with news that can't wait.
    urgent: BTreeSet<i64>,
    /// Nodes with a new sample to tell, the one that waits longest first.
    sampled: VecDeque<i64>,
    removed: Vec<i64>,
    /// Comings and goings that were not written down yet.
    happenings: Vec<Transition>,
}

/// All nodes: who they are, whether they are online, what they last said.
#[derive(Default)]
pub struct Fleet {
    inner: Mutex<Inner>,
}

impl Inner {
    /// Puts a node on the list that its news belong on. `before`: what was to be
    /// told of it already.
    fn note(&mut self, id: i64, before: Changed, after: Changed) {
        if !self.listening {
            return;
        }
        if after.urgent() {
            self.urgent.insert(id);
        } else if after.any() && !before.any() {
            self.sampled.push_back(id);
        }
    }
}

impl Inner {
    fn work<T>(&mut self, place: SlotKey, work: impl FnOnce(&mut Node) -> T) -> Option<T> {
        let node = self.nodes.at_mut(place)?;
        let before = node.changed();
        let result = work(node);
        let after = node.changed();
        let id = place.id();
        if let Some(what) = node.take_happened() {
            let name = node.name().to_owned();
            self.happened(id, name, what);
        }
        self.note(id, before, after);
        Some(result)
    }

    fn happened(&mut self, node: i64, name: String, what: NodePresence) {
        // Past this many, whoever writes them is in trouble: what is left out
        // shows in the next event of the node.
        if self.happenings.len() < PENDING_MAX {
            self.happenings.push(Transition {
                node,
                name,
                time_ms: crate::clock::wall_ms(),
                what,
            });
        }
    }
}

impl Fleet {
    pub fn new(records: Vec<NodeRecord>, now_ms: i64) -> Self {
        let fleet = Self::default();
        for record in records {
            fleet.insert_at(record, now_ms);
        }
        fleet
    }

    /// No code under the lock can panic half-way through a change that matters,
    /// so a poisoned lock is taken as it is.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Adds a node after its row was committed: its token works from here on.
    pub fn insert(&self, record: NodeRecord) {
        self.insert_at(record, crate::clock::wall_ms());
    }

    fn insert_at(&self, record: NodeRecord, now_ms: i64) {
        let mut inner = self.lock();
        let id = record.id;
        inner.tokens.insert(record.token_sha256, id);
        for next in &record.next_tokens_sha256 {
            inner.tokens.insert(*next, id);
        }
        let node = Node::new(record, now_ms);
        inner.note(id, Changed::default(), node.changed());
        inner.nodes.insert(id, node);
    }

    pub fn update(&self, id: i64, name: &str, tags: &[String]) {
        self.with_node(id, |node| node.rename(name, tags));
    }

    /// Lets a second token of the node in, beside the one it has.
    pub fn add_token(&self, id: i64, hash: TokenHash) {
        self.lock().tokens.insert(hash, id);
    }

    /// Lets one in no more, which is on no node.
    pub fn drop_token(&self, hash: TokenHash) {
        self.lock().tokens.remove(&hash);
    }

    /// Makes `hash` the node's only token.
    pub fn set_token(&self, id: i64, hash: TokenHash) {
        let mut inner = self.lock();
        inner.tokens.retain(|_, node| *node != id);
        if let Some(node) = inner.nodes.get_mut(id) {
            node.set_token(hash);
            inner.tokens.insert(hash, id);
        }
    }

    /// Whether it is known how to reach the node over SSH.
    pub fn set_managed(&self, id: i64, managed: bool) {
        self.with_node(id, |node| node.set_managed(managed));
    }

    /// Whether a Spider was put there from here.
    pub fn set_installed(&self, id: i64, installed: bool) {
        self.with_node(id, |node| node.set_installed(installed));
    }

    /// The last hello of the node's Spider since Ground Control started.
    pub fn last_hello(&self, id: i64) -> Option<LastHello> {
        self.lock().nodes.get(id)?.last_hello().cloned()
    }

    pub fn remove(&self, id: i64) {
        let mut inner = self.lock();
        if inner.nodes.remove(id).is_some() {
            inner.tokens.retain(|_, node| *node != id);
            inner.urgent.remove(&id);
            if inner.listening {
                inner.removed.push(id);
            }
        }
    }

    /// Whose token this is. The hash is compared, so how long the look-up takes
    /// tells nothing about any token.
    pub fn node_of_token(&self, hash: &TokenHash) -> Option<i64> {
        self.lock().tokens.get(hash).copied()
    }

    /// Runs `work` on a node under the lock and notes what changed for `/live`.
    pub fn with_node<T>(&self, id: i64, work: impl FnOnce(&mut Node) -> T) -> Option<T> {
        let mut inner = self.lock();
        let place = inner.nodes.place(id)?;
        inner.work(place, work)
    }

    /// The same, without a search.
    pub fn at<T>(&self, place: SlotKey, work: impl FnOnce(&mut Node) -> T) -> Option<T> {
        self.lock().work(place, work)
    }

    /// Asks for memory of nodes that will have samples: for what says where the one
    /// is, for the one itself of the second, for its values of the third, whose turn
    /// comes first.
    pub fn fetch(&self, [slot, soon, next]: [Option<SlotKey>; 3]) {
        let inner = self.lock();
        if let Some(place) = slot {
            inner.nodes.fetch_slot(place);
        }
        if let Some(node) = soon.and_then(|place| inner.nodes.at(place)) {
            node.fetch();
        }
        if let Some(node) = next.and_then(|place| inner.nodes.at(place)) {
            node.fetch_latest();
        }
    }

    /// Where a node is, as long as it is not removed.
    pub fn place(&self, id: i64) -> Option<SlotKey> {
        self.lock().nodes.place(id)
    }

    /// Who came and went since the last call.
    pub fn take_happenings(&self) -> Vec<Transition> {
        std::mem::take(&mut self.lock().happenings)
    }

    pub fn knows(&self, id: i64) -> bool {
        self.lock().nodes.place(id).is_some()
    }

    pub fn stats(&self, id: i64) -> Option<StatsView> {
        self.lock()
            .nodes
            .get(id)
            .map(|node| node.stats(crate::clock::wall_ms()))
    }

    /// What the node sends by its latest layout.
    pub fn series(&self, id: i64) -> Option<Vec<SeriesView>> {
        self.lock().nodes.get(id).map(Node::series)
    }

    /// How many nodes are there, and how many are online.
    pub fn counts(&self) -> (usize, usize) {
        let inner = self.lock();
        let online = inner
            .nodes
            .values()
            .filter(|node| node.status() == Status::Online)
            .count();
        (inner.nodes.len(), online)
    }

    /// How many nodes there are of each status.
    pub fn count_by_status(&self) -> [(Status, usize); 3] {
        let mut counts = [Status::Online, Status::Offline, Status::Pending].map(|s| (s, 0));
        for node in self.lock().nodes.values() {
            for (status, count) in &mut counts {
                *count += usize::from(node.status() == *status);
            }
        }
        counts
    }

    /// The first messages of a `/live` connection: of a large fleet not all nodes
    /// are in the snapshot, the others follow as changes. Samples of `samples_max` nodes
    /// will be told at a time.
    ///
    /// Of nodes and jobs that can be seen from `scope` alone.
    pub fn snapshot(
        &self,
        scope: &Scope,
        samples_max: usize,
        now_ms: i64,
        jobs: &LiveJobs,
    ) -> Vec<String> {
        let inner = self.lock();
        let seen = |node: &&Node| scope.sees(node.tags());
        let nodes: Vec<&Node> = inner.nodes.values().filter(seen).collect();
        let some;
        let jobs = match scope.is_all() {
            true => jobs,
            false => {
                let nodes = &inner.nodes;
                some = jobs.seen(|id| nodes.get(id).is_some_and(|node| scope.sees(node.tags())));
                &some
            }
        };
        let online = nodes.iter().filter(|node| node.status() == Status::Online);
        let turns = turns(online.count(), samples_max);
        let mut parts = nodes.chunks(SNAPSHOT_NODES);
        let first = parts.next().unwrap_or_default();
        let mut messages = vec![snapshot_message(now_ms, turns, first.iter().copied(), jobs)];
        for part in parts {
            let whole: Vec<_> = part.iter().map(|node| node.whole()).collect();
            let changes = Changes {
                time_ms: now_ms,
                turns,
                nodes: whole,
                ..Changes::default()
            };
            messages.push(changes.message());
        }
        messages
    }

    /// Whether anybody is told of changes from now on.
    pub fn listen(&self, listening: bool) {
        let mut inner = self.lock();
        inner.listening = listening;
        // Who begins to listen is shown the whole fleet first.
        inner.urgent = BTreeSet::new();
        inner.sampled = VecDeque::new();
        inner.removed = Vec::new();
        for (_, node) in inner.nodes.iter_mut() {
            node.take_changed();
        }
    }

    /// What changed since the last call; of `samples_max` nodes at most only the sample did.
    pub fn take_changes(&self, samples_max: usize, now_ms: i64) -> Option<Changes> {
        let mut inner = self.lock();
        let mut due: Vec<i64> = std::mem::take(&mut inner.urgent).into_iter().collect();
        let waiting = inner.sampled.len();
        let samples_due = waiting.min(samples_max);
        due.extend(inner.sampled.drain(..samples_due));
        let removed = std::mem::take(&mut inner.removed);
        let mut changes = Vec::new();
        let mut samples = Vec::with_capacity(samples_due);
        for id in due {
            let Some(node) = inner.nodes.get_mut(id) else {
                continue;
            };
            // One that was on both lists is told once.
            let changed = node.take_changed();
            if changed.urgent() {
                changes.push(node.change(changed));
            }
            if changed.sampled() {
                samples.push(node.sample_row());
            }
        }
        let changes = Changes {
            time_ms: now_ms,
            turns: turns(waiting, samples_max),
            nodes: changes,
            samples,
            removed,
        };
        (!changes.is_empty()).then_some(changes)
    }
}

/// Messages until each of so many nodes was told of.
pub(super) fn turns(nodes: usize, samples_max: usize) -> usize {
    nodes.div_ceil(samples_max).max(1)
}
