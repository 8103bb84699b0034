//! Memory that requests and answers hold: counted as it is held, not as it is
//! announced, and bounded. Pure.

use super::limits::{
    POOL_LARGE_BYTES, POOL_SESSIONS_BYTES, POOL_SMALL_BYTES, POOL_STRANGERS_BYTES,
};
use super::shares::{Rank, Shares, Ticket};
use super::source::Source;

/// How much a request is worth, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Anybody.
    Stranger,
    /// From this machine.
    Local,
    /// With a session that is good now.
    Session,
}

/// What a connection holds of a pool.
pub type Held = Option<(bool, Ticket)>;

/// Sessions have a pool of their own: strangers can't take anything from it.
#[derive(Debug, Default)]
pub struct Pools {
    strangers: Shares,
    sessions: Shares,
}

impl Pools {
    /// `bytes` are what the connection `index` holds by now.
    pub fn account(
        &mut self,
        held: &mut Held,
        source: Source,
        index: usize,
        standing: Standing,
        bytes: usize,
    ) {
        // A request as most are: their number bounds them.
        if bytes <= POOL_SMALL_BYTES {
            return self.leave(held);
        }
        // What is large gives first.
        let rank = if bytes >= POOL_LARGE_BYTES {
            Rank::Asking
        } else {
            Rank::Served
        };
        let of_session = standing == Standing::Session;
        match held {
            Some((pool, ticket)) if *pool == of_session => {
                self.pool(of_session).change(ticket, source, rank, bytes);
            }
            _ => {
                self.leave(held);
                let ticket = self.pool(of_session).enter(source, index, rank, bytes);
                *held = Some((of_session, ticket));
            }
        }
    }

    pub fn leave(&mut self, held: &mut Held) {
        if let Some((pool, ticket)) = held.take() {
            self.pool(pool).leave(ticket);
        }
    }

    /// A connection that has to give up what it holds, while more is held than may be.
    pub fn over(&self) -> Option<usize> {
        let over = |pool: &Shares, max: usize| {
            (pool.total() > max).then(|| pool.first().map(|(index, _)| index))?
        };
        over(&self.strangers, POOL_STRANGERS_BYTES)
            .or_else(|| over(&self.sessions, POOL_SESSIONS_BYTES))
    }

    fn pool(&mut self, of_session: bool) -> &mut Shares {
        if of_session {
            &mut self.sessions
        } else {
            &mut self.strangers
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn source(n: u8) -> Source {
        IpAddr::from([192, 0, 2, n]).into()
    }

    #[test]
    fn large_bodies_give_way_to_small_ones_and_never_the_other_way() {
        let mut pools = Pools::default();
        let mut large: Vec<Held> = Vec::new();
        let count = POOL_STRANGERS_BYTES / (1 << 20);
        for index in 0..count {
            let mut held = None;
            let bytes = 1 << 20;
            pools.account(&mut held, source(1), index, Standing::Stranger, bytes);
            large.push(held);
        }
        assert_eq!(pools.over(), None);
        // A login needs nothing of the pool.
        let mut login = None;
        pools.account(&mut login, source(2), 900, Standing::Stranger, 300);
        assert!(login.is_none());
        // A session's own are counted apart.
        let mut own = None;
        pools.account(&mut own, source(1), 901, Standing::Session, 1 << 20);
        assert_eq!(pools.over(), None);
        // A small one of the same address: the oldest of the large ones gives.
        let mut small = None;
        pools.account(&mut small, source(1), 902, Standing::Local, 30 << 10);
        assert_eq!(pools.over(), Some(0));
        pools.leave(&mut large[0]);
        assert_eq!(pools.over(), None);
        for held in &mut large {
            pools.leave(held);
        }
        pools.leave(&mut small);
        assert_eq!(
            (pools.strangers.total(), pools.sessions.total()),
            (0, 1 << 20)
        );
        // It signs in, or becomes small.
        pools.account(&mut own, source(1), 901, Standing::Stranger, 1 << 20);
        assert_eq!(
            (pools.strangers.total(), pools.sessions.total()),
            (1 << 20, 0)
        );
        pools.account(&mut own, source(1), 901, Standing::Stranger, 10);
        assert_eq!(pools.strangers.total(), 0);
    }
}
