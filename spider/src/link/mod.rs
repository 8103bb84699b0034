//! The link to Ground Control: what keeps samples, and what brings them there.
//!
//! ```text
//! sampler ─► ring ─► session ─► connection ─► /ws
//!              ▲────── ack ◄──────┘
//! ```
//! `link` and all that it is made of (`ring`, `session`, `earlier`, `kept`,
//! `spill`, `backoff`, `wall`, `report`) know neither sockets nor clocks, so a seeded simulation drives them
//! through every kind of outage (`tests/link_simulation.rs`). `connect`, `tunnel`, `tls`, `upgrade`,
//! `ring_file`, `keeper`, `signals` and `run` are the I/O around them, on the Spider's one thread.

pub mod backoff;
mod changes;
mod connect;
mod connect_words;
mod earlier;
pub mod fault;
mod keeper;
pub mod kept;
#[allow(clippy::module_inception)]
pub mod link;
mod queue;
pub mod random;
pub mod report;
mod resolve;
pub mod ring;
mod ring_file;
mod run;
pub mod session;
mod signals;
pub mod spill;
mod stage;
mod stream;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_words;
pub mod tunnel;
mod upgrade;
pub mod wall;

pub use link::Link;
pub use run::{Driver, Settings, run};
