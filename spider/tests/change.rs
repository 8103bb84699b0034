//! One Sampler across two moments: what comes, goes, falls and grows too long.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by it"
)]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use common::{MACHINES, Scratch, fixture};
use stardust_spider::collect::Sampler;
use stardust_spider::collect::limits::{CORES_MAX, INTERFACES_MAX, MOUNTS_MAX};
use stardust_spider::collect::rules::Rules;
use stardust_spider::root::Root;
use stardust_spider::sample::Sample;

fn all(sample: &Sample) -> Vec<(String, i64)> {
    let present = |(series, &value): (&stardust_shared::SeriesDef, &i64)| {
        (value != stardust_shared::ABSENT).then(|| (series.key.to_string(), value))
    };
    let mut all: Vec<_> = sample
        .series()
        .iter()
        .zip(sample.values())
        .filter_map(present)
        .collect();
    all.sort();
    all
}

#[test]
fn a_kept_sampler_sees_the_second_moment_as_a_new_one_does() {
    for machine in MACHINES {
        // What vanishes between two reads is a test of its own.
        if machine == "hostile" {
            continue;
        }
        let here = Scratch::new(&format!("kept-{machine}"));
        here.become_machine(&fixture(machine, "t0"));
        let mut kept = Sampler::with(Root::new(&here.0), Rules::new_after(0));
        kept.collect();
        let generation = kept.sample().generation();
        here.become_machine(&fixture(machine, "t1"));
        // Asked only every five seconds, or seldomer.
        let at_once = |sample: &Sample| {
            let mut all = all(sample);
            let seldom = |key: &str| {
                let processors = ["cpu", "coretemp", "k10temp", "soc"];
                let sensor = key.strip_prefix("temp.celsius_milli{sensor=");
                // What is added up is added up since the Spider began.
                key == "system.throttled"
                    || key.contains("*}")
                    || sensor.is_some_and(|name| !processors.iter().any(|p| name.starts_with(p)))
            };
            all.retain(|(key, _)| !seldom(key));
            all
        };
        let second = at_once(kept.collect());
        let fresh = at_once(Sampler::new(Root::new(&here.0)).collect());
        assert_eq!(second, fresh, "{machine}");
        assert_eq!(kept.sample().generation(), generation, "{machine}");
        assert!(!second.is_empty());
    }
}

#[test]
fn what_goes_away_is_absent_and_what_falls_is_told_as_it_is() {
    let here = Scratch::new("vanish");
    here.become_machine(&fixture("hostile", "t0"));
    let mut sampler = Sampler::with(Root::new(&here.0), Rules::new_after(0));
    let first = sampler.collect();
    assert_eq!(first.value("cpu.user_ms"), Some(1000));
    assert_eq!(first.value("cpu.user_ms{core=1}"), Some(110));
    assert_eq!(first.value("disk.reads{device=sdb}"), Some(5));
    assert_eq!(first.value("disk.reads{device=sda}"), None);
    let series = first.series().len();
    here.become_machine(&fixture("hostile", "t1"));
    let second = sampler.collect();
    assert_eq!(second.value("cpu.user_ms"), Some(900));
    assert_eq!(second.value("cpu.user_ms{core=1}"), None);
    assert_eq!(second.value("disk.reads{device=sdb}"), None);
    assert_eq!(second.value("disk.reads{device=sda}"), Some(5));
    assert_eq!(
        second.value("fs.total_bytes{mount=/,type=ext4}"),
        Some(409_600)
    );
    assert_eq!(
        second.value("fs.free_bytes{mount=/caf\u{fffd},type=ext4}"),
        None
    );
    assert_eq!(second.value("load.5m_milli"), None);
    assert!(
        second.series().len() >= series,
        "absent series stay in the layout"
    );
}

#[test]
fn every_cut_of_every_file_is_survived() {
    let here = Scratch::new("cuts");
    let source = fixture("laptop", "t0");
    here.become_machine(&source);
    // A name that is cut off is a new one.
    let mut sampler = Sampler::with(Root::new(&here.0), Rules::new_after(0));
    let whole = all(sampler.collect());
    for file in [
        "proc/stat",
        "proc/meminfo",
        "proc/loadavg",
        "proc/uptime",
        "proc/diskstats",
        "proc/net/dev",
        "proc/net/snmp",
        "proc/net/sockstat",
        "proc/net/sockstat6",
        "proc/self/mountinfo",
        ".stardust-statfs",
    ] {
        let bytes = fs::read(source.join(file)).unwrap();
        for end in 0..bytes.len() {
            here.write(file, &bytes[..end]);
            // What is there is right: a cut never makes a value of its own.
            for pair in all(sampler.collect()) {
                let sum = pair.0 == "tcp.connections" && file.ends_with("sockstat6");
                assert!(
                    whole.contains(&pair) || sum,
                    "{file} cut at {end}: {pair:?}"
                );
            }
        }
        here.write(file, &bytes);
    }
}

