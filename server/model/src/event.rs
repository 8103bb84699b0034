//! What happened, as it is noted and kept.

use serde::Serialize;
use serde_json::Value;

/// What the hub has seen of a node's Spider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    pub node: i64,
    pub name: String,
    pub time_ms: i64,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
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
