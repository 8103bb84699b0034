//! Integers: what is read is written in the same bytes or fewer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stardust_shared::varint::{Reader, put, put_signed, unzigzag, zigzag};

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::new(bytes);
    while let Ok(value) = reader.varint() {
        let mut out = Vec::new();
        put(&mut out, value);
        assert!(out.len() <= 10);
        assert_eq!(Reader::new(&out).varint(), Ok(value));
        let signed = unzigzag(value);
        assert_eq!(zigzag(signed), value);
        out.clear();
        put_signed(&mut out, signed);
        assert_eq!(Reader::new(&out).signed(), Ok(signed));
    }
});
