//! What systemd is told (sd_notify(3)): ready, reloading, stopping, and that the
//! gate's loop goes round.
//!
//! A datagram to the socket in `$NOTIFY_SOCKET`, by hand. Without one nothing is said,
//! and nothing here ever waits.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use crate::environment;

/// Where to say it.
pub struct Notifier {
    socket: UnixDatagram,
    to: SocketAddr,
}

impl Notifier {
    /// `None` when nobody wants to hear.
    pub fn from_environment() -> Option<Self> {
        Self::to(&environment::text("NOTIFY_SOCKET")?)
    }

    fn to(name: &str) -> Option<Self> {
        let to = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name).ok()?,
            None => SocketAddr::from_pathname(name).ok()?,
        };
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(Self { socket, to })
    }

    /// One message; whether it arrives is the other side's affair.
    pub fn say(&self, words: &str) {
        let _ = self.socket.send_to_addr(words.as_bytes(), &self.to);
    }

    #[allow(clippy::useless_conversion, reason = "elsewhere these are shorter")]
    pub fn reloading(&self) {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `time` is a valid timespec for the call to fill.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
        let usec = i64::from(time.tv_sec) * 1_000_000 + i64::from(time.tv_nsec) / 1_000;
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={usec}"));
    }
}

/// Says that the loop goes round, twice in the time that systemd waits for it. Only
/// the loop itself has it: a thread that is fine says nothing about one that hangs.
pub struct Watchdog {
    notifier: Notifier,
    every: Duration,
    next: Instant,
}

impl Watchdog {
    /// `None` when no watchdog waits for this process.
    pub fn from_environment(now: Instant) -> Option<Self> {
        let pid = environment::text("WATCHDOG_PID");
        let usec = environment::text("WATCHDOG_USEC");
        let every = interval(usec.as_deref(), pid.as_deref(), std::process::id())?;
        let notifier = Notifier::from_environment()?;
        Some(Self {
            notifier,
            every,
            next: now,
        })
    }

    pub fn tick(&mut self, now: Instant) {
        if now >= self.next {
            self.next = now + self.every;
            self.notifier.say("WATCHDOG=1");
        }
    }
}

/// How often it is said: half of what is waited for.
fn interval(usec: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.parse() != Ok(own)) {
        return None;
    }
    let usec: u64 = usec?.parse().ok().filter(|usec| *usec > 0)?;
    Some(Duration::from_micros(usec / 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_base::testing::Folder;

    #[test]
    fn words_arrive_at_a_path_and_at_an_abstract_name() {
        let folder = Folder::new();
        let path = folder.join("notify");
        let abstract_name = format!("stardust-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        for (listener, name) in [
            (
                UnixDatagram::bind(&path).unwrap(),
                path.to_str().unwrap().to_owned(),
            ),
            (
                UnixDatagram::bind_addr(&address).unwrap(),
                format!("@{abstract_name}"),
            ),
        ] {
            let notifier = Notifier::to(&name).unwrap();
            notifier.say("READY=1");
            let mut buffer = [0; 64];
            let length = listener.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"READY=1");
        }
        // Nobody there: nothing happens.
        Notifier::to(folder.join("none").to_str().unwrap())
            .unwrap()
            .say("READY=1");
    }

    #[test]
    fn a_watchdog_of_another_process_is_not_ours() {
        let half = Some(Duration::from_secs(5));
        assert_eq!(interval(Some("10000000"), Some("7"), 7), half);
        assert_eq!(interval(Some("10000000"), None, 7), half);
        assert_eq!(interval(Some("10000000"), Some("8"), 7), None);
        for odd in [None, Some(""), Some("0"), Some("soon")] {
            assert_eq!(interval(odd, None, 7), None, "{odd:?}");
        }
    }
}
