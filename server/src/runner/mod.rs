//! Runs jobs: takes them from the board on the threads for SSH, hands each to what does
//! its kind of work, and works through many nodes in waves.
//!
//! Stands on top of `deploy` and `package_jobs`, so that jobs themselves know no work.

mod dispatch;
pub mod rollout;
pub mod vitals;

pub use dispatch::{Threads, start};
