//! What was asked for and never was: an answer names it, else a typing error looks
//! like a machine without readings.

use rusqlite::{Connection, params};
use stardust_shared::series::name_of;

use super::select::Selectors;

/// Exact selectors that the node has no series for. `known`: keys that it certainly had.
pub fn unknown(
    connection: &Connection,
    node: i64,
    texts: &[String],
    known: &[&str],
) -> rusqlite::Result<Vec<String>> {
    let selectors = Selectors::parse(texts.iter().map(String::as_str));
    let mut there =
        connection.prepare_cached("SELECT 1 FROM series WHERE node = ?1 AND key = ?2 LIMIT 1")?;
    // With labels: that is what follows.
    let mut with_labels = connection.prepare_cached(
        "SELECT 1 FROM series
         WHERE node = ?1 AND key >= ?2 || '{' AND key < ?2 || '|' LIMIT 1",
    )?;
    let mut unknown: Vec<String> = Vec::new();
    for exact in selectors.exact() {
        if known.iter().any(|key| means(exact, key)) {
            continue;
        }
        let of = params![node, exact];
        let is_there = there.exists(of)? || (!exact.contains('{') && with_labels.exists(of)?);
        if !is_there {
            unknown.push(exact.to_owned());
        }
    }
    unknown.sort();
    unknown.dedup();
    Ok(unknown)
}

/// Whether a selector that is no prefix means a key.
fn means(exact: &str, key: &str) -> bool {
    key == exact || (!exact.contains('{') && name_of(key) == exact)
}
