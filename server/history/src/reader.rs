//! Reads a node's samples from the database, in the order of time: coarse
//! blocks, blocks of samples, fresh records. Used by queries (on an API worker)
//! and by the writer when it makes coarser tiers.

mod fault;
mod fresh_rows;
mod head;

use std::sync::Arc;

use rusqlite::blob::Blob;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::error::unreadable;
use super::layouts::{Layouts, Stored};
use super::list::List;
use super::tier::Tier;
use stardust_blocks::BlockError;
use stardust_blocks::aggregate::{self, Offsets};
use stardust_blocks::base::Bases;
use stardust_blocks::block::{
    self, FORMAT_AGGREGATES, FORMAT_RECORDS, FORMAT_ROWS, Run, Scratch, WireReader,
};
use stardust_blocks::bucket::{BucketPosition, Column};
use stardust_blocks::columns::{Block, Columns, Source};
use stardust_blocks::cutting::Cutting;
use stardust_blocks::records;

pub use fault::Fault;
pub use head::Head;

/// Which series of a layout are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Positions in the layout.
    pub at: Vec<usize>,
    /// Where the samples of each go.
    pub columns: Vec<usize>,
    /// What the values of each are divided by.
    pub scales: Vec<u32>,
}

/// A block's bytes in the database, read page by page.
struct Pages<'c>(Blob<'c>);

impl Source for Pages<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), BlockError> {
        self.0.read_at_exact(into, offset).map_err(unreadable)
    }
}

