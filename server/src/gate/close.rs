//! Closes connections: one, those of a kind, and all when the server stops.

use super::greeting;
use super::limits::STOP_TIME_MAX;
use super::log_limit::Subject;
use super::shares::Rank;
use super::socket::{Ending, code};
use super::{Conn, Gate};
use crate::log::Level;

impl Gate {
    pub(super) fn end_sessions(&mut self, ids: &[crate::store::SessionId]) {
        self.close_all(
            |conn| matches!(conn, Conn::Live(live) if ids.contains(live.session_id())),
            &Ending::close(code::SESSION_ENDED, "the session has ended"),
        );
    }

    /// The connections that `pick` picks; gathered first, since work on one may
    /// end it.
    pub(super) fn indexes(&self, pick: impl Fn(&Conn) -> bool) -> Vec<usize> {
        let picked = self.conns.iter().filter(|(_, conn)| pick(conn));
        picked.map(|(index, _)| index).collect()
    }

    pub(super) fn close_all(&mut self, pick: impl Fn(&Conn) -> bool, ending: &Ending) {
        for index in self.indexes(pick) {
            self.close(index, ending);
        }
    }

    /// Ends a connection: with a close frame where there is somebody to tell.
    pub(super) fn close(&mut self, index: usize, ending: &Ending) {
        let now = self.core.turn.now;
        let Some(conn) = self.conns.get_mut(index) else {
            return;
        };
        if let Conn::Spider(spider) = conn {
            // The other side may have put it into words.
            let reason = greeting::words(&ending.reason);
            let node = spider.node;
            if let Some(pace) = spider.take_pace() {
                self.core.telemetry.paces.insert(node, pace);
            }
            // Unless a newer connection has taken its place.
            if self.core.telemetry.spiders.get(&node) == Some(&index) {
                self.core.telemetry.spiders.remove(&node);
                self.core
                    .services
                    .fleet
                    .with_node(node, |n| n.offline(&reason, self.core.turn.wall_ms));
                // A stop ends them all, and says so once.
                if self.stop_by.is_none() {
                    let notes = &mut self.core.notes;
                    notes.say(Level::Info, Subject::Offline(node), now, || {
                        format!("node {node} is offline: {reason}")
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
                // It has a while to answer, unless others need its place.
                if let Ok(peer) = conn.stream().client().peer()
                    && !self.leaving.contains_key(&index)
                {
                    let crowd = &mut self.core.room.crowd;
                    let place = crowd.enter(peer.into(), index, Rank::Leaving, 1);
                    self.leaving.insert(index, place);
                }
                return;
            }
        }
        self.remove(index);
    }

    /// Ends one that others must make room for, or that takes nothing: what waits for it
    /// in the kernel goes too.
    pub(super) fn abort(&mut self, index: usize) {
        if let Some(conn) = self.conns.get_mut(index) {
            let socket = socket2::SockRef::from(&*conn.stream().client());
            let _ = socket.set_linger(Some(std::time::Duration::ZERO));
        }
        self.close(index, &Ending::gone("others need its place"));
    }

    /// Who holds the most memory gives it up, while it is more than may be.
    pub(super) fn relieve(&mut self) {
        while let Some(index) = self.core.room.pools.over() {
            let conn = self.conns.get_mut(index);
            let told = match conn {
                Some(Conn::Http(http)) => http.give_way(&mut self.core),
                _ => false,
            };
            if told {
                self.again.push(index);
            } else {
                self.abort(index);
            }
        }
    }

    pub(super) fn remove(&mut self, index: usize) {
        if let Some(place) = self.leaving.remove(&index) {
            self.core.room.crowd.leave(place);
        }
        let registry = self.poll.registry();
        match self.conns.remove(index) {
            Conn::Http(mut http) => {
                http.leave(&mut self.core);
                if let Some(slot) = http.slot() {
                    self.slots.free(slot);
                }
                if let Some(upstream) = http.upstream() {
                    let _ = registry.deregister(upstream);
                }
                let _ = registry.deregister(http.stream.client());
            }
            Conn::Spider(mut spider) => {
                let _ = registry.deregister(spider.socket.stream().client());
            }
            Conn::Live(mut live) => {
                self.core.watching.live_count -= 1;
                if let Some(own) = self.core.watching.live_of.get_mut(live.session_id()) {
                    *own -= 1;
                    if *own == 0 {
                        self.core.watching.live_of.remove(live.session_id());
                    }
                }
                if self.core.watching.live_count == 0 {
                    self.core.services.fleet.listen(false);
                }
                let scope = live.scope();
                let is_last = !self
                    .conns
                    .iter()
                    .any(|(_, conn)| matches!(conn, Conn::Live(other) if other.scope() == scope));
                if is_last {
                    let audiences = &mut self.core.watching.audiences;
                    audiences.retain(|audience| audience.scope() != scope);
                }
                for node in std::mem::take(&mut live.watched) {
                    self.core.unwatch(index, node);
                }
                let _ = registry.deregister(live.socket.stream().client());
            }
        }
    }

    pub(super) fn begin_stop(&mut self) {
        if self.stop_by.is_some() {
            return;
        }
        self.stop_by = Some(self.core.turn.now + STOP_TIME_MAX);
        self.core.room.stopping = true;
        let (spiders, capsules) = (
            self.core.telemetry.spiders.len(),
            self.core.watching.live_count,
        );
        crate::log::info(&format!(
            "stopping: {spiders} Spiders and {capsules} open Capsules are told, and what is \
             pending is committed"
        ));
        for listener in &mut self.listeners {
            listener.deregister(self.poll.registry());
        }
        self.commits.now();
        // Requests that were taken are answered; others have not begun.
        self.close_all(
            |conn| !matches!(conn, Conn::Http(http) if http.is_owed_an_answer()),
            &Ending::close(code::GOING_AWAY, "Ground Control is stopping"),
        );
    }

    /// All is committed and everyone has been told, or time is up.
    pub(super) fn stopped(&self) -> bool {
        let Some(by) = self.stop_by else { return false };
        let idle = self.conns.is_empty() && self.commits.is_idle(&self.core);
        if !idle && self.core.turn.now >= by && !self.commits.is_idle(&self.core) {
            crate::log::warn("stopping with uncommitted samples: the Spiders will send them again");
        }
        idle || self.core.turn.now >= by
    }
}
