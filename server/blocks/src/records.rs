//! Records as they came over the wire, several chains of them one behind the other. Pure.
//!
//! What fresh records of many samples become until they are merged for good: a chain
//! begins with a keyframe, all of them are smaller than plain columns, and nothing is
//! worked out twice. A reader takes all series to have one.
//!
//! For each chain the length of its records, their CRC (4 bytes, little-endian), and
//! the records. Before the first one, in the same way, from where its counters go on
//! ([`super::base`]), or nothing where nobody knows.

use stardust_shared::Layout;
use stardust_shared::varint::{Reader, put};

use super::base::{self, Base, Bases, Segment};
use super::block::WireReader;
use super::columns::Columns;
use super::crc32c::crc32c;
use super::error::BlockError;

/// Appends a chain of records to a block; nothing when there are none.
pub fn put_records(records: &[u8], block: &mut Vec<u8>) {
    if !records.is_empty() {
        put_bytes(records, block);
    }
}

fn put_bytes(records: &[u8], block: &mut Vec<u8>) {
    put(block, records.len() as u64);
    block.extend_from_slice(&crc32c(records).to_le_bytes());
    block.extend_from_slice(records);
}

/// Begins a block whose first chain goes on from `base`; `None` where nobody knows.
pub fn put_base(base: Option<&Base>, block: &mut Vec<u8>) {
    let bytes = base.map(|base| {
        let segment = Segment {
            row: 0,
            base: base.clone(),
        };
        base::encode(&[segment], base.len(), 0, |_, _| None)
    });
    put_bytes(&bytes.unwrap_or_default(), block);
}

/// The bytes of the base of a block, if they are sound, and its chains.
fn split(block: &[u8]) -> Result<(Option<&[u8]>, &[u8]), BlockError> {
    let mut rest = Reader::new(block);
    let base = next(&mut rest)?;
    Ok((base, rest.rest()))
}

/// From where the first chain of a block goes on; `None` when nobody knows.
///
/// # Errors
/// When that is damaged.
pub fn base(block: &[u8], width: usize) -> Result<Option<Base>, BlockError> {
    let (base, _) = split(block)?;
    let base = base.ok_or(BlockError::Corrupt("checksum of a base"))?;
    let bases = Bases::decode(base, width, 0)?;
    Ok(bases
        .known(0, |_, _| None)
        .pop()
        .map(|segment| segment.base))
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
    let (_, chains) = split(block)?;
    each_chain(chains, &mut |records| reader.read(records, wanted, into))
}

/// A block of the chains that can be read, and how many rows these have. `None`
/// when none can.
pub fn sound(block: &[u8], layout: &Layout) -> Option<(Vec<u8>, usize)> {
    let mut reader = WireReader::new(layout);
    let mut rows = Columns::new(0);
    let mut sound = Vec::new();
    let (_, chains) = split(block).ok()?;
    let base = base(block, layout.len());
    put_base(base.unwrap_or_default().as_ref(), &mut sound);
    // The error is why we are here.
    let _ = each_chain(chains, &mut |records| {
        reader.read(records, &[], &mut rows)?;
        put_records(records, &mut sound);
        Ok(())
    });
    (rows.rows() > 0).then_some((sound, rows.rows()))
}

/// The next stretch of bytes; `None` when they are not what was written.
fn next<'a>(rest: &mut Reader<'a>) -> Result<Option<&'a [u8]>, BlockError> {
    let length = usize::try_from(rest.varint()?);
    let length = length.map_err(|_| BlockError::Corrupt("length of records"))?;
    let crc = rest.bytes(4)?;
    let bytes = rest.bytes(length)?;
    Ok((crc32c(bytes).to_le_bytes() == crc).then_some(bytes))
}

fn each_chain(
    block: &[u8],
    work: &mut dyn FnMut(&[u8]) -> Result<(), BlockError>,
) -> Result<(), BlockError> {
    let mut rest = Reader::new(block);
    let mut result = Ok(());
    while !rest.is_empty() {
        let done = match next(&mut rest)? {
            Some(records) => work(records),
            None => Err(BlockError::Corrupt("checksum of records")),
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

    /// A block of chains whose base nobody knows.
    fn block_of(chains: &[u8]) -> Vec<u8> {
        let mut block = Vec::new();
        put_base(None, &mut block);
        block.extend_from_slice(chains);
        block
    }

    #[test]
    fn chains_of_several_sessions_come_back() {
        let (layout, chains, all) = two_chains();
        let data = block_of(&chains);
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
        let reads = |chains: &[u8]| {
            let mut columns = Columns::new(2);
            let mut reader = WireReader::new(&layout);
            let result = read(&block_of(chains), &mut reader, &[0, 1], &mut columns);
            assert!(columns.values.iter().all(|c| c.len() == columns.rows()));
            (result.is_ok(), columns.rows())
        };
        assert_eq!(reads(&data), (true, 14));
        // What is sound of them, without the base.
        let sound = |chains: &[u8]| {
            let (kept, rows) = sound(&block_of(chains), &layout)?;
            Some((kept[block_of(&[]).len()..].to_vec(), rows))
        };
        assert_eq!(sound(&data), Some((data.clone(), 14)));
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
            let (kept, count) = sound(&damaged).unwrap_or_default();
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
        assert_eq!(sound(&long), None);
    }

    #[test]
    fn a_base_comes_back_and_its_damage_costs_no_sample() {
        let (layout, chains, _) = two_chains();
        let base: Base = vec![None, Some((-1_000, -70))];
        let mut data = Vec::new();
        put_base(Some(&base), &mut data);
        let begin = data.len();
        data.extend_from_slice(&chains);
        let rows = |data: &[u8]| {
            let mut columns = Columns::new(2);
            let mut reader = WireReader::new(&layout);
            let result = read(data, &mut reader, &[0, 1], &mut columns);
            (result.is_ok(), columns.rows())
        };
        let of = |data: &[u8]| super::base(data, 2);
        assert_eq!((of(&data), rows(&data)), (Ok(Some(base)), (true, 14)));
        assert_eq!(super::base(&block_of(&chains), 2), Ok(None));
        for at in 1..begin {
            let mut damaged = data.clone();
            damaged[at] ^= 0x10;
            assert!(of(&damaged).is_err(), "{at}");
            assert_eq!(rows(&damaged).1, 14);
            let (kept, count) = sound(&damaged, &layout).unwrap();
            assert_eq!((of(&kept), count), (Ok(None), 14));
        }
    }
}
