use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::*;

/// Interfaces made of files; a name that ends in `@` is a link to what it holds.
struct Machine(PathBuf);

impl Machine {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let dir = std::env::temp_dir().join(format!("spider-kind-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        for (path, content) in files {
            let link = path.strip_suffix('@');
            let path = dir.join(link.unwrap_or(path));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match link {
                Some(_) => symlink(content, path).unwrap(),
                None => fs::write(path, content).unwrap(),
            }
        }
        Self(dir)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_kernel_says_what_an_interface_is() {
    let net = |file: &str| format!("sys/class/net/{file}");
    let files: Vec<(String, &str)> = [
        ("enp1s0/device/vendor", "0x8086\n"),
        ("enp1s0/type", "1\n"),
        ("enp1s0/uevent", "INTERFACE=enp1s0\nIFINDEX=2\n"),
        ("lan1/device/x", ""),
        ("lan1/uevent", "DEVTYPE=dsa\nINTERFACE=lan1\n"),
        ("wlan0/device/x", ""),
        ("wlan0/phy80211/x", ""),
        ("wlan0/uevent", "DEVTYPE=wlan\n"),
        ("mon0/device/x", ""),
        ("mon0/type", "803\n"),
        ("uplink/bonding/mode", "802.3ad 4\n"),
        ("lan/bridge/stp_state", "0\n"),
        ("guests/uevent", "DEVTYPE=vlan\n"),
        ("storage/type", "1\n"),
        ("office/uevent", "DEVTYPE=wireguard\n"),
        ("office/type", "65534\n"),
        ("vm5/tun_flags", "0x1002\n"),
        ("home/tun_flags", "0x1001\n"),
        ("dsl/type", "512\n"),
        ("vif1.0/device/x", ""),
        ("vif1.0/device/subsystem@", "../../bus/xen-backend"),
        ("eth0/type", "1\n"),
        ("eth7/device/x", ""),
        ("eth7/device/subsystem@", "../../bus/vmbus"),
        ("enP1s1/device/x", ""),
        ("enP1s1/master@", "../eth7"),
        ("ens3/device/x", ""),
        ("ens3/master@", "../lan"),
        ("rep0/device/x", ""),
        ("rep0/phys_port_name", "pf0vf3\n"),
        ("port0/device/x", ""),
        ("port0/phys_port_name", "p0\n"),
        ("ib0/device/x", ""),
        ("ib0/type", "32\n"),
        ("ib0.8001/device/x", ""),
        ("ib0.8001/parent", "ib0\n"),
        ("wwan0/device/x", ""),
        ("wwan0/type", "65534\n"),
        ("team0/type", "1\n"),
        ("can0/device/x", ""),
        ("can0/type", "280\n"),
    ]
    .map(|(file, text)| (net(file), text))
    .into();
    let mut files: Vec<(&str, &str)> = files.iter().map(|(f, t)| (&**f, *t)).collect();
    files.push(("proc/net/vlan/storage", ""));
    let machine = Machine::new("all", &files);
    let root = Root::new(&machine.0);
    for (name, kind) in [
        ("enp1s0", Kind::Physical),
        ("lan1", Kind::Port),
        ("wlan0", Kind::Physical),
        ("mon0", Kind::Virtual),
        ("uplink", Kind::Bond),
        ("lan", Kind::Bridge),
        ("guests", Kind::Vlan),
        ("storage", Kind::Vlan),
        ("office", Kind::Tunnel),
        ("vm5", Kind::Virtual),
        ("home", Kind::Tunnel),
        ("dsl", Kind::Tunnel),
        ("vif1.0", Kind::Virtual),
        ("eth0", Kind::Virtual),
        ("eth7", Kind::Physical),
        ("enP1s1", Kind::Port),
        ("ens3", Kind::Physical),
        ("rep0", Kind::Port),
        ("port0", Kind::Physical),
        ("ib0", Kind::Physical),
        ("ib0.8001", Kind::Vlan),
        ("wwan0", Kind::Physical),
        ("team0", Kind::Bond),
        ("can0", Kind::Virtual),
        // Not there: by the name.
        ("vmbr0", Kind::Bridge),
        ("../../etc", Kind::Vlan),
    ] {
        assert_eq!(of(&root, name.as_bytes()), kind, "{name}");
    }
}
