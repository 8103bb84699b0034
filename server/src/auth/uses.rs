//! When sessions and tokens were last used, and from where. It is noted in memory with
//! each request and written once a minute: a write for each request would wear out a card.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::store::{SessionId, Used};

const WRITE_EVERY_MS: i64 = 60_000;

#[derive(Default)]
pub struct Uses {
    sessions: HashMap<SessionId, Used>,
    tokens: HashMap<i64, Used>,
    written_ms: i64,
}

/// What is to be written.
#[derive(Default)]
pub struct Due {
    pub sessions: Vec<([u8; 16], Used)>,
    pub tokens: Vec<(i64, Used)>,
}

impl Uses {
    pub fn note(&mut self, session: SessionId, token: Option<i64>, by: IpAddr, now_ms: i64) {
        let used = Used {
            used_ms: now_ms,
            address: by.to_string(),
        };
        match token {
            Some(token) => self.tokens.insert(token, used),
            None => self.sessions.insert(session, used),
        };
    }

    /// All that was noted, once a minute.
    pub fn due(&mut self, now_ms: i64) -> Option<Due> {
        let is_due = !(0..WRITE_EVERY_MS).contains(&(now_ms - self.written_ms));
        if !is_due || (self.sessions.is_empty() && self.tokens.is_empty()) {
            return None;
        }
        self.written_ms = now_ms;
        let sessions = std::mem::take(&mut self.sessions).into_iter();
        Some(Due {
            sessions: sessions.map(|(id, used)| (id.0, used)).collect(),
            tokens: std::mem::take(&mut self.tokens).into_iter().collect(),
        })
    }

    pub fn of_session(&self, id: SessionId) -> Option<&Used> {
        self.sessions.get(&id)
    }

    pub fn of_token(&self, id: i64) -> Option<&Used> {
        self.tokens.get(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_all_the_time_is_written_once_a_minute() {
        let here = IpAddr::from([127, 0, 0, 1]);
        let mut uses = Uses::default();
        assert!(uses.due(1_000_000).is_none());
        uses.note(SessionId([1; 16]), None, here, 1_000_000);
        uses.note(SessionId([9; 16]), Some(7), here, 1_000_001);
        let due = uses.due(1_000_001).unwrap();
        assert_eq!((due.sessions.len(), due.tokens.len()), (1, 1));
        uses.note(SessionId([1; 16]), None, here, 1_000_002);
        assert!(uses.due(1_059_000).is_none());
        assert_eq!(
            uses.of_session(SessionId([1; 16])).unwrap().used_ms,
            1_000_002
        );
        assert!(uses.due(1_060_001).is_some());
        // A clock that was set back holds nothing up.
        uses.note(SessionId([1; 16]), None, here, 5);
        assert!(uses.due(5).is_some());
    }
}
