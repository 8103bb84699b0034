//! /proc/self/mountinfo: bounded, and no mount counts twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stardust_spider::collect::mounts::parse_mountinfo;

fuzz_target!(|bytes: &[u8]| {
    for max in [0, 1, 512] {
        let (mounts, _) = parse_mountinfo(bytes, max, |point| Some(point.len() % 3 == 0), |point| point.ends_with(b"x"));
        assert!(mounts.len() <= max);
    }
});
