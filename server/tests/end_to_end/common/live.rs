//! A Capsule without a page: `/live`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tungstenite::Message;

use super::websocket::{Event, WebSocket, upgrade};
use super::{PATIENCE, Session};

#[derive(Debug)]
pub enum LiveEvent {
    Json(Value),
    Closed(Option<(u16, String)>),
    Silence,
}

pub struct Live {
    pub socket: WebSocket,
}

impl Live {
    /// Opens it as a script, and takes the snapshot.
    pub fn open(address: SocketAddr, session: &Session) -> (Self, Value) {
        let (answer, stream) = upgrade(address, "/live", &[("Authorization", &session.bearer())]);
        assert_eq!(answer.status, 101, "{}", answer.text());
        let mut live = Self {
            socket: WebSocket::new(stream),
        };
        let LiveEvent::Json(snapshot) = live.next(PATIENCE) else {
            panic!("no snapshot came")
        };
        assert_eq!(snapshot["type"], "snapshot");
        (live, snapshot)
    }

    pub fn watch(&mut self, nodes: &[i64]) {
        self.send(&serde_json::json!({"type": "watch", "nodes": nodes}));
    }

    pub fn send(&mut self, message: &Value) {
        assert!(
            self.socket.send(Message::text(message.to_string())),
            "/live is closed"
        );
    }

    pub fn next(&mut self, limit: Duration) -> LiveEvent {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.socket.next(left) {
                Event::Message(Message::Text(text)) => {
                    return LiveEvent::Json(serde_json::from_str(&text).expect("JSON"));
                }
                Event::Message(_) => {}
                Event::Closed(why) => return LiveEvent::Closed(why),
                Event::Silence => return LiveEvent::Silence,
            }
        }
    }

    /// The next message of a type; others are skipped.
    pub fn message(&mut self, kind: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            match self.next(Duration::from_secs(1)) {
                LiveEvent::Json(message) if message["type"] == kind => return message,
                LiveEvent::Closed(why) => panic!("/live was closed: {why:?}"),
                _ => {}
            }
        }
        panic!("no {kind} message came");
    }
}
