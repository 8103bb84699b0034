//! One copy of each layout, however many Spiders announce it.
//!
//! Machines of one kind send the same list of series, and it is the largest
//! thing that is kept of a connection. Bounded by the layouts in use: those
//! that nobody uses any more are dropped when the table has doubled.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use sha2::{Digest, Sha256};
use stardust_shared::{Layout, WireError};

const KEPT_MIN: usize = 64;

#[derive(Default)]
pub struct Layouts {
    /// By the SHA-256 of the message: no Spider can make another's its own.
    known: HashMap<[u8; 32], Weak<Layout>>,
    /// Size at which unused ones are dropped.
    full: usize,
}

impl Layouts {
    /// The layout of a message's body (what follows its kind byte).
    pub fn decode(&mut self, body: &[u8]) -> Result<Arc<Layout>, WireError> {
        let hash: [u8; 32] = Sha256::digest(body).into();
        if let Some(layout) = self.known.get(&hash).and_then(Weak::upgrade) {
            return Ok(layout);
        }
        let layout = Arc::new(Layout::decode(body)?);
        if self.known.len() >= self.full {
            self.known.retain(|_, layout| layout.strong_count() > 0);
            self.full = KEPT_MIN.max(self.known.len() * 2);
        }
        self.known.insert(hash, Arc::downgrade(&layout));
        Ok(layout)
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
}
