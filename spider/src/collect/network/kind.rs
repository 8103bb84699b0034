//! What an interface is: hardware, or something that passes its traffic on.
//!
//! The machine's traffic is that of its physical interfaces. All others carry a
//! part of it once more: in front of them (bridges, bonds, VLANs, tunnels),
//! behind them (ports of a switch, virtual functions), or within the machine.

use std::path::Path;

use crate::collect::text::{lines, number, trim};
use crate::root::{Root, read_small};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
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

impl Kind {
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

    pub fn has_speed(self) -> bool {
        matches!(self, Self::Physical | Self::Bond | Self::Port)
    }
}

/// What the kernel says, and where it doesn't, what the name does.
pub fn of(root: &Root, name: &[u8]) -> Kind {
    let Some(text) = plain(name) else {
        return by_name(name);
    };
    let dir = root.sys("class/net").join(text);
    if !dir.exists() {
        return by_name(name);
    }
    by_sysfs(root, text, &dir).unwrap_or_else(|| match by_name(name) {
        // A container's eth0: no hardware behind it.
        Kind::Physical => Kind::Virtual,
        kind => kind,
    })
}

/// A name that stays in its folder.
pub fn plain(name: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(name).ok()?;
    (!text.starts_with('.') && !text.contains(['/', '\0'])).then_some(text)
}

/// Types of <linux/if_arp.h>.
const CAN: i64 = 280;
const PPP: i64 = 512;
const MONITORS: std::ops::RangeInclusive<i64> = 801..=803;
/// ipip, ip6tnl, sit, ipgre, ip6gre, and what has no address of its own (tun, wireguard).
const TUNNELS: [i64; 6] = [768, 769, 776, 778, 823, 65534];
/// Bit of `tun_flags`: with Ethernet frames.
const TAP: u32 = 2;

fn by_sysfs(root: &Root, name: &str, dir: &Path) -> Option<Kind> {
    let has = |file: &str| dir.join(file).symlink_metadata().is_ok();
    if has("bonding") {
        return Some(Kind::Bond);
    }
    if has("bridge") {
        return Some(Kind::Bridge);
    }
    let uevent = read_small(&dir.join("uevent")).unwrap_or_default();
    if let Some(kind) = by_devtype(&uevent) {
        return Some(kind);
    }
    // A child of an InfiniBand port has a parent.
    if has("parent") || root.proc("net/vlan").join(name).exists() {
        return Some(Kind::Vlan);
    }
    if let Some(flags) = read_small(&dir.join("tun_flags")) {
        return Some(match parse_hex(&flags)? & TAP {
            0 => Kind::Tunnel,
            _ => Kind::Virtual,
        });
    }
    let arp_type = read_small(&dir.join("type")).and_then(|bytes| number(trim(&bytes)));
    if let Some(arp_type) = arp_type {
        if arp_type == CAN || MONITORS.contains(&arp_type) {
            return Some(Kind::Virtual);
        }
        if arp_type == PPP || TUNNELS.contains(&arp_type) && !has("device") {
            return Some(Kind::Tunnel);
        }
    }
    if !has("device") {
        return None;
    }
    let subsystem = std::fs::read_link(dir.join("device/subsystem")).ok();
    if subsystem.is_some_and(|to| to.ends_with("xen-backend")) {
        return Some(Kind::Virtual);
    }
    let port = read_small(&dir.join("phys_port_name")).unwrap_or_default();
    if is_representor(trim(&port)) || is_counted_by_master(root, dir) {
        return Some(Kind::Port);
    }
    Some(Kind::Physical)
}

fn by_devtype(uevent: &[u8]) -> Option<Kind> {
    let devtype = lines(uevent).find_map(|line| line.strip_prefix(b"DEVTYPE="))?;
    Some(match devtype {
        b"bond" | b"team" => Kind::Bond,
        b"bridge" => Kind::Bridge,
        b"vlan" | b"macvlan" | b"ipvlan" | b"macsec" => Kind::Vlan,
        b"dsa" => Kind::Port,
        b"wireguard" | b"vxlan" | b"geneve" | b"gtp" | b"ppp" | b"amt" | b"bareudp" => Kind::Tunnel,
        b"vrf" | b"hsr" | b"ovpn" => Kind::Virtual,
        _ => return None,
    })
}

/// `pf0vf3`, `c1pf0sf8`: the host's end of a virtual function, on cards that switch.
fn is_representor(port: &[u8]) -> bool {
    let text = std::str::from_utf8(port).unwrap_or_default();
    let Some((_, after)) = text.split_once("pf") else {
        return false;
    };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < after.len() && (rest.starts_with("vf") || rest.starts_with("sf"))
}

