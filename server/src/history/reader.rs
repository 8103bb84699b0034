//! Reads a node's samples from the database, in the order of time: coarse
//! blocks, blocks of samples, fresh records. Used by queries (on an API worker)
//! and by the writer when it makes coarser tiers.

use std::sync::Arc;

use rusqlite::blob::Blob;
use rusqlite::{Connection, OptionalExtension, params};
use stardust_shared::series::Kind;

use super::aggregate;
use super::block::{self, BlockError, Run, Scratch, WireReader};
use super::bucket::{Column, Cuts, Place};
use super::check::crc32c;
use super::columns::{Block, Columns, Source};
use super::fresh::{Fresh, Merged, Row};
use super::layouts::{Layouts, Stored};
use super::records;
use super::tier::Tier;

/// Which series of a layout are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Positions in the layout.
    pub at: Vec<usize>,
    /// Where the samples of each go.
    pub columns: Vec<usize>,
}

/// A block of the table `blocks`, without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub id: i64,
    pub tier: Tier,
    pub layout: i64,
    pub format: u8,
    pub time_min_ms: i64,
    pub time_max_ms: i64,
    pub rows: u32,
}

/// Something to be read, all of one layout.
#[derive(Clone, Debug)]
pub enum Item {
    Block(Head),
    Fresh(Vec<Row>),
}

impl Item {
    pub fn layout(&self) -> i64 {
        match self {
            Self::Block(head) => head.layout,
            Self::Fresh(rows) => rows[0].layout,
        }
    }

    pub fn time_min_ms(&self) -> i64 {
        match self {
            Self::Block(head) => head.time_min_ms,
            Self::Fresh(rows) => rows.iter().map(|row| row.time_min_ms).min().unwrap_or(0),
        }
    }

    /// Mean time between rows, when that can be told.
    pub fn interval_ms(&self) -> Option<i64> {
        let (min, max, rows) = match self {
            Self::Block(head) => (head.time_min_ms, head.time_max_ms, head.rows),
            Self::Fresh(rows) => {
                let count = rows.iter().map(|row| row.rows).sum();
                let min = rows.iter().map(|row| row.time_min_ms).min()?;
                (min, rows.iter().map(|row| row.time_max_ms).max()?, count)
            }
        };
        (rows > 1).then(|| (max - min) / i64::from(rows - 1))
    }
}

/// Here, since blocks themselves know of no database.
impl From<rusqlite::Error> for BlockError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// A block's bytes in the database, read page by page.
struct Pages<'c>(Blob<'c>);

impl Source for Pages<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), BlockError> {
        Ok(self.0.read_at_exact(into, offset)?)
    }
}

pub struct NodeReader<'c> {
    connection: &'c Connection,
    layouts: &'c Layouts,
    node: i64,
    pages: Option<Pages<'c>>,
    scratch: Scratch,
    cuts: Cuts,
}

impl<'c> NodeReader<'c> {
    /// `connection` must be in a transaction: the lists of blocks and their data
    /// have to agree.
    pub fn new(connection: &'c Connection, layouts: &'c Layouts, node: i64) -> Self {
        Self {
            connection,
            layouts,
            node,
            pages: None,
            scratch: Scratch::default(),
            cuts: Cuts::default(),
        }
    }

    pub fn layout(&self, id: i64) -> rusqlite::Result<Option<Arc<Stored>>> {
        self.layouts.get(self.connection, id)
    }

