//! What other threads tell the loop.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::limits::EVENTS_MAX;
use crate::events::News;
use crate::history::Outcome;
use crate::store::SessionId;

/// Everything that other threads can tell the gate.
#[derive(Debug)]
pub enum Event {
    /// The node was removed: its connection ends, its pending samples are dropped.
    NodeRemoved(i64),
    /// Sessions ended by logout or a password change: their `/live` closes.
    SessionsEnded(Vec<SessionId>),
    History(Outcome),
    /// Jobs have something to tell to `/live`.
    Jobs,
    /// Something happened, for every `/live` that may know of it.
    Happened(News),
    /// Stop in order.
    Stop,
}

/// Sends events to the loop and wakes it.
#[derive(Clone)]
pub struct GateHandle {
    events: SyncSender<Event>,
    waker: Arc<mio::Waker>,
}

impl GateHandle {
    pub(super) fn new(waker: Arc<mio::Waker>) -> (Self, Receiver<Event>) {
        let (events, receiver) = sync_channel(EVENTS_MAX);
        (Self { events, waker }, receiver)
    }

    pub fn node_removed(&self, id: i64) {
        self.send(Event::NodeRemoved(id));
    }

    pub fn sessions_ended(&self, ids: Vec<SessionId>) {
        self.send(Event::SessionsEnded(ids));
    }

    pub fn jobs_changed(&self) {
        self.send(Event::Jobs);
    }

    pub fn happened(&self, news: News) {
        self.send(Event::Happened(news));
    }

    pub fn stop(&self) {
        self.send(Event::Stop);
    }

    /// Waits only while [`EVENTS_MAX`] events are unread. The loop never waits on
    /// another thread, so that ends. A loop that is gone needs no events.
    pub(crate) fn send(&self, event: Event) {
        if self.events.send(event).is_ok() {
            let _ = self.waker.wake();
        }
    }
}
