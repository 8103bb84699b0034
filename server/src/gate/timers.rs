//! The regular look at all connections: deadlines, keep-alives, and how things are.

use super::http_conn::Tick;
use super::limits::{self, LARGE_FLEET, SWEEP_PARTS};
use super::socket::Ending;
use super::{Conn, Gate};

impl Gate {
    /// Deadlines and keep-alives.
    pub(super) fn sweep(&mut self) {
        let now = self.core.turn.now;
        self.core.notes.tick(now);
        self.publish();
        self.recheck();
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.tick(now);
        }
        if self.core.telemetry.spiders.len() >= LARGE_FLEET {
            self.large_pages.ask();
        }
        let strangers = self.core.room.crowd.total();
        self.core.room.crowded =
            limits::is_crowded(self.conns.len(), strangers, self.connections_max);
        let (mut endings, mut stalled) = (Vec::new(), Vec::new());
        self.swept = (self.swept + 1) % SWEEP_PARTS;
        for (index, conn) in &mut self.conns {
            let result = match conn {
                Conn::Http(http) => {
                    let had = http.slot();
                    let tick = http.tick(&mut self.core);
                    if let Some(slot) = had.filter(|_| http.slot().is_none()) {
                        self.slots.free(slot);
                    }
                    match tick {
                        Tick::Fine => Ok(()),
                        Tick::Drive if !http.stream.is_handshaking() => {
                            self.again.push(index);
                            Ok(())
                        }
                        Tick::Over if http.is_owed_an_answer() => {
                            stalled.push(index);
                            Ok(())
                        }
                        // There is nobody to tell before TLS stands.
                        Tick::Drive | Tick::Over => Err(Ending::gone("too slow")),
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
        for index in stalled {
            self.abort(index);
        }
    }

    /// Tells `/metrics` how things are.
    pub(super) fn publish(&self) {
        use std::sync::atomic::Ordering::Relaxed;
        let size = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let health = &self.health;
        health.connections.store(size(self.conns.len()), Relaxed);
        let max = size(self.connections_max);
        health.connections_max.store(max, Relaxed);
        health
            .spiders
            .store(size(self.core.telemetry.spiders.len()), Relaxed);
        health
            .capsules
            .store(size(self.core.watching.live_count), Relaxed);
        let pending = size(self.core.telemetry.intakes.pending_bytes());
        health.pending_bytes.store(pending, Relaxed);
        health.samples.store(self.core.counters.samples, Relaxed);
        health.refused.store(self.core.counters.refused, Relaxed);
        health.turns.store(self.turns, Relaxed);
        self.commits.publish(health);
    }
}
