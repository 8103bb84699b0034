//! What runs the machine: its init, a hypervisor, a container manager.

use super::{cpu, text};
use crate::root::{Root, read_small};

/// The init system, `None` where process 1 is a plain program (containers).
pub fn init(root: &Root) -> Option<&'static str> {
    if root.has("/run/systemd/system") {
        return Some("systemd");
    }
    if root.has("/run/openrc") {
        return Some("openrc");
    }
    let comm = text(&root.proc("1/comm"));
    let known = [
        "systemd",
        "procd",
        "runit",
        "s6-svscan",
        "dinit",
        "openrc-init",
    ];
    if let Some(comm) = comm.as_deref()
        && let Some(name) = known.into_iter().find(|name| *name == comm)
    {
        return Some(match name {
            "s6-svscan" => "s6",
            "openrc-init" => "openrc",
            name => name,
        });
    }
    if comm.as_deref().is_some_and(|comm| comm != "init") {
        return None;
    }
    if root.has("/sbin/procd") {
        return Some("procd");
    }
    let link = std::fs::read_link(root.at("/sbin/init")).ok();
    let target = link.as_deref().and_then(|path| path.file_name()?.to_str());
    match target {
        Some("systemd") => Some("systemd"),
        Some("busybox") => Some("busybox"),
        Some("openrc-init") => Some("openrc"),
        Some("runit-init" | "runit") => Some("runit"),
        Some("dinit") => Some("dinit"),
        _ if root.has("/sbin/init") && root.has("/etc/inittab") => Some("sysvinit"),
        _ => None,
    }
}

/// Words in the firmware's tables, and the hypervisor that writes them.
const VENDORS: &[(&str, &str)] = &[
    ("KVM", "kvm"),
    ("QEMU", "qemu"),
    ("VMware", "vmware"),
    ("VMW", "vmware"),
    ("innotek GmbH", "virtualbox"),
    ("VirtualBox", "virtualbox"),
    ("Parallels", "parallels"),
    ("Xen", "xen"),
    ("Bochs", "bochs"),
    ("BHYVE", "bhyve"),
    ("Apple Virtualization", "apple"),
    ("Hyper-V", "microsoft"),
    ("Virtual Machine", "microsoft"),
    ("Google Compute Engine", "google"),
    ("Amazon EC2", "amazon"),
    ("OpenStack", "kvm"),
    ("DigitalOcean", "kvm"),
    ("Hetzner", "kvm"),
    ("Firecracker", "firecracker"),
];

pub fn virtualization(root: &Root, cpuinfo: &[u8]) -> Option<String> {
    if let Some(kind) = text(&root.sys("hypervisor/type")) {
        return Some(kind);
    }
    if let Some(kernel) = text(&root.proc("sys/kernel/osrelease"))
        && kernel.contains("microsoft")
    {
        return Some("wsl".into());
    }
    let flag = cpu::has_hypervisor_flag(cpuinfo);
    for file in ["sys_vendor", "product_name", "board_vendor", "bios_vendor"] {
        let Some(value) = text(&root.sys("class/dmi/id").join(file)) else {
            continue;
        };
        let Some((_, name)) = VENDORS.iter().find(|(word, _)| value.contains(word)) else {
            continue;
        };
        // Cloud vendors rent out bare machines too.
        if !flag && matches!(*name, "amazon" | "google" | "kvm") && value != "KVM" {
            continue;
        }
        // QEMU without KVM has no hypervisor flag to show.
        let name = if *name == "qemu" && flag { "kvm" } else { name };
        return Some(name.into());
    }
    if let Some(compatible) = text(&root.proc("device-tree/hypervisor/compatible")) {
        let name = if compatible.contains("xen") {
            "xen"
        } else {
            "kvm"
        };
        return Some(name.into());
    }
    if text(&root.proc("device-tree/model")).is_some_and(|model| model.contains("linux,dummy-virt"))
    {
        return Some("kvm".into());
    }
    flag.then(|| "unknown".into())
}

