//! Users and sessions in memory, so that checking a token needs no disk.

use std::collections::HashMap;

use crate::store::{SessionId, SessionRecord, UserRecord};

/// Sessions of one user at a time; the oldest ends when another one begins.
pub const SESSIONS_PER_USER_MAX: usize = 32;

#[derive(Default)]
pub struct Index {
    users: HashMap<i64, UserRecord>,
    sessions: HashMap<SessionId, SessionRecord>,
}

impl Index {
    pub fn new(users: Vec<UserRecord>, sessions: Vec<SessionRecord>) -> Self {
        Self {
            users: users.into_iter().map(|user| (user.id, user)).collect(),
            sessions: sessions
                .into_iter()
                .map(|session| (session.id, session))
                .collect(),
        }
    }

    pub fn user(&self, id: i64) -> Option<&UserRecord> {
        self.users.get(&id)
    }

    pub fn user_named(&self, name: &str) -> Option<&UserRecord> {
        self.users.values().find(|user| user.name == name)
    }

    /// The session and its user, while neither has ended.
    pub fn live(&self, id: SessionId, now_ms: i64) -> Option<(&SessionRecord, &UserRecord)> {
        let session = self.sessions.get(&id).filter(|s| s.expires_ms > now_ms)?;
        Some((session, self.users.get(&session.user_id)?))
    }

    /// Expired ones, and the oldest of `user_id` beyond what leaves room for one more.
    pub fn to_end(&self, user_id: i64, now_ms: i64) -> Vec<SessionId> {
        let (mut own, mut ended) = (Vec::new(), Vec::new());
        for session in self.sessions.values() {
            if session.expires_ms <= now_ms {
                ended.push(session.id);
            } else if session.user_id == user_id {
                own.push((session.created_ms, session.id));
            }
        }
        own.sort_unstable();
        let over = (own.len() + 1).saturating_sub(SESSIONS_PER_USER_MAX);
        ended.extend(own.into_iter().take(over).map(|(_, id)| id));
        ended
    }

    pub fn of_user(&self, user_id: i64) -> Vec<SessionId> {
        self.sessions
            .values()
            .filter(|session| session.user_id == user_id)
            .map(|session| session.id)
            .collect()
    }

    pub fn replace(&mut self, ended: &[SessionId], begun: Option<SessionRecord>) {
        for id in ended {
            self.sessions.remove(id);
        }
        if let Some(session) = begun {
            self.sessions.insert(session.id, session);
        }
    }

    pub fn set_password(&mut self, user_id: i64, password_hash: String) {
        if let Some(user) = self.users.get_mut(&user_id) {
            user.password_hash = password_hash;
            user.must_change = false;
        }
    }
}
