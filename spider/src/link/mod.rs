//! The link to Ground Control: what keeps samples, and what brings them there.
//!
//! ```text
//! sampler ─► ring ─► session ─► connection ─► /ws
//!              ▲────── ack ◄──────┘
//! ```
//! `link` and all that it is made of (`ring`, `session`, `earlier_runs`, `ring_format`,
//! `flush`, `backoff`, `clocks`, `report`) know neither sockets nor clocks, so a seeded
//! simulation drives them through every kind of outage (`tests/link_simulation`). `connect`,
//! `connection`, `tunnel`, `tls`, `upgrade`, `ring_file`, `ring_store`, `signals` and `run`
//! are the I/O around them, on the Spider's one thread.

mod answer;
pub mod backoff;
mod changes;
pub mod clocks;
mod connect;
mod connect_errors;
mod connection;
mod earlier_runs;
pub mod fault;
pub mod flush;
#[allow(clippy::module_inception)]
pub mod link;
mod log;
mod queue;
pub mod random;
pub mod report;
mod resolve;
pub mod ring;
mod ring_file;
pub mod ring_format;
mod ring_store;
mod run;
pub mod session;
mod signals;
mod stream;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_errors;
pub mod tunnel;
mod upgrade;

pub use link::Link;
pub use run::{Driver, Settings, run};
