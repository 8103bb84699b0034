//! A whole machine of which one file is hostile: identified and sampled.
//!
//! The first byte of the input chooses the file.
#![no_main]

use std::fs;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use stardust_spider::collect::Sampler;
use stardust_spider::identify::identify;
use stardust_spider::root::Root;

const FILES: &[&str] = &[
    "etc/os-release",
    "proc/cpuinfo",
    "proc/self/mountinfo",
    "proc/stat",
    "proc/diskstats",
    "proc/net/dev",
    "proc/net/sockstat",
    "proc/net/sockstat6",
    "proc/net/snmp",
    "proc/meminfo",
    "proc/uptime",
    "proc/loadavg",
    "proc/self/cgroup",
    "proc/1/environ",
    "proc/1/mountinfo",
    "proc/spl/kstat/zfs/arcstats",
    "proc/sysinfo",
    "proc/xen/capabilities",
    "etc/hostname",
    "etc/VERSION",
    "etc/lsb-release",
    "etc/config/system",
    "sys/class/net/eth0/operstate",
    "sys/class/net/eth0/speed",
    "sys/class/net/eth0/tun_flags",
    "sys/class/net/eth0/type",
    "sys/class/net/eth0/uevent",
    "sys/class/hwmon/hwmon0/temp1_fault",
    "sys/hypervisor/properties/features",
    "proc/1/comm",
    "proc/1/cgroup",
    "sys/fs/cgroup/memory.max",
    "sys/fs/cgroup/memory.stat",
    "sys/class/hwmon/hwmon0/temp1_input",
    "sys/class/hwmon/hwmon0/temp1_label",
    "sys/class/hwmon/hwmon0/name",
    "sys/class/thermal/thermal_zone0/temp",
    "sys/class/thermal/thermal_zone0/type",
    "proc/sys/kernel/hostname",
    "proc/device-tree/model",
    ".stardust-statfs",
];

thread_local! {
    static ROOT: PathBuf = {
        // In memory: a disk would be worn for nothing.
        let base = PathBuf::from(format!("/dev/shm/stardust-fuzz-{}", std::process::id()));
        for file in FILES {
            fs::create_dir_all(base.join(file).parent().unwrap()).unwrap();
        }
        base
    };
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else {
        return;
    };
    let file = FILES[usize::from(choice) % FILES.len()];
    ROOT.with(|base| {
        let path = base.join(file);
        let root = Root::new(base);
        fs::write(&path, bytes).unwrap();
        let identity = identify(&root);
        assert_eq!(identity.clone().bounded(), identity);
        let mut sampler = Sampler::new(root);
        assert_eq!(
            sampler.collect().series().len(),
            sampler.sample().values().len()
        );
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(
            sampler.collect().series().len(),
            sampler.sample().values().len()
        );
        fs::remove_file(&path).unwrap();
        sampler.collect();
    });
});
