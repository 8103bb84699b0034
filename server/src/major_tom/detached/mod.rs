//! Work that its node owns: started over SSH, finished without.
//!
//! An upgrade that dies with its link leaves a torn system. So what changes
//! packages runs detached, as a transient unit where there is systemd and in a
//! session of its own elsewhere; it writes its output, its phase and its end into
//! a folder that only root can enter, and Ground Control reads from there by
//! offset, as often as the link or Ground Control itself has to begin anew.
//!
//! [`script`] is what runs on the node, [`stream`] reads what comes back,
//! [`follower`] decides when to ask again; the two are pure. [`run`] does the I/O,
//! on a job thread. At most [`run::FOLLOW_TIME_MAX`], and the node keeps the
//! folders of the last [`script::KEPT`] runs, as long as they are small and not old.

pub mod follower;
pub mod run;
mod script;
pub mod stream;
pub mod work;

#[cfg(test)]
mod tests;

pub use script::HOLDERS;
pub use work::{End, Part, Seen, Work};
