//! A TCP stream of which one turn of the loop reads only so much. Never blocks.

use std::io::{self, Read, Write};

use mio::net::TcpStream;

/// Bytes read in one turn of the loop. Neither tungstenite nor rustls stops
/// reading while bytes come that make no message; this does.
const BYTES_PER_TURN: usize = 256 << 10;

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

    /// A new turn begins.
    pub fn refill(&mut self) {
        self.budget = BYTES_PER_TURN;
    }

    /// Reading stopped because of the turn's end.
    pub fn is_exhausted(&self) -> bool {
        self.budget == 0
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
