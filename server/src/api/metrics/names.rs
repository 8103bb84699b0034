//! What a series of a Spider is called in Prometheus. Pure.
//!
//! Names, labels and units are those of node_exporter, so that dashboards and alerts
//! fit; also its memory figures, whose capitals `promtool check metrics` has words
//! about. Series that are not in the table, those of newer Spiders, get a name by
//! rule: base units, `_total` on counters.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use stardust_shared::series::{Unit, label, name_of};
use stardust_shared::{Kind, Layout, SeriesDef};

/// Labels of one series; the wire allows no more than fit into a key.
const LABELS_MAX: usize = 16;

/// Where a series goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub family: String,
    pub kind: Kind,
    pub help: String,
    /// Labels as text, each with a comma before it.
    pub labels: String,
    /// The value is multiplied by this, and then divided.
    pub factor: i64,
    pub divisor: i64,
}

struct Known {
    series: &'static str,
    family: &'static str,
    help: &'static str,
    /// A label of its own, written out.
    more: &'static str,
    /// In the unit of node_exporter it is so many times what the series says.
    factor: i64,
}

const fn known(series: &'static str, family: &'static str, help: &'static str) -> Known {
    Known {
        series,
        family,
        help,
        more: "",
        factor: 1,
    }
}

const fn cpu(series: &'static str, more: &'static str) -> Known {
    Known {
        series,
        family: "node_cpu_seconds_total",
        help: "Seconds the CPUs spent in each mode.",
        more,
        factor: 1,
    }
}

const TABLE: &[Known] = &[
    cpu("cpu.user_ms", ",mode=\"user\""),
    cpu("cpu.nice_ms", ",mode=\"nice\""),
    cpu("cpu.system_ms", ",mode=\"system\""),
    cpu("cpu.idle_ms", ",mode=\"idle\""),
    cpu("cpu.iowait_ms", ",mode=\"iowait\""),
    cpu("cpu.irq_ms", ",mode=\"irq\""),
    cpu("cpu.softirq_ms", ",mode=\"softirq\""),
    cpu("cpu.steal_ms", ",mode=\"steal\""),
    known(
        "mem.total_bytes",
        "node_memory_MemTotal_bytes",
        "Memory of the machine.",
    ),
    known(
        "mem.free_bytes",
        "node_memory_MemFree_bytes",
        "Memory that nothing uses.",
    ),
    known(
        "mem.available_bytes",
        "node_memory_MemAvailable_bytes",
        "Memory that programs can have without swapping.",
    ),
    known(
        "mem.buffers_bytes",
        "node_memory_Buffers_bytes",
        "Memory that caches blocks of devices.",
    ),
    known(
        "mem.cached_bytes",
        "node_memory_Cached_bytes",
        "Memory that caches files.",
    ),
    known(
        "mem.active_bytes",
        "node_memory_Active_bytes",
        "Memory that was used lately.",
    ),
    known(
        "mem.inactive_bytes",
        "node_memory_Inactive_bytes",
        "Memory that was not used lately.",
    ),
    known(
        "swap.total_bytes",
        "node_memory_SwapTotal_bytes",
        "Swap space.",
    ),
    known(
        "swap.free_bytes",
        "node_memory_SwapFree_bytes",
        "Swap space that is free.",
    ),
    known("load.1m_milli", "node_load1", "Load average of 1 minute."),
    known("load.5m_milli", "node_load5", "Load average of 5 minutes."),
    known(
        "load.15m_milli",
        "node_load15",
        "Load average of 15 minutes.",
    ),
    known(
        "proc.running",
        "node_procs_running",
        "Processes that run or are ready to.",
    ),
    known(
        "proc.total",
        "node_processes_threads",
        "Processes and their threads.",
    ),
    known(
        "disk.reads",
        "node_disk_reads_completed_total",
        "Reads that were completed.",
    ),
    known(
        "disk.writes",
        "node_disk_writes_completed_total",
        "Writes that were completed.",
    ),
    known(
        "disk.read_bytes",
        "node_disk_read_bytes_total",
        "Bytes read.",
    ),
    known(
        "disk.written_bytes",
        "node_disk_written_bytes_total",
        "Bytes written.",
    ),
    known(
        "disk.io_ms",
        "node_disk_io_time_seconds_total",
        "Seconds spent doing I/O.",
    ),
    known(
        "disk.in_flight",
        "node_disk_io_now",
        "I/O that is under way.",
    ),
    known(
        "fs.total_bytes",
        "node_filesystem_size_bytes",
        "Size of the filesystem.",
    ),
    known("fs.free_bytes", "node_filesystem_free_bytes", "Free space."),
    known(
        "fs.available_bytes",
        "node_filesystem_avail_bytes",
        "Space that is free for other users than root.",
    ),
    known(
        "fs.files",
        "node_filesystem_files",
        "Inodes of the filesystem.",
    ),
    known(
        "fs.files_free",
        "node_filesystem_files_free",
        "Inodes that are free.",
    ),
    known(
        "fs.readonly",
        "node_filesystem_readonly",
        "Whether the filesystem takes no writes.",
    ),
    known(
        "net.rx_bytes",
        "node_network_receive_bytes_total",
        "Bytes received.",
    ),
    known(
        "net.tx_bytes",
        "node_network_transmit_bytes_total",
        "Bytes sent.",
    ),
    known(
        "net.rx_packets",
        "node_network_receive_packets_total",
        "Packets received.",
    ),
    known(
        "net.tx_packets",
        "node_network_transmit_packets_total",
        "Packets sent.",
    ),
    known(
        "net.rx_errors",
        "node_network_receive_errs_total",
        "Errors in receiving.",
    ),
    known(
        "net.tx_errors",
        "node_network_transmit_errs_total",
        "Errors in sending.",
    ),
    known(
        "net.rx_dropped",
        "node_network_receive_drop_total",
        "Received packets that were dropped.",
    ),
    known(
        "net.tx_dropped",
        "node_network_transmit_drop_total",
        "Packets that were dropped before sending.",
    ),
    known("net.up", "node_network_up", "Whether the interface is up."),
    Known {
        series: "net.speed_mbit",
        family: "node_network_speed_bytes",
        help: "Speed of the interface in bytes a second.",
        more: "",
        factor: 1_000_000 / 8,
    },
    known("temp.celsius_milli", HWMON, "Temperature of the sensor."),
    known(
        "tcp.connections",
        "node_tcp_connection_states",
        "TCP connections by state.",
    ),
    known(
        "system.uptime_ms",
        "node_uptime_seconds_total",
        "Seconds since the machine started.",
    ),
];

