//! What a connection is counted as, while it has shown no session and while it has one.

use super::super::core::Core;
use super::super::pools::Standing;
use super::super::shares::Rank;
use super::{HttpConn, State};

impl HttpConn {
    /// Its place among those who may have to go. What serves a session has none.
    pub fn rank(&mut self, rank: Rank, core: &mut Core) {
        if self.standing == Standing::Session {
            if let Some(place) = self.place.take() {
                core.room.crowd.leave(place);
            }
            return;
        }
        // What a trusted proxy keeps for its next client is nobody's.
        let nobodys = matches!(rank, Rank::Kept | Rank::Silent) && self.is_proxy;
        let weight = usize::from(!nobodys);
        match &mut self.place {
            Some(place) => core.room.crowd.change(place, self.source, rank, weight),
            None => {
                let place = core.room.crowd.enter(self.source, self.index, rank, weight);
                self.place = Some(place);
            }
        }
    }

    /// Whoever comes has a moment to say what for, in which those that have begun to ask
    /// long ago go first: else, where all others have, the newcomer of now would go for the
    /// next one. A trusted proxy may open connections before it has use for them.
    pub fn rank_newcomer(&mut self, core: &mut Core) {
        let rank = match self.is_proxy {
            true => Rank::Silent,
            false => Rank::Asking,
        };
        self.rank(rank, core);
    }

    /// Counts the memory that it holds.
    pub fn account(&mut self, core: &mut Core) {
        let bytes = match &self.state {
            State::AwaitHead { buffer, .. } => buffer.len(),
            State::AwaitBody { request, .. } | State::AwaitSlot { request } => request.len(),
            State::Relaying(relay) => relay.held_bytes(),
            State::Answering(answer) => answer.out.held_bytes(),
            State::Lingering { .. } => 0,
        };
        let bytes = bytes + self.rest.len();
        let (source, index, standing) = (self.source, self.index, self.standing);
        core.room
            .pools
            .account(&mut self.held, source, index, standing, bytes);
    }

    /// Gives back what is counted to it.
    pub fn leave(&mut self, core: &mut Core) {
        if let Some(place) = self.place.take() {
            core.room.crowd.leave(place);
        }
        core.room.pools.leave(&mut self.held);
    }
}
