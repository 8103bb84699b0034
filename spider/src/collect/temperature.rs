//! Temperatures: thermal zones and hwmon chips below /sys/class.
//!
//! A thermal zone that the kernel mirrors as a hwmon chip counts once, and so
//! does the package of an Intel CPU (x86_pkg_temp is coretemp's). A sensor that
//! doesn't answer (EAGAIN, EIO, ENXIO) is absent in that sample, and so is one
//! whose driver says that there is a fault, or gives the number that stands for
//! an input with nothing connected.
//!
//! `temp.source` is always 1: its labels say where the kernel has the sensor, which
//! `temp.celsius_milli` does not, whose name stays when chips change their numbers.
//!
//! Asking is not free everywhere. The processor's sensors are read in each
//! sample, those of the board every five seconds; disks and graphics cards,
//! which asking keeps awake, once a minute, and not while they sleep.

mod scan;

use std::path::PathBuf;

use super::collector::{Collector, Context};
use super::limits::{RESCAN_SAMPLES, SENSORS_MAX};
use super::table::LeftOut;
use super::text::{signed, trim};
use crate::root::{Buffer, KeptDir, KeptFile, Root, read_once};
use crate::sample::{Sample, Slot};
use scan::{Found, Pace, Source};

/// What a sensor can show, in millidegrees. Absolute zero and the like are the
/// way in which drivers say that they know nothing.
const CELSIUS_MILLI: std::ops::RangeInclusive<i64> = -100_000..=250_000;
/// The ends of what 8 bits hold, with fractions: an input that is not connected.
const NOT_CONNECTED: [std::ops::RangeInclusive<i64>; 3] =
    [-128_000..=-127_000, 127_000..=128_000, 255_000..=256_000];

/// The driver makes the file whole in one piece, so it needs no newline to be
/// complete.
pub fn parse_celsius_milli(bytes: &[u8]) -> Option<i64> {
    let line = bytes.split(|&b| b == b'\n').next()?;
    let is_real = |value: &i64| {
        CELSIUS_MILLI.contains(value) && !NOT_CONNECTED.iter().any(|range| range.contains(value))
    };
    signed(trim(line)).filter(is_real)
}

/// Whether `tempN_fault` says so.
pub fn parse_fault(bytes: &[u8]) -> bool {
    !matches!(trim(bytes), b"0" | b"")
}

const SOURCE: &str = "temp.source";

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
    fault: Option<KeptFile>,
    /// `power/runtime_status` of a device that may sleep.
    sleep: Option<PathBuf>,
    pace: Pace,
    due_ms: i64,
    value: Option<i64>,
    slot: Slot,
    source: Slot,
}

impl Sensor {
    fn new(found: Found, slot: Slot, sample: &mut Sample) -> Self {
        let source = source_slot(sample, &found.label, &found.source);
        Self {
            label: found.label,
            file: KeptFile::quiet(found.path),
            fault: found.fault.map(KeptFile::quiet),
            sleep: found.sleep,
            pace: found.pace,
            due_ms: i64::MIN,
            value: None,
            slot,
            source,
        }
    }

    fn turn(&mut self, now_ms: i64, buffer: &mut Buffer) {
        if now_ms < self.due_ms {
            return;
        }
        self.due_ms = now_ms.saturating_add(self.pace.every_ms());
        self.value = None;
        let sleeps = |status: &[u8]| trim(status) == b"suspended";
        if let Some(path) = &self.sleep
            && read_once(path, buffer).is_some_and(sleeps)
        {
            return;
        }
        if let Some(fault) = &mut self.fault
            && fault.read(buffer).is_some_and(parse_fault)
        {
            return;
        }
        self.value = self.file.read(buffer).and_then(parse_celsius_milli);
    }
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
        for found in found.into_iter().take(SENSORS_MAX) {
            let known = before.iter().position(|sensor| sensor.label == found.label);
            let sensor = match known.map(|index| before.swap_remove(index)) {
                Some(sensor) if sensor.file.path() == found.path => sensor,
                // The same sensor under another number.
                Some(sensor) => {
                    sample.release(sensor.source);
                    Sensor::new(found, sensor.slot, sample)
                }
                None => {
                    let labels = [("sensor", &*found.label)];
                    let slot = sample.slot("temp.celsius_milli", &labels);
                    self.over += u64::from(slot.is_dead());
                    Sensor::new(found, slot, sample)
                }
            };
            self.sensors.push(sensor);
        }
        for sensor in before {
            sample.release(sensor.slot);
            sample.release(sensor.source);
        }
    }
}

