//! Sends browsers what is new: changes of the fleet, jobs, what happened, and the nodes
//! they watch.

use std::sync::Arc;

use super::frame::TextFrame;
use super::limits::{BACKLOG_SAMPLES_MAX, LIVE_SAMPLES_PER_TICK};
use super::{Conn, Gate};

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
        let changed: Vec<TextFrame> = news
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
        self.tell_all(changes.into());
    }

    pub(super) fn tell_all(&mut self, message: TextFrame) {
        for index in self.indexes(|conn| matches!(conn, Conn::Live(_))) {
            if let Some(Conn::Live(live)) = self.conns.get_mut(index) {
                live.push(message.clone());
            }
            self.flush_live(index);
        }
    }
}
