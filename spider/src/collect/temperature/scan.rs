//! Which sensors there are, and what to call them. Not part of a sample.

use std::path::{Path, PathBuf};

use stardust_shared::names::{is_disk_sensor, is_processor};

use crate::collect::text::{number, trim};
use crate::root::{Root, read_small};

/// Most entries of one directory that are looked at.
const ENTRIES_MAX: usize = 1024;

/// One sensor.
pub struct Found {
    pub label: String,
    pub path: PathBuf,
    /// The file that says that the value is none.
    pub fault: Option<PathBuf>,
    /// The file that says whether the device sleeps.
    pub sleep: Option<PathBuf>,
    pub pace: Pace,
    pub source: Source,
    importance: u8,
}

/// Where the kernel has it, in the words of node_exporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Zone {
        number: i64,
        kind: String,
    },
    Chip {
        /// By its device, so that it stays after the next start.
        chip: String,
        number: i64,
        name: Option<String>,
    },
}

/// How often a sensor may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The processor's own.
    Sample,
    /// What is asked over a slow bus.
    Seconds,
    /// What would be kept awake.
    Minute,
}

impl Pace {
    pub fn every_ms(self) -> i64 {
        match self {
            Self::Sample => 0,
            Self::Seconds => 4_900,
            Self::Minute => 59_900,
        }
    }
}

/// What else may sleep.
const SLEEPERS: &[&str] = &["amdgpu", "nouveau", "radeon", "i915", "xe"];

fn pace(name: &str) -> Pace {
    if is_disk_sensor(name) || SLEEPERS.contains(&name) {
        Pace::Minute
    } else if is_processor(name) {
        Pace::Sample
    } else {
        Pace::Seconds
    }
}

/// Which sensors are told first where there are more than are told: chips before
/// zones, of which some systems have a hundred, and processors before others.
fn importance(name: &str, is_zone: bool) -> u8 {
    let other = !is_processor(name);
    u8::from(is_zone) * 2 + u8::from(other)
}

/// The sensors, their labels all different, and the files to read.
pub fn scan(root: &Root) -> Vec<Found> {
    let zones = zones(&root.sys("class/thermal"));
    let chips = chips(&root.sys("class/hwmon"));
    let has_coretemp = chips.iter().any(|chip| chip.name == "coretemp");
    let mut found: Vec<Found> = Vec::new();
    for (number, zone, path) in &zones {
        if has_coretemp && zone == "x86_pkg_temp" {
            continue;
        }
        found.push(Found {
            label: zone.clone(),
            path: path.clone(),
            fault: None,
            sleep: None,
            pace: pace(zone),
            source: Source::Zone {
                number: *number,
                kind: zone.clone(),
            },
            // A zone that is a chip as well has that chip's place.
            importance: importance(zone, !chips.iter().any(|chip| chip.mirrors(zone))),
        });
    }
    for chip in &chips {
        if zones.iter().any(|(_, zone, _)| chip.mirrors(zone)) {
            continue;
        }
        let mut name = chip.name.clone();
        let is_one_of_many = chips.iter().filter(|other| other.name == chip.name).count() > 1;
        let comes_and_goes = pace(&chip.name) == Pace::Minute;
        if (is_one_of_many || comes_and_goes)
            && let Some(device) = &chip.device
        {
            name.push('/');
            name.push_str(device);
        }
        for (label, input, path) in &chip.sensors {
            let label = match label {
                Some(label) => [&name, " ", label].concat(),
                None if chip.sensors.len() == 1 => name.clone(),
                None => [&name, " temp", &input.to_string()].concat(),
            };
            let fault = path.with_file_name(["temp", &input.to_string(), "_fault"].concat());
            found.push(Found {
                label,
                path: path.clone(),
                fault: fault.exists().then_some(fault),
                sleep: chip.sleep.clone(),
                pace: pace(&chip.name),
                source: Source::Chip {
                    chip: chip.place.clone(),
                    number: *input,
                    name: chip.said.then(|| clean(&chip.name)),
                },
                importance: importance(&chip.name, false),
            });
        }
    }
    number_twins(&mut found);
    found.sort_by_key(|sensor| sensor.importance);
    found
}

/// Labels that are the same get ` #2`, ` #3`, … behind them.
fn number_twins(found: &mut [Found]) {
    for index in 1..found.len() {
        let twins = |text: &str| found[..index].iter().any(|sensor| sensor.label == text);
        if !twins(&found[index].label) {
            continue;
        }
        let free = (2..)
            .map(|n: u32| [&found[index].label, " #", &n.to_string()].concat())
            .find(|text| !twins(text));
        if let Some(label) = free {
            found[index].label = label;
        }
    }
}

