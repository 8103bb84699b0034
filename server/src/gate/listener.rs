//! The sockets that clients come to: TCP, and Unix sockets for proxies on this machine.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};

use super::limits::LISTEN_BACKLOG;
use super::stream::Client;
use crate::listen::Listen;

/// Of a Unix socket: the user and the group of the server, so that a proxy can be let
/// in by its group.
const SOCKET_MODE: u32 = 0o660;

pub struct Listener {
    socket: Socket,
    /// There may be more to accept than was.
    pub again: bool,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// Removes the file of a Unix socket at the end.
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Listens; port 0 takes any free one. `::` is all addresses of both kinds, and
    /// `v6_alone` those of IPv6: where IPv4 has a listener of its own.
    pub fn bind(listen: &Listen, port: u16, v6_alone: bool) -> io::Result<Self> {
        let socket = match listen {
            Listen::Address(address) => {
                Socket::Tcp(tcp(SocketAddr::new(*address, port), v6_alone)?)
            }
            Listen::Unix(path) => {
                remove_left_over(path)?;
                let listener = UnixListener::bind(path)?;
                let own = SocketFile(path.clone());
                fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
                socket2::SockRef::from(&listener).listen(LISTEN_BACKLOG)?;
                Socket::Unix(listener, own)
            }
        };
        Ok(Self {
            socket,
            again: false,
        })
    }

    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.socket {
            Socket::Tcp(listener) => registry.register(listener, token, Interest::READABLE),
            Socket::Unix(listener, _) => registry.register(listener, token, Interest::READABLE),
        }
    }

    pub fn deregister(&mut self, registry: &Registry) {
        let _ = match &mut self.socket {
            Socket::Tcp(listener) => registry.deregister(listener),
            Socket::Unix(listener, _) => registry.deregister(listener),
        };
    }

    /// Where it listens with TCP.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            Socket::Unix(..) => None,
        }
    }

    /// For a person: an address with its port, or `unix:PATH`.
    pub fn name(&self) -> String {
        match &self.socket {
            Socket::Tcp(_) => self.address().map_or(String::new(), |at| at.to_string()),
            Socket::Unix(_, file) => format!("unix:{}", file.0.display()),
        }
    }

    /// The next client; without an address the one at the other end of a Unix socket.
    pub fn accept(&self) -> io::Result<(Client, Option<IpAddr>)> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                let _ = stream.set_nodelay(true);
                Ok((Client::Tcp(stream), Some(peer.ip())))
            }
            Socket::Unix(listener, _) => {
                let (stream, _) = listener.accept()?;
                Ok((Client::Unix(stream), None))
            }
        }
    }
}

fn tcp(address: SocketAddr, v6_alone: bool) -> io::Result<TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(v6_alone)?;
    }
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// A socket that a server which was killed has left is in the way of the next one; that
/// of one that runs, and any other file, stays.
fn remove_left_over(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => {}
        Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => return Ok(()),
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_base::testing::Folder;

    #[test]
    fn ipv4_and_ipv6_share_a_port() {
        let first = Listener::bind(&Listen::parse("0.0.0.0").unwrap(), 0, false).unwrap();
        let port = first.address().unwrap().port();
        let second = Listener::bind(&Listen::parse("::").unwrap(), port, true).unwrap();
        assert_eq!(second.address().unwrap().port(), port);
        // Each takes its own.
        for (address, listener) in [("127.0.0.1", &first), ("::1", &second)] {
            let to = SocketAddr::new(address.parse().unwrap(), port);
            let _client = std::net::TcpStream::connect(to).unwrap();
            let peer = loop {
                match listener.accept() {
                    Ok((_, peer)) => break peer.unwrap(),
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
            };
            assert_eq!(peer.to_string(), address);
        }
        let taken = Listener::bind(&Listen::parse("0.0.0.0").unwrap(), port, false);
        assert_eq!(taken.err().unwrap().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_socket_that_was_left_is_taken_over_and_nothing_else() {
        let folder = Folder::new();
        let path = folder.join("gate.sock");
        let listen = Listen::Unix(path.clone());
        let first = Listener::bind(&listen, 0, false).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, SOCKET_MODE);
        let second = Listener::bind(&listen, 0, false);
        assert_eq!(second.err().unwrap().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!path.exists());
        // As one that was killed leaves it.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let third = Listener::bind(&listen, 0, false).unwrap();
        drop(third);
        fs::write(&path, "mine").unwrap();
        let fourth = Listener::bind(&listen, 0, false);
        assert_eq!(fourth.err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }
}
