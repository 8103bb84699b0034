//! The nouns of Ground Control: nodes, jobs, events, sessions, gaps. Plain data with what
//! it means, which the database keeps, jobs and the fleet live by, and the API shows.
//!
//! Nothing in here does I/O or knows who uses it; what of it holds texts from outside is
//! bounded where they come in.

pub mod access;
pub mod credentials;
pub mod describe;
pub mod event;
pub mod failed_jobs;
pub mod gap;
pub mod host_key;
pub mod installation;
pub mod intent;
pub mod job;
pub mod job_output;
pub mod node;
pub mod session;
