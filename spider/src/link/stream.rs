//! The byte stream under the WebSocket: TCP, with or without TLS. Never blocks.

use std::io::{self, Read, Write};

use super::tcp::Tcp;

#[derive(Debug)]
pub enum Stream {
    Plain(Tcp),
    #[cfg(feature = "tls")]
    Tls(Box<super::tls::TlsStream>),
}

impl Stream {
    /// A new turn begins.
    pub fn refill(&mut self) {
        self.tcp().refill();
    }

    /// Reading stopped because of the turn's end; no event will tell of the rest.
    pub fn exhausted(&mut self) -> bool {
        self.tcp().is_exhausted()
    }

    fn tcp(&mut self) -> &mut Tcp {
        match self {
            Self::Plain(tcp) => tcp,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.tcp(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            // Nothing is held back above the kernel.
            Self::Plain(_) => Ok(()),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.flush(),
        }
    }
}
