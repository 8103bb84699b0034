//! Merging: fresh records into small blocks, small blocks into large ones.
//!
//! On the writer's thread, between commits, one transaction a step. Samples of
//! one node and one layout come together; a block that has [`Sizes::full_rows`] or
//! spans a day is full and is not touched again until it is too old.
//!
//! Only what stays is worth the time of a good encoding: a block that will be
//! full within the hour goes there in one step, and its parts are plain until then.

use std::time::Instant;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use stardust_shared::ABSENT;

use super::aggregate;
use super::base::{self, Base, Segment};
use super::block::{
    BlockError, FORMAT_AGGREGATES, FORMAT_AGGREGATES_V5, FORMAT_COLUMNS_V1, FORMAT_RECORDS,
    FORMAT_RECORDS_V6, FORMAT_ROWS, WireReader, is_aggregates, is_known, is_old_aggregates,
    is_records, is_rows,
};
use super::bucket::{Bucket, Column};
use super::column::Effort;
use super::columns::{Block, Columns};
use super::columns_v1;
use super::commit;
use super::damage;
use super::fresh::{Merged, Row};
use super::insert::{LEVEL_FAIR, LEVEL_FULL, LEVEL_SMALL, NewBlock, delete_block};
use super::layouts::Stored;
use super::limits::{FRESH_NODES, FULL_SPAN_MS, MERGE_VALUES_MAX, STEP_TIME, Sizes};
use super::reader::{Fault, NodeReader};
use super::records;
use super::runs::{Correction, Runs};
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
/// Samples of a commit, on average, that make it worth keeping them as they came.
const DENSE_ROWS: usize = 5;
/// After so many bytes of blocks, which all are in the log at once, a step ends.
const STEP_BYTES: usize = 512 << 10;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Whether it is time to merge fresh records, or a merge is under way.
pub fn is_due(connection: &Connection, shared: &Shared, bytes_max: u64) -> rusqlite::Result<bool> {
    if Merged::read(connection)?.end_id > 0 {
        return Ok(true);
    }
    let fresh = shared.fresh();
    Ok(fresh.longest() >= shared.sizes.generation_commits as usize || fresh.bytes >= bytes_max)
}

/// Memory that is used again for each block.
#[derive(Default)]
pub struct Buffers {
    columns: Columns,
    part: Vec<i64>,
}

/// Merges the fresh records of the next few nodes. Answers which those were.
pub fn merge_fresh(
    connection: &mut Connection,
    shared: &Shared,
    buffers: &mut Buffers,
) -> Result<Vec<i64>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut merged = Merged::read(&transaction)?;
    if merged.end_id == 0 {
        merged.end_id = shared.fresh().last_id();
    }
    let mut fresh = shared.fresh();
    fresh.begin_merge(merged.end_id);
    let mut nodes = fresh.nodes_before(merged.end_id, merged.node, FRESH_NODES + 1);
    drop(fresh);
    let (begin, mut bytes, mut done) = (Instant::now(), 0, 0);
    for &node in nodes.iter().take(FRESH_NODES) {
        if bytes >= STEP_BYTES || begin.elapsed() >= STEP_TIME {
            break;
        }
        let (rows, reached) = {
            let fresh = shared.fresh();
            (fresh.to_merge(node, merged.end_id), fresh.reached(node))
        };
        commit::note_progress(&transaction, &reached)?;
        merge_fresh_of(&transaction, shared, buffers, node, &rows)?;
        bytes += rows.iter().map(|row| row.bytes as usize).sum::<usize>();
        done += 1;
    }
    let more = nodes.len() > done;
    nodes.truncate(done);
    let end_id = merged.end_id;
    if !more {
        transaction
            .prepare_cached("DELETE FROM fresh WHERE id <= ?1")?
            .execute([end_id])?;
        merged = Merged::default();
    } else {
        merged.node = nodes.last().copied().unwrap_or(merged.node);
    }
    merged.write(&transaction)?;
    transaction.commit()?;
    let mut fresh = shared.fresh();
    fresh.retire(&nodes, end_id, Instant::now());
    if !more {
        fresh.end_generation();
    }
    Ok(nodes)
}

