//! Machines that are told apart by one thing, and what is right for each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;

use common::{Scratch, fixtures, once, value};
use serde_json::Value;

/// Makes the tree of `machines/NAME`; see the README there.
fn machine(name: &str) -> Scratch {
    let here = Scratch::new(&format!("machine-{name}"));
    let path = fixtures().join("../machines").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut file: Option<(&str, bool, String)> = None;
    let write = |file: &mut Option<(&str, bool, String)>| {
        if let Some((path, has_newline, mut text)) = file.take() {
            if !has_newline {
                text.pop();
            }
            here.write(path, text.replace("\\0", "\0"));
        }
    };
    for line in text.lines() {
        let Some(head) = line.strip_prefix("== ") else {
            if let Some((_, _, text)) = &mut file {
                text.push_str(line);
                text.push('\n');
            }
            continue;
        };
        write(&mut file);
        if let Some((path, target)) = head.split_once(" -> ") {
            let path = here.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(target, path).unwrap();
        } else {
            let plain = head.strip_suffix(" (no newline)");
            file = Some((plain.unwrap_or(head), plain.is_none(), String::new()));
        }
    }
    write(&mut file);
    here
}

/// The line that the real binary prints of a machine.
fn line(name: &str) -> String {
    once(&machine(name).0)
}

fn identity(line: &str, field: &str) -> Value {
    let parsed: Value = serde_json::from_str(line).unwrap();
    parsed["identity"][field].clone()
}

fn keys(line: &str, name: &str) -> Vec<String> {
    let parsed: Value = serde_json::from_str(line).unwrap();
    let start = format!("{name}{{");
    let keys = parsed["series"].as_object().unwrap().keys();
    keys.filter(|key| key.starts_with(&start))
        .cloned()
        .collect()
}

/// The mount points that have figures, sorted.
fn mounts(line: &str) -> Vec<String> {
    let mut mounts: Vec<String> = keys(line, "fs.total_bytes")
        .iter()
        .map(|key| {
            stardust_shared::series::label(key, "mount")
                .unwrap()
                .into_owned()
        })
        .collect();
    mounts.sort();
    mounts
}

#[test]
fn images_are_no_filesystems() {
    assert_eq!(mounts(&line("composefs-root")), ["/boot", "/var"]);
    assert_eq!(mounts(&line("udf-dvd")), ["/"]);
}

#[test]
fn shares_and_disks_that_a_process_answers_for_have_series() {
    let told = mounts(&line("home-nas"));
    for mount in [
        "/",
        "/media/psf",
        "/mnt/bch",
        "/mnt/disk1",
        "/mnt/exfat",
        "/mnt/nas",
        "/mnt/ntfs3",
        "/mnt/pool",
        "/mnt/usb",
        "/mnt/user",
        "/mnt/vfs",
        "/mnt/wsl/c",
    ] {
        assert!(told.iter().any(|told| told == mount), "{mount}: {told:?}");
    }
    // The same disk again.
    assert!(!told.contains(&"/home/u".to_owned()), "{told:?}");
}

#[test]
fn mounts_that_are_files_or_hidden_or_long() {
    assert_eq!(
        mounts(&line("docker-file-binds")),
        ["/", "/var/lib/appdata"]
    );
    assert_eq!(mounts(&line("mount-hidden-by-parent")), ["/", "/data"]);
    let long = line("long-mounts");
    let mut totals: Vec<_> = keys(&long, "fs.total_bytes")
        .iter()
        .map(|key| value(&long, key).unwrap() / 4096)
        .collect();
    totals.sort_unstable();
    assert_eq!(totals, [100, 200, 300]);
    assert_eq!(value(&long, "spider.left_out{subject=fs}"), None);
}

