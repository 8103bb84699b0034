//! What the nodes' clocks say, by the samples that were committed. Pure.

use std::collections::HashMap;

use super::{HOUR_MS, MINUTE_MS, Reading};

/// Nodes count that were heard from within this time.
const HEARD_MS: i64 = 10 * MINUTE_MS;
/// After a start so much is listened before anybody's word counts: the first to come
/// back would be a majority of one. Spiders wait up to a minute between two tries.
const LISTEN_MS: i64 = 2 * MINUTE_MS;
/// How near to the wall clock a sample has to be to speak for it.
const NEAR_MS: i64 = HOUR_MS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// Most nodes have the wall clock's time, one of another machine among them.
    Agrees,
    /// All nodes with samples run on the server's own machine.
    NobodyElse,
    Silent,
}

#[derive(Clone, Copy, Debug)]
struct Voice {
    /// Of its newest sample when it was last heard.
    time_ms: i64,
    boot_ms: i64,
    /// It runs on another machine.
    elsewhere: bool,
}

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

    pub fn hear(&mut self, node: i64, time_ms: i64, elsewhere: bool, boot_ms: i64) {
        let voice = Voice {
            time_ms,
            boot_ms,
            elsewhere,
        };
        self.heard.insert(node, voice);
    }

    pub fn forget(&mut self, node: i64) {
        self.heard.remove(&node);
    }

    /// What they say of the wall clock. `nodes` counts those with samples.
    pub fn quorum<E>(
        &mut self,
        now: Reading,
        nodes: impl FnOnce() -> Result<usize, E>,
    ) -> Result<Quorum, E> {
        self.heard
            .retain(|_, voice| now.boot_ms - voice.boot_ms <= HEARD_MS);
        if now.boot_ms - self.since_boot_ms < LISTEN_MS || self.heard.is_empty() {
            return Ok(Quorum::Silent);
        }
        let is_near = |voice: &Voice| {
            let since_ms = now.boot_ms - voice.boot_ms;
            let wall_ms = now.wall_ms.saturating_sub(since_ms);
            voice.time_ms.saturating_sub(wall_ms).saturating_abs() <= NEAR_MS
        };
        let near = self.heard.values().filter(|voice| is_near(voice));
        let (near, elsewhere) = near.fold((0, false), |(near, elsewhere), voice| {
            (near + 1, elsewhere || voice.elsewhere)
        });
        if elsewhere && 2 * near > self.heard.len() {
            return Ok(Quorum::Agrees);
        }
        // A node that is away may know better, so it has to be all of them.
        if self.heard.values().any(|voice| voice.elsewhere) || nodes()? > self.heard.len() {
            return Ok(Quorum::Silent);
        }
        Ok(Quorum::NobodyElse)
    }
}
