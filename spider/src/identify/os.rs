//! The distribution and its package manager.

use crate::collect::text::trim;
use crate::root::Root;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Os {
    pub name: Option<String>,
    pub id: Option<String>,
    /// Distributions that this one is made from.
    pub like: Option<String>,
}

pub fn read(root: &Root) -> Os {
    let os = root
        .read("/etc/os-release")
        .or_else(|| root.read("/usr/lib/os-release"))
        .map(|bytes| parse_os_release(&bytes));
    appliance(root, os.as_ref())
        .or(os)
        .unwrap_or_else(|| older(root))
}

/// Systems of appliances, which have a file of their own, or one of the
/// distribution that they were made from.
fn appliance(root: &Root, os: Option<&Os>) -> Option<Os> {
    let assigned = |path: &str, name: &str| {
        let bytes = root.read(path)?;
        assignments(&bytes).find_map(|(key, value)| (key == name).then_some(value))
    };
    let made = |name: &str, version: Option<String>, id: &str| {
        let name = match version {
            Some(version) => [name, " ", &version].concat(),
            None => name.to_owned(),
        };
        Some(Os {
            name: Some(name),
            id: Some(id.into()),
            like: None,
        })
    };
    // Synology's DSM, and SRM on its routers.
    for path in ["/etc.defaults/VERSION", "/etc/VERSION"] {
        if let Some(version) = assigned(path, "productversion") {
            let name = assigned(path, "os_name").unwrap_or_else(|| "DSM".into());
            return made(&name, Some(version), &name.to_ascii_lowercase());
        }
    }
    if let Some(version) = assigned("/etc/unraid-version", "version") {
        return made("Unraid", Some(version), "unraid");
    }
    if os.is_none() && root.has("/etc/config/uLinux.conf") {
        let version = assigned("/etc/config/uLinux.conf", "Version");
        return made("QTS", version, "qts");
    }
    None
}

/// Systems from before os-release: one line, or assignments of another name.
fn older(root: &Root) -> Os {
    let described = |path: &str| {
        let bytes = root.read(path)?;
        let mut all = assignments(&bytes);
        all.find_map(|(key, value)| (key == "DISTRIB_DESCRIPTION").then_some(value))
    };
    let line = |path: &str| {
        let bytes = root.read(path)?;
        let line = trim(bytes.split(|&b| b == b'\n').next()?);
        (!line.is_empty()).then(|| String::from_utf8_lossy(line).into_owned())
    };
    let files: [(&str, &str, &str); 9] = [
        ("/etc/openwrt_release", "", "openwrt"),
        ("/etc/lsb-release", "", ""),
        ("/etc/centos-release", "", "centos"),
        ("/etc/redhat-release", "", "rhel"),
        ("/etc/SuSE-release", "", "suse"),
        ("/etc/slackware-version", "", "slackware"),
        ("/etc/gentoo-release", "", "gentoo"),
        ("/etc/alpine-release", "Alpine Linux ", "alpine"),
        ("/etc/debian_version", "Debian ", "debian"),
    ];
    for (path, before, id) in files {
        let found = described(path).or_else(|| line(path).filter(|line| !line.contains('=')));
        if let Some(name) = found {
            return Os {
                name: Some([before, &name].concat()),
                id: (!id.is_empty()).then(|| id.into()),
                like: None,
            };
        }
    }
    Os::default()
}

/// The assignments of a file that a shell could read. A last line without a
/// newline is accepted: people write such files.
fn assignments(bytes: &[u8]) -> impl Iterator<Item = (String, String)> {
    bytes.split(|&b| b == b'\n').filter_map(|line| {
        let line = trim(line);
        let equals = line.iter().position(|&b| b == b'=')?;
        let key = String::from_utf8_lossy(trim(&line[..equals])).into_owned();
        let value = unquote(trim(&line[equals + 1..]));
        (!value.is_empty()).then_some((key, value))
    })
}

/// os-release is what a shell would take as assignments (os-release(5)).
pub fn parse_os_release(bytes: &[u8]) -> Os {
    let mut os = Os::default();
    let (mut name, mut version) = (None, None);
    for (key, value) in assignments(bytes) {
        match &*key {
            "PRETTY_NAME" => os.name = Some(value),
            "NAME" => name = Some(value),
            "VERSION_ID" => version = Some(value),
            "ID" => os.id = Some(value),
            "ID_LIKE" => os.like = Some(value),
            _ => {}
        }
    }
    if os.name.is_none() {
        os.name = match (name, version) {
            (Some(name), Some(version)) => Some([&name, " ", &version].concat()),
            (name, _) => name,
        };
    }
    os
}

