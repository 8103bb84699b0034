//! A config file and a command line: refused with words, or bounded settings.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use stardust_shared::limits::{INTERVAL_MS_MAX, INTERVAL_MS_MIN, RING_BYTES_MAX, RING_BYTES_MIN};
use stardust_spider::config::{FileText, Input, Outcome, PINS_MAX, parse};

fuzz_target!(|text: &str| {
    let read = |path: &Path| {
        let text = if path == Path::new("/conf") {
            text
        } else {
            "t0ken"
        };
        Ok(FileText {
            text: text.to_owned(),
            mode: 0o600,
        })
    };
    let file = ["--config", "/conf"].map(str::to_owned).to_vec();
    let flags: Vec<String> = text.split('\n').map(str::to_owned).collect();
    for args in [file, flags] {
        let input = Input {
            args: &args,
            token: None,
            env: &|_| None,
            read: &read,
        };
        match parse(&input) {
            Ok(Outcome::Run(config)) => {
                assert!((INTERVAL_MS_MIN..=INTERVAL_MS_MAX).contains(&config.interval_ms));
                assert!((RING_BYTES_MIN..=RING_BYTES_MAX).contains(&config.ring_bytes));
                assert!(config.pins.len() <= PINS_MAX);
                if let Some(url) = &config.server {
                    assert!(url.port() > 0 && !url.host_header().contains(char::is_control));
                }
            }
            Ok(_) => {}
            Err(error) => assert!(!error.0.is_empty()),
        }
    }
});