#[test]
fn disks_are_told_before_the_datasets_of_a_pool() {
    let here = Scratch::new("zfs-80");
    let mut mounts = String::from("20 1 0:30 / / rw - zfs rpool/ROOT/pve-1 rw\n");
    let mut figures = String::from("/ 131072 800000 700000 700000 1000000 900000\n");
    for n in 0..80 {
        let point = format!("/rpool/data/subvol-{n}-disk-0");
        let _ = writeln!(
            mounts,
            "{0} 20 0:{0} / {point} rw - zfs {1} rw",
            n + 100,
            &point[1..]
        );
        let _ = writeln!(figures, "{point} 131072 70000 60000 60000 100 90");
    }
    mounts += "300 20 8:33 / /backup rw - ext4 /dev/sdc1 rw\n";
    figures += "/backup 4096 1000 10 0 100 1\n";
    here.write("proc/self/mountinfo", mounts);
    here.write(".stardust-statfs", figures);
    let line = once(&here.0);
    let backup = "fs.available_bytes{mount=/backup,type=ext4}";
    assert_eq!(value(&line, backup), Some(0));
    assert_eq!(
        value(&line, "fs.free_bytes{mount=/,type=zfs}"),
        Some(700_000 * 131_072)
    );
    assert_eq!(value(&line, "spider.left_out{subject=fs}"), Some(82 - 64));
}

#[test]
fn an_interface_says_what_it_is() {
    let line = line("net-proxmox");
    for (iface, kind) in [
        ("eno1", "physical"),
        ("vmbr0", "bridge"),
        ("tap100i0", "virtual"),
    ] {
        let key = format!("net.kind{{iface={iface},kind={kind}}}");
        assert_eq!(value(&line, &key), Some(1), "{key}");
        let key = format!("net.rx_bytes{{iface={iface}}}");
        assert_eq!(value(&line, &key), Some(1_059_997_873));
    }
    // The firewall's three pass on what the machine's tap has: told where it is asked for.
    assert_eq!(keys(&line, "net.rx_bytes").len(), 3);
    assert_eq!(value(&line, "spider.left_out{subject=net_rule}"), Some(3));
    let here = machine("net-proxmox");
    let root = here.0.to_str().unwrap();
    let keep = "iface=fw* keep";
    let output = common::spider(&["--once", "--root", root, "--family", keep]);
    let line = String::from_utf8(output.stdout).unwrap();
    for (iface, kind) in [
        ("fwbr100i0", "bridge"),
        ("fwpr100p0", "virtual"),
        ("fwln100i0", "virtual"),
    ] {
        let key = format!("net.kind{{iface={iface},kind={kind}}}");
        assert_eq!(value(&line, &key), Some(1), "{key}");
        let key = format!("net.rx_bytes{{iface={iface}}}");
        assert_eq!(value(&line, &key), Some(1_059_997_873));
    }
}

#[test]
fn hardware_is_told_before_the_links_of_containers() {
    let here = Scratch::new("veth-flood");
    let mut dev = String::from("Inter-| Receive | Transmit\n face |bytes |bytes\n");
    for n in 0..300 {
        let _ = writeln!(dev, "veth{n:07x}: 1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0");
    }
    dev += "  eno1: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n";
    here.write("proc/net/dev", dev);
    let line = once(&here.0);
    assert_eq!(value(&line, "net.rx_bytes{iface=eno1}"), Some(5));
    // They are added up, from 0 on; and what that is, is told as of any interface.
    assert_eq!(value(&line, "net.rx_bytes{iface=veth*}"), Some(0));
    assert_eq!(value(&line, "net.kind{iface=veth*,kind=virtual}"), Some(1));
    assert_eq!(keys(&line, "net.rx_bytes").len(), 2);
    let left_out =
        |line: &str, why: &str| value(line, &format!("spider.left_out{{subject=net{why}}}"));
    assert_eq!(
        (left_out(&line, ""), left_out(&line, "_summed")),
        (None, Some(300))
    );
    // Told one by one where that is asked for.
    let root = here.0.to_str().unwrap();
    let keep = "iface=veth* keep";
    let output = common::spider(&["--once", "--root", root, "--family", keep]);
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(value(&line, "net.rx_bytes{iface=eno1}"), Some(5));
    assert_eq!(left_out(&line, ""), Some(301 - 256));
}

