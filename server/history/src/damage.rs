//! Blocks whose bytes are not what was written: named, set aside as they are,
//! and not spread by merging. What is sound of them stays readable.

use rusqlite::{Connection, OptionalExtension, params};

use super::catalogue;
use super::error::Result;
use super::reader::Fault;
use super::state::HistoryState;
use super::tier::Tier;
use stardust_base::clock::wall_ms;
use stardust_blocks::base::{self, Bases};
use stardust_blocks::block::{FORMAT_RECORDS, FORMAT_ROWS, Run, Scratch, read_rows};
use stardust_blocks::column::Effort;
use stardust_blocks::columns::{Block, Columns};
use stardust_blocks::records;
use stardust_model::gap::GapCause;
use stardust_shared::ABSENT;

/// Blocks that are kept in `damaged`; the oldest go first.
const KEPT_MAX: i64 = 100;

/// In the caller's transaction. Does nothing when the block is gone already.
pub fn set_aside(
    connection: &Connection,
    shared: &HistoryState,
    node: i64,
    fault: &Fault,
) -> Result<()> {
    let why = fault.error.to_string();
    let (table, columns) = if fault.fresh {
        ("fresh", "node, 0, layout, 0")
    } else {
        ("blocks", "node, tier, layout, format")
    };
    let moved = connection.execute(
        &format!(
            "INSERT INTO damaged (node, tier, layout, format, time_min_ms, time_max_ms, rows,
                                  why, found_ms, data)
             SELECT {columns}, time_min_ms, time_max_ms, rows, ?2, ?3, data
             FROM {table} WHERE id = ?1"
        ),
        params![fault.id, why, wall_ms()],
    )?;
    if moved == 0 {
        return Ok(());
    }
    let saved = if fault.fresh {
        shared.fresh().end_chain(node, fault.id);
        connection.execute("DELETE FROM fresh WHERE id = ?1", [fault.id])?;
        None
    } else {
        save_what_is_sound(connection, shared, node, fault.id)?
    };
    let span: (i64, i64, i64) = connection.query_row(
        "SELECT time_min_ms, time_max_ms, rows FROM damaged WHERE id = last_insert_rowid()",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    connection.execute(
        "INSERT INTO gaps (node, from_ms, to_ms, cause, lost) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            node,
            span.0,
            span.1.max(span.0 + 1),
            GapCause::Damaged.name(),
            (span.2 - saved.unwrap_or(0)).max(0)
        ],
    )?;
    connection.execute(
        "DELETE FROM damaged WHERE id <= (SELECT MAX(id) FROM damaged) - ?1",
        [KEPT_MAX],
    )?;
    stardust_base::log::error(&format!(
        "history: {table} {} of node {node} ({} samples, {} to {} in Unix milliseconds) was set \
         aside: {why}. {}The disk may be failing.",
        fault.id,
        span.2,
        span.0,
        span.1,
        if saved.is_some() {
            "What is sound of it stays readable. "
        } else {
            ""
        }
    ));
    Ok(())
}

/// Puts a block of what can be read in the place of the damaged one. Answers its
/// rows; `None` when nothing can be read.
fn save_what_is_sound(
    connection: &Connection,
    shared: &HistoryState,
    node: i64,
    id: i64,
) -> Result<Option<i64>> {
    let found: Option<(i64, u8, u8, Vec<u8>)> = connection
        .query_row(
            "SELECT layout, format, tier, data FROM blocks WHERE id = ?1",
            [id],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .optional()?;
    let Some((layout, format, tier, data)) = found else {
        return Ok(None);
    };
    let stored = shared.layouts.get(connection, layout)?;
    let sound = match &stored {
        Some(stored) if format == FORMAT_RECORDS => {
            let sound = records::sound(&data, &stored.layout);
            sound.map(|(data, rows)| (format, data, rows))
        }
        Some(stored) if format == FORMAT_ROWS && tier != Tier::Hour.number() => {
            match sound_columns(&data, stored.len()) {
                Some(columns) => Some((FORMAT_ROWS, columns.encode(Effort::Best)?, columns.rows())),
                None => None,
            }
        }
        // Parts of an aggregate are of no use alone.
        _ => None,
    };
    match sound {
        Some((format, data, rows)) => {
            let rows = i64::try_from(rows)?;
            connection.execute(
                "UPDATE blocks SET data = ?2, bytes = ?3, format = ?4, rows = ?5 WHERE id = ?1",
                params![id, data, data.len() as i64, format, rows],
            )?;
            Ok(Some(rows))
        }
        None => {
            connection.execute("DELETE FROM blocks WHERE id = ?1", [id])?;
            catalogue::release(connection, shared, node, i64::MIN, [layout])?;
            Ok(None)
        }
    }
}

fn sound_columns(data: &[u8], width: usize) -> Option<Columns> {
    let block = Block::open(data).ok()?;
    let mut columns = Columns::new(width);
    block.times(&mut columns.times).ok()?;
    let rows = columns.rows();
    for column in &mut columns.values {
        column.resize(rows, ABSENT);
    }
    let wanted: Vec<usize> = (0..width.min(block.width())).collect();
    let mut sound = 0;
    let mut each = |number: usize, _: &[i64], run: Run<'_>, _: &Bases| {
        sound += 1;
        match run {
            Run::Constant(value) => columns.values[number].fill(value),
            Run::Each(values) => columns.values[number].copy_from_slice(values),
        }
    };
    // The error is why we are here.
    let _ = read_rows(data, &wanted, &mut Scratch::default(), &mut each);
    let bases = block.bases().ok()?;
    columns.segments = bases.known(rows, |at, rows| base::first(&columns.values[at][rows]));
    (sound > 0).then_some(columns)
}
