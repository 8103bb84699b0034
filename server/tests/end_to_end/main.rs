//! The real programs together, on loopback: Ground Control and Spiders as child
//! processes, with outages, hostile peers and proxies between them.
//!
//! One program, so that it is linked once. Part of it alone:
//! `cargo test -p stardust-server --test end_to_end delivery`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

mod common;

mod abuse;
mod access;
mod accounts;
mod alone;
mod behind_proxy;
mod caddy;
mod churn;
mod damage;
mod dashboard;
mod delivery;
mod demo;
mod events;
mod history;
mod hostile;
mod jobs;
mod kept;
mod listening;
mod nginx;
mod node_exporter;
mod other_proxies;
mod overload;
mod own_tls;
mod page_bytes;
mod prometheus;
mod readme;
mod rebinding;
mod routes;
mod sessions;
mod stopping;
mod supervised;
mod tokens;
