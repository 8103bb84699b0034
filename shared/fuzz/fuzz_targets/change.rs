//! A change of a layout, and the records after it, from a hostile Spider: refused, or
//! what it makes is within the bounds and can be told again.
//!
//! The input is the length of a layout (two bytes), the layout, the length of a change
//! (two bytes), the change, then records.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stardust_shared::layout::Change;
use stardust_shared::limits::{KEY_BYTES_MAX, LAYOUT_KEYS_BYTES_MAX, SERIES_MAX};
use stardust_shared::varint::Reader;
use stardust_shared::{Layout, SeriesDef, State};

fn part(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = input.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))
}

fn own() -> Layout {
    let names = ["net.rx_bytes", "cpu.idle_ms", "fs.free_bytes", "fs.available_bytes"];
    let one = |n: usize| {
        let (name, label) = (names[n % 4], format!("veth{}", n / 4));
        SeriesDef::new(name, &[("iface", &label), ("type", "x")])
    };
    Layout::new(1, (0..40).map(one).collect())
}

fuzz_target!(|input: &[u8]| {
    let Some((list, rest)) = part(input) else {
        return;
    };
    let base = Layout::decode(list).unwrap_or_else(|_| own());
    let Some((change, records)) = part(rest) else {
        return;
    };
    let Ok(change) = Change::decode(&base, change) else {
        return;
    };
    let layout = change.apply(&base);
    assert!(layout.len() <= SERIES_MAX && layout.id() > base.id());
    let keys = layout.series().iter().map(|series| series.key.len());
    assert!(keys.clone().sum::<usize>() <= LAYOUT_KEYS_BYTES_MAX);
    assert!(keys.clone().all(|bytes| bytes <= KEY_BYTES_MAX));
    let mut whole = Vec::new();
    layout.encode(&mut whole);
    assert_eq!(Layout::decode(&whole[1..]), Ok(layout.clone()));
    let mut again = Vec::new();
    change.encode(&base, &mut again);
    assert_eq!(Change::decode(&base, &again[1..]), Ok(change.clone()));

    let mut state = State::default();
    state.start(&base, 1, 0, &vec![70_000; base.len()]);
    state.change(&base, &change);
    let mut reader = Reader::new(records);
    let mut start = reader.rest();
    while !reader.is_empty() && state.apply(&layout, &mut reader).is_ok() {
        assert_eq!(state.scaled().len(), layout.len());
        let _ = state.before(&layout, &start[..start.len() - reader.rest().len()]);
        start = reader.rest();
        let mut keyframe = Vec::new();
        state.encode_keyframe(&layout, 0, &mut keyframe);
        let mut opened = State::default();
        opened.apply(&layout, &mut Reader::new(&keyframe)).unwrap();
        assert!(opened == state);
    }
});
