//! What the names of devices say. The Spider asks the kernel first; Ground Control
//! has only the names, where a Spider is older than the question.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterfaceKind {
    /// Where bytes enter and leave the machine.
    Physical,
    Bond,
    Bridge,
    Vlan,
    /// Behind a physical interface that counts its bytes too: a port of a switch
    /// on the board (DSA), a virtual function or its representor.
    Port,
    Tunnel,
    /// Containers' and virtual machines' links, dummies.
    Virtual,
}

impl InterfaceKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Bond => "bond",
            Self::Bridge => "bridge",
            Self::Vlan => "vlan",
            Self::Port => "port",
            Self::Tunnel => "tunnel",
            Self::Virtual => "virtual",
        }
    }

    /// The kind of this name, as [`Self::name`] gives it.
    pub fn of(name: &str) -> Option<Self> {
        let all = [
            Self::Physical,
            Self::Bond,
            Self::Bridge,
            Self::Vlan,
            Self::Port,
            Self::Tunnel,
            Self::Virtual,
        ];
        all.into_iter().find(|kind| kind.name() == name)
    }

    /// Which are told first where there are more than are told.
    pub fn rank(self) -> u8 {
        match self {
            Self::Physical => 0,
            Self::Bond => 1,
            Self::Port | Self::Vlan => 2,
            Self::Tunnel => 3,
            Self::Bridge => 4,
            Self::Virtual => 5,
        }
    }

    /// Whether up and down mean something to whoever runs the machine.
    pub fn has_state(self) -> bool {
        self != Self::Virtual
    }

    /// Whether its bytes are those of a wire.
    pub fn is_hardware(self) -> bool {
        matches!(self, Self::Physical | Self::Bond | Self::Port)
    }

    pub fn has_speed(self) -> bool {
        self.is_hardware()
    }
}

/// Beginnings of names, and what is called so. A `#` stands for a digit.
const INTERFACES: &[(&str, InterfaceKind)] = &[
    ("bond", InterfaceKind::Bond),
    ("team", InterfaceKind::Bond),
    ("lxcbr", InterfaceKind::Bridge),
    ("lxdbr", InterfaceKind::Bridge),
    ("incusbr", InterfaceKind::Bridge),
    ("br-", InterfaceKind::Bridge),
    ("br_", InterfaceKind::Bridge),
    ("br#", InterfaceKind::Bridge),
    ("bridge", InterfaceKind::Bridge),
    ("cbr", InterfaceKind::Bridge),
    ("cni", InterfaceKind::Bridge),
    ("docker", InterfaceKind::Bridge),
    ("fwbr", InterfaceKind::Bridge),
    ("kube-bridge", InterfaceKind::Bridge),
    ("ovs", InterfaceKind::Bridge),
    ("podman", InterfaceKind::Bridge),
    ("virbr", InterfaceKind::Bridge),
    ("vmbr", InterfaceKind::Bridge),
    ("xenbr", InterfaceKind::Bridge),
    ("ipvlan", InterfaceKind::Vlan),
    ("macsec", InterfaceKind::Vlan),
    ("macvlan", InterfaceKind::Vlan),
    ("macvtap", InterfaceKind::Vlan),
    ("vlan", InterfaceKind::Vlan),
    ("erspan", InterfaceKind::Tunnel),
    ("flannel", InterfaceKind::Tunnel),
    ("geneve", InterfaceKind::Tunnel),
    ("genev_", InterfaceKind::Tunnel),
    ("gre#", InterfaceKind::Tunnel),
    ("gre-", InterfaceKind::Tunnel),
    ("gretap", InterfaceKind::Tunnel),
    ("ip6gre", InterfaceKind::Tunnel),
    ("ip6tnl", InterfaceKind::Tunnel),
    ("ip6_vti", InterfaceKind::Tunnel),
    ("ip_vti", InterfaceKind::Tunnel),
    ("ipsec", InterfaceKind::Tunnel),
    ("l2tp", InterfaceKind::Tunnel),
    ("nebula", InterfaceKind::Tunnel),
    ("netbird", InterfaceKind::Tunnel),
    ("nordlynx", InterfaceKind::Tunnel),
    ("ppp", InterfaceKind::Tunnel),
    ("proton", InterfaceKind::Tunnel),
    ("sit#", InterfaceKind::Tunnel),
    ("tailscale", InterfaceKind::Tunnel),
    ("tun", InterfaceKind::Tunnel),
    ("utun", InterfaceKind::Tunnel),
    ("vpn", InterfaceKind::Tunnel),
    ("vti", InterfaceKind::Tunnel),
    ("vxlan", InterfaceKind::Tunnel),
    ("wg", InterfaceKind::Tunnel),
    ("xfrm", InterfaceKind::Tunnel),
    ("zt", InterfaceKind::Tunnel),
    ("cali", InterfaceKind::Virtual),
    ("cilium", InterfaceKind::Virtual),
    ("dummy", InterfaceKind::Virtual),
    ("fwln", InterfaceKind::Virtual),
    ("fwpr", InterfaceKind::Virtual),
    ("ifb", InterfaceKind::Virtual),
    ("imq", InterfaceKind::Virtual),
    ("kube-", InterfaceKind::Virtual),
    ("lxc", InterfaceKind::Virtual),
    ("lxd", InterfaceKind::Virtual),
    ("mon.", InterfaceKind::Virtual),
    ("nlmon", InterfaceKind::Virtual),
    ("nodelocaldns", InterfaceKind::Virtual),
    ("tap", InterfaceKind::Virtual),
    ("teql", InterfaceKind::Virtual),
    ("veth", InterfaceKind::Virtual),
    ("vif#", InterfaceKind::Virtual),
    ("vnet", InterfaceKind::Virtual),
    ("vrf", InterfaceKind::Virtual),
];

