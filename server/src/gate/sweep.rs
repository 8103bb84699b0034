//! The regular look at all connections: deadlines, keep-alives, and how things are.

use super::limits::{LARGE_FLEET, SWEEP_PARTS};
use super::socket::Ending;
use super::{Conn, Gate};

impl Gate {
    /// Deadlines and keep-alives.
    pub(super) fn sweep(&mut self) {
        let now = self.core.now;
        self.core.notes.tick(now);
        self.publish();
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.tick(now);
        }
        if self.core.spiders.len() >= LARGE_FLEET {
            self.large_pages.ask();
        }
        // Places are getting scarce: who has asked for nothing yet must hurry.
        let crowded = self.conns.len() > self.connections_max / 4 * 3;
        let mut endings = Vec::new();
        self.swept = (self.swept + 1) % SWEEP_PARTS;
        for (index, conn) in &mut self.conns {
            let result = match conn {
                Conn::Http(http) => {
                    let was_relaying = http.is_relaying();
                    let goes_on = http.tick(&mut self.core, crowded);
                    if was_relaying && !http.is_relaying() {
                        self.relays -= 1;
                    }
                    if goes_on {
                        // A refusal may have to be written; there is none before TLS stands.
                        if !http.is_relaying()
                            && !http.is_waiting()
                            && !http.stream.is_handshaking()
                        {
                            self.again.push(index);
                        }
                        Ok(())
                    } else {
                        Err(Ending::gone("too slow"))
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
    }

    /// Tells `/metrics` how things are.
    pub(super) fn publish(&self) {
        use std::sync::atomic::Ordering::Relaxed;
        let size = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let health = &self.health;
        health.connections.store(size(self.conns.len()), Relaxed);
        let max = size(self.connections_max);
        health.connections_max.store(max, Relaxed);
        health.spiders.store(size(self.core.spiders.len()), Relaxed);
        health.capsules.store(size(self.core.live_count), Relaxed);
        let pending = size(self.core.intakes.pending_bytes());
        health.pending_bytes.store(pending, Relaxed);
        health.samples.store(self.core.samples, Relaxed);
        health.refused.store(self.core.refused, Relaxed);
        health.turns.store(self.turns, Relaxed);
        self.commits.publish(health);
    }
}
