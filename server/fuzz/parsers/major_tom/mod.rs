//! As in the server, without what talks to anyone.

pub mod detached;
#[path = "../../../src/major_tom/fault.rs"]
pub mod fault;
#[path = "../../../src/major_tom/shell.rs"]
pub mod shell;

pub use fault::{Cause, Fault};
