//! A layout from a hostile Spider: refused, or it says the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stardust_shared::Layout;
use stardust_shared::limits::{KEY_BYTES_MAX, SERIES_MAX};
use stardust_shared::series::{label, name_of};

fuzz_target!(|body: &[u8]| {
    let Ok(layout) = Layout::decode(body) else {
        return;
    };
    assert!(layout.len() <= SERIES_MAX);
    for series in layout.series() {
        assert!(series.key.len() <= KEY_BYTES_MAX);
        let _ = name_of(&series.key);
        for name in ["core", "mount", ""] {
            let _ = label(&series.key, name);
        }
    }
    let mut again = Vec::new();
    layout.encode(&mut again);
    assert_eq!(Layout::decode(&again[1..]), Ok(layout));
});
