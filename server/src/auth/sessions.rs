//! Who is signed in, from where, since when; and ending one of them.

use sha2::{Digest, Sha256};

use super::Auth;
use crate::clock::wall_ms;
use crate::error::Error;
use crate::secret::hex;
use crate::store::{SessionId, SessionRecord, StoreError};

/// A session, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenSession {
    /// Says nothing of what would let one in.
    pub name: String,
    pub user_id: i64,
    pub user: String,
    pub created_ms: i64,
    pub expires_ms: i64,
    pub used_ms: i64,
    pub address: String,
    pub agent: String,
}

/// What a session is called by people: its own number lets one in.
pub fn session_name(id: SessionId) -> String {
    let hash = Sha256::new()
        .chain_update(b"stardust session")
        .chain_update(id.0)
        .finalize();
    hex(&hash[..8])
}

impl Auth {
    /// The newest first, with their last use as it is known now.
    pub fn sessions(&self) -> Vec<SeenSession> {
        let (index, uses) = (self.read(), self.uses());
        let named = |session: SessionRecord| {
            let user = index.user(session.user_id)?;
            let used = uses.of_session(session.id);
            Some(SeenSession {
                name: session_name(session.id),
                user_id: user.id,
                user: user.name.clone(),
                created_ms: self.shown_ms(session.created_ms),
                expires_ms: self.shown_ms(session.expires_ms),
                used_ms: used.map_or(session.used_ms, |used| used.used_ms),
                address: used.map_or(session.address, |used| used.address.clone()),
                agent: session.agent,
            })
        };
        let sessions = index.sessions(self.now_ms());
        sessions.into_iter().filter_map(named).collect()
    }

    /// # Errors
    /// When there is none of that name, or none any more.
    pub fn end_session(&self, name: &str) -> Result<(), Error> {
        let _changes = self.changes();
        let found = self.read().sessions(self.now_ms());
        let id = found
            .iter()
            .map(|session| session.id)
            .find(|id| session_name(*id) == name)
            .ok_or(StoreError::Missing)?;
        self.store.delete_sessions(&[id])?;
        self.write().replace(&[id], None);
        (self.on_end)(vec![id]);
        Ok(())
    }

    /// Writes down what was used, when that is due. API workers only.
    pub fn write_uses(&self) {
        let Some(due) = self.uses().due(wall_ms()) else {
            return;
        };
        // What is lost with a disk that takes nothing is when somebody was last here.
        let _ = self.store.note_uses(&due.tokens, &due.sessions);
    }
}