struct Chip {
    name: String,
    /// Whether the driver gives the name.
    said: bool,
    place: String,
    /// Name of the device behind it (nvme0, sda, 0000:00:18.3).
    device: Option<String>,
    sleep: Option<PathBuf>,
    /// Label, number and input file.
    sensors: Vec<(Option<String>, i64, PathBuf)>,
}

impl Chip {
    /// The kernel makes a chip of each zone, with - turned into _.
    fn mirrors(&self, zone: &str) -> bool {
        zone.replace('-', "_") == self.name
    }
}

fn zones(dir: &Path) -> Vec<(i64, String, PathBuf)> {
    numbered(dir, "thermal_zone", "")
        .into_iter()
        .map(|(index, path)| {
            let name = text(&path.join("type"))
                .unwrap_or_else(|| ["thermal_zone", &index.to_string()].concat());
            (index, name, path.join("temp"))
        })
        .collect()
}

fn chips(dir: &Path) -> Vec<Chip> {
    let mut chips = Vec::new();
    for (index, path) in numbered(dir, "hwmon", "") {
        // Before Linux 3.16 the files were with the device.
        let mut home = path.clone();
        let mut inputs = numbered(&home, "temp", "_input");
        if inputs.is_empty() {
            home = path.join("device");
            inputs = numbered(&home, "temp", "_input");
        }
        if inputs.is_empty() {
            continue;
        }
        let said = text(&home.join("name")).or_else(|| text(&path.join("name")));
        let number = ["hwmon", &index.to_string()].concat();
        let place = place(&path.join("device"))
            .or_else(|| said.as_deref().map(clean))
            .filter(|place| !place.is_empty())
            .unwrap_or_else(|| number.clone());
        let (said, name) = (said.is_some(), said.unwrap_or(number));
        let sleep = path.join("device/power/runtime_status");
        let sensors = inputs
            .into_iter()
            .map(|(input, file)| {
                let label = text(&home.join(["temp", &input.to_string(), "_label"].concat()));
                (label, input, file)
            })
            .collect();
        chips.push(Chip {
            device: device(&path.join("device")),
            sleep: (pace(&name) == Pace::Minute && sleep.exists()).then_some(sleep),
            name,
            said,
            place,
            sensors,
        });
    }
    chips
}

/// The device's name: that of its disk where it is one, since the address of a
/// drive is another after the next start.
fn device(link: &Path) -> Option<String> {
    let disk = std::fs::read_dir(link.join("block")).ok();
    let disk = disk.and_then(|mut entries| entries.next()?.ok());
    if let Some(disk) = disk {
        return Some(disk.file_name().to_string_lossy().into_owned());
    }
    let to = std::fs::read_link(link).ok()?;
    Some(to.file_name()?.to_string_lossy().into_owned())
}

/// The bus and the name of a device, as node_exporter joins them: `platform_coretemp_0`.
fn place(link: &Path) -> Option<String> {
    let path = std::fs::canonicalize(link).ok()?;
    let word = |path: &Path| Some(clean(&path.file_name()?.to_string_lossy()));
    let (name, kind) = (word(&path)?, path.parent().and_then(word));
    match kind.filter(|kind| !kind.is_empty()) {
        Some(kind) if !name.is_empty() => Some([&kind, "_", &name].concat()),
        _ => Some(name),
    }
}

/// As node_exporter has names of chips and devices.
fn clean(text: &str) -> String {
    let plain = |c: char| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9' | ':' | '_') => c,
        _ => '_',
    };
    let word: String = text.chars().map(plain).collect();
    word.trim_matches('_').to_owned()
}

/// The entries `prefixNsuffix` of a directory, by number.
fn numbered(dir: &Path, prefix: &str, suffix: &str) -> Vec<(i64, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut found: Vec<(i64, PathBuf)> = entries
        .take(ENTRIES_MAX)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let digits = name.to_str()?.strip_prefix(prefix)?.strip_suffix(suffix)?;
            let index = number(digits.as_bytes())?;
            (index.to_string() == digits).then(|| (index, entry.path()))
        })
        .collect();
    found.sort_unstable_by_key(|(index, _)| *index);
    found
}

/// A name from a small file, without control characters.
fn text(path: &Path) -> Option<String> {
    let bytes = read_small(path)?;
    let text: String = String::from_utf8_lossy(trim(&bytes))
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    (!text.is_empty()).then_some(text)
}
