//! Temperatures: thermal zones and hwmon chips below /sys/class.
//!
//! A thermal zone that the kernel mirrors as a hwmon chip counts once, and so
//! does the package of an Intel CPU (x86_pkg_temp is coretemp's). A sensor that
//! doesn't answer (EAGAIN, EIO, ENXIO) is absent in that sample.

mod scan;

use super::limits::{RESCAN_SAMPLES, SENSORS_MAX};
use super::table::LeftOut;
use super::text::{first_line, signed, trim};
use super::{Collector, Context};
use crate::root::{Buffer, KeptDir, KeptFile, Root};
use crate::sample::{Sample, Slot};

/// What a sensor can show, in millidegrees. Absolute zero and the like are the
/// way in which drivers say that they know nothing.
const CELSIUS_MILLI: std::ops::RangeInclusive<i64> = -100_000..=250_000;

pub fn parse_celsius_milli(bytes: &[u8]) -> Option<i64> {
    signed(trim(first_line(bytes)?)).filter(|value| CELSIUS_MILLI.contains(value))
}

pub struct Temperature {
    root: Root,
    zones: KeptDir,
    chips: KeptDir,
    wait: u16,
    sensors: Vec<Sensor>,
    over: u64,
    left_out: LeftOut,
}

struct Sensor {
    label: String,
    file: KeptFile,
    slot: Slot,
}

impl Temperature {
    pub fn new(root: &Root) -> Self {
        Self {
            root: root.clone(),
            zones: KeptDir::new(root.sys("class/thermal")),
            chips: KeptDir::new(root.sys("class/hwmon")),
            wait: 0,
            sensors: Vec::new(),
            over: 0,
            left_out: LeftOut::default(),
        }
    }

    /// Now and then, looks whether sensors came or went.
    fn rescan(&mut self, buffer: &mut Buffer, sample: &mut Sample) {
        if self.wait > 0 {
            self.wait -= 1;
            return;
        }
        self.wait = RESCAN_SAMPLES;
        // Both are asked, so that each remembers what it has shown.
        let zones = self.zones.has_changed(buffer);
        let chips = self.chips.has_changed(buffer);
        if !zones && !chips {
            return;
        }
        let found = scan::scan(&self.root);
        self.over = found.len().saturating_sub(SENSORS_MAX) as u64;
        let mut before = std::mem::take(&mut self.sensors);
        for (label, path) in found.into_iter().take(SENSORS_MAX) {
            let known = |sensor: &Sensor| sensor.label == label && sensor.file.path() == path;
            let sensor = match before.iter().position(known) {
                Some(index) => before.swap_remove(index),
                None => {
                    if let Some(index) = before.iter().position(|s| s.label == label) {
                        // The same sensor under another number.
                        let slot = before.swap_remove(index).slot;
                        let file = KeptFile::quiet(path);
                        self.sensors.push(Sensor { label, file, slot });
                        continue;
                    }
                    let slot = sample.slot("temp.celsius_milli", &[("sensor", &label)]);
                    let file = KeptFile::quiet(path);
                    Sensor { label, file, slot }
                }
            };
            self.sensors.push(sensor);
        }
        for sensor in before {
            sample.release(sensor.slot);
        }
    }
}

impl Collector for Temperature {
    fn collect(&mut self, context: &mut Context<'_>) {
        let sample = &mut *context.sample;
        self.rescan(context.buffer, sample);
        for sensor in &mut self.sensors {
            if let Some(bytes) = sensor.file.read(context.buffer) {
                sample.set(&sensor.slot, parse_celsius_milli(bytes));
            }
        }
        self.left_out.set("temp", self.over, sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millidegrees_or_nothing() {
        assert_eq!(parse_celsius_milli(b"45277\n"), Some(45_277));
        assert_eq!(parse_celsius_milli(b" -12500 \n"), Some(-12_500));
        for bytes in [
            &b""[..],
            b"\n",
            b"45",
            b"-274000\n",
            b"18446744073709551615\n",
            b"4e3\n",
            b"\0\n",
        ] {
            assert_eq!(parse_celsius_milli(bytes), None, "{bytes:?}");
        }
    }
}
