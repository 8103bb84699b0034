//! The floor as a process: what reading the same files once a second costs at
//! the very least. `floor [INTERVAL_MS]`
//!
//! Wakes up, reads eight /proc files by `pread` into one buffer, asks for one
//! filesystem and sends 40 bytes over TCP. No agent that tells the same can
//! cost less on this machine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what can't be measured ends the measurement"
)]

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use stardust_benches::floor::{FILES, Floor};

fn main() -> std::io::Result<()> {
    let interval_ms = std::env::args().nth(1).and_then(|arg| arg.parse().ok());
    let interval = Duration::from_millis(interval_ms.unwrap_or(1000));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut stream = TcpStream::connect(listener.local_addr()?)?;
    // The other end reads in a process of its own, or its CPU would count here.
    let (sink, _) = listener.accept()?;
    // SAFETY: the child only reads from a socket and exits; it shares no lock with
    // the parent, which has one thread.
    if unsafe { libc::fork() } == 0 {
        drop(stream);
        let mut sink = sink;
        let _ = std::io::copy(&mut sink, &mut std::io::sink());
        return Ok(());
    }
    drop(sink);
    let mut floor = Floor::new(&FILES);
    let mut next = Instant::now();
    loop {
        next += interval;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        floor.read();
        Floor::statfs();
        stream.write_all(&[7; 40])?;
    }
}
