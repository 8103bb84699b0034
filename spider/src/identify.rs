//! Who this machine is. Read once; what can't be told is absent.

mod container;
mod cpu;
mod init;
mod os;
#[cfg(test)]
mod test_machine;
mod text;
mod virtualization;

use stardust_shared::message::Identity;

pub use container::container;
use text::text;

use crate::collect::cpu::parse_stat;
use crate::collect::memory::total_bytes;
use crate::collect::text::trim;
use crate::root::{Root, read_small};

/// Everything that the hello says about the machine below `root`.
pub fn identify(root: &Root) -> Identity {
    let os = os::read(root);
    let cpuinfo = read_small(&root.proc("cpuinfo")).unwrap_or_default();
    let container = container(root);
    Identity {
        hostname: hostname(root),
        package_manager: os::package_manager(root, &os).map(str::to_owned),
        os: os.name,
        os_id: os.id,
        kernel: text(&root.proc("sys/kernel/osrelease")),
        kernel_version: text(&root.proc("sys/kernel/version")),
        domainname: text(&root.proc("sys/kernel/domainname")),
        arch: arch(root),
        cpu_model: cpu::model(&cpuinfo),
        cores: cores(root, &cpuinfo),
        mem_total_bytes: total_bytes(root).and_then(|bytes| u64::try_from(bytes).ok()),
        init: init::init(root).map(str::to_owned),
        virtualization: virtualization::virtualization(root, &cpuinfo),
        container,
        board: text(&root.proc("device-tree/model"))
            .or_else(|| text(&root.sys("firmware/devicetree/base/model"))),
        boot_id: text(&root.proc("sys/kernel/random/boot_id")),
        boot_time_s: boot_time_s(&read_small(&root.proc("stat")).unwrap_or_default()),
    }
    .bounded()
}

/// The kernel says the name that whoever asks has, which in a container is not
/// that of the machine below another root.
fn hostname(root: &Root) -> Option<String> {
    let by_kernel = || text(&root.proc("sys/kernel/hostname"));
    if root.is_host() {
        return by_kernel().or_else(|| hostname_in_files(root));
    }
    hostname_in_files(root).or_else(by_kernel)
}

/// `/etc/hostname`, and where other systems have it: Slackware and Unraid,
/// Gentoo and OpenRC, OpenWrt, old Red Hats.
fn hostname_in_files(root: &Root) -> Option<String> {
    let plain = |path: &str| {
        let bytes = root.read(path)?;
        let line = bytes.split(|&b| b == b'\n').map(trim);
        let line = line
            .into_iter()
            .find(|line| !line.is_empty() && line[0] != b'#')?;
        Some(String::from_utf8_lossy(line).into_owned())
    };
    let assigned = |path: &str, names: &[&[u8]]| {
        let bytes = root.read(path)?;
        let lines = bytes.split(|&b| b == b'\n').map(trim);
        let value = lines
            .filter_map(|line| names.iter().find_map(|name| line.strip_prefix(*name)))
            .next()?;
        let value = String::from_utf8_lossy(value);
        let value = value.trim_matches(|c| matches!(c, ' ' | '\t' | '"' | '\''));
        (!value.is_empty()).then(|| value.to_owned())
    };
    plain("/etc/hostname")
        .or_else(|| plain("/etc/HOSTNAME"))
        .or_else(|| assigned("/etc/conf.d/hostname", &[b"hostname=", b"HOSTNAME="]))
        .or_else(|| assigned("/etc/config/system", &[b"option hostname "]))
        .or_else(|| assigned("/etc/sysconfig/network", &[b"HOSTNAME="]))
}

/// The line `btime` of /proc/stat (man 5 proc).
fn boot_time_s(stat: &[u8]) -> Option<u64> {
    let line = stat
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"btime "))?;
    std::str::from_utf8(trim(line)).ok()?.parse().ok()
}

/// Since Linux 6.1 a file says it; before, only the kernel itself.
fn arch(root: &Root) -> Option<String> {
    if let Some(arch) = text(&root.proc("sys/kernel/arch")) {
        return Some(arch);
    }
    // SAFETY: an all-zero utsname is a valid value of that plain struct.
    let mut name: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: `name` is a utsname for the kernel to fill with C strings.
    if unsafe { libc::uname(&mut name) } != 0 {
        return None;
    }
    let machine: Vec<u8> = name
        .machine
        .iter()
        .map(|&c| c as u8)
        .take_while(|&b| b != 0)
        .collect();
    String::from_utf8(machine).ok()
}

/// Cores that are online.
fn cores(root: &Root, cpuinfo: &[u8]) -> Option<u32> {
    let mut count = 0;
    if let Some(bytes) = read_small(&root.proc("stat")) {
        parse_stat(&bytes, |core, _| count += u32::from(core.is_some()));
    }
    if count == 0 {
        count = cpu::processors(cpuinfo);
    }
    (count > 0).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_name_a_kernel_and_cores() {
        let identity = identify(&Root::new("/"));
        assert!(identity.hostname.is_some());
        assert!(identity.kernel.is_some());
        assert!(identity.kernel_version.is_some());
        assert!(identity.boot_time_s.unwrap() > 1_000_000_000);
        assert!(identity.arch.is_some());
        assert!(identity.cores.unwrap() >= 1);
        assert!(identity.mem_total_bytes.unwrap() > 1 << 20);
        assert_eq!(identity.boot_id.unwrap().len(), 36);
    }

    #[test]
    fn an_empty_root_is_a_machine_of_which_nothing_is_known() {
        let identity = identify(&Root::new("/no/such/root"));
        let expected = Identity {
            arch: identity.arch.clone(),
            ..Identity::default()
        };
        assert_eq!(identity, expected);
    }

    #[test]
    fn the_name_of_the_machine_below_another_root() {
        use test_machine::Machine;
        let of = |files: &[(&str, &str)]| hostname(&Machine::new("hostname", files).root());
        let kernel = ("proc/sys/kernel/hostname", "3f2a1b0c9d8e\n");
        for (path, content) in [
            ("etc/hostname", "nas01\n"),
            ("etc/hostname", "# ours\n\n nas01\n"),
            ("etc/HOSTNAME", "nas01"),
            ("etc/conf.d/hostname", "# x\nhostname=\"nas01\"\n"),
            (
                "etc/config/system",
                "config system\n\toption hostname 'nas01'\n",
            ),
            ("etc/sysconfig/network", "NETWORKING=yes\nHOSTNAME=nas01\n"),
        ] {
            assert_eq!(
                of(&[kernel, (path, content)]).as_deref(),
                Some("nas01"),
                "{path}"
            );
        }
        assert_eq!(
            of(&[kernel, ("etc/hostname", "\n")]).as_deref(),
            Some("3f2a1b0c9d8e")
        );
        assert_eq!(of(&[]), None);
    }
}
