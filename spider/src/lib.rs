//! The Spider: one thread that reads this machine and tells Ground Control.
//!
//! It observes only. Nothing in here starts a program, and nothing that comes
//! from the server is more than an acknowledgement or an interval.

pub mod clock;
pub mod collect;
pub mod config;
pub mod identify;
#[cfg(test)]
#[path = "../tests/common/left_out.rs"]
mod left_out;
pub mod link;
pub mod output;
pub mod root;
pub mod sample;
pub mod series_order;

/// Version of this build, told in the hello and by `--version`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
