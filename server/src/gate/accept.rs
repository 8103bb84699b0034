//! Accepts connections, admits them, and makes a WebSocket where that was asked for.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use mio::Interest;

use super::http_conn::{self, HttpConn};
use super::limits::{self, ACCEPT_PAUSE, ACCEPTS_PER_TURN, CONNECTIONS_MAX, HANDSHAKES_TIME};
use super::live::LiveConn;
use super::log_limit::Subject;
use super::refusal::Refusal;
use super::socket::{Ending, code};
use super::spider::SpiderConn;
use super::stream::{Client, Stream};
use super::{Conn, Gate, token, upgrade};
use crate::log::Level;

impl Gate {
    pub(super) fn accept(&mut self) {
        if let Some(until) = self.accept_paused_until {
            if self.core.turn.now < until {
                return;
            }
            self.accept_paused_until = None;
        }
        if self.stop_by.is_some() {
            return;
        }
        for number in 0..self.listeners.len() {
            self.accept_from(number);
        }
    }

    /// From one listener; each has its share of a turn.
    fn accept_from(&mut self, number: usize) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = self.listeners.get_mut(number).filter(|of| of.again) else {
                return;
            };
            match listener.accept() {
                Ok((client, peer)) => self.admit(client, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    listener.again = false;
                }
                // The client was gone before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    let now = self.core.turn.now;
                    let notes = &mut self.core.notes;
                    notes.say(Level::Error, Subject::AcceptFailed, now, || {
                        format!(
                            "no more connections can be accepted: {error}. Raise the limit of \
                             open files (LimitNOFILE= or ulimit -n)."
                        )
                    });
                    self.accept_paused_until = Some(self.core.turn.now + ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }

    /// Lets a client in; without an address a proxy on this machine.
    fn admit(&mut self, mut client: Client, peer: Option<IpAddr>) {
        let strangers_max = limits::strangers_max(self.connections_max);
        if self.conns.len() >= self.connections_max || self.core.room.crowd.total() >= strangers_max
        {
            self.make_room();
        }
        // All are in: closing at once costs least, and clients try again.
        if self.conns.len() >= self.connections_max {
            return;
        }
        // The TLS of a connection is the one that holds when it opens.
        let tls = self.tls.as_ref().map(crate::tls::TlsSlot::current);
        let entry = self.conns.vacant_entry();
        let index = entry.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self
            .poll
            .registry()
            .register(&mut client, token(index), interest)
            .is_ok()
        {
            let stream = match tls {
                None => Stream::plain(client),
                Some(config) => match Stream::tls(client, config) {
                    Ok(stream) => stream,
                    Err(error) => return crate::log::error(&format!("TLS: {error}")),
                },
            };
            let is_proxy = peer.is_none_or(|peer| self.core.trusts(peer));
            let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
            let mut http = HttpConn::new(stream, (peer, is_proxy), index, self.core.turn.now);
            http.rank_newcomer(&mut self.core);
            entry.insert(Conn::Http(Box::new(http)));
        }
    }

    /// Ends the oldest connection of whoever has the most that have shown nothing, so
    /// that a newcomer has its chance, also while somebody takes all there are.
    fn make_room(&mut self) {
        let (max, now) = (self.conns.len(), self.core.turn.now);
        let first = self.core.room.crowd.first();
        self.core.notes.say(Level::Warn, Subject::Full, now, || {
            let whose = first.map_or(String::new(), |(_, source)| {
                format!(" Now it is one of {source}.")
            });
            format!(
                "{max} connections are open, which is the most: for each new one the oldest of \
                 whoever has the most without a login or a node's token is closed.{whose} The \
                 limit is {CONNECTIONS_MAX}, or less where few files may be open (LimitNOFILE= or \
                 ulimit -n)"
            )
        });
        if let Some((index, _)) = first {
            self.abort(index);
        }
    }

    /// Whether what came is a part of a handshake of TLS, which has its turn later:
    /// one costs as much as hundreds of samples, and a fleet may come at once.
    pub(super) fn queue_handshake(&mut self, index: usize) -> bool {
        let Some(Conn::Http(http)) = self.conns.get_mut(index) else {
            return false;
        };
        if !http.stream.is_handshaking() {
            return false;
        }
        if !std::mem::replace(&mut http.is_queued, true) {
            self.handshakes.push(http.source, index);
        }
        true
    }

    /// Goes on with handshakes, of each address in its turn.
    pub(super) fn shake_hands(&mut self) {
        let until = Instant::now() + HANDSHAKES_TIME;
        while let Some((_, index)) = self.handshakes.pop() {
            // The place may be another one's by now, which then has a turn for nothing.
            if let Some(Conn::Http(http)) = self.conns.get_mut(index) {
                http.is_queued = false;
            }
            self.drive(index);
            if Instant::now() >= until {
                return;
            }
        }
    }

    /// Tells a client in its own language that this is a TLS port.
    pub(super) fn refuse_plain(&mut self, index: usize) {
        if let Conn::Http(http) = self.conns.remove(index) {
            let vacant = self.conns.vacant_entry();
            debug_assert_eq!(vacant.key(), index);
            let mut http = http.into_plain();
            let refusal = match http.begins_with_proxy() {
                true => Refusal::ProxyProtocol,
                false => Refusal::PlainOnTls,
            };
            http.refuse(refusal, &mut self.core);
            vacant.insert(Conn::Http(Box::new(http)));
            self.again.push(index);
        }
    }

    pub(super) fn upgrade(&mut self, index: usize, handover: http_conn::Handover) {
        let Some(Conn::Http(http)) = self.conns.get_mut(index) else {
            return;
        };
        let admitted = match upgrade::check(&handover, &self.core) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let now = self.core.turn.now;
                http.refuse(refusal, &mut self.core);
                self.again.push(index);
                if refusal == Refusal::Token {
                    let notes = &mut self.core.notes;
                    notes.say(Level::Warn, Subject::UnknownToken, now, || {
                        let client = handover.client;
                        format!("{client}: a Spider was refused, its token is unknown or revoked")
                    });
                }
                return;
            }
        };
        let mut response = upgrade::response(&handover);
        // An answer before it may be in the kernel's buffer still.
        let unsent = match io::Write::write(&mut http.stream, &response) {
            Ok(count) => response.split_off(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => response,
            Err(_) => {
                self.close(index, &Ending::gone("closed during the handshake"));
                return;
            }
        };
        let Conn::Http(mut http) = self.conns.remove(index) else {
            return;
        };
        http.leave(&mut self.core);
        let vacant = self.conns.vacant_entry();
        // A slab hands out the place that was freed last: the registration stays right.
        debug_assert_eq!(vacant.key(), index);
        match admitted {
            upgrade::Admitted::Spider(node, token) => {
                let client = handover.client.to_string();
                let mut spider = SpiderConn::new(
                    http.stream,
                    handover.rest,
                    node,
                    token,
                    client,
                    self.core.turn.now,
                );
                spider.socket.send_first(unsent);
                spider.socket.ping_often(handover.by_proxy);
                vacant.insert(Conn::Spider(Box::new(spider)));
                let before = self.core.telemetry.spiders.insert(node, index);
                if let Some(before) = before.filter(|before| *before != index) {
                    let now = self.core.turn.now;
                    let notes = &mut self.core.notes;
                    notes.say(Level::Warn, Subject::Replaced(node), now, || {
                        let client = handover.client;
                        format!(
                            "node {node}: a second Spider connected with its token, from \
                             {client}; the first was closed. Give each machine a token of its own"
                        )
                    });
                    let reason = "replaced by a newer connection with the same token";
                    self.close(before, &Ending::close(code::REPLACED, reason));
                }
            }
            upgrade::Admitted::Live(session) => {
                if self.core.watching.live_count == 0 {
                    self.core.services.fleet.listen(true);
                }
                self.core.watching.live_count += 1;
                *self.core.watching.live_of.entry(session.id).or_default() += 1;
                let mut live = LiveConn::new(http.stream, handover.rest, session, &mut self.core);
                live.socket.send_first(unsent);
                live.socket.ping_often(handover.by_proxy);
                vacant.insert(Conn::Live(Box::new(live)));
            }
        }
        // What came behind the head is not announced again.
        self.again.push(index);
    }
}
