//! tiny_http on our socket, and whether it still accepts.
//!
//! Its thread for accepting ends at the first error, and it panics when there
//! is no file descriptor for the second half of a connection: the one is told
//! to a worker, the other to nobody.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixListener;
use std::sync::Arc;

#[derive(Clone)]
pub(super) struct Listening {
    pub server: Arc<tiny_http::Server>,
    /// Belongs to the accepting thread, which closes it when it ends.
    fd: RawFd,
    socket: Identity,
}

/// Device and inode: what a file descriptor stands for.
type Identity = (libc::dev_t, libc::ino_t);

impl Listening {
    pub fn start(listener: &UnixListener) -> io::Result<Self> {
        let copy = listener.try_clone()?;
        let fd = copy.as_raw_fd();
        let socket = identity(fd)?;
        let server = tiny_http::Server::from_listener(copy, None)
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self {
            server: Arc::new(server),
            fd,
            socket,
        })
    }

    /// False once the accepting thread has ended: its descriptor is closed then,
    /// or stands for something else.
    pub fn accepts(&self) -> bool {
        identity(self.fd).is_ok_and(|found| found == self.socket)
    }
}

fn identity(fd: RawFd) -> io::Result<Identity> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat writes a whole stat to the valid pointer when it returns 0; a
    // descriptor that is closed gives an error.
    unsafe {
        if libc::fstat(fd, stat.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let stat = stat.assume_init();
        Ok((stat.st_dev, stat.st_ino))
    }
}
