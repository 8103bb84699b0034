//! Merging: small blocks into large ones. Small ones are made by [`super::merge_fresh`].
//!
//! On the writer's thread, between commits, one transaction a step. Samples of
//! one node and one layout come together; a block that has [`Sizes::full_rows`] or
//! spans a day is full and is not touched again until it is too old.
//!
//! Only what stays is worth the time of a good encoding: a block that will be
//! full within the hour goes there in one step, and its parts are plain until then.

use std::time::Instant;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::aggregate;
use super::block::{
    BlockError, FORMAT_AGGREGATES, FORMAT_RECORDS, FORMAT_ROWS, WireReader, is_known,
};
use super::column::Effort;
use super::columns::{Block, Columns};
use super::damage;
use super::insert::{LEVEL_FAIR, LEVEL_FULL, LEVEL_SMALL, NewBlock, delete_block};
use super::layouts::Stored;
use super::limits::{FULL_SPAN_MS, MERGE_VALUES_MAX, STEP_TIME, Sizes};
use super::reader::Fault;
use super::records;
use super::shared::Shared;
use super::tier::Tier;

/// Small blocks that make it worth merging them.
const SMALL_BLOCKS: usize = 8;
/// The same in the coarse tiers, where blocks are made rarely.
const SMALL_BLOCKS_COARSE: usize = 8;
/// Rows of a block of a coarse tier that is merged no further.
const FULL_ROWS_COARSE: usize = 1_024;
/// Small blocks of more rows than one in so many of a full block wait for that:
/// merging them before would be work for an hour.
const FAIR_SHARE: usize = 4;
/// After so many bytes of blocks, which all are in the log at once, a step ends.
pub const STEP_BYTES: usize = 512 << 10;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Memory that is used again for each block.
#[derive(Default)]
pub struct Buffers {
    pub columns: Columns,
    part: Vec<i64>,
}

/// Rows of a full block of that many series.
pub fn full_rows(sizes: &Sizes, width: usize) -> usize {
    sizes.full_rows.min(MERGE_VALUES_MAX / width.max(1)).max(1)
}

/// A block that may be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Small {
    id: i64,
    level: u8,
    layout: i64,
    format: u8,
    rows: usize,
    width: usize,
    span_ms: (i64, i64),
    hours_ms: i64,
}

impl Small {
    fn aggregates(&self) -> bool {
        self.format == FORMAT_AGGREGATES
    }

    fn goes_with(&self, other: &Self) -> bool {
        let of = |block: &Self| (block.layout, block.aggregates(), block.hours_ms);
        of(self) == of(other)
    }
}

/// Which blocks are merged next, and what they become. `small` is all of a
/// node and tier, oldest first.
fn choose<'a>(sizes: &Sizes, small: &'a [Small]) -> Option<(&'a [Small], u8)> {
    let mut runs = small.chunk_by(Small::goes_with).peekable();
    while let Some(run) = runs.next() {
        // Nothing will come to a run that another one follows.
        if runs.peek().is_some() {
            return Some((upto_full(sizes, run), LEVEL_FULL));
        }
        let rows: usize = run.iter().map(|block| block.rows).sum();
        let coarse = run[0].aggregates();
        let full = if coarse {
            FULL_ROWS_COARSE
        } else {
            full_rows(sizes, run[0].width)
        };
        let min_ms = run.iter().map(|block| block.span_ms.0).min()?;
        let max_ms = run.iter().map(|block| block.span_ms.1).max()?;
        if rows >= full || (!coarse && max_ms - min_ms >= FULL_SPAN_MS && run.len() > 1) {
            return Some((upto_full(sizes, run), LEVEL_FULL));
        }
        let first = run.iter().position(|block| block.level == LEVEL_SMALL);
        let fresh = first.map_or(&[][..], |first| &run[first..]);
        let enough = if coarse {
            SMALL_BLOCKS_COARSE
        } else {
            SMALL_BLOCKS
        };
        let rows: usize = fresh.iter().map(|block| block.rows).sum();
        if fresh.len() >= enough && (coarse || rows <= full / FAIR_SHARE) {
            return Some((fresh, LEVEL_FAIR));
        }
    }
    None
}

/// The oldest that make one full block.
fn upto_full<'a>(sizes: &Sizes, run: &'a [Small]) -> &'a [Small] {
    let full = if run[0].aggregates() {
        FULL_ROWS_COARSE
    } else {
        full_rows(sizes, run[0].width)
    };
    let (mut rows, mut count) = (0, 0);
    for block in run {
        rows += block.rows;
        count += 1;
        if rows >= full || block.span_ms.1 - run[0].span_ms.0 >= FULL_SPAN_MS && !block.aggregates()
        {
            break;
        }
    }
    &run[..count]
}

