//! A layout as the difference to the one before it.
//!
//! Where containers come and go the list changes all the time, and each time nearly
//! all of it stays. Those that stay keep their order, and what is new follows them: so
//! whoever has the values of the list before has those of the list after, and no
//! keyframe is needed.
//!
//! What is new is mostly one more of what is there: the eight series of an interface
//! are those of another one with its name in their place. So they are told as places
//! of series to be like, and the name once.

use std::collections::HashMap;

use super::keys::check_keys;
use super::{Layout, flags, put_after, read_after, read_series};
use crate::WireError;
use crate::limits::{KEY_BYTES_MAX, LAYOUT_KEYS_BYTES_MAX, SERIES_MAX};
use crate::series::{SeriesDef, first_label};
use crate::varint::{Reader, put, put_signed};

/// First byte of a binary message: the difference between two layouts.
pub const KIND_CHANGE: u8 = 3;

/// What makes one layout of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    id: u64,
    base_id: u64,
    /// Places in the base of those that go: first, and one past the last. Rising.
    removed: Vec<(usize, usize)>,
    /// They follow those that stay.
    added: Vec<SeriesDef>,
}

impl Change {
    /// The way from `base` to a layout of these series. `None` when it is not worth
    /// one: less than a quarter of the base stays, or not in its order.
    pub fn between(base: &Layout, id: u64, series: &[SeriesDef]) -> Option<Self> {
        let mut removed: Vec<(usize, usize)> = Vec::new();
        let mut kept = 0;
        for (at, old) in base.series().iter().enumerate() {
            if series.get(kept) == Some(old) {
                kept += 1;
                continue;
            }
            match removed.last_mut() {
                Some((_, end)) if *end == at => *end = at + 1,
                _ => removed.push((at, at + 1)),
            }
        }
        let added = &series[kept..];
        (kept * 4 >= base.len()).then(|| Self {
            id,
            base_id: base.id(),
            removed,
            added: added.to_vec(),
        })
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn base_id(&self) -> u64 {
        self.base_id
    }

    /// Places in the base of those that go: first, and one past the last.
    pub fn removed(&self) -> &[(usize, usize)] {
        &self.removed
    }

    pub fn added(&self) -> &[SeriesDef] {
        &self.added
    }

    /// The layout that `base` becomes.
    pub fn apply(&self, base: &Layout) -> Layout {
        let stay = stay(base, &self.removed);
        let mut series = Vec::with_capacity(base.len() + self.added.len());
        series.extend(stay.chain(&self.added).cloned());
        Layout::new(self.id, series)
    }

    /// Appends the whole message, kind byte included.
    pub fn encode(&self, base: &Layout, out: &mut Vec<u8>) {
        out.push(KIND_CHANGE);
        put(out, self.id);
        put(out, self.base_id);
        put(out, self.removed.len() as u64);
        let mut at = 0;
        for &(first, end) in &self.removed {
            put(out, (first - at) as u64);
            put(out, (end - first) as u64);
            at = end;
        }
        self.encode_added(base, out);
    }

    fn encode_added(&self, base: &Layout, out: &mut Vec<u8>) {
        // Where a series is that has the same key but for its first label.
        let mut places: HashMap<(&str, &str), usize> = HashMap::new();
        if !self.added.is_empty() {
            for (place, series) in base.series().iter().enumerate() {
                if let Some((start, _, end)) = first_label(&series.key) {
                    places.entry((start, end)).or_insert(place);
                }
            }
        }
        // The number of runs is known when they are.
        let (mut runs, mut body) = (0u64, Vec::new());
        let mut told = Told::default();
        let mut key_before = "";
        let mut at = 0;
        while let Some(series) = self.added.get(at) {
            runs += 1;
            let parts = first_label(&series.key);
            let next = told.next;
            let is_like = |place: usize, series: &SeriesDef| {
                let like = like(base, &self.added[..at], place);
                like.is_some_and(|like| is_one_more(like, series))
            };
            let from = match parts {
                Some(_) if is_like(next, series) => Some(next),
                Some((start, _, end)) => {
                    let place = places.get(&(start, end)).copied();
                    place.filter(|place| is_like(*place, series))
                }
                None => None,
            };
            let (Some(from), Some((_, value, _))) = (from, parts) else {
                put(&mut body, 0);
                put_after(&mut body, key_before, &series.key);
                body.push(flags(series));
                body.push(series.unit.0);
                put(&mut body, u64::from(series.scale));
                self.place_added(at, base, &mut places);
                key_before = &series.key;
                at += 1;
                continue;
            };
            let begin = at;
            let more = |at: usize| {
                let place = from + (at - begin);
                let series = self.added.get(at)?;
                let like = like(base, &self.added[..begin], place)?;
                let same = first_label(&series.key)?.1 == value;
                (same && is_one_more(like, series)).then_some(())
            };
            while more(at).is_some() {
                self.place_added(at, base, &mut places);
                key_before = &self.added[at].key;
                at += 1;
            }
            put(&mut body, (at - begin) as u64);
            put_signed(&mut body, from as i64 - next as i64);
            told.next = from + (at - begin);
            match told.numbers.get(value) {
                Some(number) => put(&mut body, *number),
                None => {
                    put(&mut body, 0);
                    let replaced = like(base, &self.added, from);
                    let replaced = replaced.and_then(|like| first_label(&like.key));
                    let before = told.last.or(replaced.map(|(_, value, _)| value));
                    put_after(&mut body, before.unwrap_or(""), value);
                    told.last = Some(value);
                    let number = told.numbers.len() as u64 + 1;
                    told.numbers.insert(value, number);
                }
            }
        }
        put(out, runs);
        out.extend_from_slice(&body);
    }

    fn place_added<'a>(
        &'a self,
        at: usize,
        base: &Layout,
        places: &mut HashMap<(&'a str, &'a str), usize>,
    ) {
        if let Some((start, _, end)) = first_label(&self.added[at].key) {
            places.entry((start, end)).or_insert(base.len() + at);
        }
    }