/// What an interface is by its name alone.
pub fn interface_kind(name: &[u8]) -> InterfaceKind {
    let begins = |pattern: &str| match pattern.strip_suffix('#') {
        None => name.starts_with(pattern.as_bytes()),
        Some(stem) => {
            let rest = name.strip_prefix(stem.as_bytes()).unwrap_or_default();
            rest.first().is_some_and(u8::is_ascii_digit)
        }
    };
    if let Some((_, kind)) = INTERFACES.iter().find(|(pattern, _)| begins(pattern)) {
        // A VLAN on top of a bond or a bridge, but br-1.2 is what docker may say.
        let is_vlan = matches!(kind, InterfaceKind::Bond) && name.contains(&b'.');
        return if is_vlan { InterfaceKind::Vlan } else { *kind };
    }
    if name.contains(&b'.') {
        return InterfaceKind::Vlan;
    }
    InterfaceKind::Physical
}

/// What the names of devices begin with that are on top of others; a number follows, or
/// the star of those that are added up.
const STACKED: &[&str] = &["dm-", "md", "zd", "bcache", "drbd", "ploop"];

/// Whether a block device is on top of others, which have the same traffic.
pub fn is_stacked(name: &[u8]) -> bool {
    STACKED.iter().any(|prefix| {
        let rest = name.strip_prefix(prefix.as_bytes());
        rest.is_some_and(|rest| matches!(rest.first(), Some(b'0'..=b'9' | b'*')))
    }) || name.starts_with(b"md_")
        || name.starts_with(b"emcpower")
}

/// Images: they are full from the beginning and stay so.
const IMAGES: &[&str] = &[
    "composefs",
    "cramfs",
    "efs",
    "erofs",
    "fuse.erofsfuse",
    "fuse.fuseiso",
    "fuse.snapfuse",
    "fuse.squashfuse",
    "fuse.squashfuse_ll",
    "incremental-fs",
    "iso9660",
    "romfs",
    "squashfs",
];

/// Whether a filesystem of this type is an image.
pub fn is_image(fs_type: &[u8]) -> bool {
    is_in(IMAGES, fs_type)
}

/// Answered by another machine, by the host or by a process: may hang.
const REMOTE: &[&str] = &[
    "9p",
    "acfs",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "drvfs",
    "fuseblk",
    "gfs",
    "gfs2",
    "glusterfs",
    "gpfs",
    "hostfs",
    "lustre",
    "lxfs",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "panfs",
    "prl_fs",
    "pvfs2",
    "smb3",
    "smbfs",
    "sshfs",
    "vboxsf",
    "virtiofs",
    "vmhgfs",
    "wekafs",
    "wslfs",
];