fn unquote(value: &[u8]) -> String {
    let mut out = Vec::with_capacity(value.len());
    let mut quote = None;
    let mut bytes = value.iter().copied();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if byte == open => quote = None,
            (Some(b'\''), _) => out.push(byte),
            (_, b'\\') => out.extend(bytes.next()),
            // Unquoted, a blank ends the value.
            (None, b' ' | b'\t') => break,
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A package manager, the programs that show that it is there, and the
/// distributions whose own it is.
const MANAGERS: &[(&str, &[&str], &[&str])] = &[
    (
        "apt",
        &["apt-get"],
        &["debian", "ubuntu", "raspbian", "linuxmint"],
    ),
    (
        "dnf",
        &["dnf", "dnf5"],
        &[
            "fedora",
            "rhel",
            "centos",
            "rocky",
            "almalinux",
            "amzn",
            "ol",
        ],
    ),
    ("tdnf", &["tdnf"], &["photon", "azurelinux", "mariner"]),
    ("yum", &["yum"], &["rhel", "centos", "amzn", "ol"]),
    (
        "zypper",
        &["zypper"],
        &[
            "suse",
            "opensuse",
            "opensuse-leap",
            "opensuse-tumbleweed",
            "sles",
        ],
    ),
    ("pacman", &["pacman"], &["arch", "archarm", "manjaro"]),
    ("apk", &["apk"], &["alpine", "openwrt"]),
    ("opkg", &["opkg"], &["openwrt", "lede"]),
    ("xbps", &["xbps-install"], &["void"]),
    ("emerge", &["emerge"], &["gentoo"]),
    ("nix", &["nix-env", "nix"], &["nixos"]),
    ("slackpkg", &["slackpkg"], &["slackware"]),
    ("swupd", &["swupd"], &["clear-linux-os"]),
    ("eopkg", &["eopkg"], &["solus"]),
    ("guix", &["guix"], &["guix"]),
    ("urpmi", &["urpmi"], &["mageia"]),
    ("microdnf", &["microdnf"], &[]),
];
const BIN_DIRS: &[&str] = &[
    "/usr/bin",
    "/bin",
    "/usr/sbin",
    "/sbin",
    "/usr/local/sbin",
    "/run/current-system/sw/bin",
    "/run/current-system/profile/bin",
];
/// Made read-only, and changed by snapshots only.
const TRANSACTIONAL: &[&str] = &[
    "opensuse-microos",
    "opensuse-leap-micro",
    "opensuse-aeon",
    "opensuse-kalpa",
    "sle-micro",
    "sl-micro",
    "suse-microos",
];

/// The distribution's own manager where it is installed, else any that is.
pub fn package_manager(root: &Root, os: &Os) -> Option<&'static str> {
    let installed = |programs: &[&str]| {
        programs.iter().any(|program| {
            BIN_DIRS
                .iter()
                .any(|dir| root.has(&[dir, "/", program].concat()))
        })
    };
    // The system is an image: what is installed for single packages can't be used.
    if root.has("/run/ostree-booted") {
        let tools: [&[&str]; 2] = [&["rpm-ostree"], &["bootc"]];
        let tool = tools.into_iter().find(|programs| installed(programs));
        return tool.map(|programs| programs[0]);
    }
    let id = os.id.as_deref().unwrap_or("");
    if TRANSACTIONAL.contains(&id) && installed(&["transactional-update"]) {
        return Some("transactional-update");
    }
    let own = |ids: &[&str]| {
        let like = os.like.as_deref().unwrap_or("");
        let mut all = os.id.as_deref().into_iter().chain(like.split(' '));
        all.any(|id| ids.contains(&id))
    };
    let present = || {
        MANAGERS
            .iter()
            .filter(|(_, programs, _)| installed(programs))
    };
    present()
        .find(|(.., ids)| own(ids))
        .or_else(|| present().next())
        .map(|(name, ..)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(name: &str, id: &str, like: Option<&str>) -> Os {
        Os {
            name: Some(name.into()),
            id: Some(id.into()),
            like: like.map(str::to_owned),
        }
    }

    #[test]
    fn quotes_and_escapes_as_a_shell_reads_them() {
        let text = b"# comment\nPRETTY_NAME=\"Debian \\\"12\\\" \\$x\"\nID=debian\nID_LIKE='a b'\n";
        assert_eq!(
            parse_os_release(text),
            os("Debian \"12\" $x", "debian", Some("a b"))
        );
        assert_eq!(
            parse_os_release(b"NAME=OpenWrt\nVERSION_ID=\"23.05.5\"\nID=openwrt"),
            os("OpenWrt 23.05.5", "openwrt", None)
        );
    }

    #[test]
    fn hostile_files() {
        assert_eq!(parse_os_release(b""), Os::default());
        assert_eq!(
            parse_os_release(b"=\nID=\nPRETTY_NAME=\"\"\n\0\xff\n"),
            Os::default()
        );
        let got = parse_os_release(b"PRETTY_NAME=\"no end \xff\\");
        assert_eq!(got.name.as_deref(), Some("no end \u{fffd}"));
    }

    #[test]
    fn systems_without_os_release() {
        use crate::identify::test_machine::Machine;
        let of = |files: &[(&str, &str)]| {
            let os = read(&Machine::new("os", files).root());
            (os.name.unwrap_or_default(), os.id.unwrap_or_default())
        };
        let is = |name: &str, id: &str| (name.to_owned(), id.to_owned());
        let dsm = "productversion=\"7.2.1\"\nos_name=\"DSM\"\n";
        assert_eq!(of(&[("etc/VERSION", dsm)]), is("DSM 7.2.1", "dsm"));
        let before = "majorversion=\"6\"\nproductversion=\"6.2.4\"\n";
        assert_eq!(
            of(&[("etc.defaults/VERSION", before)]),
            is("DSM 6.2.4", "dsm")
        );
        let slackware = (
            "etc/os-release",
            "PRETTY_NAME=\"Slackware 15.0\"\nID=slackware\n",
        );
        let unraid = ("etc/unraid-version", "version=\"6.12.4\"\n");
        assert_eq!(of(&[slackware, unraid]), is("Unraid 6.12.4", "unraid"));
        let qnap = "[System]\nModel = TS-X51\nVersion = 5.0.1\n";
        assert_eq!(
            of(&[("etc/config/uLinux.conf", qnap)]),
            is("QTS 5.0.1", "qts")
        );
        let old = [("etc/redhat-release", "CentOS release 6.10 (Final)\n")];
        assert_eq!(of(&old), is("CentOS release 6.10 (Final)", "rhel"));
        let old = [(
            "etc/openwrt_release",
            "DISTRIB_ID='OpenWrt'\nDISTRIB_DESCRIPTION='OpenWrt 15.05'\n",
        )];
        assert_eq!(of(&old), is("OpenWrt 15.05", "openwrt"));
        assert_eq!(
            of(&[("etc/alpine-release", "3.4.6\n")]),
            is("Alpine Linux 3.4.6", "alpine")
        );
        assert_eq!(of(&[("etc/lsb-release", "\0\n=\n")]), is("", ""));
    }

    #[test]
    fn managers_that_can_be_used() {
        use crate::identify::test_machine::Machine;
        let of = |id: &str, files: &[&str]| {
            let files: Vec<(&str, &str)> = files.iter().map(|file| (*file, "")).collect();
            package_manager(&Machine::new("manager", &files).root(), &os("x", id, None))
        };
        let image = ["run/ostree-booted", "usr/bin/dnf", "usr/bin/rpm-ostree"];
        assert_eq!(of("fedora", &image), Some("rpm-ostree"));
        assert_eq!(of("fedora", &image[1..]), Some("dnf"));
        assert_eq!(of("fedora", &["run/ostree-booted", "usr/bin/dnf"]), None);
        assert_eq!(
            of("fedora", &["run/ostree-booted", "usr/bin/bootc"]),
            Some("bootc")
        );
        assert_eq!(of("photon", &["usr/bin/tdnf", "usr/bin/yum"]), Some("tdnf"));
        let micro = ["usr/bin/zypper", "usr/sbin/transactional-update"];
        assert_eq!(of("sl-micro", &micro), Some("transactional-update"));
        assert_eq!(of("opensuse-tumbleweed", &micro), Some("zypper"));
        assert_eq!(of("openwrt", &["usr/bin/apk", "bin/opkg"]), Some("apk"));
        assert_eq!(of("openwrt", &["bin/opkg"]), Some("opkg"));
        assert_eq!(
            of("guix", &["run/current-system/profile/bin/guix"]),
            Some("guix")
        );
        assert_eq!(of("flatcar", &[]), None);
    }
}
