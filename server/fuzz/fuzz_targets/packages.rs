//! All that is read of package managers: the first byte says which one, the second
//! what is read, and whether the rest are sections or the same words in each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stardust_packages::Manager;
use stardust_packages::readers::{KINDS, everywhere, read};
use stardust_packages::sections::Sections;

fuzz_target!(|bytes: &[u8]| {
    let [manager, kind, rest @ ..] = bytes else {
        return;
    };
    let manager = Manager::ALL[usize::from(*manager) % Manager::ALL.len()];
    let words = String::from_utf8_lossy(rest);
    let said = match kind & 0x80 {
        0 => everywhere(&words, i32::from(kind & 0x40 != 0)),
        _ => Sections::read("m", rest).and("end", "end", 0),
    };
    read(manager, (kind & 0x3f) % KINDS, &said, &words);
});
