//! A Spider that says what a test wants it to say.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stardust_shared::message::{Control, Hello, Identity};
use stardust_shared::{Layout, SUBPROTOCOL, SeriesDef, State, samples};
use tungstenite::Message;

use super::PATIENCE;
use super::websocket::{Event, WebSocket, upgrade};

pub struct FakeSpider {
    pub socket: WebSocket,
}

/// Gauges `test.series_0`, `test.series_1`, …
pub fn gauges(layout_id: u64, count: usize) -> Layout {
    let series = (0..count).map(|n| SeriesDef::new(&format!("test.series_{n}"), &[]));
    Layout::new(layout_id, series.collect())
}

pub fn hello(run: &str) -> Hello {
    Hello {
        kind: Hello::KIND.into(),
        protocol: stardust_shared::PROTOCOL_VERSION,
        version: "0.0.0".into(),
        run: run.into(),
        boot_id: "a-boot".into(),
        oldest_seq: 0,
        newest_seq: 0,
        interval_ms: 1_000,
        outage: None,
        clock_ms: Some(wall_ms()),
        identity: Identity::default(),
    }
}

impl FakeSpider {
    /// Has a socket, and has said nothing yet.
    pub fn connect(address: SocketAddr, token: &str) -> Self {
        let (answer, stream) = upgrade(
            address,
            stardust_shared::SPIDER_PATH,
            &[
                ("Authorization", &format!("Bearer {token}")),
                ("Sec-WebSocket-Protocol", SUBPROTOCOL),
            ],
        );
        assert_eq!(answer.status, 101, "{}", answer.text());
        Self {
            socket: WebSocket::new(stream),
        }
    }

    /// Says hello and is welcomed; the last durable sequence of its run.
    pub fn open(address: SocketAddr, token: &str, run: &str) -> (Self, u64) {
        let mut spider = Self::connect(address, token);
        assert!(spider.text(&hello(run).encode()));
        let seq = spider.control(Control::WELCOME);
        (spider, seq)
    }

    pub fn text(&mut self, text: &str) -> bool {
        self.socket.send(Message::text(text))
    }

    pub fn binary(&mut self, bytes: Vec<u8>) -> bool {
        self.socket.send(Message::binary(bytes))
    }

    pub fn layout(&mut self, layout: &Layout) -> bool {
        let mut bytes = Vec::new();
        layout.encode(&mut bytes);
        self.binary(bytes)
    }

    /// One keyframe.
    pub fn sample(&mut self, layout: &Layout, seq: u64, time_ms: i64, values: &[i64]) -> bool {
        let mut state = State::default();
        state.start(layout, seq, time_ms, values);
        let mut bytes = vec![samples::KIND_SAMPLES];
        state.encode_keyframe(layout, 0, &mut bytes);
        self.binary(bytes)
    }

    /// The sequence in the next message of that kind.
    pub fn control(&mut self, kind: &str) -> u64 {
        loop {
            match self.socket.next(PATIENCE) {
                Event::Message(Message::Text(text)) => {
                    let control = Control::decode(&text).expect("a control message");
                    if control.kind == kind {
                        return control.seq.expect("a sequence");
                    }
                }
                Event::Message(_) => {}
                other => panic!("no {kind} came: {other:?}"),
            }
        }
    }

    /// Answers pings for a while.
    pub fn idle(&mut self, time: Duration) {
        if let Event::Closed(why) = self.socket.next(time) {
            panic!("closed: {why:?}");
        }
    }
}

pub fn wall_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the year 292277026")
}
