//! A node behind another host: its connection runs through a channel there.
//!
//! libssh2 needs a socket, so a thread carries bytes between the channel and one
//! end of a socket pair. It owns the jump host's session and ends with it.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::fault::{Cause, Fault};
use super::limits::CONNECT_TIME_MAX;
use super::patience::cancelled;
use super::session::Session;
use super::target::Target;
use super::wire::{Link, Stopped, poll};

const BUFFER_BYTES: usize = 32 << 10;

/// A socket that reaches `target` as the jump host sees it.
pub fn bridge(via: Session, target: &Target, deadline: Instant) -> Result<Link, Fault> {
    let deadline = deadline.min(Instant::now() + CONNECT_TIME_MAX);
    let channel = via
        .wire
        .until(deadline, |ssh| {
            ssh.channel_direct_tcpip(target.host(), target.port(), None)
        })
        .map_err(|stopped| match stopped {
            Stopped::Timeout if via.wire.patience().is_over() => cancelled(),
            Stopped::Timeout => Fault::timeout(&format!("reach {target} from the jump host")),
            Stopped::Ssh(_, text) => Fault::new(
                Cause::Unreachable,
                format!("The jump host {} can't reach {target}: {text}.", via.target),
                "Check the address as the jump host sees it, that the node's SSH server runs, and \
                 that the jump host allows it (AllowTcpForwarding, PermitOpen).",
            ),
        })?;
    let failed = |error: std::io::Error| Fault::lost(&error.to_string());
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    theirs.set_nonblocking(true).map_err(failed)?;
    std::thread::Builder::new()
        .name("jump".into())
        .spawn(move || carry(&via, channel, theirs))
        .map_err(failed)?;
    Ok(Link::Bridge(ours))
}

/// Carries until either side has ended. What can't be written yet is kept, and
/// no more is read meanwhile, so that the buffers bound it.
fn carry(via: &Session, mut channel: ssh2::Channel, mut socket: UnixStream) {
    let mut to_node: (Vec<u8>, usize) = (vec![0; BUFFER_BYTES], 0);
    let mut to_us: (Vec<u8>, usize) = (vec![0; BUFFER_BYTES], 0);
    let (mut node_done, mut we_done) = (0, 0);
    loop {
        let mut moved = false;
        // From the node to us.
        if to_us.1 == node_done {
            (to_us.1, node_done) = (0, 0);
            match channel.read(&mut to_us.0) {
                Ok(0) if channel.eof() => return,
                Ok(length) => {
                    to_us.1 = length;
                    moved |= length > 0;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if via.wire.sends() {
                        // Part of a packet waits: nothing else may be tried.
                        via.wire.wait(Instant::now() + Duration::from_secs(1));
                        continue;
                    }
                }
                Err(_) => return,
            }
        }
        while node_done < to_us.1 {
            match socket.write(&to_us.0[node_done..to_us.1]) {
                Ok(0) => return,
                Ok(length) => {
                    node_done += length;
                    moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return,
            }
        }
        // From us to the node.
        if to_node.1 == we_done {
            (to_node.1, we_done) = (0, 0);
            match socket.read(&mut to_node.0) {
                Ok(0) => return,
                Ok(length) => {
                    to_node.1 = length;
                    moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
        while we_done < to_node.1 {
            match channel.write(&to_node.0[we_done..to_node.1]) {
                Ok(0) => break,
                Ok(length) => {
                    we_done += length;
                    moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if via.wire.sends() {
                        via.wire.wait(Instant::now() + Duration::from_secs(1));
                        continue;
                    }
                    break;
                }
                Err(_) => return,
            }
        }
        if !moved {
            let mut ours = 0;
            if node_done < to_us.1 {
                ours |= libc::POLLOUT;
            }
            if we_done == to_node.1 {
                ours |= libc::POLLIN;
            }
            let fds = &mut [(via.wire.fd(), libc::POLLIN), (socket.as_raw_fd(), ours)];
            poll(fds, Duration::from_secs(1));
            // Hung up and nothing left to read, or nothing that could be passed on.
            let gone = libc::POLLERR | libc::POLLNVAL | libc::POLLHUP;
            if fds[1].1 & gone != 0 && fds[1].1 & libc::POLLIN == 0 {
                return;
            }
            let _ = via.wire.ssh.keepalive_send();
        }
    }
}