fn merge_fresh_of(
    transaction: &Transaction<'_>,
    shared: &Shared,
    buffers: &mut Buffers,
    node: i64,
    rows: &[Row],
) -> Result<()> {
    let reader = NodeReader::new(transaction, &shared.layouts, node);
    let mut faults = Vec::new();
    let known = Runs::load(transaction, node, None)?;
    let mut runs = known.clone();
    for rows in rows.chunk_by(|a, b| (a.run, a.layout) == (b.run, b.layout)) {
        let Some(stored) = reader.layout(rows[0].layout)? else {
            let error = BlockError::Corrupt("its layout is missing");
            faults.extend(rows.iter().map(|row| Fault {
                fresh: true,
                id: row.id,
                error: error.clone(),
            }));
            continue;
        };
        let rows_max = full_rows(&shared.sizes, stored.layout.len());
        let mut rest = rows;
        while !rest.is_empty() {
            // What a Spider sends after a long cut can be more than one block's worth.
            let (mut count, mut length) = (0, 0);
            for chain in rest.chunk_by(|_, row| row.chain.before.is_some()) {
                let more: usize = chain.iter().map(|row| row.rows as usize).sum();
                if count > 0 && count + more > rows_max {
                    break;
                }
                count += more;
                length += chain.len();
            }
            let (now, later) = rest.split_at(length);
            rest = later;
            if are_dense(&shared.sizes, now) {
                let base = match base_without_decoding(&reader, &runs, &stored, now) {
                    Some((base, last)) => {
                        note_last(&mut runs, now[0].run, &stored, &last);
                        Some(base)
                    }
                    None => {
                        let columns = &mut buffers.columns;
                        gather_fresh(&reader, &stored, now, columns, &mut Vec::new());
                        note_samples(&mut runs, now[0].run, &stored, columns)
                    }
                };
                insert_records(transaction, &reader, node, now, base, &mut faults)?;
                continue;
            }
            let columns = &mut buffers.columns;
            gather_fresh(&reader, &stored, now, columns, &mut faults);
            let base = note_samples(&mut runs, now[0].run, &stored, columns);
            columns
                .segments
                .extend(base.map(|base| Segment { row: 0, base }));
            insert_rows(transaction, &shared.sizes, node, now[0].layout, columns)?;
        }
    }
    for fault in faults {
        damage::set_aside(transaction, shared, node, &fault)?;
    }
    insert_corrections(transaction, &reader, node, runs.corrections())?;
    Ok(runs.save(transaction, &known)?)
}

fn gather_fresh(
    reader: &NodeReader<'_>,
    stored: &Stored,
    rows: &[Row],
    columns: &mut Columns,
    faults: &mut Vec<Fault>,
) {
    let all: Vec<usize> = (0..stored.layout.len()).collect();
    columns.reset_for(&stored.layout);
    reader.read_fresh(rows, stored, &all, columns, faults);
}

/// From where the samples of these rows go on, and the last one of them, when it is
/// enough to look at the last chain: the run has had all of these counters, and all of
/// them are in that sample.
fn base_without_decoding(
    reader: &NodeReader<'_>,
    runs: &Runs,
    stored: &Stored,
    rows: &[Row],
) -> Option<(Base, (i64, Vec<i64>))> {
    let run = runs.get(rows[0].run).filter(|run| !run.old)?;
    let base = |at: usize| match stored.names[at] {
        0 => Some(None),
        name => Some(Some(scaled(
            *run.last.get(&name)?,
            stored.layout.series()[at].scale,
        ))),
    };
    let base: Option<Base> = (0..stored.layout.len()).map(base).collect();
    let base = base?;
    let begin = rows.iter().rposition(|row| row.chain.before.is_none())?;
    // What can't be read is told when it is read for good.
    let mut faults = Vec::new();
    let last = reader.last_fresh(&rows[begin..], stored, &mut faults)?;
    let mut there = stored.names.iter().zip(&last.1);
    let whole = there.all(|(name, value)| *name == 0 || *value != ABSENT);
    (whole && faults.is_empty()).then_some((base, last))
}

/// A sample's value as columns have it.
fn scaled(point: (i64, i64), scale: u32) -> (i64, i64) {
    (point.0, point.1.div_euclid(i64::from(scale)))
}

fn note_last(runs: &mut Runs, run: i64, stored: &Stored, last: &(i64, Vec<i64>)) {
    let series = stored.layout.series().iter();
    for ((&name, &value), series) in stored.names.iter().zip(&last.1).zip(series) {
        if name != 0 {
            let value = value.saturating_mul(i64::from(series.scale));
            runs.ended(run, name, (last.0, value));
        }
    }
    runs.reached(run, last.0);
}