impl Collector for Temperature {
    fn collect(&mut self, context: &mut Context<'_>) {
        let sample = &mut *context.sample;
        self.rescan(context.buffer, sample);
        for sensor in &mut self.sensors {
            sensor.turn(sample.boot_ms(), context.buffer);
            sample.set(&sensor.slot, sensor.value);
            sample.set(&sensor.source, Some(1));
        }
        self.left_out.set("temp", self.over, sample);
    }
}

fn source_slot(sample: &mut Sample, sensor: &str, source: &Source) -> Slot {
    match source {
        Source::Zone { number, kind } => {
            let zone = number.to_string();
            let labels = [("sensor", sensor), ("type", kind), ("zone", &zone)];
            sample.slot(SOURCE, &labels)
        }
        Source::Chip { chip, number, name } => {
            let input = ["temp", &number.to_string()].concat();
            let labels = [
                ("chip", &**chip),
                ("input", &input),
                ("name", name.as_deref().unwrap_or_default()),
                ("sensor", sensor),
            ];
            sample.slot(SOURCE, &labels)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millidegrees_or_nothing() {
        assert_eq!(parse_celsius_milli(b"45277\n"), Some(45_277));
        assert_eq!(parse_celsius_milli(b" -12500 \n"), Some(-12_500));
        // Old drivers write no newline.
        assert_eq!(parse_celsius_milli(b"45"), Some(45));
        assert_eq!(parse_celsius_milli(b"126500\n1\n"), Some(126_500));
        for bytes in [
            &b""[..],
            b"\n",
            b"127500\n",
            b"-128000\n",
            b"255000\n",
            b"-274000\n",
            b"18446744073709551615\n",
            b"4e3\n",
            b"\0\n",
        ] {
            assert_eq!(parse_celsius_milli(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn faults() {
        assert!(parse_fault(b"1\n") && parse_fault(b"1"));
        assert!(!parse_fault(b"0\n") && !parse_fault(b""));
    }

    /// A processor, an input of the board, a disk and a card that sleeps.
    #[test]
    fn who_sleeps_is_left_alone_and_disks_are_asked_once_a_minute() {
        let dir = std::env::temp_dir().join(format!("spider-pace-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = dir.join("sys/class/hwmon").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let names = ["k10temp", "nct6798", "drivetemp", "amdgpu"];
        let all = |text: &str| {
            for (number, name) in names.iter().enumerate() {
                write(&format!("hwmon{number}/name"), name);
                write(&format!("hwmon{number}/temp1_input"), text);
            }
        };
        all("30000");
        write("hwmon3/device/power/runtime_status", "suspended\n");
        let mut temperature = Temperature::new(&Root::new(&dir));
        let (mut sample, mut buffer) = (Sample::default(), Buffer::default());
        temperature.rescan(&mut buffer, &mut sample);
        let mut values = |now_ms| {
            let mut read = |sensor: &mut Sensor| {
                sensor.turn(now_ms, &mut buffer);
                sensor.value
            };
            let mut values: Vec<_> = temperature
                .sensors
                .iter_mut()
                .map(|sensor| (sensor.label.clone(), read(sensor)))
                .collect();
            values.sort_by_key(|(label, _)| names.iter().position(|name| label.starts_with(name)));
            values
                .into_iter()
                .map(|(_, value)| value)
                .collect::<Vec<_>>()
        };
        assert_eq!(values(0), [Some(30_000), Some(30_000), Some(30_000), None]);
        all("40000");
        assert_eq!(
            values(1_000),
            [Some(40_000), Some(30_000), Some(30_000), None]
        );
        assert_eq!(
            values(5_000),
            [Some(40_000), Some(40_000), Some(30_000), None]
        );
        write("hwmon3/device/power/runtime_status", "active\n");
        assert_eq!(values(60_000), [40_000; 4].map(Some));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
