//! Tells `/live` what happened, whoever wrote it down: triggers write gaps, ends of
//! jobs and changes of nodes. Numbers of events grow in the order of their commits,
//! so whatever is above the last one told is news, and nothing is missed.

use serde::Serialize;
use serde_json::Value;

use super::limits::TOLD_MAX;
use super::{Event, view};
use crate::error::Error;
use crate::store::{EventFilter, Store};

/// What browsers have been told.
pub struct Broadcast {
    /// The newest event that they know, or can have from the API.
    told: i64,
}

/// What happened since browsers were told last.
#[derive(Debug)]
pub struct News {
    /// Newest first, as in `GET /api/events`.
    events: Vec<(Event, Value)>,
    /// More happened than is told: who shows events has to ask.
    more: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    r#type: &'static str,
    events: Vec<&'a Value>,
    more: bool,
}

impl News {
    /// The message for somebody who may know of what `sees` says; none when that is nothing.
    pub fn message(&self, sees: impl Fn(&Event) -> bool) -> Option<String> {
        let seen = self.events.iter().filter(|(event, _)| sees(event));
        let message = Message {
            r#type: "events",
            events: seen.map(|(_, view)| view).collect(),
            more: self.more,
        };
        let is_something = self.more || !message.events.is_empty();
        // No map in it has keys that JSON can't take.
        is_something.then(|| serde_json::to_string(&message).unwrap_or_default())
    }
}

impl Broadcast {
    pub fn after(told: i64) -> Self {
        Self { told }
    }

    /// Hands on what happened since the last call.
    pub fn tell(&mut self, store: &Store, hand_on: &dyn Fn(News)) -> Result<(), Error> {
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
        let viewed = events.into_iter().map(|event| {
            let view = view(&event);
            (event, view)
        });
        hand_on(News {
            events: viewed.collect(),
            more,
        });
        Ok(())
    }
}
