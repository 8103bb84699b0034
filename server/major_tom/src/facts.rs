//! What the probe's answers mean. Pure.

use serde::Serialize;

use super::fault::printable;

/// What a node is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    pub hostname: String,
    pub os: Os,
    pub kernel: String,
    /// What `uname -m` says of the kernel.
    pub machine: String,
    /// The architecture of the node's own programs, by our names where we have one.
    pub arch: Option<String>,
    pub init: String,
    /// Home of the login.
    pub home: String,
    pub package_manager: Option<String>,
    /// `glibc 2.36`, `musl 1.2.5`; empty where the node does not tell.
    pub libc: String,
    /// Of /etc/machine-id, where there is a good one. No more of a secret than a
    /// serial number, and no more to be shown around.
    #[serde(skip)]
    pub machine_id: Option<String>,
    /// The programs there that load libraries.
    #[serde(skip)]
    pub loaders: Vec<String>,
    pub folders: Vec<Folder>,
    /// The node's clock minus ours; it has whole seconds.
    pub clock_skew_ms: Option<i64>,
    pub server: Reach,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Os {
    pub id: String,
    pub like: String,
    pub version: String,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Folder {
    pub path: String,
    pub free_bytes: Option<u64>,
    pub read_only: bool,
    pub noexec: bool,
}

/// Whether the node reaches Ground Control.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// None: it has no tool to tell.
    pub ok: Option<bool>,
    pub detail: String,
    pub hint: String,
}

/// Reads the probe's lines. What is missing or odd stays empty.
pub fn parse(text: &str, started_ms: i64) -> Facts {
    let values = |name: &'static str| {
        text.lines()
            .filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' '))
            .map(str::trim)
    };
    let one = |name| printable(values(name).next().unwrap_or(""));
    let mounts: Vec<_> = values("mount").filter_map(mount).collect();
    let machine = one("machine");
    Facts {
        hostname: one("hostname"),
        os: os(values("os")),
        kernel: one("kernel"),
        arch: arch(values("elf").next().unwrap_or(""), &machine),
        machine,
        home: one("home"),
        init: one("init"),
        package_manager: values("packages")
            .next()
            .map(|name| printable(name.strip_suffix("-get").unwrap_or(name))),
        libc: libc(values("libc").next().unwrap_or("")),
        machine_id: values("machine_id").next().and_then(machine_id),
        loaders: values("loader").map(str::to_owned).take(16).collect(),
        folders: values("df")
            .map(|line| folder(line, &mounts))
            .take(8)
            .collect(),
        clock_skew_ms: values("time").next().and_then(|seconds| {
            let node_ms = seconds.parse::<i64>().ok()?.checked_mul(1000)?;
            node_ms.checked_sub(started_ms)
        }),
        server: reach(values("reach").next().unwrap_or("none")),
    }
}

/// Images that were not finished have an empty one, or `uninitialized`.
fn machine_id(text: &str) -> Option<String> {
    let good = text.len() == 32
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte != b'0');
    good.then(|| text.to_ascii_lowercase())
}

/// What getconf or ldd says: `glibc 2.36`, `ldd (Debian GLIBC 2.36-9) 2.36 Copyright …`,
/// `musl libc (x86_64) Version 1.2.5 …`.
fn libc(said: &str) -> String {
    let words: Vec<&str> = said.split_whitespace().collect();
    let number = |word: &&&str| word.starts_with(|c: char| c.is_ascii_digit());
    let version = |words: &[&str]| words.iter().find(number).map(|word| printable(word));
    let named = |name: &str, version: Option<String>| match version {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    };
    if said.contains("musl") {
        let after = words.iter().position(|word| *word == "Version");
        return named("musl", after.and_then(|at| version(&words[at..])));
    }
    match words.first() {
        Some(&"glibc") => named("glibc", version(&words)),
        // Behind the brackets, in which a distribution has its own.
        Some(&"ldd") => said.split_once(')').map_or(String::new(), |(_, behind)| {
            let behind: Vec<&str> = behind.split_whitespace().collect();
            named("glibc", version(&behind))
        }),
        _ => String::new(),
    }
}

/// os-release: KEY=value, perhaps in quotes.
fn os<'a>(lines: impl Iterator<Item = &'a str>) -> Os {
    let mut os = Os::default();
    for line in lines {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let value = printable(value.trim_matches(['"', '\'']));
        match key {
            "ID" => os.id = value,
            "ID_LIKE" => os.like = value,
            "VERSION_ID" => os.version = value,
            "PRETTY_NAME" => os.name = value,
            _ => {}
        }
    }
    os
}

