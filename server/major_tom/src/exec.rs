//! Running commands on a node, over a channel of its session.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use super::fault::{Cause, Fault, printable};
use super::limits::{CLOSE_TIME_MAX, WRITE_BYTES_MAX};
use super::output::{Capture, Exit, Output};
use super::remote::{Remote, Stdin, Upload, Uploaded};
use super::session::Session;
use super::shell::{Command, STATUS_MASK};
use super::upload;
use super::wire::Stopped;
use stardust_base::secret;

impl Remote for Session {
    fn run(
        &self,
        command: &Command,
        stdin: Stdin<'_>,
        time: Duration,
        on_output: &mut dyn FnMut(&[u8]),
    ) -> Result<Output, Fault> {
        let deadline = Instant::now() + time;
        let mut line = zeroize::Zeroizing::new(Vec::new());
        let input = match stdin {
            Stdin::Nothing => &[][..],
            Stdin::Bytes(bytes) => bytes,
            Stdin::Password(password) => {
                line.reserve_exact(password.expose().len() + 1);
                line.extend_from_slice(password.expose().as_bytes());
                line.push(b'\n');
                &line[..]
            }
        };
        Running::start(self, command, deadline, on_output)?.finish(input)
    }

    fn upload(&self, upload: &Upload<'_>, time: Duration) -> Result<Uploaded, Fault> {
        upload::run(self, upload, Instant::now() + time)
    }
}

struct Running<'a> {
    session: &'a Session,
    channel: ssh2::Channel,
    capture: Capture<'a>,
    /// Goes before the command's own input.
    before: Vec<u8>,
    deadline: Instant,
}

impl<'a> Running<'a> {
    fn start(
        session: &'a Session,
        command: &Command,
        deadline: Instant,
        on_output: &'a mut dyn FnMut(&[u8]),
    ) -> Result<Self, Fault> {
        let mark = secret::random_hex(8)
            .map_err(|error| Fault::new(Cause::Busy, format!("No random numbers: {error}."), ""))?;
        let spoken = command.spoken(mark.expose());
        let wire = &session.wire;
        let failed = |stopped| channel_fault(stopped, session);
        let mut channel = wire
            .until(deadline, ssh2::Session::channel_session)
            .map_err(failed)?;
        wire.until(deadline, |_| channel.exec(&spoken.line))
            .map_err(failed)?;
        Ok(Self {
            session,
            channel,
            capture: Capture::new(mark.expose(), on_output),
            before: spoken.input,
            deadline,
        })
    }

    fn finish(mut self, input: &[u8]) -> Result<Output, Fault> {
        let wire = &self.session.wire;
        let lost = |error: &std::io::Error| Fault::lost(&error.to_string());
        let mut buffer = vec![0u8; 32 << 10];
        let before = std::mem::take(&mut self.before);
        let all = before.len() + input.len();
        let mut written = 0;
        let mut input_ended = false;
        loop {
            if wire.is_over(self.deadline) {
                return Err(Fault::new(
                    Cause::Timeout,
                    format!(
                        "The command did not end in time. It said: {}",
                        self.so_far()
                    ),
                    "The node is slow, or the command waits for something; try again.",
                ));
            }
            let mut moved = false;
            // The command's own stderr comes with its stdout. What is left is of the
            // login shell; read all the same, since a stream that nobody reads
            // stops the other one too.
            match self.channel.stderr().read(&mut buffer) {
                Ok(length) => {
                    self.capture.noise_of_shell(&buffer[..length]);
                    moved |= length > 0;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if wire.sends() {
                        wire.wait(self.deadline);
                        continue;
                    }
                }
                Err(error) => return Err(lost(&error)),
            }
            match self.channel.read(&mut buffer) {
                Ok(0) if self.channel.eof() => break,
                Ok(length) => {
                    self.capture.take(&buffer[..length]);
                    moved |= length > 0;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if wire.sends() {
                        wire.wait(self.deadline);
                        continue;
                    }
                }
                Err(error) => return Err(lost(&error)),
            }
            // A command that ended reads no more: looked at before each write,
            // since the server would let us wait for ever.
            if written < all {
                let rest = match before.get(written..) {
                    Some(rest) if !rest.is_empty() => rest,
                    _ => &input[written - before.len()..],
                };
                match self.write(&rest[..rest.len().min(WRITE_BYTES_MAX)]) {
                    Ok(length) => {
                        written += length;
                        moved |= length > 0;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    // What it said before is still there to be read.
                    Err(_) => {
                        written = all;
                        input_ended = true;
                    }
                }
            } else if !input_ended {
                match wire.until(self.deadline, |_| self.channel.send_eof()) {
                    Ok(()) | Err(Stopped::Ssh(..)) => input_ended = true,
                    Err(Stopped::Timeout) => {}
                }
                moved = true;
            }
            if !moved {
                wire.wait(self.deadline);
            }
        }
        self.exit()
    }

    /// Writes what the window takes. Part of a packet that the socket did not
    /// take must go first, whatever else there is.
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        loop {
            match self.channel.write(bytes) {
                Err(error)
                    if error.kind() == ErrorKind::WouldBlock
                        && self.session.wire.sends()
                        && !self.session.wire.is_over(self.deadline) =>
                {
                    self.session.wire.wait(self.deadline);
                }
                other => return other,
            }
        }
    }

