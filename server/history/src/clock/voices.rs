//! What the nodes' own clocks say, by their hellos. Pure.
//!
//! Not by their samples: a Spider whose clock differs from the server's stamps them with
//! the server's, right or wrong, so these would only say what the server says.

use std::collections::HashMap;

use super::reading::{HOUR_MS, MINUTE_MS, Reading};

/// Nodes count that were heard from within this time.
const HEARD_MS: i64 = 10 * MINUTE_MS;
/// After a start so much is listened before anybody's word counts: the first to come
/// back would be a majority of one. Spiders wait up to a minute between two tries.
const LISTEN_MS: i64 = 2 * MINUTE_MS;
/// How near to the wall clock a node's own has to be to speak for it.
const NEAR_MS: i64 = HOUR_MS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// Most nodes have the wall clock's time, one of another machine among them.
    Agrees,
    /// All nodes with samples run on the server's own machine.
    NobodyElse,
    Silent,
}

#[derive(Clone, Copy, Debug, Default)]
struct Voice {
    /// What its clock showed when this machine booted; `None`: it did not say, or it is
    /// one that was never set.
    clock_at_boot_ms: Option<i64>,
    /// When samples of it were committed last.
    heard_boot_ms: Option<i64>,
    /// It runs on another machine.
    elsewhere: bool,
}

/// One of each node that was heard since the start.
#[derive(Debug)]
pub struct Voices {
    heard: HashMap<i64, Voice>,
    since_boot_ms: i64,
}

impl Voices {
    pub fn new(boot_ms: i64) -> Self {
        Self {
            heard: HashMap::new(),
            since_boot_ms: boot_ms,
        }
    }

    /// It has said hello.
    pub fn greet(&mut self, node: i64, clock_at_boot_ms: Option<i64>) {
        self.heard.entry(node).or_default().clock_at_boot_ms = clock_at_boot_ms;
    }

    /// Samples of it were committed.
    pub fn hear(&mut self, node: i64, elsewhere: bool, boot_ms: i64) {
        let voice = self.heard.entry(node).or_default();
        (voice.heard_boot_ms, voice.elsewhere) = (Some(boot_ms), elsewhere);
    }

    pub fn forget(&mut self, node: i64) {
        self.heard.remove(&node);
    }

    /// What they say of the wall clock. `nodes` counts those with samples.
    pub fn quorum<E>(
        &self,
        now: Reading,
        nodes: impl FnOnce() -> Result<usize, E>,
    ) -> Result<Quorum, E> {
        let (mut heard, mut near, mut here) = (0, 0, 0);
        let mut near_elsewhere = false;
        for voice in self.heard.values() {
            let is_heard = |at: i64| now.boot_ms - at <= HEARD_MS;
            if !voice.heard_boot_ms.is_some_and(is_heard) {
                continue;
            }
            heard += 1;
            here += usize::from(!voice.elsewhere);
            let is_near = voice.clock_at_boot_ms.is_some_and(|at_boot_ms| {
                let clock_ms = at_boot_ms.saturating_add(now.boot_ms);
                clock_ms.saturating_sub(now.wall_ms).saturating_abs() <= NEAR_MS
            });
            if is_near {
                near += 1;
                near_elsewhere |= voice.elsewhere;
            }
        }
        if heard == 0 || now.boot_ms - self.since_boot_ms < LISTEN_MS {
            return Ok(Quorum::Silent);
        }
        if near_elsewhere && 2 * near > heard {
            return Ok(Quorum::Agrees);
        }
        // A node that is away may know better, so it has to be all of them.
        if here < heard || nodes()? > here {
            return Ok(Quorum::Silent);
        }
        Ok(Quorum::NobodyElse)
    }
}
