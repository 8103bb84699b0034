//! The hash of a row of the audit: SHA-256 over that of the row before it, and the row's
//! fields as one JSON list. Pure.

use serde_json::json;
use sha2::{Digest, Sha256};

pub type Hash = [u8; 32];

/// What of a row is hashed, in this order.
pub struct Link<'a> {
    pub id: i64,
    pub time_ms: i64,
    pub actor: &'a str,
    pub name: &'a str,
    pub user_id: Option<i64>,
    pub via: &'a str,
    pub address: &'a str,
    pub action: &'a str,
    pub node: Option<i64>,
    pub node_name: Option<&'a str>,
    pub outcome: &'a str,
    pub detail: &'a str,
}

pub fn hash(before: &Hash, link: &Link<'_>) -> Hash {
    let fields = json!([
        link.id,
        link.time_ms,
        link.actor,
        link.name,
        link.user_id,
        link.via,
        link.address,
        link.action,
        link.node,
        link.node_name,
        link.outcome,
        link.detail
    ]);
    let mut sha = Sha256::new();
    sha.update(before);
    sha.update(fields.to_string().as_bytes());
    sha.finalize().into()
}
