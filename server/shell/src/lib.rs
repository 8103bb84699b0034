//! What is run on nodes and how it is told: commands as a login shell takes them, their
//! output, work that its node owns, the steps of work, and what can go wrong on the way.
//!
//! Nothing in here talks to anyone: `major_tom` does, on the threads of jobs and of the
//! API. Bounds of what is kept of an output stand with it.

pub mod detached;
pub mod fault;
pub mod output;
pub mod patience;
pub mod shell;
pub mod steps;

pub use fault::{Cause, Fault};
