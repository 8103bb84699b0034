//! Which series a query is for, of those that the lists of its range name.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Connection, params};
use stardust_shared::SeriesDef;
use stardust_shared::series::Kind;

use super::super::error::HistoryError;
use super::super::layouts::definition;
use super::super::list::List;
use super::super::reader::{NodeReader, Wanted};
use super::super::runs::name_of;
use super::super::select::Selectors;
use super::plan::Plan;

/// Most series that one query may match.
pub const SERIES_MAX: usize = 512;

/// The series that a query is for.
#[derive(Default)]
pub struct Chosen {
    pub defs: Vec<SeriesDef>,
    /// Their numbers, from small to large. A key may have several, where its definition
    /// has changed.
    ids: Vec<i64>,
    /// Of each number, where in `defs` it is, and its scale.
    places: Vec<(usize, u32)>,
}

impl Chosen {
    /// The counters, as runs call them, and where they are in `defs`.
    pub fn names(&self) -> impl Iterator<Item = (u64, usize)> {
        let all = self.defs.iter().enumerate();
        let counters = all.filter(|(_, def)| def.kind == Kind::Counter);
        counters.map(|(at, def)| (name_of(&def.key), at))
    }

    /// Those that a list has.
    pub fn of(&self, list: &List) -> Wanted {
        let mut wanted = Wanted::default();
        for (at, id) in list.find(&self.ids) {
            if let Ok(number) = self.ids.binary_search(&id) {
                let (column, scale) = self.places[number];
                wanted.at.push(at);
                wanted.columns.push(column);
                wanted.scales.push(scale);
            }
        }
        wanted
    }
}

/// Matches the selectors against the series of the node that lists of the range name.
/// The answer's series are in the order in which they came. Definitions that nobody asks
/// for are not read.
pub fn choose(
    connection: &Connection,
    reader: &NodeReader<'_>,
    plan: &Plan,
    selectors: &Selectors,
) -> Result<Chosen, HistoryError> {
    let named = named(connection, reader.node(), selectors)?;
    let ids: Vec<i64> = named.keys().copied().collect();
    let mut seen = HashSet::new();
    let layouts = plan.layouts().rev().filter(|id| seen.insert(*id));
    let (mut there, mut known) = (Vec::new(), HashSet::new());
    for id in layouts {
        if known.len() == ids.len() {
            break;
        }
        if let Some(list) = reader.list(id)? {
            let ids = list.find(&ids).map(|(_, id)| id);
            there.extend(ids.filter(|id| known.insert(*id)));
        }
    }
    there.sort_unstable();
    let bare: HashSet<&str> = there
        .iter()
        .map(|id| &*named[id].key)
        .filter(|key| selectors.names(key))
        .collect();
    let mut defs: Vec<SeriesDef> = Vec::new();
    let mut columns: HashMap<&str, usize> = HashMap::new();
    let newest: HashMap<&str, i64> = there.iter().map(|id| (&*named[id].key, *id)).collect();
    let mut places = BTreeMap::new();
    for id in &there {
        let series = &named[id];
        if !selectors.matches(&series.key, |name| bare.contains(name)) {
            continue;
        }
        let column = *columns.entry(&series.key).or_insert(defs.len());
        if column == defs.len() {
            if defs.len() >= SERIES_MAX {
                return Err(HistoryError::invalid(
                    format!("More than {SERIES_MAX} series match."),
                    "Name fewer series, or a longer prefix.",
                ));
            }
            defs.push(named[&newest[&*series.key]].clone());
        }
        // Of another kind once: that can't be in the same column.
        if defs[column].kind == series.kind {
            places.insert(*id, (column, series.scale));
        }
    }
    Ok(Chosen {
        defs,
        ids: places.keys().copied().collect(),
        places: places.into_values().collect(),
    })
}

/// Series of a node that the selectors may mean, by their numbers.
fn named(
    connection: &Connection,
    node: i64,
    selectors: &Selectors,
) -> rusqlite::Result<BTreeMap<i64, SeriesDef>> {
    let mut named = BTreeMap::new();
    let mut statement = connection.prepare_cached(
        "SELECT id, key, flags, unit, scale FROM series
         WHERE node = ?1 AND key >= ?2 AND key < CAST(?3 AS TEXT)",
    )?;
    for (from, to) in selectors.ranges() {
        let mut rows = statement.query(params![node, from, to])?;
        while let Some(row) = rows.next()? {
            let (id, series) = definition(row)?;
            named.insert(id, series);
        }
    }
    Ok(named)
}
