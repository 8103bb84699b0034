//! A client's connection, plain or TLS, without waiting.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use rustls::{ServerConfig, ServerConnection};

use super::limits::TLS_IDLE_BYTES_MAX;

/// Encrypted bytes that may wait for the kernel.
const TLS_BUFFER_BYTES: usize = 64 << 10;
/// First byte of a TLS record that holds a handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// The socket of a client.
pub enum Client {
    Tcp(TcpStream),
    /// Of a proxy on this machine.
    Unix(UnixStream),
}

impl Client {
    /// The first bytes that wait, which stay where they are.
    pub fn peek(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.peek(into),
            Self::Unix(stream) => {
                // SAFETY: u8 and MaybeUninit<u8> have the same layout, and `peek` only
                // writes initialised bytes.
                let into =
                    unsafe { std::slice::from_raw_parts_mut(into.as_mut_ptr().cast(), into.len()) };
                socket2::SockRef::from(stream).peek(into)
            }
        }
    }

    /// The other end; of a Unix socket this machine.
    pub fn peer(&self) -> io::Result<IpAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().map(|peer| peer.ip()),
            Self::Unix(_) => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        }
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl From<TcpStream> for Client {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl Read for Client {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(out),
            Self::Unix(stream) => stream.read(out),
        }
    }
}

impl Write for Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            Self::Unix(stream) => stream.flush(),
        }
    }
}

impl mio::event::Source for Client {
    fn register(&mut self, poll: &Registry, token: Token, what: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.register(poll, token, what),
            Self::Unix(stream) => stream.register(poll, token, what),
        }
    }

    fn reregister(&mut self, poll: &Registry, token: Token, what: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.reregister(poll, token, what),
            Self::Unix(stream) => stream.reregister(poll, token, what),
        }
    }

    fn deregister(&mut self, poll: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.deregister(poll),
            Self::Unix(stream) => stream.deregister(poll),
        }
    }
}

pub enum Stream {
    Plain(Tcp),
    Tls(Box<Tls>),
}

/// A socket that is not asked again after it has given less than was asked for.
///
/// With edge-triggered events a short read means that the kernel's buffer is
/// empty (epoll(7)): the read that would say so is half of what a sample costs.
pub struct Tcp {
    socket: Client,
    /// Bytes that the kernel has taken.
    sent: u64,
    /// Nothing to read until the next event.
    drained: bool,
    /// The peer writes no more: the end is found by reading on, not by an event.
    ending: bool,
}

pub struct Tls {
    tcp: Tcp,
    session: ServerConnection,
    /// The first byte was looked at.
    checked: bool,
    /// Bytes of records since the last that held something.
    idle_bytes: usize,
}

const IDLE_TLS: &str = "TLS records without content";

/// Text of the error for a client that speaks plain HTTP to a TLS port.
pub const PLAIN_ON_TLS: &str = "plain HTTP on a TLS port";

impl Stream {
    pub fn plain(socket: impl Into<Client>) -> Self {
        Self::Plain(Tcp::new(socket.into()))
    }

    pub fn tls(socket: Client, config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        let mut session = ServerConnection::new(config)?;
        session.set_buffer_limit(Some(TLS_BUFFER_BYTES));
        Ok(Self::Tls(Box::new(Tls {
            tcp: Tcp::new(socket),
            session,
            checked: false,
            idle_bytes: 0,
        })))
    }

    pub fn client(&mut self) -> &mut Client {
        &mut self.counted().socket
    }

    fn counted(&mut self) -> &mut Tcp {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => &mut tls.tcp,
        }
    }

    /// Bytes that the kernel has taken so far, with those of TLS itself.
    pub fn sent(&self) -> u64 {
        match self {
            Self::Plain(tcp) => tcp.sent,
            Self::Tls(tls) => tls.tcp.sent,
        }
    }

    /// As after an event that says that there is something to read.
    #[cfg(test)]
    pub fn readable(&mut self) {
        self.counted().drained = false;
    }

    /// An event came for this socket.
    pub fn ready(&mut self, event: &mio::event::Event) {
        let tcp = self.counted();
        tcp.drained = false;
        tcp.ending |= event.is_read_closed() || event.is_error();
    }

    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Whether what comes next is work for TLS itself.
    pub fn is_handshaking(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.session.is_handshaking())
    }

    /// Gives up on TLS for a client that does not speak it, to tell it so.
    pub fn into_plain(self) -> Self {
        match self {
            Self::Tls(tls) => Self::Plain(tls.tcp),
            plain => plain,
        }
    }

    /// No more is written.
    pub fn finish(&mut self) {
        if let Self::Tls(tls) = self {
            tls.session.send_close_notify();
            let _ = tls.send();
        }
        let _ = self.client().shutdown(Shutdown::Write);
    }

    /// Pushes out what is encrypted and waits, so that nothing depends on the
    /// next write.
    pub fn push(&mut self) {
        if let Self::Tls(tls) = self {
            let _ = tls.send();
        }
    }
}

impl Tcp {
    fn new(socket: Client) -> Self {
        Self {
            socket,
            sent: 0,
            drained: false,
            ending: false,
        }
    }
}

impl Read for Tcp {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.drained {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = self.socket.read(out)?;
        // The end is found again, however often it is asked for.
        self.drained = count < out.len() && count > 0 && !self.ending;
        Ok(count)
    }
}

impl Write for Tcp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.socket.write(bytes)?;
        self.sent += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl Tls {
    /// Writes encrypted bytes as far as the kernel takes them.
    fn send(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            if self.session.write_tls(&mut self.tcp)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    fn check_first_byte(&mut self) -> io::Result<()> {
        let mut first = [0];
        if !self.checked && self.tcp.socket.peek(&mut first)? == 1 {
            self.checked = true;
            if first[0] != TLS_HANDSHAKE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, PLAIN_ON_TLS));
            }
        }
        Ok(())
    }

    fn receive(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.check_first_byte()?;
        loop {
            match self.session.reader().read(out) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Cut without a goodbye: what was read so far was whole requests.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                other => {
                    self.idle_bytes = 0;
                    return other;
                }
            }
            // Empty records, alerts, new keys: TLS takes any number of some of them.
            if self.idle_bytes > TLS_IDLE_BYTES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, IDLE_TLS));
            }
            match self.session.read_tls(&mut self.tcp)? {
                0 => return Ok(0),
                count => self.idle_bytes += count,
            }
            let processed = self.session.process_new_packets();
            // Handshake answers, and the alert that says what was wrong.
            let sent = self.send();
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            match sent {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    }

    fn transmit(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What waits goes first: `WouldBlock` from here holds the writer back.
        self.send()?;
        let taken = self.session.writer().write(bytes)?;
        match self.send() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(out),
            Self::Tls(tls) => tls.receive(out),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls(tls) => tls.transmit(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::Tls(tls) => tls.send(),
        }
    }
}
