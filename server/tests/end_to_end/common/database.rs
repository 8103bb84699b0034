//! What is durable, read from the database file itself.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use stardust_shared::varint::Reader;
use stardust_shared::{Layout, SeriesDef, State, Unit};

/// All that history holds of one node.
#[derive(Debug, Default)]
pub struct Stored {
    /// Sequence and time of every sample, by block.
    pub samples: Vec<(u64, i64)>,
    /// Rows of blocks that were merged: those hold no sequences any more.
    pub merged_rows: u64,
    pub gaps: Vec<(String, i64)>,
    /// The durable sequence of each run.
    pub runs: Vec<(String, u64)>,
}

impl Stored {
    /// The durable sequence of the only run; 0 before the first commit.
    pub fn last_seq(&self) -> u64 {
        assert!(self.runs.len() <= 1, "several runs: {:?}", self.runs);
        self.runs.first().map_or(0, |(_, seq)| *seq)
    }

    /// Every sequence from 1 to the durable one is there, once.
    pub fn assert_complete(&self) {
        let last = self.last_seq();
        assert_eq!(
            self.merged_rows, 0,
            "the test took so long that blocks were merged"
        );
        let mut seqs: Vec<u64> = self.samples.iter().map(|(seq, _)| *seq).collect();
        seqs.sort_unstable();
        let expected: Vec<u64> = (1..=last).collect();
        let missing: Vec<u64> = expected
            .iter()
            .copied()
            .filter(|seq| seqs.binary_search(seq).is_err())
            .collect();
        let twice: Vec<u64> = seqs
            .windows(2)
            .filter(|w| w[0] == w[1])
            .map(|w| w[0])
            .collect();
        assert!(missing.is_empty(), "lost: {missing:?} of 1..={last}");
        assert!(twice.is_empty(), "stored twice: {twice:?}");
        assert_eq!(seqs, expected);
        assert!(self.gaps.is_empty(), "gaps: {:?}", self.gaps);
        let mut times: Vec<i64> = self.samples.iter().map(|(_, time)| *time).collect();
        times.sort_unstable();
        times.dedup();
        assert_eq!(times.len(), seqs.len(), "two samples have one time");
    }

    /// As [`Self::assert_complete`], where older samples may be merged: those
    /// hold no sequences, so they are counted.
    pub fn assert_whole(&self) {
        let last = self.last_seq();
        let mut seqs: Vec<u64> = self.samples.iter().map(|(seq, _)| *seq).collect();
        seqs.sort_unstable();
        let expected: Vec<u64> = (self.merged_rows + 1..=last).collect();
        assert_eq!(seqs, expected, "{} are merged", self.merged_rows);
        assert!(self.gaps.is_empty(), "gaps: {:?}", self.gaps);
    }

    /// Samples with a time in the range.
    pub fn between(&self, from_ms: i64, to_ms: i64) -> usize {
        self.samples
            .iter()
            .filter(|(_, time)| (from_ms..to_ms).contains(time))
            .count()
    }
}

/// Reads what is stored; Ground Control may be running.
pub fn stored(database: &Path, node: i64) -> Stored {
    let connection = Connection::open_with_flags(
        database,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .expect("the database opens");
    connection.busy_timeout(super::PATIENCE).unwrap();
    // All of it at one moment.
    let connection = connection.unchecked_transaction().unwrap();
    let mut stored = Stored::default();
    let mut runs = connection
        .prepare("SELECT run, seq FROM durable WHERE node = ?1")
        .unwrap();
    let runs = runs
        .query_map([node], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)? as u64))
        })
        .unwrap();
    stored.runs = runs.map(Result::unwrap).collect();
    let mut gaps = connection
        .prepare("SELECT cause, lost FROM gaps WHERE node = ?1")
        .unwrap();
    let gaps = gaps
        .query_map([node], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    stored.gaps = gaps.map(Result::unwrap).collect();
    stored.merged_rows = connection
        .query_row(
            "SELECT COALESCE(SUM(rows), 0) FROM blocks WHERE node = ?1 AND tier < 2",
            [node],
            |row| row.get::<_, i64>(0),
        )
        .unwrap() as u64;
    let mut fresh = connection
        .prepare(
            "SELECT fresh.id, before, rows, list, data
             FROM fresh JOIN layouts ON layouts.id = layout
             WHERE fresh.node = ?1 AND NOT EXISTS
                (SELECT 1 FROM fresh_merge WHERE fresh.node <= fresh_merge.node
                                             AND fresh.id <= end_id)
             ORDER BY fresh.id",
        )
        .unwrap();
    let mut blocks = fresh.query([node]).unwrap();
    // What the last row ended with, and its number.
    let mut last: Option<(Option<i64>, Layout, State)> = None;
    while let Some(block) = blocks.next().unwrap() {
        let id: i64 = block.get(0).unwrap();
        let goes_on: Option<i64> = block.get(1).unwrap();
        let rows = block.get::<_, i64>(2).unwrap() as u64;
        let list: Vec<u8> = block.get(3).unwrap();
        let data: Vec<u8> = block.get(4).unwrap();
        let (layout, mut state) = match (goes_on, last.take()) {
            (Some(_), Some((before, layout, state))) => {
                assert_eq!(goes_on, before, "a block goes on from another one");
                (layout, state)
            }
            (Some(_), None) => panic!("a block goes on from one that is not there"),
            (None, _) => {
                // The first record is a keyframe: it begins with the layout's number.
                let id = Reader::new(&data).varint().unwrap() >> 1;
                let layout = Layout::new(id, series_of(&connection, &list));
                (layout, State::default())
            }
        };
        let before = stored.samples.len();
        let mut reader = Reader::new(&data);
        while !reader.is_empty() {
            state.apply(&layout, &mut reader).expect("a stored record");
            stored.samples.push((state.seq, state.time_ms));
        }
        assert_eq!(
            (stored.samples.len() - before) as u64,
            rows,
            "a block miscounts its rows"
        );
        last = Some((Some(id), layout, state));
    }
    drop(blocks);
    drop(fresh);
    stored
}

/// The series that a stored list names: runs of numbers.
fn series_of(connection: &Connection, list: &[u8]) -> Vec<SeriesDef> {
    let mut select = connection
        .prepare("SELECT key, flags, unit, scale FROM series WHERE id = ?1")
        .unwrap();
    let mut definition = |id: i64| {
        let found = select.query_row([id], |row| {
            let key: String = row.get(0)?;
            let scale: u32 = row.get(3)?;
            let made = SeriesDef::from_parts(&key, row.get(1)?, Unit(row.get(2)?), scale.into());
            Ok(made.expect("a stored series"))
        });
        found.unwrap()
    };
    let (mut reader, mut next, mut series) = (Reader::new(list), 0, Vec::new());
    while !reader.is_empty() {
        let first = next + reader.signed().unwrap();
        next = first + reader.varint().unwrap() as i64;
        series.extend((first..next).map(&mut definition));
    }
    series
}
