//! Ends of sessions that the disk did not take, until it does.

use stardust_model::session::SessionId;

#[derive(Debug, Default)]
pub struct Owed {
    pub ended: Vec<SessionId>,
    /// Said once, and again when it comes back.
    pub is_said: bool,
}
