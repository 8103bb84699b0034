//! Jobs: work on nodes that takes its time and must not be forgotten.
//!
//! An API worker submits an [`Order`]; it is in the database before the answer
//! is sent. A pool of threads (`--ssh-threads`) runs jobs, one at a time for
//! each node; what runs when Ground Control stops or is killed is begun anew at
//! the next start, so whatever a job does must be fit to be done twice. The gate
//! tells browsers what changed. Bounded by [`limits`].

mod board;
mod context;
mod job;
pub mod limits;
mod line;
mod sanitize;
#[cfg(test)]
mod tests;

pub use board::{Board, News, Order, log_end};
pub use context::JobContext;
pub use job::{Given, Job};
pub use sanitize::without_colours;
pub use stardust_model::failed_jobs::{Ended, FailedJob, Failures, LiveJobs};
pub use stardust_model::intent::{Intent, PackageOrder};
pub use stardust_model::job::{JobError, JobView, Progress, State, StepState, StepView};
pub use stardust_model::job_output::{JobOutput, OutputChunk};
