//! The container manager, where the machine is a container.
//!
//! A distribution of WSL is none: what it runs on is told as virtualisation.

use std::path::Path;

use super::text::text;
use super::virtualization::is_wsl;
use crate::collect::text::{Words, lines};
use crate::root::{Root, read_small};

pub fn container(root: &Root) -> Option<String> {
    said(root)
        .or_else(|| by_marks(root))
        .filter(|name| name != "wsl")
}

/// What the manager says itself.
fn said(root: &Root) -> Option<String> {
    let name = text(&root.at("/run/systemd/container"))
        .or_else(|| text(&root.at("/run/host/container-manager")));
    // Readable by root only; elsewhere the other signs have to do.
    let environment = read_small(&root.proc("1/environ")).unwrap_or_default();
    let variable = |name: &[u8]| {
        let mut entries = environment.split(|&b| b == 0);
        let value = entries.find_map(|entry| entry.strip_prefix(name));
        value.filter(|value| !value.is_empty())
    };
    // Engines below Kubernetes say `oci` or the like, if anything.
    let is_pod = variable(b"KUBERNETES_SERVICE_HOST=").is_some()
        || root.has("/run/secrets/kubernetes.io")
        || root.has("/var/run/secrets/kubernetes.io");
    if is_pod && !is_whole_machine(root) {
        return Some("kubernetes".into());
    }
    name.or_else(|| Some(String::from_utf8_lossy(variable(b"container=")?).into_owned()))
}

fn by_marks(root: &Root) -> Option<String> {
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
    if contains(&mounts, b" /run/secrets/kubernetes.io/")
        || contains(&mounts, b" /var/run/secrets/kubernetes.io/")
    {
        return Some("kubernetes".into());
    }
    if let Some(name) = by_layers(&mounts) {
        return Some(name.into());
    }
    (contains(&mounts, b"fuse.lxcfs") && contains(&mounts, b" /proc/stat")).then(|| "lxc".into())
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// By where the layers of the root are kept, for managers that leave no mark.
fn by_layers(mounts: &[u8]) -> Option<&'static str> {
    let root = lines(mounts).find(|line| {
        let mut words = Words(line).skip(4);
        words.next() == Some(b"/") && contains(line, b" - overlay ")
    })?;
    let stores: [(&[u8], &str); 4] = [
        (b"/docker/", "docker"),
        (b"/containers/storage/", "podman"),
        (b"/containerd/", "containerd"),
        (b"/lxc/", "lxc"),
    ];
    let found = stores.iter().find(|(path, _)| contains(root, path));
    found.map(|(_, name)| *name)
}

/// The number of the first process namespace (PROC_PID_INIT_INO of the kernel).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Whether this is no container by all signs: processes are counted from the
/// kernel's own, and `/` is on a disk of its own. (A container that shares the
/// host's processes has an overlay or a volume without a device for its root.)
///
/// WSL gives each of its distributions processes of its own, on a disk of its own.
fn is_whole_machine(root: &Root) -> bool {
    let namespace = std::fs::read_link(root.proc("self/ns/pid")).ok();
    let is_first = namespace.as_deref() == Some(Path::new(FIRST_PID_NAMESPACE));
    if !is_first && !is_wsl(root) {
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
        let pod =
            "1006 1000 0:70 / /run/secrets/kubernetes.io/serviceaccount ro - tmpfs tmpfs rw\n";
        let kubernetes = Some("kubernetes");
        assert_eq!(of(&[("proc/self/mountinfo", pod)]).as_deref(), kubernetes);
        let variable = "PATH=/bin\0KUBERNETES_SERVICE_HOST=10.0.0.1\0container=oci\0";
        assert_eq!(of(&[("proc/1/environ", variable)]).as_deref(), kubernetes);
        let layers = |store: &str| {
            let root =
                format!("1 0 0:60 / / rw - overlay overlay rw,lowerdir=/var/lib/{store}/x\n");
            of(&[("proc/self/mountinfo", &root)])
        };
        assert_eq!(layers("containerd/io").as_deref(), Some("containerd"));
        assert_eq!(
            layers("containers/storage/overlay").as_deref(),
            Some("podman")
        );
        assert_eq!(layers("live"), None);
        let lxcfs = "20 1 0:5 /proc/stat /proc/stat rw - fuse.lxcfs lxcfs rw\n";
        assert_eq!(
            of(&[("proc/self/mountinfo", lxcfs)]).as_deref(),
            Some("lxc")
        );
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_distribution_of_wsl_is_no_container() {
        let kernel = (
            "proc/sys/kernel/osrelease",
            "6.6.87.2-microsoft-standard-WSL2\n",
        );
        let disk = (
            "proc/self/mountinfo",
            "60 1 8:32 / / rw - ext4 /dev/sdc rw\n",
        );
        let of = |files: &[(&str, &str)]| container(&Machine::new("wsl", files).root());
        assert_eq!(of(&[kernel, disk, (".dockerenv", "")]), None);
        assert_eq!(
            of(&[kernel, disk, ("run/systemd/container", "wsl\n")]),
            None
        );
        // Docker Desktop's containers run on the same kernel.
        let overlay = (
            "proc/self/mountinfo",
            "60 1 0:70 / / rw - overlay overlay rw\n",
        );
        assert_eq!(
            of(&[kernel, overlay, (".dockerenv", "")]).as_deref(),
            Some("docker")
        );
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
