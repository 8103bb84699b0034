//! The connection of one open Capsule: a snapshot, then changes.

use std::collections::VecDeque;
use std::time::Instant;

use serde::Deserialize;
use tungstenite::Message;

use super::core::Core;
use super::frame::TextFrame;
use super::inbox::{Inbox, Next, Rest};
use super::limits::{
    FOLLOWED_MAX, FRAMES_PER_TURN, LIVE_MESSAGE_BYTES_MAX, LIVE_MESSAGES_PER_SECOND,
    LIVE_QUEUE_BYTES_MAX, LIVE_STALL_MAX, WATCHED_MAX,
};
use super::socket::{Ending, Socket, Tally, code};
use super::spider::Turn;
use crate::access::Scope;
use crate::auth::Session;
use crate::hub;
use crate::jobs::Job;
use crate::store::SessionId;

pub struct LiveConn {
    pub socket: Socket,
    rest: Rest,
    session: Session,
    /// Which nodes it may know of.
    scope: Scope,
    messages: Tally,
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
            socket: Socket::of_frames(stream, LIVE_MESSAGE_BYTES_MAX, core.turn.now),
            rest: Rest::new(rest),
            scope: session.principal.scope(),
            session,
            messages: Tally::new(core.turn.now),
            queue: VecDeque::new(),
            queued_bytes: 0,
            queue_bytes_max: LIVE_QUEUE_BYTES_MAX,
            stalled: None,
            watched: Vec::new(),
            newly_watched: Vec::new(),
            followed: Vec::new(),
        };
        for part in core.snapshot(&live.scope) {
            live.push(part);
        }
        live.queue_bytes_max += live.queued_bytes;
        live
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
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
        let mut inbox = self.rest.open(std::mem::take(&mut core.turn.inbox));
        let turn = self.work(&mut inbox, core);
        core.turn.inbox = self.rest.close(inbox);
        turn
    }

    fn work(&mut self, inbox: &mut Inbox, core: &Core) -> Result<Turn, Ending> {
        for _ in 0..FRAMES_PER_TURN {
            match inbox.next(&mut self.socket, core.turn.now)? {
                Next::Nothing => return Ok(Turn::Done),
                Next::Later => break,
                Next::Text(at) => self.message(inbox.bytes(at), core)?,
                Next::Other(Message::Text(text)) => self.message(text.as_bytes(), core)?,
                Next::Binary(_) | Next::Other(Message::Binary(_)) => {
                    return Err(Ending::close(code::VIOLATION, "only text is spoken here"));
                }
                Next::Other(Message::Close(_)) => {
                    return Err(Ending::gone("the Capsule was closed"));
                }
                Next::Other(_) | Next::Part | Next::Discarded => {}
            }
        }
        if self.socket.is_closing() {
            self.socket.ignored(inbox.bytes_read())?;
        }
        Ok(Turn::More)
    }

    fn message(&mut self, text: &[u8], core: &Core) -> Result<(), Ending> {
        if !self
            .messages
            .one_of(LIVE_MESSAGES_PER_SECOND, core.turn.now)
        {
            let reason = format!("more than {LIVE_MESSAGES_PER_SECOND} messages in a second");
            return Err(Ending::close(code::VIOLATION, reason));
        }
        let message: FromCapsule = serde_json::from_slice(text)
            .map_err(|_| Ending::close(code::VIOLATION, "not the JSON that /live takes"))?;
        match message.r#type.as_str() {
            "watch" => self.watch(message.nodes, core),
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
            // Of a job that it may not know of it hears as of one that there is not.
            let sent = match known.iter().find(|(followed, _)| *followed == id) {
                Some(&(_, sent)) => sent,
                None => core
                    .services
                    .jobs
                    .active(id)
                    .map_or(0, |job| job.output_end()),
            };
            self.followed.push((id, sent));
        }
        Ok(())
    }

    /// Queues what a followed job has said since the last call.
    pub fn output(&mut self, job: &Job, sees: impl Fn(i64) -> bool) {
        let Some(at) = self.followed.iter().position(|(id, _)| *id == job.id) else {
            return;
        };
        if !self.scope.is_all() && !job.view().is_seen(sees) {
            return;
        }
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

    fn watch(&mut self, mut nodes: Vec<i64>, core: &Core) -> Result<(), Ending> {
        if nodes.len() > WATCHED_MAX {
            return Err(Ending::close(
                code::VIOLATION,
                format!("at most {WATCHED_MAX} nodes can be watched"),
            ));
        }
        nodes.retain(|node| core.sees(&self.scope, *node));
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
            return self.socket.tick(core.turn.now);
        }
        if core.services.auth.now_ms() >= self.session.expires_ms {
            return Err(Ending::close(
                code::SESSION_ENDED,
                "the session has expired",
            ));
        }
        self.flush(core.turn.now)?;
        self.socket.tick(core.turn.now)
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
