//! Which small blocks are merged next, and what they become. Pure, but for reading which
//! there are.

use rusqlite::{Connection, params};

use super::insert::{LEVEL_FAIR, LEVEL_FULL, LEVEL_SMALL};
use super::limits::{FULL_SPAN_MS, Sizes};
use super::state::HistoryState;
use super::tier::Tier;
use stardust_blocks::block::{FORMAT_AGGREGATES, is_known};
use stardust_blocks::limits::MERGE_VALUES_MAX;

/// Small blocks that make it worth merging them.
const SMALL_BLOCKS: usize = 8;
/// Rows of a block of a coarse tier that is merged no further.
const FULL_ROWS_COARSE: usize = 1_024;
/// Small blocks of more rows than one in so many of a full block wait for that:
/// merging them before would be work for an hour.
const FAIR_SHARE: usize = 4;
/// Rows of a full block of that many series.
pub fn full_rows(sizes: &Sizes, width: usize) -> usize {
    sizes.full_rows.min(MERGE_VALUES_MAX / width.max(1)).max(1)
}

/// A block that may be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Small {
    pub id: i64,
    level: u8,
    pub layout: i64,
    pub format: u8,
    rows: usize,
    width: usize,
    span_ms: (i64, i64),
    pub hours_ms: i64,
    pub rare: bool,
}

impl Small {
    pub fn aggregates(&self) -> bool {
        self.format == FORMAT_AGGREGATES
    }

    fn goes_with(&self, other: &Self) -> bool {
        let of = |block: &Self| (block.aggregates(), block.hours_ms, block.rare);
        of(self) == of(other)
    }
}

/// How much some blocks are together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Amount {
    rows: usize,
    /// Of all columns.
    values: usize,
    pub span_ms: Option<(i64, i64)>,
}

impl Amount {
    fn add(&mut self, block: &Small) {
        self.rows += block.rows;
        self.values += block.rows * block.width;
        let (min, max) = self.span_ms.unwrap_or(block.span_ms);
        self.span_ms = Some((min.min(block.span_ms.0), max.max(block.span_ms.1)));
    }

    pub fn of(blocks: &[Small]) -> Self {
        let mut amount = Self::default();
        blocks.iter().for_each(|block| amount.add(block));
        amount
    }

    fn full_rows(&self, sizes: &Sizes, coarse: bool) -> usize {
        match coarse {
            true => FULL_ROWS_COARSE,
            // Of as many series as these rows have on average.
            false => full_rows(sizes, self.values / self.rows.max(1)),
        }
    }

    fn spans_a_day(&self) -> bool {
        let span_ms = self.span_ms.map_or(0, |(min, max)| max - min);
        span_ms >= FULL_SPAN_MS
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
        let coarse = run[0].aggregates();
        let all = Amount::of(run);
        if all.rows >= all.full_rows(sizes, coarse)
            || (!coarse && all.spans_a_day() && run.len() > 1)
        {
            return Some((upto_full(sizes, run), LEVEL_FULL));
        }
        let first = run.iter().position(|block| block.level == LEVEL_SMALL);
        let fresh = first.map_or(&[][..], |first| &run[first..]);
        let amount = Amount::of(fresh);
        let enough = coarse || amount.rows <= amount.full_rows(sizes, coarse) / FAIR_SHARE;
        if fresh.len() >= SMALL_BLOCKS && enough {
            return Some((fresh, LEVEL_FAIR));
        }
    }
    None
}

/// The oldest that make one full block.
fn upto_full<'a>(sizes: &Sizes, run: &'a [Small]) -> &'a [Small] {
    let coarse = run[0].aggregates();
    let (mut amount, mut count) = (Amount::default(), 0);
    for block in run {
        amount.add(block);
        count += 1;
        if amount.rows >= amount.full_rows(sizes, coarse) || (!coarse && amount.spans_a_day()) {
            break;
        }
    }
    &run[..count]
}

/// Those of rare series come apart from the others, which are among them.
pub fn choose_of<'a>(
    sizes: &Sizes,
    (often, rare): &'a (Vec<Small>, Vec<Small>),
) -> Option<(&'a [Small], u8)> {
    choose(sizes, often).or_else(|| choose(sizes, rare))
}

/// Small blocks of a node and tier, oldest first, and the same of rare series.
pub fn small_blocks(
    connection: &Connection,
    shared: &HistoryState,
    node: i64,
    tier: Tier,
) -> rusqlite::Result<(Vec<Small>, Vec<Small>)> {
    let mut statement = connection.prepare_cached(
        "SELECT id, level, layout, format, rows, time_min_ms, time_max_ms, hours_ms, rare
         FROM blocks WHERE node = ?1 AND tier = ?2 AND level < 2 ORDER BY id",
    )?;
    let mut rows = statement.query(params![node, tier.number()])?;
    let mut small = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let (layout, format): (i64, u8) = (row.get(2)?, row.get(3)?);
        if !is_known(format) {
            // Of whoever can read it; the others are merged all the same.
            continue;
        }
        let list = shared.layouts.list(connection, layout)?;
        let block = Small {
            id: row.get(0)?,
            level: row.get(1)?,
            layout,
            format,
            rows: row.get::<_, u32>(4)? as usize,
            width: list.map_or(1, |list| list.len()),
            span_ms: (row.get(5)?, row.get(6)?),
            hours_ms: row.get(7)?,
            rare: row.get(8)?,
        };
        match block.rare {
            false => small.0.push(block),
            true => small.1.push(block),
        }
    }
    Ok(small)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_blocks::block::FORMAT_ROWS;

    fn small(id: i64, rows: usize, level: u8, layout: i64) -> Small {
        Small {
            id,
            level,
            layout,
            format: FORMAT_ROWS,
            rows,
            width: 60,
            hours_ms: 0,
            rare: false,
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
    fn blocks_of_different_lists_come_together() {
        let changing: Vec<Small> = (0..8).map(|id| small(id, 4, 0, id)).collect();
        assert_eq!(chosen(&changing), Some(((0..8).collect(), LEVEL_FAIR)));
        let narrow = Small {
            width: 1,
            ..small(2, 120, 1, 2)
        };
        let wide = Small {
            width: 8_000,
            ..small(1, 120, 1, 1)
        };
        // Together they have 240 rows of 4,000 on average: a full block.
        assert_eq!(chosen(&[narrow, wide]), None);
        let more = Small { id: 3, ..wide };
        assert_eq!(
            chosen(&[narrow, wide, more]),
            Some((vec![2, 1, 3], LEVEL_FULL))
        );
    }

    #[test]
    fn what_was_made_otherwise_is_over_when_something_else_follows() {
        let hours = Small {
            hours_ms: 5,
            ..small(3, 32, 0, 2)
        };
        let changed = [small(1, 32, 0, 1), small(2, 600, 1, 1), hours];
        assert_eq!(chosen(&changed), Some((vec![1, 2], LEVEL_FULL)));
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
