//! Ground Control against real hosts: Debian with systemd and OpenSSH, OpenRC,
//! and a router of busybox and dropbear, each booted by systemd-nspawn in a
//! network namespace of its own (server/tests/hosts).
//!
//! They need root, systemd-nspawn, mmdebstrap and the static Spider that
//! `cross/build.sh x86_64` makes, so a plain `cargo test` counts them as ignored.
//! To run them:
//! `cargo test -p stardust-server --test real_hosts -- --ignored`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

#[path = "../end_to_end/common/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the other suite uses the rest")]
mod common;

mod control;
mod cutting;
mod host;
mod keys;
mod service;
mod slow_link;
mod snapshot;
mod spiders;
mod work;

mod bad_upgrade;
mod check_factors;
mod check_facts;
mod check_links;
mod check_logins;
mod check_privilege;
mod check_sudo;
mod cut_remove;
mod cut_rotate;
mod cut_upgrade;
mod deploy_broken;
mod deploy_cut;
mod deploy_fleet;
mod deploy_life;
mod deploy_secrets;
mod deploy_tls;
mod deploy_twice;
mod packages;
