//! Ground Control: takes in what the Spiders see, keeps it and shows it.
//!
//! One process, one port. `ARCHITECTURE.md` at the root is the map.

pub mod access;
pub mod address_range;
pub mod api;
pub mod app;
pub mod auth;
pub mod capsule;
pub mod config;
pub mod demo;
pub mod deploy;
pub mod embedded_spiders;
pub mod events;
mod first_login;
pub mod gate;
pub mod http;
pub mod hub;
pub mod jobs;
pub mod listen;
mod notify;
pub mod oidc;
pub mod package_jobs;
mod run_dir;
pub mod runner;
mod signals;
pub mod stats;
pub mod tls;
pub mod vault;

pub use stardust_base::{clock, environment, error, hidden, log, log_level, secret, slots};
use stardust_base::{memory, prefetch, workers};
pub use stardust_history as history;
pub use stardust_major_tom as major_tom;
pub use stardust_packages as packages;
pub use stardust_store as store;