/// Notes what these samples of a run are. Answers from where they go on, where anybody
/// knows.
pub fn note_samples(runs: &mut Runs, run: i64, stored: &Stored, columns: &Columns) -> Option<Base> {
    let (&begin_ms, &end_ms) = columns.times.first().zip(columns.times.last())?;
    let unknown = run == 0 || runs.of(run).old;
    if run != 0 {
        runs.begin(run, begin_ms);
    }
    let mut base: Base = vec![None; columns.values.len()];
    let series = stored.names.iter().zip(stored.layout.series());
    for (at, (&name, series)) in series.enumerate().filter(|(_, (name, _))| **name != 0) {
        let values = &columns.values[at];
        let unscaled =
            |(time_ms, value): (i64, i64)| (time_ms, value.saturating_mul(i64::from(series.scale)));
        let first = values.iter().position(|value| *value != ABSENT);
        let first = first.map(|row| unscaled((columns.times[row], values[row])));
        // One that is not in these samples goes on from its own last one at the most.
        let before = runs.before(run, name, first.map_or(i64::MIN, |first| first.0));
        base[at] = before.map(|before| scaled(before, series.scale));
        if let Some(first) = first.filter(|_| !unknown) {
            runs.counted(run, name, first, before);
        }
        let last = base::last(&columns.times, values, 0, None);
        if let Some(last) = last.filter(|_| run != 0) {
            runs.ended(run, name, unscaled(last));
        }
    }
    if run != 0 {
        runs.reached(run, end_ms);
        runs.of(run).old = false;
    }
    (!unknown).then_some(base)
}

