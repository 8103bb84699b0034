//! Writing lists of series and the series that they name, and letting go of both. In
//! the caller's transaction, on the writer's thread.

use rusqlite::{Connection, OptionalExtension, params};
use stardust_shared::{Layout, SeriesDef};

use super::layouts::{Hash, Stored, hash_of};
use super::list::List;
use super::state::HistoryState;

/// About what a series takes besides its key, which is there twice.
const SERIES_BYTES: u64 = 48;

/// A list that is in the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub id: i64,
    /// Bytes that were added for it.
    pub added_bytes: u64,
}

/// The list of a node that says what `layout` says, made where it is not there.
pub fn row_of(connection: &Connection, node: i64, layout: &Layout) -> rusqlite::Result<Row> {
    let hash = hash_of(layout);
    if let Some(id) = find(connection, node, &hash)? {
        return Ok(Row { id, added_bytes: 0 });
    }
    let (ids, added_bytes) = numbers(connection, node, layout.series())?;
    insert(connection, node, &hash, &List::new(ids), added_bytes)
}

/// The same of a list whose series are there.
pub fn row_of_stored(connection: &Connection, node: i64, stored: &Stored) -> rusqlite::Result<i64> {
    let hash = hash_of(&stored.layout);
    if let Some(id) = find(connection, node, &hash)? {
        return Ok(id);
    }
    Ok(insert(connection, node, &hash, &stored.list, 0)?.id)
}

fn find(connection: &Connection, node: i64, hash: &Hash) -> rusqlite::Result<Option<i64>> {
    let mut statement =
        connection.prepare_cached("SELECT id FROM layouts WHERE node = ?1 AND hash = ?2")?;
    statement
        .query_row(params![node, hash], |row| row.get(0))
        .optional()
}

fn insert(
    connection: &Connection,
    node: i64,
    hash: &Hash,
    list: &List,
    series_bytes: u64,
) -> rusqlite::Result<Row> {
    let list = list.encode();
    connection
        .prepare_cached("INSERT INTO layouts (node, hash, list) VALUES (?1, ?2, ?3)")?
        .execute(params![node, hash, list])?;
    Ok(Row {
        id: connection.last_insert_rowid(),
        added_bytes: series_bytes + list.len() as u64 + SERIES_BYTES,
    })
}

/// The numbers of series of a node, which they are given where they have none.
fn numbers(
    connection: &Connection,
    node: i64,
    series: &[SeriesDef],
) -> rusqlite::Result<(Vec<i64>, u64)> {
    let mut known = connection.prepare_cached(
        "SELECT id FROM series
         WHERE node = ?1 AND key = ?2 AND flags = ?3 AND unit = ?4 AND scale = ?5",
    )?;
    let mut add = connection.prepare_cached(
        "INSERT INTO series (node, key, flags, unit, scale) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let (mut ids, mut added_bytes) = (Vec::with_capacity(series.len()), 0);
    for one in series {
        let of = params![node, &*one.key, one.flags(), one.unit.0, one.scale];
        let found: Option<i64> = known.query_row(of, |row| row.get(0)).optional()?;
        ids.push(match found {
            Some(id) => id,
            None => {
                add.execute(of)?;
                added_bytes += 2 * one.key.len() as u64 + SERIES_BYTES;
                connection.last_insert_rowid()
            }
        });
    }
    Ok((ids, added_bytes))
}

/// All lists of a node.
pub fn lists(connection: &Connection, node: i64) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached("SELECT id FROM layouts WHERE node = ?1")?;
    let lists = statement.query_map([node], |row| row.get(0))?;
    lists.collect()
}

/// What lists and series of a node take.
pub fn bytes_of(connection: &Connection, node: i64) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT (SELECT COALESCE(SUM(length(list) + {SERIES_BYTES}), 0) FROM layouts
                 WHERE node = ?1)
              + (SELECT COALESCE(SUM(2 * length(key) + {SERIES_BYTES}), 0) FROM series
                 WHERE node = ?1)"
    ))?;
    statement.query_row([node], |row| row.get::<_, i64>(0).map(|bytes| bytes as u64))
}

/// Lets lists of a node go that no block needs any more, and the series that no other
/// list of it names. Fresh rows up to `merged_id` need none: they are in blocks.
pub fn release(
    connection: &Connection,
    shared: &HistoryState,
    node: i64,
    merged_id: i64,
    lists: impl IntoIterator<Item = i64>,
) -> rusqlite::Result<()> {
    let mut needed = connection
        .prepare_cached("SELECT 1 FROM blocks WHERE node = ?1 AND layout = ?2 LIMIT 1")?;
    let mut delete =
        connection.prepare_cached("DELETE FROM layouts WHERE id = ?1 RETURNING list")?;
    let mut gone: Vec<i64> = Vec::new();
    for id in lists {
        if needed.exists([node, id])? || shared.fresh().needs(node, merged_id, id) {
            continue;
        }
        let list: Option<Vec<u8>> = delete.query_row([id], |row| row.get(0)).optional()?;
        let list = list.and_then(|list| List::decode(&list));
        gone.extend(list.iter().flat_map(List::ids));
        shared.layouts.forget(id);
        shared.list_went(id);
    }
    if gone.is_empty() {
        return Ok(());
    }
    gone.sort_unstable();
    gone.dedup();
    // The newest first: it mostly has all that stays.
    let mut others = connection.prepare_cached(
        "SELECT list FROM layouts INDEXED BY layouts_node WHERE node = ?1 ORDER BY id DESC",
    )?;
    let mut others = others.query([node])?;
    while let Some(row) = others.next()?
        && !gone.is_empty()
    {
        let list = List::decode(row.get_ref(0)?.as_blob()?);
        for run in list.iter().flat_map(List::runs) {
            let from = gone.partition_point(|id| *id < run.start);
            let to = gone.partition_point(|id| *id < run.end);
            gone.drain(from..to);
        }
    }
    let mut delete = connection.prepare_cached("DELETE FROM series WHERE id = ?1")?;
    for id in gone {
        delete.execute([id])?;
    }
    Ok(())
}
