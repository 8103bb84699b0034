//! The messages of `/live`. Each is made once and shared by all browsers.

use serde::Serialize;
use stardust_shared::{ABSENT, Layout, State};

use super::node::Node;
use super::summary::SampleRow;
use super::view::{NodeChange, NodeView, SeriesView};
use stardust_model::failed_jobs::{FailedJob, LiveJobs};
use stardust_model::job::JobView;
use stardust_model::job_output::OutputChunk;

#[derive(Serialize)]
struct Snapshot<'a> {
    r#type: &'static str,
    time_ms: i64,
    version: &'static str,
    /// As in [`Changes`], as far as it can be told before there was one.
    turns: usize,
    /// What the values of a row of `samples` are, in all messages that follow.
    sample_fields: Vec<&'static str>,
    nodes: Vec<NodeView>,
    jobs: &'a [JobView],
    /// Nodes whose last work failed.
    failed: &'a [FailedJob],
}

/// What has changed of the fleet.
#[derive(Debug, Default, Serialize)]
pub struct Changes {
    pub time_ms: i64,
    /// Messages until each node that sends has had its turn in `samples`, this one
    /// included: of a large fleet not all are in each.
    pub turns: usize,
    pub nodes: Vec<NodeChange>,
    pub samples: Vec<SampleRow>,
    pub removed: Vec<i64>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.samples.is_empty() && self.removed.is_empty()
    }

    pub fn message(&self) -> String {
        json(&Typed {
            r#type: "changes",
            changes: self,
        })
    }
}

#[derive(Serialize)]
struct Typed<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    changes: &'a Changes,
}

#[derive(Serialize)]
struct LayoutMessage {
    r#type: &'static str,
    node: i64,
    layout: u64,
    series: Vec<SeriesView>,
}

#[derive(Serialize)]
struct SampleMessage {
    r#type: &'static str,
    node: i64,
    layout: u64,
    time_ms: i64,
    values: Vec<Option<i64>>,
}

#[derive(Serialize)]
struct JobMessage<'a> {
    r#type: &'static str,
    job: &'a JobView,
}

#[derive(Serialize)]
struct OutputMessage<'a> {
    r#type: &'static str,
    job: i64,
    from: usize,
    text: &'a str,
}

#[derive(Serialize)]
struct Bye<'a> {
    r#type: &'static str,
    reason: &'a str,
}

/// None of these types can fail to serialise: no maps with odd keys, no custom impls.
fn json(message: &impl Serialize) -> String {
    serde_json::to_string(message).unwrap_or_default()
}

pub fn snapshot_message<'a>(
    time_ms: i64,
    turns: usize,
    nodes: impl Iterator<Item = &'a Node>,
    jobs: &LiveJobs,
) -> String {
    json(&Snapshot {
        r#type: "snapshot",
        time_ms,
        version: env!("CARGO_PKG_VERSION"),
        turns,
        sample_fields: SampleRow::fields(),
        nodes: nodes.map(Node::view).collect(),
        jobs: &jobs.active,
        failed: &jobs.failed,
    })
}

/// The series of a watched node, in the order of its samples.
pub fn layout_message(node: i64, layout: &Layout) -> String {
    json(&LayoutMessage {
        r#type: "layout",
        node,
        layout: layout.id(),
        series: layout.series().iter().map(SeriesView::from).collect(),
    })
}

/// One whole sample of a watched node, raw.
pub fn sample_message(node: i64, layout: &Layout, state: &State) -> String {
    let values = state
        .scaled()
        .iter()
        .zip(layout.series())
        .map(|(&value, series)| {
            (value != ABSENT).then(|| value.wrapping_mul(i64::from(series.scale)))
        })
        .collect();
    json(&SampleMessage {
        r#type: "sample",
        node,
        layout: layout.id(),
        time_ms: state.time_ms,
        values,
    })
}

/// A job as it is now.
pub fn job_message(job: &JobView) -> String {
    json(&JobMessage { r#type: "job", job })
}

/// What a job has said.
pub fn output_message(job: i64, piece: &OutputChunk) -> String {
    json(&OutputMessage {
        r#type: "output",
        job,
        from: piece.from,
        text: &piece.text,
    })
}

/// Said before an orderly close.
pub fn bye_message(reason: &str) -> String {
    json(&Bye {
        r#type: "bye",
        reason,
    })
}
