//! Work on packages of nodes: what asks them ([`query`], over a [`node_link`]), jobs that change them
//! ([`task`]), the daily look ([`schedule`]), and what a fleet is asked for ([`fleet`]).
//!
//! Called by API workers and by the threads of jobs. What is asked and what comes back
//! is built and read by `stardust_packages`, with its bounds.

pub mod fleet;
pub mod node_link;
pub mod query;
pub mod schedule;
pub mod task;
pub mod way_in;
