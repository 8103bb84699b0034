//! The public port, plain or with TLS of its own, and what a test sees of the
//! server behind it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::common::{
    ADMIN_PASSWORD, Answer, Browser, Folder, GroundControl, PATIENCE, Setup, Spider, certificates,
    eventually, read_answer, request_bytes,
};

pub trait Stream: Read + Write {
    fn tcp(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Stream for crate::common::Secure {
    fn tcp(&self) -> &TcpStream {
        &self.sock
    }
}

/// A Ground Control with an honest Spider that must not notice anything.
pub struct Door {
    pub ground_control: GroundControl,
    pub browser: Option<Browser>,
    pub token: String,
    honest: i64,
    since: Value,
    _spider: Option<Spider>,
    _folder: Folder,
}

impl Door {
    /// One for each kind: abuse is tried on both.
    pub fn each(test: impl FnMut(Door)) {
        Self::each_of(&Setup::new, test);
    }

    pub fn each_of(setup: &dyn Fn() -> Setup, mut test: impl FnMut(Door)) {
        test(Self::open_as(setup(), false).expect("a plain port needs nothing"));
        if let Some(door) = Self::open_as(setup(), true) {
            test(door);
        }
    }

    /// Both kinds side by side, where most of the time is spent waiting.
    pub fn at_once(test: impl Fn(Door) + Sync) {
        std::thread::scope(|scope| {
            scope.spawn(|| test(Self::open(false).expect("a plain port needs nothing")));
            if let Some(door) = Self::open(true) {
                test(door);
            }
        });
    }

    /// `None` without openssl, which makes the certificates.
    pub fn open(tls: bool) -> Option<Self> {
        Self::open_as(Setup::new(), tls)
    }

    pub fn open_as(mut setup: Setup, tls: bool) -> Option<Self> {
        let folder = Folder::new("abuse");
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        if tls {
            if !certificates(&folder) {
                return None;
            }
            let (cert, key) = (path("tls.crt"), path("tls.key"));
            setup = setup.args(&["--tls-cert", &cert, "--tls-key", &key]);
        }
        let ground_control = setup.start();
        let browser = tls.then(|| Browser::new(&folder, ground_control.address));
        let mut door = Self {
            browser,
            token: String::new(),
            honest: 0,
            since: Value::Null,
            _spider: None,
            ground_control,
            _folder: folder,
        };
        let body = json!({"user": "admin", "password": ADMIN_PASSWORD});
        let login = door.request("POST", "/api/auth/login", Some(&body));
        door.token = login.json()["token"].as_str().unwrap().to_owned();
        let (id, token) = door.add_node("honest");
        door.honest = id;
        let (url, ca) = (door.url(), door._folder.join("ca.pem"));
        let ca = ca.to_str().unwrap();
        let more: &[&str] = if tls { &["--ca-file", ca] } else { &[] };
        door._spider = Some(Spider::start(&url, &token, 200, more));
        eventually("the honest Spider is online", || {
            (door.node(id)["status"] == "online").then_some(())
        });
        door.since = door.node(id)["since_ms"].clone();
        Some(door)
    }

    pub fn address(&self) -> SocketAddr {
        self.ground_control.address
    }

    pub fn ca_file(&self) -> String {
        self._folder.join("ca.pem").to_str().unwrap().to_owned()
    }

    pub fn url(&self) -> String {
        match &self.browser {
            Some(browser) => format!("wss://{}", browser.host()),
            None => format!("ws://{}", self.address()),
        }
    }

    /// A fresh connection; with TLS the handshake comes with the first bytes.
    pub fn connect(&self) -> Box<dyn Stream> {
        match &self.browser {
            Some(browser) => Box::new(browser.connect()),
            None => {
                let stream = TcpStream::connect(self.address()).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                Box::new(stream)
            }
        }
    }

    /// A connection from another address of this machine.
    pub fn connect_from(&self, from: [u8; 4]) -> Box<dyn Stream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        socket.connect(&self.address().into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        self.over(stream)
    }

    /// The same way in on a connection that is there.
    pub fn over(&self, stream: TcpStream) -> Box<dyn Stream> {
        match &self.browser {
            Some(browser) => Box::new(browser.over(stream)),
            None => Box::new(stream),
        }
    }

    /// A page, the API and a login, all of them in time.
    pub fn assert_serves(&self) {
        let login = json!({"user": "admin", "password": ADMIN_PASSWORD});
        for (method, target, body) in [
            ("GET", "/", None),
            ("GET", "/api/nodes", None),
            ("GET", "/healthz", None),
            ("POST", "/api/auth/login", Some(&login)),
        ] {
            let answer = self.request(method, target, body);
            assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        }
    }

    pub fn request(&self, method: &str, target: &str, body: Option<&Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("Authorization", bearer.as_str())];
        let mut stream = self.connect();
        let bytes = request_bytes(method, target, "localhost", &headers, body);
        stream.write_all(&bytes).unwrap();
        read_answer(&mut std::io::BufReader::new(stream)).unwrap()
    }

    pub fn add_node(&self, name: &str) -> (i64, String) {
        let added = self.request("POST", "/api/nodes", Some(&json!({"name": name})));
        assert_eq!(added.status, 201, "{}", added.text());
        let added = added.json();
        let token = added["token"].as_str().unwrap().to_owned();
        (added["id"].as_i64().unwrap(), token)
    }

    pub fn node(&self, id: i64) -> Value {
        self.request("GET", &format!("/api/nodes/{id}"), None)
            .json()
    }

    /// The honest Spider never went away, and its samples go on.
    pub fn assert_nobody_noticed(&self) {
        let node = self.node(self.honest);
        assert_eq!(
            (&node["status"], &node["since_ms"]),
            (&json!("online"), &self.since),
            "{node}"
        );
        let seen = node["last_seen_ms"].as_i64().unwrap();
        eventually("the honest Spider goes on", || {
            (self.node(self.honest)["summary"]["time_ms"].as_i64()? > seen).then_some(())
        });
    }

    /// Memory of the server that is its own and in use.
    pub fn memory_kb(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.ground_control.process.pid());
        let text = std::fs::read_to_string(path).unwrap();
        let line = text.lines().find(|line| line.starts_with("Private_Dirty:"));
        let kb = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        kb.expect("smaps_rollup has it")
    }

