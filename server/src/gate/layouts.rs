//! One copy of each layout, however many Spiders announce it.
//!
//! Machines of one kind send the same list of series, and it is the largest
//! thing that is kept of a connection. All that the server holds of them comes from
//! here: of connections, of the live fleet, of samples on their way to the database.
//! So here their bytes are bounded, all together ([`LAYOUTS_BYTES_MAX`]); those that
//! nobody uses any more are dropped when the table has doubled, or when it is full.
//!
//! One that came as the difference to another is the same as if it had come whole: at
//! its next session the node sends it so.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use sha2::{Digest, Sha256};
use stardust_shared::layout::Change;
use stardust_shared::{Layout, WireError};

use super::limits::LAYOUTS_BYTES_MAX;

const KEPT_MIN: usize = 64;
const MESSAGE_BYTES_KEPT: usize = 16 << 10;
/// Looking through all of them is worth it when one in so many was added since, or
/// asked for in vain.
const LOOK_SHARE: usize = 16;

pub struct Layouts {
    /// By the SHA-256 of the message: no Spider can make another's its own.
    known: HashMap<[u8; 32], (Weak<Layout>, usize)>,
    /// Size at which unused ones are dropped.
    full: usize,
    /// Bytes of all in `known`: at the most what is held.
    bytes: usize,
    bytes_max: usize,
    /// Bytes that were held when that was looked at, and how many were refused since.
    looked_bytes: usize,
    refused: usize,
    /// The message that is hashed.
    message: Vec<u8>,
}

/// Why there is no layout of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    Wire(WireError),
    /// All together take too much memory.
    Full,
}

impl Default for Layouts {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            full: 0,
            bytes: 0,
            bytes_max: LAYOUTS_BYTES_MAX,
            looked_bytes: 0,
            refused: 0,
            message: Vec::new(),
        }
    }
}

impl Layouts {
    /// The layout of a message's body (what follows its kind byte).
    pub fn decode(&mut self, body: &[u8]) -> Result<Arc<Layout>, Unusable> {
        let hash = Sha256::digest(body).into();
        if let Some(layout) = self.known(&hash) {
            return Ok(layout);
        }
        let layout = Layout::decode(body).map_err(Unusable::Wire)?;
        self.keep(hash, layout)
    }

    /// The layout that a change (what follows its kind byte) makes of `base`.
    pub fn change(
        &mut self,
        base: &Layout,
        body: &[u8],
    ) -> Result<(Arc<Layout>, Change), Unusable> {
        let change = Change::decode(base, body).map_err(Unusable::Wire)?;
        let layout = change.apply(base);
        self.message.clear();
        layout.encode(&mut self.message);
        let hash = Sha256::digest(&self.message[1..]).into();
        // Few are long.
        self.message.shrink_to(MESSAGE_BYTES_KEPT);
        let layout = match self.known(&hash) {
            Some(known) => known,
            None => self.keep(hash, layout)?,
        };
        Ok((layout, change))
    }

    fn known(&self, hash: &[u8; 32]) -> Option<Arc<Layout>> {
        let (layout, _) = self.known.get(hash)?;
        layout.upgrade()
    }

    fn keep(&mut self, hash: [u8; 32], layout: Layout) -> Result<Arc<Layout>, Unusable> {
        let bytes = layout.memory_bytes();
        let is_over = self.bytes + bytes > self.bytes_max;
        if self.known.len() >= self.full || (is_over && self.is_worth_a_look()) {
            self.forget_unused();
        }
        if self.bytes + bytes > self.bytes_max {
            self.refused += 1;
            return Err(Unusable::Full);
        }
        let layout = Arc::new(layout);
        let before = self.known.insert(hash, (Arc::downgrade(&layout), bytes));
        self.bytes += bytes;
        self.bytes -= before.map_or(0, |(_, bytes)| bytes);
        Ok(layout)
    }

    fn is_worth_a_look(&self) -> bool {
        let added_bytes = self.bytes - self.looked_bytes.min(self.bytes);
        added_bytes >= self.bytes_max / LOOK_SHARE || self.refused >= self.known.len() / LOOK_SHARE
    }

