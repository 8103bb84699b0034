//! A link that can be cut or stall, between a Spider and Ground Control.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    Pass,
    /// Connections stay up and no byte gets through.
    Stall,
    /// Connections break, and new ones break at once. What is under way is lost.
    Cut,
}

pub struct Relay {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    mode: AtomicU8,
    stop: AtomicBool,
    bytes: AtomicU64,
}

impl Shared {
    fn is(&self, mode: Mode) -> bool {
        self.mode.load(Ordering::Relaxed) == mode as u8
    }

    fn ends(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.is(Mode::Cut)
    }
}

const TURN: Duration = Duration::from_millis(10);

impl Relay {
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for the relay");
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let shared = Arc::new(Shared {
            mode: AtomicU8::new(Mode::Pass as u8),
            stop: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
        });
        let inside = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let mut pumps = Vec::new();
            while !inside.stop.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((client, _)) => pumps.extend(connect(client, target, &inside)),
                    Err(_) => std::thread::sleep(TURN),
                }
            }
            pumps.into_iter().for_each(|pump: JoinHandle<()>| {
                let _ = pump.join();
            });
        });
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    pub fn set(&self, mode: Mode) {
        self.shared.mode.store(mode as u8, Ordering::Relaxed);
    }

    /// Bytes that got through, both ways together.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn connect(client: TcpStream, target: SocketAddr, shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    if shared.ends() {
        return Vec::new();
    }
    let Ok(server) = TcpStream::connect(target) else {
        return Vec::new();
    };
    [(&client, &server), (&server, &client)]
        .into_iter()
        .map(|(from, to)| {
            let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            let shared = Arc::clone(shared);
            std::thread::spawn(move || pump(from, to, &shared))
        })
        .collect()
}

fn pump(mut from: TcpStream, mut to: TcpStream, shared: &Shared) {
    from.set_nonblocking(false).unwrap();
    from.set_read_timeout(Some(TURN)).unwrap();
    let mut buffer = [0; 4096];
    while !shared.ends() {
        if shared.is(Mode::Stall) {
            std::thread::sleep(TURN);
            continue;
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                if shared.ends() || to.write_all(&buffer[..count]).is_err() {
                    break;
                }
                shared.bytes.fetch_add(count as u64, Ordering::Relaxed);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
