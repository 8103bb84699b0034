//! A job as the API, `/live` and the database have it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use stardust_shell::Fault;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for a thread, or for another job on the same node.
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
    /// Nobody knows how it ended.
    Lost,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Queued,
            Self::Running,
            Self::Succeeded,
            Self::Failed,
            Self::Cancelled,
            Self::Lost,
        ]
        .into_iter()
        .find(|state| state.name() == name)
    }

    pub fn is_finished(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    Running,
    Done,
    Failed,
    /// Cut off, or not begun any more.
    Cancelled,
    /// Not needed this time.
    Skipped,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    pub name: String,
    /// What it does, in words.
    pub title: String,
    pub state: StepState,
    pub started_ms: i64,
    pub ms: Option<u64>,
    pub detail: String,
    pub hint: String,
    /// Why it failed, as a word.
    pub cause: Option<String>,
    /// Its part of the job's output, in bytes.
    pub from: usize,
    pub to: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    pub cause: String,
    pub message: String,
    pub hint: String,
}

impl From<&Fault> for JobError {
    fn from(fault: &Fault) -> Self {
        Self {
            cause: fault.cause.name().to_owned(),
            message: fault.detail.clone(),
            hint: fault.hint.clone(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub done: u64,
    pub total: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobView {
    pub id: i64,
    pub kind: String,
    pub node: Option<i64>,
    pub node_name: Option<String>,
    /// The job that this one is a part of.
    pub group: Option<i64>,
    pub title: String,
    pub state: State,
    /// Who asked for it.
    pub by: String,
    pub created_ms: i64,
    pub started_ms: Option<i64>,
    pub finished_ms: Option<i64>,
    pub steps: Vec<StepView>,
    pub error: Option<JobError>,
    pub result: Option<Value>,
    pub output_bytes: usize,
    pub left_out_bytes: usize,
    pub can_cancel: bool,
    /// Why it can't be cancelled at this point.
    pub no_cancel: Option<String>,
    /// The job before it in its node's line.
    pub waits_for: Option<i64>,
    pub cancelling: bool,
    pub progress: Option<Progress>,
    /// Of a job over many nodes, which ones: for who may know of it.
    #[serde(skip)]
    pub nodes: Vec<i64>,
}

impl JobView {
    /// Whether somebody who may see the nodes of which `sees` says so may know of it: of
    /// one over many, all of them.
    pub fn is_seen(&self, sees: impl Fn(i64) -> bool) -> bool {
        match self.node {
            Some(node) => sees(node),
            None => !self.nodes.is_empty() && self.nodes.iter().all(|node| sees(*node)),
        }
    }
}
