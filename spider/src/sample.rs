//! One sample: the series of this machine and their values of the moment.
//!
//! A collector registers a series once and keeps the [`Slot`]; from then on a
//! sample is a store per value. Nothing is allocated unless the set of series
//! changes, and then [`Sample::generation`] grows, so that the link can tell.
//!
//! Values are kept in *layout order*: series that change in every sample come
//! first and those that hardly ever change come last. The wire says in two
//! levels of bits which groups of eight changed, so this order is what keeps
//! a delta short. Series that come later follow those that are there, in the same order
//! among themselves: a list that only loses some and gains some at its end is told in a
//! few bytes, and the values of what stays go on.

use stardust_shared::limits::{LAYOUT_KEYS_BYTES_MAX, SERIES_MAX};
use stardust_shared::{ABSENT, SeriesDef};

use crate::{clock, series_order};

/// Handle of one registered series. Not `Clone`: whoever holds it owns the series.
#[derive(Debug)]
pub struct Slot(u32);

/// A slot without a series: the key is taken.
const DEAD: u32 = u32::MAX;
/// The same, since there was no room for one.
const NO_ROOM: u32 = u32::MAX - 1;

/// Room for the series that say what was left out.
const KEYS_BYTES_RESERVED: usize = 1 << 10;
const LEFT_OUT: &str = "spider.left_out";

#[derive(Debug, Default)]
pub struct Sample {
    /// In layout order, as `values`.
    series: Vec<SeriesDef>,
    values: Vec<i64>,
    /// Which slot is at each place of `series`.
    slots: Vec<u32>,
    /// So many of these are in layout order; the others came in this collection.
    placed: usize,
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// Counts registrations: within a rank the order is that of arrival.
    arrivals: u64,
    generation: u64,
    changed: bool,
    boot_ms: i64,
    refused: u32,
    /// Slots that somebody holds and there was no room for.
    missing: u32,
    /// Of all keys.
    keys_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    place: u32,
    rank: u8,
    arrival: u64,
    released: bool,
}

impl Slot {
    /// Whether it got no series of its own, and ignores values.
    pub fn is_dead(&self) -> bool {
        self.0 == DEAD
    }
}

impl Sample {
    /// Starts a collection: every value is absent until it is set.
    pub fn begin(&mut self) {
        self.values.fill(ABSENT);
        self.boot_ms = clock::boot_ms();
    }

