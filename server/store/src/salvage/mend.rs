//! What belongs together in the copy, after rows were lost.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::rows::{is_constraint, quoted};
use stardust_base::clock::wall_ms;
use stardust_model::gap::GapCause;

/// Takes the triggers away and answers how to make them again.
pub fn take_triggers(target: &Connection) -> rusqlite::Result<String> {
    let found: Vec<(String, String)> = target
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut again = String::new();
    for (name, sql) in found {
        target.execute_batch(&format!("DROP TRIGGER {}", quoted(&name)))?;
        again.push_str(&sql);
        again.push_str(";\n");
    }
    Ok(again)
}

/// Nodes whose row is gone: the indexes of names and tokens have copies of these,
/// on other pages. Such a node goes on with its token and its history; its tags
/// are lost, and what the Spider says of itself comes with its next hello.
pub fn nodes_from_indexes(source: &Connection, target: &Connection) -> rusqlite::Result<u64> {
    let names = by_index(source, "name");
    let tokens = by_index(source, "token_sha256");
    let there: BTreeSet<i64> = target
        .prepare("SELECT id FROM nodes")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let ids: BTreeSet<i64> = names.keys().chain(tokens.keys()).copied().collect();
    let mut made = 0;
    for id in ids.difference(&there) {
        let name = names.get(id).cloned();
        let name = name.unwrap_or_else(|| Value::Text(format!("node {id} (salvaged)")));
        // Without its token it needs a new one: no token has this as its hash.
        let token = tokens.get(id).cloned().unwrap_or(Value::Null);
        let inserted = target.execute(
            "INSERT INTO nodes (id, name, tags, token_sha256, created_ms)
             VALUES (?1, ?2, '[]', coalesce(?3, randomblob(32)), ?4)",
            params![id, name, token, wall_ms()],
        );
        match inserted {
            Ok(_) => made += 1,
            Err(error) if is_constraint(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(made)
}

/// Series whose row is gone: their index has all that there is to know of them.
pub fn series_from_index(source: &Connection, target: &Connection) -> rusqlite::Result<()> {
    for way in ["ASC", "DESC"] {
        let columns = ["node", "key", "flags", "unit", "scale"];
        let order = columns.map(|column| format!("{column} {way}")).join(", ");
        let select = format!(
            "SELECT id, node, key, flags, unit, scale FROM series INDEXED BY series_key
             ORDER BY {order}"
        );
        let Ok(mut statement) = source.prepare(&select) else {
            continue;
        };
        let Ok(mut rows) = statement.query([]) else {
            continue;
        };
        let mut insert =
            target.prepare("INSERT OR IGNORE INTO series VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        while let Ok(Some(row)) = rows.next() {
            let values = (0..6).map(|at| row.get::<_, Value>(at));
            let Ok(values) = values.collect::<rusqlite::Result<Vec<_>>>() else {
                break;
            };
            match insert.execute(params_from_iter(values)) {
                Ok(_) => {}
                Err(error) if is_constraint(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Samples whose list of series was not readable: nobody can say what they are.
pub fn remove_without_list(target: &Connection) -> rusqlite::Result<u64> {
    let mut removed = 0;
    for table in ["blocks", "fresh"] {
        let delete = format!("DELETE FROM {table} WHERE layout NOT IN (SELECT id FROM layouts)");
        removed += target.execute(&delete, [])? as u64;
    }
    Ok(removed)
}

/// What the index of that column of `nodes` still has, from both its ends.
fn by_index(source: &Connection, column: &str) -> BTreeMap<i64, Value> {
    let mut found = BTreeMap::new();
    for way in ["ASC", "DESC"] {
        // Both columns are in the index: the table is not read.
        let select = format!("SELECT id, {column} FROM nodes ORDER BY {column} {way}");
        let Ok(mut statement) = source.prepare(&select) else {
            continue;
        };
        let Ok(rows) = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))) else {
            continue;
        };
        found.extend(rows.map_while(Result::ok));
    }
    found
}

/// Rows of `table` whose parent was not readable: nothing could use them.
pub fn remove_orphans(target: &Connection, table: &str) -> rusqlite::Result<u64> {
    let parents: Vec<(String, String, Option<String>)> = target
        .prepare("SELECT \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1)")?
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut removed = 0;
    for (parent, from, to) in parents {
        let to = to.unwrap_or_else(|| "rowid".to_owned());
        removed += target.execute(
            &format!(
                "DELETE FROM {} WHERE {} NOT IN (SELECT {} FROM {})",
                quoted(table),
                quoted(&from),
                quoted(&to),
                quoted(&parent)
            ),
            [],
        )? as u64;
    }
    Ok(removed)
}

/// The number of a removed node must not come back, nor one that history knows.
pub fn keep_numbers(source: &Connection, target: &Connection) -> rusqlite::Result<()> {
    let read = || -> rusqlite::Result<Vec<(String, i64)>> {
        source
            .prepare("SELECT name, seq FROM sqlite_sequence")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    };
    let mut numbers = read().unwrap_or_default();
    for table in ["blocks", "fresh", "progress", "gaps"] {
        let newest = target.query_row(&format!("SELECT MAX(node) FROM {table}"), [], |row| {
            row.get::<_, Option<i64>>(0)
        })?;
        numbers.extend(newest.map(|number| ("nodes".to_owned(), number)));
    }
    for (table, number) in numbers {
        // A table that never had a row is not in there.
        target.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT ?1, 0
             WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)",
            [&table],
        )?;
        target.execute(
            "UPDATE sqlite_sequence SET seq = MAX(seq, ?2) WHERE name = ?1",
            params![table, number],
        )?;
    }
    Ok(())
}

/// A stretch of time with samples, or with a gap that is known.
struct Span {
    from_ms: i64,
    to_ms: i64,
    /// Mean time between samples, when that can be told.
    interval_ms: Option<i64>,
}

/// Intervals without a sample that are no hole yet: Spiders may be late.
const HOLE_INTERVALS: i64 = 3;
/// Where no interval can be told.
const INTERVAL_MS: i64 = 60_000;

/// A node whose last sample is so much older than the newest of all had none among
/// those that are gone.
const SILENT_MS: i64 = 3_600_000;

/// Says of the stretches of time whose samples are gone why they are: a gap for
/// each. The hours may still have them. With `fresh`, the newest of each node may be.
pub fn note_gaps(target: &mut Connection, fresh: bool) -> rusqlite::Result<u64> {
    let transaction = target.transaction()?;
    let newest_ms: Option<i64> = transaction
        .query_row("SELECT newest_ms FROM fresh_merge", [], |row| row.get(0))
        .optional()?;
    let newest_ms = newest_ms.filter(|_| fresh);
    let mut noted = 0;
    let nodes: Vec<i64> = transaction
        .prepare("SELECT DISTINCT node FROM progress")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for node in nodes {
        let mut spans: Vec<Span> = transaction
            .prepare_cached(
                "SELECT time_min_ms, time_max_ms, rows FROM blocks WHERE node = ?1 AND tier < 2
                 UNION ALL
                 SELECT time_min_ms, time_max_ms, rows FROM fresh WHERE node = ?1
                 UNION ALL
                 SELECT from_ms, to_ms, 1 FROM gaps WHERE node = ?1
                 UNION ALL
                 SELECT MAX(time_ms), MAX(time_ms), 1 FROM progress WHERE node = ?1
                 ORDER BY 1",
            )?
            .query_map([node], |row| {
                let (from_ms, to_ms, rows): (i64, i64, i64) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                let interval_ms = (rows > 1).then(|| to_ms.saturating_sub(from_ms) / (rows - 1));
                Ok(Span {
                    from_ms,
                    to_ms,
                    interval_ms,
                })
            })?
            .collect::<Result<_, _>>()?;
        let last_ms = spans.iter().map(|span| span.to_ms).max();
        if let (Some(last_ms), Some(newest_ms)) = (last_ms, newest_ms)
            // It is not newer where the database was of a schema that did not note it.
            && (1..SILENT_MS).contains(&newest_ms.saturating_sub(last_ms))
        {
            spans.push(Span {
                from_ms: newest_ms,
                to_ms: newest_ms,
                interval_ms: None,
            });
        }
        for (from_ms, to_ms, lost) in holes(&spans) {
            transaction.execute(
                "INSERT INTO gaps (node, from_ms, to_ms, cause, lost) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![node, from_ms, to_ms, GapCause::Damaged.name(), lost],
            )?;
            noted += 1;
        }
    }
    transaction.commit()?;
    Ok(noted)
}

/// What is between spans that are in the order of their beginnings, and about how
/// many samples that was.
fn holes(spans: &[Span]) -> Vec<(i64, i64, i64)> {
    let mut holes = Vec::new();
    let Some((first, rest)) = spans.split_first() else {
        return holes;
    };
    let (mut end_ms, mut interval_ms) = (first.to_ms, first.interval_ms);
    for span in rest {
        let step_ms = interval_ms
            .max(span.interval_ms)
            .unwrap_or(INTERVAL_MS)
            .max(1);
        let gone_ms = span.from_ms.saturating_sub(end_ms);
        if gone_ms > step_ms.saturating_mul(HOLE_INTERVALS) {
            holes.push((end_ms, span.from_ms, gone_ms / step_ms - 1));
        }
        end_ms = end_ms.max(span.to_ms);
        interval_ms = span.interval_ms.or(interval_ms);
    }
    holes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_what_is_wider_than_a_few_intervals() {
        let span = |from_ms, to_ms, interval_ms| Span {
            from_ms,
            to_ms,
            interval_ms,
        };
        assert!(holes(&[]).is_empty());
        let spans = [
            span(0, 10_000, Some(1_000)),
            // Late, not gone.
            span(13_000, 20_000, Some(1_000)),
            // A gap that is known.
            span(20_500, 60_000, None),
            span(60_500, 61_000, Some(500)),
            // Inside of another one.
            span(60_600, 60_700, Some(100)),
            span(90_000, 99_000, Some(1_000)),
        ];
        assert_eq!(holes(&spans), [(61_000, 90_000, 28)]);
        // Where nothing tells the interval, only what is long is a hole.
        let spans = [span(0, 0, None), span(100_000, 100_000, None)];
        assert!(holes(&spans).is_empty());
        let spans = [span(0, 0, None), span(400_000, 400_000, None)];
        assert_eq!(holes(&spans), [(0, 400_000, 5)]);
    }
}
