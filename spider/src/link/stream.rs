//! The byte stream under the WebSocket: TCP, with or without TLS. Never blocks.

use std::io::{self, Read, Write};

use mio::net::TcpStream;

#[derive(Debug)]
pub enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<super::tls::TlsStream>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = match self {
                Self::Plain(tcp) => tcp.read(buffer),
                #[cfg(feature = "tls")]
                Self::Tls(tls) => tls.read(buffer),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let result = match self {
                Self::Plain(tcp) => tcp.write(bytes),
                #[cfg(feature = "tls")]
                Self::Tls(tls) => tls.write(bytes),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
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
