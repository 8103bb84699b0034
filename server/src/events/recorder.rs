//! Writes down who came and went, and tells browsers of all that happened: one
//! thread, once a second.
//!
//! What a Spider's hello means depends on what was noted of the node before, also by
//! an earlier run of Ground Control: who was online then and says hello again has
//! not been away, as far as its own telemetry goes. [`Recorder::turn`] is pure.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;

use super::broadcast::{Broadcast, News};
use super::limits::{
    GRACE, KEPT_MAX, KEPT_OF_NODE_MAX, KEPT_SIGN_INS_MAX, TRIM_EVERY, TRIM_INTERVAL, WRITE_INTERVAL,
};
use super::{Known, NewEvent, NodePresence, SIGN_IN_FAILED, Transition};
use crate::clock::wall_ms;
use crate::error::Error;
use crate::hub::{Fleet, Status};
use crate::log;
use crate::store::Store;
use stardust_model::access::Principal;

/// What the thread for events works with.
pub struct Context {
    pub store: Arc<Store>,
    pub fleet: Arc<Fleet>,
    /// From before when lines of the audit go; none while the clock is doubted.
    pub audit_before_ms: Box<dyn Fn() -> Option<i64> + Send>,
    /// Waits for so long; false when Ground Control stops.
    pub pause: Box<dyn Fn(Duration) -> bool + Send>,
    /// Called for a node whose Spider said hello.
    pub seen: Box<dyn Fn(i64) -> Result<(), Error> + Send>,
    /// Takes a message for all browsers.
    pub hand_on: Box<dyn Fn(News) + Send>,
}

/// What is known of nodes, so that only what is news is written.
#[derive(Default)]
pub struct Recorder {
    known: HashMap<i64, Known>,
    /// Events since a node's were last trimmed.
    written: HashMap<i64, u32>,
}

impl Recorder {
    /// What `happening` is, given how the node was before.
    pub fn turn(&mut self, before: Option<Known>, happening: Transition) -> Vec<NewEvent> {
        let Transition {
            node,
            name,
            time_ms,
            what,
        } = happening;
        let event = |kind, detail| NewEvent {
            time_ms,
            node: Some(node),
            node_name: Some(name.clone()),
            kind,
            detail,
        };
        let mut events = Vec::new();
        match what {
            NodePresence::Seen { boot_id, version } => {
                let now = json!({"boot_id": boot_id, "version": version});
                let mut told = |kind, more: (&str, serde_json::Value)| {
                    let mut detail = now.clone();
                    detail[more.0] = more.1;
                    events.push(event(kind, detail));
                };
                let mut since_ms = time_ms;
                match &before {
                    None => told("online", ("offline_ms", json!(null))),
                    Some(before) => {
                        if before.boot_id != boot_id {
                            told("rebooted", ("from", json!(before.boot_id)));
                        }
                        if before.version != version {
                            told("spider", ("from", json!(before.version)));
                        }
                        if before.online {
                            since_ms = before.since_ms;
                        } else {
                            let away = (time_ms - before.since_ms).max(0);
                            told("online", ("offline_ms", json!(away)));
                        }
                    }
                }
                let online = true;
                self.known.insert(
                    node,
                    Known {
                        online,
                        since_ms,
                        boot_id,
                        version,
                    },
                );
            }
            NodePresence::Lost { reason } => {
                // Who was never seen can't be lost; who is lost already is not lost again.
                if let Some(before) = before.filter(|before| before.online) {
                    let detail = json!({
                        "reason": reason,
                        "boot_id": before.boot_id,
                        "version": before.version,
                    });
                    events.push(event("offline", detail));
                    let lost = Known {
                        online: false,
                        since_ms: time_ms,
                        ..before
                    };
                    self.known.insert(node, lost);
                }
            }
        }
        events
    }

    fn write(&mut self, context: &Context, happenings: Vec<Transition>) -> Result<(), Error> {
        let mut events = Vec::new();
        for happening in happenings {
            let node = happening.node;
            if matches!(happening.what, NodePresence::Seen { .. }) {
                (context.seen)(node)?;
            }
            let before = match self.known.get(&node) {
                Some(known) => Some(known.clone()),
                None => context.store.known_state(node)?,
            };
            let news = self.turn(before, happening);
            *self.written.entry(node).or_default() += news.len() as u32;
            events.extend(news);
        }
        if events.is_empty() {
            return Ok(());
        }
        context.store.add_events(&events)?;
        let due = self
            .written
            .iter()
            .filter(|(_, written)| **written >= TRIM_EVERY);
        for node in due.map(|(node, _)| *node).collect::<Vec<_>>() {
            context.store.trim_events_of(node, KEPT_OF_NODE_MAX)?;
            self.written.remove(&node);
        }
        Ok(())
    }
}

/// All that is due, some lines at a time.
fn trim_audit(context: &Context) -> Result<(), Error> {
    if let Some(before_ms) = (context.audit_before_ms)() {
        while context.store.trim_audit(before_ms)? {}
    }
    Ok(())
}

