//! The init system.

use super::text::text;
use crate::root::Root;

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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::identify::test_machine::Machine;

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
}