#[test]
fn noise_in_every_file_is_survived() {
    let here = Scratch::new("noise");
    let source = fixture("vm", "t0");
    here.become_machine(&source);
    let mut sampler = Sampler::new(Root::new(&here.0));
    let mut seed: u64 = 0x5742_4d21;
    let mut random = move || {
        seed ^= seed >> 12;
        seed ^= seed << 25;
        seed ^= seed >> 27;
        seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    let files = [
        "proc/stat",
        "proc/meminfo",
        "proc/diskstats",
        "proc/net/dev",
        "proc/self/mountinfo",
    ];
    for round in 0..600 {
        let file = files[round % files.len()];
        let mut bytes = fs::read(source.join(file)).unwrap();
        for _ in 0..1 + random() % 40 {
            let at = (random() % bytes.len() as u64) as usize;
            bytes[at] = random() as u8;
        }
        here.write(file, &bytes);
        assert!(sampler.collect().series().len() <= stardust_shared::limits::SERIES_MAX);
        here.write(file, fs::read(source.join(file)).unwrap());
    }
    assert_eq!(
        sampler.collect().value("mem.total_bytes"),
        Some(2_030_564 * 1024)
    );
}

fn cpu_line(name: &str, n: u64) -> String {
    format!("cpu{name} {n} 1 2 3 4 5 6 7 0 0\n")
}

/// A server with hundreds of cores: /proc/stat is long, and so is one of its lines.
#[test]
fn many_cores() {
    for cores in [256, CORES_MAX + 1] {
        let here = Scratch::new(&format!("cores-{cores}"));
        let mut stat = cpu_line(" ", 77);
        for core in 0..cores {
            stat += &cpu_line(&core.to_string(), core as u64);
        }
        stat += "intr 1234567";
        stat += &" 1234567".repeat(16_000);
        stat += "\nctxt 5\nbtime 1\n";
        assert!(stat.len() > 64 << 10);
        here.write("proc/stat", &stat);
        let mut sampler = Sampler::new(Root::new(&here.0));
        for _ in 0..2 {
            let sample = sampler.collect();
            let last = cores.min(CORES_MAX) - 1;
            assert_eq!(sample.value("cpu.user_ms"), Some(770));
            assert_eq!(
                sample.value(&format!("cpu.user_ms{{core={last}}}")),
                Some(last as i64 * 10)
            );
            assert_eq!(
                sample.value(&format!("cpu.user_ms{{core={CORES_MAX}}}")),
                None
            );
            let over = (cores > CORES_MAX).then_some(1);
            assert_eq!(sample.value("spider.left_out{subject=cpu}"), over);
        }
        let line = common::once(&here.0);
        assert_eq!(common::value(&line, "cpu.steal_ms{core=255}"), Some(70));
    }
}

/// 500 mounts and 2,000 interfaces: bounded, and what is left out is said.
#[test]
fn crowded() {
    let here = Scratch::new("crowded");
    let mut dev = String::from("Inter-| Receive | Transmit\n face |bytes |bytes\n");
    for n in 0..2000 {
        let _ = writeln!(dev, "vnet{n}: {n} 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16");
    }
    let mut mounts = String::from("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
    let mut figures = String::from("/ 4096 100 50 40 10 5\n");
    for n in 0..499 {
        let _ = writeln!(
            mounts,
            "{} 1 0:{} / /pool/data{n} rw - zfs pool/{n} rw",
            n + 2,
            n + 30
        );
        let _ = writeln!(figures, "/pool/data{n} 4096 100 50 40 10 5");
    }
    here.write("proc/net/dev", &dev);
    here.write("proc/self/mountinfo", &mounts);
    here.write(".stardust-statfs", &figures);
    let mut sampler = Sampler::new(Root::new(&here.0));
    for _ in 0..2 {
        let sample = sampler.collect();
        let count = |name: &str| sample.series().iter().filter(|s| s.name() == name).count();
        assert_eq!(count("net.rx_bytes"), INTERFACES_MAX);
        assert_eq!(count("fs.total_bytes"), MOUNTS_MAX);
        let left_out = |subject| sample.value(&format!("spider.left_out{{subject={subject}}}"));
        assert_eq!(left_out("net"), Some(2000 - INTERFACES_MAX as i64));
        assert_eq!(left_out("fs"), Some(500 - MOUNTS_MAX as i64));
        assert_eq!(left_out("cpu"), None);
        assert_eq!(
            sample.value("fs.free_bytes{mount=/,type=ext4}"),
            Some(204_800)
        );
        assert_eq!(sample.value("net.rx_bytes{iface=vnet255}"), Some(255));
    }
    assert_eq!(
        common::value(&common::once(&here.0), "spider.left_out{subject=net}"),
        Some(1744)
    );
}

/// Files that can't be read, and nothing there at all.
#[test]
fn unreadable_and_empty_machines() {
    let here = Scratch::new("nothing");
    let line = common::once(&here.0);
    assert!(line.ends_with(",\"series\":{}}\n"), "{line}");
    // A directory in place of a file can't be read even by root.
    fs::create_dir_all(here.0.join("proc/stat")).unwrap();
    here.write("proc/uptime", "5.00 1.00\n");
    here.write("proc/loadavg", "what is this\n");
    let root = here.0.to_str().unwrap();
    let output = common::spider(&["--once", "--root", root]);
    let (line, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(line.contains("\"system.uptime_ms\":5000"), "{line}");
    assert!(!line.contains("cpu."), "{line}");
    assert_eq!(stderr.matches("proc/stat").count(), 1, "{stderr}");
    assert_eq!(stderr.matches("proc/loadavg").count(), 1, "{stderr}");
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    // Once, and not in each sample.
    let mut child = Command::new(env!("CARGO_BIN_EXE_stardust-spider"))
        .args(["--stdout", "--interval", "200", "--root", root])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(4);
    assert!(
        lines
            .map(Result::unwrap)
            .all(|line| line.contains("uptime"))
    );
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 2);
}
