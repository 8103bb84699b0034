//! Stored lists of series, and the definitions that they name: kept at hand once read,
//! since they never change. Lists of different nodes that say the same share one copy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use stardust_shared::series::Kind;
use stardust_shared::{Layout, SeriesDef, Unit};

use super::limits::LAYOUTS_BYTES_MAX;
use super::list::List;
use super::runs::name_of;

/// Of the definitions in their order.
pub type Hash = [u8; 16];

pub fn hash_of(layout: &Layout) -> Hash {
    let mut series = Vec::new();
    layout.encode_series(&mut series);
    let whole: [u8; 32] = Sha256::digest(&series).into();
    whole.first_chunk().copied().unwrap_or_default()
}

/// A list of series with what they are.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The numbers.
    pub list: Arc<List>,
    pub layout: Arc<Layout>,
    /// What [`super::runs`] calls the counters; 0 in the place of gauges.
    pub names: Arc<[u64]>,
    /// Of a list that is in the database; others have none.
    hash: Hash,
}

impl Stored {
    pub fn new(list: List, layout: Layout) -> Self {
        let series = layout.series().iter();
        let names = series.map(|series| match series.kind {
            Kind::Counter => name_of(&series.key),
            Kind::Gauge => 0,
        });
        Self {
            names: names.collect(),
            list: Arc::new(list),
            layout: Arc::new(layout),
            hash: Hash::default(),
        }
    }

    pub fn len(&self) -> usize {
        self.layout.len()
    }

    /// How many of them are gauges.
    pub fn gauges(&self) -> usize {
        self.names.iter().filter(|name| **name == 0).count()
    }

    /// A list of some of its series.
    pub fn part(&self, at: &[usize]) -> Self {
        let series = at.iter().map(|at| self.layout.series()[*at].clone());
        let ids: Vec<i64> = self.list.ids().collect();
        Self {
            list: Arc::new(List::new(at.iter().map(|at| ids[*at]))),
            names: at.iter().map(|at| self.names[*at]).collect(),
            layout: Arc::new(Layout::new(0, series.collect())),
            hash: Hash::default(),
        }
    }

    /// In which order merged blocks have its series: gauges first, each kind by number.
    fn order(&self) -> Vec<usize> {
        let ids: Vec<i64> = self.list.ids().collect();
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|at| (self.names[*at] != 0, ids[*at]));
        order
    }

    fn is_ordered(&self) -> bool {
        let ids = self.list.ids().zip(self.names.iter());
        let keys = ids.map(|(id, name)| (*name != 0, id));
        keys.is_sorted()
    }

    /// All series of some lists, in the order of merged blocks.
    pub fn union<'a>(lists: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut lists = lists.into_iter();
        let Some(first) = lists.next() else {
            return Self::new(List::default(), Layout::new(0, Vec::new()));
        };
        let mut others = lists.filter(|other| !Arc::ptr_eq(&other.list, &first.list));
        let second = others.next();
        if second.is_none() {
            return match first.is_ordered() {
                true => first.clone(),
                false => first.part(&first.order()),
            };
        }
        let all = std::iter::once(first).chain(second).chain(others);
        let mut seen: HashMap<i64, (&SeriesDef, u64)> = HashMap::new();
        for stored in all {
            let series = stored.layout.series().iter().zip(stored.names.iter());
            for (id, (series, name)) in stored.list.ids().zip(series) {
                seen.entry(id).or_insert((series, *name));
            }
        }
        let mut all: Vec<(i64, &SeriesDef, u64)> = seen
            .into_iter()
            .map(|(id, (series, name))| (id, series, name))
            .collect();
        all.sort_by_key(|(id, _, name)| (*name != 0, *id));
        Self {
            list: Arc::new(List::new(all.iter().map(|one| one.0))),
            names: all.iter().map(|one| one.2).collect(),
            layout: Arc::new(Layout::new(
                0,
                all.iter().map(|one| one.1.clone()).collect(),
            )),
            hash: Hash::default(),
        }
    }

    /// Where each series of `other` is in here.
    pub fn positions(&self, other: &Self) -> Vec<usize> {
        if Arc::ptr_eq(&self.list, &other.list) {
            return (0..self.len()).collect();
        }
        let places: HashMap<i64, usize> = self.list.ids().zip(0..).collect();
        let ids = other.list.ids();
        ids.filter_map(|id| places.get(&id).copied()).collect()
    }
}

