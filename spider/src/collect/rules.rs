//! What becomes of interfaces, disks and mounts by their names: they are told one by
//! one, added up into one series of their family, or left out.
//!
//! On a host of containers interfaces come and go all day under names that mean nothing
//! to anybody; what they carry together does. The operator's rules (`--family`) come
//! before our own, and the first one that fits counts.

use super::limits::FAMILIES_MAX;

/// A new interface, disk or mount is told once it has stood this long.
pub const NEW_AFTER_MS: u64 = 60_000;
pub const NEW_AFTER_MS_MAX: u64 = 3_600_000;
/// Longest pattern of names.
const PATTERN_BYTES_MAX: usize = 64;

/// What a rule is about, as it is called in the keys of series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    Iface,
    Device,
    Mount,
}

impl Label {
    pub fn name(self) -> &'static str {
        match self {
            Self::Iface => "iface",
            Self::Device => "device",
            Self::Mount => "mount",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Told alone.
    Keep,
    /// Added up into a series of the family.
    Sum,
    LeaveOut,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    label: Label,
    /// `*` is any text, `#` one hexadecimal digit.
    pattern: Box<str>,
    pub action: Action,
}

/// Our own rules.
const DEFAULTS: &[(Label, &str, Action)] = &[
    // Containers of Proxmox: named by their number, and there for years.
    (Label::Iface, "veth#*i#", Action::Keep),
    // Containers' ends: Docker, Podman, LXC; Calico, Cilium, the clouds' own.
    (Label::Iface, "veth*", Action::Sum),
    (Label::Iface, "cali*", Action::Sum),
    (Label::Iface, "lxc############", Action::Sum),
    (Label::Iface, "eni###########", Action::Sum),
    (Label::Iface, "azv###########", Action::Sum),
    // Networks of Docker, one for each project.
    (Label::Iface, "br-############", Action::Sum),
    // Proxmox' firewall: each passes on what the machine's own interface (tap) has.
    (Label::Iface, "fwbr*", Action::LeaveOut),
    (Label::Iface, "fwln*", Action::LeaveOut),
    (Label::Iface, "fwpr*", Action::LeaveOut),
    // Layers of containers, where they are mounts of their own.
    (Label::Mount, "/var/lib/docker/*", Action::LeaveOut),
    (
        Label::Mount,
        "/var/lib/containers/storage/*",
        Action::LeaveOut,
    ),
];

const _: () = assert!(DEFAULTS.len() < FAMILIES_MAX);

/// The rules of a Spider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    own: Vec<Rule>,
    /// How long what is new must stand until it is told.
    pub new_after_ms: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            own: Vec::new(),
            new_after_ms: NEW_AFTER_MS as i64,
        }
    }
}

/// What a rule is and is not.
pub const USAGE: &str = "a rule is LABEL=PATTERN ACTION, as in: iface=veth* sum. LABEL is iface, \
     device or mount; in PATTERN * is any text and # a hexadecimal digit; ACTION is keep, sum or \
     leave-out";

impl Rules {
    /// Our own, where what is new is told once it has stood so long.
    pub fn new_after(new_after_ms: i64) -> Self {
        Self {
            new_after_ms,
            ..Self::default()
        }
    }

    /// Takes one rule of the operator's; what is wrong with it if it is none.
    pub fn add(&mut self, text: &str) -> Result<(), &'static str> {
        let (subject, action) = text.trim().rsplit_once([' ', '\t']).ok_or(USAGE)?;
        let (label, pattern) = subject.split_once('=').ok_or(USAGE)?;
        let label = match label.trim() {
            "iface" => Label::Iface,
            "device" => Label::Device,
            "mount" => Label::Mount,
            _ => return Err(USAGE),
        };
        let action = match action {
            "keep" => Action::Keep,
            "sum" => Action::Sum,
            "leave-out" => Action::LeaveOut,
            _ => return Err(USAGE),
        };
        let pattern = pattern.trim();
        if pattern.is_empty() || pattern.chars().any(char::is_control) {
            return Err(USAGE);
        }
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err("the pattern is longer than 64 bytes");
        }
        if (label, action) == (Label::Mount, Action::Sum) {
            return Err(
                "mounts can't be added up: many share the space of one disk; \
                 they can be kept or left out",
            );
        }
        if self.own.len() + DEFAULTS.len() >= FAMILIES_MAX {
            return Err("more than 20 rules; one with * may stand for several");
        }
        self.own.push(Rule {
            label,
            pattern: pattern.into(),
            action,
        });
        Ok(())
    }

    /// What becomes of that one, and by which pattern.
    pub fn of(&self, label: Label, name: &[u8]) -> (Action, &str) {
        let own = self.own.iter();
        let own = own.map(|rule| (rule.label, &*rule.pattern, rule.action));
        let mut all = own.chain(DEFAULTS.iter().copied());
        let found = all.find(|(of, pattern, _)| *of == label && fits(pattern.as_bytes(), name));
        match found {
            None => (Action::Keep, ""),
            Some((_, pattern, action)) => (action, pattern),
        }
    }
}