#[test]
fn mounts_of_containers_are_left_out_and_new_ones_wait() {
    use stardust_spider::collect::Sampler;
    use stardust_spider::collect::rules::Rules;
    use stardust_spider::root::Root;
    let here = Scratch::new("new-mounts");
    let write = |more: &str| {
        let mounts = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
            2 1 0:30 / /var/lib/docker/zfs/graph/0a1b rw - zfs pool/docker/0a1b rw\n";
        here.write("proc/self/mountinfo", format!("{mounts}{more}"));
    };
    here.write(
        ".stardust-statfs",
        "/ 4096 100 50 40 10 5\n/usb 4096 10 5 4 10 5\n/var/lib/docker/zfs/graph/0a1b 4096 9 5 4 1 1\n",
    );
    write("");
    let mut sampler = Sampler::with(Root::new(&here.0), Rules::new_after(60));
    let usb = "fs.total_bytes{mount=/usb,type=vfat}";
    let sample = sampler.collect();
    assert_eq!(
        sample.value("fs.total_bytes{mount=/,type=ext4}"),
        Some(409_600)
    );
    assert_eq!(sample.value("spider.left_out{subject=fs_rule}"), Some(1));
    // It goes before its time.
    write("3 1 8:17 / /usb rw - vfat /dev/sdb1 rw\n");
    let sample = sampler.collect();
    assert_eq!(sample.value("spider.left_out{subject=fs_new}"), Some(1));
    assert!(!sample.series().iter().any(|series| &*series.key == usb));
    let generation = sample.generation();
    write("");
    let sample = sampler.collect();
    assert_eq!(sample.value("spider.left_out{subject=fs_new}"), Some(0));
    assert_eq!(sample.generation(), generation);
    write("3 1 8:17 / /usb rw - vfat /dev/sdb1 rw\n");
    assert_eq!(sampler.collect().value(usb), None);
    std::thread::sleep(std::time::Duration::from_millis(70));
    assert_eq!(sampler.collect().value(usb), Some(40_960));
}

#[test]
fn the_network_below_another_root_is_that_of_its_first_process() {
    let line = line("root-container-net");
    assert_eq!(value(&line, "net.rx_bytes{iface=eno1}"), Some(777_000));
    assert_eq!(value(&line, "net.tx_bytes{iface=eno1}"), Some(888_000));
    assert_eq!(value(&line, "net.rx_bytes{iface=eth0}"), None);
    assert_eq!(value(&line, "tcp.connections"), Some(150));
}

#[test]
fn disks_that_are_stacked_or_count_by_their_paths() {
    let stacked = line("disk-zvol");
    for device in ["sda", "zd0", "dm-0", "md0", "drbd0", "nbd0", "rbd0"] {
        let key = format!("disk.read_bytes{{device={device}}}");
        assert_eq!(value(&stacked, &key), Some(2_050_624 * 512), "{key}");
    }
    let paths = line("nvme-multipath-zero");
    let read = value(&paths, "disk.read_bytes{device=nvme0n1}");
    let written = value(&paths, "disk.written_bytes{device=nvme0n1}");
    assert_eq!(read, Some(2_465_364_853_760));
    assert_eq!(written, Some(3_578_532_999_168));
    assert_eq!(keys(&paths, "disk.reads").len(), 1);
}

#[test]
fn a_container_with_lxcfs_is_told_its_own_disk_in_every_sample() {
    use stardust_spider::collect::Sampler;
    let here = machine("lxcfs-diskstats-vs-sysfs");
    let mut sampler = Sampler::new(stardust_spider::root::Root::new(&here.0));
    for _ in 0..24 {
        let written = sampler.collect().value("disk.written_bytes{device=sda}");
        assert_eq!(written, Some(491_520));
    }
}

#[test]
fn memory_that_can_be_had() {
    let arc = line("zfs-arc-used");
    let available = 9_017_000 * 1024 + 15_032_385_536 - 1_073_741_824;
    assert_eq!(value(&arc, "mem.available_bytes"), Some(available));
    assert_eq!(value(&arc, "mem.zfs_arc_bytes"), Some(15_032_385_536));
    let used = value(&arc, "mem.total_bytes").unwrap() - available;
    assert_eq!(used / 100_000_000, 103);

    let lxcfs = line("memavailable-over-total");
    let cached = (100_000 + 100 + 500_000) * 1024;
    assert_eq!(value(&lxcfs, "mem.available_bytes"), Some(cached));
    let swap = line("lxcfs-swapfree-over");
    let total = value(&swap, "swap.total_bytes");
    assert_eq!(
        (total, value(&swap, "swap.free_bytes")),
        (Some(1 << 30), total)
    );

    let old = line("no-memavailable");
    let expected = (50_144 + 120_000 + 700_000 + 40_000) * 1024;
    assert_eq!(value(&old, "mem.available_bytes"), Some(expected));

    let limited = line("cg2-hostns");
    assert_eq!(value(&limited, "mem.total_bytes"), Some(536_870_912));
    assert_eq!(
        value(&limited, "mem.free_bytes"),
        Some(536_870_912 - 104_857_600)
    );
    assert_eq!(identity(&limited, "mem_total_bytes"), 536_870_912);
}

