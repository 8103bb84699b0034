//! The container manager, where the machine is a container.

use std::path::Path;

use super::text;
use crate::collect::text::{Words, lines};
use crate::root::{Root, read_small};

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
    // Images are unpacked to be the disks of virtual machines too, and then
    // their marks tell nothing.
    let is_machine = is_whole_machine(root);
    if root.has("/run/.containerenv") && !is_machine {
        return Some("podman".into());
    }
    if root.has("/.dockerenv") && !is_machine {
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

/// The number of the first process namespace (PROC_PID_INIT_INO of the kernel).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Whether this is no container by all signs: processes are counted from the
/// kernel's own, and `/` is on a disk of its own. (A container that shares the
/// host's processes has an overlay or a volume without a device for its root.)
fn is_whole_machine(root: &Root) -> bool {
    let namespace = std::fs::read_link(root.proc("self/ns/pid")).ok();
    if namespace.as_deref() != Some(Path::new(FIRST_PID_NAMESPACE)) {
        return false;
    }
    let mounts = read_small(&root.proc("self/mountinfo")).unwrap_or_default();
    lines(&mounts).any(|line| {
        let mut words = Words(line).skip(2);
        let device = words.next().unwrap_or_default();
        // The root within the device, and where it is mounted.
        let places = (words.next(), words.next());
        places == (Some(b"/"), Some(b"/")) && !device.starts_with(b"0:")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identify::test_machine::Machine;

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

    #[test]
    fn an_image_that_became_the_disk_of_a_machine_is_no_container() {
        let of = |namespace: &str, root: &str| {
            let mounts = ["22 1 0:21 / /proc rw - proc proc rw\n", root].concat();
            let files = [(".dockerenv", ""), ("proc/self/mountinfo", &mounts)];
            let machine = Machine::new("image", &files);
            std::fs::create_dir(machine.0.join("proc/self/ns")).unwrap();
            let link = machine.0.join("proc/self/ns/pid");
            std::os::unix::fs::symlink(namespace, link).unwrap();
            container(&machine.root())
        };
        let docker = Some("docker".to_owned());
        let disk = "27 1 254:0 / / rw - ext4 /dev/vda rw\n";
        let overlay = "27 1 0:70 / / rw - overlay overlay rw\n";
        let bound = "27 1 8:1 /var/lib/machines/a / rw - ext4 /dev/sda1 rw\n";
        assert_eq!(of("pid:[4026531836]", disk), None);
        assert_eq!(of("pid:[4026532280]", disk), docker);
        assert_eq!(of("pid:[4026531836]", overlay), docker);
        assert_eq!(of("pid:[4026531836]", bound), docker);
    }
}
