//! Devices of one kind: each has a name and the same set of series.
//!
//! The kernel lists devices in the same order every time, so the row that is
//! next is nearly always the right one and finding it costs one comparison.

use super::limits::{GONE_SAMPLES, GONE_SAMPLES_MAX, IGNORED_MAX};
use crate::sample::{Sample, Slot};

/// What else a row keeps: series that not every device has.
pub trait Extra: Default {
    fn release(self, sample: &mut Sample);
}

impl Extra for () {
    fn release(self, _sample: &mut Sample) {}
}

/// How well a name must be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// What is found out is remembered.
    Thorough,
    /// Too many names to remember: by the name alone.
    Brief,
}

pub struct Table<const N: usize, X = ()> {
    subject: &'static str,
    label: &'static str,
    names: &'static [&'static str; N],
    shown_max: usize,
    rows: Vec<Row<N, X>>,
    shown: usize,
    /// Where the search for the next name begins.
    next: usize,
    now: u64,
    over: u64,
    /// Whether a row was made or given up since [`Table::begin`].
    changed: bool,
    left_out: LeftOut,
}

struct Row<const N: usize, X> {
    name: Box<[u8]>,
    place: Place<N, X>,
    seen: u64,
}

enum Place<const N: usize, X> {
    /// Known and not reported.
    Ignored,
    /// There is no room; lower ranks go first.
    Over(u8),
    Shown(Shown<N, X>),
}

/// A device that is reported.
pub struct Shown<const N: usize, X> {
    pub slots: [Slot; N],
    pub extra: X,
    rank: u8,
    /// Another device has its names once they are made text.
    is_twin: bool,
}