#[test]
fn sensors_that_can_be_believed() {
    let of =
        |line: &str, sensor: &str| value(line, &format!("temp.celsius_milli{{sensor={sensor}}}"));
    let faults = line("nct-fault");
    assert_eq!(of(&faults, "nct6798 AUXTIN0"), None);
    assert_eq!(of(&faults, "nct6798 AUXTIN1"), None);
    assert_eq!(of(&faults, "nct6798 CPUTIN"), Some(36_000));
    assert_eq!(of(&faults, "k10temp Tctl"), Some(48_875));

    let disks = line("drivetemp-two");
    assert_eq!(of(&disks, "drivetemp/sda"), Some(33_000));
    assert_eq!(of(&disks, "drivetemp/sdb"), Some(38_000));
    let here = machine("drivetemp-two");
    fs::remove_dir_all(here.0.join("sys/class/hwmon/hwmon1")).unwrap();
    assert_eq!(of(&once(&here.0), "drivetemp/sda"), Some(33_000));

    let plain = line("temp-no-newline");
    assert_eq!(of(&plain, "soc-thermal"), Some(47_222));
    assert_eq!(of(&plain, "mcu"), Some(51_000));

    let here = Scratch::new("zones");
    for n in 0..90 {
        here.write(
            &format!("sys/class/thermal/thermal_zone{n}/type"),
            format!("tz-{n}\n"),
        );
        here.write(
            &format!("sys/class/thermal/thermal_zone{n}/temp"),
            "30000\n",
        );
    }
    here.write("sys/class/hwmon/hwmon0/name", "k10temp\n");
    here.write("sys/class/hwmon/hwmon0/temp1_label", "Tctl\n");
    here.write("sys/class/hwmon/hwmon0/temp1_input", "50000\n");
    let zones = once(&here.0);
    assert_eq!(of(&zones, "k10temp Tctl"), Some(50_000));
    assert_eq!(
        value(&zones, "spider.left_out{subject=temp}"),
        Some(91 - 64)
    );
}

#[test]
fn a_raspberry_pi_tells_its_power() {
    assert_eq!(value(&line("pi5"), "system.throttled"), Some(0x50005));
    let here = machine("pi5");
    fs::remove_dir_all(here.0.join("sys/devices/platform")).unwrap();
    assert_eq!(value(&once(&here.0), "system.throttled"), Some(0x10001));
}

#[test]
fn who_a_machine_is() {
    let nothing = Value::Null;
    for (name, field, expected) in [
        ("root-hostname", "hostname", "nas01".into()),
        ("virt-aws-graviton", "virtualization", "amazon".into()),
        ("virt-hetzner-cax", "virtualization", "kvm".into()),
        ("virt-xen-dom0", "virtualization", nothing.clone()),
        ("wsl-docker-export", "container", nothing.clone()),
        ("wsl-docker-export", "virtualization", "wsl".into()),
        ("ctr-k8s-v2", "container", "kubernetes".into()),
        ("os-fcos", "package_manager", "rpm-ostree".into()),
        ("os-photon", "package_manager", "tdnf".into()),
        ("os-synology", "os", "DSM 7.2.1".into()),
        ("os-nixos-root-links", "os", "NixOS 25.05 (Warbler)".into()),
        ("os-nixos-root-links", "package_manager", "nix".into()),
        ("cpu-ampereone", "cpu_model", "Ampere-1".into()),
        ("cpu-a78ae-orin", "cpu_model", "ARM Cortex-A78AE".into()),
        (
            "cpu-tensor-g3",
            "cpu_model",
            "ARM Cortex-A510 + Cortex-A715 + Cortex-X3".into(),
        ),
    ] {
        assert_eq!(identity(&line(name), field), expected, "{name}");
    }
}

#[test]
fn every_machine_is_tried() {
    let text = include_str!("machines.rs");
    for entry in fs::read_dir(fixtures().join("../machines")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name == "README.md" || text.contains(&format!("\"{name}\"")),
            "{name}"
        );
    }
}