/// Whether a filesystem of this type is another machine's, or a process answers for it.
pub fn is_remote(fs_type: &[u8]) -> bool {
    is_in(REMOTE, fs_type) || fs_type.starts_with(b"fuse.")
}

fn is_in(list: &[&str], name: &[u8]) -> bool {
    list.iter().any(|entry| entry.as_bytes() == name)
}

/// Chips and zones of processors, by what the names of their sensors begin with.
const PROCESSORS: &[&str] = &[
    "coretemp",
    "k10temp",
    "k8temp",
    "zenpower",
    "fam15h_power",
    "via_cputemp",
    "x86_pkg_temp",
    "cpu",
    "soc",
    "cluster",
    "bigcore",
    "littlecore",
    "package",
    "B0D4",
    "TCPU",
    "armada_thermal",
    "exynos",
    "imx_thermal",
    "scpi_sensors",
    "scmi_sensors",
    "sunxi",
];

/// Whether a sensor of this name, or of a chip of this name, is the processor's.
pub fn is_processor(sensor: &str) -> bool {
    PROCESSORS.iter().any(|start| sensor.starts_with(start))
}

/// Chips of disks, which are named by the disk: a second one changes no name.
const DISKS: &[&str] = &["drivetemp", "nvme"];

/// Whether a sensor of this name, or of a chip of this name, is a disk's.
pub fn is_disk_sensor(sensor: &str) -> bool {
    DISKS.iter().any(|chip| {
        let rest = sensor.strip_prefix(chip);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ' ']))
    })
}

#[cfg(test)]
mod tests {
    use super::InterfaceKind as Kind;
    use super::*;

    #[test]
    fn names_say_it_where_the_kernel_does_not() {
        for (kind, names) in [
            (
                Kind::Physical,
                &[
                    "eno1", "eth0", "enp3s0f1", "wlan0", "wlp2s0", "venet0", "brcm", "green0",
                    "usb0",
                ][..],
            ),
            (Kind::Bond, &["bond0", "team1"]),
            (
                Kind::Bridge,
                &[
                    "vmbr0",
                    "br0",
                    "br-lan",
                    "docker0",
                    "virbr0",
                    "fwbr100i0",
                    "lxdbr0",
                    "cni0",
                ],
            ),
            (Kind::Vlan, &["eth0.10", "vlan20", "bond0.5", "macvtap0"]),
            (
                Kind::Tunnel,
                &[
                    "wg0",
                    "tun0",
                    "tailscale0",
                    "ppp0",
                    "flannel.1",
                    "vxlan.calico",
                    "sit0",
                ],
            ),
            (
                Kind::Virtual,
                &[
                    "veth12ab",
                    "tap100i0",
                    "fwpr100p0",
                    "fwln100i0",
                    "vnet3",
                    "cali1",
                    "dummy0",
                    "vif3.0",
                ],
            ),
        ] {
            for name in names {
                assert_eq!(interface_kind(name.as_bytes()), kind, "{name}");
            }
        }
    }

    #[test]
    fn stacked_devices() {
        for name in [
            "dm-0",
            "md127",
            "md_d0",
            "md_home",
            "emcpowera",
            "zd16",
            "zd*",
            "bcache0",
            "drbd1",
        ] {
            assert!(is_stacked(name.as_bytes()), "{name}");
        }
        for name in ["sda", "nvme0n1", "nbd0", "rbd0", "vdm", "mdisk", "zda"] {
            assert!(!is_stacked(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn sensors_and_filesystems() {
        for name in [
            "coretemp",
            "k10temp Tctl",
            "cpu-thermal",
            "cpu_thermal",
            "x86_pkg_temp",
        ] {
            assert!(is_processor(name) && !is_disk_sensor(name), "{name}");
        }
        for name in [
            "drivetemp/sda",
            "nvme",
            "nvme/nvme0 Composite",
            "nvme Composite",
        ] {
            assert!(is_disk_sensor(name) && !is_processor(name), "{name}");
        }
        assert_eq!(Kind::of("bridge"), Some(Kind::Bridge));
        assert_eq!(Kind::of("hardware"), None);
        assert!(!is_disk_sensor("nvmem") && !is_processor("acpitz"));
        assert!(is_image(b"squashfs") && !is_image(b"ext4"));
        assert!(is_remote(b"nfs4") && is_remote(b"fuse.sshfs") && !is_remote(b"xfs"));
    }
}
