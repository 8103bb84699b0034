//! Blocks of history of any bytes: an error or values, never a panic, and no more
//! memory than the rows that were asked for; and what is written reads back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stardust_blocks::base::Bases;
use stardust_blocks::block::{Run, Scratch, WireReader, read_rows};
use stardust_blocks::crc32c::crc32c;
use stardust_blocks::column::{self, Effort, MODE_CODED};
use stardust_blocks::columns::{Block, Columns};
use stardust_blocks::limits::ROWS_MAX;
use stardust_blocks::{aggregate, coder, records};
use stardust_shared::{ABSENT, Layout};
use stardust_shared::series::Kind;

fuzz_target!(|input: &[u8]| {
    let [kind, low, high, rest @ ..] = input else {
        return;
    };
    let rows = usize::from(u16::from_le_bytes([*low, *high]));
    match kind % 6 {
        0 => decode(MODE_CODED, rest, rows),
        1 => {
            if let Some((mode, rest)) = rest.split_first() {
                decode(mode % 8, rest, rows);
            }
        }
        2 => whole_block(&sealed(rest, rows)),
        3 => rows_of_many(&sealed(rest, rows)),
        4 => comes_back(rest),
        _ => {
            let mut columns = Columns::new(1);
            let (series, data) = rest.split_at(rows.min(rest.len()));
            if let Ok(layout) = Layout::decode_series(0, series) {
                let mut reader = WireReader::new(&layout);
                let _ = records::read(data, &mut reader, &[0], &mut columns);
                let _ = records::base(data, layout.len());
                columns.truncate(0);
                let read = WireReader::new(&layout).read(data, &[0], &mut columns);
                assert!(read.is_ok() || columns.rows() == 0);
            }
        }
    }
});

fn decode(mode: u8, bytes: &[u8], rows: usize) {
    let mut column = Vec::new();
    let done = column::decode(mode, bytes, rows, &mut column);
    assert!(column.len() <= rows && column.capacity() <= 2 * rows + 64);
    assert!(done.is_err() || column.len() == rows);
}

/// A block whose directory is `bytes` up to there, under a checksum that fits: that
/// a wrong one is seen, others test.
fn sealed(bytes: &[u8], directory: usize) -> Vec<u8> {
    let (directory, body) = bytes.split_at(directory.min(bytes.len()));
    let mut block = (directory.len() as u32).to_le_bytes().to_vec();
    block.extend_from_slice(&crc32c(directory).to_le_bytes());
    block.extend_from_slice(directory);
    block.extend_from_slice(body);
    block
}

fn whole_block(data: &[u8]) {
    let wanted: Vec<usize> = (0..40).collect();
    let mut each = |number: usize, times: &[i64], run: Run<'_>, bases: &Bases| {
        assert!(times.len() <= ROWS_MAX);
        if let Run::Each(values) = run {
            assert!(values.len() <= ROWS_MAX);
        }
        let mut end = 0;
        for (base, rows) in bases.stretches(times.len()) {
            assert_eq!(rows.start, end);
            end = rows.end;
            let _ = base.map(|base| bases.of(base, number, run.of(rows)));
        }
        assert_eq!(end, times.len());
    };
    let _ = read_rows(data, &wanted, &mut Scratch::default(), &mut each);
}

fn rows_of_many(data: &[u8]) {
    let Ok(block) = Block::open(data) else {
        return;
    };
    let mut buckets = Vec::new();
    for series in 0..4 {
        let Ok(offsets) = aggregate::Offsets::of_block(series, block.width()) else {
            continue;
        };
        for (at, kind) in (0..series).flat_map(|at| [(at, Kind::Gauge), (at, Kind::Counter)]) {
            let _ = aggregate::read(&block, kind, 512, offsets.of_series(at), &mut buckets);
            assert!(buckets.len() <= ROWS_MAX);
        }
    }
}

fn comes_back(bytes: &[u8]) {
    let (words, _) = bytes.as_chunks::<8>();
    let far: Vec<i64> = words.iter().map(|word| i64::from_le_bytes(*word)).collect();
    let near: Vec<i64> = bytes.iter().map(|byte| i64::from(*byte)).collect();
    for values in [far, near] {
        if let Some(coded) = coder::encode(&values) {
            let mut back = Vec::new();
            coder::decode(&coded, values.len(), &mut back).expect("what was coded");
            assert!(back == values);
        }
        let mut columns = Columns::new(1);
        columns.times = (0..values.len() as i64).collect();
        columns.values[0].clone_from(&values);
        let data = columns.encode(Effort::Best).expect("it is encoded");
        let block = Block::open(&data[..]).expect("what was encoded");
        let mut back = Vec::new();
        block.values(0, &mut back).expect("what was encoded");
        assert!(back == values);
        // The same where some rows lack it.
        let gone = |(at, value): (usize, i64)| if at / 5 % 3 == 0 { ABSENT } else { value };
        columns.values[0] = values.iter().copied().enumerate().map(gone).collect();
        let data = columns.encode(Effort::Best).expect("it is encoded");
        let block = Block::open(&data[..]).expect("what was encoded");
        block.values(0, &mut back).expect("what was encoded");
        assert!(back == columns.values[0]);
    }
}
