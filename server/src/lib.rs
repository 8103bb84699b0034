//! Ground Control: takes in what the Spiders see, keeps it and shows it.
//!
//! One process, one port. `ARCHITECTURE.md` at the root is the map.

pub mod config;
pub mod error;
pub mod secret;
pub mod server_url;
pub mod store;
