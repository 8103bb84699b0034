//! What the operator sees of history: bytes, days, and what is wrong.

use rusqlite::Connection;
use serde::Serialize;

use super::clock::ClockStatus;
use super::reclaim::{Pages, Sizes};
use super::retention::{self, Held};
use super::settings::shares;
use super::state::HistoryState;
use super::tier::Tier;
use stardust_base::clock::wall_ms;
use stardust_store::{StoreError, damage};

/// Damaged blocks that are listed.
const DAMAGED_LISTED: i64 = 20;
const DAY_MS: f64 = 86_400_000.0;

#[derive(Clone, Debug, Serialize)]
pub struct Status {
    pub bytes: Bytes,
    pub tiers: Vec<TierStatus>,
    /// Records that are not merged yet.
    pub fresh: FreshStatus,
    pub writer: WriterStatus,
    /// By which time samples are old.
    pub clock: ClockStatus,
    pub damaged: Vec<DamagedBlock>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Bytes {
    pub file: u64,
    /// The write-ahead log and its index.
    pub log: u64,
    pub total: u64,
    /// Within the file, to be used again.
    pub free: u64,
    pub budget: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct TierStatus {
    pub name: &'static str,
    /// What one row stands for; 0: a sample.
    pub step_ms: i64,
    pub blocks: u64,
    pub rows: u64,
    pub bytes: u64,
    pub from: Option<i64>,
    pub to: Option<i64>,
    pub days_held: f64,
    pub keep_days: f64,
    /// Days that the budget has room for as things are; at most `keep_days`.
    pub days_fit: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct FreshStatus {
    pub rows: u64,
    pub bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct WriterStatus {
    /// `ok`, or `failing`: nothing is stored and nothing acknowledged.
    pub state: &'static str,
    pub reason: Option<String>,
    pub since: Option<i64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct DamagedBlock {
    pub node: i64,
    pub tier: &'static str,
    pub from: i64,
    pub to: i64,
    pub rows: i64,
    pub why: String,
    pub found: i64,
}

pub fn read(connection: &Connection, shared: &HistoryState) -> rusqlite::Result<Status> {
    let transaction = connection.unchecked_transaction()?;
    let sizes = Sizes::of(&shared.path);
    let pages = Pages::of(&transaction)?;
    let held = [
        Held::of(&transaction, Tier::Raw)?,
        Held::of(&transaction, Tier::Minute)?,
        Held::of(&transaction, Tier::Hour)?,
    ];
    let fresh = fresh(shared);
    let now_ms = shared.clock.time_ms();
    // What blocks may take: the share of the file, less what else is in it.
    let in_blocks: u64 = held.iter().map(|held| held.bytes).sum();
    let used = (pages.count - pages.free) * pages.size;
    let room = shared
        .settings
        .budget_bytes
        .map(|budget| (shares(budget).file_bytes).saturating_sub(used.saturating_sub(in_blocks)));
    let fit = retention::days_that_fit(&shared.settings, &held, room);
    let tiers = Tier::ALL.into_iter().zip(held).zip(fit);
    let tiers = tiers.map(|((tier, held), days_fit)| TierStatus {
        name: tier.name(),
        step_ms: tier.step_ms(),
        blocks: held.blocks,
        rows: held.rows,
        bytes: held.bytes,
        from: held.span_ms.map(|span| span.0),
        to: held.span_ms.map(|span| span.1),
        days_held: held
            .span_ms
            .map_or(0.0, |span| (now_ms - span.0).max(0) as f64 / DAY_MS),
        keep_days: shared.settings.keep_ms(tier) as f64 / DAY_MS,
        days_fit,
    });
    let tiers = tiers.collect();
    Ok(Status {
        bytes: bytes(shared, &sizes, pages.free * pages.size),
        tiers,
        fresh,
        writer: writer(shared, damage::found()),
        clock: shared.clock.status(),
        damaged: damaged(&transaction)?,
    })
}

/// Where SQLite does not read the database any more: what is known without it.
pub fn of_damaged(shared: &HistoryState, why: &str) -> Status {
    Status {
        bytes: bytes(shared, &Sizes::of(&shared.path), 0),
        tiers: Vec::new(),
        fresh: fresh(shared),
        writer: writer(shared, Some(why)),
        clock: shared.clock.status(),
        damaged: Vec::new(),
    }
}

fn bytes(shared: &HistoryState, sizes: &Sizes, free: u64) -> Bytes {
    Bytes {
        file: sizes.file_bytes,
        log: sizes.log_bytes + sizes.shm_bytes,
        total: sizes.total(),
        free,
        budget: shared.settings.budget_bytes,
    }
}

fn fresh(shared: &HistoryState) -> FreshStatus {
    let fresh = shared.fresh();
    FreshStatus {
        rows: fresh.rows,
        bytes: fresh.bytes,
    }
}

/// Damage stops the writer also before it runs into it itself.
pub fn writer(shared: &HistoryState, damage: Option<&str>) -> WriterStatus {
    let failing = shared.failing();
    let found = || {
        let why = damage?.to_owned();
        let found = StoreError::Damaged { path: None, why };
        Some((format!("{found} {}", found.hint()), wall_ms()))
    };
    let failing = failing.or_else(found);
    WriterStatus {
        state: if failing.is_some() { "failing" } else { "ok" },
        since: failing.as_ref().map(|(_, since)| *since),
        reason: failing.map(|(reason, _)| reason),
    }
}

fn damaged(connection: &Connection) -> rusqlite::Result<Vec<DamagedBlock>> {
    let mut statement = connection.prepare_cached(
        "SELECT node, tier, time_min_ms, time_max_ms, rows, why, found_ms FROM damaged
         ORDER BY id DESC LIMIT ?1",
    )?;
    let rows = statement.query_map([DAMAGED_LISTED], |row| {
        let tier: u8 = row.get(1)?;
        let tier = Tier::ALL.get(usize::from(tier)).copied();
        Ok(DamagedBlock {
            node: row.get(0)?,
            tier: tier.unwrap_or(Tier::Raw).name(),
            from: row.get(2)?,
            to: row.get(3)?,
            rows: row.get(4)?,
            why: row.get(5)?,
            found: row.get(6)?,
        })
    })?;
    rows.collect()
}
