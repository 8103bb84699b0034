//! Somebody's session, as it is kept.

/// Names a session: 128 random bits, the `jti` of its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub [u8; 16]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    pub id: SessionId,
    pub user_id: i64,
    pub created_ms: i64,
    pub expires_ms: i64,
}
