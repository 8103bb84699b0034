//! The distribution and its package manager.

use crate::collect::text::{lines, trim};
use crate::root::{Root, read_small};

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Os {
    pub name: Option<String>,
    pub id: Option<String>,
    /// Distributions that this one is made from.
    pub like: Option<String>,
}

pub fn read(root: &Root) -> Os {
    read_small(&root.etc("os-release"))
        .or_else(|| read_small(&root.at("/usr/lib/os-release")))
        .map(|bytes| parse_os_release(&bytes))
        .unwrap_or_default()
}

/// os-release is what a shell would take as assignments (os-release(5)).
pub fn parse_os_release(bytes: &[u8]) -> Os {
    let mut os = Os::default();
    let (mut name, mut version) = (None, None);
    // A last line without a newline is accepted: people write this file.
    let with_end = [bytes, b"\n"].concat();
    for line in lines(&with_end) {
        let line = trim(line);
        let Some(equals) = line.iter().position(|&b| b == b'=') else {
            continue;
        };
        let value = unquote(&line[equals + 1..]);
        if value.is_empty() {
            continue;
        }
        match &line[..equals] {
            b"PRETTY_NAME" => os.name = Some(value),
            b"NAME" => name = Some(value),
            b"VERSION_ID" => version = Some(value),
            b"ID" => os.id = Some(value),
            b"ID_LIKE" => os.like = Some(value),
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
];
const BIN_DIRS: &[&str] = &[
    "/usr/bin",
    "/bin",
    "/usr/sbin",
    "/sbin",
    "/run/current-system/sw/bin",
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
}
