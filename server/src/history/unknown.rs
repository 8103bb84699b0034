//! What was asked for and never was: an answer names it, else a typing error looks
//! like a machine without readings.

use std::collections::BTreeSet;

use rusqlite::Connection;
use stardust_shared::series::name_of;

use super::select::Selectors;
use super::shared::Shared;

/// Lists of series that are looked through. A node that had more may have had anything.
const LAYOUTS_MAX: usize = 256;

/// Exact selectors that no list of the node has had a series for. `known`: keys that are
/// known without the database.
pub fn unknown(
    connection: &Connection,
    shared: &Shared,
    node: i64,
    texts: &[String],
    known: &[&str],
) -> rusqlite::Result<Vec<String>> {
    let selectors = Selectors::parse(texts.iter().map(String::as_str));
    let mut wanted: BTreeSet<&str> = selectors
        .exact()
        .filter(|exact| !known.iter().any(|key| means(exact, key)))
        .collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut layouts = connection.prepare_cached(
        "SELECT layout FROM blocks WHERE node = ?1 UNION SELECT layout FROM fresh WHERE node = ?1
         LIMIT ?2",
    )?;
    let layouts = layouts.query_map([node, LAYOUTS_MAX as i64 + 1], |row| row.get(0))?;
    let layouts: Vec<i64> = layouts.collect::<Result<_, _>>()?;
    if layouts.len() > LAYOUTS_MAX {
        return Ok(Vec::new());
    }
    for id in layouts {
        if wanted.is_empty() {
            break;
        }
        if let Some(stored) = shared.layouts.get(connection, id)? {
            let series = stored.layout.series();
            wanted.retain(|exact| !series.iter().any(|series| means(exact, &series.key)));
        }
    }
    Ok(wanted.into_iter().map(str::to_owned).collect())
}

/// Whether a selector that is no prefix means a key.
fn means(exact: &str, key: &str) -> bool {
    key == exact || (!exact.contains('{') && name_of(key) == exact)
}
