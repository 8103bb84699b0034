//! Devices of one kind: each has a name and the same set of series.
//!
//! The kernel lists devices in the same order every time, so the row that is
//! next is nearly always the right one and finding it costs one comparison.

use super::limits::{GONE_SAMPLES, GONE_SAMPLES_MAX, IGNORED_MAX};
use crate::sample::{Sample, Slot};

pub struct Table<const N: usize> {
    subject: &'static str,
    label: &'static str,
    names: &'static [&'static str; N],
    shown_max: usize,
    rows: Vec<Row<N>>,
    shown: usize,
    /// Where the search for the next name begins.
    next: usize,
    now: u64,
    over: u64,
    left_out: LeftOut,
}

struct Row<const N: usize> {
    name: Box<[u8]>,
    /// `None` for what is known and not reported.
    slots: Option<[Slot; N]>,
    seen: u64,
}

impl<const N: usize> Table<N> {
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
            left_out: LeftOut::default(),
        }
    }

    pub fn begin(&mut self) {
        self.now += 1;
        self.next = 0;
        self.over = 0;
    }

    /// The slots of the device `name`, or `None` when it is not reported.
    /// `wanted` decides about a name that is seen for the first time.
    pub fn row(
        &mut self,
        name: &[u8],
        sample: &mut Sample,
        wanted: impl FnOnce() -> bool,
    ) -> Option<&[Slot; N]> {
        if let Some(index) = self.position(name) {
            self.next = index + 1;
            let row = &mut self.rows[index];
            // The same name twice: the first one counts.
            if std::mem::replace(&mut row.seen, self.now) == self.now {
                return None;
            }
            return row.slots.as_ref();
        }
        if !wanted() {
            if self.rows.len() - self.shown < IGNORED_MAX {
                self.push(name, None);
            }
            return None;
        }
        if self.shown == self.shown_max && !self.evict(sample) {
            self.over += 1;
            return None;
        }
        let text = String::from_utf8_lossy(name);
        let slots = self
            .names
            .map(|series| sample.slot(series, &[(self.label, &text)]));
        self.push(name, Some(slots));
        self.rows.last()?.slots.as_ref()
    }

    /// Whether the device `name` is reported.
    pub fn is_shown(&self, name: &[u8]) -> bool {
        self.rows
            .iter()
            .any(|row| row.slots.is_some() && *row.name == *name)
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
        let is = |row: &Row<N>| *row.name == *name;
        if self.rows.get(self.next).is_some_and(is) {
            return Some(self.next);
        }
        // With all rows full and seen, a further name can only be one too many.
        if self.over > 0 && self.next == self.rows.len() {
            return None;
        }
        self.rows.iter().position(is)
    }

    fn push(&mut self, name: &[u8], slots: Option<[Slot; N]>) {
        self.shown += usize::from(slots.is_some());
        self.rows.push(Row {
            name: name.into(),
            slots,
            seen: self.now,
        });
        self.next = self.rows.len();
    }

    /// Makes room by letting go of a device that was away last time as well.
    fn evict(&mut self, sample: &mut Sample) -> bool {
        let away = |row: &Row<N>| row.slots.is_some() && row.seen + 1 < self.now;
        match self.rows.iter().position(away) {
            Some(index) => {
                self.remove(index, sample);
                true
            }
            None => false,
        }
    }

    fn remove(&mut self, index: usize, sample: &mut Sample) {
        let row = self.rows.remove(index);
        if let Some(slots) = row.slots {
            self.shown -= 1;
            for slot in slots {
                sample.release(slot);
            }
        }
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

    fn collect(table: &mut Table<1>, sample: &mut Sample, names: &[&str]) {
        sample.begin();
        table.begin();
        for (value, name) in (1..).zip(names) {
            if let Some([slot]) = table.row(name.as_bytes(), sample, || !name.starts_with("no")) {
                sample.set(slot, Some(value));
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
        let mut table = Table::new("net", "iface", &NAMES, 4);
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
        let mut table = Table::new("net", "iface", &NAMES, 2);
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
    fn a_device_that_is_long_gone_leaves_the_layout() {
        let mut table = Table::new("net", "iface", &NAMES, 2);
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
