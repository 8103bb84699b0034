//! Packages on the nodes: what can be upgraded, what an action would do, and how
//! it is done, for every manager of packages that we know.
//!
//! All in here but [`look`], [`task`] and [`keeper`] is pure: names are checked against the
//! manager's own grammar, commands are built, and what the tools print is read.
//! One manager a file, behind [`tool::Tool`]. Called by API workers and by jobs;
//! what goes over SSH is bounded by `limits`.

pub mod advice;
pub mod apk;
pub mod apt;
pub mod dnf;
pub mod dnf5;
pub mod facts;
pub mod fleet;
pub mod judge;
pub mod keeper;
pub mod ledger;
pub mod limits;
pub mod lock;
pub mod look;
pub mod manager;
pub mod model;
pub mod opkg;
pub mod pacman;
pub mod restarts;
pub mod rpm;
pub mod sections;
pub mod survey;
pub mod task;
pub mod text;
pub mod tool;
pub mod way_in;
pub mod wish;
pub mod xml;
pub mod zypper;

#[cfg(test)]
mod german;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod states;
#[cfg(test)]
mod tests;

pub use manager::Manager;
