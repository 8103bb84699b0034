//! What a proxy answers, and what the environment says of one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stardust_shared::base64::STANDARD;
use stardust_spider::config::proxy;
use stardust_spider::link::tunnel::{BadAnswer, HEAD_BYTES_MAX, read_answer};

fuzz_target!(|bytes: &[u8]| {
    let whole = read_answer(bytes);
    if let Ok(Some(status)) = whole {
        assert!(status < 1000);
    }
    if bytes.len() >= HEAD_BYTES_MAX {
        assert_ne!(whole, Ok(None), "an answer without end");
    }
    // However it arrives, the first verdict is the same, but for what follows it.
    for end in 0..bytes.len().min(200) {
        match read_answer(&bytes[..end]) {
            Ok(None) => {}
            Ok(Some(status)) => {
                assert!(whole == Ok(Some(status)) || whole == Err(BadAnswer::Talks));
                break;
            }
            Err(why) => {
                assert_eq!(whole, Err(why));
                break;
            }
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(proxy) = proxy::parse(text) {
            assert!(proxy.port > 0 && !proxy.host.is_empty());
            assert!(!format!("{proxy:?}").contains(char::is_control));
        }
        for host in ["gc.example", "10.0.0.1", "::1", ""] {
            let _ = proxy::is_direct(text, host);
        }
    }
    let text = STANDARD.encode_padded(bytes);
    if let Some(first) = bytes.first_chunk::<9>() {
        assert_eq!(STANDARD.decode_array::<9>(&text[..12]), Some(*first));
    }
});
