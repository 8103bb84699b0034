//! A small Ground Control: takes samples in, commits after a moment, can be killed.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stardust_shared::layout::KIND_LAYOUT;
use stardust_shared::message::{Control, Hello};
use stardust_shared::varint::Reader;
use stardust_shared::{Layout, SUBPROTOCOL, State};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::{Error, Message, WebSocket};

/// What is committed, by run in the order of their first hello.
#[derive(Default)]
pub struct Durable(pub Vec<(String, Samples)>);
pub type Samples = BTreeMap<u64, Vec<Option<i64>>>;

impl Durable {
    fn of(&mut self, run: &str) -> &mut Samples {
        let at = match self.0.iter().position(|(known, _)| known == run) {
            Some(at) => at,
            None => {
                self.0.push((run.to_owned(), Samples::new()));
                self.0.len() - 1
            }
        };
        &mut self.0[at].1
    }

    /// Of the newest run.
    fn last(&self) -> u64 {
        self.0.last().map_or(0, |(_, samples)| last(samples))
    }
}

/// A byte stream that a test server reads and writes.
pub trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}
/// What stands between TCP and the WebSocket.
pub type Wrap = Arc<dyn Fn(TcpStream) -> Box<dyn Wire> + Send + Sync>;

#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    Status(u16),
    OtherSubprotocol,
    Garbage,
    HangUp,
    /// A welcome for samples that were never taken.
    BadWelcome,
    /// Welcomes, and then sends empty fragments without end.
    Flood,
}

#[derive(Default)]
struct Seen {
    durable: Mutex<Durable>,
    hellos: Mutex<Vec<Hello>>,
    upgrades: Mutex<Vec<String>>,
    closes: Mutex<Vec<(u16, String)>>,
    tries: AtomicU64,
    paused: AtomicBool,
    stop: AtomicBool,
}

pub struct Ground {
    address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

impl Ground {
    pub fn start(address: &str) -> Self {
        Self::bind(
            address,
            "ws",
            Arc::new(|tcp| Box::new(tcp)),
            None,
            Durable::default(),
        )
    }

    #[cfg_attr(not(feature = "tls"), allow(dead_code))]
    pub fn start_tls(address: &str, wrap: Wrap) -> Self {
        Self::bind(address, "wss", wrap, None, Durable::default())
    }

    pub fn restart(address: &str, durable: Durable) -> Self {
        Self::bind(address, "ws", Arc::new(|tcp| Box::new(tcp)), None, durable)
    }

    pub fn refuse(address: &str, refusal: Refusal) -> Self {
        let wrap: Wrap = Arc::new(|tcp| Box::new(tcp));
        Self::bind(address, "ws", wrap, Some(refusal), Durable::default())
    }

    fn bind(
        address: &str,
        scheme: &'static str,
        wrap: Wrap,
        refusal: Option<Refusal>,
        durable: Durable,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let seen = Arc::new(Seen {
            durable: Mutex::new(durable),
            ..Seen::default()
        });
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&seen);
        let thread = std::thread::spawn(move || {
            let mut sessions = Vec::new();
            while !shared.stop.load(Ordering::Relaxed) {
                let Ok((tcp, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(2));
                    continue;
                };
                shared.tries.fetch_add(1, Ordering::Relaxed);
                let (seen, wrap) = (Arc::clone(&shared), Arc::clone(&wrap));
                sessions.push(std::thread::spawn(move || {
                    serve(tcp, &wrap, refusal, &seen)
                }));
            }
            for session in sessions {
                session.join().unwrap();
            }
        });
        Self {
            address,
            scheme,
            seen,
            thread: Some(thread),
        }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub fn url(&self) -> String {
        format!("{}://{}/ws", self.scheme, self.address)
    }

    pub fn durable(&self) -> u64 {
        self.seen.durable.lock().unwrap().last()
    }

    /// How many samples of each run are there, none of them missing in between.
    pub fn runs(&self) -> Vec<(String, u64)> {
        let durable = self.seen.durable.lock().unwrap();
        let whole = |(run, samples): &(String, Samples)| {
            assert_eq!(samples.len() as u64, last(samples), "of {run}");
            (run.clone(), last(samples))
        };
        durable.0.iter().map(whole).collect()
    }

    pub fn hellos(&self) -> Vec<Hello> {
        self.seen.hellos.lock().unwrap().clone()
    }

    pub fn upgrades(&self) -> Vec<String> {
        self.seen.upgrades.lock().unwrap().clone()
    }

    pub fn closes(&self) -> Vec<(u16, String)> {
        self.seen.closes.lock().unwrap().clone()
    }

    pub fn tries(&self) -> u64 {
        self.seen.tries.load(Ordering::Relaxed)
    }

    pub fn pause(&self, paused: bool) {
        self.seen.paused.store(paused, Ordering::Relaxed);
    }

    /// Ends without a word; what was committed stays.
    pub fn kill(mut self) -> Durable {
        self.end();
        std::mem::take(&mut *self.seen.durable.lock().unwrap())
    }

    /// Everything up to the last durable sample is there, once, as it was taken.
    pub fn check(&self, sampled: &[Vec<i64>]) {
        let durable = self.seen.durable.lock().unwrap();
        let Some((_, durable)) = durable.0.last() else {
            return;
        };
        let last = last(durable);
        assert!(last as usize <= sampled.len());
        for seq in 1..=last {
            let values = durable
                .get(&seq)
                .unwrap_or_else(|| panic!("{seq} is missing"));
            let taken = sampled[seq as usize - 1].iter().map(|&value| Some(value));
            assert!(taken.eq(values.iter().copied()), "{seq} differs");
        }
    }

