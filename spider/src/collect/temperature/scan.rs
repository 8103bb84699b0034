//! Which sensors there are, and what to call them. Not part of a sample.

use std::path::{Path, PathBuf};

use crate::collect::text::{number, trim};
use crate::root::{Root, read_small};

/// Most entries of one directory that are looked at.
const ENTRIES_MAX: usize = 1024;

/// The sensors' labels, all different, and the files to read.
pub fn scan(root: &Root) -> Vec<(String, PathBuf)> {
    let zones = zones(&root.sys("class/thermal"));
    let chips = chips(&root.sys("class/hwmon"));
    let has_coretemp = chips.iter().any(|chip| chip.name == "coretemp");
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for (zone, path) in &zones {
        if !(has_coretemp && zone == "x86_pkg_temp") {
            found.push((zone.clone(), path.clone()));
        }
    }
    for chip in &chips {
        // The kernel makes a chip of each zone, with - turned into _.
        let mirrors = |zone: &str| zone.replace('-', "_") == chip.name;
        if zones.iter().any(|(zone, _)| mirrors(zone)) {
            continue;
        }
        let mut name = chip.name.clone();
        if chips.iter().filter(|other| other.name == chip.name).count() > 1
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
            found.push((label, path.clone()));
        }
    }
    number_twins(&mut found);
    found
}

/// Labels that are the same get ` #2`, ` #3`, … behind them.
fn number_twins(found: &mut [(String, PathBuf)]) {
    for index in 1..found.len() {
        let twins = |text: &str| found[..index].iter().any(|(label, _)| label == text);
        if !twins(&found[index].0) {
            continue;
        }
        let free = (2..)
            .map(|n: u32| [&found[index].0, " #", &n.to_string()].concat())
            .find(|text| !twins(text));
        if let Some(label) = free {
            found[index].0 = label;
        }
    }
}

struct Chip {
    name: String,
    /// Name of the device behind it (nvme0, 0000:00:18.3).
    device: Option<String>,
    /// Label, number and input file.
    sensors: Vec<(Option<String>, i64, PathBuf)>,
}

fn zones(dir: &Path) -> Vec<(String, PathBuf)> {
    numbered(dir, "thermal_zone", "")
        .into_iter()
        .map(|(index, path)| {
            let name = text(&path.join("type"))
                .unwrap_or_else(|| ["thermal_zone", &index.to_string()].concat());
            (name, path.join("temp"))
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
        let name = text(&home.join("name"))
            .or_else(|| text(&path.join("name")))
            .unwrap_or_else(|| ["hwmon", &index.to_string()].concat());
        let device = std::fs::read_link(path.join("device"))
            .ok()
            .and_then(|to| Some(to.file_name()?.to_string_lossy().into_owned()));
        let sensors = inputs
            .into_iter()
            .map(|(input, file)| {
                let label = text(&home.join(["temp", &input.to_string(), "_label"].concat()));
                (label, input, file)
            })
            .collect();
        chips.push(Chip {
            name,
            device,
            sensors,
        });
    }
    chips
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
