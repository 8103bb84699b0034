//! Makes coarser tiers of finer ones: hours beside the samples, minutes in the
//! place of samples that have become too old. On the writer's thread.

use std::cell::RefCell;
use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::aggregate;
use super::block::{FORMAT_AGGREGATES, FORMAT_COLUMNS_V1, FORMAT_RECORDS, is_aggregates, is_rows};
use super::bucket::{Column, Place};
use super::column::Effort;
use super::damage;
use super::insert::{LEVEL_FULL, LEVEL_SMALL, NewBlock, delete_block};
use super::layouts::Stored;
use super::merge::Result;
use super::reader::{Fault, Head, Item, NodeReader, Wanted, hours_until_ms};
use super::shared::Shared;
use super::tier::Tier;

/// Hours are made when so many of them are there: a block of fewer would be
/// mostly directory.
const HOURS_AT_ONCE: i64 = 12;
/// Most of them in one step.
const HOURS_MAX: i64 = 31 * 24;

/// Gathers buckets of the samples that it is fed, layout by layout.
struct Roll {
    step_ms: i64,
    /// Last sample of each counter, by its key.
    before: HashMap<Box<str>, (i64, i64)>,
    made: Vec<Made>,
}

/// One block's worth.
struct Made {
    layout: i64,
    starts: Vec<i64>,
    columns: Vec<Column>,
}

/// Numbers buckets in the order in which they are met.
#[derive(Default)]
struct Slots {
    starts: Vec<i64>,
    at: HashMap<i64, usize>,
}

impl Slots {
    fn of(&mut self, start_ms: i64) -> usize {
        if self.starts.last() == Some(&start_ms) {
            return self.starts.len() - 1;
        }
        *self.at.entry(start_ms).or_insert_with(|| {
            self.starts.push(start_ms);
            self.starts.len() - 1
        })
    }
}

impl Roll {
    fn new(tier: Tier) -> Self {
        Self {
            step_ms: tier.step_ms(),
            before: HashMap::new(),
            made: Vec::new(),
        }
    }

    /// Takes those samples of an item whose times are in `from_ms..to_ms`; what is
    /// before only says from where counters grow.
    fn take(
        &mut self,
        reader: &mut NodeReader<'_>,
        item: &Item,
        stored: &Stored,
        range: std::ops::Range<i64>,
        faults: &mut Vec<Fault>,
    ) {
        let all = Wanted {
            at: (0..stored.layout.len()).collect(),
            columns: (0..stored.layout.len()).collect(),
        };
        let (starts, mut columns) = match self.made.pop_if(|made| made.layout == item.layout()) {
            Some(made) => (made.starts, made.columns),
            None => (Vec::new(), self.columns(stored)),
        };
        let slots = Slots {
            at: starts
                .iter()
                .enumerate()
                .map(|(at, start)| (*start, at))
                .collect(),
            starts,
        };
        let slots = RefCell::new(slots);
        let step_ms = self.step_ms;
        let place = |time_ms: i64| {
            if time_ms < range.start {
                Place::Before
            } else if time_ms < range.end {
                let start_ms = time_ms.div_euclid(step_ms) * step_ms;
                Place::Bucket(slots.borrow_mut().of(start_ms))
            } else {
                Place::Nowhere
            }
        };
        reader.feed(item, stored, &all, &place, &mut columns, faults);
        for (column, series) in columns.iter().zip(stored.layout.series()) {
            if let Some(before) = column.before {
                self.before.insert(series.key.clone(), before);
            }
        }
        self.made.push(Made {
            layout: item.layout(),
            starts: slots.into_inner().starts,
            columns,
        });
    }

    fn columns(&self, stored: &Stored) -> Vec<Column> {
        let series = stored.layout.series().iter();
        let columns = series.map(|series| {
            let mut column = Column::new(series.kind, 0);
            column.before = self.before.get(&series.key).copied();
            column
        });
        columns.collect()
    }

    /// Writes what was gathered.
    fn insert(
        self,
        transaction: &Transaction<'_>,
        reader: &NodeReader<'_>,
        node: i64,
        tier: Tier,
    ) -> Result<usize> {
        let mut bytes = 0;
        for mut made in self.made {
            let Some(stored) = reader.layout(made.layout)? else {
                continue;
            };
            let (Some(min), Some(max)) = (made.starts.iter().min(), made.starts.iter().max())
            else {
                continue;
            };
            for column in &mut made.columns {
                column.buckets.grow(column.kind, made.starts.len());
            }
            let columns = aggregate::columns(&stored.layout, &made.starts, &made.columns);
            let data = columns.encode(Effort::Best)?;
            bytes += data.len();
            NewBlock {
                node,
                tier,
                level: LEVEL_SMALL,
                layout: made.layout,
                format: FORMAT_AGGREGATES,
                span_ms: (*min, max + tier.step_ms() - 1),
                rows: columns.rows(),
                data: &data,
            }
            .insert(transaction)?;
        }
        Ok(bytes)
    }
}