/// What node_exporter calls our labels.
fn label_name(series: &str, name: &str) -> String {
    let known = match (name, series.split('.').next()) {
        ("core", _) => "cpu",
        ("iface", _) => "device",
        ("mount", _) => "mountpoint",
        ("type", Some("fs")) => "fstype",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_string();
    }
    let mut clean = word(name);
    // Ours, or reserved, or without a letter in front.
    if clean == "node"
        || clean.starts_with("__")
        || !clean.starts_with(|c: char| c.is_ascii_alphabetic())
    {
        clean.insert_str(0, "exported_");
    }
    clean
}

/// Only what names may hold.
fn word(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    text.chars().map(plain).collect()
}

/// The names of all series of a layout, in its order; `None` for those that
/// would say something twice.
pub fn plan(layout: &Layout) -> Vec<Option<Named>> {
    let mut seen = std::collections::HashSet::new();
    let series = layout.series();
    // A machine's CPU time is that of its cores, where those are there.
    let has_cores = series
        .iter()
        .any(|s| s.key.starts_with("cpu.") && s.key.contains('{'));
    let has_states = series.iter().any(|s| s.key.starts_with("tcp.connections{"));
    let (devices, sources) = (devices(series), sources(series));
    let named = |series: &SeriesDef| {
        let (total, key) = (!series.key.contains('{'), &series.key);
        if total
            && (has_cores && key.starts_with("cpu.") || has_states && **key == *"tcp.connections")
            || name_of(key) == DEVICE
        {
            return None;
        }
        let mut named = match name_of(key) {
            SOURCE => chip_name(key)?,
            "temp.celsius_milli" => {
                let found = temperature(series, &sources);
                // Chips without a device may have one name: then ours tells them apart.
                let is_twin = seen.contains(&(found.family.clone(), found.labels.clone()));
                if is_twin { name(series) } else { found }
            }
            _ => name(series),
        };
        if let Some(device) = filesystem(key).and_then(|of| devices.get(&of)) {
            let _ = write!(named.labels, ",device=\"{}\"", Escaped(device));
        }
        seen.insert((named.family.clone(), named.labels.clone()))
            .then_some(named)
    };
    series.iter().map(named).collect()
}

