//! One simulated Spider: the session of the real one, with values of a recording.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};
use stardust_benches::wall_ms;
use stardust_shared::message::{Control, Hello};
use stardust_shared::{ABSENT, Kind, Layout, SeriesDef, State, samples};

use crate::line::Line;
use crate::recording::Recording;
use crate::server::Server;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Connecting,
    AwaitUpgrade,
    AwaitWelcome,
    Streaming,
    Closed,
}

pub struct Spider {
    line: Line,
    number: usize,
    token: String,
    pub phase: Phase,
    incoming: Vec<u8>,
    outgoing: VecDeque<u8>,
    layout: Layout,
    state: State,
    values: Vec<i64>,
    row: usize,
    pub due: Instant,
    started: bool,
    /// What the last welcome said.
    pub durable_seq: u64,
    pub acknowledged_seq: u64,
    /// Samples that are not acknowledged: sequence and when they were taken.
    waiting: VecDeque<(u64, Instant)>,
}

/// From samples to their acknowledgements.
#[derive(Default)]
pub struct Latency {
    pub count: u64,
    pub sum: Duration,
    pub longest: Duration,
}

impl Spider {
    pub fn new(
        server: &Server,
        recording: &Recording,
        (number, token): (usize, String),
        is_distinct: bool,
        registry: &Registry,
    ) -> io::Result<Self> {
        let mut series = recording.series.clone();
        if is_distinct {
            series.push(SeriesDef::new(
                "swarm.node",
                &[("number", &number.to_string())],
            ));
        }
        let row = number % recording.rows.len();
        let mut spider = Self {
            line: Line::connect(server, number)?,
            number,
            token,
            phase: Phase::Connecting,
            incoming: Vec::new(),
            outgoing: VecDeque::new(),
            values: vec![0; series.len()],
            layout: Layout::new(1, series),
            state: State::default(),
            row,
            due: Instant::now(),
            started: false,
            durable_seq: 0,
            acknowledged_seq: 0,
            waiting: VecDeque::new(),
        };
        spider.rewind(recording);
        spider.register(registry)?;
        Ok(spider)
    }

    /// Back to the sample from which its story begins.
    pub fn rewind(&mut self, recording: &Recording) {
        self.row = self.number % recording.rows.len();
        let row = &recording.rows[self.row];
        self.values[..row.len()].copy_from_slice(row);
        self.started = false;
        self.state = State::default();
    }

