//! Merging: small blocks into large ones. Small ones are made by [`super::merge_fresh`].
//!
//! On the writer's thread, between commits, one transaction a step. Samples of
//! one node come together, whatever lists of series they are of; a block that has
//! [`Sizes::full_rows`] or spans a day is full and is not touched again until it is too
//! old. Series that few of its rows have are then in blocks of their own, so that who
//! asks for the others does not read past them.
//!
//! Only what stays is worth the time of a good encoding: a block that will be
//! full within the hour goes there in one step, and its parts are plain until then.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::catalogue;
use super::damage;
use super::error::{Result, unreadable};
use super::insert::{LEVEL_FULL, NewBlock, delete_block};
use super::layouts::Stored;
use super::limits::{RARE_SHARE, STEP_TIME, Sizes, UNION_SERIES_MAX};
use super::merge_choice::{Amount, Small, choose_of, small_blocks};
use super::reader::Fault;
use super::state::HistoryState;
use super::tier::Tier;
use stardust_blocks::BlockError;
use stardust_blocks::aggregate::Offsets;
use stardust_blocks::block::{FORMAT_AGGREGATES, FORMAT_RECORDS, FORMAT_ROWS, WireReader};
use stardust_blocks::column::Effort;
use stardust_blocks::columns::{Block, Columns};
use stardust_blocks::limits::MERGE_VALUES_MAX;
use stardust_blocks::records;
use stardust_blocks::union::Union;
use stardust_shared::limits::SERIES_MAX;

/// After so many bytes of blocks, which all are in the log at once, a step ends.
pub const STEP_BYTES: usize = 512 << 10;

/// Memory that is used again for each block.
#[derive(Default)]
pub struct Buffers {
    pub columns: Columns,
    pub union: Union,
}

