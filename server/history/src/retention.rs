//! What is too old or does not fit goes: block by block, one a step. On the
//! writer's thread, but for the sums that the status shows.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::catalogue;
use super::downsample;
use super::error::{Result, is_full};
use super::insert::delete_block;
use super::reader::Head;
use super::settings::Settings;
use super::state::HistoryState;
use super::tier::Tier;

/// Gaps deleted in one step.
const GAPS_STEP: usize = 500;

/// What a tier holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub blocks: u64,
    pub rows: u64,
    pub bytes: u64,
    pub span_ms: Option<(i64, i64)>,
}

impl Held {
    pub fn of(connection: &Connection, tier: Tier) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare_cached(
            "SELECT COUNT(*), COALESCE(SUM(rows) FILTER (WHERE NOT rare), 0), COALESCE(SUM(bytes), 0),
                    MIN(time_min_ms), MAX(time_max_ms)
             FROM blocks INDEXED BY blocks_age WHERE tier = ?1",
        )?;
        statement.query_row([tier.number()], Self::from_row)
    }

    /// The same of one node.
    fn of_node(connection: &Connection, tier: Tier, node: i64) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare_cached(
            "SELECT COUNT(*), COALESCE(SUM(rows) FILTER (WHERE NOT rare), 0), COALESCE(SUM(bytes), 0),
                    MIN(time_min_ms), MAX(time_max_ms)
             FROM blocks WHERE node = ?2 AND tier = ?1",
        )?;
        statement.query_row([i64::from(tier.number()), node], Self::from_row)
    }

    fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let (min, max): (Option<i64>, Option<i64>) = (row.get(3)?, row.get(4)?);
        Ok(Self {
            blocks: row.get::<_, i64>(0)? as u64,
            rows: row.get::<_, i64>(1)? as u64,
            bytes: row.get::<_, i64>(2)? as u64,
            span_ms: min.zip(max),
        })
    }

    /// How much of the time that it should hold.
    fn share(&self, keep_ms: i64, now_ms: i64) -> f64 {
        let held_ms = self.span_ms.map_or(0, |(min, _)| (now_ms - min).max(0));
        held_ms as f64 / keep_ms.max(1) as f64
    }
}

/// The oldest block of a tier.
pub fn oldest(connection: &Connection, tier: Tier) -> rusqlite::Result<Option<Head>> {
    let columns = Head::COLUMNS;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {columns} FROM blocks WHERE tier = ?1 ORDER BY time_max_ms LIMIT 1"
    ))?;
    statement.query_row([tier.number()], Head::read).optional()
}

/// The same of one node.
fn oldest_of(connection: &Connection, tier: Tier, node: i64) -> rusqlite::Result<Option<Head>> {
    let columns = Head::COLUMNS;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {columns} FROM blocks WHERE node = ?2 AND tier = ?1 ORDER BY time_max_ms LIMIT 1"
    ))?;
    let of = [i64::from(tier.number()), node];
    statement.query_row(of, Head::read).optional()
}

/// Lets one block of a node go, of the tier that holds most of what it should. False
/// when there is no block.
pub fn give_one_of(connection: &mut Connection, shared: &HistoryState, node: i64) -> Result<bool> {
    let held = [
        Held::of_node(connection, Tier::Raw, node)?,
        Held::of_node(connection, Tier::Minute, node)?,
        Held::of_node(connection, Tier::Hour, node)?,
    ];
    let now_ms = shared.clock.time_ms();
    let Some(tier) = next_to_give(&shared.settings, &held, now_ms) else {
        return Ok(false);
    };
    let block = oldest_of(connection, tier, node)?;
    age(connection, shared, tier, block)
}

/// Lets a block of a tier go: samples become minutes, minutes and hours are over.
/// False when there is none.
pub fn age(
    connection: &mut Connection,
    shared: &HistoryState,
    tier: Tier,
    block: Option<Head>,
) -> Result<bool> {
    let Some(head) = block else {
        return Ok(false);
    };
    let Err(error) = age_block(connection, shared, tier, &head) else {
        return Ok(true);
    };
    if !error.downcast_ref().is_some_and(is_full) {
        return Err(error);
    }
    // Letting go needs no room: then it goes as it is.
    stardust_base::log::warn(&format!(
        "history: there is no room to keep {} samples of node {} as minutes or hours: they go.",
        head.rows, head.node
    ));
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    remove(&transaction, shared, &head)?;
    transaction.commit()?;
    Ok(true)
}

fn age_block(
    connection: &mut Connection,
    shared: &HistoryState,
    tier: Tier,
    head: &Head,
) -> Result<()> {
    if tier == Tier::Raw {
        return downsample::make_minutes(connection, shared, head.node, head);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if tier == Tier::Minute {
        // Whoever looks so far back is answered with hours from now on.
        transaction
            .prepare_cached(
                "INSERT INTO only_hours (node, until_ms) VALUES (?1, ?2)
                 ON CONFLICT (node) DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)",
            )?
            .execute([head.node, head.time_max_ms + 1])?;
    }
    remove(&transaction, shared, head)?;
    Ok(transaction.commit()?)
}

/// Deletes a block, and the series that only it had.
fn remove(connection: &Connection, shared: &HistoryState, head: &Head) -> rusqlite::Result<()> {
    delete_block(connection, head.id)?;
    catalogue::release(connection, shared, head.node, i64::MIN, [head.layout])
}