    /// How many lines of the log hold `text`.
    pub fn lines_with(&self, text: &str) -> usize {
        let output = self.ground_control.process.output();
        output.lines().filter(|line| line.contains(text)).count()
    }

    /// Opens a WebSocket by hand; what came behind the head is left unread.
    pub fn upgrade(&self, token: &str) -> Box<dyn Stream> {
        let subprotocol = ("Sec-WebSocket-Protocol", "stardust.v1");
        self.upgrade_to("/ws", token, &[subprotocol])
    }

    /// The same as a browser.
    pub fn upgrade_live(&self) -> Box<dyn Stream> {
        self.upgrade_to("/live", &self.token, &[])
    }

    fn upgrade_to(&self, target: &str, token: &str, more: &[(&str, &str)]) -> Box<dyn Stream> {
        let mut stream = self.connect();
        let bearer = format!("Bearer {token}");
        let mut headers = vec![
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Authorization", bearer.as_str()),
        ];
        headers.extend_from_slice(more);
        let bytes = request_bytes("GET", target, "localhost", &headers, None);
        stream.write_all(&bytes).unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"));
        stream
    }
}

/// A masked frame whose mask is zero.
pub fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match body.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length => {
            bytes.push(0xfe);
            bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(body);
    bytes
}

/// Whether the other side ends the connection within `limit`, whatever it says.
pub fn ends(stream: &mut dyn Stream, limit: Duration) -> bool {
    let _ = stream.tcp().set_read_timeout(Some(limit));
    let mut buffer = [0; 4_096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                use std::io::ErrorKind::{TimedOut, WouldBlock};
                return !matches!(error.kind(), WouldBlock | TimedOut);
            }
        }
    }
}

/// Sends no more; reading goes on.
pub fn half_close(stream: &dyn Stream) {
    let _ = stream.tcp().shutdown(Shutdown::Write);
}