/// Says on what device a filesystem is.
const DEVICE: &str = "fs.device";

/// Says where the kernel has a sensor.
const SOURCE: &str = "temp.source";

/// The keys that say it, by sensor.
fn sources(series: &[SeriesDef]) -> HashMap<Cow<'_, str>, &str> {
    let said = series
        .iter()
        .filter(|series| name_of(&series.key) == SOURCE);
    said.filter_map(|series| Some((label(&series.key, "sensor")?, &*series.key)))
        .collect()
}

/// A temperature: node_exporter has those of chips and those of zones.
fn temperature(series: &SeriesDef, sources: &HashMap<Cow<'_, str>, &str>) -> Named {
    let mut named = name(series);
    let source = label(&series.key, "sensor").and_then(|sensor| sources.get(&sensor));
    // Without it, or of one that lies about its unit, the name by rule.
    let Some(source) = source.filter(|_| named.family == HWMON) else {
        return named;
    };
    let text = |name: &str| label(source, name);
    if let (Some(kind), Some(zone)) = (text("type"), text("zone")) {
        named.family = "node_thermal_zone_temp".into();
        named.help = "Temperature of the zone.".into();
        named.labels = format!(",type=\"{}\",zone=\"{}\"", Escaped(&kind), Escaped(&zone));
    } else if let (Some(chip), Some(input)) = (text("chip"), text("input")) {
        named.labels = format!(
            ",chip=\"{}\",sensor=\"{}\"",
            Escaped(&chip),
            Escaped(&input)
        );
    }
    named
}

const HWMON: &str = "node_hwmon_temp_celsius";

/// What a driver calls its chip. Each of its sensors says so, and the first counts.
fn chip_name(key: &str) -> Option<Named> {
    let (chip, name) = (label(key, "chip")?, label(key, "name")?);
    (!name.is_empty()).then(|| Named {
        family: "node_hwmon_chip_names".into(),
        kind: Kind::Gauge,
        help: "What the chip is called.".into(),
        labels: format!(
            ",chip=\"{}\",chip_name=\"{}\"",
            Escaped(&chip),
            Escaped(&name)
        ),
        factor: 1,
        divisor: 1,
    })
}

/// Mount point and type: what the series of a filesystem have in common.
type Filesystem<'a> = (Cow<'a, str>, Cow<'a, str>);

fn filesystem(key: &str) -> Option<Filesystem<'_>> {
    if !key.starts_with("fs.") {
        return None;
    }
    Some((label(key, "mount")?, label(key, "type")?))
}

fn devices(series: &[SeriesDef]) -> HashMap<Filesystem<'_>, Cow<'_, str>> {
    let said = series
        .iter()
        .filter(|series| name_of(&series.key) == DEVICE);
    said.filter_map(|series| Some((filesystem(&series.key)?, label(&series.key, "device")?)))
        .collect()
}

fn name(series: &SeriesDef) -> Named {
    let own = name_of(&series.key);
    // The table holds for what version 1 says of a series; one that lies about
    // its kind or unit gets a name by rule.
    let standard = SeriesDef::new(own, &[]);
    let known = TABLE
        .iter()
        .find(|known| known.series == own)
        .filter(|_| (standard.kind, standard.unit) == (series.kind, series.unit));
    let (by_rule, divisor) = by_rule(own, series);
    let mut labels = known.map_or(String::new(), |known| known.more.to_string());
    put_labels(own, &series.key, &mut labels);
    Named {
        family: known.map_or(by_rule, |known| known.family.to_string()),
        kind: series.kind,
        help: match known {
            Some(known) => known.help.to_string(),
            None => format!("The series {} of the Spiders.", word(own)),
        },
        labels,
        factor: known.map_or(1, |known| known.factor),
        divisor,
    }
}

