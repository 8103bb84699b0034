//! Text messages of either side: refused, or bounded and the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stardust_shared::limits::IDENTITY_FIELD_BYTES_MAX;
use stardust_shared::message::{Control, Hello};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(hello) = Hello::decode(text) {
        assert!((1..=64).contains(&hello.run.len()) && hello.oldest_seq <= hello.newest_seq);
        if let Some(name) = &hello.identity.hostname {
            assert!(name.len() <= IDENTITY_FIELD_BYTES_MAX && !name.contains(char::is_control));
        }
        assert_eq!(Hello::decode(&hello.encode()), Ok(hello));
    }
    if let Ok(control) = Control::decode(text) {
        let again = control.encode();
        assert!(Control::decode(&again).is_ok_and(|c| c == control) || again.len() > 4096);
    }
});