    fn register(&mut self, registry: &Registry) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(self.line.tcp(), Token(self.number), interest)
    }

    pub fn reconnect(&mut self, server: &Server, registry: &Registry) -> io::Result<()> {
        self.line = Line::connect(server, self.number)?;
        self.phase = Phase::Connecting;
        self.incoming.clear();
        self.outgoing.clear();
        self.waiting.clear();
        self.started = false;
        self.register(registry)
    }

    pub fn serve(&mut self, interval_ms: u64, latency: &mut Latency) -> io::Result<()> {
        if self.phase == Phase::Closed {
            return Ok(());
        }
        let result = self.try_serve(interval_ms, latency);
        if result.is_err() {
            self.phase = Phase::Closed;
        }
        result
    }

    fn try_serve(&mut self, interval_ms: u64, latency: &mut Latency) -> io::Result<()> {
        if self.phase == Phase::Connecting {
            if let Ok(Some(error)) = self.line.tcp().take_error() {
                return Err(error);
            }
            if self.line.tcp().peer_addr().is_err() {
                return Ok(());
            }
            let request = format!(
                "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                 Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 Sec-WebSocket-Protocol: stardust.v1\r\nAuthorization: Bearer {}\r\n\r\n",
                self.token
            );
            self.outgoing.extend(request.as_bytes());
            self.phase = Phase::AwaitUpgrade;
        }
        self.flush()?;
        let mut buffer = [0; 4_096];
        loop {
            match self.line.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.incoming.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.phase == Phase::AwaitUpgrade {
            let Some(at) = self.incoming.windows(4).position(|w| w == b"\r\n\r\n") else {
                return self.flush();
            };
            if !self.incoming.starts_with(b"HTTP/1.1 101") {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            self.incoming.drain(..at + 4);
            let hello = Hello {
                kind: Hello::KIND.into(),
                protocol: 1,
                version: "0.1.0".into(),
                run: self.token[..16].into(),
                boot_id: "swarm".into(),
                oldest_seq: 0,
                newest_seq: 0,
                interval_ms,
                outage: None,
                clock_ms: None,
                identity: Default::default(),
            };
            frame(&mut self.outgoing, 1, hello.encode().as_bytes());
            self.phase = Phase::AwaitWelcome;
        }
        while let Some((opcode, payload)) = take_frame(&mut self.incoming) {
            match opcode {
                1 => self.control(&payload, latency),
                9 => frame(&mut self.outgoing, 10, &payload),
                8 => return Err(io::ErrorKind::ConnectionAborted.into()),
                _ => {}
            }
        }
        self.flush()
    }

    fn control(&mut self, payload: &[u8], latency: &mut Latency) {
        let Ok(control) = Control::decode(&String::from_utf8_lossy(payload)) else {
            return;
        };
        let seq = control.seq.unwrap_or(0);
        if control.kind == Control::WELCOME {
            self.phase = Phase::Streaming;
            self.durable_seq = seq;
        }
        if control.kind == Control::ACK {
            self.acknowledged_seq = self.acknowledged_seq.max(seq);
            while let Some((_, taken)) = self.waiting.pop_front_if(|(waiting, _)| *waiting <= seq) {
                let took = taken.elapsed();
                latency.count += 1;
                latency.sum += took;
                latency.longest = latency.longest.max(took);
            }
        }
    }

    /// The next row: gauges as recorded, counters grown by what they grew there.
    fn advance(&mut self, recording: &Recording) {
        let before = &recording.rows[self.row];
        self.row = (self.row + 1) % recording.rows.len();
        let next = &recording.rows[self.row];
        for (n, (&now, &before)) in next.iter().zip(before).enumerate() {
            let series = &self.layout.series()[n];
            self.values[n] = match series.kind {
                Kind::Counter if self.values[n] != ABSENT && now != ABSENT && before != ABSENT => {
                    self.values[n] + (now - before).max(0)
                }
                _ => now,
            };
        }
    }

    /// Takes a sample and sends it.
    pub fn sample(&mut self, recording: &Recording, now: Instant) {
        self.advance(recording);
        let mut message = vec![samples::KIND_SAMPLES];
        if self.started {
            let seq = self.state.seq + 1;
            self.state
                .encode_delta(&self.layout, seq, wall_ms(), &self.values, &mut message);
        } else {
            self.open_stream(self.state.seq + 1, wall_ms(), &mut message);
        }
        self.waiting.push_back((self.state.seq, now));
        frame(&mut self.outgoing, 2, &message);
    }

    fn open_stream(&mut self, seq: u64, time_ms: i64, message: &mut Vec<u8>) {
        self.started = true;
        let mut layout = Vec::new();
        self.layout.encode(&mut layout);
        frame(&mut self.outgoing, 2, &layout);
        self.state.start(&self.layout, seq, time_ms, &self.values);
        self.state.encode_keyframe(&self.layout, 0, message);
    }

    /// Sends what a ring holds: `count` samples up to `end_ms`, without those that
    /// are durable, in frames as the real Spider makes them.
    pub fn deliver(&mut self, recording: &Recording, count: u64, interval_ms: u64, end_ms: i64) {
        self.rewind(recording);
        let mut message = vec![samples::KIND_SAMPLES];
        for seq in 1..=count {
            self.advance(recording);
            let time_ms = end_ms - ((count - seq) * interval_ms) as i64;
            if seq <= self.durable_seq {
                continue;
            }
            if self.started {
                self.state
                    .encode_delta(&self.layout, seq, time_ms, &self.values, &mut message);
            } else {
                self.open_stream(seq, time_ms, &mut message);
            }
            if message.len() >= stardust_shared::limits::CATCH_UP_FRAME_BYTES || seq == count {
                frame(&mut self.outgoing, 2, &message);
                message.truncate(1);
            }
        }
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.line.push()?;
        while !self.outgoing.is_empty() {
            let (chunk, _) = self.outgoing.as_slices();
            match self.line.write(chunk) {
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.outgoing.shrink_to(1 << 10);
        Ok(())
    }
}

/// A masked frame whose mask is zero: the payload goes as it is.
fn frame(out: &mut VecDeque<u8>, opcode: u8, payload: &[u8]) {
    out.push_back(0x80 | opcode);
    match payload.len() {
        length @ 0..126 => out.push_back(0x80 | length as u8),
        length => {
            out.push_back(0x80 | 126);
            out.extend((length as u16).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
}

fn take_frame(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (length, head) = match second & 0x7f {
        126 => (
            usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
            4,
        ),
        length => (usize::from(length), 2),
    };
    if bytes.len() < head + length {
        return None;
    }
    let payload = bytes[head..head + length].to_vec();
    bytes.drain(..head + length);
    Some((first & 0x0f, payload))
}
