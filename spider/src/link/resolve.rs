//! Names to addresses, afresh for each try, without ever holding up a sample.
//!
//! The C library's lookup blocks for as long as it likes, so it runs on a thread
//! of its own that lives for one lookup. At most one exists: while a lookup
//! hangs, no second one is started.

use std::ffi::CString;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use mio::Waker;

/// Addresses tried of one name.
const ADDRESSES_MAX: usize = 8;
/// glibc's lookup reads its files with buffers on the stack.
const STACK_BYTES: usize = 256 << 10;

#[derive(Debug)]
pub struct Resolver {
    host: String,
    /// Of a link-local address: the interface that leads there.
    zone: Option<String>,
    port: u16,
    pending: Option<Receiver<io::Result<Vec<SocketAddr>>>>,
}

impl Resolver {
    pub fn new(host: &str, zone: Option<&str>, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            zone: zone.map(str::to_owned),
            port,
            pending: None,
        }
    }

    /// Starts a lookup unless one is under way; `waker` tells when it is done.
    pub fn start(&mut self, waker: &Arc<Waker>) -> io::Result<()> {
        if self.pending.is_some() || self.literal().is_some() {
            return Ok(());
        }
        let (sender, receiver) = channel();
        let (host, port, waker) = (self.host.clone(), self.port, Arc::clone(waker));
        thread::Builder::new()
            .name("resolve".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let found = (host.as_str(), port)
                    .to_socket_addrs()
                    .map(|addresses| addresses.take(ADDRESSES_MAX).collect());
                // Nobody listens any more: the link was dropped.
                let _ = sender.send(found);
                let _ = waker.wake();
            })?;
        self.pending = Some(receiver);
        Ok(())
    }

    /// The answer, once there is one.
    pub fn take(&mut self) -> Option<io::Result<Vec<SocketAddr>>> {
        if let Some(address) = self.literal() {
            return Some(address.map(|address| vec![address]));
        }
        let found = match self.pending.as_ref()?.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(io::Error::other("the lookup broke off")),
            Ok(found) => found,
        };
        self.pending = None;
        Some(found)
    }

    /// An interface may come later, so it is looked up for each try.
    fn literal(&self) -> Option<io::Result<SocketAddr>> {
        let address: IpAddr = self.host.parse().ok()?;
        let (IpAddr::V6(address), Some(zone)) = (address, &self.zone) else {
            return Some(Ok(SocketAddr::new(address, self.port)));
        };
        let scope = scope_id(zone).ok_or_else(|| {
            let text = ["there is no interface ", zone, " here"].concat();
            io::Error::new(io::ErrorKind::NotFound, text)
        });
        Some(scope.map(|scope| SocketAddrV6::new(address, self.port, 0, scope).into()))
    }
}

/// The number of the interface of this name; a number is taken as it is.
fn scope_id(zone: &str) -> Option<u32> {
    let name = CString::new(zone).ok()?;
    // SAFETY: `name` is a C string that lives for the whole call.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => zone.parse().ok(),
        index => Some(index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll, Token};
    use std::time::Duration;

    fn resolve(host: &str) -> io::Result<Vec<SocketAddr>> {
        let mut poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let mut resolver = Resolver::new(host, None, 80);
        resolver.start(&waker).unwrap();
        let mut events = Events::with_capacity(4);
        for _ in 0..100 {
            if let Some(found) = resolver.take() {
                return found;
            }
            poll.poll(&mut events, Some(Duration::from_millis(200)))
                .unwrap();
        }
        panic!("no answer");
    }

    #[test]
    fn addresses_need_no_lookup_and_names_wake_the_loop() {
        assert_eq!(
            resolve("192.0.2.7").unwrap(),
            ["192.0.2.7:80".parse().unwrap()]
        );
        assert_eq!(
            resolve("2001:db8::1").unwrap(),
            ["[2001:db8::1]:80".parse().unwrap()]
        );
        let local = resolve("localhost").unwrap();
        assert!(local.iter().all(|address| address.ip().is_loopback()) && !local.is_empty());
        assert!(resolve("no-such-host.invalid").is_err());
    }

    #[test]
    fn a_zone_is_the_number_of_its_interface() {
        let of = |zone| Resolver::new("fe80::1", Some(zone), 80).take().unwrap();
        // Loopback is the first interface of every machine.
        let expected = SocketAddrV6::new("fe80::1".parse().unwrap(), 80, 0, 1);
        assert_eq!(of("lo").unwrap(), [expected.into()]);
        assert_eq!(of("1").unwrap(), [expected.into()]);
        let error = of("no-such-if").unwrap_err().to_string();
        assert!(error.contains("no-such-if"), "{error}");
    }
}
