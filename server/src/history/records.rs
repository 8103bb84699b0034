//! Records as they came over the wire, several chains of them one behind the other. Pure.
//!
//! What fresh records of many samples become until they are merged for good: a chain
//! begins with a keyframe, all of them are smaller than plain columns, and nothing is
//! worked out twice. A reader takes all series to have one.
//!
//! For each chain the length of its records, their CRC (4 bytes, little-endian), and
//! the records.

use stardust_shared::Layout;
use stardust_shared::varint::{Reader, put};

use super::block::{BlockError, WireReader};
use super::check::crc32c;
use super::columns::Columns;

/// Appends a chain of records to a block; nothing when there are none.
pub fn put_records(records: &[u8], block: &mut Vec<u8>) {
    if records.is_empty() {
        return;
    }
    put(block, records.len() as u64);
    block.extend_from_slice(&crc32c(records).to_le_bytes());
    block.extend_from_slice(records);
}

/// Appends the rows of a block to `into`, which holds the columns `wanted`.
///
/// A damaged chain does not keep the others from being read; the first error is
/// the answer.
pub fn read(
    block: &[u8],
    reader: &mut WireReader<'_>,
    wanted: &[usize],
    into: &mut Columns,
) -> Result<(), BlockError> {
    each_chain(block, &mut |records| reader.read(records, wanted, into))
}

/// A block of the chains that can be read, and how many rows these have. `None`
/// when none can.
pub fn sound(block: &[u8], layout: &Layout) -> Option<(Vec<u8>, usize)> {
    let mut reader = WireReader::new(layout);
    let mut rows = Columns::new(0);
    let mut sound = Vec::new();
    // The error is why we are here.
    let _ = each_chain(block, &mut |records| {
        reader.read(records, &[], &mut rows)?;
        put_records(records, &mut sound);
        Ok(())
    });
    (rows.rows() > 0).then_some((sound, rows.rows()))
}

fn each_chain(
    block: &[u8],
    work: &mut dyn FnMut(&[u8]) -> Result<(), BlockError>,
) -> Result<(), BlockError> {
    let mut rest = Reader::new(block);
    let mut result = Ok(());
    while !rest.is_empty() {
        let length = usize::try_from(rest.varint()?);
        let length = length.map_err(|_| BlockError::Corrupt("length of records"))?;
        let crc = rest.bytes(4)?;
        let records = rest.bytes(length)?;
        let done = if crc32c(records).to_le_bytes() == crc {
            work(records)
        } else {
            Err(BlockError::Corrupt("checksum of records"))
        };
        result = result.and(done);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_shared::{ABSENT, Layout, SeriesDef, State};

    /// Two chains, of sessions that call the layout by different numbers.
    fn two_chains() -> (Layout, Vec<u8>, Vec<[i64; 2]>) {
        let series = || {
            vec![
                SeriesDef::new("proc.total", &[]),
                SeriesDef::new("net.rx_bytes", &[("iface", "eth0")]),
            ]
        };
        let mut all = Vec::new();
        let mut block = Vec::new();
        for (number, rows) in [(3, 0..10), (9, 10..14)] {
            let layout = Layout::new(number, series());
            let mut state = State::default();
            let mut bytes = Vec::new();
            for n in rows {
                let values = [if n == 5 { ABSENT } else { n * 3 }, n * n * 1_000];
                let at = (n as u64 + 1, n * 1_000);
                if bytes.is_empty() {
                    state.start(&layout, at.0, at.1, &values);
                    state.encode_keyframe(&layout, 0, &mut bytes);
                } else {
                    state.encode_delta(&layout, at.0, at.1, &values, &mut bytes);
                }
                all.push(values);
            }
            put_records(&bytes, &mut block);
        }
        (Layout::new(0, series()), block, all)
    }

    #[test]
    fn chains_of_several_sessions_come_back() {
        let (layout, data, all) = two_chains();
        let mut columns = Columns::new(2);
        columns.push(7, &[1, 2]);
        read(&data, &mut WireReader::new(&layout), &[0, 1], &mut columns).unwrap();
        let times: Vec<i64> = (0..14).map(|n| n * 1_000).collect();
        assert_eq!(columns.times[1..], times);
        for (number, column) in columns.values.iter().enumerate() {
            let expected: Vec<i64> = all.iter().map(|row| row[number]).collect();
            assert_eq!(column[1..], expected);
        }
        let mut one = Columns::new(1);
        read(&data, &mut WireReader::new(&layout), &[1], &mut one).unwrap();
        assert_eq!(one.values[0][..], columns.values[1][1..]);
        let out_of_range = read(&data, &mut WireReader::new(&layout), &[2], &mut one);
        assert_eq!(out_of_range, Err(BlockError::Corrupt("series number")));
        assert_eq!(one.rows(), 14);
    }

    #[test]
    fn damage_is_noticed_and_costs_its_own_chain() {
        let (layout, data, _) = two_chains();
        let reads = |data: &[u8]| {
            let mut columns = Columns::new(2);
            let result = read(data, &mut WireReader::new(&layout), &[0, 1], &mut columns);
            assert!(columns.values.iter().all(|c| c.len() == columns.rows()));
            (result.is_ok(), columns.rows())
        };
        assert_eq!(reads(&data), (true, 14));
        assert_eq!(sound(&data, &layout), Some((data.clone(), 14)));
        let mut first = Vec::new();
        let length = usize::from(data[0]);
        put_records(&data[5..5 + length], &mut first);
        for end in 1..data.len() {
            let whole = if end < first.len() { 0 } else { 10 };
            assert_eq!(
                reads(&data[..end]),
                (end == first.len(), whole),
                "cut at {end}"
            );
        }
        for at in 0..data.len() {
            let mut damaged = data.clone();
            damaged[at] ^= 0x10;
            let (fine, rows) = reads(&damaged);
            assert!(!fine && rows < 14, "at {at}");
            let (kept, count) = sound(&damaged, &layout).unwrap_or_default();
            assert_eq!((rows, reads(&kept)), (count, (true, count)), "at {at}");
            if at > first.len() {
                assert_eq!((kept == first, count), (true, 10), "at {at}");
            } else if at > 0 && at < first.len() {
                assert_eq!(count, 4, "at {at}");
            }
        }
        // A length that is more than there is.
        let mut long = Vec::new();
        put(&mut long, 1 << 40);
        assert_eq!(reads(&long), (false, 0));
        assert_eq!(sound(&long, &layout), None);
    }
}
