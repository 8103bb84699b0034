//! What bounds jobs, in one place.

use std::time::Duration;

/// Jobs that wait or run; more are refused.
pub const ACTIVE_MAX: usize = 25_000;
/// Jobs that a person may let wait for one node, beside the one that runs.
pub const NODE_WAITING_MAX: usize = 8;
/// Finished jobs that are kept; the oldest go.
pub const KEPT_MAX: i64 = 5_000;
/// Steps of one job.
pub const STEPS_MAX: usize = 200;
/// Jobs over many nodes at the same time; each has a thread that waits.
pub const GROUPS_MAX: usize = 8;
/// Nodes of one such job.
pub const GROUP_NODES_MAX: usize = 10_000;
/// How often the output of a long step is written to the database.
pub const SAVE_INTERVAL: Duration = Duration::from_secs(5);
/// Jobs in one answer.
pub const PAGE_MAX: i64 = 200;
/// Active jobs in the first message of `/live`.
pub const SNAPSHOT_MAX: usize = 200;