/// From where to where hours of a node are to be made; `None` when that is not
/// due. With `until_ms` those before it, however few.
pub fn hours_due(
    connection: &Connection,
    node: i64,
    until_ms: Option<i64>,
) -> Result<Option<(i64, i64)>> {
    let hour_ms = Tier::Hour.step_ms();
    let Some(newest_ms) = newest_of_detail(connection, node)? else {
        return Ok(None);
    };
    let from_ms = match hours_until_ms(connection, node)? {
        Some(known_ms) => known_ms,
        None => {
            let oldest_ms = oldest_of_detail(connection, node)?.unwrap_or(newest_ms);
            oldest_ms.div_euclid(hour_ms) * hour_ms
        }
    };
    let (wanted_ms, least) = match until_ms {
        Some(until_ms) => (until_ms, 1),
        None => (newest_ms.div_euclid(hour_ms) * hour_ms, HOURS_AT_ONCE),
    };
    Ok((wanted_ms >= from_ms + least * hour_ms).then_some((from_ms, wanted_ms)))
}

/// Makes the hours of a node that are over since the last time. With `until_ms`
/// those before it, however few.
pub fn make_hours(
    connection: &mut Connection,
    shared: &Shared,
    node: i64,
    until_ms: Option<i64>,
) -> Result<bool> {
    let hour_ms = Tier::Hour.step_ms();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some((from_ms, wanted_ms)) = hours_due(&transaction, node, until_ms)? else {
        return Ok(false);
    };
    let mut reader = NodeReader::new(&transaction, &shared.layouts, node);
    // After a long silence: from where there is something.
    let first = reader.detail(&|_| Vec::new(), from_ms, wanted_ms)?;
    let first_ms = first.first().map_or(wanted_ms, Item::time_min_ms);
    let from_ms = from_ms.max(first_ms.div_euclid(hour_ms) * hour_ms);
    let to_ms = wanted_ms
        .min(from_ms.saturating_add(HOURS_MAX * hour_ms))
        .max(from_ms);
    let mut roll = Roll::new(Tier::Hour);
    let mut faults = Vec::new();
    roll.before = tails(&transaction, &reader, node, from_ms)?;
    for item in first.iter().filter(|item| item.time_min_ms() < to_ms) {
        if let Some(stored) = reader.layout(item.layout())? {
            roll.take(&mut reader, item, &stored, from_ms..to_ms, &mut faults);
        }
    }
    set_aside_or_fail(&transaction, shared, node, &faults)?;
    roll.insert(&transaction, &reader, node, Tier::Hour)?;
    transaction.execute(
        "INSERT INTO hours (node, until_ms) VALUES (?1, ?2)
         ON CONFLICT (node) DO UPDATE SET until_ms = excluded.until_ms",
        params![node, to_ms],
    )?;
    drop(reader);
    transaction.commit()?;
    Ok(true)
}

/// Damaged blocks are set aside; when bytes can't be read at all, what was made
/// would be less than there is.
fn set_aside_or_fail(
    transaction: &Transaction<'_>,
    shared: &Shared,
    node: i64,
    faults: &[Fault],
) -> Result<()> {
    for fault in faults {
        if !fault.error.is_damage() {
            return Err(fault.error.to_string().into());
        }
        damage::set_aside(transaction, shared, node, fault)?;
    }
    Ok(())
}

/// Last time of merged samples and minutes of a node. Asked often: each tier for
/// itself is one look into an index, both together would be a walk.
fn newest_of_detail(connection: &Connection, node: i64) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection
        .prepare_cached("SELECT MAX(time_max_ms) FROM blocks WHERE node = ?1 AND tier = ?2")?;
    let mut of =
        |tier: Tier| statement.query_row([node, i64::from(tier.number())], |row| row.get(0));
    let (raw, minute): (Option<i64>, Option<i64>) = (of(Tier::Raw)?, of(Tier::Minute)?);
    Ok(raw.max(minute))
}

/// First time of them.
fn oldest_of_detail(connection: &Connection, node: i64) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection
        .prepare_cached("SELECT MIN(time_min_ms) FROM blocks WHERE node = ?1 AND tier < 2")?;
    statement.query_row([node], |row| row.get(0))
}