    /// Ends a collection: brings a changed set of series into layout order.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.reorder();
            self.generation += 1;
        }
    }

    /// Registers the series `name` with `labels`.
    ///
    /// A key that is taken (two devices whose names are the same once they are
    /// made valid text) or one series too many gives a slot that ignores values.
    pub fn slot(&mut self, name: &str, labels: &[(&str, &str)]) -> Slot {
        let def = SeriesDef::new(name, labels);
        let taken = self.series.iter().position(|s| s.key == def.key);
        // Given up in this collection and wanted again.
        if let Some(place) = taken
            && let Some(entry) = self.entries.get_mut(self.slots[place] as usize)
            && entry.released
        {
            entry.released = false;
            return Slot(self.slots[place]);
        }
        let reserved = if name == LEFT_OUT {
            0
        } else {
            KEYS_BYTES_RESERVED
        };
        let is_full = self.series.len() >= SERIES_MAX
            || self.keys_bytes + def.key.len() + reserved > LAYOUT_KEYS_BYTES_MAX;
        if is_full || taken.is_some() {
            self.refused = self.refused.saturating_add(1);
            self.missing = self.missing.saturating_add(u32::from(is_full));
            return Slot(if is_full { NO_ROOM } else { DEAD });
        }
        self.keys_bytes += def.key.len();
        self.arrivals += 1;
        let entry = Entry {
            place: self.series.len() as u32,
            rank: series_order::rank(name, !labels.is_empty()),
            arrival: self.arrivals,
            released: false,
        };
        let index = match self.free.pop() {
            Some(index) => {
                self.entries[index as usize] = entry;
                index
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        };
        self.series.push(def);
        self.values.push(ABSENT);
        self.slots.push(index);
        self.changed = true;
        Slot(index)
    }

    /// Sets the value of this sample; `None` leaves it absent.
    pub fn set(&mut self, slot: &Slot, value: Option<i64>) {
        if let (Some(value), Some(entry)) = (value, self.entries.get(slot.0 as usize)) {
            self.values[entry.place as usize] = value;
        }
    }

    /// Gives a series up: it leaves the layout at the end of this collection.
    pub fn release(&mut self, slot: Slot) {
        if let Some(entry) = self.entries.get_mut(slot.0 as usize) {
            entry.released = true;
            self.changed = true;
        } else if slot.0 == NO_ROOM {
            self.missing = self.missing.saturating_sub(1);
        }
    }

    /// Whether this collection has already changed the set of series.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// The series, in layout order.
    pub fn series(&self) -> &[SeriesDef] {
        &self.series
    }

    /// The values, in layout order; [`ABSENT`] where there is none.
    pub fn values(&self) -> &[i64] {
        &self.values
    }

    /// Grows whenever [`Self::series`] changes. 0 before the first collection.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// When the collection began, on the clock of [`clock::boot_ms`].
    pub fn boot_ms(&self) -> i64 {
        self.boot_ms
    }

    /// How many series were asked for and had no room or no name of their own.
    pub fn refused(&self) -> u32 {
        self.refused
    }

    /// How many series there is no room for now.
    pub fn missing(&self) -> u32 {
        self.missing
    }

    /// The value of the series with this key, for tests and for showing.
    pub fn value(&self, key: &str) -> Option<i64> {
        let place = self.series.iter().position(|s| &*s.key == key)?;
        (self.values[place] != ABSENT).then_some(self.values[place])
    }

    fn reorder(&mut self) {
        let mut order: Vec<u32> = Vec::with_capacity(self.slots.len());
        let mut placed = 0;
        for (place, &slot) in self.slots.iter().enumerate() {
            if self.entries[slot as usize].released {
                self.free.push(slot);
            } else {
                order.push(slot);
                placed += usize::from(place < self.placed);
            }
        }
        self.placed = order.len();
        // What is 0 has mostly never moved: interfaces without a cable, errors.
        order[placed..].sort_unstable_by_key(|&slot| {
            let entry = &self.entries[slot as usize];
            let is_zero = self.values[entry.place as usize] == 0;
            (is_zero, entry.rank, entry.arrival)
        });
        let mut series = Vec::with_capacity(order.len());
        let mut values = Vec::with_capacity(order.len());
        for (place, &slot) in order.iter().enumerate() {
            let entry = &mut self.entries[slot as usize];
            let old = entry.place as usize;
            entry.place = place as u32;
            let nothing = SeriesDef::new("", &[]);
            series.push(std::mem::replace(&mut self.series[old], nothing));
            values.push(self.values[old]);
        }
        self.keys_bytes = series.iter().map(|series| series.key.len()).sum();
        self.series = series;
        self.values = values;
        self.slots = order;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(sample: &Sample) -> Vec<&str> {
        sample.series().iter().map(|s| &*s.key).collect()
    }

    #[test]
    fn values_follow_their_series_into_layout_order() {
        let mut sample = Sample::default();
        sample.begin();
        let errors = sample.slot("net.rx_errors", &[("iface", "eth0")]);
        let bytes = sample.slot("net.rx_bytes", &[("iface", "eth0")]);
        sample.set(&errors, Some(7));
        sample.set(&bytes, Some(8));
        sample.end();
        assert_eq!(
            keys(&sample),
            ["net.rx_bytes{iface=eth0}", "net.rx_errors{iface=eth0}"]
        );
        assert_eq!(sample.values(), [8, 7]);
        assert_eq!(sample.generation(), 1);

        sample.begin();
        sample.set(&errors, Some(9));
        sample.set(&bytes, None);
        sample.end();
        assert_eq!(sample.values(), [ABSENT, 9]);
        assert_eq!(sample.generation(), 1);
    }

    #[test]
    fn what_never_moved_stands_last() {
        let mut sample = Sample::default();
        sample.begin();
        for (iface, value) in [("idle", 0), ("busy", 5)] {
            let slot = sample.slot("net.rx_bytes", &[("iface", iface)]);
            sample.set(&slot, Some(value));
        }
        let errors = sample.slot("net.rx_errors", &[("iface", "busy")]);
        sample.set(&errors, Some(1));
        sample.end();
        assert_eq!(
            keys(&sample),
            [
                "net.rx_bytes{iface=busy}",
                "net.rx_errors{iface=busy}",
                "net.rx_bytes{iface=idle}",
            ]
        );
        assert_eq!(sample.values(), [5, 1, 0]);
    }

    #[test]
    fn what_comes_later_follows_what_is_there() {
        let mut sample = Sample::default();
        sample.begin();
        let mut slots: Vec<Slot> = ["net.rx_errors", "net.rx_bytes", "mem.free_bytes"]
            .map(|name| sample.slot(name, &[("iface", "a")]))
            .into();
        slots.iter().for_each(|slot| sample.set(slot, Some(1)));
        sample.end();
        sample.begin();
        let more =
            ["net.rx_errors", "net.rx_bytes"].map(|name| sample.slot(name, &[("iface", "b")]));
        more.iter().for_each(|slot| sample.set(slot, Some(1)));
        sample.release(slots.remove(1));
        sample.end();
        assert_eq!(
            keys(&sample),
            [
                "mem.free_bytes{iface=a}",
                "net.rx_errors{iface=a}",
                "net.rx_bytes{iface=b}",
                "net.rx_errors{iface=b}",
            ]
        );
        assert_eq!(sample.values(), [ABSENT, ABSENT, 1, 1]);
    }

    #[test]
    fn a_released_slot_leaves_and_its_number_is_used_again() {
        let mut sample = Sample::default();
        sample.begin();
        let a = sample.slot("net.rx_bytes", &[("iface", "a")]);
        let b = sample.slot("net.rx_bytes", &[("iface", "b")]);
        sample.end();
        sample.begin();
        sample.release(a);
        sample.set(&b, Some(2));
        sample.end();
        assert_eq!(keys(&sample), ["net.rx_bytes{iface=b}"]);
        assert_eq!(sample.values(), [2]);
        sample.begin();
        let c = sample.slot("net.rx_bytes", &[("iface", "c")]);
        sample.set(&c, Some(3));
        sample.set(&b, Some(4));
        sample.end();
        assert_eq!(sample.value("net.rx_bytes{iface=b}"), Some(4));
        assert_eq!(sample.value("net.rx_bytes{iface=c}"), Some(3));
        assert_eq!(sample.value("net.rx_bytes{iface=a}"), None);
        assert_eq!((sample.entries.len(), sample.generation()), (2, 3));
    }

    #[test]
    fn a_series_that_was_given_up_can_be_had_again_at_once() {
        let mut sample = Sample::default();
        sample.begin();
        let slot = sample.slot("net.up", &[("iface", "a")]);
        sample.end();
        sample.begin();
        sample.release(slot);
        let again = sample.slot("net.up", &[("iface", "a")]);
        sample.set(&again, Some(1));
        sample.end();
        assert_eq!(sample.value("net.up{iface=a}"), Some(1));
        assert_eq!((sample.series().len(), sample.refused()), (1, 0));
    }

    #[test]
    fn a_taken_key_and_a_full_layout_give_slots_that_ignore_values() {
        let mut sample = Sample::default();
        sample.begin();
        let first = sample.slot("mem.free_bytes", &[]);
        let twin = sample.slot("mem.free_bytes", &[]);
        sample.set(&first, Some(1));
        sample.set(&twin, Some(2));
        assert_eq!(sample.value("mem.free_bytes"), Some(1));
        for n in 1..SERIES_MAX {
            sample.slot("x", &[("n", &n.to_string())]);
        }
        assert_eq!((sample.series().len(), sample.refused()), (SERIES_MAX, 1));
        let extra = sample.slot("y", &[]);
        sample.set(&extra, Some(3));
        sample.release(extra);
        sample.end();
        assert_eq!((sample.series().len(), sample.refused()), (SERIES_MAX, 2));
        assert_eq!(sample.value("mem.free_bytes"), Some(1));
    }

    #[test]
    fn keys_together_have_a_bound_and_room_for_saying_so() {
        let mut sample = Sample::default();
        sample.begin();
        let long = "v".repeat(90);
        let slot = |sample: &mut Sample, n: usize| {
            let labels = [("a", &*long), ("b", &*long), ("n", &*format!("{n:05}"))];
            sample.slot("x", &labels)
        };
        let mut slots: Vec<Slot> = (0..3_000).map(|n| slot(&mut sample, n)).collect();
        let left_out = sample.slot(LEFT_OUT, &[("subject", "series")]);
        sample.set(&left_out, Some(i64::from(sample.missing())));
        sample.end();
        let keys: usize = sample.series().iter().map(|s| s.key.len()).sum();
        assert!(keys <= LAYOUT_KEYS_BYTES_MAX && keys > LAYOUT_KEYS_BYTES_MAX - 2_048);
        let missing = 3_001 - sample.series().len() as i64;
        let value = sample.value("spider.left_out{subject=series}");
        assert_eq!(value, Some(missing));
        // What goes makes room.
        sample.begin();
        for slot in slots.drain(..1_000) {
            sample.release(slot);
        }
        sample.end();
        sample.begin();
        assert!(slot(&mut sample, 5_000).0 < NO_ROOM);
    }
}
