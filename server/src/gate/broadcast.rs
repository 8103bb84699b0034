//! Sends browsers what is new: changes of the fleet, jobs, what happened, and the nodes
//! they watch.

use std::sync::Arc;

use stardust_model::job::JobView;

use super::frame::TextFrame;
use super::limits::{BACKLOG_SAMPLES_MAX, LIVE_SAMPLES_PER_TICK};
use super::socket::{Ending, code};
use super::{Conn, Gate};
use crate::access::{Need, Scope};
use crate::events::{Event, News, SIGN_IN_FAILED};
use crate::hub::Fleet;

impl Gate {
    /// The node's backlog that is not in the database yet, then its new samples.
    pub(super) fn rewatch(&mut self, index: usize, fresh: &[i64]) {
        let Some(Conn::Live(live)) = self.conns.get(index) else {
            return;
        };
        let watched = live.watched.clone();
        let stale: Vec<i64> = self
            .core
            .watching
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

    pub(super) fn backlog(&self, node: i64) -> Vec<String> {
        // When the writer is stuck there may be hours of it: the newest count.
        let mut skip = 0usize;
        self.core
            .telemetry
            .intakes
            .for_each_pending(node, &mut |_, _| skip += 1);
        skip = skip.saturating_sub(BACKLOG_SAMPLES_MAX);
        let mut messages = Vec::new();
        // By address: two runs of a Spider may give two layouts one number.
        let mut told: *const stardust_shared::Layout = std::ptr::null();
        self.core
            .telemetry
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
            .telemetry
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
    pub(super) fn hand_out(&mut self) {
        let mut touched = Vec::new();
        self.core.watching.outbox_bytes = 0;
        while let Some((node, message)) = self.core.watching.outbox.pop_front() {
            for &index in self.core.watching.watchers.get(&node).into_iter().flatten() {
                if let Some(Conn::Live(live)) = self.conns.get_mut(index)
                    && self.core.sees(live.scope(), node)
                {
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

    pub(super) fn flush_live(&mut self, index: usize) {
        let Some(Conn::Live(live)) = self.conns.get_mut(index) else {
            return;
        };
        if let Err(ending) = live.flush(self.core.turn.now) {
            self.close(index, &ending);
        }
    }

    /// Jobs that changed go to every browser, their output to those that follow it.
    pub(super) fn tell_jobs(&mut self) {
        let news = self.core.services.jobs.take_news();
        self.core.watching.snapshot = None;
        let changed: Vec<(&JobView, TextFrame)> = news
            .jobs
            .iter()
            .map(|job| (job, crate::hub::job_message(job).into()))
            .collect();
        for index in self.indexes(|conn| matches!(conn, Conn::Live(_))) {
            if let Some(Conn::Live(live)) = self.conns.get_mut(index) {
                let (core, scope) = (&self.core, live.scope().clone());
                let sees = |node| core.sees(&scope, node);
                for job in &news.output {
                    live.output(job, sees);
                }
                for (job, message) in &changed {
                    if scope.is_all() || job.is_seen(sees) {
                        live.push(message.clone());
                    }
                }
            }
            self.flush_live(index);
        }
    }

    pub(super) fn tell_changes(&mut self) {
        // A snapshot from before these changes is of no use to those who come later.
        self.core.watching.snapshot = None;
        if self.core.watching.live_count == 0 {
            return;
        }
        let wall_ms = self.core.turn.wall_ms;
        let changes = self
            .core
            .services
            .fleet
            .take_changes(LIVE_SAMPLES_PER_TICK, wall_ms);
        let Some(changes) = changes else { return };
        let fleet = &self.core.services.fleet;
        let parts: Vec<(Scope, Option<TextFrame>)> = self
            .core
            .watching
            .audiences
            .iter_mut()
            .map(|audience| {
                let part = audience.part(&changes, fleet);
                let message = part.map(|part| part.message().into());
                (audience.scope().clone(), message)
            })
            .collect();
        // Made where somebody is to see it.
        let mut whole: Option<TextFrame> = None;
        for index in self.indexes(|conn| matches!(conn, Conn::Live(_))) {
            if let Some(Conn::Live(live)) = self.conns.get_mut(index) {
                let part = parts.iter().find(|(scope, _)| scope == live.scope());
                let message = match part {
                    Some((_, message)) => message.clone(),
                    None if live.scope().is_all() => Some(
                        whole
                            .get_or_insert_with(|| changes.message().into())
                            .clone(),
                    ),
                    None => None,
                };
                message.into_iter().for_each(|message| live.push(message));
            }
            self.flush_live(index);
        }
    }

    /// What happened, to those who may know of it.
    pub(super) fn tell_events(&mut self, news: &News) {
        // One message for all who see the same.
        let mut made: Vec<((Scope, bool), Option<TextFrame>)> = Vec::new();
        for index in self.indexes(|conn| matches!(conn, Conn::Live(_))) {
            if let Some(Conn::Live(live)) = self.conns.get_mut(index) {
                let administers = live.session().principal.may_everywhere(Need::Administer);
                let key = (live.scope().clone(), administers);
                let known = made.iter().position(|(known, _)| *known == key);
                let at = known.unwrap_or_else(|| {
                    let fleet = &self.core.services.fleet;
                    let sees = |event: &Event| is_seen(&key, fleet, event);
                    let message = news.message(sees).map(TextFrame::from);
                    made.push((key.clone(), message));
                    made.len() - 1
                });
                if let Some(message) = &made[at].1 {
                    live.push(message.clone());
                }
            }
            self.flush_live(index);
        }
    }

    /// Whoever may do more or less than when they came is asked to come again: the page
    /// does by itself, and is shown what it may see now.
    pub(super) fn recheck(&mut self) {
        let auth = std::sync::Arc::clone(&self.core.services.auth);
        let generation = auth.generation();
        if generation == self.core.watching.generation {
            return;
        }
        self.core.watching.generation = generation;
        for index in self.indexes(|conn| matches!(conn, Conn::Live(_))) {
            let Some(Conn::Live(live)) = self.conns.get(index) else {
                continue;
            };
            let ending = match auth.principal_of(live.session()) {
                None => Ending::close(code::SESSION_ENDED, "the session has ended"),
                Some(now) if now != live.session().principal => {
                    Ending::close(code::FRESH_SESSION, "what you may see has changed")
                }
                Some(_) => continue,
            };
            self.close(index, &ending);
        }
    }
}

/// As `GET /api/events` has it: what is of no node is for those who see all of them, and
/// names that were typed at the door are for admins.
fn is_seen((scope, administers): &(Scope, bool), fleet: &Fleet, event: &Event) -> bool {
    if event.kind == SIGN_IN_FAILED {
        return *administers;
    }
    let sees = |node| fleet.tags(node).is_some_and(|tags| scope.sees(&tags));
    scope.is_all() || event.node.is_some_and(sees)
}
