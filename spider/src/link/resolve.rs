//! Names to addresses, afresh for each try, without ever holding up a sample.
//!
//! The C library's lookup blocks for as long as it likes, so it runs on a thread
//! of its own that lives for one lookup. At most one exists: while a lookup
//! hangs, no second one is started.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
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
    port: u16,
    pending: Option<Receiver<io::Result<Vec<SocketAddr>>>>,
}

impl Resolver {
    pub fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
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
            return Some(Ok(vec![address]));
        }
        let found = match self.pending.as_ref()?.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(io::Error::other("the lookup broke off")),
            Ok(found) => found,
        };
        self.pending = None;
        Some(found)
    }

    fn literal(&self) -> Option<SocketAddr> {
        let address: IpAddr = self.host.parse().ok()?;
        Some(SocketAddr::new(address, self.port))
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
        let mut resolver = Resolver::new(host, 80);
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
}
