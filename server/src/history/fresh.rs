//! Records that were committed and not merged yet, and where they are.
//!
//! A commit appends to the table `fresh` and touches no index, so that a small
//! flash card is not worn by many half-written pages. Which rows are of which
//! node is kept here, in memory; a start reads it from the table.
//!
//! All rows up to an end (a *generation*) are merged together and then deleted
//! as one range, so that whole pages become free. While a merge is under way
//! `fresh_merge` says how far it is: a reader that sees the merged block of a
//! node must not see its rows too.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

/// Rows that were merged are remembered for this long: a query that began
/// before may still have to read them.
const RETIRED: Duration = Duration::from_secs(120);

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: i64,
    pub layout: i64,
    pub time_min_ms: i64,
    pub time_max_ms: i64,
    pub rows: u32,
    pub bytes: u32,
}

type Nodes = BTreeMap<i64, Vec<Row>>;

/// Rows that were merged, up to `end_id`.
#[derive(Debug)]
struct Retired {
    since: Instant,
    end_id: i64,
    nodes: Nodes,
}

#[derive(Debug, Default)]
pub struct Fresh {
    /// By node, in the order of the commits.
    nodes: Nodes,
    retired: VecDeque<Retired>,
    pub rows: u64,
    pub bytes: u64,
    last_id: i64,
    /// Rows of the node that has most; too many while a merge is under way.
    longest: usize,
}

/// How far the merge of a generation is: of nodes up to `node`, rows up to
/// `end_id` are merged. No merge is under way when `end_id` is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    pub end_id: i64,
    pub node: i64,
    /// Oldest row in the table: what was before is not there any more.
    pub first_id: i64,
}

impl Merged {
    pub fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare_cached(
            "SELECT end_id, node, (SELECT MIN(id) FROM fresh) FROM fresh_merge WHERE one = 1",
        )?;
        statement.query_row([], |row| {
            Ok(Self {
                end_id: row.get(0)?,
                node: row.get(1)?,
                first_id: row.get::<_, Option<i64>>(2)?.unwrap_or(i64::MAX),
            })
        })
    }

    pub fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection
            .prepare_cached("UPDATE fresh_merge SET end_id = ?1, node = ?2 WHERE one = 1")?;
        statement.execute(params![self.end_id, self.node])?;
        Ok(())
    }

    /// Whether that row is in a merged block already.
    pub fn covers(self, node: i64, id: i64) -> bool {
        id < self.first_id || (node <= self.node && id <= self.end_id)
    }
}

