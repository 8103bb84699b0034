//! What a Raspberry Pi's firmware says about power and heat.
//!
//! `system.throttled` has the firmware's own bits, as `vcgencmd get_throttled`
//! shows them. Now: 0 under-voltage, 1 frequency capped, 2 throttled, 3 soft
//! temperature limit; 16 to 19 the same, at some time since boot. Those stay
//! set, so nothing is missed by asking only every five seconds, which the
//! firmware takes a while to answer.

use super::text::{first_line, trim};
use super::{Collector, Context};
use crate::root::{KeptFile, Root};
use crate::sample::Slot;

const FILE: &str = "devices/platform/soc/soc:firmware/get_throttled";
const AGE_MS_MAX: i64 = 4_900;

/// Hexadecimal, with or without `0x`.
pub fn parse_throttled(bytes: &[u8]) -> Option<i64> {
    let word = trim(first_line(bytes)?);
    let digits = word.strip_prefix(b"0x").unwrap_or(word);
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let bits = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16);
    bits.ok().map(i64::from)
}

pub struct Throttle {
    file: KeptFile,
    bits: Option<i64>,
    boot_ms: i64,
    slot: Option<Slot>,
}

impl Throttle {
    pub fn new(root: &Root) -> Self {
        Self {
            file: KeptFile::quiet(root.sys(FILE)),
            bits: None,
            boot_ms: i64::MIN,
            slot: None,
        }
    }
}

impl Collector for Throttle {
    fn collect(&mut self, context: &mut Context<'_>) {
        let sample = &mut *context.sample;
        if sample.boot_ms().saturating_sub(self.boot_ms) >= AGE_MS_MAX {
            self.bits = self.file.read(context.buffer).and_then(parse_throttled);
            self.boot_ms = sample.boot_ms();
        }
        if self.bits.is_some() {
            let slot = self
                .slot
                .get_or_insert_with(|| sample.slot("system.throttled", &[]));
            sample.set(slot, self.bits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_or_nothing() {
        assert_eq!(parse_throttled(b"0\n"), Some(0));
        assert_eq!(parse_throttled(b"50005\n"), Some(0x50005));
        assert_eq!(parse_throttled(b"0xe0008\n"), Some(0xe0008));
        for bytes in [
            &b""[..],
            b"\n",
            b"0x\n",
            b"5",
            b"+5\n",
            b"-1\n",
            b"100000000\n",
            b"5 0\n",
            b"\xff\n",
        ] {
            assert_eq!(parse_throttled(bytes), None, "{bytes:?}");
        }
    }
}