/// Hyper-V's and virtio's way of SR-IOV: the function is below an interface that
/// is hardware too by its looks, and has the sum of both.
fn is_counted_by_master(root: &Root, dir: &Path) -> bool {
    let master = std::fs::read_link(dir.join("master")).ok();
    let name = master.as_deref().and_then(Path::file_name);
    name.is_some_and(|name| {
        let master = root.sys("class/net").join(name);
        let has = |file: &str| master.join(file).symlink_metadata().is_ok();
        has("device") && !has("bridge") && !has("bonding")
    })
}

fn parse_hex(bytes: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(trim(bytes)).ok()?;
    u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// Beginnings of names, and what is called so. A `#` stands for a digit.
const NAMES: &[(&str, Kind)] = &[
    ("bond", Kind::Bond),
    ("team", Kind::Bond),
    ("lxcbr", Kind::Bridge),
    ("lxdbr", Kind::Bridge),
    ("incusbr", Kind::Bridge),
    ("br-", Kind::Bridge),
    ("br_", Kind::Bridge),
    ("br#", Kind::Bridge),
    ("bridge", Kind::Bridge),
    ("cbr", Kind::Bridge),
    ("cni", Kind::Bridge),
    ("docker", Kind::Bridge),
    ("fwbr", Kind::Bridge),
    ("kube-bridge", Kind::Bridge),
    ("ovs", Kind::Bridge),
    ("podman", Kind::Bridge),
    ("virbr", Kind::Bridge),
    ("vmbr", Kind::Bridge),
    ("xenbr", Kind::Bridge),
    ("ipvlan", Kind::Vlan),
    ("macsec", Kind::Vlan),
    ("macvlan", Kind::Vlan),
    ("macvtap", Kind::Vlan),
    ("vlan", Kind::Vlan),
    ("erspan", Kind::Tunnel),
    ("flannel", Kind::Tunnel),
    ("geneve", Kind::Tunnel),
    ("genev_", Kind::Tunnel),
    ("gre#", Kind::Tunnel),
    ("gre-", Kind::Tunnel),
    ("gretap", Kind::Tunnel),
    ("ip6gre", Kind::Tunnel),
    ("ip6tnl", Kind::Tunnel),
    ("ip6_vti", Kind::Tunnel),
    ("ip_vti", Kind::Tunnel),
    ("ipsec", Kind::Tunnel),
    ("l2tp", Kind::Tunnel),
    ("nebula", Kind::Tunnel),
    ("netbird", Kind::Tunnel),
    ("nordlynx", Kind::Tunnel),
    ("ppp", Kind::Tunnel),
    ("proton", Kind::Tunnel),
    ("sit#", Kind::Tunnel),
    ("tailscale", Kind::Tunnel),
    ("tun", Kind::Tunnel),
    ("utun", Kind::Tunnel),
    ("vpn", Kind::Tunnel),
    ("vti", Kind::Tunnel),
    ("vxlan", Kind::Tunnel),
    ("wg", Kind::Tunnel),
    ("xfrm", Kind::Tunnel),
    ("zt", Kind::Tunnel),
    ("cali", Kind::Virtual),
    ("cilium", Kind::Virtual),
    ("dummy", Kind::Virtual),
    ("fwln", Kind::Virtual),
    ("fwpr", Kind::Virtual),
    ("ifb", Kind::Virtual),
    ("imq", Kind::Virtual),
    ("kube-", Kind::Virtual),
    ("lxc", Kind::Virtual),
    ("lxd", Kind::Virtual),
    ("mon.", Kind::Virtual),
    ("nlmon", Kind::Virtual),
    ("nodelocaldns", Kind::Virtual),
    ("tap", Kind::Virtual),
    ("teql", Kind::Virtual),
    ("veth", Kind::Virtual),
    ("vif#", Kind::Virtual),
    ("vnet", Kind::Virtual),
    ("vrf", Kind::Virtual),
];

pub fn by_name(name: &[u8]) -> Kind {
    let begins = |pattern: &str| match pattern.strip_suffix('#') {
        None => name.starts_with(pattern.as_bytes()),
        Some(stem) => {
            let rest = name.strip_prefix(stem.as_bytes()).unwrap_or_default();
            rest.first().is_some_and(u8::is_ascii_digit)
        }
    };
    if let Some((_, kind)) = NAMES.iter().find(|(pattern, _)| begins(pattern)) {
        // A VLAN on top of a bond or a bridge, but br-1.2 is what docker may say.
        let is_vlan = matches!(kind, Kind::Bond) && name.contains(&b'.');
        return if is_vlan { Kind::Vlan } else { *kind };
    }
    if name.contains(&b'.') {
        return Kind::Vlan;
    }
    Kind::Physical
}

#[cfg(test)]
mod tests;
