//! Records that were committed and not merged yet, and where they are.
//!
//! A commit appends to the table `fresh` and touches no index, so that a small
//! flash card is not worn by many half-written pages. Which rows are of which
//! node is kept here, in memory; a start reads it from the table.
//!
//! Most rows go on from the node's row before: a keyframe in each of them would be
//! most of what a commit writes.
//!
//! All rows up to an end (a *generation*) are merged together and then deleted
//! as one range, so that whole pages become free. While a merge is under way
//! `fresh_merge` says how far it is: a reader that sees the merged block of a
//! node must not see its rows too.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

/// Rows that were merged are remembered for this long: a query that began
/// before may still have to read them.
const RETIRED: Duration = Duration::from_secs(120);
/// Rows that go on one from the other, with the one of the keyframe. All of them are
/// read to have the last, and lost when the first is damaged.
const CHAIN_ROWS_MAX: u16 = 16;
/// Samples of them all: a chain is merged as a whole.
const CHAIN_SAMPLES_MAX: u32 = 512;

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: i64,
    /// The run of the Spider, by its number in `progress`; 0 when nobody knows.
    pub run: i64,
    pub layout: i64,
    pub time_min_ms: i64,
    pub time_max_ms: i64,
    pub rows: u32,
    pub bytes: u32,
    pub chain: Chain,
}

/// What a row goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The row before; `None` of one that begins with a keyframe.
    pub before: Option<i64>,
    /// Rows since that keyframe, this one included.
    rows: u16,
    /// Samples of them.
    samples: u32,
}

impl Chain {
    /// Of a row with so many samples that begins with a keyframe.
    pub fn begin(samples: u32) -> Self {
        Self {
            before: None,
            rows: 1,
            samples,
        }
    }
}

impl Row {
    /// Of a row with so many samples that goes on from this one.
    fn chain(&self, samples: u32) -> Chain {
        Chain {
            before: Some(self.id),
            rows: self.chain.rows.saturating_add(1),
            samples: self.chain.samples.saturating_add(samples),
        }
    }
}

