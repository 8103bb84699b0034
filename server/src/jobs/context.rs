//! What work on nodes is done with.

use std::sync::Arc;

use super::Board;
use crate::embedded_spiders::Sources;
use crate::history::History;
use crate::hub::Fleet;
use crate::major_tom::Connector;
use crate::store::Store;
use crate::vault::Vault;

/// Held by the threads of jobs, and lent to API workers that ask a node something.
pub struct JobContext {
    pub store: Arc<Store>,
    pub fleet: Arc<Fleet>,
    pub history: Arc<History>,
    pub vault: Arc<Vault>,
    pub jobs: Arc<Board>,
    pub connector: Connector,
    /// Where Spiders to install come from.
    pub spiders: Sources,
    /// How many nodes are worked on at the same time.
    pub threads: usize,
    /// Time between two looks at the packages of a node; none: nobody looks unasked.
    pub packages_refresh_ms: Option<i64>,
    /// Called after a node was removed, with its number.
    pub on_removed: Box<dyn Fn(i64) + Send + Sync>,
}