fn by_rule(own: &str, series: &SeriesDef) -> (String, i64) {
    let (suffix, unit, divisor) = match series.unit {
        Unit::BYTES => ("_bytes", "_bytes", 1),
        Unit::MILLISECONDS => ("_ms", "_seconds", 1_000),
        Unit::MILLI => ("_milli", "", 1_000),
        Unit::MILLI_CELSIUS => ("_celsius_milli", "_celsius", 1_000),
        _ => ("", "", 1),
    };
    let word = word(own);
    let mut family = format!("node_{}", word.strip_suffix(suffix).unwrap_or(&word));
    // Endings that mean something else in Prometheus.
    for reserved in ["_total", "_count", "_sum", "_bucket", "_info"] {
        if unit.is_empty() && family.ends_with(reserved) {
            family.push_str("_value");
        }
    }
    family.push_str(unit);
    if series.kind == Kind::Counter {
        family.push_str("_total");
    }
    (family, divisor)
}

fn put_labels(own: &str, key: &str, out: &mut String) {
    let Some((_, list)) = key.split_once('{') else {
        return;
    };
    let mut names: Vec<String> = Vec::new();
    if out.contains("mode=") {
        names.push("mode".into());
    }
    for raw in label_names(list).into_iter().take(LABELS_MAX) {
        let name = label_name(own, raw);
        // Twice the same name would cost the whole scrape.
        if names.contains(&name) {
            continue;
        }
        if let Some(value) = label(key, raw) {
            let _ = write!(out, ",{name}=\"{}\"", Escaped(&value));
            names.push(name);
        }
    }
}

/// Names of the labels in `a=x,b=y}`; values may hold escaped commas.
fn label_names(list: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let (mut start, mut escaped, mut in_value) = (0, false, false);
    for (at, c) in list.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '=' if !in_value => {
                names.push(&list[start..at]);
                in_value = true;
            }
            ',' => {
                start = at + 1;
                in_value = false;
            }
            _ => {}
        }
    }
    names
}

