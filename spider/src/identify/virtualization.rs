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
    ("KubeVirt", "kvm"),
    ("Alibaba Cloud", "kvm"),
    ("Tencent Cloud", "kvm"),
    ("Scaleway", "kvm"),
    ("Vultr", "kvm"),
    ("Akamai", "kvm"),
    ("Linode", "kvm"),
    ("UpCloud", "kvm"),
    ("Exoscale", "kvm"),
    ("DigitalOcean", "kvm"),
    ("Hetzner", "kvm"),
    ("Firecracker", "firecracker"),
];

/// Clouds that rent out bare machines too, under the same name.
const RENTS_MACHINES: &[&str] = &["amazon", "google", "kvm"];

/// Kernels of WSL.
pub fn is_wsl(root: &Root) -> bool {
    text(&root.proc("sys/kernel/osrelease")).is_some_and(|kernel| {
        kernel.contains("microsoft") || kernel.contains("Microsoft") || kernel.contains("-WSL")
    })
}

/// What the machine is a guest of; `vm` where that can't be told.
pub fn virtualization(root: &Root, cpuinfo: &[u8]) -> Option<String> {
    if is_wsl(root) {
        return Some("wsl".into());
    }
    if let Some(kind) = text(&root.sys("hypervisor/type")) {
        // Xen's own first machine has the hardware.
        return (!is_dom0(root)).then_some(kind);
    }
    if let Some(kind) = by_mainframe(root, cpuinfo) {
        return Some(kind.into());
    }
    let flag = cpu::has_hypervisor_flag(cpuinfo);
    if let Some(kind) = by_firmware(root, flag, cpu::has_flags(cpuinfo)) {
        return Some(kind.into());
    }
    if let Some(kind) = by_device_tree(root) {
        return Some(kind.into());
    }
    flag.then(|| by_processor(root).unwrap_or("vm").into())
}

/// Bit of Xen's features that only the first machine has.
const XENFEAT_DOM0: u32 = 1 << 11;

fn is_dom0(root: &Root) -> bool {
    let capabilities = text(&root.proc("xen/capabilities"));
    let features = text(&root.sys("hypervisor/properties/features"));
    let features = features.and_then(|hex| u32::from_str_radix(&hex, 16).ok());
    capabilities.is_some_and(|words| words.contains("control_d"))
        || features.is_some_and(|bits| bits & XENFEAT_DOM0 != 0)
}

/// By the firmware's tables. Only processors of the x86 kind have a flag that says
/// that they are shared; for all others these words have to do.
fn by_firmware(root: &Root, flag: bool, has_flags: bool) -> Option<&'static str> {
    let read = |file: &str| text(&root.sys("class/dmi/id").join(file));
    for file in ["sys_vendor", "product_name", "board_vendor", "bios_vendor"] {
        let Some(value) = read(file) else { continue };
        let found = VENDORS.iter().find(|(word, _)| value.contains(word));
        let Some(&(word, name)) = found else { continue };
        let is_bare = || match has_flags {
            true => !flag,
            false => read("product_name").is_some_and(|product| is_metal(&product)),
        };
        if RENTS_MACHINES.contains(&name) && word != "KVM" && is_bare() {
            continue;
        }
        // QEMU without KVM has no hypervisor flag to show.
        let name = if name == "qemu" && flag { "kvm" } else { name };
        return Some(name);
    }
    None
}

/// `m7g.metal`, `m7g.metal-24xl`, `c4a-highmem-96-metal`
fn is_metal(product: &str) -> bool {
    product.split(['.', '-']).any(|part| part == "metal")
}

/// s390 and User Mode Linux say so where others have their processor's name.
fn by_mainframe(root: &Root, cpuinfo: &[u8]) -> Option<&'static str> {
    if cpu::field(cpuinfo, b"vendor_id") == Some(b"User Mode Linux") {
        return Some("uml");
    }
    let info = read_small(&root.proc("sysinfo"))?;
    let info = String::from_utf8_lossy(&info);
    let program = info
        .lines()
        .find(|line| line.starts_with("VM00 Control Program"))?;
    Some(match program.contains("z/VM") {
        true => "zvm",
        false => "kvm",
    })
}

fn by_device_tree(root: &Root) -> Option<&'static str> {
    if let Some(compatible) = text(&root.proc("device-tree/hypervisor/compatible")) {
        return Some(match compatible {
            name if name.contains("xen") => "xen",
            name if name.contains("vmware") => "vmware",
            _ => "kvm",
        });
    }
    // A partition of POWER that its management console knows.
    if root.has("/proc/device-tree/ibm,partition-name")
        && root.has("/proc/device-tree/hmc-managed?")
        && !root.has("/proc/device-tree/chosen/qemu,graphic-width")
    {
        return Some("powervm");
    }
    let model = text(&root.proc("device-tree/model")).unwrap_or_default();
    let compatible = text(&root.proc("device-tree/compatible")).unwrap_or_default();
    let is = |name: &str| model.contains(name) || compatible.contains(name);
    if is("linux,dummy-virt") {
        return Some("kvm");
    }
    (is("qemu") || is("riscv-virtio")).then_some("qemu")
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
        let bare = "flags : fpu\n";
        assert_eq!(of(&vendor("Amazon EC2\n"), bare), None);
        assert_eq!(of(&vendor("Dell Inc.\n"), ""), None);
        assert_eq!(of(&[], flag).as_deref(), Some("vm"));
        // Other processors have no such flag.
        let arm = "Features : fp asimd\n";
        let product = |vendor, product| {
            let id = "sys/class/dmi/id/";
            let (vendor_file, product_file) =
                ([id, "sys_vendor"].concat(), [id, "product_name"].concat());
            of(&[(&vendor_file, vendor), (&product_file, product)], arm)
        };
        assert_eq!(
            product("Amazon EC2\n", "t4g.small\n").as_deref(),
            Some("amazon")
        );
        assert_eq!(product("Amazon EC2\n", "m7g.metal\n"), None);
        assert_eq!(product("Amazon EC2\n", "m8g.metal-24xl\n"), None);
        assert_eq!(product("Hetzner\n", "vServer\n").as_deref(), Some("kvm"));
        let google = product("Google\n", "Google Compute Engine\n");
        assert_eq!(google.as_deref(), Some("google"));
        assert_eq!(
            product("QEMU\n", "KVM Virtual Machine\n").as_deref(),
            Some("qemu")
        );
        assert_eq!(product("GIGABYTE\n", "R152-P30\n"), None);
        let tree = |path, value| of(&[(path, value)], arm);
        let compatible = "proc/device-tree/hypervisor/compatible";
        assert_eq!(tree(compatible, "linux,kvm\0").as_deref(), Some("kvm"));
        let compatible = "proc/device-tree/compatible";
        assert_eq!(tree(compatible, "qemu,pseries\0").as_deref(), Some("qemu"));
        assert_eq!(tree(compatible, "raspberrypi,5-model-b\0"), None);
        let program = "VM00 Control Program: z/VM    7.2.0\n";
        assert_eq!(tree("proc/sysinfo", program).as_deref(), Some("zvm"));
        let dom0 = ("proc/xen/capabilities", "control_d\n");
        let xen = ("sys/hypervisor/type", "xen\n");
        assert_eq!(of(&[xen, dom0], flag), None);
        let features = "sys/hypervisor/properties/features";
        assert_eq!(of(&[xen, (features, "00000b05\n")], flag), None);
        assert_eq!(
            of(&[xen, (features, "00000705\n")], flag).as_deref(),
            Some("xen")
        );
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
