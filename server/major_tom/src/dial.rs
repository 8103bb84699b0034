//! From a target to a connected socket: names, addresses, TCP.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::fault::{Cause, Fault};
use super::limits::{ADDRESSES_MAX, ATTEMPTS_MAX, CONNECT_TIME_MAX, LOOKUPS_MAX, RESOLVE_TIME_MAX};
use super::patience::{Patience, cancelled};
use super::target::Target;

static LOOKUPS: AtomicUsize = AtomicUsize::new(0);

static ATTEMPTS: AtomicUsize = AtomicUsize::new(0);

/// Counts what is done on a thread until that ends, however long the system takes.
struct Counted(&'static AtomicUsize);

impl Counted {
    fn new(counter: &'static AtomicUsize, most: usize) -> Option<Self> {
        let counted = Self(counter);
        (counter.fetch_add(1, Ordering::SeqCst) < most).then_some(counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// All addresses of the target's host, in the system's order.
pub fn resolve(
    target: &Target,
    deadline: Instant,
    patience: &Patience,
) -> Result<Vec<SocketAddr>, Fault> {
    let lookup = Counted::new(&LOOKUPS, LOOKUPS_MAX).ok_or_else(|| {
        Fault::new(
            Cause::Busy,
            "Too many host names are being looked up.",
            "The DNS server of this machine may be slow; try again in a minute.",
        )
    })?;
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
    let end = deadline.min(Instant::now() + RESOLVE_TIME_MAX);
    let found = patience.wait(end, |time| match answered.recv_timeout(time) {
        Err(RecvTimeoutError::Timeout) => None,
        other => Some(other),
    });
    if patience.is_over() {
        return Err(cancelled());
    }
    let unknown = |why: &str| {
        Fault::new(
            Cause::UnknownHost,
            format!("The name {} has no address: {why}.", target.host()),
            "Check its spelling, and that the machine of Ground Control can look it up; an IP \
             address works too.",
        )
    };
    match found {
        Some(Ok(Ok(addresses))) if addresses.is_empty() => Err(unknown("the answer is empty")),
        Some(Ok(Ok(addresses))) => Ok(addresses),
        Some(Ok(Err(error))) => Err(unknown(&error.to_string())),
        Some(Err(_)) => Err(unknown("the look-up failed")),
        None => Err(Fault::timeout(&format!("look up {}", target.host()))),
    }
}

/// A connection to the first address that takes one.
pub fn connect(
    target: &Target,
    addresses: &[SocketAddr],
    deadline: Instant,
    patience: &Patience,
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
        match connect_one(*address, time, patience)? {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some((address, error)),
        }
    }
    let Some((address, error)) = last else {
        return Err(Fault::timeout(&format!("reach {target}")));
    };
    Err(explain(target, address, &error))
}

/// A connection attempt can't be interrupted, so one that may be given up is made on a
/// thread of its own, which ends with the attempt.
fn connect_one(
    address: SocketAddr,
    time: Duration,
    patience: &Patience,
) -> Result<io::Result<TcpStream>, Fault> {
    if !patience.is_bounded() {
        return Ok(TcpStream::connect_timeout(&address, time));
    }
    let attempt = Counted::new(&ATTEMPTS, ATTEMPTS_MAX).ok_or_else(|| {
        Fault::new(
            Cause::Busy,
            "Too many hosts are being reached that don't answer.",
            "Try again in a few seconds.",
        )
    })?;
    let (answer, answered) = channel();
    std::thread::Builder::new()
        .name("connect".into())
        .spawn(move || {
            let _attempt = attempt;
            // Whoever asked may have given up.
            let _ = answer.send(TcpStream::connect_timeout(&address, time));
        })
        .map_err(|error| Fault::new(Cause::Busy, format!("No thread: {error}."), "Try again."))?;
    // The attempt ends by itself.
    let end = Instant::now() + time + CONNECT_TIME_MAX;
    let made = patience.wait(end, |time| match answered.recv_timeout(time) {
        Err(RecvTimeoutError::Timeout) => None,
        Ok(made) => Some(made),
        Err(RecvTimeoutError::Disconnected) => Some(Err(ErrorKind::TimedOut.into())),
    });
    if patience.is_over() {
        return Err(cancelled());
    }
    Ok(made.unwrap_or_else(|| Err(ErrorKind::TimedOut.into())))
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
