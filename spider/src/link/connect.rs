//! From addresses to an open WebSocket, without blocking.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use stardust_shared::SUBPROTOCOL;
use stardust_shared::limits::{CONTROL_BYTES_MAX, FRAME_BYTES_MAX};
use tungstenite::handshake::client::{ClientHandshake, Request, generate_key};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::http::HeaderValue;
use tungstenite::protocol::{WebSocket, WebSocketConfig};

use super::connect_words;
use super::fault::Fault;
use super::stream::{Stream, Tcp};
use crate::config::{Pin, Proxy, Secret, ServerUrl};

/// For each address of the server.
pub const CONNECT_MS_MAX: i64 = 10_000;
/// Of both buffers: a sample is some forty bytes and an ack fewer.
const BUFFER_BYTES: usize = 4 << 10;

/// Where to connect, and as whom.
#[derive(Debug)]
pub struct Target {
    pub url: ServerUrl,
    pub token: Secret,
    #[cfg_attr(not(feature = "tls"), allow(dead_code))]
    pub ca_file: Option<PathBuf>,
    #[cfg_attr(not(feature = "tls"), allow(dead_code))]
    pub pins: Vec<Pin>,
    pub proxy: Option<Proxy>,
}

/// One address after the other until one answers.
#[derive(Debug)]
pub struct Dial {
    addresses: VecDeque<SocketAddr>,
    stream: Option<(TcpStream, SocketAddr)>,
    deadline_ms: i64,
    /// They are a proxy's, not the server's.
    proxy: bool,
}

impl Dial {
    pub fn new(addresses: Vec<SocketAddr>, proxy: bool) -> Self {
        Self {
            proxy,
            addresses: addresses.into(),
            stream: None,
            deadline_ms: 0,
        }
    }

    pub fn deadline_ms(&self) -> i64 {
        self.deadline_ms
    }

    /// Goes on: `Ok(None)` while it waits, the stream when it is connected, and
    /// an error when the last address has failed.
    pub fn step(
        &mut self,
        now_ms: i64,
        registry: &Registry,
        token: Token,
    ) -> Result<Option<TcpStream>, Fault> {
        let mut fault = None;
        loop {
            if let Some((stream, address)) = self.stream.take() {
                match progress(&stream) {
                    Ok(true) => {
                        // Samples are small and should not wait for each other.
                        let _ = stream.set_nodelay(true);
                        return Ok(Some(stream));
                    }
                    Ok(false) if now_ms < self.deadline_ms => {
                        self.stream = Some((stream, address));
                        return Ok(None);
                    }
                    Ok(false) => {
                        let error = io::ErrorKind::TimedOut.into();
                        fault = Some(connect_words::connect(&error, address, self.proxy));
                    }
                    Err(error) => fault = Some(connect_words::connect(&error, address, self.proxy)),
                }
            }
            let Some(address) = self.addresses.pop_front() else {
                return Err(fault.unwrap_or_else(|| {
                    Fault::link_down(if self.proxy {
                        "the proxy's name has no address; check https_proxy or http_proxy, and the DNS"
                    } else {
                        "the server's name has no address; check --server and the DNS"
                    })
                }));
            };
            let interest = Interest::READABLE | Interest::WRITABLE;
            let connecting = TcpStream::connect(address).and_then(|mut stream| {
                registry.register(&mut stream, token, interest)?;
                Ok(stream)
            });
            match connecting {
                Ok(stream) => {
                    self.stream = Some((stream, address));
                    self.deadline_ms = now_ms + CONNECT_MS_MAX;
                }
                Err(error) => fault = Some(connect_words::connect(&error, address, self.proxy)),
            }
        }
    }
}

/// Whether a connect under way is done.
fn progress(stream: &TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}

/// TLS, where asked for, and the HTTP upgrade under way.
pub struct Upgrade {
    state: Option<MidHandshake<ClientHandshake<Stream>>>,
}

impl Upgrade {
    pub fn start(target: &Target, tcp: TcpStream) -> Result<Self, Fault> {
        let stream = wrap(target, tcp)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(BUFFER_BYTES)
            .max_write_buffer_size(2 * FRAME_BYTES_MAX)
            .max_message_size(Some(CONTROL_BYTES_MAX))
            .max_frame_size(Some(CONTROL_BYTES_MAX));
        let state = ClientHandshake::start(stream, request(target)?, Some(config))
            .map_err(|error| connect_words::websocket(&error, &target.url))?;
        Ok(Self { state: Some(state) })
    }

    /// Goes on as far as the socket allows; `Ok(None)` while it waits.
    pub fn step(&mut self, target: &Target) -> Result<Option<WebSocket<Stream>>, Fault> {
        let Some(mut state) = self.state.take() else {
            return Ok(None);
        };
        state.get_mut().get_mut().refill();
        match state.handshake() {
            // tungstenite has checked the accept key and the subprotocol.
            Ok((socket, _response)) => Ok(Some(socket)),
            Err(HandshakeError::Interrupted(mut state)) => {
                if state.get_mut().get_mut().exhausted() {
                    return Err(Fault::violation("its handshake has no end"));
                }
                self.state = Some(state);
                Ok(None)
            }
            Err(HandshakeError::Failure(error)) => {
                Err(connect_words::websocket(&error, &target.url))
            }
        }
    }
}

fn request(target: &Target) -> Result<Request, Fault> {
    let bad_url = |_| Fault::unknown("--server is not a URL that HTTP can carry; check it").slow();
    let host = target.url.host_header();
    let mut token = HeaderValue::try_from(format!("Bearer {}", target.token.expose())).map_err(
        |_| {
            Fault::unknown(
                "the node token holds characters that no token has; copy it again into the token file",
            )
            .slow()
        },
    )?;
    token.set_sensitive(true);
    // Only the path of this URI is sent; TLS is below, in the stream.
    Request::builder()
        .uri(format!("ws://{host}{}", target.url.path))
        .header("Host", &host)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", generate_key())
        .header("Sec-WebSocket-Protocol", SUBPROTOCOL)
        .header("Authorization", token)
        .header(
            "User-Agent",
            concat!("stardust-spider/", env!("CARGO_PKG_VERSION")),
        )
        .body(())
        .map_err(bad_url)
}

fn wrap(target: &Target, tcp: TcpStream) -> Result<Stream, Fault> {
    if !target.url.tls {
        return Ok(Stream::Plain(Tcp::new(tcp)));
    }
    #[cfg(feature = "tls")]
    {
        let host = &target.url.host;
        super::tls::TlsStream::new(host, target.ca_file.as_deref(), &target.pins, Tcp::new(tcp))
            .map(|tls| Stream::Tls(Box::new(tls)))
            .map_err(|error| super::tls_words::fault(&error, host))
    }
    #[cfg(not(feature = "tls"))]
    Err(Fault::unknown(
        "this Spider was built without TLS; use ws:// within a VPN, or install the build with TLS",
    )
    .slow())
}
