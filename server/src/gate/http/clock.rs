//! How long a connection may take for what it does.

use std::time::Duration;

use super::super::core::Core;
use super::super::limits::{
    BODY_TIME_MAX, HEAD_TIME_CROWDED, HEAD_TIME_MAX, KEEP_TIME, KEEP_TIME_PROXY, RELAY_TIME_MAX,
    STALL_TIME_MAX, TAKE_BYTES_PER_SECOND, TLS_HEAD_TIME_MAX,
};
use super::super::refusal::Refusal;
use super::{HttpConn, State};

/// What a look at the clock gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    Fine,
    /// There is something to say.
    Drive,
    Over,
}

impl HttpConn {
    /// Looked at now and then.
    pub fn tick(&mut self, core: &mut Core) -> Tick {
        let now = core.now;
        // While there is nothing for it, it need take nothing.
        let waits = matches!(&self.state, State::Relaying(relay) if relay.is_empty());
        if waits || self.moved.0 != self.stream.sent() {
            self.moved = (self.stream.sent(), now);
        }
        let waited = now.duration_since(self.since);
        let stalled = now.duration_since(self.moved.1) > STALL_TIME_MAX;
        let refusal = match &self.state {
            State::AwaitHead { buffer, .. } => {
                if waited < self.head_time(buffer.is_empty(), core) {
                    return Tick::Fine;
                }
                if buffer.is_empty() {
                    return Tick::Over;
                }
                Refusal::HeadTimeout
            }
            State::AwaitBody { .. } if waited < BODY_TIME_MAX => return Tick::Fine,
            State::AwaitBody { .. } => Refusal::BodyTimeout,
            State::AwaitSlot { .. } if waited < BODY_TIME_MAX => return Tick::Fine,
            State::AwaitSlot { .. } => Refusal::Busy,
            State::Relaying(relay) if relay.has_begun() => {
                let over = (stalled && !relay.is_empty()) || waited > RELAY_TIME_MAX * 2;
                return if over { Tick::Over } else { Tick::Fine };
            }
            State::Relaying(_) if waited < RELAY_TIME_MAX => return Tick::Fine,
            State::Relaying(_) => Refusal::SlowAnswer,
            State::Answering(answer) => {
                let bytes = u64::try_from(answer.out.len()).unwrap_or(u64::MAX);
                let time = Duration::from_secs(bytes / TAKE_BYTES_PER_SECOND);
                let over = stalled || waited > STALL_TIME_MAX + time;
                return if over { Tick::Over } else { Tick::Fine };
            }
            State::Lingering { time, .. } if waited < *time => return Tick::Fine,
            State::Lingering { .. } => return Tick::Over,
        };
        self.refuse(refusal, core);
        Tick::Drive
    }

    /// How long a head may take from here on.
    fn head_time(&self, is_silent: bool, core: &Core) -> Duration {
        if self.requests > 0 && is_silent {
            return match (self.is_proxy, core.crowded) {
                (true, _) => KEEP_TIME_PROXY,
                (false, true) => HEAD_TIME_CROWDED,
                (false, false) => KEEP_TIME,
            };
        }
        match (core.crowded, self.stream.is_tls() && self.requests == 0) {
            (true, _) => HEAD_TIME_CROWDED,
            (false, true) => TLS_HEAD_TIME_MAX,
            (false, false) => HEAD_TIME_MAX,
        }
    }
}