/// How far a run is durable, by its number in `progress`, which does not say so yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    pub run: i64,
    pub seq: i64,
    /// Time of that sample.
    pub time_ms: i64,
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
    /// By node, what its rows say of its runs.
    reached: HashMap<i64, Vec<Reached>>,
    /// By node, the list of series that its newest row has had when rows were merged.
    lists: HashMap<i64, i64>,
    retired: VecDeque<Retired>,
    pub rows: u64,
    pub bytes: u64,
    last_id: i64,
    /// Rows up to there are being merged.
    merging: i64,
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
            merging: merged.end_id,
            ..Self::default()
        };
        let mut statement = connection.prepare(
            "SELECT id, node, layout, time_min_ms, time_max_ms, rows, length(data), before,
                    run, seq
             FROM fresh ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let node = row.get(1)?;
            let (run, seq): (Option<i64>, Option<i64>) = (row.get(8)?, row.get(9)?);
            let time_ms = row.get(4)?;
            let reached = run.zip(seq).map(|(run, seq)| Reached { run, seq, time_ms });
            let mut row = Row {
                id: row.get(0)?,
                run: run.unwrap_or(0),
                layout: row.get(2)?,
                time_min_ms: row.get(3)?,
                time_max_ms: row.get(4)?,
                rows: row.get(5)?,
                bytes: row.get(6)?,
                chain: Chain {
                    before: row.get(7)?,
                    ..Chain::begin(row.get(5)?)
                },
            };
            let last = fresh.nodes.get(&node).and_then(|rows| rows.last());
            if let Some(last) = last.filter(|last| Some(last.id) == row.chain.before) {
                row.chain = last.chain(row.rows);
            }
            fresh.last_id = fresh.last_id.max(row.id);
            if !merged.covers(node, row.id) {
                fresh.add(node, row, reached);
            }
        }
        Ok(fresh)
    }

    /// Newest id that was given out.
    pub fn last_id(&self) -> i64 {
        self.last_id
    }

    pub fn add(&mut self, node: i64, row: Row, reached: Option<Reached>) {
        if let Some(reached) = reached {
            let of_node = self.reached.entry(node).or_default();
            match of_node.iter_mut().find(|of| of.run == reached.run) {
                Some(of) => *of = reached,
                None => of_node.push(reached),
            }
        }
        self.last_id = self.last_id.max(row.id);
        self.rows += u64::from(row.rows);
        self.bytes += u64::from(row.bytes);
        let rows = self.nodes.entry(node).or_default();
        rows.push(row);
        self.longest = self.longest.max(rows.len());
    }

    /// What a new row of so many samples of that layout can go on from, if its
    /// records do from the last ones of the node.
    pub fn chain(&self, node: i64, run: i64, layout: i64, samples: u32) -> Option<Chain> {
        let last = self.nodes.get(&node)?.last()?;
        // What is being merged goes, and what goes on from it would have no beginning.
        let stays = last.id > self.merging && (last.run, last.layout) == (run, layout);
        let chain = last.chain(samples);
        let fits = chain.rows <= CHAIN_ROWS_MAX && chain.samples <= CHAIN_SAMPLES_MAX;
        (stays && fits).then_some(chain)
    }

    /// Rows up to there are merged from now on.
    pub fn begin_merge(&mut self, end_id: i64) {
        self.merging = end_id;
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

    /// Rows of a node that reach into the range, and those that they go on from, for
    /// a reader whose snapshot says `merged`. Some may not be in its snapshot: they
    /// came later, or went before.
    pub fn of(&self, node: i64, from_ms: i64, to_ms: i64, merged: Merged) -> Vec<Row> {
        let there = self
            .retired
            .iter()
            .filter(|retired| retired.end_id >= merged.first_id);
        let retired = there.map(|retired| &retired.nodes);
        let all = retired.chain(std::iter::once(&self.nodes));
        let rows = all.filter_map(|nodes| nodes.get(&node)).flatten();
        let mut rows: Vec<Row> = rows
            .filter(|row| !merged.covers(node, row.id))
            .copied()
            .collect();
        rows.reverse();
        let mut before = None;
        rows.retain(|row| {
            let reaches = row.time_max_ms >= from_ms && row.time_min_ms < to_ms;
            let wanted = reaches || before == Some(row.id);
            if wanted {
                before = row.chain.before;
            }
            wanted
        });
        rows.reverse();
        rows
    }

    /// All rows of a node, for a reader whose snapshot says `merged`.
    pub fn all_of(&self, node: i64, merged: Merged) -> Vec<Row> {
        self.of(node, i64::MIN, i64::MAX, merged)
    }

    /// Whether rows of a node after `merged_id` are of that list of series, or its newest
    /// is: the next one will be too.
    pub fn needs(&self, node: i64, merged_id: i64, layout: i64) -> bool {
        let rows = self.nodes.get(&node).map_or(&[][..], |rows| rows);
        let newest = rows.last().is_some_and(|row| row.layout == layout);
        let mut later = rows.iter().rev().take_while(|row| row.id > merged_id);
        newest || later.any(|row| row.layout == layout)
    }

    /// The list of series that stayed when rows of a node were merged the last time; now
    /// it is the one of its newest row. `None` when that was before this start.
    pub fn keep_list(&mut self, node: i64) -> Option<i64> {
        let newest = self.nodes.get(&node)?.last()?.layout;
        self.lists.insert(node, newest)
    }

    /// How far the node's runs are, to be noted before its rows go.
    pub fn reached(&self, node: i64) -> Vec<Reached> {
        self.reached.get(&node).cloned().unwrap_or_default()
    }

    /// Rows of a node up to `end_id` that still are to be merged.
    pub fn to_merge(&self, node: i64, end_id: i64) -> Vec<Row> {
        let rows = self.nodes.get(&node).into_iter().flatten();
        rows.take_while(|row| row.id <= end_id).copied().collect()
    }

    /// Rows of nodes up to `end_id` were merged, and noted how far their runs are.
    pub fn retire(&mut self, nodes: &[i64], end_id: i64, now: Instant) {
        while let Some(retired) = self.retired.front()
            && now.duration_since(retired.since) > RETIRED
        {
            self.retired.pop_front();
        }
        let mut retired = Nodes::new();
        for node in nodes {
            self.reached.remove(node);
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
        self.reached.remove(&node);
        self.lists.remove(&node);
        for row in self.nodes.remove(&node).into_iter().flatten() {
            self.rows -= u64::from(row.rows);
            self.bytes -= u64::from(row.bytes);
        }
        self.count_longest();
    }

    /// Nothing goes on from that row any more: it can't be read.
    pub fn end_chain(&mut self, node: i64, id: i64) {
        let rows = self.nodes.get_mut(&node).into_iter().flatten();
        for row in rows.filter(|row| row.id == id) {
            row.chain.rows = u16::MAX;
        }
    }

    /// Rows of the node that has most. Too many between [`Self::retire`] and
    /// [`Self::end_generation`].
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// All rows of a generation were merged.
    pub fn end_generation(&mut self) {
        self.merging = 0;
        self.count_longest();
    }

    fn count_longest(&mut self) {
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
            run: 0,
            layout: 1,
            time_min_ms: id * 10,
            time_max_ms: id * 10 + 5,
            rows: 2,
            bytes: 100,
            chain: Chain::begin(2),
        }
    }

    #[test]
    fn rows_go_on_from_each_other_as_long_as_those_before_stay() {
        let mut fresh = Fresh::default();
        let add = |fresh: &mut Fresh, id, samples| {
            let chain = fresh
                .chain(7, 0, 1, samples)
                .unwrap_or(Chain::begin(samples));
            let rows = samples;
            fresh.add(
                7,
                Row {
                    rows,
                    chain,
                    ..row(id)
                },
                None,
            );
            chain.before
        };
        assert_eq!(add(&mut fresh, 1, 2), None);
        for id in 2..=16 {
            assert_eq!(add(&mut fresh, id, 2), Some(id - 1));
        }
        assert_eq!(add(&mut fresh, 17, 500), None);
        assert_eq!(add(&mut fresh, 18, 12), Some(17));
        assert_eq!(add(&mut fresh, 19, 1), None);
        assert_eq!(fresh.chain(7, 5, 1, 1), None);
        assert_eq!(
            (fresh.chain(8, 0, 1, 1), fresh.chain(7, 0, 2, 1)),
            (None, None)
        );
        // Those that a row goes on from are read with it.
        let none = Merged::default();
        let ids = |rows: Vec<Row>| -> Vec<i64> { rows.iter().map(|row| row.id).collect() };
        assert_eq!(ids(fresh.of(7, 30, 40, none)), [1, 2, 3]);
        assert_eq!(ids(fresh.of(7, 180, 500, none)), [17, 18, 19]);
        // One that is being merged, or can't be read, is gone on from no more.
        fresh.begin_merge(19);
        assert_eq!(add(&mut fresh, 20, 1), None);
        assert_eq!(add(&mut fresh, 21, 1), Some(20));
        fresh.forget(9);
        fresh.end_chain(7, 21);
        assert_eq!(add(&mut fresh, 22, 1), None);
        fresh.retire(&[7], 19, Instant::now());
        fresh.end_generation();
        assert_eq!(add(&mut fresh, 23, 1), Some(22));
    }

    #[test]
    fn a_reader_that_began_before_a_merge_still_finds_its_rows() {
        let mut fresh = Fresh::default();
        for (id, node) in [(1, 7), (2, 9), (3, 7), (4, 7)] {
            fresh.add(node, row(id), None);
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