    /// Blocks of a tier that reach into the range, by time.
    pub fn blocks(&self, tier: Tier, from_ms: i64, to_ms: i64) -> rusqlite::Result<Vec<Head>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, layout, format, time_min_ms, time_max_ms, rows FROM blocks
             WHERE node = ?1 AND tier = ?2 AND time_max_ms >= ?3 AND time_min_ms < ?4
             ORDER BY time_min_ms, id",
        )?;
        let parameters = params![self.node, tier.number(), from_ms, to_ms];
        let rows = statement.query_map(parameters, |row| {
            Ok(Head {
                id: row.get(0)?,
                tier,
                layout: row.get(1)?,
                format: row.get(2)?,
                time_min_ms: row.get(3)?,
                time_max_ms: row.get(4)?,
                rows: row.get(5)?,
            })
        })?;
        rows.collect()
    }

    /// Everything below the hour tier that reaches into the range, by time.
    pub fn detail(
        &self,
        fresh: &dyn Fn(Merged) -> Vec<Row>,
        from_ms: i64,
        to_ms: i64,
    ) -> rusqlite::Result<Vec<Item>> {
        let mut heads = self.blocks(Tier::Minute, from_ms, to_ms)?;
        heads.extend(self.blocks(Tier::Raw, from_ms, to_ms)?);
        heads.sort_by_key(|head| (head.time_min_ms, head.id));
        let mut items: Vec<Item> = heads.into_iter().map(Item::Block).collect();
        for row in fresh(Merged::read(self.connection)?) {
            match items.last_mut() {
                Some(Item::Fresh(rows)) if rows[0].layout == row.layout => rows.push(row),
                _ => items.push(Item::Fresh(vec![row])),
            }
        }
        Ok(items)
    }

    /// Reads the wanted series of an item into `columns`. What can't be read
    /// costs its own samples, not the others: it is noted in `faults`.
    pub fn feed(
        &mut self,
        item: &Item,
        stored: &Stored,
        wanted: &Wanted,
        place: &dyn Fn(i64) -> Place,
        columns: &mut [Column],
        faults: &mut Vec<Fault>,
    ) {
        if wanted.at.is_empty() {
            return;
        }
        match item {
            Item::Block(head) => {
                let fed = self.feed_block(head, stored, wanted, place, columns);
                faults.extend(fed.err().map(|error| Fault::block(head.id, error)));
            }
            Item::Fresh(rows) => self.feed_fresh(rows, stored, wanted, place, columns, faults),
        }
    }

    fn feed_block(
        &mut self,
        head: &Head,
        stored: &Stored,
        wanted: &Wanted,
        place: &dyn Fn(i64) -> Place,
        columns: &mut [Column],
    ) -> Result<(), BlockError> {
        // One handle for all blocks of this reader.
        let pages = self.pages(head.id)?;
        let result = if block::is_aggregates(head.format) {
            self.feed_aggregates(&pages, stored, wanted, place, columns)
        } else if head.format == block::FORMAT_RECORDS {
            self.feed_records(&pages, stored, wanted, place, columns)
        } else {
            self.feed_rows(head.format, &pages, stored, wanted, place, columns)
        };
        self.pages = Some(pages);
        result
    }

    fn pages(&mut self, id: i64) -> Result<Pages<'c>, BlockError> {
        match self.pages.take() {
            Some(mut pages) => {
                pages.0.reopen(id)?;
                Ok(pages)
            }
            None => {
                let blob = self
                    .connection
                    .blob_open("main", "blocks", "data", id, true);
                Ok(Pages(blob?))
            }
        }
    }

    fn feed_rows(
        &mut self,
        format: u8,
        pages: &Pages<'_>,
        stored: &Stored,
        wanted: &Wanted,
        place: &dyn Fn(i64) -> Place,
        columns: &mut [Column],
    ) -> Result<(), BlockError> {
        let cuts = &mut self.cuts;
        let mut first = true;
        let mut each = |number: usize, times: &[i64], run: Run<'_>| {
            if std::mem::take(&mut first) {
                cuts.cut(times, place);
            }
            let scale = stored.layout.series()[wanted.at[number]].scale;
            columns[wanted.columns[number]].add(cuts, times, &run, scale);
        };
        if wanted.at.iter().any(|at| *at >= stored.layout.len()) {
            return Err(BlockError::Corrupt("series number"));
        }
        // Many small reads cost more than one large one.
        if wanted.at.len() * 4 > stored.layout.len() {
            let mut data = vec![0; pages.len()];
            pages.read(0, &mut data)?;
            return block::read_rows(format, &data[..], &wanted.at, &mut self.scratch, &mut each);
        }
        block::read_rows(format, pages, &wanted.at, &mut self.scratch, &mut each)
    }

    fn feed_records(
        &mut self,
        pages: &Pages<'_>,
        stored: &Stored,
        wanted: &Wanted,
        place: &dyn Fn(i64) -> Place,
        columns: &mut [Column],
    ) -> Result<(), BlockError> {
        let mut data = vec![0; pages.len()];
        pages.read(0, &mut data)?;
        let mut gathered = Columns::new(wanted.at.len());
        let mut reader = WireReader::new(&stored.layout);
        let result = records::read(&data, &mut reader, &wanted.at, &mut gathered);
        self.add(&gathered, stored, wanted, place, columns);
        result
    }

    fn feed_aggregates(
        &mut self,
        pages: &Pages<'_>,
        stored: &Stored,
        wanted: &Wanted,
        place: &dyn Fn(i64) -> Place,
        columns: &mut [Column],
    ) -> Result<(), BlockError> {
        let block = Block::open(pages)?;
        if block.width() != aggregate::width(&stored.layout) {
            return Err(BlockError::Corrupt("number of columns"));
        }
        block.times(&mut self.scratch.times)?;
        self.cuts.cut(&self.scratch.times, place);
        let offsets = aggregate::offsets(&stored.layout);
        let tails = aggregate::read_tail(&stored.layout, &block.tail)?;
        let mut rows = Vec::new();
        for (&at, &column) in wanted.at.iter().zip(&wanted.columns) {
            let series = &stored.layout.series()[at];
            aggregate::read(&block, series.kind, series.scale, offsets[at], &mut rows)?;
            let column = &mut columns[column];
            for cut in &self.cuts.stretches {
                if let Some(bucket) = cut.bucket {
                    for row in &rows[cut.start..cut.end] {
                        column.merge(bucket, row);
                    }
                }
            }
            if series.kind == Kind::Counter && tails[at].is_some() && tails[at] > column.before {
                column.before = tails[at];
            }
        }
        Ok(())
    }

    fn feed_fresh(
        &mut self,
        rows: &[Row],
        stored: &Stored,
        wanted: &Wanted,
        place: &dyn Fn(i64) -> Place,
        columns: &mut [Column],
        faults: &mut Vec<Fault>,
    ) {
        let mut gathered = Columns::new(wanted.at.len());
        self.read_fresh(rows, stored, &wanted.at, &mut gathered, faults);
        self.add(&gathered, stored, wanted, place, columns);
    }

    /// Adds the wanted series, gathered as columns.
    fn add(
        &mut self,
        gathered: &Columns,
        stored: &Stored,
        wanted: &Wanted,
        place: &dyn Fn(i64) -> Place,
        columns: &mut [Column],
    ) {
        self.cuts.cut(&gathered.times, place);
        for ((values, &at), &column) in gathered.values.iter().zip(&wanted.at).zip(&wanted.columns)
        {
            let scale = stored.layout.series()[at].scale;
            columns[column].add(&mut self.cuts, &gathered.times, &Run::Values(values), scale);
        }
    }

    /// Appends those fresh rows that are in this snapshot.
    pub fn read_fresh(
        &self,
        rows: &[Row],
        stored: &Stored,
        wanted: &[usize],
        into: &mut Columns,
        faults: &mut Vec<Fault>,
    ) {
        let mut reader = WireReader::new(&stored.layout);
        self.each_fresh(rows, faults, |row, data| match row.chain.before {
            None => reader.read(data, wanted, into),
            Some(_) => reader.go_on(data, wanted, into),
        });
    }

    /// Gives the records of those fresh rows that are in this snapshot to `each`, one
    /// commit's at a time; none of a row whose row before could not be read.
    pub fn each_fresh(
        &self,
        rows: &[Row],
        faults: &mut Vec<Fault>,
        mut each: impl FnMut(&Row, &[u8]) -> Result<(), BlockError>,
    ) {
        // Looked up once: there are many rows, and each is small.
        let mut statement = self
            .connection
            .prepare_cached("SELECT crc, data FROM fresh WHERE id = ?1 AND node = ?2")
            .map_err(BlockError::from);
        // The last one that was read.
        let mut last = None;
        for row in rows {
            let work = |data: &[u8]| {
                if row.chain.before.is_some() && row.chain.before != last {
                    return Err(BlockError::Corrupt("the records before are damaged"));
                }
                each(row, data)?;
                last = Some(row.id);
                Ok(())
            };
            let read = match &mut statement {
                Ok(statement) => read_fresh_row(statement, (row.id, self.node), work),
                Err(error) => Err(error.clone()),
            };
            if let Err(error) = read {
                faults.push(Fault {
                    fresh: true,
                    id: row.id,
                    error,
                });
            }
        }
    }
}

