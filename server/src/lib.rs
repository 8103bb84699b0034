//! Ground Control: takes in what the Spiders see, keeps it and shows it.
//!
//! One process, one port. `ARCHITECTURE.md` at the root is the map.

pub mod address_range;
pub mod api;
pub mod app;
pub mod auth;
pub mod capsule;
pub mod clock;
pub mod config;
mod crew;
pub mod demo;
pub mod environment;
pub mod error;
pub mod events;
mod first_login;
pub mod gate;
pub mod health;
pub mod hidden;
pub mod history;
pub mod http;
pub mod hub;
pub mod jobs;
pub mod listen;
pub mod log;
pub mod log_level;
pub mod major_tom;
mod memory;
mod notify;
pub mod packages;
pub mod places;
mod prefetch;
mod run_dir;
pub mod secret;
pub mod server_url;
mod signals;
pub mod spiders;
pub mod store;
pub mod tls;
pub mod vault;
