//! Major Tom: Ground Control's hand that reaches nodes over SSH.
//!
//! Nothing else touches `ssh2`. Everything blocks, so it is called from API
//! workers (bounded by [`pool::Pool`]) and from jobs, never from the gate. Each
//! call has a deadline for the whole of it, however many packets it takes:
//! libssh2 runs without blocking and [`wire`] waits.
//!
//! The order is in the types: a [`session::Greeted`] host has shown its key and
//! was sent nothing; only a [`session::Trusted`] one, whose key was compared
//! with the pinned one, can be sent a credential; a [`session::Session`] runs
//! commands.
//!
//! # Decisions
//!
//! - **libssh2 runs without blocking**, and each step waits with one deadline: its own
//!   time-out bounds a packet, so that a peer which dribbles holds a thread for ever.
//! - **libssh2 does not tell a part of a login that was taken from one that was
//!   refused.** The server is asked what it wants next: something else than before means
//!   that this part was right (`login`).

pub mod authenticate;
pub mod certificate;
mod connector;
pub mod detached;
pub mod dial;
mod exec;
pub mod facts;
pub mod host_probe;
pub mod import;
mod jump;
pub mod key;
pub mod limits;
pub mod login;
pub mod pool;
pub mod privilege;
pub mod remote;
pub mod session;
pub mod target;
pub mod upload;
mod wire;

pub use connector::Connector;
pub use session::Session;
pub use stardust_model::host_key as hostkey;
pub use stardust_shell::{Cause, Fault, fault, output, patience, shell, steps};
pub use target::Target;

/// What Ground Control keeps of it while it runs.
pub struct MajorTom {
    pub connector: Connector,
    pub pool: std::sync::Arc<pool::Pool>,
}

impl MajorTom {
    pub fn new(threads: usize) -> Self {
        Self {
            connector: Connector::default(),
            pool: pool::Pool::new(threads),
        }
    }

    /// Lets go of all nodes, so that Ground Control can stop.
    pub fn stop(&self) {
        self.connector.stop();
    }
}

#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
