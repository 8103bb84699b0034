//! Who this machine is. Read once; what can't be told is absent.

mod container;
mod cpu;
mod init;
mod os;
#[cfg(test)]
mod test_machine;
mod virtualization;

use std::path::Path;

use stardust_shared::message::Identity;

use crate::collect::cpu::parse_stat;
use crate::collect::memory::total_bytes;
use crate::collect::text::trim;
use crate::root::{Root, read_small};

/// Everything that the hello says about the machine below `root`.
pub fn identify(root: &Root) -> Identity {
    let os = os::read(root);
    let cpuinfo = read_small(&root.proc("cpuinfo")).unwrap_or_default();
    let container = container::container(root);
    Identity {
        hostname: text(&root.proc("sys/kernel/hostname")).or_else(|| text(&root.etc("hostname"))),
        package_manager: os::package_manager(root, &os).map(str::to_owned),
        os: os.name,
        os_id: os.id,
        kernel: text(&root.proc("sys/kernel/osrelease")),
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
    }
    .bounded()
}

/// A short text file, trimmed; what is not UTF-8 is replaced.
fn text(path: &Path) -> Option<String> {
    let bytes = read_small(path)?;
    let text = trim(&bytes);
    (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
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
}