impl<const N: usize, X: Extra> Table<N, X> {
    pub fn new(
        subject: &'static str,
        label: &'static str,
        names: &'static [&'static str; N],
        shown_max: usize,
    ) -> Self {
        Self {
            subject,
            label,
            names,
            shown_max,
            rows: Vec::new(),
            shown: 0,
            next: 0,
            now: 0,
            over: 0,
            changed: false,
            left_out: LeftOut::default(),
        }
    }

    pub fn begin(&mut self) {
        self.now += 1;
        self.next = 0;
        self.over = 0;
        self.changed = false;
    }

    /// The row of the device `name`, or `None` when it is not reported. `judge`
    /// gives the rank of a name that is seen for the first time: where there is
    /// no room for all, those with a lower one are reported. `None`: never.
    pub fn row(
        &mut self,
        name: &[u8],
        sample: &mut Sample,
        judge: impl FnOnce(Look) -> Option<u8>,
    ) -> Option<&mut Shown<N, X>> {
        if let Some(index) = self.position(name) {
            self.next = index + 1;
            let row = &mut self.rows[index];
            // The same name twice: the first one counts.
            if std::mem::replace(&mut row.seen, self.now) == self.now {
                return None;
            }
            if let Place::Over(rank) = row.place {
                if !self.make_room(rank, sample) {
                    self.over += 1;
                    return None;
                }
                // Making room may have moved it.
                let index = self.rows.iter().position(|row| *row.name == *name)?;
                self.next = index + 1;
                self.rows[index].place = self.show(name, rank, sample);
                return self.shown_at(index);
            }
            return self.shown_at(index);
        }
        let remembered = self.rows.len() - self.shown < IGNORED_MAX;
        let look = match self.shown < self.shown_max || remembered {
            true => Look::Thorough,
            false => Look::Brief,
        };
        let Some(rank) = judge(look) else {
            if remembered {
                self.push(name, Place::Ignored);
            }
            return None;
        };
        if !self.make_room(rank, sample) {
            self.over += 1;
            if remembered {
                self.push(name, Place::Over(rank));
            }
            return None;
        }
        let place = self.show(name, rank, sample);
        self.push(name, place);
        self.shown_at(self.rows.len() - 1)
    }

    /// Whether the device `name` is reported.
    pub fn is_shown(&self, name: &[u8]) -> bool {
        let is = |row: &Row<N, X>| *row.name == *name;
        let found = self.rows.iter().find(|row| is(row));
        found.is_some_and(|row| matches!(row.place, Place::Shown(_)))
    }

    /// The devices that were seen in this sample and are reported.
    pub fn shown(&mut self) -> impl Iterator<Item = (&[u8], &mut Shown<N, X>)> {
        let now = self.now;
        self.rows
            .iter_mut()
            .filter_map(move |row| match &mut row.place {
                Place::Shown(shown) if row.seen == now => Some((&*row.name, shown)),
                _ => None,
            })
    }

    /// Whether other devices are reported than in the sample before.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// Lets go of devices that are long gone, and says how many were left out.
    pub fn end(&mut self, sample: &mut Sample) {
        let bound = if sample.is_changed() {
            GONE_SAMPLES
        } else {
            GONE_SAMPLES_MAX
        };
        let oldest = self.now.saturating_sub(bound);
        let mut index = 0;
        while index < self.rows.len() {
            if self.rows[index].seen < oldest {
                self.remove(index, sample);
            } else {
                index += 1;
            }
        }
        self.left_out.set(self.subject, self.over, sample);
    }

    fn position(&self, name: &[u8]) -> Option<usize> {
        let is = |row: &Row<N, X>| *row.name == *name;
        if self.rows.get(self.next).is_some_and(is) {
            return Some(self.next);
        }
        // With all rows full and seen, a further name can only be one too many.
        if self.over > 0 && self.next == self.rows.len() {
            return None;
        }
        self.rows.iter().position(is)
    }

    fn shown_at(&mut self, index: usize) -> Option<&mut Shown<N, X>> {
        match &mut self.rows[index].place {
            Place::Shown(shown) => {
                self.over += u64::from(shown.is_twin);
                Some(shown)
            }
            _ => None,
        }
    }

    fn show(&mut self, name: &[u8], rank: u8, sample: &mut Sample) -> Place<N, X> {
        let text = String::from_utf8_lossy(name);
        let label = [(self.label, &*text)];
        self.shown += 1;
        self.changed = true;
        let slots = self.names.map(|series| sample.slot(series, &label));
        Place::Shown(Shown {
            is_twin: slots.iter().any(Slot::is_dead),
            slots,
            extra: X::default(),
            rank,
        })
    }

    fn push(&mut self, name: &[u8], place: Place<N, X>) {
        self.rows.push(Row {
            name: name.into(),
            place,
            seen: self.now,
        });
        self.next = self.rows.len();
    }

    /// Makes room by letting go of a device that was away last time as well, or
    /// of one that is less important than `rank`.
    fn make_room(&mut self, rank: u8, sample: &mut Sample) -> bool {
        if self.shown < self.shown_max {
            return true;
        }
        let is_shown = |row: &Row<N, X>| matches!(row.place, Place::Shown(_));
        let away = |row: &Row<N, X>| is_shown(row) && row.seen + 1 < self.now;
        if let Some(index) = self.rows.iter().position(away) {
            self.remove(index, sample);
            return true;
        }
        let rank_of = |row: &Row<N, X>| match &row.place {
            Place::Shown(shown) => shown.rank,
            _ => 0,
        };
        let last = (0..self.rows.len()).max_by_key(|&index| rank_of(&self.rows[index]));
        let Some(index) = last.filter(|&index| rank_of(&self.rows[index]) > rank) else {
            return false;
        };
        let row = &mut self.rows[index];
        let theirs = rank_of(row);
        self.over += u64::from(row.seen == self.now);
        if let Place::Shown(shown) = std::mem::replace(&mut row.place, Place::Over(theirs)) {
            self.give_up(shown, sample);
        }
        true
    }

    fn remove(&mut self, index: usize, sample: &mut Sample) {
        let row = self.rows.remove(index);
        // Whoever comes next has moved with the others.
        self.next -= usize::from(index < self.next);
        if let Place::Shown(shown) = row.place {
            self.give_up(shown, sample);
        }
    }

    fn give_up(&mut self, shown: Shown<N, X>, sample: &mut Sample) {
        self.shown -= 1;
        self.changed = true;
        for slot in shown.slots {
            sample.release(slot);
        }
        shown.extra.release(sample);
    }
}

/// The series that says how many devices are over a bound. Absent while none is.
#[derive(Default)]
pub struct LeftOut {
    slot: Option<Slot>,
}

