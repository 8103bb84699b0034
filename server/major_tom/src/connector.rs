//! From an address to a host that has shown its key.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use ssh2::{ErrorCode, MethodType};

use super::dial;
use super::fault::{Cause, Fault, printable};
use super::hostkey::{self, HostKey, Pin};
use super::jump;
use super::limits::{GREETING_TIME_MAX, HANDSHAKE_PAUSE, HANDSHAKE_TIME_MAX, HANDSHAKE_TRIES_MAX};
use super::patience::{Patience, cancelled};
use super::pool::{Handshake, Handshakes};
use super::session::{Greeted, Session};
use super::target::Target;
use super::wire::{Link, Stopped, Wire, peeked, poll};

/// Makes connections; one for all of Ground Control, since it counts them.
#[derive(Clone, Default)]
pub struct Connector {
    handshakes: Arc<Handshakes>,
    stopping: Arc<AtomicBool>,
    patience: Patience,
}

impl Connector {
    /// Everything under way ends at its next look at the clock, within seconds.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// One for somebody who may change their mind: waits no longer than they do.
    pub fn with_patience(&self, patience: Patience) -> Self {
        Self {
            patience,
            ..self.clone()
        }
    }

    /// Connects and exchanges keys. `pin` only chooses the type of key that is
    /// asked for; it is compared by [`Greeted::trust`]. `via` is a login on the
    /// jump host.
    pub fn greet(
        &self,
        target: &Target,
        pin: Option<&Pin>,
        via: Option<Session>,
        deadline: Instant,
    ) -> Result<Greeted, Fault> {
        let pinned = match pin {
            Some(Pin::Key(key)) => Some(key.kind().to_owned()),
            _ => None,
        };
        if let Some(via) = via {
            // A channel is used up by a try, so there is only one.
            let place = self.enter(target, deadline)?;
            let link = jump::bridge(via, target, deadline)?;
            return self.greet_once(link, target, pinned.as_deref(), place, deadline, &|_| None);
        }
        let addresses = dial::resolve(target, deadline, &self.patience)?;
        let mut pause = HANDSHAKE_PAUSE;
        let mut tries = 1;
        loop {
            let place = self.enter(target, deadline)?;
            let stream = dial::connect(target, &addresses, deadline, &self.patience)?;
            let link = Link::Tcp(stream);
            let answer = |deadline| answer_to_ours(target, &addresses, deadline, &self.patience);
            match self.greet_once(link, target, pinned.as_deref(), place, deadline, &answer) {
                Err(fault)
                    if fault.cause == Cause::TooManySessions
                        && tries < HANDSHAKE_TRIES_MAX
                        && Instant::now() + pause < deadline =>
                {
                    self.patience.sleep(pause);
                    pause *= 2;
                    tries += 1;
                }
                other => return other,
            }
        }
    }

    fn enter(&self, target: &Target, deadline: Instant) -> Result<Handshake, Fault> {
        self.handshakes
            .enter(&target.to_string(), deadline, &self.patience)
    }

    fn greet_once(
        &self,
        link: Link,
        target: &Target,
        pinned: Option<&str>,
        place: Handshake,
        deadline: Instant,
        answer_to_ours: &dyn Fn(Instant) -> Option<String>,
    ) -> Result<Greeted, Fault> {
        let deadline = deadline.min(Instant::now() + HANDSHAKE_TIME_MAX);
        let mut odd = first_words(&link, target, deadline, &self.patience)?;
        let setup = |error: io::Error| Fault::lost(&error.to_string());
        let mut wire =
            Wire::new(link, Arc::clone(&self.stopping), self.patience.clone()).map_err(setup)?;
        wire.ssh
            .method_pref(MethodType::HostKey, &hostkey::algorithms(pinned))
            .map_err(|error| Fault::lost(error.message()))?;
        let mut ssh = wire.ssh.clone();
        let shaken = wire.until(deadline, |_| {
            // Some say nothing until they have heard us, and then what they are. What comes
            // behind a greeting of SSH is no text.
            if odd.is_none() && !is_greeted(&wire.ssh) {
                odd = wire
                    .first_words()
                    .filter(|words| !words.starts_with("SSH-"));
                if odd
                    .as_ref()
                    .is_some_and(|words| foreign(words, target).is_some())
                {
                    return Err(ssh2::Error::new(ErrorCode::Session(-43), "no greeting"));
                }
            }
            ssh.handshake()
        });
        shaken.map_err(|stopped| {
            // An answer to our words that came before the next look was libssh2's to read.
            if odd.is_none()
                && matches!(stopped, Stopped::Ssh(-43 | -13 | -2, _))
                && !is_greeted(&wire.ssh)
            {
                odd = answer_to_ours(deadline);
            }
            handshake_fault(stopped, odd.as_deref(), target)
        })?;
        wire.ssh = ssh;
        let host_key = wire
            .ssh
            .host_key()
            .and_then(|(blob, _)| HostKey::from_blob(blob))
            .ok_or_else(|| not_ssh(target, "it showed no host key"))?;
        let banner = printable(wire.ssh.banner().unwrap_or(""));
        Ok(Greeted {
            wire,
            target: target.clone(),
            host_key,
            banner,
            place,
        })
    }
}

