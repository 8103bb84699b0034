//! Tells `/live` what happened, whoever wrote it down: triggers write gaps, ends of
//! jobs and changes of nodes. Numbers of events grow in the order of their commits,
//! so whatever is above the last one told is news, and nothing is missed.

use serde::Serialize;
use serde_json::Value;

use super::limits::TOLD_MAX;
use super::view;
use crate::error::Error;
use crate::store::{EventFilter, Store};

/// What browsers have been told.
pub struct Broadcast {
    /// The newest event that they know, or can have from the API.
    told: i64,
}

#[derive(Serialize)]
struct Message {
    r#type: &'static str,
    /// Newest first, as in `GET /api/events`.
    events: Vec<Value>,
    /// More happened than is told: who shows events has to ask.
    more: bool,
}

impl Broadcast {
    pub fn after(told: i64) -> Self {
        Self { told }
    }

    /// Hands on what happened since the last call.
    pub fn tell(&mut self, store: &Store, hand_on: &dyn Fn(String)) -> Result<(), Error> {
        let filter = EventFilter {
            above: self.told,
            ..EventFilter::default()
        };
        let mut events = store.events(&filter, TOLD_MAX + 1)?;
        let Some(newest) = events.first() else {
            return Ok(());
        };
        self.told = newest.id;
        let more = events.len() > TOLD_MAX;
        events.truncate(TOLD_MAX);
        let message = Message {
            r#type: "events",
            events: events.iter().map(view).collect(),
            more,
        };
        // No map in it has keys that JSON can't take.
        hand_on(serde_json::to_string(&message).unwrap_or_default());
        Ok(())
    }
}
