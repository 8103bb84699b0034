//! A slab: things by their number, and by the slot in which they are.
//!
//! Whoever works on one of them thousands of times a second remembers its slot:
//! a search touches memory that is in no cache when the fleet is large.

use std::collections::BTreeMap;
use std::ops::RangeBounds;

use crate::prefetch;

/// Where something is kept. It may be gone: then nothing is found there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotKey {
    id: i64,
    slot: usize,
}

impl SlotKey {
    pub fn id(self) -> i64 {
        self.id
    }
}

#[derive(Debug)]
pub struct Slots<T> {
    slots: Vec<Option<(i64, Box<T>)>>,
    /// Slots that are empty.
    vacant: Vec<usize>,
    by_id: BTreeMap<i64, usize>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            vacant: Vec::new(),
            by_id: BTreeMap::new(),
        }
    }
}

impl<T> Slots<T> {
    pub fn place(&self, id: i64) -> Option<SlotKey> {
        let slot = *self.by_id.get(&id)?;
        Some(SlotKey { id, slot })
    }

    pub fn at(&self, place: SlotKey) -> Option<&T> {
        let (id, value) = self.slots.get(place.slot)?.as_ref()?;
        (*id == place.id).then_some(&**value)
    }

    pub fn at_mut(&mut self, place: SlotKey) -> Option<&mut T> {
        let (id, value) = self.slots.get_mut(place.slot)?.as_mut()?;
        (*id == place.id).then_some(&mut **value)
    }

    /// That it will be needed: asks for what says where it is.
    pub fn fetch_slot(&self, place: SlotKey) {
        prefetch::fetch_at(self.slots.as_ptr().wrapping_add(place.slot));
    }

    pub fn get(&self, id: i64) -> Option<&T> {
        self.at(self.place(id)?)
    }

    pub fn get_mut(&mut self, id: i64) -> Option<&mut T> {
        self.at_mut(self.place(id)?)
    }

    /// The slot of this number, which may be empty yet.
    fn slot(&mut self, id: i64) -> usize {
        *self.by_id.entry(id).or_insert_with(|| {
            self.vacant.pop().unwrap_or_else(|| {
                self.slots.push(None);
                self.slots.len() - 1
            })
        })
    }

    pub fn get_or_insert_with(&mut self, id: i64, value: impl FnOnce() -> T) -> (SlotKey, &mut T) {
        let slot = self.slot(id);
        let (_, value) = self.slots[slot].get_or_insert_with(|| (id, Box::new(value())));
        (SlotKey { id, slot }, value)
    }

    /// Takes the place of what had this number before.
    pub fn insert(&mut self, id: i64, value: T) -> SlotKey {
        let slot = self.slot(id);
        self.slots[slot] = Some((id, Box::new(value)));
        SlotKey { id, slot }
    }

    pub fn remove(&mut self, id: i64) -> Option<T> {
        let slot = self.by_id.remove(&id)?;
        let (_, value) = self.slots[slot].take()?;
        self.vacant.push(slot);
        Some(*value)
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// In the order of their numbers.
    pub fn range(&self, ids: impl RangeBounds<i64>) -> impl Iterator<Item = (i64, &T)> {
        let slots = self.by_id.range(ids);
        slots.filter_map(|(id, slot)| Some((*id, &*self.slots[*slot].as_ref()?.1)))
    }

    /// In the order of their numbers.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.range(..).map(|(_, value)| value)
    }

    /// In no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (i64, &mut T)> {
        let slots = self.slots.iter_mut().flatten();
        slots.map(|(id, value)| (*id, &mut **value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_finds_what_was_put_there_and_nothing_that_came_later() {
        let mut places = Slots::default();
        let first = places.insert(7, "seven");
        places.insert(3, "three");
        assert_eq!(
            (places.place(7), places.at(first)),
            (Some(first), Some(&"seven"))
        );
        assert_eq!(places.insert(7, "again"), first);
        assert_eq!(places.at_mut(first), Some(&mut "again"));
        assert_eq!(places.values().collect::<Vec<_>>(), [&"three", &"again"]);
        assert_eq!(places.range(4..).map(|(id, _)| id).collect::<Vec<_>>(), [7]);
        assert_eq!((places.remove(7), places.remove(7)), (Some("again"), None));
        // Its slot is used again, by another.
        let other = places.insert(9, "nine");
        assert_eq!(other.slot, first.slot);
        assert_eq!((places.at(first), places.at(other)), (None, Some(&"nine")));
        assert_eq!(
            (places.get(7), places.get(9), places.len()),
            (None, Some(&"nine"), 2)
        );
        let mut ids: Vec<i64> = places.iter_mut().map(|(id, _)| id).collect();
        ids.sort_unstable();
        assert_eq!(ids, [3, 9]);
    }
}