/// A row of the table `fresh`, by its id and node; nothing when it is not in this
/// snapshot.
fn read_fresh_row(
    statement: &mut rusqlite::Statement<'_>,
    of: (i64, i64),
    work: impl FnOnce(&[u8]) -> Result<(), BlockError>,
) -> Result<(), BlockError> {
    let mut rows = statement.query(of)?;
    let Some(row) = rows.next()? else {
        return Ok(());
    };
    let crc: Option<u32> = row.get(0)?;
    let data = row.get_ref(1)?;
    let data = data.as_blob().unwrap_or_default();
    if crc.is_some_and(|crc| crc != crc32c(data)) {
        return Err(BlockError::Corrupt("checksum of fresh records"));
    }
    work(data)
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A row of `fresh`, or else of `blocks`.
    pub fresh: bool,
    pub id: i64,
    pub error: BlockError,
}

impl Fault {
    pub fn block(id: i64, error: BlockError) -> Self {
        let fresh = false;
        Self { fresh, id, error }
    }
}

/// How far the hour tier of a node reaches: samples before are in it.
pub fn hours_until_ms(connection: &Connection, node: i64) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT until_ms FROM hours WHERE node = ?1")?;
    statement.query_row([node], |row| row.get(0)).optional()
}

/// Fresh rows of `node` in a range, as [`NodeReader::detail`] asks for them.
pub fn fresh_of(
    fresh: &std::sync::Mutex<Fresh>,
    node: i64,
    from_ms: i64,
    to_ms: i64,
) -> impl Fn(Merged) -> Vec<Row> {
    move |merged| {
        let fresh = fresh
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        fresh.of(node, from_ms, to_ms, merged)
    }
}