/// Those that are kept at hand, [`LAYOUTS_BYTES_MAX`] of them.
#[derive(Debug, Default)]
struct Kept {
    by_id: HashMap<i64, Arc<Stored>>,
    by_hash: HashMap<Hash, Arc<Stored>>,
    bytes: usize,
}

impl Kept {
    fn insert(&mut self, id: i64, stored: &Arc<Stored>) {
        let hash = stored.hash;
        let own = own_bytes(stored);
        let bytes = match self.by_hash.contains_key(&hash) {
            true => own,
            false => own + shared_bytes(stored),
        };
        if self.bytes + bytes > LAYOUTS_BYTES_MAX {
            *self = Self::default();
        }
        if self.by_id.insert(id, Arc::clone(stored)).is_none() {
            self.bytes += bytes;
            self.by_hash
                .entry(hash)
                .or_insert_with(|| Arc::clone(stored));
        }
    }
}

impl Kept {
    fn forget(&mut self, id: i64) {
        let Some(stored) = self.by_id.remove(&id) else {
            return;
        };
        self.bytes -= own_bytes(&stored);
        let hash = stored.hash;
        drop(stored);
        // What others still have stays.
        let alone = |same: &Arc<Stored>| Arc::strong_count(&same.layout) == 1;
        if let Some(same) = self.by_hash.get(&hash)
            && Arc::strong_count(same) == 1
            && alone(same)
        {
            self.bytes -= shared_bytes(same);
            self.by_hash.remove(&hash);
        }
    }
}

/// What a list takes for itself, and what lists share that say the same.
fn own_bytes(stored: &Stored) -> usize {
    stored.list.memory_bytes() + 128
}

fn shared_bytes(stored: &Stored) -> usize {
    stored.layout.memory_bytes() + stored.len() * size_of::<u64>()
}

#[derive(Debug, Default)]
pub struct Layouts(Mutex<Kept>);

impl Layouts {
    /// `None` when it is not there, or damaged.
    pub fn get(&self, connection: &Connection, id: i64) -> rusqlite::Result<Option<Arc<Stored>>> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stored) = kept().by_id.get(&id) {
            return Ok(Some(Arc::clone(stored)));
        }
        let found: Option<(i64, Hash, Vec<u8>)> = connection
            .prepare_cached("SELECT node, hash, list FROM layouts WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((node, hash, list)) = found else {
            return Ok(None);
        };
        let Some(list) = List::decode(&list) else {
            stardust_base::log::warn(&format!("history: layout {id} is damaged"));
            return Ok(None);
        };
        let same = kept().by_hash.get(&hash).cloned();
        let stored = match same.filter(|same| same.len() == list.len()) {
            Some(same) => Stored {
                list: Arc::new(list),
                layout: Arc::clone(&same.layout),
                names: Arc::clone(&same.names),
                hash,
            },
            None => {
                let series = definitions(connection, node, &list)?;
                Stored {
                    hash,
                    ..Stored::new(list, Layout::new(0, series))
                }
            }
        };
        let stored = Arc::new(stored);
        kept().insert(id, &stored);
        Ok(Some(stored))
    }

    /// It is not in the database any more.
    pub fn forget(&self, id: i64) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.forget(id);
    }

    /// The numbers alone: what it says of them is not read.
    pub fn list(&self, connection: &Connection, id: i64) -> rusqlite::Result<Option<Arc<List>>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stored) = kept.by_id.get(&id) {
            return Ok(Some(Arc::clone(&stored.list)));
        }
        drop(kept);
        let mut statement = connection.prepare_cached("SELECT list FROM layouts WHERE id = ?1")?;
        let list = statement
            .query_row([id], |row| Ok(List::decode(row.get_ref(0)?.as_blob()?)))
            .optional()?;
        Ok(list.flatten().map(Arc::new))
    }
}