/// What was counted otherwise than it is now that more is known.
fn insert_corrections(
    transaction: &Transaction<'_>,
    reader: &NodeReader<'_>,
    node: i64,
    mut corrections: Vec<Correction>,
) -> Result<()> {
    if corrections.is_empty() {
        return Ok(());
    }
    let layouts: Vec<i64> = transaction
        .prepare_cached("SELECT DISTINCT layout FROM blocks WHERE node = ?1 ORDER BY layout DESC")?
        .query_map([node], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for layout in layouts {
        let Some(stored) = reader.layout(layout)? else {
            continue;
        };
        let at = |name: u64| stored.names.iter().position(|known| *known == name);
        let (here, others) = corrections
            .into_iter()
            .partition(|one| at(one.name).is_some());
        let here: Vec<Correction> = here;
        corrections = others;
        if let (Some(min), Some(max)) = (
            here.iter().map(|one| one.time_ms).min(),
            here.iter().map(|one| one.time_ms).max(),
        ) {
            let mut times: Vec<i64> = here.iter().map(|one| one.time_ms).collect();
            times.sort_unstable();
            times.dedup();
            let series = stored.layout.series().iter();
            let mut columns: Vec<Column> = series
                .map(|series| Column::new(series.kind, times.len()))
                .collect();
            for one in &here {
                let (Some(at), Ok(row)) = (at(one.name), times.binary_search(&one.time_ms)) else {
                    continue;
                };
                columns[at].merge(row, &Bucket::step(one.steps, one.grown, one.elapsed_ms));
            }
            let rows = aggregate::columns(&stored.layout, &times, &columns);
            NewBlock {
                node,
                tier: Tier::Raw,
                level: LEVEL_FULL,
                layout,
                format: FORMAT_AGGREGATES,
                span_ms: (min, max),
                rows: rows.rows(),
                data: &rows.encode(Effort::Quick)?,
            }
            .insert(transaction)?;
        }
        if corrections.is_empty() {
            break;
        }
    }
    Ok(())
}

/// Whether records are better left as they are until they are merged for good: where
/// samples are rare, their columns stay for hours and are read often, and what is
/// nearly a full block is made one.
fn are_dense(sizes: &Sizes, rows: &[Row]) -> bool {
    let count: usize = rows.iter().map(|row| row.rows as usize).sum();
    count >= DENSE_ROWS * rows.len() && count < sizes.fair_rows
}

fn insert_records(
    transaction: &Transaction<'_>,
    reader: &NodeReader<'_>,
    node: i64,
    rows: &[Row],
    base: Option<Base>,
    faults: &mut Vec<Fault>,
) -> Result<()> {
    let (mut data, mut chain) = (Vec::new(), Vec::new());
    if let Some(base) = &base {
        records::put_base(base, &mut data);
    }
    let (mut count, mut span_ms) = (0, (i64::MAX, i64::MIN));
    reader.each_fresh(rows, faults, |row, records| {
        if row.chain.before.is_none() {
            records::put_records(&chain, &mut data);
            chain.clear();
        }
        chain.extend_from_slice(records);
        count += row.rows as usize;
        span_ms.0 = span_ms.0.min(row.time_min_ms);
        span_ms.1 = span_ms.1.max(row.time_max_ms);
        Ok(())
    });
    records::put_records(&chain, &mut data);
    if count == 0 {
        return Ok(());
    }
    NewBlock {
        node,
        tier: Tier::Raw,
        level: LEVEL_SMALL,
        layout: rows[0].layout,
        format: match base {
            Some(_) => FORMAT_RECORDS,
            None => FORMAT_RECORDS_V6,
        },
        span_ms,
        rows: count,
        data: &data,
    }
    .insert(transaction)?;
    Ok(())
}

fn insert_rows(
    transaction: &Transaction<'_>,
    sizes: &Sizes,
    node: i64,
    layout: i64,
    columns: &Columns,
) -> Result<()> {
    let Some(span_ms) = columns.span_ms() else {
        return Ok(());
    };
    let (level, effort) = if columns.rows() >= full_rows(sizes, columns.values.len()) {
        (LEVEL_FULL, Effort::Best)
    } else if columns.rows() >= sizes.fair_rows {
        (LEVEL_FAIR, Effort::Quick)
    } else {
        (LEVEL_SMALL, Effort::Quick)
    };
    NewBlock {
        node,
        tier: Tier::Raw,
        level,
        layout,
        format: FORMAT_ROWS,
        span_ms,
        rows: columns.rows(),
        data: &columns.encode(effort)?,
    }
    .insert(transaction)?;
    Ok(())
}

/// Rows of a full block of that many series.
fn full_rows(sizes: &Sizes, width: usize) -> usize {
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
        is_aggregates(self.format)
    }

    fn goes_with(&self, other: &Self) -> bool {
        let of = |block: &Self| {
            let kind = (is_aggregates(block.format), is_old_aggregates(block.format));
            (block.layout, kind, block.hours_ms)
        };
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
            true if is_old_aggregates(run[0].format) => FORMAT_AGGREGATES_V5,
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
    let aggregates = is_aggregates(format);
    let stored = shared.layouts.get(connection, block.layout)?;
    let stored = stored.ok_or(BlockError::Corrupt("its layout is missing"))?;
    let width = match aggregates {
        true => aggregate::width(&stored.layout, format),
        false => stored.layout.len(),
    };
    if first && aggregates {
        columns.reset(width);
    } else if first {
        columns.reset_for(&stored.layout);
    }
    if is_records(format) {
        let all: Vec<usize> = (0..width).collect();
        let mut reader = WireReader::new(&stored.layout);
        return with_data(connection, id, |data| {
            if let Some(base) = records::base(data, format, width)? {
                columns.go_on_from(base);
            }
            records::read(data, format, &mut reader, &all, columns)
        });
    }
    if !(is_rows(format) || aggregates) {
        let whole = read_whole(connection, id, format)?;
        if width != whole.values.len() {
            return Err(BlockError::Corrupt("width"));
        }
        columns.times.extend(whole.times);
        for (column, more) in columns.values.iter_mut().zip(whole.values) {
            column.extend(more);
        }
        return Ok(());
    }
    with_data(connection, id, |data| {
        let block = Block::open(data)?;
        if width != block.width() {
            return Err(BlockError::Corrupt("width"));
        }
        if format == FORMAT_ROWS {
            return columns.append_rows(block, part);
        }
        columns.append(block, part)?;
        if !aggregates {
            columns.tail.clear();
        }
        Ok(())
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

/// All columns of a block, which is not one of records.
pub fn read_whole(
    connection: &Connection,
    id: i64,
    format: u8,
) -> std::result::Result<Columns, BlockError> {
    let data: Vec<u8> = connection
        .prepare_cached("SELECT data FROM blocks WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    if is_rows(format) || is_aggregates(format) {
        let block = Block::open(&data[..])?;
        let mut columns = Columns::new(block.width());
        columns.append(block, &mut Vec::new())?;
        return Ok(columns);
    }
    if format == FORMAT_COLUMNS_V1 {
        return columns_v1::decode(&data);
    }
    Err(BlockError::UnknownFormat(format))
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