/// Which of the nodes have blocks to merge. Only reads: that is mostly none.
pub fn with_blocks_to_merge(
    connection: &Connection,
    shared: &Shared,
    nodes: &[i64],
) -> Result<Vec<i64>> {
    let mut found = Vec::new();
    for &node in nodes {
        for tier in Tier::ALL {
            if choose(
                &shared.sizes,
                &small_blocks(connection, shared, node, tier)?,
            )
            .is_some()
            {
                found.push(node);
                break;
            }
        }
    }
    Ok(found)
}

/// Merges small blocks of nodes where it is time, as far as one step goes.
pub fn merge_blocks(
    connection: &mut Connection,
    shared: &Shared,
    buffers: &mut Buffers,
    nodes: &[i64],
) -> Result<()> {
    let begin = Instant::now();
    let mut bytes = 0;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    'nodes: for &node in nodes {
        for tier in Tier::ALL {
            while let Some(made) = merge_once(&transaction, shared, buffers, node, tier)? {
                bytes += made;
                if bytes >= STEP_BYTES || begin.elapsed() >= STEP_TIME {
                    break 'nodes;
                }
            }
        }
    }
    Ok(transaction.commit()?)
}

/// Makes one block of small ones. Answers its bytes, `None` when there is
/// nothing (more) to do.
fn merge_once(
    transaction: &Transaction<'_>,
    shared: &Shared,
    buffers: &mut Buffers,
    node: i64,
    tier: Tier,
) -> Result<Option<usize>> {
    let small = small_blocks(transaction, shared, node, tier)?;
    let Some((run, level)) = choose(&shared.sizes, &small) else {
        return Ok(None);
    };
    for (number, block) in run.iter().enumerate() {
        let first = number == 0;
        match gather(transaction, shared, block, first, buffers) {
            Ok(()) => {}
            Err(error) if error.is_damage() => {
                // The others are merged in the next step, without it.
                let fault = Fault::block(block.id, error);
                damage::set_aside(transaction, shared, node, &fault)?;
                return Ok(Some(0));
            }
            Err(error) => return Err(error.to_string().into()),
        }
    }
    // First: what comes in their place then has room, however full the file is.
    for block in run {
        delete_block(transaction, block.id)?;
    }
    let aggregates = run[0].aggregates();
    let effort = if level == LEVEL_FULL || aggregates {
        Effort::Best
    } else {
        Effort::Fair
    };
    let span_ms = run.iter().fold(run[0].span_ms, |span, block| {
        (span.0.min(block.span_ms.0), span.1.max(block.span_ms.1))
    });
    let columns = &buffers.columns;
    let data = columns.encode(effort)?;
    NewBlock {
        node,
        tier,
        level,
        layout: run[0].layout,
        format: match aggregates {
            true => FORMAT_AGGREGATES,
            false => FORMAT_ROWS,
        },
        span_ms,
        rows: columns.rows(),
        data: &data,
    }
    .insert_with_hours(transaction, run[0].hours_ms)?;
    Ok(Some(data.len()))
}

/// Appends a block to what the buffers hold; the first one decides how wide it is.
fn gather(
    connection: &Connection,
    shared: &Shared,
    block: &Small,
    first: bool,
    buffers: &mut Buffers,
) -> std::result::Result<(), BlockError> {
    let &Small { id, format, .. } = block;
    let Buffers { columns, part } = buffers;
    let aggregates = block.aggregates();
    let stored = shared.layouts.get(connection, block.layout)?;
    let stored = stored.ok_or(BlockError::Corrupt("its layout is missing"))?;
    let width = match aggregates {
        true => aggregate::width(&stored.layout),
        false => stored.layout.len(),
    };
    if first && aggregates {
        columns.reset(width);
    } else if first {
        columns.reset_for(&stored.layout);
    }
    if format == FORMAT_RECORDS {
        let all: Vec<usize> = (0..width).collect();
        let mut reader = WireReader::new(&stored.layout);
        return with_data(connection, id, |data| {
            if let Some(base) = records::base(data, width)? {
                columns.go_on_from(base);
            }
            records::read(data, &mut reader, &all, columns)
        });
    }
    with_data(connection, id, |data| {
        let block = Block::open(data)?;
        if width != block.width() {
            return Err(BlockError::Corrupt("width"));
        }
        match aggregates {
            true => columns.append(block, part),
            false => columns.append_rows(block, part),
        }
    })
}

