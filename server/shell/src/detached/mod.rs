//! Work that its node owns: started over SSH, finished without.
//!
//! An upgrade that dies with its link leaves a torn system. So what changes
//! packages runs detached, as a transient unit where there is systemd and in a
//! session of its own elsewhere; it writes its output, its phase and its end into
//! a folder that only root can enter, and Ground Control reads from there by
//! offset, as often as the link or Ground Control itself has to begin anew.
//!
//! [`script`] is what runs on the node, [`stream`] reads what comes back,
//! [`follower`] decides when to ask again; the two are pure. `major_tom::detached`
//! does the I/O, on a job thread. The node keeps the
//! folders of the last [`script::KEPT`] runs, as long as they are small and not old.

pub mod follower;
pub mod script;
pub mod stream;
pub mod work;

pub use script::HOLDERS;
pub use work::{End, Part, Seen, Work};