/// What a row of the table `series` says.
pub fn definition(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, SeriesDef)> {
    let id = row.get(0)?;
    let key: String = row.get(1)?;
    let made = SeriesDef::from_parts(
        &key,
        row.get(2)?,
        Unit(row.get(3)?),
        row.get::<_, u32>(4)?.into(),
    );
    Ok((id, made.unwrap_or_else(|_| lost(id))))
}

/// In the place of one that is not there any more, after damage: nobody asks for it.
fn lost(id: i64) -> SeriesDef {
    SeriesDef::new("lost", &[("number", &id.to_string())])
}

fn definitions(
    connection: &Connection,
    node: i64,
    list: &List,
) -> rusqlite::Result<Vec<SeriesDef>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, key, flags, unit, scale FROM series
         WHERE id >= ?1 AND id < ?2 AND +node = ?3 ORDER BY id",
    )?;
    let mut all = Vec::with_capacity(list.len());
    for run in list.runs() {
        let mut rows = statement.query(params![run.start, run.end, node])?;
        let mut expected = run.clone();
        while let Some(row) = rows.next()? {
            let (id, series) = definition(row)?;
            all.extend(
                expected
                    .by_ref()
                    .take_while(|before| *before < id)
                    .map(lost),
            );
            all.push(series);
        }
        all.extend(expected.map(lost));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_at_hand_is_bounded_by_its_bytes() {
        let mut kept = Kept::default();
        let wide = |id: usize| {
            let key = |n: usize| format!("{id:06}{n:0122}");
            let series = (0..2_000).map(|n| SeriesDef::new(&key(n), &[])).collect();
            let layout = Layout::new(0, series);
            Arc::new(Stored {
                hash: hash_of(&layout),
                ..Stored::new(List::new(0..2_000), layout)
            })
        };
        for id in 0..200 {
            let stored = wide(id);
            let before = kept.bytes;
            kept.insert(id as i64, &stored);
            // Twice the same is there once, and what another node has of it is small.
            kept.insert(id as i64, &stored);
            let once = kept.bytes;
            kept.insert(id as i64 + 1_000, &stored);
            assert!(kept.bytes <= LAYOUTS_BYTES_MAX);
            assert!(kept.bytes > before || kept.by_hash.len() == 1);
            assert!(kept.bytes - once < 300 || kept.by_id.len() == 1);
            assert!(kept.by_id.contains_key(&(id as i64 + 1_000)));
        }
        // What goes takes nothing.
        for id in (0..200).chain(1_000..1_200) {
            kept.forget(id);
        }
        assert_eq!(
            (kept.bytes, kept.by_id.len(), kept.by_hash.len()),
            (0, 0, 0)
        );
        for id in 0..9 {
            kept.insert(id as i64, &wide(id));
        }
        assert!(kept.by_hash.len() < LAYOUTS_BYTES_MAX / wide(1).layout.memory_bytes());
    }

    #[test]
    fn lists_are_joined_in_the_order_of_merged_blocks() {
        let of = |ids: &[i64]| {
            let key = |id: &i64| match id % 2 {
                0 => SeriesDef::new("net.rx_bytes", &[("iface", &id.to_string())]),
                _ => SeriesDef::new("temp.celsius_milli", &[("sensor", &id.to_string())]),
            };
            let layout = Layout::new(0, ids.iter().map(key).collect());
            Stored::new(List::new(ids.iter().copied()), layout)
        };
        let (a, b) = (of(&[4, 1, 2, 3]), of(&[9, 2, 8]));
        let union = Stored::union([&a, &b, &a]);
        let ids: Vec<i64> = union.list.ids().collect();
        assert_eq!((ids, union.gauges()), (vec![1, 3, 9, 2, 4, 8], 3));
        assert_eq!(union.positions(&a), [4, 0, 3, 1]);
        assert_eq!(union.positions(&b), [2, 3, 5]);
        let one = Stored::union([&a, &a]);
        assert_eq!(one.list.ids().collect::<Vec<_>>(), [1, 3, 2, 4]);
        let again = Stored::union([&one]);
        assert!(Arc::ptr_eq(&again.list, &one.list));
        for (series, name) in union.layout.series().iter().zip(union.names.iter()) {
            let expected = match series.kind {
                Kind::Counter => name_of(&series.key),
                Kind::Gauge => 0,
            };
            assert_eq!(*name, expected);
        }
    }
}