/// Gives the bytes of a block to `work`, where SQLite has them.
fn with_data<T>(
    connection: &Connection,
    id: i64,
    work: impl FnOnce(&[u8]) -> std::result::Result<T, BlockError>,
) -> std::result::Result<T, BlockError> {
    let mut statement = connection.prepare_cached("SELECT data FROM blocks WHERE id = ?1")?;
    let mut rows = statement.query([id])?;
    let row = rows.next()?;
    let row = row.ok_or_else(|| BlockError::Unreadable("it is gone".into()))?;
    let data = row.get_ref(0)?;
    work(data.as_blob().unwrap_or_default())
}

fn small_blocks(
    connection: &Connection,
    shared: &Shared,
    node: i64,
    tier: Tier,
) -> Result<Vec<Small>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, level, layout, format, rows, time_min_ms, time_max_ms, hours_ms FROM blocks
         WHERE node = ?1 AND tier = ?2 AND level < 2 ORDER BY id",
    )?;
    let mut rows = statement.query(params![node, tier.number()])?;
    let mut small = Vec::new();
    while let Some(row) = rows.next()? {
        let (layout, format): (i64, u8) = (row.get(2)?, row.get(3)?);
        if !is_known(format) {
            // Of whoever can read it; the others are merged all the same.
            continue;
        }
        let stored = shared.layouts.get(connection, layout)?;
        small.push(Small {
            id: row.get(0)?,
            level: row.get(1)?,
            layout,
            format,
            rows: row.get::<_, u32>(4)? as usize,
            width: stored.map_or(1, |stored: std::sync::Arc<Stored>| stored.layout.len()),
            span_ms: (row.get(5)?, row.get(6)?),
            hours_ms: row.get(7)?,
        });
    }
    Ok(small)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(id: i64, rows: usize, level: u8, layout: i64) -> Small {
        Small {
            id,
            level,
            layout,
            format: FORMAT_ROWS,
            rows,
            width: 60,
            hours_ms: 0,
            span_ms: (id * 1_000, id * 1_000 + 999),
        }
    }

    fn chosen(small: &[Small]) -> Option<(Vec<i64>, u8)> {
        let (run, level) = choose(&Sizes::default(), small)?;
        Some((run.iter().map(|block| block.id).collect(), level))
    }

    #[test]
    fn blocks_grow_by_steps_and_stop_when_full() {
        let fresh =
            |count: i64| -> Vec<Small> { (0..count).map(|id| small(id, 32, 0, 1)).collect() };
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&fresh(7)), None);
        assert_eq!(chosen(&fresh(8)), Some(((0..8).collect(), LEVEL_FAIR)));
        let mut mixed = vec![small(1, 1_400, 1, 1), small(2, 1_288, 1, 1)];
        mixed.extend((3..8).map(|id| small(id, 32, 0, 1)));
        assert_eq!(chosen(&mixed), None);
        mixed.extend((8..10).map(|id| small(id, 32, 0, 1)));
        // 2912 rows: what is over stays for the next block.
        assert_eq!(
            chosen(&mixed),
            Some((vec![1, 2, 3, 4, 5, 6, 7, 8], LEVEL_FULL))
        );
        // Of many rows each: they wait for a full block.
        let quick =
            |count: i64| -> Vec<Small> { (0..count).map(|id| small(id, 210, 0, 1)).collect() };
        assert_eq!(chosen(&quick(13)), None);
        assert_eq!(chosen(&quick(14)), Some(((0..14).collect(), LEVEL_FULL)));
        // Wide layouts are full sooner.
        let wide = [Small {
            width: 8_000,
            rows: 131,
            ..small(1, 0, 0, 1)
        }];
        assert_eq!(chosen(&wide), Some((vec![1], LEVEL_FULL)));
    }

    #[test]
    fn a_layout_that_is_over_is_merged_for_good() {
        let changed = [small(1, 32, 0, 1), small(2, 600, 1, 1), small(3, 32, 0, 2)];
        assert_eq!(chosen(&changed), Some((vec![1, 2], LEVEL_FULL)));
        assert_eq!(
            chosen(&[small(1, 5, 0, 1), small(2, 5, 0, 2)]),
            Some((vec![1], LEVEL_FULL))
        );
    }

    #[test]
    fn a_day_is_enough_however_few_the_rows() {
        let day = |id: i64| Small {
            span_ms: (id * FULL_SPAN_MS / 2, (id + 1) * FULL_SPAN_MS / 2),
            ..small(id, 3, 0, 1)
        };
        assert_eq!(chosen(&[day(0)]), None);
        assert_eq!(
            chosen(&[day(0), day(1), day(2)]),
            Some((vec![0, 1], LEVEL_FULL))
        );
    }
}
