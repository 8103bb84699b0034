//! What a Raspberry Pi's firmware says about power and heat.
//!
//! `system.throttled` has the firmware's own bits, as `vcgencmd get_throttled`
//! shows them. Now: 0 under-voltage, 1 frequency capped, 2 throttled, 3 soft
//! temperature limit; 16 to 19 the same, at some time since boot. Those stay
//! set, so nothing is missed by asking only every five seconds, which the
//! firmware takes a while to answer.
//!
//! Kernels that are not the Raspberry Pi's own don't have that file, but watch
//! the voltage (hwmon `rpi_volt`): then there are bits 0 and 16 only.

use std::fs;
use std::path::PathBuf;

use super::collector::{Collector, Context};
use super::text::trim;
use crate::root::{Buffer, KeptDir, KeptFile, Root, read_small};
use crate::sample::Slot;

/// The firmware's device is below the system on a chip, which has an address in
/// its name since the Raspberry Pi 5 (soc@107c000000).
const DEVICES: &str = "devices/platform";
const FILE: &str = "get_throttled";
const AGE_MS_MAX: i64 = 4_900;
/// Entries of one folder that are looked at.
const ENTRIES_MAX: usize = 1024;
/// Under-voltage now, and since boot.
const NOW: i64 = 1;
const BEFORE: i64 = 1 << 16;

/// Hexadecimal, with or without `0x`.
pub fn parse_throttled(bytes: &[u8]) -> Option<i64> {
    let word = trim(bytes.split(|&b| b == b'\n').next()?);
    let digits = word.strip_prefix(b"0x").unwrap_or(word);
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let bits = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16);
    bits.ok().map(i64::from)
}

/// 0 or 1, as hwmon tells alarms.
pub fn parse_alarm(bytes: &[u8]) -> Option<bool> {
    match trim(bytes) {
        b"0" => Some(false),
        b"1" => Some(true),
        _ => None,
    }
}

enum Source {
    Firmware(KeptFile),
    /// And whether there was an alarm before.
    Voltage(KeptFile, bool),
}

impl Source {
    fn find(root: &Root) -> Option<Self> {
        let firmware = entries(root.sys(DEVICES), "soc")
            .into_iter()
            .flat_map(|soc| entries(soc, "soc"))
            .map(|device| device.join(FILE))
            .find(|file| file.exists());
        if let Some(file) = firmware {
            return Some(Self::Firmware(KeptFile::quiet(file)));
        }
        let is_volt = |chip: &PathBuf| {
            let name = read_small(&chip.join("name"));
            name.is_some_and(|name| trim(&name) == b"rpi_volt")
        };
        let chip = entries(root.sys("class/hwmon"), "hwmon")
            .into_iter()
            .find(is_volt)?;
        let file = KeptFile::quiet(chip.join("in0_lcrit_alarm"));
        Some(Self::Voltage(file, false))
    }

    fn bits(&mut self, buffer: &mut Buffer) -> Option<i64> {
        match self {
            Self::Firmware(file) => file.read(buffer).and_then(parse_throttled),
            Self::Voltage(file, before) => {
                let alarm = file.read(buffer).and_then(parse_alarm)?;
                *before |= alarm;
                Some((i64::from(alarm) * NOW) | (i64::from(*before) * BEFORE))
            }
        }
    }
}

fn entries(dir: PathBuf, start: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let found = entries.take(ENTRIES_MAX).filter_map(Result::ok);
    found
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
        .map(|entry| entry.path())
        .collect()
}

pub struct Throttle {
    root: Root,
    /// Drivers may be loaded after the Spider.
    chips: KeptDir,
    source: Option<Source>,
    bits: Option<i64>,
    boot_ms: i64,
    slot: Option<Slot>,
}

impl Throttle {
    pub fn new(root: &Root) -> Self {
        Self {
            root: root.clone(),
            chips: KeptDir::new(root.sys("class/hwmon")),
            source: None,
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
            self.boot_ms = sample.boot_ms();
            if self.source.is_none() && self.chips.has_changed(context.buffer) {
                self.source = Source::find(&self.root);
            }
            self.bits = match &mut self.source {
                Some(source) => source.bits(context.buffer),
                None => None,
            };
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
        assert_eq!(parse_throttled(b"5"), Some(5));
        assert_eq!(parse_alarm(b"1\n"), Some(true));
        assert_eq!(parse_alarm(b"0"), Some(false));
        assert_eq!(parse_alarm(b"yes\n"), None);
        for bytes in [
            &b""[..],
            b"\n",
            b"0x\n",
            b"+5\n",
            b"-1\n",
            b"100000000\n",
            b"5 0\n",
            b"\xff\n",
        ] {
            assert_eq!(parse_throttled(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn without_the_firmwares_file_the_voltage_tells() {
        let dir = std::env::temp_dir().join(format!("spider-volt-{}", std::process::id()));
        let chip = dir.join("sys/class/hwmon/hwmon2");
        fs::create_dir_all(&chip).unwrap();
        fs::write(chip.join("name"), "rpi_volt\n").unwrap();
        let mut source = Source::find(&Root::new(&dir)).unwrap();
        let mut bits = |alarm: &str| {
            fs::write(chip.join("in0_lcrit_alarm"), alarm).unwrap();
            let mut buffer = Buffer::default();
            source.bits(&mut buffer)
        };
        assert_eq!(bits("0\n"), Some(0));
        assert_eq!(bits("1\n"), Some(0x10001));
        assert_eq!(bits("0\n"), Some(0x10000));
        let soc = dir.join("sys/devices/platform/soc@107c000000/soc@107c000000:firmware");
        fs::create_dir_all(&soc).unwrap();
        fs::write(soc.join("get_throttled"), "50005\n").unwrap();
        let mut source = Source::find(&Root::new(&dir)).unwrap();
        assert_eq!(source.bits(&mut Buffer::default()), Some(0x50005));
        fs::remove_dir_all(dir).unwrap();
    }
}