    fn exit(mut self) -> Result<Output, Fault> {
        let wire = &self.session.wire;
        let deadline = Instant::now() + CLOSE_TIME_MAX;
        // The status comes before the close, or never.
        let closed = wire
            .until(deadline, |_| self.channel.close())
            .and_then(|()| wire.until(deadline, |_| self.channel.wait_close()));
        // A killed command has status 0 in libssh2, so the signal goes first.
        let signal = self.channel.exit_signal().ok().and_then(|s| s.exit_signal);
        let status = self.channel.exit_status().unwrap_or(0);
        if !self.capture.begun() {
            return Err(self.no_shell(signal.as_deref(), status));
        }
        let exit = match (signal, status) {
            (Some(signal), _) => Exit::Signal(signal),
            // Ours is never 0 but for a status of 90, which no command here has:
            // the server said nothing of how it ended.
            (None, 0) => {
                let why = match closed {
                    Err(Stopped::Ssh(_, text)) => text,
                    _ => "the command's end was not told".to_owned(),
                };
                return Err(Fault::lost(&why));
            }
            (None, status) => Exit::Code(status ^ STATUS_MASK),
        };
        let (text, left_out) = self.capture.finish();
        Ok(Output {
            exit,
            text,
            left_out,
        })
    }

    fn so_far(&self) -> String {
        let noise = printable(&self.capture.noise());
        if self.capture.begun() || noise.is_empty() {
            "nothing that tells more".to_owned()
        } else {
            noise
        }
    }

    fn no_shell(&self, signal: Option<&str>, status: i32) -> Fault {
        let said = printable(&self.capture.noise());
        let ended = match signal {
            Some(signal) => format!("was killed by {signal}"),
            None => format!("ended with {status}"),
        };
        Fault::new(
            Cause::NoShell,
            format!(
                "The login of {} runs no commands: it {ended}{}{}.",
                self.session.target.user(),
                if said.is_empty() { "" } else { " and said: " },
                said
            ),
            "Give the user a shell (`chsh -s /bin/sh`), and look for ForceCommand or command= in \
             sshd_config and authorized_keys. The node needs a POSIX sh.",
        )
    }
}

fn channel_fault(stopped: Stopped, session: &Session) -> Fault {
    match stopped {
        Stopped::Timeout => Fault::timeout("start a command"),
        Stopped::Ssh(-21, text) => Fault::new(
            Cause::TooManySessions,
            format!("{} opens no more channels: {text}.", session.target),
            "Its MaxSessions may be 0 or used up; look into its sshd_config.",
        ),
        Stopped::Ssh(-22, _) => Fault::new(
            Cause::NoShell,
            format!("{} refuses to run commands.", session.target),
            "The user may be limited to SFTP or to forwarding; use another one.",
        ),
        Stopped::Ssh(code, text) => Fault::lost(&format!("{text} ({code}), starting a command")),
    }
}
