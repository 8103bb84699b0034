//! The floor: the least that any server must do for as many nodes. It takes each
//! frame off its socket without a look at it, and acknowledges every ten seconds.
//! No TLS, no decoding, no live view, nothing on disk.

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use stardust_benches::wall_ms;
use stardust_shared::message::Control;

use crate::Failure;

/// As the flag of this program that makes it one.
pub const FLAG: &str = "--serve-floor";

/// Frames gather for so long, as they do in Ground Control.
const GATHER: Duration = Duration::from_millis(10);
const ACKNOWLEDGE: Duration = Duration::from_secs(10);
const LISTENER: Token = Token(usize::MAX);

enum Phase {
    AwaitRequest,
    AwaitHello,
    Streaming,
}

struct Conn {
    socket: TcpStream,
    phase: Phase,
}

/// Until it is killed.
pub fn serve() -> Result<(), Failure> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
    socket2::SockRef::from(&listener).listen(4_096)?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("the floor listens on http://{}", listener.local_addr()?);
    let mut conns: Vec<Conn> = Vec::new();
    let mut events = Events::with_capacity(1_024);
    let mut buffer = vec![0; 4_096];
    let mut next_ack = Instant::now() + ACKNOWLEDGE;
    loop {
        std::thread::sleep(GATHER);
        let timeout = next_ack.saturating_duration_since(Instant::now());
        poll.poll(&mut events, Some(timeout))?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut conns)?;
            } else {
                conns[event.token().0].read(&mut buffer)?;
            }
        }
        if Instant::now() >= next_ack {
            next_ack += ACKNOWLEDGE;
            // Of all that there can be: what was sent is not looked at.
            let ack = frame(&Control::ack(i64::MAX as u64).encode());
            for conn in &mut conns {
                if matches!(conn.phase, Phase::Streaming) {
                    let _ = conn.socket.write(&ack);
                }
            }
        }
    }
}

fn accept(listener: &TcpListener, poll: &Poll, conns: &mut Vec<Conn>) -> io::Result<()> {
    loop {
        match listener.accept() {
            Ok((mut socket, _)) => {
                socket.set_nodelay(true)?;
                let token = Token(conns.len());
                poll.registry()
                    .register(&mut socket, token, Interest::READABLE)?;
                let phase = Phase::AwaitRequest;
                conns.push(Conn { socket, phase });
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

impl Conn {
    /// Once, as what comes is less than the buffer holds: the kernel has no more then.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let count = match self.socket.read(buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        match self.phase {
            Phase::Streaming => {}
            Phase::AwaitRequest if buffer[..count].ends_with(b"\r\n\r\n") => {
                self.socket
                    .write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")?;
                self.phase = Phase::AwaitHello;
            }
            Phase::AwaitRequest => {}
            Phase::AwaitHello => {
                let welcome = Control::welcome(0, wall_ms(), None).encode();
                self.socket.write_all(&frame(&welcome))?;
                self.phase = Phase::Streaming;
            }
        }
        Ok(())
    }
}

/// A text frame of a server (RFC 6455, 5.2), short enough for one byte of length.
fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81, text.len() as u8];
    assert!(text.len() < 126);
    frame.extend_from_slice(text.as_bytes());
    frame
}
