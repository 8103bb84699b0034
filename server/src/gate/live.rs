//! The connection of one open Capsule: a snapshot, then changes.

use std::collections::VecDeque;
use std::time::Instant;

use serde::Deserialize;
use tungstenite::Message;

use super::core::Core;
use super::frame::TextFrame;
use super::limits::{
    FOLLOWED_MAX, LIVE_MESSAGE_BYTES_MAX, LIVE_QUEUE_BYTES_MAX, LIVE_STALL_MAX, MESSAGES_PER_TURN,
    WATCHED_MAX,
};
use super::socket::{Ending, Incoming, Socket, code};
use super::spider::Turn;
use crate::auth::Session;
use crate::hub;
use crate::jobs::Job;
use crate::store::SessionId;

pub struct LiveConn {
    pub socket: Socket,
    session: Session,
    queue: VecDeque<TextFrame>,
    queued_bytes: usize,
    /// More than this, and it is too slow: the snapshot may be large.
    queue_bytes_max: usize,
    /// Since when something waits and nothing leaves.
    stalled: Option<Instant>,
    pub watched: Vec<i64>,
    /// Nodes that were just added to the watched ones and need their backlog.
    pub newly_watched: Vec<i64>,
    /// Jobs whose output it wants, and up to where it was sent.
    followed: Vec<(i64, usize)>,
}

#[derive(Deserialize)]
struct FromCapsule {
    r#type: String,
    #[serde(default)]
    nodes: Vec<i64>,
    #[serde(default)]
    jobs: Vec<i64>,
}

impl LiveConn {
    pub fn new(
        stream: super::stream::Stream,
        rest: Vec<u8>,
        session: Session,
        core: &mut Core,
    ) -> Self {
        let mut live = Self {
            socket: Socket::new(stream, rest, LIVE_MESSAGE_BYTES_MAX, core.now),
            session,
            queue: VecDeque::new(),
            queued_bytes: 0,
            queue_bytes_max: LIVE_QUEUE_BYTES_MAX,
            stalled: None,
            watched: Vec::new(),
            newly_watched: Vec::new(),
            followed: Vec::new(),
        };
        for part in core.snapshot() {
            live.push(part.clone());
        }
        live.queue_bytes_max += live.queued_bytes;
        live
    }

    pub fn session_id(&self) -> &SessionId {
        &self.session.id
    }

    /// Queues a message that all browsers share.
    pub fn push(&mut self, message: TextFrame) {
        if self.socket.is_closing() {
            return;
        }
        self.queued_bytes += message.len();
        self.queue.push_back(message);
    }

    /// Reads what the Capsule asks for.
    pub fn drive(&mut self, core: &mut Core) -> Result<Turn, Ending> {
        for _ in 0..MESSAGES_PER_TURN {
            match self.socket.read(core.now)? {
                Incoming::Nothing => return Ok(Turn::Done),
                Incoming::Message(Message::Text(text)) => self.message(&text, core)?,
                Incoming::Message(Message::Binary(_)) => {
                    return Err(Ending::close(code::VIOLATION, "only text is spoken here"));
                }
                Incoming::Message(Message::Close(_)) => {
                    return Err(Ending::gone("the Capsule was closed"));
                }
                Incoming::Message(_) | Incoming::Discarded => {}
            }
        }
        Ok(Turn::More)
    }

    fn message(&mut self, text: &str, core: &Core) -> Result<(), Ending> {
        let message: FromCapsule = serde_json::from_str(text)
            .map_err(|_| Ending::close(code::VIOLATION, "not the JSON that /live takes"))?;
        match message.r#type.as_str() {
            "watch" => self.watch(message.nodes),
            "follow" => self.follow(&message.jobs, core),
            // Types of a newer Capsule are skipped.
            _ => Ok(()),
        }
    }

    /// From here on; what a job has said before is to be had from the API.
    fn follow(&mut self, jobs: &[i64], core: &Core) -> Result<(), Ending> {
        if jobs.len() > FOLLOWED_MAX {
            return Err(Ending::close(
                code::VIOLATION,
                format!("at most {FOLLOWED_MAX} jobs can be followed"),
            ));
        }
        let known = std::mem::take(&mut self.followed);
        for &id in jobs {
            let sent = match known.iter().find(|(followed, _)| *followed == id) {
                Some(&(_, sent)) => sent,
                None => core.jobs.active(id).map_or(0, |job| job.output_end()),
            };
            self.followed.push((id, sent));
        }
        Ok(())
    }

    /// Queues what a followed job has said since the last call.
    pub fn output(&mut self, job: &Job) {
        let Some(at) = self.followed.iter().position(|(id, _)| *id == job.id) else {
            return;
        };
        // Work that was begun anew has taken some back.
        let mut sent = self.followed[at].1.min(job.output_end());
        loop {
            let piece = job.read(sent);
            if piece.text.is_empty() {
                break;
            }
            sent = piece.next;
            self.push(hub::output_message(job.id, &piece).into());
        }
        self.followed[at].1 = sent;
    }

    fn watch(&mut self, nodes: Vec<i64>) -> Result<(), Ending> {
        if nodes.len() > WATCHED_MAX {
            return Err(Ending::close(
                code::VIOLATION,
                format!("at most {WATCHED_MAX} nodes can be watched"),
            ));
        }
        self.newly_watched = nodes
            .iter()
            .copied()
            .filter(|id| !self.watched.contains(id))
            .collect();
        self.watched = nodes;
        Ok(())
    }

    /// Sends what is queued, one message after the other, so that the queue says how
    /// far behind the browser is.
    pub fn flush(&mut self, now: Instant) -> Result<(), Ending> {
        if self.socket.is_closing() {
            return self.socket.flush();
        }
        loop {
            if !self.socket.is_flushed() {
                self.socket.flush()?;
            }
            if !self.socket.is_flushed() {
                let since = *self.stalled.get_or_insert(now);
                let waiting = self.queued_bytes;
                if waiting > self.queue_bytes_max || now.duration_since(since) > LIVE_STALL_MAX {
                    return Err(Ending::close(
                        code::TOO_SLOW,
                        format!("the browser is too slow: {waiting} bytes wait for it"),
                    ));
                }
                return Ok(());
            }
            self.stalled = None;
            let Some(message) = self.queue.pop_front() else {
                return Ok(());
            };
            self.queued_bytes -= message.len();
            self.socket.send(message);
        }
    }

    pub fn tick(&mut self, core: &Core) -> Result<(), Ending> {
        if self.socket.is_closing() {
            // Only the deadline of the close is left.
            return self.socket.tick(core.now);
        }
        if core.wall_ms >= self.session.expires_ms {
            return Err(Ending::close(
                code::SESSION_ENDED,
                "the session has expired",
            ));
        }
        self.flush(core.now)?;
        self.socket.tick(core.now)
    }

    /// Says why, then closes.
    pub fn close(&mut self, code: u16, reason: &str, now: Instant) {
        if !self.socket.is_closing() {
            self.queue = VecDeque::new();
            self.queued_bytes = 0;
            let _ = self.socket.write(Message::text(hub::bye_message(reason)));
            self.socket.close(code, reason, now);
        }
    }
}
