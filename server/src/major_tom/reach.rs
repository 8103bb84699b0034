//! From a target to a connected socket: names, addresses, TCP.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Instant;

use super::fault::{Cause, Fault};
use super::limits::{ADDRESSES_MAX, CONNECT_TIME_MAX, LOOKUPS_MAX, RESOLVE_TIME_MAX};
use super::target::Target;

static LOOKUPS: AtomicUsize = AtomicUsize::new(0);

/// Counts a look-up until its thread ends, however long the resolver takes.
struct Lookup;

impl Drop for Lookup {
    fn drop(&mut self) {
        LOOKUPS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// All addresses of the target's host, in the system's order.
pub fn resolve(target: &Target, deadline: Instant) -> Result<Vec<SocketAddr>, Fault> {
    let lookup = Lookup;
    if LOOKUPS.fetch_add(1, Ordering::SeqCst) >= LOOKUPS_MAX {
        return Err(Fault::new(
            Cause::Busy,
            "Too many host names are being looked up.",
            "The DNS server of this machine may be slow; try again in a minute.",
        ));
    }
    let (host, port) = (target.host().to_owned(), target.port());
    let (answer, answered) = channel();
    std::thread::Builder::new()
        .name("lookup".into())
        .spawn(move || {
            let _lookup = lookup;
            let found = (host.as_str(), port).to_socket_addrs();
            // Whoever asked may have given up.
            let _ = answer.send(found.map(|all| all.take(ADDRESSES_MAX).collect::<Vec<_>>()));
        })
        .map_err(|error| Fault::new(Cause::Busy, format!("No thread: {error}."), "Try again."))?;
    let left = deadline.saturating_duration_since(Instant::now());
    let found = answered.recv_timeout(left.min(RESOLVE_TIME_MAX));
    let unknown = |why: &str| {
        Fault::new(
            Cause::UnknownHost,
            format!("The name {} has no address: {why}.", target.host()),
            "Check its spelling, and that the machine of Ground Control can look it up; an IP \
             address works too.",
        )
    };
    match found {
        Ok(Ok(addresses)) if addresses.is_empty() => Err(unknown("the answer is empty")),
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(unknown(&error.to_string())),
        Err(RecvTimeoutError::Timeout) => {
            Err(Fault::timeout(&format!("look up {}", target.host())))
        }
        Err(RecvTimeoutError::Disconnected) => Err(unknown("the look-up failed")),
    }
}

/// A connection to the first address that takes one.
pub fn connect(
    target: &Target,
    addresses: &[SocketAddr],
    deadline: Instant,
) -> Result<TcpStream, Fault> {
    let deadline = deadline.min(Instant::now() + CONNECT_TIME_MAX);
    let mut last = None;
    for (number, address) in addresses.iter().enumerate() {
        // What is left is shared among the addresses that are left.
        let rest = (addresses.len() - number) as u32;
        let time = deadline.saturating_duration_since(Instant::now()) / rest;
        if time.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(address, time) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some((address, error)),
        }
    }
    let Some((address, error)) = last else {
        return Err(Fault::timeout(&format!("reach {target}")));
    };
    Err(explain(target, address, &error))
}

fn explain(target: &Target, address: &SocketAddr, error: &io::Error) -> Fault {
    let said = format!("{target} ({}) can't be reached: {error}.", address.ip());
    match error.kind() {
        ErrorKind::ConnectionRefused => Fault::new(
            Cause::Refused,
            format!(
                "{target} ({}) is there, but nothing listens on that port.",
                address.ip()
            ),
            "Start the SSH server on the node, or check the port.",
        ),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Fault::new(
            Cause::Timeout,
            format!("{target} ({}) does not answer.", address.ip()),
            "The node is off, the address is wrong, or a firewall drops the connection.",
        ),
        _ => Fault::new(
            Cause::Unreachable,
            said,
            "Check the address, and that this machine has a route to it.",
        ),
    }
}
