//! An issuer of OpenID Connect for tests: good, or as hostile as it is told to be.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stardust_shared::base64;

use crate::access::Role;
use crate::clock::wall_ms;
use crate::oidc::Settings;
use crate::oidc::jws::tests::Signer;

/// An issuer that does as it is told.
pub struct Issuer {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

pub struct State {
    pub signer: Signer,
    pub published: Vec<Value>,
    /// What the next token says besides what it has to.
    pub claims: Value,
    /// What discovery calls it; empty: as it is called.
    pub calls_itself: String,
    pub nonce: String,
    pub challenge: String,
    pub codes: Vec<String>,
    pub keys_asked: usize,
    /// Instead of an answer to /token.
    pub says: Option<String>,
}

impl Issuer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let signer = Signer::new("first");
        let state = Arc::new(Mutex::new(State {
            published: vec![signer.jwk()],
            signer,
            claims: json!({}),
            calls_itself: String::new(),
            nonce: String::new(),
            challenge: String::new(),
            codes: Vec::new(),
            keys_asked: 0,
            says: None,
        }));
        let of_thread = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                serve(stream, address, &of_thread);
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn settings(&self) -> Settings {
        Settings {
            issuer: self.url(),
            client_id: "stardust".into(),
            client_secret: Some(crate::secret::Secret::new("clients secret".into())),
            label: "Home".into(),
            groups_claim: "groups".into(),
            roles: vec![
                (Role::Admin, "admins".into()),
                (Role::Viewer, "staff".into()),
            ],
            ca_file: None,
        }
    }

    pub fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }
}

fn serve(mut stream: TcpStream, address: SocketAddr, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    let _ = reader.read_line(&mut line);
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap_or(0) <= 2 {
            break;
        }
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    let body = String::from_utf8(body).unwrap_or_default();
    let mut state = state.lock().unwrap();
    let url = format!("http://{address}");
    let (status, answer) = match line.split(' ').nth(1).unwrap_or("") {
        "/.well-known/openid-configuration" => {
            let name = match state.calls_itself.as_str() {
                "" => url.clone(),
                other => other.to_owned(),
            };
            let found = json!({
                "issuer": name,
                "authorization_endpoint": format!("{url}/authorize"),
                "token_endpoint": format!("{url}/token"),
                "jwks_uri": format!("{url}/jwks"),
            });
            (200, found.to_string())
        }
        "/jwks" => {
            state.keys_asked += 1;
            (200, json!({"keys": state.published}).to_string())
        }
        "/token" => token(&mut state, &body, &url),
        _ => (404, String::new()),
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(answer.as_bytes());
}

fn token(state: &mut State, body: &str, url: &str) -> (u16, String) {
    let field = |name: &str| {
        let found = body
            .split('&')
            .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        found.unwrap_or("").to_owned()
    };
    if let Some(says) = &state.says {
        return (200, says.clone());
    }
    let verifier = base64::URL.encode(&Sha256::digest(field("code_verifier").as_bytes()));
    let known = state.codes.iter().position(|code| *code == field("code"));
    let is_good = verifier == state.challenge
        && field("client_secret") == "clients%20secret"
        && field("client_id") == "stardust";
    let Some(at) = known.filter(|_| is_good) else {
        return (400, json!({"error": "invalid_grant"}).to_string());
    };
    state.codes.remove(at);
    let now_s = wall_ms() / 1000;
    let mut claims = json!({
        "iss": url, "aud": "stardust", "sub": "7", "nonce": state.nonce,
        "iat": now_s, "exp": now_s + 300, "preferred_username": "ziggy", "groups": ["staff"],
    });
    for (name, value) in state.claims.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let token = state.signer.token(&claims);
    (
        200,
        json!({"id_token": token, "access_token": "x", "token_type": "Bearer"}).to_string(),
    )
}