    fn forget_unused(&mut self) {
        self.known
            .retain(|_, (layout, _)| layout.strong_count() > 0);
        self.full = KEPT_MIN.max(self.known.len() * 2);
        self.bytes = self.known.values().map(|(_, bytes)| bytes).sum();
        (self.looked_bytes, self.refused) = (self.bytes, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_shared::SeriesDef;

    fn body(id: u64, name: &str) -> Vec<u8> {
        let mut message = Vec::new();
        Layout::new(id, vec![SeriesDef::new(name, &[])]).encode(&mut message);
        message.split_off(1)
    }

    #[test]
    fn equal_layouts_are_one_and_unused_ones_go() {
        let mut layouts = Layouts::default();
        let first = layouts.decode(&body(1, "a")).unwrap();
        let again = layouts.decode(&body(1, "a")).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        // The number is part of it: deltas refer to it.
        let other = layouts.decode(&body(2, "a")).unwrap();
        assert!(!Arc::ptr_eq(&first, &other));
        assert_eq!((first.id(), other.id()), (1, 2));
        assert!(layouts.decode(&[1]).is_err());
        for n in 0..10_000 {
            layouts.decode(&body(1, &format!("s{n}"))).unwrap();
        }
        assert!(layouts.known.len() <= 2 * KEPT_MIN);
        assert!(Arc::ptr_eq(&first, &layouts.decode(&body(1, "a")).unwrap()));
    }

    #[test]
    fn one_that_was_changed_is_the_same_as_one_that_came_whole() {
        let mut layouts = Layouts::default();
        let base = layouts.decode(&body(1, "a")).unwrap();
        let series = [base.series(), &[SeriesDef::new("b", &[])]].concat();
        let mut message = Vec::new();
        let change = Change::between(&base, 2, &series).unwrap();
        change.encode(&base, &mut message);
        let (changed, _) = layouts.change(&base, &message[1..]).unwrap();
        let mut whole = Vec::new();
        Layout::new(2, series).encode(&mut whole);
        let again = layouts.decode(&whole[1..]).unwrap();
        assert!(Arc::ptr_eq(&changed, &again));
        // What it takes decoded counts, and not its few bytes.
        assert_eq!(layouts.bytes, base.memory_bytes() + changed.memory_bytes());
        layouts.bytes_max = layouts.bytes;
        let series = [SeriesDef::new("b", &[]), SeriesDef::new("c", &[])];
        let change = Change::between(&again, 3, &series).unwrap();
        message.clear();
        change.encode(&again, &mut message);
        let refused = layouts.change(&again, &message[1..]);
        assert_eq!(refused.unwrap_err(), Unusable::Full);
    }

    #[test]
    fn all_together_are_bounded_and_room_comes_back() {
        let one = Layout::decode(&body(1, "s1")).unwrap().memory_bytes();
        let mut layouts = Layouts {
            bytes_max: 100 * (one + 2),
            ..Layouts::default()
        };
        let mut held: Vec<_> = (10..110)
            .map(|n| layouts.decode(&body(1, &format!("s{n}"))).unwrap())
            .collect();
        let more = |layouts: &mut Layouts, n: usize| layouts.decode(&body(1, &format!("s{n}")));
        assert!((200..260).all(|n| more(&mut layouts, n) == Err(Unusable::Full)));
        // One that is there already takes nothing.
        assert!(Arc::ptr_eq(&held[7], &more(&mut layouts, 17).unwrap()));
        held.truncate(10);
        // It need not be looked at for each that is asked for.
        let refused = (300..).take_while(|n| more(&mut layouts, *n).is_err());
        assert!(refused.count() <= 100 / LOOK_SHARE);
        assert!(layouts.bytes <= 12 * (one + 2), "{}", layouts.bytes);
        // What comes and goes never fills it.
        assert!((1_000..9_000).all(|n| more(&mut layouts, n).is_ok()));
    }
}
