//! SIGTERM, SIGINT and SIGHUP end the process in order: the handler only rings a bell.

use std::io;
use std::os::fd::IntoRawFd as _;
use std::sync::atomic::{AtomicI32, Ordering};

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};

/// The writing end of the bell, for as long as the process lives.
static BELL: AtomicI32 = AtomicI32::new(-1);

/// From now on a signal makes `token` readable. Keep what is returned.
pub fn watch(registry: &Registry, token: Token) -> io::Result<UnixStream> {
    let (mut heard, rung) = std::os::unix::net::UnixStream::pair().and_then(|(a, b)| {
        a.set_nonblocking(true)?;
        b.set_nonblocking(true)?;
        Ok((UnixStream::from_std(a), b))
    })?;
    registry.register(&mut heard, token, Interest::READABLE)?;
    BELL.store(rung.into_raw_fd(), Ordering::SeqCst);
    // SIGHUP: the terminal is gone, or somebody asks for the settings to be read
    // anew, which a new start does. Who was started to outlive its terminal stays.
    let ends = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP];
    for signal in ends.into_iter().filter(|&signal| !is_ignored(signal)) {
        // SAFETY: all-zero is a valid sigaction: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = ring as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: `action` is initialised and its handler does nothing that a
        // handler must not do; the old action is not asked for.
        if unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(heard)
}

/// Whether the process was started with the signal ignored (nohup).
fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: all-zero is a valid sigaction, which the kernel overwrites; with a
    // null pointer for the new action nothing is changed.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let asked = libc::sigaction(signal, std::ptr::null(), &mut action);
        signal == libc::SIGHUP && asked == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

extern "C" fn ring(_signal: libc::c_int) {
    // SAFETY: write is safe in a signal handler, the byte outlives the call, and
    // the descriptor is never closed. errno, which the interrupted code may be
    // about to read, is put back.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        libc::write(BELL.load(Ordering::SeqCst), [1u8].as_ptr().cast(), 1);
        *errno = before;
    }
}