    /// Reads what follows the kind byte, of a session whose layout is `base`.
    pub fn decode(base: &Layout, body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let id = reader.varint()?;
        let base_id = reader.varint()?;
        if base_id != base.id() {
            return Err(WireError::UnknownLayout);
        }
        if id <= base_id {
            return Err(WireError::OutOfRange("layout number"));
        }
        let removed = read_removed(base, &mut reader)?;
        let mut room = Room::default();
        for series in stay(base, &removed) {
            room.take(series.key.len())?;
        }
        let added = read_added(base, &mut reader, room)?;
        let kept: Vec<&SeriesDef> = stay(base, &removed).collect();
        check_keys(&added, &kept)?;
        Ok(Self {
            id,
            base_id,
            removed,
            added,
        })
    }
}

fn read_removed(base: &Layout, reader: &mut Reader<'_>) -> Result<Vec<(usize, usize)>, WireError> {
    let runs = reader.varint()?;
    let mut removed = Vec::new();
    let mut at = 0u64;
    for _ in 0..runs {
        let (kept, gone) = (reader.varint()?, reader.varint()?);
        let first = at.saturating_add(kept);
        let end = first.saturating_add(gone);
        // A run removes one at the least, so that there are no more than series.
        if gone == 0 || end > base.len() as u64 {
            return Err(WireError::OutOfRange("removed series"));
        }
        removed.push((first as usize, end as usize));
        at = end;
    }
    Ok(removed)
}

