//! What happened, as it is noted and kept.

use serde::Serialize;
use serde_json::Value;

/// All that there are.
pub const KINDS: [&str; 17] = [
    "online",
    "offline",
    "rebooted",
    "spider",
    "gap",
    "job",
    "added",
    "renamed",
    "removed",
    "host_key",
    "token",
    "token_in_use",
    "started",
    "stopped",
    SIGN_IN_FAILED,
    CLOCK_DOUBTED,
    CLOCK_SETTLED,
];

/// The wall clock has jumped, and history does not go by it any more; and it does again.
pub const CLOCK_DOUBTED: &str = "clock_doubted";
pub const CLOCK_SETTLED: &str = "clock_settled";

/// Somebody has given a wrong name or password.
pub const SIGN_IN_FAILED: &str = "sign_in_failed";
/// Its `at` where that was the current password at a change of it.
pub const CHANGE: &str = "password_change";

/// What the hub has seen of a node's Spider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    pub node: i64,
    pub name: String,
    pub time_ms: i64,
    pub what: NodePresence,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodePresence {
    Seen { boot_id: String, version: String },
    Lost { reason: String },
}

/// How a node was when that was last noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub online: bool,
    pub since_ms: i64,
    pub boot_id: String,
    pub version: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    pub time_ms: i64,
    pub node: Option<i64>,
    pub node_name: Option<String>,
    pub kind: &'static str,
    pub detail: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    pub id: i64,
    pub time_ms: i64,
    pub node: Option<i64>,
    /// As it was called then.
    pub node_name: Option<String>,
    pub kind: String,
    pub detail: Value,
}
