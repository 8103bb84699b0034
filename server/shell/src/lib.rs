//! What is run on nodes and how it is told: commands as a login shell takes them, their
//! output, work that its node owns, the steps of work, and what can go wrong on the way.
//!
//! Nothing in here talks to anyone: `major_tom` does, on the threads of jobs and of the
//! API. Bounds of what is kept of an output stand with it.
//!
//! # Decisions
//!
//! - **What a node's login shell reads is one quoted line** without a character that fish
//!   or csh take otherwise; commands travel in it as octal. stderr joins stdout on the
//!   node, a mark tells where the command's own output begins, and the exit status is
//!   combined with a constant: libssh2 answers 0 also for a command whose end was never
//!   told.
//! - **What changes packages runs detached on its node**, with its output, phase and end
//!   in a folder of root's, and is followed by offset. A job that is begun anew (a
//!   restart of Ground Control) takes its part of the output back and fetches it from the
//!   first byte: no hole, nothing twice, and no offset to keep in step with what is
//!   stored. Downloads come first in a part of their own, since only that may be ended in
//!   the middle.

pub mod detached;
pub mod fault;
pub mod output;
pub mod patience;
pub mod shell;
pub mod steps;

pub use fault::{Cause, Fault};