fn read_added(
    base: &Layout,
    reader: &mut Reader<'_>,
    mut room: Room,
) -> Result<Vec<SeriesDef>, WireError> {
    let runs = reader.varint()?;
    let mut added: Vec<SeriesDef> = Vec::new();
    let (mut next, mut key) = (0i64, Vec::new());
    let mut values: Vec<Box<str>> = Vec::new();
    for _ in 0..runs {
        let count = reader.varint()?;
        if count == 0 {
            // As in a whole layout, after the key of the one added before.
            key.clear();
            key.extend(added.last().map_or("", |last| &last.key).bytes());
            let series = read_series(reader, &mut key)?;
            room.take(series.key.len())?;
            added.push(series);
            continue;
        }
        let from = next.wrapping_add(reader.signed()?);
        let known = (base.len() + added.len()) as u64;
        let end = u64::try_from(from)
            .ok()
            .and_then(|from| from.checked_add(count));
        if end.is_none_or(|end| end > known) {
            return Err(WireError::OutOfRange("place of a series to be like"));
        }
        let (from, count) = (from as usize, count as usize);
        next = (from + count) as i64;
        let number = match reader.varint()? {
            0 => {
                let replaced = like(base, &added, from).and_then(|like| first_label(&like.key));
                let before = match values.last() {
                    Some(value) => Some(&**value),
                    None => replaced.map(|(_, value, _)| value),
                };
                key.clear();
                key.extend(before.unwrap_or("").bytes());
                read_after(reader, &mut key)?;
                let value = std::str::from_utf8(&key).map_err(|_| WireError::NotUtf8)?;
                values.push(value.into());
                values.len()
            }
            number => usize::try_from(number).unwrap_or(usize::MAX),
        };
        let value = values.get(number - 1);
        let value = value.ok_or(WireError::OutOfRange("number of a label's value"))?;
        for place in from..from + count {
            let series = like(base, &added, place)
                .and_then(|like| one_more(like, value))
                .ok_or(WireError::OutOfRange("label of a series to be like"))?;
            if series.key.len() > KEY_BYTES_MAX {
                return Err(WireError::OutOfRange("series key length"));
            }
            room.take(series.key.len())?;
            added.push(series);
        }
    }
    Ok(added)
}

/// What the encoder has told of labels and places.
#[derive(Default)]
struct Told<'a> {
    /// One past the last place.
    next: usize,
    last: Option<&'a str>,
    numbers: HashMap<&'a str, u64>,
}

/// What one layout may hold, decoded.
#[derive(Default)]
struct Room {
    series: usize,
    keys_bytes: usize,
}

impl Room {
    fn take(&mut self, key_bytes: usize) -> Result<(), WireError> {
        self.series += 1;
        self.keys_bytes += key_bytes;
        if self.series > SERIES_MAX {
            return Err(WireError::OutOfRange("series count"));
        }
        if self.keys_bytes > LAYOUT_KEYS_BYTES_MAX {
            return Err(WireError::OutOfRange("size of all series keys together"));
        }
        Ok(())
    }
}

/// Those of `base` that are not removed.
fn stay<'a>(
    base: &'a Layout,
    removed: &'a [(usize, usize)],
) -> impl Iterator<Item = &'a SeriesDef> + 'a {
    let starts = std::iter::once(0).chain(removed.iter().map(|(_, end)| *end));
    let ends = removed.iter().map(|(first, _)| *first);
    let ends = ends.chain(std::iter::once(base.len()));
    starts
        .zip(ends)
        .flat_map(|(start, end)| &base.series()[start..end])
}

/// The series at that place: those of the base, then those that were added.
fn like<'a>(base: &'a Layout, added: &'a [SeriesDef], place: usize) -> Option<&'a SeriesDef> {
    match place.checked_sub(base.len()) {
        None => base.series().get(place),
        Some(place) => added.get(place),
    }
}

/// The same with another value of its first label.
fn one_more(like: &SeriesDef, value: &str) -> Option<SeriesDef> {
    let (start, _, end) = first_label(&like.key)?;
    Some(SeriesDef {
        key: [start, value, end].concat().into(),
        ..*like
    })
}

/// Whether the two differ in nothing but the value of their first label.
fn is_one_more(like: &SeriesDef, series: &SeriesDef) -> bool {
    let same = |(start, _, end): (&str, &str, &str), key: &str| {
        first_label(key).is_some_and(|(own, _, rest)| (own, rest) == (start, end))
    };
    first_label(&like.key).is_some_and(|parts| same(parts, &series.key))
        && (flags(like), like.unit, like.scale) == (flags(series), series.unit, series.scale)
}

#[cfg(test)]
mod tests;