/// Lets the oldest block of all go, of the finest tier that has one. False when there
/// is none.
pub fn give_oldest(connection: &mut Connection, shared: &HistoryState) -> Result<bool> {
    for tier in Tier::ALL {
        let oldest = oldest(connection, tier)?;
        if age(connection, shared, tier, oldest)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What was over.
pub enum Expired {
    /// A block of this node.
    Block(i64),
    Gaps,
    Nothing,
}

/// Lets one block go that is older than it is to be kept.
pub fn expire_one(connection: &mut Connection, shared: &HistoryState) -> Result<Expired> {
    let now_ms = shared.clock.time_ms();
    for tier in Tier::ALL {
        let before_ms = now_ms.saturating_sub(shared.settings.keep_ms(tier));
        let oldest = oldest(connection, tier)?;
        if let Some(oldest) = oldest.filter(|head| head.time_max_ms < before_ms) {
            age(connection, shared, tier, Some(oldest))?;
            return Ok(Expired::Block(oldest.node));
        }
    }
    let before_ms = now_ms.saturating_sub(shared.settings.keep_ms(Tier::Hour));
    let deleted = connection.execute(
        &format!(
            "DELETE FROM gaps WHERE rowid IN
             (SELECT rowid FROM gaps WHERE to_ms < ?1 LIMIT {GAPS_STEP})"
        ),
        params![before_ms],
    )?;
    Ok(if deleted == GAPS_STEP {
        Expired::Gaps
    } else {
        Expired::Nothing
    })
}

/// The tier of a node that gives room next: the one that holds most of what it should,
/// the finest of those.
pub fn next_to_give(settings: &Settings, held: &[Held; 3], now_ms: i64) -> Option<Tier> {
    let with_blocks = Tier::ALL
        .into_iter()
        .zip(held)
        .filter(|(_, held)| held.blocks > 0);
    let mut most: Option<(Tier, f64)> = None;
    for (tier, held) in with_blocks {
        let share = held.share(settings.keep_ms(tier), now_ms);
        if most.is_none_or(|(_, most)| share > most) {
            most = Some((tier, share));
        }
    }
    most.map(|(tier, _)| tier)
}

/// Days that each tier can hold within `bytes`, when they go on to grow as they
/// have: all are cut by the same share. `None` where nothing can be told yet.
pub fn days_that_fit(
    settings: &Settings,
    held: &[Held; 3],
    bytes: Option<u64>,
) -> [Option<f64>; 3] {
    const DAY_MS: f64 = 86_400_000.0;
    let rate = |held: &Held| -> Option<f64> {
        let (min, max) = held.span_ms?;
        (max > min).then(|| held.bytes as f64 / ((max - min) as f64 / DAY_MS))
    };
    let keep_days = |tier: Tier| settings.keep_ms(tier) as f64 / DAY_MS;
    // Minutes follow where the samples end.
    let span_days = |tier: Tier| match tier {
        Tier::Minute => (keep_days(Tier::Minute) - keep_days(Tier::Raw)).max(0.0),
        tier => keep_days(tier),
    };
    let rates: [Option<f64>; 3] = [rate(&held[0]), rate(&held[1]), rate(&held[2])];
    let Some(raw) = rates[0] else {
        return [None; 3];
    };
    // Until there are minutes: at worst as large as the samples.
    let minute = rates[1].unwrap_or(raw);
    let hour = rates[2].unwrap_or(0.0);
    let needed = raw * span_days(Tier::Raw)
        + minute * span_days(Tier::Minute)
        + hour * span_days(Tier::Hour);
    let share = match bytes {
        Some(bytes) if needed > 0.0 => (bytes as f64 / needed).min(1.0),
        _ => 1.0,
    };
    Tier::ALL.map(|tier| Some(keep_days(tier) * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn held(days: i64, bytes: u64) -> Held {
        Held {
            blocks: 1,
            rows: 1,
            bytes,
            span_ms: Some((-days * DAY_MS, 0)),
        }
    }

    #[test]
    fn samples_give_room_first_and_then_all_in_proportion() {
        let settings = Settings::default();
        let next = |raw, minute, hour| {
            next_to_give(
                &settings,
                &[held(raw, 1), held(minute, 1), held(hour, 1)],
                0,
            )
        };
        assert_eq!(next(7, 90, 1825), Some(Tier::Raw));
        assert_eq!(next(6, 90, 1825), Some(Tier::Minute));
        assert_eq!(next(6, 70, 1825), Some(Tier::Hour));
        assert_eq!(next(6, 70, 1000), Some(Tier::Raw));
        assert_eq!(next_to_give(&settings, &[Held::default(); 3], 0), None);
    }

    #[test]
    fn what_fits_is_told_from_what_was_needed_so_far() {
        let settings = Settings::default();
        let held = [held(2, 2_000), held(10, 1_000), held(20, 200)];
        let all = [Some(7.0), Some(90.0), Some(1825.0)];
        assert_eq!(days_that_fit(&settings, &held, None), all);
        // 7 × 1000 + 83 × 100 + 1825 × 10 bytes.
        assert_eq!(days_that_fit(&settings, &held, Some(33_550)), all);
        let half = days_that_fit(&settings, &held, Some(33_550 / 2));
        assert_eq!(half, [Some(3.5), Some(45.0), Some(912.5)]);
        assert_eq!(
            days_that_fit(&settings, &[Held::default(); 3], Some(1)),
            [None; 3]
        );
    }
}