impl LeftOut {
    pub fn set(&mut self, subject: &str, count: u64, sample: &mut Sample) {
        if count == 0 {
            return;
        }
        let slot = self
            .slot
            .get_or_insert_with(|| sample.slot("spider.left_out", &[("subject", subject)]));
        sample.set(slot, i64::try_from(count).ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 1] = ["net.rx_bytes"];

    fn collect(table: &mut Table<1, ()>, sample: &mut Sample, names: &[&str]) {
        sample.begin();
        table.begin();
        for (value, name) in (1..).zip(names) {
            let judge = |_| (!name.starts_with("no")).then_some(name.len() as u8);
            if let Some(row) = table.row(name.as_bytes(), sample, judge) {
                sample.set(&row.slots[0], Some(value));
            }
        }
        table.end(sample);
        sample.end();
    }

    fn value(sample: &Sample, name: &str) -> Option<i64> {
        sample.value(&format!("net.rx_bytes{{iface={name}}}"))
    }

    #[test]
    fn each_device_has_its_row_in_any_order() {
        let mut table = Table::<1, ()>::new("net", "iface", &NAMES, 4);
        let mut sample = Sample::default();
        collect(&mut table, &mut sample, &["a", "no1", "b"]);
        collect(&mut table, &mut sample, &["b", "a", "no1", "a"]);
        assert_eq!(value(&sample, "a"), Some(2));
        assert_eq!(value(&sample, "b"), Some(1));
        assert_eq!(sample.series().len(), 2);
        assert_eq!(sample.generation(), 1);
        collect(&mut table, &mut sample, &["b"]);
        assert_eq!(value(&sample, "a"), None);
    }

    #[test]
    fn what_is_over_the_bound_is_counted() {
        let mut table = Table::<1, ()>::new("net", "iface", &NAMES, 2);
        let mut sample = Sample::default();
        let left_out = |sample: &Sample| sample.value("spider.left_out{subject=net}");
        collect(&mut table, &mut sample, &["a", "b"]);
        assert_eq!(left_out(&sample), None);
        collect(&mut table, &mut sample, &["a", "b", "c", "d", "e"]);
        assert_eq!(left_out(&sample), Some(3));
        collect(&mut table, &mut sample, &["b", "a"]);
        assert_eq!(left_out(&sample), None);
        assert_eq!(value(&sample, "a"), Some(2));
        // One that has been away makes room.
        collect(&mut table, &mut sample, &["b"]);
        collect(&mut table, &mut sample, &["b", "c"]);
        assert_eq!(value(&sample, "c"), Some(2));
        assert!(!sample.series().iter().any(|s| s.key.contains("=a")));
    }

    #[test]
    fn what_is_important_has_room_wherever_it_stands() {
        let mut table = Table::<1, ()>::new("net", "iface", &NAMES, 3);
        let mut sample = Sample::default();
        let left_out = |sample: &Sample| sample.value("spider.left_out{subject=net}");
        let names = ["long1", "long2", "long3", "long4", "a", "mid", "long5"];
        for generation in [1, 1, 1] {
            collect(&mut table, &mut sample, &names);
            assert_eq!(value(&sample, "a"), Some(5));
            assert_eq!(value(&sample, "mid"), Some(6));
            assert_eq!(value(&sample, "long1"), Some(1));
            assert_eq!(
                (left_out(&sample), sample.generation()),
                (Some(4), generation)
            );
        }
        // Those that had no room are shown when there is some.
        for _ in 0..3 {
            collect(&mut table, &mut sample, &["long4", "mid"]);
        }
        assert_eq!(value(&sample, "long4"), Some(1));
        assert_eq!((left_out(&sample), value(&sample, "a")), (None, None));
    }

    #[test]
    fn a_device_that_is_long_gone_leaves_the_layout() {
        let mut table = Table::<1, ()>::new("net", "iface", &NAMES, 2);
        let mut sample = Sample::default();
        collect(&mut table, &mut sample, &["a", "b"]);
        for _ in 0..GONE_SAMPLES_MAX {
            collect(&mut table, &mut sample, &["a"]);
        }
        assert_eq!((sample.series().len(), sample.generation()), (2, 1));
        collect(&mut table, &mut sample, &["a"]);
        assert_eq!((sample.series().len(), sample.generation()), (1, 2));
        assert_eq!(value(&sample, "a"), Some(1));
    }
}
