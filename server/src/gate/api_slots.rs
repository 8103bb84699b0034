//! Who has a place in the API, and who waits for one: fair between addresses. Pure.

use std::collections::HashMap;

use super::limits::{
    RELAYS_FOR_SESSIONS, RELAYS_MAX, RELAYS_PER_SOURCE, RELAYS_RESERVED, RELAYS_WAITING_MAX,
};
use super::pools::Standing;
use super::source::Source;
use super::turns::Turns;

#[derive(Debug, Default)]
pub struct ApiSlots {
    /// By what they are worth, least first.
    waiting: [Turns; 3],
    taken: usize,
    /// Of each address without a session.
    taken_by: HashMap<Source, usize>,
}

/// A place in the API, and whose it is.
pub type ApiSlot = (Standing, Source);

/// How many may have one at a time, up to those of that worth.
const MOST: [usize; 3] = [
    RELAYS_MAX - RELAYS_RESERVED,
    RELAYS_MAX - RELAYS_FOR_SESSIONS,
    RELAYS_MAX,
];

impl ApiSlots {
    pub fn wait(&mut self, standing: Standing, source: Source, index: usize) {
        self.waiting[standing as usize].push(source, index);
    }

    /// The next to have a place, which is taken for it.
    pub fn next(&mut self) -> Option<(ApiSlot, usize)> {
        use Standing::{Local, Session, Stranger};
        for standing in [Session, Local, Stranger] {
            let worth = standing as usize;
            if self.taken >= MOST[worth] {
                continue;
            }
            let has_session = standing == Session;
            let taken_by = &self.taken_by;
            let next = self.waiting[worth].pop_if(|source| {
                has_session || taken_by.get(&source).is_none_or(|n| *n < RELAYS_PER_SOURCE)
            });
            if let Some((source, index)) = next {
                self.taken += 1;
                if !has_session {
                    *self.taken_by.entry(source).or_default() += 1;
                }
                return Some(((standing, source), index));
            }
        }
        None
    }

    pub fn free(&mut self, (standing, source): ApiSlot) {
        self.taken -= 1;
        if standing != Standing::Session
            && let Some(count) = self.taken_by.get_mut(&source)
        {
            *count -= 1;
            if *count == 0 {
                self.taken_by.remove(&source);
            }
        }
    }

    /// One that waits in vain, when too many do.
    pub fn too_many(&mut self) -> Option<usize> {
        let waiting: usize = self.waiting.iter().map(Turns::len).sum();
        if waiting <= RELAYS_WAITING_MAX {
            return None;
        }
        self.waiting.iter_mut().find_map(Turns::drop_longest)
    }
}

#[cfg(test)]
mod tests {
    use super::Standing::{Local, Session, Stranger};
    use super::*;
    use std::net::IpAddr;

    fn source(n: u8) -> Source {
        IpAddr::from([192, 0, 2, n]).into()
    }

    #[test]
    fn an_address_has_its_share_and_sessions_have_a_reserve() {
        let mut slots = ApiSlots::default();
        (0..300).for_each(|index| slots.wait(Stranger, source(1), index));
        let mut taken = 0;
        while slots.next().is_some() {
            taken += 1;
        }
        assert_eq!(taken, RELAYS_PER_SOURCE);
        // Another one has its turn at once.
        slots.wait(Stranger, source(2), 900);
        assert_eq!(slots.next(), Some(((Stranger, source(2)), 900)));
        // Many of them together leave the reserve.
        (3..200).for_each(|n| slots.wait(Stranger, source(n), n.into()));
        while slots.next().is_some() {}
        assert_eq!(slots.taken, RELAYS_MAX - RELAYS_RESERVED);
        slots.wait(Local, source(1), 901);
        slots.wait(Session, source(1), 902);
        assert_eq!(
            slots.next(),
            Some(((Session, source(1)), 902)),
            "a session has no share"
        );
        assert_eq!(slots.next(), None, "this address has its share");
        slots.free((Stranger, source(1)));
        assert_eq!(slots.next(), Some(((Local, source(1)), 901)));
        (0..100).for_each(|index| slots.wait(Session, source(9), index));
        while slots.next().is_some() {}
        assert_eq!(slots.taken, RELAYS_MAX);
        slots.free((Session, source(9)));
        assert!(slots.next().is_some());
    }

    #[test]
    fn who_waits_too_much_gives_up_its_last() {
        let mut slots = ApiSlots::default();
        slots.wait(Stranger, source(2), 1_000);
        (0..RELAYS_WAITING_MAX).for_each(|n| slots.wait(Stranger, source(1), n));
        assert_eq!(slots.too_many(), Some(RELAYS_WAITING_MAX - 1));
        assert_eq!(slots.too_many(), None);
    }
}