/// Whether the server has said which SSH it speaks.
fn is_greeted(ssh: &ssh2::Session) -> bool {
    ssh.banner()
        .is_some_and(|banner| banner.starts_with("SSH-"))
}

/// Looks at what the server says first, without taking it away from libssh2,
/// which tells a busy server, a penalty and a web server with one error. Words
/// that are not those of SSH come back: a server may send some lines before its own.
fn first_words(
    link: &Link,
    target: &Target,
    deadline: Instant,
    patience: &Patience,
) -> Result<Option<String>, Fault> {
    let Link::Tcp(stream) = link else {
        return Ok(None);
    };
    let says = hears(stream, deadline, patience);
    if patience.is_over() {
        return Err(cancelled());
    }
    if !says {
        // Some wait for our words; libssh2 says them and waits on.
        return Ok(None);
    }
    let Some(text) = peeked(stream) else {
        return Err(closed_at_once(target));
    };
    match foreign(&text, target) {
        Some(fault) => Err(fault),
        None => Ok((!text.starts_with("SSH-")).then_some(text)),
    }
}

/// Whether a host says something in the time that it has for its first words.
fn hears(stream: &TcpStream, deadline: Instant, patience: &Patience) -> bool {
    let end = deadline.min(Instant::now() + GREETING_TIME_MAX);
    let ready = |time| poll(&mut [(stream.as_raw_fd(), libc::POLLIN)], time).then_some(());
    patience.wait(end, ready).is_some()
}

/// What a host that waits for our words first answers to them, on a connection of its
/// own, from which nobody else reads.
fn answer_to_ours(
    target: &Target,
    addresses: &[SocketAddr],
    deadline: Instant,
    patience: &Patience,
) -> Option<String> {
    let mut stream = dial::connect(target, addresses, deadline, patience).ok()?;
    stream.write_all(b"SSH-2.0-Stardust\r\n").ok()?;
    let says = hears(&stream, deadline, patience);
    let text = says.then(|| peeked(&stream))??;
    (!text.starts_with("SSH-")).then_some(text)
}

/// First words that are surely not followed by those of SSH, and what they mean.
fn foreign(text: &str, target: &Target) -> Option<Fault> {
    if text.starts_with("Not allowed at this time") {
        return Some(Fault::new(
            Cause::Penalty,
            format!("{target} refuses this machine for a while, after failed logins."),
            "Wait a minute before the next try, and check user and key first: each wrong try \
             makes it longer (PerSourcePenalties of OpenSSH).",
        ));
    }
    if text.starts_with("Exceeded MaxStartups") {
        return Some(closed_at_once(target));
    }
    // The last two begin a record of TLS: an alert, a handshake.
    let others = ["HTTP/", "<!DOCTYPE", "<html", "220 ", "\x15", "\x16"];
    let found = others.iter().any(|begins| text.starts_with(begins));
    found.then(|| not_ssh(target, &says(text)))
}

fn says(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    format!("it says {:?}", printable(first))
}

fn closed_at_once(target: &Target) -> Fault {
    Fault::new(
        Cause::TooManySessions,
        format!("{target} closes the connection before it says anything."),
        "Its SSH server has too many logins under way (MaxStartups), refuses this machine for a \
         while after failed logins, or a list of allowed addresses leaves this machine out. Wait \
         a minute and try again.",
    )
}

fn not_ssh(target: &Target, why: &str) -> Fault {
    Fault::new(
        Cause::NotSsh,
        format!("What listens on {target} is no SSH server: {why}."),
        "Check the port.",
    )
}

fn handshake_fault(stopped: Stopped, odd: Option<&str>, target: &Target) -> Fault {
    if let Some(fault) = odd.and_then(|words| foreign(words, target)) {
        return fault;
    }
    match stopped {
        Stopped::Ssh(-43 | -13 | -2, _) if odd.is_some() => {
            not_ssh(target, &says(odd.unwrap_or_default()))
        }
        Stopped::Timeout => Fault::new(
            Cause::Timeout,
            format!("{target} takes the connection, but does not speak SSH in time."),
            "It may be another service, a server under heavy load, or a firewall that lets only \
             the first packets through.",
        ),
        // No banner: what was seen before was not one of SSH either.
        Stopped::Ssh(-43, _) => not_ssh(target, "it sends no greeting"),
        Stopped::Ssh(-13, _) => closed_at_once(target),
        Stopped::Ssh(-5 | -8, _) => Fault::new(
            Cause::NoCommonAlgorithm,
            format!("{target} offers no host key or cipher that is still safe."),
            "Its SSH server is very old or has only a DSA or SHA-1 key: update it, or make an \
             ed25519 host key (`ssh-keygen -A`).",
        ),
        Stopped::Ssh(code, text) => {
            Fault::lost(&format!("{text} ({code}), in the handshake with {target}"))
        }
    }
}
