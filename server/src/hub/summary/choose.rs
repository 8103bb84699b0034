//! Which of a machine's series make the few numbers of the fleet view.
//!
//! Each byte counts once: what passes through an interface passes through the
//! bridge, the bond or the tunnel above it too, and what is written to a volume is
//! written to its disks. Newer Spiders say what an interface is (`net.kind`) and
//! which filesystems take no writes (`fs.readonly`); of older ones the names have
//! to do. A machine that has nothing of the right kind shows the next best:
//! a container its link, one that knows only a VPN its tunnel.

use std::borrow::Cow;
use std::collections::HashMap;

use stardust_shared::Layout;
use stardust_shared::names::{
    InterfaceKind, interface_kind, is_disk_sensor, is_image, is_processor, is_remote, is_stacked,
};
use stardust_shared::series::{label, name_of};

/// Where the two counters of a device are: in and out, or read and written.
#[derive(Debug)]
struct Device {
    rank: u8,
    counters: [Option<usize>; 2],
}

/// Devices of which only those of the lowest rank count.
#[derive(Debug, Default)]
pub struct Devices<'a> {
    all: Vec<Device>,
    /// Which of them has a name: a layout may have thousands.
    known: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Devices<'a> {
    fn add(&mut self, name: Cow<'a, str>, rank: u8, place: usize, index: usize) {
        let next = self.all.len();
        let at = *self.known.entry(name).or_insert(next);
        if at == next {
            self.all.push(Device {
                rank,
                counters: [None; 2],
            });
        }
        self.all[at].counters[place] = Some(index);
    }

    /// Where the counters are whose sum is the machine's.
    pub fn best(&self, place: usize) -> Vec<usize> {
        let best = self.all.iter().map(|device| device.rank).min();
        let chosen = self.all.iter().filter(|device| Some(device.rank) == best);
        chosen.filter_map(|device| device.counters[place]).collect()
    }
}

/// Interfaces, by their `net.rx_bytes` and `net.tx_bytes`.
pub fn interfaces(layout: &Layout) -> Devices<'_> {
    let mut kinds: HashMap<Cow<'_, str>, InterfaceKind> = HashMap::new();
    for series in layout.series() {
        if name_of(&series.key) == "net.kind"
            && let (Some(iface), Some(kind)) =
                (label(&series.key, "iface"), label(&series.key, "kind"))
            && let Some(kind) = InterfaceKind::of(&kind)
        {
            kinds.entry(iface).or_insert(kind);
        }
    }
    let mut devices = Devices::default();
    for (index, series) in layout.series().iter().enumerate() {
        let place = match name_of(&series.key) {
            "net.rx_bytes" => 0,
            "net.tx_bytes" => 1,
            _ => continue,
        };
        let iface = label(&series.key, "iface").unwrap_or_default();
        let told = kinds.get(&iface).copied();
        let kind = told.unwrap_or_else(|| interface_kind(iface.as_bytes()));
        if let Some(rank) = interface_rank(&iface, kind) {
            devices.add(iface, rank, place, index);
        }
    }
    devices
}

/// Lower is nearer to the wire. `None`: within the machine.
fn interface_rank(name: &str, kind: InterfaceKind) -> Option<u8> {
    // Containers' links and their bridges, added up by the Spider: never hardware, which
    // it tells one by one.
    if name.ends_with('*') {
        return None;
    }
    Some(match kind {
        InterfaceKind::Physical => 0,
        InterfaceKind::Bond => 1,
        // A container's own end of a link is called as hardware would be.
        InterfaceKind::Virtual => match interface_kind(name.as_bytes()) {
            InterfaceKind::Physical if name != "lo" => 2,
            _ => return None,
        },
        InterfaceKind::Port => 3,
        InterfaceKind::Vlan => 4,
        InterfaceKind::Tunnel => 5,
        // Docker's bridges have no way out of their own.
        InterfaceKind::Bridge => 6,
    })
}

/// Disks, by their `disk.read_bytes` and `disk.written_bytes`.
pub fn disks(layout: &Layout) -> Devices<'_> {
    let mut devices = Devices::default();
    for (index, series) in layout.series().iter().enumerate() {
        let place = match name_of(&series.key) {
            "disk.read_bytes" => 0,
            "disk.written_bytes" => 1,
            _ => continue,
        };
        let device = label(&series.key, "device").unwrap_or_default();
        let rank = disk_rank(device.as_bytes());
        devices.add(device, rank, place, index);
    }
    devices
}

