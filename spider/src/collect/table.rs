//! Devices of one kind: each has a name and the same set of series.
//!
//! By their names some are left out or added up ([`super::rules`]), and one that is new
//! is told once it has stood a while: until then it is only counted.
//!
//! What is added up goes on from 0 at the Spider's start, and never falls: of each member
//! its growth is added, one that comes later has grown from 0, and what one that went has
//! added stays. (The sum of the members' counters would fall with each that goes, and
//! after a restart of the Spider by all that went before.)
//!
//! The kernel lists devices in the same order every time, so the row that is
//! next is nearly always the right one and finding it costs one comparison.

use std::rc::Rc;

use stardust_shared::ABSENT;

use super::limits::{GONE_SAMPLES, GONE_SAMPLES_MAX, IGNORED_MAX, MEMBERS_MAX};
use super::rules::{self, Action, Label, Rules};
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

/// What the devices of a table are.
pub struct Kind<const N: usize> {
    pub label: Label,
    pub names: &'static [&'static str; N],
    /// So many of these are counters, the others values of the moment.
    pub counters: usize,
    pub shown_max: usize,
    /// Whose counts of what is not told alone: too many, by a rule, added up, too new.
    pub subjects: [&'static str; 4],
}

/// What is found out about a device that is seen for the first time.
pub struct Judged {
    /// Where there is no room for all, those with a lower one are reported.
    pub rank: u8,
    /// It may be added up with others; `net.kind` of them all.
    pub sums: bool,
    pub kind: Option<&'static str>,
}

impl Judged {
    pub fn rank(rank: u8) -> Self {
        Self {
            rank,
            sums: true,
            kind: None,
        }
    }
}

pub struct Table<const N: usize, X = ()> {
    kind: Kind<N>,
    rules: Rc<Rules>,
    rows: Vec<Row<N, X>>,
    families: Vec<Family<N>>,
    shown: usize,
    members: usize,
    /// Not told alone in this sample: by a rule, added up, too new.
    by_rule: u64,
    summed: u64,
    too_new: u64,
    /// Where the search for the next name begins.
    next: usize,
    now: u64,
    over: u64,
    /// Whether a row was made or given up since [`Table::begin`].
    changed: bool,
    left_out: [LeftOut; 4],
}

/// Devices that are added up.
struct Family<const N: usize> {
    name: String,
    slots: [Slot; N],
    kind: Option<Slot>,
    totals: [i64; N],
}

struct Row<const N: usize, X> {
    name: Box<[u8]>,
    place: Place<N, X>,
    seen: u64,
}

enum Place<const N: usize, X> {
    /// Known and not reported.
    Ignored,
    /// A rule leaves it out.
    LeftOut,
    /// There is no room; lower ranks go first.
    Over(u8),
    /// Of that rank, and there since then.
    New(u8, i64),
    /// Of that family; what it counted last.
    Member(usize, [i64; N]),
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
    pub fn new(kind: Kind<N>, rules: &Rc<Rules>) -> Self {
        Self {
            kind,
            rules: Rc::clone(rules),
            rows: Vec::new(),
            families: Vec::new(),
            shown: 0,
            members: 0,
            by_rule: 0,
            summed: 0,
            too_new: 0,
            next: 0,
            now: 0,
            over: 0,
            changed: false,
            left_out: Default::default(),
        }
    }

    pub fn begin(&mut self) {
        self.now += 1;
        self.next = 0;
        (self.over, self.by_rule, self.summed, self.too_new) = (0, 0, 0, 0);
        self.changed = false;
        // What is of the moment is added up anew.
        for family in &mut self.families {
            family.totals[self.kind.counters..].fill(0);
        }
    }

