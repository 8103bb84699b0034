//! Spiders onto nodes, and off them again: deploy, upgrade, rotate the token,
//! remove.
//!
//! Each function here is one kind of job and runs on a job thread. What is done
//! on the node is a plan ([`plan`]) of scripts ([`script`]) for a place
//! ([`installation`]); all of it may be done twice, since a job that was cut off is
//! begun anew. What went wrong half-way is put back before the job ends.

pub mod by_hand;
pub mod check;
mod diagnose;
mod executor;
mod files;
mod install;
mod installation;
mod libc;
mod login;
mod plan;
pub mod reboot;
mod remove;
mod script;
pub mod spider;
mod stage;
mod taken;
mod token;
mod upgrade;
mod verify;

pub use executor::Executor;
pub use install::{deploy, rotate_token};
use installation::choose as choose_place;
pub use installation::{Installation, Method};
pub use login::{Login, RootSession, log_in, log_in_as_root, with_whole_keys};
pub use remove::remove;
use spider::choose as choose_spider;
pub use taken::{has_spider, is_taken};
pub use token::{NextToken, settle_by_hand};
pub use upgrade::upgrade;
pub use verify::wait_for_hello;
