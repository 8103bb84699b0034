//! A node: as it is kept, and whether it is there.

use serde::Serialize;
use stardust_shared::message::Identity;

/// SHA-256 of a node token.
pub type TokenHash = [u8; 32];

/// A node as the database holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    pub id: i64,
    pub name: String,
    pub tags: Vec<String>,
    /// SHA-256 of the token; the token itself is kept nowhere.
    pub token_sha256: [u8; 32],
    /// Those that may be on the node too, oldest first: all of them are good.
    pub next_tokens_sha256: Vec<[u8; 32]>,
    pub created_ms: i64,
    pub last_seen_ms: Option<i64>,
    pub address: Option<String>,
    pub spider_version: Option<String>,
    pub identity: Option<Identity>,
}

/// What a Spider's hello says about its node.
#[derive(Clone, Debug)]
pub struct NodeHello {
    pub id: i64,
    pub seen_ms: i64,
    pub address: String,
    pub spider_version: String,
    pub identity: Identity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Online,
    Offline,
    /// Added, and its Spider has never said hello.
    Pending,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Pending => "pending",
        }
    }
}
