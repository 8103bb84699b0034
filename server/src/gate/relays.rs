//! Requests on their way to the API, a bounded number at a time.

use mio::net::UnixStream;
use mio::{Interest, Token};

use super::limits::RELAYS_MAX;
use super::notes::Subject;
use super::refusal::Refusal;
use super::{Conn, Gate};
use crate::log::Level;

impl Gate {
    /// Gives waiting requests a place in the API.
    pub(super) fn start_relays(&mut self) {
        while self.relays < RELAYS_MAX {
            let Some(index) = self.waiting.pop_front() else {
                return;
            };
            let Some(Conn::Http(http)) = self.conns.get_mut(index) else {
                continue;
            };
            if !http.is_waiting() {
                continue;
            }
            let connected = UnixStream::connect(&self.core.api_socket).and_then(|mut upstream| {
                let interest = Interest::READABLE | Interest::WRITABLE;
                let number = Token(index * 2 + 1);
                self.poll
                    .registry()
                    .register(&mut upstream, number, interest)?;
                Ok(upstream)
            });
            match connected {
                Ok(upstream) => {
                    http.start_relay(upstream, self.core.now);
                    self.relays += 1;
                }
                Err(error) => {
                    let now = self.core.now;
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