    fn end(&mut self) {
        self.seen.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(mut tcp: TcpStream, wrap: &Wrap, refusal: Option<Refusal>, seen: &Seen) {
    tcp.set_nonblocking(false).unwrap();
    match refusal {
        Some(Refusal::HangUp) => return,
        Some(Refusal::Garbage) => {
            let _ = tcp.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
            // Reads the request, so that closing does not reset the answer.
            let _ = tcp.read(&mut [0; 1024]);
            return;
        }
        _ => {}
    }
    tcp.set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    #[allow(clippy::result_large_err)]
    let answer = |request: &Request, mut response: Response| {
        let header = |name| request.headers().get(name).unwrap().to_str().unwrap();
        let protocol = header("sec-websocket-protocol");
        seen.upgrades
            .lock()
            .unwrap()
            .push(format!("{} {protocol}", header("authorization")));
        assert_eq!(request.uri().path(), "/ws");
        if let Some(Refusal::Status(status)) = refusal {
            let mut refused = ErrorResponse::new(None);
            *refused.status_mut() = status.try_into().unwrap();
            return Err(refused);
        }
        let protocol = match refusal {
            Some(Refusal::OtherSubprotocol) => "chat",
            _ => SUBPROTOCOL,
        };
        let headers = response.headers_mut();
        headers.insert("sec-websocket-protocol", protocol.try_into().unwrap());
        Ok(response)
    };
    let mut shaking = tungstenite::accept_hdr(wrap(tcp), answer);
    let socket = loop {
        match shaking {
            Ok(socket) => break socket,
            Err(tungstenite::HandshakeError::Interrupted(middle)) => {
                if seen.stop.load(Ordering::Relaxed) {
                    return;
                }
                shaking = middle.handshake();
            }
            Err(tungstenite::HandshakeError::Failure(_)) => return,
        }
    };
    Session::default().run(socket, refusal, seen);
}

#[derive(Default)]
struct Session {
    run: String,
    layout: Option<Layout>,
    state: State,
    memory: Samples,
}

impl Session {
    fn run(&mut self, mut socket: WebSocket<Box<dyn Wire>>, refusal: Option<Refusal>, seen: &Seen) {
        while !seen.stop.load(Ordering::Relaxed) {
            if seen.paused.load(Ordering::Relaxed) && !seen.hellos.lock().unwrap().is_empty() {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            match socket.read() {
                Ok(Message::Text(text)) => {
                    let hello = Hello::decode(&text).expect("a valid hello");
                    self.run.clone_from(&hello.run);
                    seen.hellos.lock().unwrap().push(hello);
                    let seq = match refusal {
                        Some(Refusal::BadWelcome) => 1 << 40,
                        _ => last(seen.durable.lock().unwrap().of(&self.run)),
                    };
                    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                    let welcome = Control::welcome(seq, now.as_millis() as i64, None);
                    socket.send(Message::text(welcome.encode())).unwrap();
                    if let Some(Refusal::Flood) = refusal {
                        let _ = socket.get_mut().write_all(&[0x01, 0]);
                        let nothing = [0u8; 1 << 16];
                        while !seen.stop.load(Ordering::Relaxed) {
                            if socket.get_mut().write_all(&nothing).is_err() {
                                break;
                            }
                        }
                        return;
                    }
                }
                Ok(Message::Binary(bytes)) => {
                    self.take(&bytes, seen.durable.lock().unwrap().of(&self.run));
                    if self.memory.len() >= 10 {
                        let ack = self.commit(seen);
                        let _ = socket.send(Message::text(ack.encode()));
                    }
                }
                Ok(Message::Close(frame)) => {
                    if let Some(frame) = frame {
                        let close = (frame.code.into(), frame.reason.to_string());
                        seen.closes.lock().unwrap().push(close);
                    }
                }
                Ok(_) => {}
                // A moment of silence.
                Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if !self.memory.is_empty() {
                        let ack = self.commit(seen);
                        let _ = socket.send(Message::text(ack.encode()));
                    }
                }
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, bytes: &[u8], durable: &Samples) {
        if bytes[0] == KIND_LAYOUT {
            self.layout = Some(Layout::decode(&bytes[1..]).expect("a valid layout"));
            return;
        }
        let layout = self.layout.as_ref().expect("samples before a layout");
        let mut reader = Reader::new(&bytes[1..]);
        while !reader.is_empty() {
            self.state
                .apply(layout, &mut reader)
                .expect("a valid record");
            let seq = self.state.seq;
            let taken = last(durable).max(last(&self.memory));
            assert_eq!(
                seq,
                taken + 1,
                "nothing is left out and nothing comes twice"
            );
            let values = (0..layout.len()).map(|n| self.state.value(layout, n));
            self.memory.insert(seq, values.collect());
        }
    }

    fn commit(&mut self, seen: &Seen) -> Control {
        let mut durable = seen.durable.lock().unwrap();
        let durable = durable.of(&self.run);
        // Not append, which builds the whole tree anew.
        durable.extend(std::mem::take(&mut self.memory));
        Control::ack(last(durable))
    }
}

fn last(samples: &Samples) -> u64 {
    samples.last_key_value().map_or(0, |(&seq, _)| seq)
}