impl Fresh {
    pub fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let merged = Merged::read(connection)?;
        let mut fresh = Self {
            last_id: merged.end_id,
            ..Self::default()
        };
        let mut statement = connection.prepare(
            "SELECT id, node, layout, time_min_ms, time_max_ms, rows, length(data)
             FROM fresh ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let node = row.get(1)?;
            let row = Row {
                id: row.get(0)?,
                layout: row.get(2)?,
                time_min_ms: row.get(3)?,
                time_max_ms: row.get(4)?,
                rows: row.get(5)?,
                bytes: row.get(6)?,
            };
            fresh.last_id = fresh.last_id.max(row.id);
            if !merged.covers(node, row.id) {
                fresh.add(node, row);
            }
        }
        Ok(fresh)
    }

    /// Newest id that was given out.
    pub fn last_id(&self) -> i64 {
        self.last_id
    }

    pub fn add(&mut self, node: i64, row: Row) {
        self.last_id = self.last_id.max(row.id);
        self.rows += u64::from(row.rows);
        self.bytes += u64::from(row.bytes);
        let rows = self.nodes.entry(node).or_default();
        rows.push(row);
        self.longest = self.longest.max(rows.len());
    }

    /// The first nodes, `most` of them, that have rows up to `end_id`; after
    /// `node`, in order.
    pub fn nodes_before(&self, end_id: i64, node: i64, most: usize) -> Vec<i64> {
        let nodes = self.nodes.range(node.saturating_add(1)..);
        nodes
            .filter(|(_, rows)| rows.first().is_some_and(|row| row.id <= end_id))
            .map(|(node, _)| *node)
            .take(most)
            .collect()
    }

    /// Rows of a node that reach into the range, for a reader whose snapshot
    /// says `merged`. Some may not be in its snapshot: they came later, or went
    /// before.
    pub fn of(&self, node: i64, from_ms: i64, to_ms: i64, merged: Merged) -> Vec<Row> {
        let there = self
            .retired
            .iter()
            .filter(|retired| retired.end_id >= merged.first_id);
        let retired = there.map(|retired| &retired.nodes);
        let all = retired.chain(std::iter::once(&self.nodes));
        all.filter_map(|nodes| nodes.get(&node))
            .flatten()
            .filter(|row| row.time_max_ms >= from_ms && row.time_min_ms < to_ms)
            .filter(|row| !merged.covers(node, row.id))
            .copied()
            .collect()
    }

    /// Rows of a node up to `end_id` that still are to be merged.
    pub fn to_merge(&self, node: i64, end_id: i64) -> Vec<Row> {
        let rows = self.nodes.get(&node).into_iter().flatten();
        rows.take_while(|row| row.id <= end_id).copied().collect()
    }

    /// Rows of a node up to `end_id` were merged.
    pub fn retire(&mut self, nodes: &[i64], end_id: i64, now: Instant) {
        while let Some(retired) = self.retired.front()
            && now.duration_since(retired.since) > RETIRED
        {
            self.retired.pop_front();
        }
        let mut retired = Nodes::new();
        for node in nodes {
            let Some(rows) = self.nodes.get_mut(node) else {
                continue;
            };
            let gone = rows.partition_point(|row| row.id <= end_id);
            let gone: Vec<Row> = rows.drain(..gone).collect();
            if rows.is_empty() {
                self.nodes.remove(node);
            }
            for row in &gone {
                self.rows -= u64::from(row.rows);
                self.bytes -= u64::from(row.bytes);
            }
            retired.insert(*node, gone);
        }
        self.retired.push_back(Retired {
            since: now,
            end_id,
            nodes: retired,
        });
    }

    /// The node was removed.
    pub fn forget(&mut self, node: i64) {
        for row in self.nodes.remove(&node).into_iter().flatten() {
            self.rows -= u64::from(row.rows);
            self.bytes -= u64::from(row.bytes);
        }
        self.end_generation();
    }

    /// Rows of the node that has most. Too many between [`Self::retire`] and
    /// [`Self::end_generation`].
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// All rows of a generation were merged.
    pub fn end_generation(&mut self) {
        self.longest = self.nodes.values().map(Vec::len).max().unwrap_or(0);
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Time of the oldest sample, and of the newest.
    pub fn span_ms(&self) -> Option<(i64, i64)> {
        let rows = || self.nodes.values().flatten();
        let min = rows().map(|row| row.time_min_ms).min()?;
        Some((min, rows().map(|row| row.time_max_ms).max()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64) -> Row {
        Row {
            id,
            layout: 1,
            time_min_ms: id * 10,
            time_max_ms: id * 10 + 5,
            rows: 2,
            bytes: 100,
        }
    }

    #[test]
    fn a_reader_that_began_before_a_merge_still_finds_its_rows() {
        let mut fresh = Fresh::default();
        for (id, node) in [(1, 7), (2, 9), (3, 7), (4, 7)] {
            fresh.add(node, row(id));
        }
        assert_eq!((fresh.rows, fresh.bytes, fresh.last_id()), (8, 400, 4));
        assert_eq!(fresh.longest(), 3);
        assert_eq!(fresh.nodes_before(3, 0, 9), [7, 9]);
        assert_eq!(fresh.nodes_before(3, 0, 1), [7]);
        assert_eq!(fresh.nodes_before(3, 7, 9), [9]);
        let ids = |fresh: &Fresh, merged| -> Vec<i64> {
            fresh
                .of(7, 0, 1_000, merged)
                .iter()
                .map(|row| row.id)
                .collect()
        };
        let none = Merged::default();
        let half = Merged {
            end_id: 3,
            node: 7,
            first_id: 1,
        };
        let over = Merged {
            first_id: 4,
            ..none
        };
        assert_eq!(ids(&fresh, over), [4]);
        assert_eq!(ids(&fresh, none), [1, 3, 4]);
        assert_eq!(ids(&fresh, half), [4]);
        assert_eq!(fresh.of(9, 0, 1_000, half).len(), 1);
        assert_eq!(fresh.to_merge(7, 3).len(), 2);
        assert_eq!(fresh.of(7, 26, 40, none), [row(3)]);
        let now = Instant::now();
        fresh.retire(&[7], 3, now);
        assert_eq!(ids(&fresh, none), [1, 3, 4]);
        assert_eq!(ids(&fresh, half), [4]);
        assert_eq!((fresh.rows, fresh.bytes), (4, 200));
        fresh.end_generation();
        assert_eq!(fresh.longest(), 1);
        fresh.retire(&[9], 3, now + 2 * RETIRED);
        assert_eq!(ids(&fresh, none), [4]);
        fresh.forget(7);
        assert!(fresh.is_empty());
        assert_eq!((fresh.rows, fresh.bytes, fresh.last_id()), (0, 0, 4));
    }
}
