//! Somebody's session, as it is kept.

/// Names a session: 128 random bits, the `jti` of its token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub [u8; 16]);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionRecord {
    pub id: SessionId,
    pub user_id: i64,
    pub created_ms: i64,
    pub expires_ms: i64,
    /// From where it was last used, and when (to the minute).
    pub address: String,
    pub used_ms: i64,
    /// What the browser or the program said of itself.
    pub agent: String,
    /// When whoever has it last proved to be there, by the clock of sessions.
    pub proof_ms: i64,
    /// By what: `password`, `totp`, `recovery`, `passkey`, `oidc` or `proxy`.
    pub factor: String,
}

/// Longest agent that is kept, in characters.
pub const AGENT_CHARS_MAX: usize = 200;
