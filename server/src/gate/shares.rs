//! Who holds how much of what is scarce, and who gives first when it runs out. Pure.
//!
//! The source that holds the most gives: whoever asks for little always finds room,
//! however many ask for much. Of that source the least worthy gives, then the oldest:
//! a newcomer has its time to show what it wants, also where it shares an address
//! with who floods. Of sources that hold alike, the oldest gives.
//!
//! Used for connections (each weighs one) and for memory (by its bytes). Each change
//! costs the logarithm of how many there are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::source::Source;

/// What a holder is worth, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// It has been told to go.
    Leaving,
    /// It waits for another request, which may never come.
    Kept,
    /// It has said nothing, and had time to.
    Silent,
    /// It has begun to ask, or has just come; or what is held is large.
    Asking,
    /// It is being served; or what is held is small.
    Served,
}

/// Oldest first within a rank.
type Order = (Rank, u64);

/// A place in [`Shares`], to be given back.
#[derive(Debug)]
pub struct Ticket {
    source: Source,
    order: Order,
    weight: usize,
}

#[derive(Debug, Default)]
struct Holder {
    weight: usize,
    /// The numbers of connections.
    members: BTreeMap<Order, usize>,
}

#[derive(Debug, Default)]
pub struct Shares {
    holders: HashMap<Source, Holder>,
    /// The last one gives first.
    by_weight: BTreeSet<(usize, Reverse<Order>, Source)>,
    total: usize,
    next: u64,
}

impl Shares {
    pub fn total(&self) -> usize {
        self.total
    }

    pub fn enter(&mut self, source: Source, index: usize, rank: Rank, weight: usize) -> Ticket {
        self.next += 1;
        let order = (rank, self.next);
        self.update(source, |holder| {
            holder.members.insert(order, index);
            holder.weight += weight;
        });
        self.total += weight;
        Ticket {
            source,
            order,
            weight,
        }
    }

    pub fn leave(&mut self, ticket: Ticket) {
        self.update(ticket.source, |holder| {
            holder.members.remove(&ticket.order);
            holder.weight -= ticket.weight;
        });
        self.total -= ticket.weight;
    }

    /// As one that comes anew, where anything but its weight changes.
    pub fn change(&mut self, ticket: &mut Ticket, source: Source, rank: Rank, weight: usize) {
        if (ticket.source, ticket.order.0) == (source, rank) {
            if ticket.weight != weight {
                let before = ticket.weight;
                self.update(source, |holder| {
                    holder.weight = holder.weight - before + weight;
                });
                self.total = self.total - before + weight;
                ticket.weight = weight;
            }
            return;
        }
        let index = self.holders.get(&ticket.source);
        let index = index.and_then(|holder| holder.members.get(&ticket.order).copied());
        if let Some(index) = index {
            let fresh = self.enter(source, index, rank, weight);
            self.leave(std::mem::replace(ticket, fresh));
        }
    }

    /// The connection that gives next, and whose it is.
    pub fn first(&self) -> Option<(usize, Source)> {
        let (_, Reverse(order), source) = self.by_weight.last()?;
        let index = self.holders.get(source)?.members.get(order)?;
        Some((*index, *source))
    }

    fn update(&mut self, source: Source, work: impl FnOnce(&mut Holder)) {
        let holder = self.holders.entry(source).or_default();
        if let Some((order, _)) = holder.members.first_key_value() {
            self.by_weight
                .remove(&(holder.weight, Reverse(*order), source));
        }
        work(holder);
        match holder.members.first_key_value() {
            Some((order, _)) => {
                self.by_weight
                    .insert((holder.weight, Reverse(*order), source));
            }
            None => {
                self.holders.remove(&source);
            }
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
    fn who_holds_the_most_gives_its_oldest() {
        let mut shares = Shares::default();
        let alone = shares.enter(source(1), 100, Rank::Silent, 1);
        let mut flood: Vec<_> = (0..50)
            .map(|n| shares.enter(source(2), n, Rank::Silent, 1))
            .collect();
        assert_eq!(shares.total(), 51);
        // One of the flood's own that has begun to ask stays, old as it is.
        shares.change(&mut flood[0], source(2), Rank::Asking, 1);
        for expected in (1..50).rev().collect::<Vec<_>>().into_iter().rev() {
            let (index, from) = shares.first().unwrap();
            assert_eq!((index, from), (expected, source(2)));
            let ticket = flood.remove(1);
            shares.leave(ticket);
        }
        // Of two that hold one each, the less worthy.
        assert_eq!(shares.first(), Some((100, source(1))));
        shares.leave(alone);
        assert_eq!(shares.first(), Some((0, source(2))));
        shares.leave(flood.remove(0));
        assert_eq!((shares.first(), shares.total()), (None, 0));
        assert!(shares.holders.is_empty() && shares.by_weight.is_empty());
    }

    #[test]
    fn among_many_that_hold_alike_the_oldest_gives_whatever_its_address() {
        let mut shares = Shares::default();
        let _tickets: Vec<_> = [7, 3, 200, 5]
            .into_iter()
            .enumerate()
            .map(|(index, n)| shares.enter(source(n), index, Rank::Silent, 1))
            .collect();
        assert_eq!(shares.first(), Some((0, source(7))));
    }

    #[test]
    fn weights_move_with_their_holders() {
        let mut shares = Shares::default();
        let mut large = shares.enter(source(1), 1, Rank::Served, 10);
        let mut small = shares.enter(source(2), 2, Rank::Served, 20);
        assert_eq!(shares.first(), Some((2, source(2))));
        shares.change(&mut large, source(1), Rank::Served, 1 << 20);
        assert_eq!(shares.first(), Some((1, source(1))));
        assert_eq!(shares.total(), (1 << 20) + 20);
        shares.change(&mut large, source(1), Rank::Served, 1);
        assert_eq!(shares.first(), Some((2, source(2))));
        shares.change(&mut small, source(3), Rank::Kept, 0);
        assert_eq!(shares.first(), Some((1, source(1))));
        assert_eq!(shares.total(), 1);
        shares.leave(large);
        shares.leave(small);
        assert!(shares.holders.is_empty() && shares.by_weight.is_empty());
    }
}
