//! How long a connection may take for what it does.

use std::time::Duration;

use super::super::core::Core;
use super::super::limits::{
    BODY_TIME_MAX, HEAD_TIME_CROWDED, HEAD_TIME_MAX, KEEP_TIME, KEEP_TIME_PROXY, NEWCOMER_TIME,
    RELAY_TIME_MAX, STALL_TIME_MAX, TAKE_BYTES_PER_SECOND, TLS_HEAD_TIME_MAX,
};
use super::super::refusal::Refusal;
use super::super::shares::Rank;
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
        let now = core.turn.now;
        // While there is nothing for it, it need take nothing.
        let waits = matches!(&self.state, State::Relaying(relay) if relay.is_empty());
        if waits || self.moved.0 != self.stream.sent() {
            self.moved = (self.stream.sent(), now);
        }
        let waited = now.duration_since(self.since);
        let stalled = now.duration_since(self.moved.1) > STALL_TIME_MAX;
        let has_said = !matches!(&self.state, State::AwaitHead { buffer, .. } if buffer.is_empty());
        if !has_said && self.requests == 0 && waited >= NEWCOMER_TIME {
            self.rank(Rank::Silent, core);
        }
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
        let is_kept = self.requests > 0;
        if is_kept && is_silent {
            return keep_time(self.is_proxy, core.room.crowded);
        }
        first_time(self.stream.is_tls() && !is_kept, core.room.crowded)
    }
}

/// How long a connection is kept for another request.
fn keep_time(is_proxy: bool, crowded: bool) -> Duration {
    match (is_proxy, crowded) {
        (true, _) => KEEP_TIME_PROXY,
        (false, true) => HEAD_TIME_CROWDED,
        (false, false) => KEEP_TIME,
    }
}

/// How long the head of a request may take, which on a new connection with TLS comes
/// after a handshake.
fn first_time(with_handshake: bool, crowded: bool) -> Duration {
    match (crowded, with_handshake) {
        (true, _) => HEAD_TIME_CROWDED,
        (false, true) => TLS_HEAD_TIME_MAX,
        (false, false) => HEAD_TIME_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_closes_first_and_a_crowd_lets_nobody_rest() {
        // Caddy keeps a connection longest, for 120 s.
        assert!(keep_time(true, false) > Duration::from_secs(120));
        assert_eq!(keep_time(true, true), keep_time(true, false));
        // Browsers try again on a new one by themselves.
        assert_eq!(keep_time(false, false), Duration::from_secs(75));
        assert!(keep_time(false, true) <= Duration::from_secs(5));
        // Half a head is not kept as long as none.
        for (tls, crowded) in [(false, false), (true, false), (false, true), (true, true)] {
            assert!(first_time(tls, crowded) < keep_time(false, false));
        }
        assert!(first_time(true, false) > first_time(false, false));
    }
}
