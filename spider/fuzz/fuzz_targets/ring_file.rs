//! A ring file whose checksum is right: refused, or all of it can be sent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stardust_shared::layout::{Change, KIND_CHANGE};
use stardust_shared::varint::Reader;
use stardust_shared::{Layout, State};
use stardust_spider::link::ring_format::{Part, decode, decode_body, encode};
use stardust_spider::link::ring::{Chunk, Cursor, Ring};

fuzz_target!(|body: &[u8]| {
    let _ = decode(body);
    let Ok(mut runs) = decode_body(body) else {
        return;
    };
    for kept in &mut runs {
        let _ = kept.has_wall_time();
        for takes_changes in [false, true] {
            send(&mut kept.ring, Cursor::new(takes_changes));
        }
    }
    let parts: Vec<_> = runs
        .iter()
        .map(|kept| Part {
            run: &kept.run,
            boot_id: &kept.boot_id,
            began_ms: kept.began_ms,
            shift_ms: kept.shift_ms,
            agreed: kept.agreed,
            ring: &kept.ring,
        })
        .collect();
    if let Some(file) = encode(&parts, 1 << 20) {
        let again = decode(&file).unwrap();
        assert!(again.len() <= runs.len());
        assert_eq!(
            again.last().unwrap().ring.newest_seq(),
            runs.last().unwrap().ring.newest_seq()
        );
    }
    let _ = encode(&parts, body.len() / 2);
    for kept in &mut runs {
        kept.ring.ack(u64::MAX);
        assert!(kept.ring.is_empty());
    }
});

/// Reads all of it as a server does.
fn send(ring: &mut Ring, mut cursor: Cursor) {
    let (mut layout, mut state): (Option<Layout>, _) = (None, State::default());
    let (first, last) = (ring.oldest_seq(), ring.newest_seq());
    assert!(0 < first && first <= last);
    let mut seq = first - 1;
    let mut out = Vec::new();
    while let Some(chunk) = ring.read(&mut cursor, 0, &mut out) {
        match chunk {
            Chunk::Layout if out[0] == KIND_CHANGE => {
                let base = layout.as_ref().unwrap();
                let change = Change::decode(base, &out[1..]).unwrap();
                state.change(base, &change);
                layout = Some(change.apply(base));
            }
            Chunk::Layout => {
                layout = Some(Layout::decode(&out[1..]).unwrap());
                state = State::default();
            }
            Chunk::Samples { last_seq } => {
                let mut reader = Reader::new(&out[1..]);
                while !reader.is_empty() {
                    state.apply(layout.as_ref().unwrap(), &mut reader).unwrap();
                    seq += 1;
                    assert_eq!(state.seq, seq);
                }
                assert_eq!(seq, last_seq);
            }
        }
        out.clear();
    }
    assert_eq!(seq, last);
}