    /// Tells the device `name`, and gives its row; `None` when it is not told alone.
    /// `judge` says what one is that is seen for the first time. `None`: never told.
    pub fn put(
        &mut self,
        name: &[u8],
        values: &[Option<i64>; N],
        sample: &mut Sample,
        judge: impl FnOnce(Look) -> Option<Judged>,
    ) -> Option<&mut Shown<N, X>> {
        let index = match self.position(name) {
            Some(index) => index,
            None => self.meet(name, sample, judge)?,
        };
        self.next = index + 1;
        let row = &mut self.rows[index];
        // The same name twice: the first one counts.
        if std::mem::replace(&mut row.seen, self.now) == self.now {
            return None;
        }
        match &mut row.place {
            Place::Ignored => return None,
            Place::LeftOut => {
                self.by_rule += 1;
                return None;
            }
            Place::Member(family, last) => {
                self.summed += 1;
                let totals = self.families[*family].totals.iter_mut();
                for (at, (total, last)) in totals.zip(last).enumerate() {
                    let Some(value) = values[at] else { continue };
                    let more = match *last {
                        _ if at >= self.kind.counters => value,
                        ABSENT => 0,
                        before if value >= before => value - before,
                        // Another of that name, which began at 0.
                        _ => value,
                    };
                    *total = total.saturating_add(more);
                    *last = value;
                }
                return None;
            }
            Place::New(rank, since_ms) => {
                let rank = *rank;
                if sample.boot_ms().saturating_sub(*since_ms) < self.rules.new_after_ms {
                    self.too_new += 1;
                    return None;
                }
                row.place = Place::Over(rank);
            }
            Place::Over(_) | Place::Shown(_) => {}
        }
        let mut index = index;
        if let Place::Over(rank) = self.rows[index].place {
            if !self.make_room(rank, sample) {
                self.over += 1;
                return None;
            }
            // Making room may have moved it.
            index = self.rows.iter().position(|row| *row.name == *name)?;
            self.next = index + 1;
            self.rows[index].place = self.show(name, rank, sample);
        }
        let shown = self.shown_at(index)?;
        for (slot, value) in shown.slots.iter().zip(values) {
            sample.set(slot, *value);
        }
        Some(shown)
    }

    /// A name that is not known: where its row is, if it gets one.
    fn meet(
        &mut self,
        name: &[u8],
        sample: &mut Sample,
        judge: impl FnOnce(Look) -> Option<Judged>,
    ) -> Option<usize> {
        let is_remembered = self.rows.len() - self.shown - self.members < IGNORED_MAX;
        let rules = Rc::clone(&self.rules);
        let (action, pattern) = rules.of(self.kind.label, name);
        if action == Action::LeaveOut {
            if !is_remembered {
                self.by_rule += 1;
                return None;
            }
            return Some(self.push(name, Place::LeftOut));
        }
        let look = match !self.is_full() || is_remembered {
            true => Look::Thorough,
            false => Look::Brief,
        };
        let Some(judged) = judge(look) else {
            return is_remembered.then(|| self.push(name, Place::Ignored));
        };
        if action == Action::Sum && judged.sums {
            if self.members >= MEMBERS_MAX {
                self.over += 1;
                return None;
            }
            let Some(family) = self.family(rules::family(pattern), &judged, sample) else {
                self.over += 1;
                return None;
            };
            self.members += 1;
            // Those of the start have grown before it.
            let last = if self.now == 1 { ABSENT } else { 0 };
            return Some(self.push(name, Place::Member(family, [last; N])));
        }
        // The machine's own are told at once.
        let waits = self.now > 1 && rules.new_after_ms > 0;
        if waits {
            if !is_remembered {
                self.over += 1;
                return None;
            }
            let place = Place::New(judged.rank, sample.boot_ms());
            return Some(self.push(name, place));
        }
        if !self.make_room(judged.rank, sample) {
            if !is_remembered {
                self.over += 1;
                return None;
            }
            return Some(self.push(name, Place::Over(judged.rank)));
        }
        let place = self.show(name, judged.rank, sample);
        Some(self.push(name, place))
    }

