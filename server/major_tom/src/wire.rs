//! libssh2 without blocking, and waiting with a deadline for the whole of a step.
//!
//! libssh2's own time-out bounds each packet, so that a peer which dribbles could
//! hold a thread for hours; here every step has one end. Two rules keep its state
//! sound: a step that would block is called again with the same arguments, and
//! while part of a packet is unsent nothing else is tried.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ssh2::{BlockDirections, ErrorCode};

use super::limits::{CLOSE_TIME_MAX, KEEPALIVE_SECONDS, UNACKNOWLEDGED_TIME_MAX};
use super::patience::Patience;

pub const EAGAIN: i32 = -37;
/// Longest wait before it is looked whether a keep-alive is due.
const SLICE: Duration = Duration::from_secs(1);

/// What carries the bytes.
#[derive(Debug)]
pub enum Link {
    Tcp(TcpStream),
    /// Our end of a jump host's bridge.
    Bridge(UnixStream),
}

impl Link {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
            Self::Bridge(stream) => Self::Bridge(stream.try_clone()?),
        })
    }

    pub fn shutdown(&self) {
        // It may be closed from the other side already.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Bridge(stream) => stream.shutdown(Shutdown::Both),
        };
    }

    fn prepare(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => {
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                let millis = UNACKNOWLEDGED_TIME_MAX.as_millis() as libc::c_int;
                option(stream, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, millis)?;
                option(stream, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)?;
                option(stream, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, 15)?;
                option(stream, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, 5)
            }
            Self::Bridge(stream) => stream.set_nonblocking(true),
        }
    }
}

impl AsRawFd for Link {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Bridge(stream) => stream.as_raw_fd(),
        }
    }
}

fn option(
    stream: &TcpStream,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the descriptor is open while `stream` is borrowed, and the option's
    // value is one int whose size is passed.
    let done = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Why a step did not come to its end.
#[derive(Debug)]
pub enum Stopped {
    Timeout,
    Ssh(i32, String),
}

impl From<ssh2::Error> for Stopped {
    fn from(error: ssh2::Error) -> Self {
        let code = match error.code() {
            ErrorCode::Session(code) | ErrorCode::SFTP(code) => code,
        };
        Self::Ssh(code, error.message().to_owned())
    }
}

pub struct Wire {
    pub ssh: ssh2::Session,
    link: Link,
    stopping: Arc<AtomicBool>,
    /// Of who wanted it; until it was let go of.
    patience: Patience,
}

impl Wire {
    /// When `stopping` is set, or the patience is over, every deadline has come.
    pub fn new(link: Link, stopping: Arc<AtomicBool>, patience: Patience) -> io::Result<Self> {
        link.prepare()?;
        let mut ssh = ssh2::Session::new().map_err(io::Error::from)?;
        ssh.set_tcp_stream(link.try_clone()?);
        ssh.set_blocking(false);
        // Bounds what the library does on its own when something is dropped.
        ssh.set_timeout(CLOSE_TIME_MAX.as_millis() as u32);
        ssh.set_keepalive(false, KEEPALIVE_SECONDS);
        Ok(Self {
            ssh,
            link,
            stopping,
            patience,
        })
    }

    /// Calls `step` until it no longer would block, or the deadline is there.
    pub fn until<T>(
        &self,
        deadline: Instant,
        mut step: impl FnMut(&ssh2::Session) -> Result<T, ssh2::Error>,
    ) -> Result<T, Stopped> {
        loop {
            match step(&self.ssh) {
                Err(error) if error.code() == ErrorCode::Session(EAGAIN) => {
                    if self.is_over(deadline) {
                        return Err(Stopped::Timeout);
                    }
                    self.wait(deadline);
                }
                other => return other.map_err(Stopped::from),
            }
        }
    }

    /// Whether there is no time left.
    pub fn is_over(&self, deadline: Instant) -> bool {
        Instant::now() >= deadline
            || self.stopping.load(Ordering::SeqCst)
            || self.patience.is_over()
    }

    /// From here on it is only cut by time: what begins now is to be ended in order.
    pub fn commit(&mut self) {
        self.patience = Patience::default();
    }

    pub fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Whether part of a packet waits to be sent.
    pub fn sends(&self) -> bool {
        matches!(
            self.ssh.block_directions(),
            BlockDirections::Outbound | BlockDirections::Both
        )
    }

    /// Waits for the socket, at most a second and never past the deadline. Who
    /// calls looks at the deadline itself.
    pub fn wait(&self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        let sends = self.sends();
        let mut events = libc::POLLIN;
        if sends {
            events |= libc::POLLOUT;
        }
        poll(
            &mut [(self.link.as_raw_fd(), events)],
            self.patience.slice(left.min(SLICE)),
        );
        // Before the login such a packet would break the negotiation.
        if !sends && self.ssh.authenticated() {
            // Sends only when it is due. A link that is dead shows in the next step.
            let _ = self.ssh.keepalive_send();
        }
    }

    /// What the other side has said, of which nothing was read yet.
    pub fn first_words(&self) -> Option<String> {
        let Link::Tcp(stream) = &self.link else {
            return None;
        };
        peeked(stream)
    }

    pub fn fd(&self) -> RawFd {
        self.link.as_raw_fd()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // One try to say good-bye; then nothing in the library can wait for a
        // peer any more, since the socket is shut.
        let _ = self.ssh.disconnect(Some(ssh2::ByApplication), "done", None);
        self.link.shutdown();
        self.ssh.set_blocking(true);
    }
}

/// The beginning of what has come and was not read yet; it stays where it is.
pub fn peeked(stream: &TcpStream) -> Option<String> {
    let mut words = [0u8; 64];
    let length = stream.peek(&mut words).ok().filter(|length| *length > 0)?;
    Some(String::from_utf8_lossy(&words[..length]).into_owned())
}

/// Waits until one of the descriptors is ready; whether it was.
pub fn poll(wanted: &mut [(RawFd, libc::c_short)], time: Duration) -> bool {
    let mut fds: Vec<libc::pollfd> = wanted
        .iter()
        .map(|&(fd, events)| libc::pollfd {
            fd,
            events,
            revents: 0,
        })
        .collect();
    // Rounded up: to wait 0 ms over and over would spin.
    let millis = time.as_micros().div_ceil(1000).min(60_000) as libc::c_int;
    // SAFETY: `fds` holds as many entries as is said, and lives through the call.
    let ready = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, millis) };
    for (entry, fd) in wanted.iter_mut().zip(&fds) {
        entry.1 = fd.revents;
    }
    ready > 0
}