/// Which of the nodes have blocks to merge. Only reads: that is mostly none.
pub fn with_blocks_to_merge(
    connection: &Connection,
    shared: &HistoryState,
    nodes: &[i64],
) -> Result<Vec<i64>> {
    let mut found = Vec::new();
    for &node in nodes {
        for tier in Tier::ALL {
            let small = small_blocks(connection, shared, node, tier)?;
            if choose_of(&shared.sizes, &small).is_some() {
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
    shared: &HistoryState,
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
    shared: &HistoryState,
    buffers: &mut Buffers,
    node: i64,
    tier: Tier,
) -> Result<Option<usize>> {
    let small = small_blocks(transaction, shared, node, tier)?;
    let Some((run, level)) = choose_of(&shared.sizes, &small) else {
        return Ok(None);
    };
    let set_aside = |block: &Small, error: BlockError| -> Result<Option<usize>> {
        if !error.is_damage() {
            return Err(error.to_string().into());
        }
        // The others are merged in the next step, without it.
        let fault = Fault::block(block.id, error);
        damage::set_aside(transaction, shared, node, &fault)?;
        Ok(Some(0))
    };
    let mut lists = Vec::new();
    for block in run {
        match shared.layouts.get(transaction, block.layout)? {
            Some(stored) => lists.push(stored),
            None => return set_aside(block, BlockError::Corrupt("its layout is missing")),
        }
    }
    let most = if level == LEVEL_FULL && !run[0].aggregates() {
        UNION_SERIES_MAX
    } else {
        SERIES_MAX
    };
    let (fits, whole) = join(&lists, most);
    // What does not fit comes into the next one.
    let level = if fits < run.len() { LEVEL_FULL } else { level };
    let run = &run[..fits];
    let aggregates = run[0].aggregates();
    let offsets = Offsets::of(whole.gauges(), whole.len());
    match aggregates {
        true => buffers.union.reset(offsets.width(), usize::MAX),
        false => buffers.union.reset(whole.len(), whole.gauges()),
    }
    let mut count = 0;
    for (block, stored) in run.iter().zip(&lists) {
        if buffers.union.base_values() > MERGE_VALUES_MAX {
            // Blocks of many bases, each of many series, go into the next one.
            break;
        }
        count += 1;
        let at = whole.positions(stored);
        let gathered = gather(transaction, block, stored, (&at, &offsets), buffers);
        if let Err(error) = gathered {
            return set_aside(block, error);
        }
    }
    let level = if count < run.len() { LEVEL_FULL } else { level };
    let run = &run[..count];
    // First: what comes in their place then has room, however full the file is.
    for block in run {
        delete_block(transaction, block.id)?;
    }
    let effort = if level == LEVEL_FULL || aggregates {
        Effort::Best
    } else {
        Effort::Fair
    };
    let of = NewBlock {
        node,
        tier,
        level,
        layout: 0,
        format: match aggregates {
            true => FORMAT_AGGREGATES,
            false => FORMAT_ROWS,
        },
        span_ms: Amount::of(run).span_ms.unwrap_or_default(),
        rows: 0,
        rare: run[0].rare,
        data: &[],
    };
    let bytes = insert_union(
        transaction,
        &shared.sizes,
        &buffers.union,
        &whole,
        of,
        effort,
        run[0].hours_ms,
    )?;
    let gone: BTreeSet<i64> = run.iter().map(|block| block.layout).collect();
    catalogue::release(transaction, shared, node, i64::MIN, gone)?;
    Ok(Some(bytes))
}

/// The first lists whose series fit one block, and all of these. At least one does.
fn join(lists: &[Arc<Stored>], most: usize) -> (usize, Stored) {
    let mut ids = BTreeSet::new();
    let mut fits = 1;
    for (number, stored) in lists.iter().enumerate().skip(1) {
        if stored.list != lists[number - 1].list {
            if ids.is_empty() {
                ids.extend(lists[0].list.ids());
            }
            ids.extend(stored.list.ids());
            if ids.len() > most {
                break;
            }
        }
        fits = number + 1;
    }
    let whole = Stored::union(lists[..fits].iter().map(|stored| &**stored));
    (fits, whole)
}

/// Writes gathered rows as blocks like `of`. Answers how many bytes those are.
pub fn insert_union(
    connection: &Connection,
    sizes: &Sizes,
    union: &Union,
    whole: &Stored,
    of: NewBlock<'_>,
    effort: Effort,
    hours_ms: i64,
) -> Result<usize> {
    let aggregates = of.format == FORMAT_AGGREGATES;
    let offsets = Offsets::of(whole.gauges(), whole.len());
    let columns_of = |at: usize| match aggregates {
        true => offsets.of_series(at),
        false => at..at + 1,
    };
    let mut apart = vec![false; whole.len()];
    if of.level == LEVEL_FULL && !of.rare {
        (0..whole.len()).for_each(|at| apart[at] = union.is_rare(columns_of(at).start, RARE_SHARE));
        let count = apart.iter().filter(|apart| **apart).count();
        if count < sizes.rare_series || count == whole.len() {
            apart.fill(false);
        }
    }
    let mut bytes = 0;
    for rare in [false, true] {
        let all: Vec<usize> = (0..whole.len()).filter(|at| apart[*at] == rare).collect();
        for at in all.chunks(SERIES_MAX) {
            let part = match at.len() == whole.len() {
                true => whole.clone(),
                false => whole.part(at),
            };
            let columns: Vec<usize> = at.iter().flat_map(|at| columns_of(*at)).collect();
            let data = union.encode(&columns, effort)?;
            let layout = catalogue::row_of_stored(connection, of.node, &part)?;
            bytes += data.len();
            NewBlock {
                layout,
                rows: union.rows(),
                rare: of.rare || rare,
                data: &data,
                ..of
            }
            .insert_with_hours(connection, hours_ms)?;
        }
    }
    Ok(bytes)
}

/// Appends a block to what the buffers hold. `at` says where its series are among all of
/// those, `offsets` where the columns of these are.
fn gather(
    connection: &Connection,
    block: &Small,
    stored: &Stored,
    (at, offsets): (&[usize], &Offsets),
    buffers: &mut Buffers,
) -> std::result::Result<(), BlockError> {
    let Buffers { columns, union } = buffers;
    let width = stored.len();
    if at.len() != width {
        return Err(BlockError::Corrupt("a series twice"));
    }
    with_data(connection, block.id, |data| {
        if block.format == FORMAT_RECORDS {
            let all: Vec<usize> = (0..width).collect();
            columns.reset(width);
            if let Some(base) = records::base(data, width)? {
                columns.go_on_from(base);
            }
            let mut reader = WireReader::new(&stored.layout);
            records::read(data, &mut reader, &all, columns)?;
            union.append(columns, at);
            return Ok(());
        }
        let read = Block::open(data)?;
        if !block.aggregates() {
            if width != read.width() {
                return Err(BlockError::Corrupt("width"));
            }
            return union.append_block(&read, at, true);
        }
        let own = Offsets::of_block(width, read.width())?;
        let columns: Vec<usize> = at
            .iter()
            .enumerate()
            .flat_map(|(number, at)| {
                let (own, wide) = (own.of_series(number), offsets.of_series(*at));
                wide.take(own.len())
            })
            .collect();
        if columns.len() != read.width() {
            return Err(BlockError::Corrupt("kinds of series"));
        }
        union.append_block(&read, &columns, false)
    })
}

/// Gives the bytes of a block to `work`, where SQLite has them.
fn with_data<T>(
    connection: &Connection,
    id: i64,
    work: impl FnOnce(&[u8]) -> std::result::Result<T, BlockError>,
) -> std::result::Result<T, BlockError> {
    let statement = connection.prepare_cached("SELECT data FROM blocks WHERE id = ?1");
    let mut statement = statement.map_err(unreadable)?;
    let mut rows = statement.query([id]).map_err(unreadable)?;
    let row = rows.next().map_err(unreadable)?;
    let row = row.ok_or_else(|| BlockError::Unreadable("it is gone".into()))?;
    let data = row.get_ref(0).map_err(unreadable)?;
    work(data.as_blob().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_joined_as_long_as_their_series_fit() {
        let of = |ids: std::ops::Range<i64>| {
            let series = ids
                .clone()
                .map(|id| stardust_shared::SeriesDef::new("proc.total", &[("n", &id.to_string())]));
            let layout = stardust_shared::Layout::new(0, series.collect());
            Arc::new(Stored::new(crate::list::List::new(ids), layout))
        };
        let lists = [of(0..50), of(0..50), of(40..90), of(0..90), of(80..120)];
        let fits = |most| {
            let (fits, whole) = join(&lists, most);
            (fits, whole.len())
        };
        assert_eq!(fits(10), (2, 50));
        assert_eq!(fits(89), (2, 50));
        assert_eq!(fits(90), (4, 90));
        assert_eq!(fits(500), (5, 120));
    }
}
