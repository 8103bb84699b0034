//! Codecs for a column of history, by bytes and CPU a value, over days made of a
//! recording (see `telemetry`): what `server/blocks/src/column.rs` chose from.
//!
//! Every codec gets each column that changes, in blocks of as many rows as a full
//! block has; columns that never change cost nothing in any of them, and their
//! values count. The entropy is that of the differences, with the table of
//! probabilities for nothing: no codec that looks at one value at a time gets there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what can't be measured ends the measurement"
)]

use std::collections::BTreeMap;
use std::path::Path;

use pco::wrapped::{FileCompressor, FileDecompressor};
use stardust_benches::telemetry::{Day, Kind, Recording, entropy_bytes};
use stardust_benches::{Report, thread_cpu_ns};
use stardust_blocks::coder;
use stardust_shared::varint::{Reader, put_signed};

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recorded/idle.jsonl.zst");
const ROWS: usize = 8_640;
const NODES: u64 = 4;

/// Bytes, and nanoseconds to pack and to unpack.
#[derive(Clone, Copy, Default)]
struct Cost {
    bytes: usize,
    pack_ns: u64,
    unpack_ns: u64,
}

fn main() -> std::io::Result<()> {
    let mut report = Report::new("history_codecs");
    let recording = Recording::load(Path::new(RECORDED))?.remove(0);
    let day = Day::new(&recording, 60, 10, 10_000);
    for kind in [Kind::Repeat, Kind::Noisy] {
        let mut costs: BTreeMap<String, Cost> = BTreeMap::new();
        let (mut values, mut best) = (0, 0);
        let mut floor_bytes = 0.0;
        for number in 0..NODES {
            for column in columns(&day, number, kind) {
                values += column.len();
                if column.iter().all(|value| *value == column[0]) {
                    continue;
                }
                floor_bytes += entropy_bytes(&column);
                best += each_codec(&column, &mut costs);
            }
        }
        let per_value = |n: f64| n / values as f64;
        for (codec, cost) in &costs {
            let name = format!("{}: {codec}", kind.name());
            report.figure(&name, per_value(cost.bytes as f64), "bytes/value");
            report.figure(
                &format!("{name}, pack"),
                per_value(cost.pack_ns as f64),
                "ns/value",
            );
            report.figure(
                &format!("{name}, unpack"),
                per_value(cost.unpack_ns as f64),
                "ns/value",
            );
        }
        report.figure(
            &format!("{}: smaller of zstd 9 and coder", kind.name()),
            per_value(best as f64),
            "bytes/value",
        );
        report.figure(
            &format!("{}: entropy", kind.name()),
            per_value(floor_bytes),
            "bytes/value",
        );
    }
    report.write()
}

fn columns(day: &Day, number: u64, kind: Kind) -> Vec<Vec<i64>> {
    let mut node = day.node(number, kind, 1_790_000_000_000);
    let mut columns = vec![Vec::with_capacity(ROWS); day.layout.len() + 1];
    for _ in 0..ROWS {
        node.advance();
        columns[0].push(node.time_ms);
        for (column, value) in columns[1..].iter_mut().zip(&node.values) {
            column.push(*value);
        }
    }
    columns
}

/// Answers the bytes of the better of the two that the history chooses from.
fn each_codec(column: &[i64], costs: &mut BTreeMap<String, Cost>) -> usize {
    let mut try_one =
        |name: &str, pack: &dyn Fn() -> Vec<u8>, unpack: &dyn Fn(&[u8]) -> Vec<i64>| {
            let start = thread_cpu_ns();
            let packed = pack();
            let middle = thread_cpu_ns();
            let back = unpack(&packed);
            let end = thread_cpu_ns();
            assert_eq!(back, column, "{name}");
            let cost = costs.entry(name.to_owned()).or_default();
            cost.bytes += packed.len();
            cost.pack_ns += middle - start;
            cost.unpack_ns += end - middle;
            packed.len()
        };
    let coded = try_one(
        "coder",
        &|| coder::encode(column).expect("enough rows"),
        &|bytes| {
            let mut back = Vec::new();
            coder::decode(bytes, column.len(), &mut back).expect("it unpacks");
            back
        },
    );
    try_one("delta varints", &|| deltas(column, 1), &|bytes| {
        undelta(bytes, 1)
    });
    try_one("delta of delta varints", &|| deltas(column, 2), &|bytes| {
        undelta(bytes, 2)
    });
    let mut best = coded;
    for level in [1, 3, 9, 19] {
        let pack = || zstd::bulk::compress(&deltas(column, 1), level).expect("zstd packs");
        let unpack = |bytes: &[u8]| {
            undelta(
                &zstd::bulk::decompress(bytes, column.len() * 10).expect("zstd unpacks"),
                1,
            )
        };
        let bytes = try_one(&format!("zstd {level:2} on deltas"), &pack, &unpack);
        if level == 9 {
            best = best.min(bytes);
        }
    }
    let pack = || zstd::bulk::compress(&deltas(column, 2), 9).expect("zstd packs");
    let unpack = |bytes: &[u8]| {
        undelta(
            &zstd::bulk::decompress(bytes, column.len() * 10).expect("zstd unpacks"),
            2,
        )
    };
    try_one("zstd  9 on deltas of deltas", &pack, &unpack);
    for level in [4, 8, 12] {
        let unpack = |bytes: &[u8]| pco_unpack(bytes, column.len());
        try_one(
            &format!("pco {level:2}, order 1"),
            &|| pco_pack(column, level, 1),
            &unpack,
        );
    }
    try_one("pco  8, order 2", &|| pco_pack(column, 8, 2), &|bytes| {
        pco_unpack(bytes, column.len())
    });
    best
}

fn deltas(column: &[i64], order: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(column.len() * 2);
    let (mut value, mut step) = (0i64, 0i64);
    for &now in column {
        let change = now.wrapping_sub(value);
        put_signed(
            &mut out,
            if order == 1 {
                change
            } else {
                change.wrapping_sub(step)
            },
        );
        (value, step) = (now, change);
    }
    out
}

fn undelta(bytes: &[u8], order: usize) -> Vec<i64> {
    let mut reader = Reader::new(bytes);
    let (mut value, mut step) = (0i64, 0i64);
    let mut out = Vec::with_capacity(bytes.len());
    while let Ok(residual) = reader.signed() {
        step = if order == 1 {
            residual
        } else {
            step.wrapping_add(residual)
        };
        value = value.wrapping_add(step);
        out.push(value);
    }
    out
}

fn pco_pack(column: &[i64], level: usize, order: usize) -> Vec<u8> {
    let config = pco::ChunkConfig::default()
        .with_compression_level(level)
        .with_delta_spec(pco::DeltaSpec::TryConsecutive(order));
    let file = FileCompressor::default();
    let mut chunk = file.chunk_compressor(column, &config).expect("pco packs");
    let mut out = Vec::new();
    file.write_header(&mut out).expect("pco packs");
    chunk.write_meta(&mut out).expect("pco packs");
    chunk.write_page(0, &mut out).expect("pco packs");
    out
}

fn pco_unpack(bytes: &[u8], rows: usize) -> Vec<i64> {
    let mut column = vec![0; rows];
    let (file, rest) = FileDecompressor::new(bytes).expect("pco unpacks");
    let (mut chunk, rest) = file
        .chunk_decompressor::<i64, _>(rest)
        .expect("pco unpacks");
    let mut page = chunk.page_decompressor(rest, rows).expect("pco unpacks");
    page.read(&mut column).expect("pco unpacks");
    column
}