/// A label's value as the text format wants it.
pub struct Escaped<'a>(pub &'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, labels: &[(&str, &str)]) -> Named {
        let layout = Layout::new(1, vec![SeriesDef::new(name, labels)]);
        plan(&layout).remove(0).unwrap()
    }

    fn text(named: &Named) -> (String, String) {
        (named.family.clone(), named.labels.clone())
    }

    #[test]
    fn names_and_units_are_the_standard_ones() {
        for (series, labels, family, text_labels, divisor) in [
            (
                "cpu.user_ms",
                &[("core", "3")][..],
                "node_cpu_seconds_total",
                ",mode=\"user\",cpu=\"3\"",
                1_000,
            ),
            (
                "fs.available_bytes",
                &[("mount", "/"), ("type", "ext4")],
                "node_filesystem_avail_bytes",
                ",mountpoint=\"/\",fstype=\"ext4\"",
                1,
            ),
            (
                "net.rx_bytes",
                &[("iface", "eth0")],
                "node_network_receive_bytes_total",
                ",device=\"eth0\"",
                1,
            ),
            ("load.1m_milli", &[], "node_load1", "", 1_000),
            (
                "temp.celsius_milli",
                &[("sensor", "a")],
                "node_hwmon_temp_celsius",
                ",sensor=\"a\"",
                1_000,
            ),
            ("mem.cached_bytes", &[], "node_memory_Cached_bytes", "", 1),
            ("spider.left_out", &[], "node_spider_left_out", "", 1),
            ("something.total", &[], "node_something_total_value", "", 1),
        ] {
            let named = named(series, labels);
            assert_eq!(
                (text(&named), named.divisor),
                ((family.into(), text_labels.into()), divisor)
            );
        }
        for known in TABLE {
            let series = SeriesDef::new(known.series, &[]);
            let counts = known.family.ends_with("_total");
            assert_eq!(counts, series.kind == Kind::Counter, "{}", known.series);
        }
    }

    #[test]
    fn a_filesystem_is_on_the_device_that_is_said_of_it() {
        let of = [("mount", "/srv,a"), ("type", "ext4")];
        let other = [("mount", "/"), ("type", "ext4")];
        let layout = Layout::new(
            1,
            vec![
                SeriesDef::new("fs.free_bytes", &of),
                SeriesDef::new("fs.device", &[("device", "/dev/sd\"a"), of[0], of[1]]),
                SeriesDef::new("fs.free_bytes", &other),
                SeriesDef::new("net.speed_mbit", &[("iface", "eth0")]),
            ],
        );
        let plan = plan(&layout);
        let labels = |at: usize| plan[at].as_ref().map(|named| named.labels.as_str());
        assert_eq!(
            labels(0),
            Some(r#",mountpoint="/srv,a",fstype="ext4",device="/dev/sd\"a""#)
        );
        assert_eq!(labels(1), None);
        assert_eq!(labels(2), Some(r#",mountpoint="/",fstype="ext4""#));
        let speed = plan[3].as_ref().unwrap();
        assert_eq!(
            (speed.family.as_str(), speed.factor, speed.divisor),
            ("node_network_speed_bytes", 125_000, 1)
        );
    }

    #[test]
    fn a_sensor_is_where_the_kernel_has_it() {
        let celsius = |sensor| SeriesDef::new("temp.celsius_milli", &[("sensor", sensor)]);
        let of_chip = |sensor, input| {
            let chip = [
                ("chip", "platform_coretemp_0"),
                ("input", input),
                ("name", "coretemp"),
                ("sensor", sensor),
            ];
            SeriesDef::new("temp.source", &chip)
        };
        let of_zone = [("sensor", "acpitz"), ("type", "acp\"itz"), ("zone", "3")];
        let layout = Layout::new(
            1,
            vec![
                celsius("coretemp Core 0"),
                of_chip("coretemp Core 0", "temp2"),
                celsius("acpitz"),
                SeriesDef::new("temp.source", &of_zone),
                of_chip("coretemp Core 1", "temp3"),
                celsius("coretemp Core 1"),
                celsius("of an older Spider"),
                celsius("coretemp #2"),
                of_chip("coretemp #2", "temp2"),
            ],
        );
        let plan = plan(&layout);
        let said: Vec<_> = plan.iter().map(|named| named.as_ref().map(text)).collect();
        let some = |family: &str, labels: &str| Some((family.to_owned(), labels.to_owned()));
        let chip = ",chip=\"platform_coretemp_0\"";
        assert_eq!(
            said,
            [
                some(HWMON, &format!("{chip},sensor=\"temp2\"")),
                some(
                    "node_hwmon_chip_names",
                    &format!("{chip},chip_name=\"coretemp\"")
                ),
                some("node_thermal_zone_temp", ",type=\"acp\\\"itz\",zone=\"3\""),
                None,
                // It is the same chip.
                None,
                some(HWMON, &format!("{chip},sensor=\"temp3\"")),
                some(HWMON, ",sensor=\"of an older Spider\""),
                some(HWMON, ",sensor=\"coretemp #2\""),
                None,
            ]
        );
        assert_eq!(plan[2].as_ref().unwrap().divisor, 1_000);
    }

    #[test]
    fn nothing_is_said_twice() {
        let layout = Layout::new(
            1,
            vec![
                SeriesDef::new("cpu.user_ms", &[]),
                SeriesDef::new("cpu.user_ms", &[("core", "0")]),
                SeriesDef::new("tcp.connections", &[]),
                SeriesDef::new("tcp.connections", &[("state", "listen")]),
                SeriesDef::new("a.b", &[]),
                SeriesDef::new("a_b", &[]),
            ],
        );
        let said: Vec<bool> = plan(&layout).iter().map(Option::is_some).collect();
        assert_eq!(said, [false, true, false, true, true, false]);
    }

    #[test]
    fn hostile_labels_stay_inside_their_quotes() {
        let evil = named(
            "x",
            &[
                ("a\"} 1\nb", "v\"}\n\\"),
                ("node", "other"),
                ("9", "n"),
                ("__name__", "y"),
            ],
        );
        assert!(!evil.labels.contains('\n'), "{}", evil.labels);
        for name in [
            "exported_node=\"other\"",
            "exported_9=\"n\"",
            "exported___name__=\"y\"",
        ] {
            assert!(evil.labels.contains(name), "{}", evil.labels);
        }
        let twice = named("fs.files", &[("mount", "/a,b=c"), ("mountpoint", "/b")]);
        assert_eq!(twice.labels, ",mountpoint=\"/a,b=c\"");
        // One that lies about its kind does not get into the family of the others.
        let mut lying = SeriesDef::new("load.1m_milli", &[]);
        lying.kind = Kind::Counter;
        assert_eq!(name(&lying).family, "node_load_1m_total");
    }
}
