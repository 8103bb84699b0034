//! What an interface is: hardware, or something that passes its traffic on.
//!
//! The machine's traffic is that of its physical interfaces. All others carry a
//! part of it once more: in front of them (bridges, bonds, VLANs, tunnels),
//! behind them (ports of a switch, virtual functions), or within the machine.

use std::path::Path;

pub use stardust_shared::names::{InterfaceKind as Kind, interface_kind as by_name};

use crate::collect::text::{lines, number, trim};
use crate::root::{Root, read_small};

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

#[cfg(test)]
mod tests;
