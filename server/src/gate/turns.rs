//! Whose turn it is: each source has one, however many of its own wait. Pure.

use std::collections::{HashMap, VecDeque};

use super::source::Source;

#[derive(Debug, Default)]
pub struct Turns {
    waiting: HashMap<Source, VecDeque<usize>>,
    order: VecDeque<Source>,
    len: usize,
}

impl Turns {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn push(&mut self, source: Source, index: usize) {
        let own = self.waiting.entry(source).or_default();
        if own.is_empty() {
            self.order.push_back(source);
        }
        own.push_back(index);
        self.len += 1;
    }

    pub fn pop(&mut self) -> Option<(Source, usize)> {
        self.pop_if(|_| true)
    }

    /// The next one of a source that `may` have its turn.
    pub fn pop_if(&mut self, may: impl Fn(Source) -> bool) -> Option<(Source, usize)> {
        for _ in 0..self.order.len() {
            let source = self.order.pop_front()?;
            if !may(source) {
                self.order.push_back(source);
                continue;
            }
            let own = self.waiting.get_mut(&source)?;
            let index = own.pop_front()?;
            if own.is_empty() {
                self.waiting.remove(&source);
            } else {
                self.order.push_back(source);
            }
            self.len -= 1;
            return Some((source, index));
        }
        None
    }

    /// The last to come of the source with the most that wait.
    pub fn drop_longest(&mut self) -> Option<usize> {
        let longest = self.waiting.iter().max_by_key(|(_, own)| own.len());
        let source = *longest?.0;
        let own = self.waiting.get_mut(&source)?;
        let index = own.pop_back();
        if own.is_empty() {
            self.waiting.remove(&source);
            self.order.retain(|known| *known != source);
        }
        self.len -= 1;
        index
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
    fn one_that_waits_alone_is_next_whoever_came_before() {
        let mut turns = Turns::default();
        (0..100).for_each(|index| turns.push(source(1), index));
        turns.push(source(2), 200);
        turns.push(source(3), 300);
        let popped: Vec<_> = (0..5).filter_map(|_| turns.pop()).map(|(_, n)| n).collect();
        assert_eq!(popped, [0, 200, 300, 1, 2]);
        assert_eq!(turns.len(), 97);
        turns.push(source(2), 201);
        assert_eq!(turns.pop_if(|s| s != source(1)), Some((source(2), 201)));
        assert_eq!(turns.pop_if(|s| s != source(1)), None);
        turns.push(source(4), 400);
        assert_eq!(turns.drop_longest(), Some(99));
        while turns.pop().is_some() {}
        assert!(turns.is_empty() && turns.waiting.is_empty() && turns.order.is_empty());
        assert_eq!(turns.drop_longest(), None);
    }
}