/// Last samples of the newest hour block, by key.
fn tails(
    connection: &Connection,
    reader: &NodeReader<'_>,
    node: i64,
    before_ms: i64,
) -> Result<HashMap<Box<str>, (i64, i64)>> {
    let newest: Option<(i64, i64, u8)> = connection
        .prepare_cached(
            "SELECT id, layout, format FROM blocks WHERE node = ?1 AND tier = 2 AND time_max_ms < ?2
             ORDER BY time_max_ms DESC LIMIT 1",
        )?
        .query_row([node, before_ms], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let mut before = HashMap::new();
    if let Some((id, layout, format)) = newest
        && let Some(stored) = reader.layout(layout)?
        && let Ok(columns) = super::merge::read_whole(connection, id, format)
        && let Ok(tails) = aggregate::read_tail(&stored.layout, &columns.tail)
    {
        for (series, tail) in stored.layout.series().iter().zip(tails) {
            before.extend(tail.map(|tail| (series.key.clone(), tail)));
        }
    }
    Ok(before)
}

/// Puts minutes in the place of a block of samples; or leaves the samples, as
/// part of the minute tier, when minutes would be no smaller.
pub fn make_minutes(
    connection: &mut Connection,
    shared: &Shared,
    node: i64,
    head: &Head,
) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let item = Item::Block(*head);
    let mut reader = NodeReader::new(&transaction, &shared.layouts, node);
    let mut roll = Roll::new(Tier::Minute);
    let mut faults = Vec::new();
    let stays = item
        .interval_ms()
        .is_none_or(|interval| interval >= Tier::Minute.step_ms() / 2);
    let Some(stored) = reader.layout(head.layout)?.filter(|_| !stays) else {
        drop(reader);
        relabel(&transaction, head.id)?;
        return Ok(transaction.commit()?);
    };
    if let Some(earlier) = block_before(&transaction, node, head)? {
        let earlier = Item::Block(earlier);
        if let Some(stored) = reader.layout(earlier.layout())? {
            roll.take(
                &mut reader,
                &earlier,
                &stored,
                i64::MAX..i64::MAX,
                &mut faults,
            );
        }
    }
    roll.made.clear();
    // That one's damage is found when it is its turn.
    faults.clear();
    roll.take(
        &mut reader,
        &item,
        &stored,
        i64::MIN + 1..i64::MAX,
        &mut faults,
    );
    if faults.iter().any(|fault| fault.error.is_damage()) {
        // What is sound of it is converted in the next step.
        set_aside_or_fail(&transaction, shared, node, &faults)?;
        drop(reader);
        return Ok(transaction.commit()?);
    }
    set_aside_or_fail(&transaction, shared, node, &faults)?;
    let before: i64 =
        transaction.query_row("SELECT bytes FROM blocks WHERE id = ?1", [head.id], |row| {
            row.get(0)
        })?;
    transaction.execute_batch("SAVEPOINT minutes")?;
    // First: the minutes then have room, however full the file is.
    delete_block(&transaction, head.id)?;
    let made = roll.insert(&transaction, &reader, node, Tier::Minute);
    drop(reader);
    if made.is_ok_and(|bytes| (bytes as i64) < before) {
        transaction.execute_batch("RELEASE minutes")?;
    } else {
        transaction.execute_batch("ROLLBACK TO minutes; RELEASE minutes")?;
        relabel(&transaction, head.id)?;
    }
    Ok(transaction.commit()?)
}

fn relabel(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("UPDATE blocks SET tier = ?2, level = ?3 WHERE id = ?1")?;
    statement
        .execute(params![id, Tier::Minute.number(), LEVEL_FULL])
        .map(|_| ())
}

/// The block from whose last samples counters grow into this one.
fn block_before(connection: &Connection, node: i64, head: &Head) -> Result<Option<Head>> {
    let mut newest: Option<Head> = None;
    for tier in [Tier::Raw, Tier::Minute] {
        let found = connection
            .prepare_cached(
                "SELECT id, layout, format, time_min_ms, time_max_ms, rows FROM blocks
                 WHERE node = ?1 AND tier = ?2 AND time_min_ms < ?3 AND id != ?4
                 ORDER BY time_max_ms DESC LIMIT 1",
            )?
            .query_row(
                params![node, tier.number(), head.time_min_ms, head.id],
                |row| {
                    Ok(Head {
                        id: row.get(0)?,
                        tier,
                        layout: row.get(1)?,
                        format: row.get(2)?,
                        time_min_ms: row.get(3)?,
                        time_max_ms: row.get(4)?,
                        rows: row.get(5)?,
                    })
                },
            )
            .optional()?;
        newest = newest
            .into_iter()
            .chain(found)
            .max_by_key(|head| head.time_max_ms);
    }
    let known = |head: &Head| {
        matches!(head.format, FORMAT_COLUMNS_V1 | FORMAT_RECORDS)
            || is_rows(head.format)
            || is_aggregates(head.format)
    };
    Ok(newest.filter(known))
}
