//! The byte stream under the WebSocket: TCP, with or without TLS. Never blocks.

use std::io::{self, Read, Write};

use mio::net::TcpStream;

/// Bytes read in one turn of the loop. Neither tungstenite nor rustls stops
/// reading while bytes come that make no message; this does.
const BYTES_PER_TURN: usize = 256 << 10;

#[derive(Debug)]
pub enum Stream {
    Plain(Tcp),
    #[cfg(feature = "tls")]
    Tls(Box<super::tls::TlsStream>),
}

impl Stream {
    /// A new turn begins.
    pub fn refill(&mut self) {
        self.tcp().budget = BYTES_PER_TURN;
    }

    /// Reading stopped because of the turn's end; no event will tell of the rest.
    pub fn exhausted(&mut self) -> bool {
        self.tcp().budget == 0
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

/// A TCP stream that gives only so much in one turn.
#[derive(Debug)]
pub struct Tcp {
    stream: TcpStream,
    budget: usize,
}

impl Tcp {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            budget: BYTES_PER_TURN,
        }
    }
}

impl Read for Tcp {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.budget == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let most = buffer.len().min(self.budget);
        let read = uninterrupted(|| self.stream.read(&mut buffer[..most]))?;
        self.budget -= read;
        Ok(read)
    }
}

impl Write for Tcp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.stream.write(bytes))
    }

    fn write_vectored(&mut self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        uninterrupted(|| self.stream.write_vectored(parts))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
