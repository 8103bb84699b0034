//! Packages on the nodes: what can be upgraded, what an action would do, and how it is
//! told, for every manager of packages that we know.
//!
//! All in here is pure: names are checked against the manager's own grammar, commands
//! are built, and what the tools print is read; jobs and API workers of the server talk
//! to the nodes. One manager a file, behind [`backend::Backend`]; what is read is bounded by
//! [`limits`].
//!
//! # Decisions
//!
//! - **What a job changed is read from the package database**, not from what the tool
//!   printed: the node notes what is installed right before anything changes (after the
//!   lock was waited for, in the folder of the work, so that it outlives the link, the
//!   server and a power cut), and both states are compared. An output says what was
//!   meant; a script that fails or a power cut makes it untrue.
//! - **pacman looks at an index of our own** (`/var/lib/stardust-pacman`): a refreshed
//!   real one makes the next install a partial upgrade, which breaks Arch systems.

pub mod advice;
pub mod apk;
pub mod apt;
pub mod backend;
mod backends;
pub mod dnf;
pub mod dnf5;
pub mod facts;
pub mod ledger;
pub mod limits;
pub mod lock;
pub mod manager;
pub mod model;
pub mod opkg;
pub mod pacman;
pub mod preflight;
#[cfg(any(test, feature = "readers"))]
pub mod readers;
pub mod request;
pub mod restarts;
pub mod rpm;
pub mod sections;
pub mod survey;
pub mod text;
mod validate;
pub mod xml;
pub mod zypper;

#[cfg(test)]
mod tests;

pub use manager::Manager;
