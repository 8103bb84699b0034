//! One connection of the swarm, plain or TLS, without waiting.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use rustls::ClientConnection;

use crate::server::Server;

pub enum Line {
    Plain(TcpStream),
    Tls(Box<(ClientConnection, TcpStream)>),
}

impl Line {
    /// From one of many source addresses, so that the ports of one are not used up.
    pub fn connect(server: &Server, n: usize) -> io::Result<Self> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        let source = [
            127,
            1 + (n / 2_500) as u8,
            (n / 250 % 250) as u8,
            1 + (n % 250) as u8,
        ];
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        socket.set_nonblocking(true)?;
        match socket.connect(&server.address.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        let tcp = TcpStream::from_std(socket.into());
        let Some(config) = &server.tls else {
            return Ok(Self::Plain(tcp));
        };
        let session = ClientConnection::new(config.clone(), Server::server_name());
        let session = session.map_err(io::Error::other)?;
        Ok(Self::Tls(Box::new((session, tcp))))
    }

    pub fn tcp(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => &mut tls.1,
        }
    }

    /// Pushes out what is encrypted and waits.
    pub fn push(&mut self) -> io::Result<()> {
        if let Self::Tls(tls) = self {
            while tls.0.wants_write() {
                match tls.0.write_tls(&mut tls.1) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

impl Read for Line {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let tls = match self {
            Self::Plain(tcp) => return tcp.read(out),
            Self::Tls(tls) => tls,
        };
        loop {
            match tls.0.reader().read(out) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            if tls.0.read_tls(&mut tls.1)? == 0 {
                return Ok(0);
            }
            tls.0.process_new_packets().map_err(io::Error::other)?;
            while tls.0.wants_write() && tls.0.write_tls(&mut tls.1).is_ok() {}
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let tls = match self {
            Self::Plain(tcp) => return tcp.write(bytes),
            Self::Tls(tls) => tls,
        };
        let count = tls.0.writer().write(bytes)?;
        self.push()?;
        match count {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}