    /// Where the family of that name is; `None` when there is no room for it.
    fn family(&mut self, name: String, judged: &Judged, sample: &mut Sample) -> Option<usize> {
        let known = self.families.iter().position(|family| family.name == name);
        if known.is_some() {
            return known;
        }
        if !self.make_room(judged.rank, sample) {
            return None;
        }
        let label = (self.kind.label.name(), &*name);
        let slots = self.kind.names.map(|series| sample.slot(series, &[label]));
        let kind = judged
            .kind
            .map(|kind| sample.slot("net.kind", &[label, ("kind", kind)]));
        self.families.push(Family {
            slots,
            kind,
            totals: [0; N],
            name,
        });
        Some(self.families.len() - 1)
    }

    fn is_full(&self) -> bool {
        self.shown + self.families.len() >= self.kind.shown_max
    }

    /// Whether there are devices that have to be looked at and are not told alone.
    pub fn has_others(&self) -> bool {
        let waits = |row: &Row<N, X>| matches!(row.place, Place::New(..));
        self.members > 0 || self.rows.iter().any(waits)
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

    /// Lets go of devices that are long gone, tells families, and says how many were
    /// not told alone.
    pub fn end(&mut self, sample: &mut Sample) {
        let bound = if sample.is_changed() {
            GONE_SAMPLES
        } else {
            GONE_SAMPLES_MAX
        };
        let mut index = 0;
        while index < self.rows.len() {
            let row = &self.rows[index];
            let bound = match row.place {
                // It has not stood.
                Place::New(..) => 0,
                Place::Member(..) => GONE_SAMPLES,
                _ => bound,
            };
            if row.seen < self.now.saturating_sub(bound) {
                self.remove(index, sample);
            } else {
                index += 1;
            }
        }
        for family in &self.families {
            for (slot, total) in family.slots.iter().zip(family.totals) {
                sample.set(slot, Some(total));
            }
            if let Some(kind) = &family.kind {
                sample.set(kind, Some(1));
            }
        }
        let [over, by_rule, summed, too_new] = &mut self.left_out;
        let subjects = self.kind.subjects;
        over.set(subjects[0], self.over, sample);
        by_rule.count(subjects[1], self.by_rule, sample);
        summed.count(subjects[2], self.summed, sample);
        too_new.count(subjects[3], self.too_new, sample);
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
        let label = [(self.kind.label.name(), &*text)];
        self.shown += 1;
        self.changed = true;
        let slots = self.kind.names.map(|series| sample.slot(series, &label));
        Place::Shown(Shown {
            is_twin: slots.iter().any(Slot::is_dead),
            slots,
            extra: X::default(),
            rank,
        })
    }

    /// Not seen in this sample yet.
    fn push(&mut self, name: &[u8], place: Place<N, X>) -> usize {
        self.rows.push(Row {
            name: name.into(),
            place,
            seen: 0,
        });
        self.rows.len() - 1
    }

    /// Makes room by letting go of a device that was away last time as well, or
    /// of one that is less important than `rank`.
    fn make_room(&mut self, rank: u8, sample: &mut Sample) -> bool {
        if !self.is_full() {
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
        match row.place {
            Place::Shown(shown) => self.give_up(shown, sample),
            Place::Member(..) => self.members -= 1,
            _ => {}
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
        self.tell(subject, count, sample);
    }

    /// The same for what is as it should be, and changes all the time: once there were
    /// some, none are told as 0.
    pub fn count(&mut self, subject: &str, count: u64, sample: &mut Sample) {
        if count > 0 || self.slot.is_some() {
            self.tell(subject, count, sample);
        }
    }

    fn tell(&mut self, subject: &str, count: u64, sample: &mut Sample) {
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
            let judge = |_| (!name.starts_with("no")).then(|| Judged::rank(name.len() as u8));
            table.put(name.as_bytes(), &[Some(value)], sample, judge);
        }
        table.end(sample);
        sample.end();
    }

    /// What is new is told at once.
    fn table(shown_max: usize) -> Table<1, ()> {
        Table::new(kind(shown_max), &Rc::new(Rules::new_after(0)))
    }

    fn kind(shown_max: usize) -> Kind<1> {
        Kind {
            label: Label::Iface,
            names: &NAMES,
            counters: 1,
            shown_max,
            subjects: ["net", "net_rule", "net_summed", "net_new"],
        }
    }

    fn value(sample: &Sample, name: &str) -> Option<i64> {
        sample.value(&format!("net.rx_bytes{{iface={name}}}"))
    }

    #[test]
    fn each_device_has_its_row_in_any_order() {
        let mut table = table(4);
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
        let mut table = table(2);
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
        let mut table = table(3);
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
        let mut table = table(2);
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

    #[test]
    fn what_is_added_up_never_falls() {
        let mut table = Table::<1>::new(kind(4), &Rc::new(Rules::default()));
        let mut sample = Sample::default();
        let mut turn = |devices: &[(&str, i64)]| {
            sample.begin();
            table.begin();
            for (name, value) in devices {
                let judge = |_| {
                    Some(Judged {
                        sums: *name != "veth-hardware",
                        ..Judged::rank(5)
                    })
                };
                table.put(name.as_bytes(), &[Some(*value)], &mut sample, judge);
            }
            table.end(&mut sample);
            sample.end();
            let alone = value(&sample, "veth-hardware");
            let summed = sample.value("spider.left_out{subject=net_summed}");
            (value(&sample, "veth*"), alone, summed, sample.generation())
        };
        // What it was before the Spider began is not known, and would be lost.
        let first = turn(&[("vetha", 900), ("vethb", 50), ("veth-hardware", 7)]);
        assert_eq!(first, (Some(0), Some(7), Some(2), 1));
        assert_eq!(turn(&[("vetha", 910), ("vethb", 51)]).0, Some(11));
        // One goes, one comes, one comes again as another.
        assert_eq!(turn(&[("vetha", 910)]).0, Some(11));
        assert_eq!(turn(&[("vetha", 4), ("vethc", 100)]).0, Some(115));
        assert_eq!(turn(&[("vethb", 60), ("vethc", 100)]).0, Some(124));
        assert_eq!(turn(&[]), (Some(124), None, Some(0), 1));
        for n in 0..10_000 {
            let name = format!("veth{n}");
            assert_eq!(turn(&[(&name, 1)]).0, Some(125 + n));
        }
        assert!(table.rows.len() <= GONE_SAMPLES as usize + 2 && table.members == table.rows.len());
    }

    #[test]
    fn what_a_rule_leaves_out_and_what_is_new_is_counted() {
        let mut table = Table::<1>::new(kind(4), &Rc::new(Rules::default()));
        let mut sample = Sample::default();
        let left_out = |sample: &Sample, why: &str| {
            sample.value(&format!("spider.left_out{{subject=net_{why}}}"))
        };
        collect(&mut table, &mut sample, &["eno1", "fwbr100i0", "fwpr100p0"]);
        assert_eq!(left_out(&sample, "rule"), Some(2));
        assert_eq!(
            (value(&sample, "eno1"), sample.series().len()),
            (Some(1), 2)
        );
        let generation = sample.generation();
        collect(&mut table, &mut sample, &["eno1", "usb0"]);
        assert_eq!(
            (left_out(&sample, "rule"), left_out(&sample, "new")),
            (Some(0), Some(1))
        );
        // It goes too soon: nothing was told but the count.
        collect(&mut table, &mut sample, &["eno1"]);
        assert_eq!(left_out(&sample, "new"), Some(0));
        assert_eq!(sample.generation(), generation + 1);
        // Another stands.
        table.rules = Rc::new(Rules::new_after(30));
        collect(&mut table, &mut sample, &["eno1", "usb1"]);
        assert_eq!(value(&sample, "usb1"), None);
        std::thread::sleep(std::time::Duration::from_millis(40));
        collect(&mut table, &mut sample, &["eno1", "usb1"]);
        assert_eq!(value(&sample, "usb1"), Some(2));
        assert_eq!(left_out(&sample, "new"), Some(0));
    }
}