pub struct NodeReader<'c> {
    connection: &'c Connection,
    layouts: &'c Layouts,
    node: i64,
    pages: Option<Pages<'c>>,
    scratch: Scratch,
    cuts: Cutting,
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
            cuts: Cutting::default(),
        }
    }

    pub fn node(&self) -> i64 {
        self.node
    }

    /// The middle one of the times between the rows of a block; `None` when they can't
    /// be read.
    pub fn median_interval_ms(&self, head: &Head) -> Option<i64> {
        let blob = self
            .connection
            .blob_open("main", "blocks", "data", head.id, true);
        let pages = Pages(blob.ok()?);
        let mut times = Vec::new();
        if head.format == FORMAT_ROWS {
            Block::open(&pages).ok()?.times(&mut times).ok()?;
        } else if head.format == FORMAT_RECORDS {
            let stored = self.layout(head.layout).ok()??;
            let mut data = vec![0; pages.len()];
            pages.read(0, &mut data).ok()?;
            let mut columns = Columns::new(0);
            let mut reader = WireReader::new(&stored.layout);
            // What of it can be read is enough here.
            let _ = records::read(&data, &mut reader, &[], &mut columns);
            times = columns.times;
        }
        let mut apart: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        apart.retain(|apart| *apart > 0);
        apart.sort_unstable();
        apart.get(apart.len() / 2).copied()
    }

    pub fn layout(&self, id: i64) -> rusqlite::Result<Option<Arc<Stored>>> {
        self.layouts.get(self.connection, id)
    }

    pub fn list(&self, id: i64) -> rusqlite::Result<Option<Arc<List>>> {
        self.layouts.list(self.connection, id)
    }

    /// Blocks of a tier that reach into the range, by time.
    pub fn blocks(&self, tier: Tier, from_ms: i64, to_ms: i64) -> rusqlite::Result<Vec<Head>> {
        self.heads(
            "tier = ?4 AND time_max_ms >= ?2 AND time_min_ms < ?3",
            params![self.node, from_ms, to_ms, tier.number()],
        )
    }

    fn heads(&self, which: &str, of: &[&dyn ToSql]) -> rusqlite::Result<Vec<Head>> {
        let columns = Head::COLUMNS;
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {columns} FROM blocks WHERE node = ?1 AND {which} ORDER BY time_min_ms, id"
        ))?;
        let rows = statement.query_map(of, Head::read)?;
        rows.collect()
    }

    /// Everything below the hour tier that reaches into the range, by time.
    pub fn detail(&self, from_ms: i64, to_ms: i64) -> rusqlite::Result<Vec<Head>> {
        let mut heads = self.blocks(Tier::Minute, from_ms, to_ms)?;
        heads.extend(self.blocks(Tier::Raw, from_ms, to_ms)?);
        heads.sort_by_key(|head| (head.time_min_ms, head.id));
        Ok(heads)
    }

    /// What of it is not in the hours.
    pub fn not_in_hours(&self, from_ms: i64, to_ms: i64) -> rusqlite::Result<Vec<Head>> {
        self.heads(
            "tier < 2 AND hours_ms <= time_max_ms AND time_max_ms >= ?2 AND time_min_ms < ?3",
            params![self.node, from_ms, to_ms],
        )
    }

    /// Reads the wanted series of a block into `columns`. What can't be read
    /// costs its own samples, not the others: it is noted in `faults`.
    pub fn feed(
        &mut self,
        head: &Head,
        wanted: &Wanted,
        place: &dyn Fn(i64) -> BucketPosition,
        columns: &mut [Column],
        faults: &mut Vec<Fault>,
    ) {
        if wanted.at.is_empty() {
            return;
        }
        let fed = self.feed_block(head, wanted, place, columns);
        faults.extend(fed.err().map(|error| Fault::block(head.id, error)));
    }

    fn feed_block(
        &mut self,
        head: &Head,
        wanted: &Wanted,
        place: &dyn Fn(i64) -> BucketPosition,
        columns: &mut [Column],
    ) -> Result<(), BlockError> {
        let list = self.list(head.layout).map_err(unreadable)?;
        let width = list
            .ok_or(BlockError::Corrupt("its layout is missing"))?
            .len();
        // One handle for all blocks of this reader.
        let pages = self.pages(head.id)?;
        let result = if head.format == FORMAT_AGGREGATES {
            self.feed_aggregates(&pages, width, wanted, place, columns)
        } else if head.format == FORMAT_RECORDS {
            self.feed_records(&pages, head.layout, wanted, place, columns)
        } else if head.format == FORMAT_ROWS {
            self.feed_rows(&pages, width, wanted, place, columns)
        } else {
            Err(BlockError::UnknownFormat(head.format))
        };
        self.pages = Some(pages);
        result
    }

    fn pages(&mut self, id: i64) -> Result<Pages<'c>, BlockError> {
        match self.pages.take() {
            Some(mut pages) => {
                pages.0.reopen(id).map_err(unreadable)?;
                Ok(pages)
            }
            None => {
                let blob = self
                    .connection
                    .blob_open("main", "blocks", "data", id, true);
                blob.map(Pages).map_err(unreadable)
            }
        }
    }

    fn feed_rows(
        &mut self,
        pages: &Pages<'_>,
        width: usize,
        wanted: &Wanted,
        place: &dyn Fn(i64) -> BucketPosition,
        columns: &mut [Column],
    ) -> Result<(), BlockError> {
        let cuts = &mut self.cuts;
        let mut first = true;
        let mut each = |number: usize, times: &[i64], run: Run<'_>, bases: &Bases| {
            if std::mem::take(&mut first) {
                cuts.cut(times, bases, place);
            }
            let of = (wanted.at[number], wanted.scales[number]);
            let column = &mut columns[wanted.columns[number]];
            cuts.add(times, run, bases, of, column);
        };
        if wanted.at.iter().any(|at| *at >= width) {
            return Err(BlockError::Corrupt("series number"));
        }
        // Many small reads cost more than one large one.
        if wanted.at.len() * 4 > width {
            let mut data = vec![0; pages.len()];
            pages.read(0, &mut data)?;
            return block::read_rows(&data[..], &wanted.at, &mut self.scratch, &mut each);
        }
        block::read_rows(pages, &wanted.at, &mut self.scratch, &mut each)
    }

    fn feed_records(
        &mut self,
        pages: &Pages<'_>,
        layout: i64,
        wanted: &Wanted,
        place: &dyn Fn(i64) -> BucketPosition,
        columns: &mut [Column],
    ) -> Result<(), BlockError> {
        let stored = self.layout(layout).map_err(unreadable)?;
        let stored = stored.ok_or(BlockError::Corrupt("its layout is missing"))?;
        let mut data = vec![0; pages.len()];
        pages.read(0, &mut data)?;
        let mut gathered = Columns::new(wanted.at.len());
        let base = records::base(&data, stored.len());
        if let Ok(Some(base)) = &base {
            let base = wanted.at.iter().map(|at| base.get(*at).copied().flatten());
            gathered.go_on_from(base.collect());
        }
        let mut reader = WireReader::new(&stored.layout);
        let result = records::read(&data, &mut reader, &wanted.at, &mut gathered);
        self.add(&gathered, wanted, place, columns);
        base.and(result)
    }

    fn feed_aggregates(
        &mut self,
        pages: &Pages<'_>,
        width: usize,
        wanted: &Wanted,
        place: &dyn Fn(i64) -> BucketPosition,
        columns: &mut [Column],
    ) -> Result<(), BlockError> {
        let block = Block::open(pages)?;
        let offsets = Offsets::of_block(width, block.width())?;
        block.times(&mut self.scratch.times)?;
        let stretches = self.cuts.whole(&self.scratch.times, place);
        let mut rows = Vec::new();
        for (number, &column) in wanted.columns.iter().enumerate() {
            let column = &mut columns[column];
            let of = offsets.of_series(wanted.at[number]);
            let scale = wanted.scales[number];
            aggregate::read(&block, column.kind, scale, of, &mut rows)?;
            for cut in stretches {
                if let Some(bucket) = cut.bucket {
                    for row in &rows[cut.start..cut.end] {
                        column.merge(bucket, row);
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds the wanted series, gathered as columns.
    pub fn add(
        &mut self,
        gathered: &Columns,
        wanted: &Wanted,
        place: &dyn Fn(i64) -> BucketPosition,
        columns: &mut [Column],
    ) {
        let bases = Bases::of_columns(&gathered.segments);
        self.cuts.cut(&gathered.times, &bases, place);
        for (number, &column) in wanted.columns.iter().enumerate() {
            let of = (number, wanted.scales[number]);
            let values = Run::Each(&gathered.values[number]);
            self.cuts
                .add(&gathered.times, values, &bases, of, &mut columns[column]);
        }
    }
}

/// Before this time only hours are left of a node.
pub fn only_hours_ms(connection: &Connection, node: i64) -> rusqlite::Result<i64> {
    let mut statement =
        connection.prepare_cached("SELECT until_ms FROM only_hours WHERE node = ?1")?;
    let until_ms = statement.query_row([node], |row| row.get(0)).optional()?;
    Ok(until_ms.unwrap_or(i64::MIN))
}