/// The ELF header of /bin/sh tells what runs here: a 64-bit kernel may carry a
/// 32-bit system, as on Raspberry Pi OS.
fn arch(elf: &str, machine: &str) -> Option<String> {
    let bytes: Vec<u8> = elf
        .split_whitespace()
        .map_while(|word| u8::from_str_radix(word, 16).ok())
        .collect();
    let name = match bytes.as_slice() {
        [0x7f, b'E', b'L', b'F', class, order, .., a, b] if bytes.len() == 20 => {
            let machine_number = match order {
                2 => u16::from_be_bytes([*a, *b]),
                _ => u16::from_le_bytes([*a, *b]),
            };
            match (class, machine_number) {
                (2, 62) => "x86_64",
                (1, 62) => "x32",
                (_, 3) => "i686",
                (2, 183) => "aarch64",
                // ARMv6 (the first Raspberry Pis) runs nothing of ARMv7.
                (1, 40) if machine.starts_with("armv6") || machine.starts_with("armv5") => machine,
                (1, 40) => "armv7",
                (_, 8) => "mips",
                (2, 243) => "riscv64",
                (2, 21) => "powerpc64",
                (2, 22) => "s390x",
                (2, 258) => "loongarch64",
                _ => return None,
            }
        }
        _ => match machine {
            "x86_64" | "aarch64" => machine,
            "armv7l" => "armv7",
            "" => return None,
            other => other,
        },
    };
    Some(name.to_owned())
}

struct Mount {
    path: String,
    read_only: bool,
    noexec: bool,
}

/// A line of /proc/mounts: device, path, type, options.
fn mount(line: &str) -> Option<Mount> {
    let mut words = line.split(' ').skip(1);
    let path = words.next()?.replace("\\040", " ");
    let options = words.nth(1)?;
    let has = |wanted: &str| options.split(',').any(|option| option == wanted);
    Some(Mount {
        path,
        read_only: has("ro"),
        noexec: has("noexec"),
    })
}

