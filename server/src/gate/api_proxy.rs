//! Hands waiting requests to the API, a bounded number at a time.

use mio::net::UnixStream;
use mio::{Interest, Token};

use super::log_limit::Subject;
use super::refusal::Refusal;
use super::{Conn, Gate};
use crate::log::Level;

impl Gate {
    /// Gives waiting requests a place in the API.
    pub(super) fn start_relays(&mut self) {
        while let Some(index) = self.slots.too_many() {
            if let Some(Conn::Http(http)) = self.conns.get_mut(index)
                && http.is_waiting()
            {
                http.refuse(Refusal::Busy, &mut self.core);
                self.again.push(index);
            }
        }
        while let Some((slot, index)) = self.slots.next() {
            let Some(Conn::Http(http)) = self.conns.get_mut(index) else {
                self.slots.free(slot);
                continue;
            };
            // The place may be another one's by now.
            if !http.is_waiting() || (http.standing, http.source) != slot {
                self.slots.free(slot);
                continue;
            }
            let connected =
                UnixStream::connect(&self.core.services.api_socket).and_then(|mut upstream| {
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    let number = Token(index * 2 + 1);
                    self.poll
                        .registry()
                        .register(&mut upstream, number, interest)?;
                    Ok(upstream)
                });
            match connected {
                Ok(upstream) => http.start_relay(upstream, self.core.turn.now),
                Err(error) => {
                    self.slots.free(slot);
                    let now = self.core.turn.now;
                    let notes = &mut self.core.notes;
                    notes.say(Level::Error, Subject::ApiUnreachable, now, || {
                        format!("the API can't be reached: {error}")
                    });
                    http.refuse(Refusal::NoAnswer, &mut self.core);
                }
            }
            self.again.push(index);
        }
    }
}