pub fn start(context: Context) -> Result<JoinHandle<()>, Error> {
    // Before anything is served: from here on all is news.
    let mut broadcast = Broadcast::after(context.store.newest_event()?);
    std::thread::Builder::new()
        .name("events".into())
        .spawn(move || {
            let mut recorder = Recorder::default();
            let begun = Instant::now();
            let mut waited_for = false;
            let mut trimmed: Option<Instant> = None;
            let mut troubled = false;
            note(&context.store, || {
                let fell = context.store.last_own_event()?.as_deref() == Some("started");
                Ok((
                    "started",
                    json!({"version": env!("CARGO_PKG_VERSION"), "after_a_fall": fell}),
                ))
            });
            // What happens after the stop is the stop's own doing.
            while (context.pause)(WRITE_INTERVAL) {
                let mut happenings = context.fleet.take_happenings();
                if !waited_for && begun.elapsed() >= GRACE {
                    waited_for = true;
                    happenings.extend(never_back(&context.fleet));
                }
                let mut result = recorder.write(&context, happenings);
                if trimmed.is_none_or(|at| at.elapsed() >= TRIM_INTERVAL) {
                    trimmed = Some(Instant::now());
                    result = result.and(context.store.trim_events(KEPT_MAX).map_err(Error::from));
                    let sign_ins = context
                        .store
                        .trim_events_of_kind(SIGN_IN_FAILED, KEPT_SIGN_INS_MAX);
                    result = result.and(sign_ins.map_err(Error::from));
                    result = result.and(trim_audit(&context));
                    recorder.known.retain(|node, _| context.fleet.knows(*node));
                    recorder
                        .written
                        .retain(|node, _| context.fleet.knows(*node));
                }
                result = result.and(broadcast.tell(&context.store, &*context.hand_on));
                // Once, not every second: the disk is likely full.
                if let Err(error) = &result
                    && !troubled
                {
                    log::error(&format!("Events can't be written: {error}"));
                }
                troubled = result.is_err();
            }
            note(&context.store, || Ok(("stopped", json!({}))));
        })
        .map_err(|error| Error::system("start the thread for events", &error))
}

/// An event of Ground Control itself.
fn note(store: &Store, what: impl Fn() -> Result<(&'static str, serde_json::Value), Error>) {
    let written = what().and_then(|(kind, detail)| {
        let event = NewEvent {
            time_ms: wall_ms(),
            node: None,
            node_name: None,
            kind,
            detail,
        };
        store.add_events(&[event]).map_err(Error::from)
    });
    if let Err(error) = written {
        log::error(&format!("Events can't be written: {error}"));
    }
}

/// Nodes that have not said hello since Ground Control started.
fn never_back(fleet: &Fleet) -> Vec<Transition> {
    let mut lost = Vec::new();
    let mut after = 0;
    loop {
        let views = fleet.views(&Principal::server(), after, 500);
        let Some(last) = views.last() else {
            return lost;
        };
        after = last.id;
        for view in views {
            if view.status == Status::Offline && fleet.last_hello(view.id).is_none() {
                lost.push(Transition {
                    node: view.id,
                    name: view.name,
                    time_ms: wall_ms(),
                    what: NodePresence::Lost {
                        reason: view.reason.unwrap_or_default(),
                    },
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(time_ms: i64, boot_id: &str, version: &str) -> Transition {
        Transition {
            node: 7,
            name: "pi".into(),
            time_ms,
            what: NodePresence::Seen {
                boot_id: boot_id.into(),
                version: version.into(),
            },
        }
    }

    fn lost(time_ms: i64) -> Transition {
        Transition {
            what: NodePresence::Lost {
                reason: "the link ended".into(),
            },
            ..seen(time_ms, "", "")
        }
    }

    fn told(recorder: &mut Recorder, happening: Transition) -> Vec<&'static str> {
        let before = recorder.known.get(&7).cloned();
        let events = recorder.turn(before, happening);
        events.iter().map(|event| event.kind).collect()
    }

    #[test]
    fn only_what_is_news_is_told() {
        let mut recorder = Recorder::default();
        assert!(told(&mut recorder, lost(1)).is_empty());
        assert_eq!(told(&mut recorder, seen(2, "a", "1")), ["online"]);
        assert!(told(&mut recorder, seen(3, "a", "1")).is_empty());
        assert_eq!(told(&mut recorder, lost(4)), ["offline"]);
        assert!(told(&mut recorder, lost(5)).is_empty());
        assert_eq!(told(&mut recorder, seen(6, "a", "1")), ["online"]);
        // A reboot too quick for anybody to see it offline.
        assert_eq!(told(&mut recorder, seen(7, "b", "1")), ["rebooted"]);
        assert_eq!(told(&mut recorder, seen(8, "b", "2")), ["spider"]);
        assert_eq!(told(&mut recorder, lost(9)), ["offline"]);
        assert_eq!(
            told(&mut recorder, seen(12, "c", "3")),
            ["rebooted", "spider", "online"]
        );
    }

    #[test]
    fn how_long_it_was_away_is_told() {
        let mut recorder = Recorder::default();
        told(&mut recorder, seen(1_000, "a", "1"));
        told(&mut recorder, lost(2_000));
        let before = recorder.known.get(&7).cloned();
        let events = recorder.turn(before, seen(9_500, "a", "1"));
        assert_eq!(events[0].detail["offline_ms"], 7_500);
        assert_eq!(events[0].detail["boot_id"], "a");
    }

    #[test]
    fn who_was_online_before_a_restart_has_not_been_away() {
        let before = Known {
            online: true,
            since_ms: 1,
            boot_id: "a".into(),
            version: "1".into(),
        };
        let mut recorder = Recorder::default();
        assert!(
            recorder
                .turn(Some(before.clone()), seen(9, "a", "1"))
                .is_empty()
        );
        let events = recorder.turn(Some(before), lost(9));
        assert_eq!(events[0].detail["reason"], "the link ended");
    }
}
