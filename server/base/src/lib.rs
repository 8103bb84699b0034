//! What every part of Ground Control stands on: errors for people, the log, the clock,
//! the environment, memory and threads.
//!
//! The lowest crate of the server: it knows nothing of nodes, history or SSH. All of it
//! may be called from any thread, but for [`environment::Environment::take`].

pub mod clock;
pub mod environment;
pub mod error;
pub mod files;
pub mod hidden;
pub mod log;
pub mod log_level;
pub mod memory;
pub mod prefetch;
pub mod secret;
pub mod slots;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod workers;
