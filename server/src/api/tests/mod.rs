//! The API end to end: raw HTTP on the real Unix socket, a real database.

mod access;
mod accounts;
mod audit;
mod bounds;
mod by_hand;
mod check;
mod clock;
mod contract;
mod events;
mod factors;
mod fleet;
mod idempotent;
mod jobs;
mod metrics;
mod oidc;
mod packages;
mod packages_fleet;
mod passkeys;
mod samples;
mod schema;
mod sign_in;
mod tokens;
mod wire;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};

use crate::api::{App, Parts, answer};
use crate::auth::{AdminSeed, Auth, Cost, ScrapeToken, SessionId};
use crate::config::Config;
use crate::gate::GateSocket;
use crate::history::{History, Source};
use crate::http::{HttpServer, serve};
use crate::hub::Fleet;
use crate::jobs::Board;
use crate::secret::Secret;
use crate::store::Store;
use stardust_base::testing::Folder;

pub const USER: &str = "ziggy";
pub const PASSWORD: &str = "played guitar";

/// Somebody who is logged in.
pub struct Operator {
    pub server: Server,
    token: String,
}

impl Operator {
    pub fn new() -> Self {
        Self::of(Server::new())
    }

    pub fn of(server: Server) -> Self {
        let token = server.token();
        Self { server, token }
    }

    pub fn send(&self, call: Call) -> Answer {
        self.server.send(&call.bearer(&self.token))
    }

    pub fn post(&self, target: &str, body: &Value) -> Answer {
        self.send(Call::new("POST", target).json(body))
    }

    pub fn get(&self, target: &str) -> Answer {
        self.send(Call::get(target))
    }
}

/// A Ground Control without its gate's loop: the tests speak in its place.
pub struct Server {
    pub app: Arc<App>,
    pub ended: Arc<Mutex<Vec<SessionId>>>,
    http: Option<HttpServer>,
    socket: PathBuf,
    /// Keeps the gate's port and its queue of events open.
    _gate: GateSocket,
    _folder: Folder,
}

impl Server {
    pub fn new() -> Self {
        Self::with(USER, PASSWORD, |_| {})
    }

    pub fn with(user: &str, password: &str, configure: impl FnOnce(&mut Config)) -> Self {
        let folder = Folder::new();
        let mut config = Config {
            port: 0,
            db: folder.join("stardust.db"),
            ..Config::default()
        };
        configure(&mut config);
        let seed = AdminSeed {
            user: user.into(),
            password: Secret::new(password.into()),
            ..AdminSeed::default()
        };
        let store = Arc::new(Store::open(&config.db).unwrap());
        let ended = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&ended);
        let auth = Auth::open_with(
            Arc::clone(&store),
            &Secret::new("0123456789abcdef".into()),
            &seed,
            Arc::new(move |ids| sink.lock().unwrap().extend(ids)),
            Cost::CHEAP,
        )
        .unwrap();
        let (gate, handle) = GateSocket::bind(&config.binds, config.port).unwrap();
        let (kept, settings) = (Arc::clone(&store), config.history.clone());
        let history = History::open_at(kept, settings, Source::Samples).unwrap();
        let app = Arc::new(App::new(Parts {
            address: gate.address(),
            listens: gate.names(),
            auth: Arc::new(auth),
            fleet: Arc::new(Fleet::new(store.nodes().unwrap(), 0)),
            history: Arc::new(history),
            jobs: Board::open(Arc::clone(&store)).unwrap(),
            store,
            gate: handle,
            scrape_token: config
                .metrics_token_file
                .as_deref()
                .map(|path| ScrapeToken::read(path).unwrap()),
            tls: None,
            oidc: config
                .oidc
                .clone()
                .map(|settings| crate::oidc::Issuer::new(settings).unwrap()),
            config,
        }));
        let to_api = Arc::clone(&app);
        let socket = folder.join("api.sock");
        let http = serve(
            &socket,
            4,
            Box::new(move |request| answer(&to_api, request)),
        )
        .unwrap();
        Self {
            app,
            ended,
            http: Some(http),
            socket,
            _gate: gate,
            _folder: folder,
        }
    }

    /// Sends what there is and no more.
    pub fn raw_half(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.write_all(request).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    pub fn send(&self, call: &Call) -> Answer {
        self.sender()(call)
    }

    /// The same for several threads.
    pub fn sender(&self) -> impl Fn(&Call) -> Answer + Send + Sync + use<> {
        let socket = self.socket.clone();
        move |call| Answer::parse(&raw(&socket, &call.to_bytes()))
    }

    /// The token of somebody else who logs in.
    pub fn token_of(&self, user: &str, password: &str) -> String {
        let answer = self.send(&Call::login(user, password));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Logs in, and answers as a script with its token.
    pub fn token(&self) -> String {
        let answer = self.send(&Call::login(USER, PASSWORD));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["token"].as_str().unwrap().to_owned()
    }
}

fn raw(socket: &std::path::Path, request: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

impl Drop for Server {
    fn drop(&mut self) {
        self.http.take().unwrap().stop();
    }
}

/// A request to be sent.
#[derive(Clone)]
pub struct Call {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Call {
    pub fn new(method: &'static str, target: &str) -> Self {
        Self {
            method,
            target: target.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub fn login(user: &str, password: &str) -> Self {
        Self::new("POST", "/api/auth/login").json(&json!({"user": user, "password": password}))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json")
            .body(&serde_json::to_vec(body).unwrap())
    }

    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = Some(body.to_vec());
        self
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let named = |name: &str| {
            self.headers
                .iter()
                .any(|(n, _)| n.eq_ignore_ascii_case(name))
        };
        if !named("Host") {
            out.push_str("Host: 127.0.0.1:8933\r\n");
        }
        if !named("X-Stardust-Client") {
            out.push_str("X-Stardust-Client: 127.0.0.1\r\n");
        }
        for (name, value) in &self.headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            out.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        out.push_str("Connection: close\r\n\r\n");
        let mut bytes = out.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// An answer, taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = response.parse(bytes).unwrap() else {
            panic!("half an answer: {}", String::from_utf8_lossy(bytes));
        };
        Self {
            status: response.code.unwrap(),
            headers: response
                .headers
                .iter()
                .map(|h| {
                    (
                        h.name.to_owned(),
                        String::from_utf8(h.value.to_vec()).unwrap(),
                    )
                })
                .collect(),
            body: bytes[length..].to_vec(),
        }
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        assert_eq!(
            self.header("Content-Type"),
            Some("application/json"),
            "{self:?}"
        );
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The `kind` of an error; every error has its three texts.
    pub fn kind(&self) -> String {
        assert!(self.status >= 400, "{self:?}");
        let body = self.json();
        schema::check("Error", &body);
        for text in ["message", "hint"] {
            assert!(!body["error"][text].as_str().unwrap().is_empty(), "{body}");
        }
        body["error"]["kind"].as_str().unwrap().to_owned()
    }

    /// The value of a cookie that this answer sets.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.all("Set-Cookie").find_map(|set| {
            let pair = set.split(';').next()?;
            let (key, value) = pair.split_once('=')?;
            (key == name).then(|| value.to_owned())
        })
    }
}

/// The document, parsed once.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_json::from_str(super::openapi::DOCUMENT).unwrap())
}