pub fn container(root: &Root) -> Option<String> {
    if let Some(name) = text(&root.at("/run/systemd/container")) {
        return Some(name);
    }
    // Readable by root only; elsewhere the other signs have to do.
    if let Some(environment) = read_small(&root.proc("1/environ")) {
        let value = environment
            .split(|&b| b == 0)
            .find_map(|entry| entry.strip_prefix(b"container="));
        if let Some(value) = value
            && !value.is_empty()
        {
            return Some(String::from_utf8_lossy(value).into_owned());
        }
    }
    if root.has("/run/.containerenv") {
        return Some("podman".into());
    }
    if root.has("/.dockerenv") {
        return Some("docker".into());
    }
    let cgroup = read_small(&root.proc("1/cgroup")).unwrap_or_default();
    let cgroup = String::from_utf8_lossy(&cgroup);
    let by_cgroup = [
        ("/kubepods", "kubernetes"),
        ("/docker", "docker"),
        ("/libpod", "podman"),
        ("/lxc", "lxc"),
        ("/machine.slice/systemd-nspawn", "systemd-nspawn"),
    ];
    if let Some((_, name)) = by_cgroup.iter().find(|(path, _)| cgroup.contains(path)) {
        return Some((*name).into());
    }
    if root.has("/proc/vz") && !root.has("/proc/bc") {
        return Some("openvz".into());
    }
    let mounts = read_small(&root.proc("self/mountinfo")).unwrap_or_default();
    let lxcfs = mounts.windows(10).any(|window| window == b"fuse.lxcfs");
    let over_proc = mounts.windows(11).any(|window| window == b" /proc/stat");
    (lxcfs && over_proc).then(|| "lxc".into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    /// A root with these files; removed when dropped.
    struct Machine(PathBuf);

    impl Machine {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let dir = std::env::temp_dir().join(format!("spider-id-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&dir);
            fs::create_dir_all(&dir).unwrap();
            for (path, content) in files {
                let path = dir.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            Self(dir)
        }

        fn root(&self) -> Root {
            Root::new(&self.0)
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn init_systems() {
        let of = |files: &[(&str, &str)]| init(&Machine::new("init", files).root());
        assert_eq!(of(&[("run/systemd/system/x", "")]), Some("systemd"));
        assert_eq!(of(&[("run/openrc/softlevel", "")]), Some("openrc"));
        assert_eq!(of(&[("sbin/procd", "")]), Some("procd"));
        assert_eq!(of(&[("proc/1/comm", "procd\n")]), Some("procd"));
        assert_eq!(
            of(&[("sbin/init", ""), ("etc/inittab", "")]),
            Some("sysvinit")
        );
        let nginx = [
            ("proc/1/comm", "nginx\n"),
            ("sbin/init", ""),
            ("etc/inittab", ""),
        ];
        assert_eq!(of(&nginx), None);
        assert_eq!(of(&[]), None);
        let machine = Machine::new("link", &[("sbin/x", "")]);
        symlink("/bin/busybox", machine.0.join("sbin/init")).unwrap();
        assert_eq!(init(&machine.root()), Some("busybox"));
    }

    #[test]
    fn hypervisors() {
        let of = |files: &[(&str, &str)], flags: &str| {
            let machine = Machine::new("virt", files);
            virtualization(&machine.root(), flags.as_bytes())
        };
        let vendor = |name: &'static str| [("sys/class/dmi/id/sys_vendor", name)];
        let flag = "flags : fpu hypervisor\n";
        assert_eq!(of(&vendor("QEMU\n"), flag).as_deref(), Some("kvm"));
        assert_eq!(of(&vendor("QEMU\n"), "").as_deref(), Some("qemu"));
        assert_eq!(
            of(&vendor("VMware, Inc.\n"), flag).as_deref(),
            Some("vmware")
        );
        assert_eq!(of(&vendor("Amazon EC2\n"), flag).as_deref(), Some("amazon"));
        assert_eq!(of(&vendor("Amazon EC2\n"), ""), None);
        assert_eq!(of(&vendor("Dell Inc.\n"), ""), None);
        assert_eq!(of(&[], flag).as_deref(), Some("unknown"));
        assert_eq!(
            of(&[("sys/hypervisor/type", "xen\n")], "").as_deref(),
            Some("xen")
        );
        let wsl = [(
            "proc/sys/kernel/osrelease",
            "5.15.0-microsoft-standard-WSL2\n",
        )];
        assert_eq!(of(&wsl, flag).as_deref(), Some("wsl"));
    }

    #[test]
    fn container_managers() {
        let of = |files: &[(&str, &str)]| container(&Machine::new("container", files).root());
        assert_eq!(of(&[(".dockerenv", "")]).as_deref(), Some("docker"));
        assert_eq!(of(&[("run/.containerenv", "")]).as_deref(), Some("podman"));
        assert_eq!(
            of(&[("run/systemd/container", "lxc\n")]).as_deref(),
            Some("lxc")
        );
        assert_eq!(
            of(&[("proc/1/environ", "A=b\0container=lxc\0")]).as_deref(),
            Some("lxc")
        );
        assert_eq!(
            of(&[("proc/1/cgroup", "0::/kubepods/x\n")]).as_deref(),
            Some("kubernetes")
        );
        assert_eq!(
            of(&[
                ("proc/1/environ", "container=\0"),
                ("proc/1/cgroup", "0::/\n")
            ]),
            None
        );
        let lxcfs = "20 1 0:5 /proc/stat /proc/stat rw - fuse.lxcfs lxcfs rw\n";
        assert_eq!(
            of(&[("proc/self/mountinfo", lxcfs)]).as_deref(),
            Some("lxc")
        );
        assert_eq!(of(&[]), None);
    }
}
