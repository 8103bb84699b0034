//! From addresses to a TCP connection, without blocking.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use stardust_shared::{Secret, ServerUrl};

use super::connect_errors;
use super::fault::Fault;
use crate::config::{Pin, Proxy};

/// For each address of the server.
pub const CONNECT_MS_MAX: i64 = 10_000;

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
                        fault = Some(connect_errors::connect(&error, address, self.proxy));
                    }
                    Err(error) => {
                        fault = Some(connect_errors::connect(&error, address, self.proxy))
                    }
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
                Err(error) => fault = Some(connect_errors::connect(&error, address, self.proxy)),
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
