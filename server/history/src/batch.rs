//! What the gate hands to the writer: one transaction's worth.

use std::sync::Arc;

use stardust_shared::Layout;
use stardust_shared::message::Identity;

use stardust_model::gap::GapCause;

/// Samples of all nodes since the last batch.
#[derive(Debug, Default)]
pub struct Batch {
    pub nodes: Vec<NodeBatch>,
}

#[derive(Debug, Default)]
pub struct NodeBatch {
    pub node: i64,
    pub blocks: Vec<Block>,
    pub gaps: Vec<Gap>,
    /// Where samples are now that came late.
    pub filled: Vec<Filled>,
    pub progress: Vec<Progress>,
    pub seen: Option<Box<HelloSeen>>,
    /// What the node's own clock showed when this machine booted, by its last hello.
    pub clock_at_boot_ms: Option<i64>,
}

/// Samples of one layout as they came over the wire: a keyframe, then deltas.
#[derive(Debug)]
pub struct Block {
    /// The run of the Spider that took them.
    pub run: Arc<str>,
    pub layout: Arc<Layout>,
    pub time_min_ms: i64,
    pub time_max_ms: i64,
    pub rows: u32,
    pub data: Vec<u8>,
    /// Of one that goes on from the node's block before.
    pub lead: Option<Continuation>,
}

/// The first sample of a block twice, one behind the other: whoever has the samples
/// before can do with the few bytes of the second.
#[derive(Clone, Copy, Debug)]
pub struct Continuation {
    pub keyframe_bytes: usize,
    /// The delta, as it came.
    pub delta_bytes: usize,
}

impl Block {
    /// Records that can be read alone, in two parts.
    pub fn alone(&self) -> [&[u8]; 2] {
        let Some(lead) = self.lead else {
            return [&self.data, &[]];
        };
        let (keyframe, others) = self.data.split_at(lead.keyframe_bytes);
        [keyframe, &others[lead.delta_bytes..]]
    }

    /// Records that go on from the node's block before.
    pub fn going_on(&self) -> Option<&[u8]> {
        self.lead.map(|lead| &self.data[lead.keyframe_bytes..])
    }
}

/// A stretch without samples, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub from_ms: i64,
    pub to_ms: i64,
    pub cause: GapCause,
    /// Samples that were taken and fell out of the ring; 0 when none were taken.
    pub lost: u64,
}

/// A stretch of samples older than others of the node: a gap may have been noted there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    pub from_ms: i64,
    pub to_ms: i64,
    /// A silence up to this is no gap.
    pub usual_ms: i64,
}

/// How far a run of a Spider is in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub run: Arc<str>,
    pub boot_id: Arc<str>,
    pub seq: u64,
    /// Time of that sample.
    pub time_ms: i64,
}

/// What a hello said, for the node's row.
#[derive(Clone, Debug)]
pub struct HelloSeen {
    pub time_ms: i64,
    pub address: String,
    pub version: String,
    pub identity: Identity,
}

/// What has become durable: this run of this node, up to this sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub node: i64,
    pub run: Arc<str>,
    pub seq: u64,
}

impl Batch {
    pub fn committed(&self) -> Vec<Committed> {
        self.nodes
            .iter()
            .flat_map(|node| {
                node.progress.iter().map(|progress| Committed {
                    node: node.node,
                    run: Arc::clone(&progress.run),
                    seq: progress.seq,
                })
            })
            .collect()
    }
}