/// A folder and its free kibibytes; its flags are those of the mount that it is on.
fn folder(line: &str, mounts: &[Mount]) -> Folder {
    let (path, kibibytes) = line.rsplit_once(' ').unwrap_or((line, ""));
    let below = |mount: &&Mount| {
        let base = mount.path.trim_end_matches('/');
        path.strip_prefix(base)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // Later mounts lie over earlier ones at the same place.
    let on = mounts
        .iter()
        .filter(below)
        .max_by_key(|mount| mount.path.len());
    Folder {
        path: printable(path),
        free_bytes: kibibytes
            .trim()
            .parse::<u64>()
            .ok()
            .and_then(|free| free.checked_mul(1024)),
        read_only: on.is_some_and(|mount| mount.read_only),
        noexec: on.is_some_and(|mount| mount.noexec),
    }
}

/// The tool, what it said, and its exit status as the last word.
fn reach(answer: &str) -> Reach {
    let (tool, rest) = answer.split_once(' ').unwrap_or((answer, ""));
    let (said, status) = rest.trim().rsplit_once(' ').unwrap_or(("", rest.trim()));
    let said = printable(said);
    let (tool, pinned) = match tool.strip_prefix("pinned-") {
        Some(tool) => (tool, true),
        None => (tool, false),
    };
    let (ok, detail, hint) = match (tool, status) {
        // Killed or not runnable: that says nothing of the network.
        (_, status) if status.parse().is_ok_and(|status: u32| status >= 126) => (
            None,
            "The node's tool to try it fails.",
            "It shows when the Spider connects.",
        ),
        ("curl", "0") if said.ends_with("200") && pinned => (
            Some(true),
            "The node reaches it, and its key is that of the pin.",
            "",
        ),
        ("curl", "0") if said.ends_with("200") => (Some(true), "The node reaches it.", ""),
        ("curl", "90") => (
            Some(false),
            "Its key is not that of the pin.",
            "Compare the pin with the key of Ground Control's certificate, or of the proxy before it.",
        ),
        // Built without, or older than pins.
        ("curl", "2" | "4") if pinned => (
            None,
            "The node's curl can't compare a pin.",
            "It shows when the Spider connects.",
        ),
        ("curl", "0") => (
            Some(false),
            "Something answers there, but it is not Ground Control.",
            "Check --server-url, and the proxy in front of Ground Control.",
        ),
        ("curl", "6") => (Some(false), "The node can't look up its name.", DNS),
        ("curl", "7") => (Some(false), "The connection is refused.", FIREWALL),
        ("curl", "28") | ("wget" | "bash", "124") => {
            (Some(false), "It does not answer the node.", FIREWALL)
        }
        ("curl", "35" | "51" | "60" | "77") => {
            (Some(false), "The node does not trust its certificate.", TLS)
        }
        ("wget", "0") if pinned => (
            Some(true),
            "The node reaches it; its key is compared with the pin by the Spider.",
            "",
        ),
        ("wget", "0") => (Some(true), "The node reaches it.", ""),
        ("wget", "5") => (Some(false), "The node does not trust its certificate.", TLS),
        // GNU wget 8: an answer that is no success. busybox says 1 for anything.
        ("wget", "8") => (
            Some(false),
            "Something answers there, but it is not Ground Control.",
            "Check --server-url, and the proxy in front of Ground Control.",
        ),
        ("wget", "1")
            if [
                "not an http or ftp url",
                "not supported",
                "unrecognized option",
            ]
            .iter()
            .any(|why| said.contains(why)) =>
        {
            (
                None,
                "The node has no tool that could try HTTPS.",
                "It shows when the Spider connects.",
            )
        }
        ("nc" | "bash", "0") => (Some(true), "The node can connect to it.", ""),
        ("curl" | "wget" | "nc" | "bash", _) => {
            (Some(false), "The node does not reach it.", FIREWALL)
        }
        _ => (
            None,
            "The node has no tool to try it (curl, wget, nc, bash).",
            "It shows when the Spider connects.",
        ),
    };
    let mut detail = detail.to_owned();
    if ok == Some(false) && !said.is_empty() {
        detail = format!("{detail} {tool}: {said}");
    }
    Reach {
        ok,
        detail,
        hint: hint.into(),
    }
}

const DNS: &str = "Check the node's DNS, or use an IP address in --server-url.";
const FIREWALL: &str =
    "Check --server-url and --bind, and the firewalls between the node and Ground Control.";
const TLS: &str = "Use a certificate that the node's system trusts, or give the pin of the server's key; \
                   install ca-certificates on it, and check its clock.";

#[cfg(test)]
mod tests {
    use super::*;

    const X86_64: &str = "7f 45 4c 46 02 01 01 00 00 00 00 00 00 00 00 00 03 00 3e 00";

    #[test]
    fn a_debian_server_is_read() {
        let text = format!(
            "time 1700000010\nhostname web1\nkernel Linux 6.1.0-18-amd64\nmachine x86_64\nelf {X86_64}\n\
             os PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nos ID=debian\nos VERSION_ID=\"12\"\n\
             init systemd\npackages apt-get\ndf /usr/local/bin 1048576\ndf /tmp 2048\n\
             mount /dev/sda1 / ext4 rw,relatime 0 0\nmount /dev/sda2 /usr ext4 ro 0 0\n\
             mount tmpfs /tmp tmpfs rw,nosuid,noexec 0 0\nreach curl 200 0\nend end\n"
        );
        let facts = parse(&text, 1_700_000_000_000);
        assert_eq!(facts.os.name, "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(
            (facts.os.id.as_str(), facts.os.version.as_str()),
            ("debian", "12")
        );
        assert_eq!(facts.arch.as_deref(), Some("x86_64"));
        assert_eq!(facts.package_manager.as_deref(), Some("apt"));
        assert_eq!(facts.clock_skew_ms, Some(10_000));
        assert_eq!(facts.server.ok, Some(true));
        let [local, tmp] = facts.folders.as_slice() else {
            panic!()
        };
        assert_eq!(local.free_bytes, Some(1 << 30));
        assert!(local.read_only && !local.noexec);
        assert!(tmp.noexec && !tmp.read_only);
    }

    #[test]
    fn the_userland_counts_and_not_the_kernel() {
        let arm = "7f 45 4c 46 01 01 01 00 00 00 00 00 00 00 00 00 03 00 28 00";
        let arm64 = "7f 45 4c 46 02 01 01 00 00 00 00 00 00 00 00 00 03 00 b7 00";
        let mips = "7f 45 4c 46 01 02 01 00 00 00 00 00 00 00 00 00 00 02 00 08";
        for (elf, machine, wanted) in [
            (arm, "aarch64", "armv7"),
            (arm, "armv7l", "armv7"),
            (arm, "armv6l", "armv6l"),
            (arm64, "aarch64", "aarch64"),
            (mips, "mips", "mips"),
            ("", "aarch64", "aarch64"),
            ("", "armv7l", "armv7"),
            ("7f 45", "x86_64", "x86_64"),
        ] {
            assert_eq!(
                arch(elf, machine).as_deref(),
                Some(wanted),
                "{elf} {machine}"
            );
        }
        assert_eq!(arch("", ""), None);
    }

    #[test]
    fn the_c_library_is_told_by_whatever_tool_there_is() {
        for (said, wanted) in [
            ("glibc 2.36", "glibc 2.36"),
            (
                "ldd (Debian GLIBC 2.31-13+deb11u11) 2.31 Copyright (C) 2020",
                "glibc 2.31",
            ),
            ("ldd (GNU libc) 2.17", "glibc 2.17"),
            ("ldd (Ubuntu GLIBC 2.42-0ubuntu3) 2.42", "glibc 2.42"),
            (
                "musl libc (x86_64) Version 1.2.5 Dynamic Program Loader",
                "musl 1.2.5",
            ),
            ("musl libc", "musl"),
            ("", ""),
            ("sh: ldd: not found", ""),
        ] {
            assert_eq!(libc(said), wanted, "{said}");
        }
        let facts = parse("libc glibc 2.36\nloader /lib64/ld-linux-x86-64.so.2\n", 0);
        assert_eq!(
            (facts.libc.as_str(), facts.loaders.len()),
            ("glibc 2.36", 1)
        );
    }

    #[test]
    fn only_a_whole_machine_id_tells_machines_apart() {
        let whole = "0123456789abcdef0123456789abcdeF";
        assert_eq!(machine_id(whole), Some(whole.to_lowercase()));
        for text in [
            "",
            "uninitialized",
            &"0".repeat(32),
            &whole[1..],
            &"g".repeat(32),
        ] {
            assert_eq!(machine_id(text), None, "{text}");
        }
    }

    #[test]
    fn nonsense_gives_empty_facts_and_no_panic() {
        for text in [
            "",
            "\n\n",
            "df \nmount \ntime x\nelf zz\nreach \nos \n",
            "time 9223372036854775807",
        ] {
            let facts = parse(text, 0);
            assert_eq!(facts.clock_skew_ms, None);
            assert_eq!(facts.server.ok, None);
        }
        assert_eq!(
            parse("hostname a\u{202e}\u{1b}[2Jb\n", 0).hostname,
            "a  [2Jb"
        );
    }

    #[test]
    fn why_ground_control_is_not_reached() {
        for (answer, ok, part) in [
            ("curl 200 0", Some(true), ""),
            ("curl 404 0", Some(false), "not Ground Control"),
            (
                "curl curl: (6) Could not resolve host: x 000 6",
                Some(false),
                "name",
            ),
            (
                "curl curl: (7) Failed to connect 000 7",
                Some(false),
                "refused",
            ),
            ("curl 000 60", Some(false), "certificate"),
            (
                "pinned-curl 200 0",
                Some(true),
                "its key is that of the pin",
            ),
            ("pinned-curl 000 90", Some(false), "not that of the pin"),
            (
                "pinned-curl curl: option --pinnedpubkey: is unknown 000 2",
                None,
                "compare a pin",
            ),
            ("pinned-curl 000 7", Some(false), "refused"),
            ("pinned-wget 0", Some(true), "by the Spider"),
            (
                "pinned-wget wget: unrecognized option: no-check-certificate 1",
                None,
                "HTTPS",
            ),
            ("pinned-", None, "no tool"),
            ("wget 0", Some(true), ""),
            ("wget 124", Some(false), "does not answer"),
            ("bash 124", Some(false), "does not answer"),
            (
                "wget wget: not an http or ftp url: https://x 1",
                None,
                "HTTPS",
            ),
            ("wget wget: bad address 'x' 1", Some(false), "bad address"),
            ("wget Segmentation fault 139", None, "tool"),
            ("nc 1", Some(false), "reach"),
            ("bash 0", Some(true), ""),
            ("none", None, "no tool"),
        ] {
            let found = reach(answer);
            assert_eq!(found.ok, ok, "{answer}: {found:?}");
            assert!(found.detail.contains(part), "{answer}: {found:?}");
        }
    }
}
