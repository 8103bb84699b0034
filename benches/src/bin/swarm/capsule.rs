//! Open Capsules: each a thread that reads `/live` and notes how long it is silent.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::server::Server;

pub struct Capsules {
    sockets: Vec<TcpStream>,
    measuring: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<(u64, Duration)>>,
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Capsules {
    pub fn open(server: &Server, count: usize) -> Result<Self, Failure> {
        let (measuring, stop) = (Arc::default(), Arc::default());
        let mut capsules = Self {
            sockets: Vec::new(),
            measuring,
            stop,
            threads: Vec::new(),
        };
        for _ in 0..count {
            let tcp = TcpStream::connect(server.address)?;
            tcp.set_read_timeout(Some(Duration::from_secs(30)))?;
            capsules.sockets.push(tcp.try_clone()?);
            let mut stream: Box<dyn Stream> = match &server.tls {
                None => Box::new(tcp),
                Some(config) => {
                    let name = Server::server_name();
                    let session = rustls::ClientConnection::new(Arc::clone(config), name)?;
                    Box::new(rustls::StreamOwned::new(session, tcp))
                }
            };
            write!(
                stream,
                "GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                 Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {}\r\n\r\n",
                server.login
            )?;
            stream.flush()?;
            let (measuring, stop) = (Arc::clone(&capsules.measuring), Arc::clone(&capsules.stop));
            let thread = std::thread::spawn(move || listen(stream, &measuring, &stop));
            capsules.threads.push(thread);
        }
        Ok(capsules)
    }

    pub fn measure(&self) {
        self.measuring.store(true, Ordering::Relaxed);
    }

    /// Bytes that one was sent, and the longest silence of any.
    pub fn close(self) -> (u64, Duration) {
        self.stop.store(true, Ordering::Relaxed);
        // Who waits for news waits no longer: with no samples sent there may be none.
        for socket in &self.sockets {
            let _ = socket.shutdown(Shutdown::Both);
        }
        let ends = self
            .threads
            .into_iter()
            .filter_map(|thread| thread.join().ok());
        ends.fold((0, Duration::ZERO), |(bytes, longest), end| {
            (bytes.max(end.0), longest.max(end.1))
        })
    }
}

/// A pong that nobody asked for says that a browser is still there (RFC 6455,
/// 5.5.3), and spares looking for pings: no payload, and a mask of zeros.
const PONG: [u8; 6] = [0x8A, 0x80, 0, 0, 0, 0];
const ALIVE: Duration = Duration::from_secs(10);

fn listen(
    mut stream: Box<dyn Stream>,
    measuring: &AtomicBool,
    stop: &AtomicBool,
) -> (u64, Duration) {
    let mut buffer = vec![0; 64 << 10];
    let (mut bytes, mut longest) = (0, Duration::ZERO);
    let mut last = Instant::now();
    let mut alive = last;
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(count @ 1..) if measuring.load(Ordering::Relaxed) => {
                bytes += count as u64;
                longest = longest.max(last.elapsed());
            }
            Ok(1..) => {}
            _ if stop.load(Ordering::Relaxed) => {
                longest = longest.max(last.elapsed());
                break;
            }
            _ => return (bytes, Duration::MAX),
        }
        last = Instant::now();
        if last - alive >= ALIVE {
            alive = last;
            if stream.write_all(&PONG).is_err() {
                return (bytes, Duration::MAX);
            }
        }
    }
    (bytes, longest)
}
