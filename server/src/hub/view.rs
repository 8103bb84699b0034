//! What the API and `/live` show of a node. The shapes are in the OpenAPI file.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use stardust_shared::Layout;
use stardust_shared::message::Identity;

use super::Status;
use super::Summary;
use super::spark::SparkView;

/// A node as `GET /api/nodes` lists it.
#[derive(Clone, Debug, Serialize)]
pub struct NodeView {
    pub id: i64,
    pub name: String,
    pub tags: Vec<String>,
    pub status: Status,
    /// Since when the status holds, Unix milliseconds.
    pub since_ms: i64,
    /// Why it is in this state, in words.
    pub reason: Option<String>,
    pub created_ms: i64,
    pub last_seen_ms: Option<i64>,
    pub interval_ms: Option<u64>,
    pub address: Option<String>,
    pub spider_version: Option<String>,
    pub identity: Option<Identity>,
    pub summary: Option<Summary>,
    pub spark: SparkView,
    /// It is known how to reach it over SSH.
    pub managed: bool,
    /// Its Spider was put there from here.
    pub installed: bool,
}

/// A node for `/metrics`.
pub struct Exported {
    pub id: i64,
    pub name: String,
    pub status: Status,
    pub spider_version: Option<String>,
    pub identity: Option<Identity>,
    /// Values divided by their scale, and when they were taken.
    pub latest: Option<(Arc<Layout>, Vec<i64>, i64)>,
}

/// What changed of a node, its sample apart: `/live` sends the fields that are there.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NodeChange {
    pub id: i64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub whole: Option<Box<NodeView>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusChange>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub meta: Option<MetaChange>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub hello: Option<HelloChange>,
}

impl NodeChange {
    /// The node's tags, where they are told.
    pub fn tags(&self) -> Option<&[String]> {
        let whole = self.whole.as_ref().map(|node| &node.tags[..]);
        whole.or(self.meta.as_ref().map(|meta| &meta.tags[..]))
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct StatusChange {
    pub status: Status,
    pub since_ms: i64,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct MetaChange {
    pub name: String,
    pub tags: Vec<String>,
    pub managed: bool,
    pub installed: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct HelloChange {
    pub interval_ms: Option<u64>,
    pub address: Option<String>,
    pub spider_version: Option<String>,
    pub identity: Option<Identity>,
}

/// The answer of `GET /api/nodes/:id/stats`.
#[derive(Clone, Debug, Serialize)]
pub struct StatsView {
    pub node: i64,
    pub status: Status,
    /// When the sample was taken; null before the first one.
    pub time_ms: Option<i64>,
    pub age_ms: Option<i64>,
    /// Raw values in the unit of each series.
    pub series: BTreeMap<String, i64>,
    /// Counters only: change per second between the last two samples.
    pub rates: BTreeMap<String, f64>,
    pub summary: Option<Summary>,
}

#[derive(Clone, Debug, Serialize)]
pub struct SeriesView {
    pub key: String,
    pub unit: &'static str,
    pub kind: &'static str,
}
