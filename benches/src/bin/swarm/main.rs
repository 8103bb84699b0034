//! A fleet of Spiders in one process, to load a Ground Control on this machine.
//!
//!   swarm [--nodes 100,1000,10000] [--seconds 30] [--capsules 20] [--tls yes|both]
//!         [--distinct yes] [--storm MINUTES] [--interval 1000] [--floor no]
//!         [--server FILE] [--recording FILE]
//!
//! It starts a server of its own with a database in a temporary folder, for each
//! number of nodes a fresh one, and speaks the real protocol. What the nodes
//! send comes from a recording (lines of `stardust-spider --stdout`), each node
//! starting at another line. Printed are the server's CPU a sample (by its
//! scheduler's accounts, all its threads, the open Capsules included), its
//! memory a connection, and the time from a sample to its acknowledgement.
//!
//! Before that the same nodes send the same to a program that only takes it off its
//! sockets (`--floor no` leaves that out): what Ground Control takes as often as that
//! is what to compare between machines.
//!
//! `--tls both` prints the table that the README has: each number of nodes, plain
//! and over TLS.
//!
//! `--storm` has every node come at once with so many minutes in its ring, as
//! after a restart, while a few that are there already are watched by the Capsules. `--distinct` gives each node series of its own, so that no
//! two layouts are alike. Loopback only, and it stops by itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what can't be measured ends the measurement"
)]

mod capsule;
mod floor;
mod line;
mod options;
mod recording;
mod server;
mod spider;
mod steady;
mod storm;
mod table;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    raise_file_limit();
    if std::env::args().nth(1).as_deref() == Some(floor::FLAG) {
        return floor::serve();
    }
    let options = options::read()?;
    let recording = recording::read(&options.recording)?;
    println!(
        "{} series, {} recorded rows, {} Capsules{}",
        recording.series.len(),
        recording.rows.len(),
        options.capsules,
        if options.distinct {
            ", distinct layouts"
        } else {
            ""
        },
    );
    let mut floors = Vec::new();
    if options.floor && options.storm_minutes.is_none() {
        for &nodes in &options.nodes {
            let (server, tokens) = server::Server::floor(nodes)?;
            let row = steady::run(&options, &recording, &server, tokens)?;
            floors.push((nodes, row.cpu_us));
        }
    }
    let mut rows = Vec::new();
    for &tls in &options.tls {
        for &nodes in &options.nodes {
            let (server, tokens) = server::Server::with_nodes(&options, nodes, tls)?;
            match options.storm_minutes {
                None => {
                    let mut row = steady::run(&options, &recording, &server, tokens)?;
                    let floor = floors.iter().find(|floor| floor.0 == nodes);
                    row.floor_us = floor.map(|floor| floor.1);
                    rows.push(row);
                }
                Some(minutes) => storm::run(&options, &recording, &server, tokens, minutes)?,
            }
        }
    }
    table::print(&rows);
    Ok(())
}

fn raise_file_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both calls only read and write the rlimit that they are given.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
}