/// The name of the family of a pattern: one `*` for all that is open.
pub fn family(pattern: &str) -> String {
    let mut name = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        match c {
            '*' | '#' if name.ends_with('*') => {}
            '*' | '#' => name.push('*'),
            c => name.push(c),
        }
    }
    name
}

/// Whether `name` is of `pattern`. Of names that are longer than any, the time is
/// their length times that of the pattern.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where the last star is, and what it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        let is_one = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            Some(b'#') => name[n].is_ascii_hexdigit(),
            Some(byte) => *byte == name[n],
            None => false,
        };
        if is_one {
            (p, n) = (p + 1, n + 1);
        } else if let Some((at, taken)) = star {
            // It takes one more.
            star = Some((at, taken + 1));
            (p, n) = (at + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("veth*", "veth12", true),
            ("veth*", "veth", true),
            ("veth*", "vet", false),
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("*a", "bbaba", true),
            ("br-############", "br-0123456789ab", true),
            ("br-############", "br-lan", false),
            ("br-############", "br-0123456789abc", false),
            ("veth#*i#", "veth101i0", true),
            ("veth#*i#", "veth0a1b2c3", false),
            ("", "", true),
            ("", "a", false),
        ] {
            let fits = fits(pattern.as_bytes(), name.as_bytes());
            assert_eq!(fits, expected, "{pattern} {name}");
        }
        assert_eq!(family("br-############"), "br-*");
        assert_eq!(family("veth#*i#"), "veth*i*");
        assert!(!fits(b"*a*a*a*a*b", &[b'a'; 4_096]));
    }

    #[test]
    fn our_own_rules_suit_hosts_of_containers_and_machines() {
        let rules = Rules::default();
        let of = |name: &str| {
            let (action, pattern) = rules.of(Label::Iface, name.as_bytes());
            (action, family(pattern))
        };
        for name in [
            "eno1", "eth0", "docker0", "br-lan", "vmbr0", "tap100i0", "lxcbr0",
        ] {
            assert_eq!(of(name).0, Action::Keep, "{name}");
        }
        assert_eq!(of("veth101i0").0, Action::Keep);
        for (name, family) in [
            ("veth0a1b2c3", "veth*"),
            ("vethXy9zAb", "veth*"),
            ("cali0123456789a", "cali*"),
            ("lxc0123456789ab", "lxc*"),
            ("br-0123456789ab", "br-*"),
        ] {
            assert_eq!(of(name), (Action::Sum, family.to_owned()), "{name}");
        }
        for name in ["fwbr100i0", "fwpr100p0", "fwln100i0"] {
            assert_eq!(of(name).0, Action::LeaveOut, "{name}");
        }
    }

    #[test]
    fn the_operators_rules_come_first() {
        let mut rules = Rules::default();
        rules.add("iface=veth* keep").unwrap();
        rules.add("  iface = tap*   sum ").unwrap();
        rules.add("mount=/srv/a b leave-out").unwrap();
        let of = |label, name: &str| rules.of(label, name.as_bytes()).0;
        assert_eq!(of(Label::Iface, "veth0a1b2c3"), Action::Keep);
        assert_eq!(of(Label::Iface, "tap100i0"), Action::Sum);
        assert_eq!(of(Label::Device, "tap100i0"), Action::Keep);
        assert_eq!(of(Label::Mount, "/srv/a b"), Action::LeaveOut);
        for wrong in [
            "",
            "veth*",
            "veth* sum",
            "iface=veth*",
            "iface= sum",
            "port=veth* sum",
            "iface=veth* drop",
            "iface=a\u{7}b sum",
        ] {
            assert_eq!(rules.clone().add(wrong), Err(USAGE), "{wrong:?}");
        }
        assert!(
            rules
                .clone()
                .add("mount=/srv/* sum")
                .unwrap_err()
                .contains("mounts")
        );
        let long = format!("iface={} sum", "a".repeat(PATTERN_BYTES_MAX + 1));
        assert!(rules.clone().add(&long).unwrap_err().contains("64 bytes"));
        let more = (0..100).take_while(|n| rules.add(&format!("device=x{n} keep")).is_ok());
        let more = more.count();
        assert_eq!(more + 3 + DEFAULTS.len(), FAMILIES_MAX);
    }
}
