//! A stream of samples: what is read can be written, and reads back the same.
//!
//! The input is the length of a layout (two bytes), the layout, then records.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stardust_shared::varint::Reader;
use stardust_shared::{Layout, Record, SeriesDef, State};

fuzz_target!(|input: &[u8]| {
    let Some((len, rest)) = input.split_first_chunk::<2>() else {
        return;
    };
    let len = usize::from(u16::from_le_bytes(*len));
    let given = rest.split_at_checked(len);
    let given = given.and_then(|(list, records)| Some((Layout::decode(list).ok()?, records)));
    let (layout, records) = given.unwrap_or_else(|| {
        let names = ["cpu.idle_ms", "mem.free_bytes", "x", "system.uptime_ms"];
        let series = (0..len % 80)
            .map(|n| SeriesDef::new(names[n % 4], &[("n", &n.to_string())]))
            .collect();
        (Layout::new(1, series), rest)
    });
    let mut state = State::default();
    let mut reader = Reader::new(records);
    while !reader.is_empty() {
        let before = state.seq;
        let Ok(record) = state.apply(&layout, &mut reader) else {
            return;
        };
        assert!(state.seq > 0 && state.scaled().len() == layout.len());
        assert!(record == Record::Keyframe || state.seq > before);
        for index in 0..=layout.len() {
            let _ = state.value(&layout, index);
        }
        let mut keyframe = Vec::new();
        state.encode_keyframe(&layout, 0, &mut keyframe);
        let mut opened = State::default();
        let mut reader = Reader::new(&keyframe);
        assert_eq!(opened.apply(&layout, &mut reader), Ok(Record::Keyframe));
        assert!(opened == state && reader.is_empty());
    }
});
