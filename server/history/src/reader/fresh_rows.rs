//! Fresh records of a node, commit by commit.

use super::super::error::unreadable;
use super::super::fresh::Row;
use super::super::layouts::Stored;
use super::NodeReader;
use super::fault::Fault;
use stardust_blocks::BlockError;
use stardust_blocks::block::WireReader;
use stardust_blocks::columns::Columns;
use stardust_blocks::crc32c::crc32c;

impl NodeReader<'_> {
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

    /// The last one of their samples, as columns have it; `None` when none can be read.
    pub fn last_fresh(
        &self,
        rows: &[Row],
        stored: &Stored,
        faults: &mut Vec<Fault>,
    ) -> Option<(i64, Vec<i64>)> {
        let mut reader = WireReader::new(&stored.layout);
        let mut none = Columns::new(0);
        let mut last = None;
        self.each_fresh(rows, faults, |row, data| {
            match row.chain.before {
                None => reader.read(data, &[], &mut none)?,
                Some(_) => reader.go_on(data, &[], &mut none)?,
            }
            let (time_ms, values) = reader.last();
            last = Some((time_ms, values.to_vec()));
            Ok(())
        });
        last
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
            .map_err(unreadable);
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
    let mut rows = statement.query(of).map_err(unreadable)?;
    let Some(row) = rows.next().map_err(unreadable)? else {
        return Ok(());
    };
    let crc: u32 = row.get(0).map_err(unreadable)?;
    let data = row.get_ref(1).map_err(unreadable)?;
    let data = data.as_blob().unwrap_or_default();
    if crc != crc32c(data) {
        return Err(BlockError::Corrupt("checksum of fresh records"));
    }
    work(data)
}
