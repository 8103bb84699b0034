//! The hypervisor that the machine is a guest of.

use super::{cpu, text};
use crate::root::{Root, read_small};

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

/// What the machine is a guest of; `vm` where that can't be told.
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
    flag.then(|| by_processor(root).unwrap_or("vm").into())
}

/// What a machine without firmware tables that tell (microVMs have none) can
/// still say, where the processor says that it is a guest.
fn by_processor(root: &Root) -> Option<&'static str> {
    // The maker of the ACPI tables; readable by root only.
    if let Some(table) = read_small(&root.sys("firmware/acpi/tables/DSDT"))
        && table.get(10..16) == Some(b"FIRECK")
    {
        return Some("firecracker");
    }
    if root.is_host()
        && let Some(name) = by_cpuid()
    {
        return Some(name);
    }
    let clocks = text(&root.sys("devices/system/clocksource/clocksource0/available_clocksource"))?;
    CLOCKS
        .iter()
        .find(|(word, _)| clocks.contains(word))
        .map(|(_, name)| *name)
}

/// Clocks that a hypervisor gives its guests.
const CLOCKS: &[(&str, &str)] = &[("kvm", "kvm"), ("hyperv", "microsoft"), ("xen", "xen")];

/// The hypervisor's signature in leaf 0x4000_0000, which every program may ask for.
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
fn by_cpuid() -> Option<&'static str> {
    #[cfg(target_arch = "x86")]
    use std::arch::x86::__cpuid;
    #[cfg(target_arch = "x86_64")]
    use std::arch::x86_64::__cpuid;
    // The caller has seen the flag that says that this leaf is there.
    let answer = __cpuid(0x4000_0000);
    let words = [answer.ebx, answer.ecx, answer.edx].map(u32::to_le_bytes);
    let signature = words.as_flattened();
    SIGNATURES
        .iter()
        .find(|(start, _)| signature.starts_with(start))
        .map(|(_, name)| *name)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "x86")))]
fn by_cpuid() -> Option<&'static str> {
    None
}

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"KVMKVM", "kvm"),
    (b"Linux KVM", "kvm"),
    (b"TCGTCG", "qemu"),
    (b"Microsoft Hv", "microsoft"),
    (b"VMware", "vmware"),
    (b"XenVMM", "xen"),
    (b"VBoxVBox", "virtualbox"),
    (b"bhyve", "bhyve"),
    (b"prl hyperv", "parallels"),
    (b" lrpepyh", "parallels"),
    (b"ACRNACRN", "acrn"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identify::test_machine::Machine;

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
        assert_eq!(of(&[], flag).as_deref(), Some("vm"));
        let clocks = "sys/devices/system/clocksource/clocksource0/available_clocksource";
        assert_eq!(
            of(&[(clocks, "tsc kvm-clock \n")], flag).as_deref(),
            Some("kvm")
        );
        // Only a guest has reason to be asked about these.
        assert_eq!(of(&[(clocks, "tsc kvm-clock \n")], ""), None);
        let dsdt = "DSDT\u{f}\u{0}\u{0}\u{0}\u{2}wFIRECKFCVMDSDT";
        let tables = [("sys/firmware/acpi/tables/DSDT", dsdt)];
        assert_eq!(of(&tables, flag).as_deref(), Some("firecracker"));
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
    fn a_guest_is_never_of_an_unknown_kind() {
        let root = Root::new("/");
        let cpuinfo = read_small(&root.proc("cpuinfo")).unwrap();
        let kind = virtualization(&root, &cpuinfo);
        assert_ne!(kind.as_deref(), Some("unknown"));
        assert!(kind.is_some() || !cpu::has_hypervisor_flag(&cpuinfo));
    }
}