/// Stacked devices repeat what the disks below them do. Of a machine that sees
/// nothing else, one kind of them counts.
fn disk_rank(name: &[u8]) -> u8 {
    let starts = |start: &str| name.starts_with(start.as_bytes());
    match () {
        () if starts("loop") || starts("zram") => 9,
        () if !is_stacked(name) => 0,
        () if starts("md") => 1,
        () if starts("dm-") => 2,
        () if starts("bcache") => 3,
        () if starts("drbd") => 4,
        () => 5,
    }
}

/// Whether how full a filesystem of this type is says something about the machine,
/// and whether it is the machine's own. Images never do.
pub fn filesystem_rank(fs_type: &str) -> Option<u8> {
    let is_disc = fs_type == "udf";
    if is_image(fs_type.as_bytes()) || is_disc {
        return None;
    }
    // These are disks of this machine, though a process answers for them.
    let is_own = matches!(fs_type, "fuseblk" | "fuse.mergerfs" | "fuse.shfs");
    Some(u8::from(is_remote(fs_type.as_bytes()) && !is_own))
}

/// Whose temperature a sensor tells: lower is more the machine's.
pub fn sensor_rank(sensor: &str) -> u8 {
    let has = |word: &str| sensor.contains(word);
    if is_processor(sensor) {
        0
    } else if has("CPU") || has("cpu") || has("Tctl") || has("Tdie") || has("SoC") {
        1
    } else if is_disk_sensor(sensor) {
        4
    } else if ["amdgpu", "nouveau", "radeon", "iwlwifi", "ath", "mt7"]
        .iter()
        .any(|card| sensor.starts_with(card))
    {
        3
    } else {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stardust_shared::SeriesDef;

    fn layout(series: &[(&str, &[(&str, &str)])]) -> Layout {
        let defs = series
            .iter()
            .map(|(name, labels)| SeriesDef::new(name, labels));
        Layout::new(1, defs.collect())
    }

    /// The interfaces that count, of those that are given with their kinds.
    fn counted(kinds: &[(&str, &str)], with_kinds: bool) -> Vec<String> {
        let mut defs = Vec::new();
        for (iface, kind) in kinds {
            for name in ["net.rx_bytes", "net.tx_bytes"] {
                defs.push(SeriesDef::new(name, &[("iface", iface)]));
            }
            if with_kinds {
                defs.push(SeriesDef::new(
                    "net.kind",
                    &[("iface", iface), ("kind", kind)],
                ));
            }
        }
        let layout = Layout::new(1, defs);
        let devices = interfaces(&layout);
        let name = |index: usize| {
            label(&layout.series()[index].key, "iface")
                .unwrap()
                .into_owned()
        };
        let names: Vec<_> = devices.best(0).into_iter().map(name).collect();
        let other: Vec<_> = devices.best(1).into_iter().map(name).collect();
        assert_eq!(names, other);
        names
    }

    #[test]
    fn the_traffic_is_that_of_hardware_and_each_byte_counts_once() {
        let proxmox = [
            ("eno1", "physical"),
            ("vmbr0", "bridge"),
            ("tap100i0", "virtual"),
            ("fwbr100i0", "bridge"),
            ("fwpr100p0", "virtual"),
            ("fwln100i0", "virtual"),
        ];
        let bonded = [
            ("eth0", "physical"),
            ("eth1", "physical"),
            ("bond0", "bond"),
            ("bond0.7", "vlan"),
            ("wg0", "tunnel"),
            ("docker0", "bridge"),
        ];
        // What the Spider has added up is on top of nothing.
        let added_up = [
            ("eth0", "virtual"),
            ("veth*", "virtual"),
            ("eni*", "virtual"),
            ("br-*", "bridge"),
        ];
        assert_eq!(counted(&added_up, true), ["eth0"]);
        assert_eq!(counted(&added_up, false), ["eth0"]);
        assert!(counted(&added_up[1..], true).is_empty());
        for with_kinds in [true, false] {
            assert_eq!(counted(&proxmox, with_kinds), ["eno1"]);
            assert_eq!(counted(&bonded, with_kinds), ["eth0", "eth1"]);
        }
        // What only the Spider can know.
        let switch = [("eth0", "physical"), ("lan1", "port"), ("office", "vlan")];
        assert_eq!(counted(&switch, true), ["eth0"]);
    }

    #[test]
    fn a_machine_without_hardware_shows_the_next_best() {
        let container = [
            ("eth0", "virtual"),
            ("veth1", "virtual"),
            ("docker0", "bridge"),
        ];
        assert_eq!(counted(&container, true), ["eth0"]);
        for with_kinds in [true, false] {
            let bond = [("bond0", "bond"), ("bond0.5", "vlan"), ("br0", "bridge")];
            assert_eq!(counted(&bond, with_kinds), ["bond0"]);
            let vlans = [("vlan5", "vlan"), ("eth0.6", "vlan"), ("wg0", "tunnel")];
            assert_eq!(counted(&vlans, with_kinds), ["vlan5", "eth0.6"]);
            let vpn = [
                ("wg0", "tunnel"),
                ("docker0", "bridge"),
                ("veth1", "virtual"),
            ];
            assert_eq!(counted(&vpn, with_kinds), ["wg0"]);
            assert_eq!(counted(&[("br0", "bridge")], with_kinds), ["br0"]);
            assert_eq!(counted(&[("veth0", "virtual")], with_kinds), [""; 0]);
        }
        // A kind of a newer Spider is judged by the name.
        assert_eq!(
            counted(&[("eth0", "quantum"), ("wg0", "tunnel")], true),
            ["eth0"]
        );
    }

    #[test]
    fn disks_count_without_what_is_on_top_of_them() {
        let counted = |names: &[&str]| {
            let defs = names
                .iter()
                .map(|name| SeriesDef::new("disk.written_bytes", &[("device", name)]));
            let layout = Layout::new(1, defs.collect());
            let name = |index: usize| {
                label(&layout.series()[index].key, "device")
                    .unwrap()
                    .into_owned()
            };
            disks(&layout)
                .best(1)
                .into_iter()
                .map(name)
                .collect::<Vec<_>>()
        };
        let all = [
            "sda", "zd0", "dm-0", "md0", "drbd0", "nbd0", "rbd0", "bcache0", "loop0",
        ];
        assert_eq!(counted(&all), ["sda", "nbd0", "rbd0"]);
        assert_eq!(counted(&["dm-0", "dm-1", "loop0"]), ["dm-0", "dm-1"]);
        assert_eq!(counted(&["zd0", "md127"]), ["md127"]);
        assert_eq!(counted(&[]), [""; 0]);
    }

    /// The gate does this for each new layout: one of the largest must not hold it up.
    #[test]
    fn eight_times_as_many_take_no_more_than_so_many_times_as_long() {
        let cpu = || {
            let mut time = libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            // SAFETY: the pointer is to a whole timespec.
            unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
            time.tv_sec * 1_000_000_000 + time.tv_nsec
        };
        let cost = |count: usize| {
            let mut defs = Vec::new();
            for number in 0..count / 4 {
                let name = format!("eth{number}");
                for series in ["net.rx_bytes", "net.tx_bytes"] {
                    defs.push(SeriesDef::new(series, &[("iface", &name)]));
                }
                let kind = [("iface", &*name), ("kind", "physical")];
                defs.push(SeriesDef::new("net.kind", &kind));
                defs.push(SeriesDef::new("disk.read_bytes", &[("device", &name)]));
            }
            let layout = Layout::new(1, defs);
            let once = || {
                let begin = cpu();
                assert_eq!(interfaces(&layout).best(1).len(), count / 4);
                assert_eq!(disks(&layout).best(0).len(), count / 4);
                cpu() - begin
            };
            (0..5).map(|_| once()).min().unwrap()
        };
        let (few, many) = (cost(1_024), cost(8_192));
        assert!(many < few * 24, "{few} and {many} ns");
    }

    #[test]
    fn one_way_alone_is_no_reason_to_leave_the_other_out() {
        let layout = layout(&[("net.rx_bytes", &[("iface", "eth0")])]);
        let devices = interfaces(&layout);
        assert_eq!((devices.best(0), devices.best(1)), (vec![0], vec![]));
    }

    #[test]
    fn filesystems_and_sensors() {
        for image in ["squashfs", "erofs", "iso9660", "udf", "composefs"] {
            assert_eq!(filesystem_rank(image), None, "{image}");
        }
        for own in [
            "ext4",
            "zfs",
            "overlay",
            "fuseblk",
            "fuse.mergerfs",
            "fuse.shfs",
        ] {
            assert_eq!(filesystem_rank(own), Some(0), "{own}");
        }
        for remote in ["nfs4", "cifs", "fuse.sshfs", "virtiofs", "9p"] {
            assert_eq!(filesystem_rank(remote), Some(1), "{remote}");
        }
        let mut sensors = [
            "nvme Composite",
            "amdgpu edge",
            "acpitz",
            "nct6798 CPUTIN",
            "k10temp Tctl",
        ];
        sensors.sort_by_key(|sensor| sensor_rank(sensor));
        let expected = [
            "k10temp Tctl",
            "nct6798 CPUTIN",
            "acpitz",
            "amdgpu edge",
            "nvme Composite",
        ];
        assert_eq!(sensors, expected);
    }
}
