//! What is known of a node's packages: read from a survey, stored, shown. Pure.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Manager;
use super::limits::NOTES_MAX;
use super::model::{Listing, Lock, Refused, Repair, Upgrade};
use super::sections::Sections;
use super::text::{field, lines, some};

/// As it is stored, in one JSON document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    pub manager: Option<Manager>,
    pub manager_version: Option<String>,
    pub upgradable: Vec<Upgrade>,
    pub held: Vec<String>,
    pub installed: Option<usize>,
    pub reboot_required: Reboot,
    pub services: Vec<String>,
    pub leftovers: Vec<String>,
    pub space: Vec<Disk>,
    /// What a kernel and its first file system take in /boot.
    pub boot_need_bytes: u64,
    pub lock: Option<Lock>,
    pub repair: Vec<Repair>,
    /// What the system is, where its makers want full upgrades only.
    pub full_advised: Option<String>,
    pub boot_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reboot {
    /// None: nothing on the node tells.
    pub required: Option<bool>,
    pub reasons: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    pub path: String,
    pub free_bytes: u64,
    pub total_bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub upgradable: usize,
    pub security: Option<usize>,
    pub held: usize,
    pub installed: Option<usize>,
}

impl Facts {
    pub fn counts(&self) -> Counts {
        let told = self.upgradable.is_empty()
            || self
                .upgradable
                .iter()
                .any(|upgrade| upgrade.security.is_some());
        let security = self
            .upgradable
            .iter()
            .filter(|upgrade| upgrade.security == Some(true))
            .count();
        Counts {
            upgradable: self.upgradable.len(),
            security: told.then_some(security),
            held: self.held.len(),
            installed: self.installed,
        }
    }

    /// What waits, in one line for people.
    pub fn waiting(&self) -> String {
        let open = || self.upgradable.iter().filter(|upgrade| !upgrade.held);
        let held = self.upgradable.len() - open().count();
        let mut line = match open().count() {
            0 => "no upgrades".to_owned(),
            1 => "1 upgrade".to_owned(),
            many => format!("{many} upgrades"),
        };
        let security = open().filter(|upgrade| upgrade.security == Some(true));
        match (security.count(), open().any(|u| u.security.is_some())) {
            (0, false) => {}
            (0, true) => line.push_str(", none for security"),
            (urgent, _) => line.push_str(&format!(", {urgent} for security")),
        }
        if held > 0 {
            line.push_str(&format!(", {held} held"));
        }
        line
    }

    /// What has to be repaired before the manager does anything else.
    pub fn blocked_by(&self) -> Option<&Repair> {
        self.repair.iter().find(|repair| repair.blocks)
    }

    pub fn disk(&self, path: &str) -> Option<&Disk> {
        // The filesystem with the longest path that leads there.
        self.space
            .iter()
            .filter(|disk| {
                disk.path == "/"
                    || path == disk.path
                    || path
                        .strip_prefix(disk.path.as_str())
                        .is_some_and(|rest| rest.starts_with('/'))
            })
            .max_by_key(|disk| disk.path.len())
    }
}

/// The manager and its version, by the detecting section.
pub fn detected(said: &Sections) -> (Option<Manager>, Option<String>) {
    let Some(rest) = lines(said.text("detect")).find_map(|line| line.strip_prefix("manager "))
    else {
        return (None, None);
    };
    let (name, version) = rest.split_once(' ').unwrap_or((rest, ""));
    (Manager::from_name(name), some(version))
}

/// Reads a whole survey. The error says why the packages are not known.
pub fn read(manager: Manager, version: Option<String>, said: &Sections) -> Result<Facts, Refused> {
    if said.text("end").trim() != "end" {
        return Err(Refused::new(
            "failed",
            "The node's shell did not answer all questions.",
            "It needs a POSIX sh with the usual small tools (coreutils or busybox).",
        ));
    }
    let left = left_behind(manager, said.text("left"));
    let mut listing = match manager.backend().read_survey(said) {
        // A lock that nobody will ever release is why.
        Err(_) if left.is_some() => Listing::default(),
        other => other?,
    };
    listing.repair.extend(left);
    let mut facts = Facts {
        manager: Some(manager),
        manager_version: version,
        upgradable: listing.upgradable,
        held: listing.held,
        installed: listing.installed_count,
        repair: listing.repair,
        full_advised: listing.full_advised,
        space: disks(said.text("disks")),
        services: listed(said.text("services")),
        leftovers: listed(said.text("leftovers")),
        lock: holder(said.text("holders")),
        boot_id: field(said.text("boot")),
        ..Facts::default()
    };
    facts.upgradable.sort_by(|a, b| a.name.cmp(&b.name));
    let mut told = manager != Manager::Opkg;
    let mut reasons: Vec<String> = listing.reboot_reasons;
    let kernels = Kernels::read(said.text("kernels"));
    facts.boot_need_bytes = kernels.need_bytes;
    if let Some(reason) = kernels.reason() {
        reasons.push(reason);
    }
    let mut marks = lines(said.text("marks"));
    let mut marked = false;
    if marks.next().is_some() {
        marked = true;
        told = true;
        reasons.extend(
            marks
                .filter(|line| *line != "required")
                .map(|name| format!("{} was updated", field(name))),
        );
        if reasons.is_empty() {
            reasons.push("The system says so".to_owned());
        }
    }
    reasons.truncate(20);
    let required = marked || !reasons.is_empty();
    facts.reboot_required = Reboot {
        required: (told || required).then_some(required),
        reasons,
    };
    Ok(facts)
}

fn listed(text: &str) -> Vec<String> {
    let all: BTreeSet<String> = lines(text).map(field).collect();
    all.into_iter().take(NOTES_MAX).collect()
}

fn disks(text: &str) -> Vec<Disk> {
    let mut out: Vec<Disk> = Vec::new();
    for line in lines(text) {
        let mut words = line.splitn(3, ' ');
        let (Some(used), Some(free), Some(path)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let kib = |text: &str| text.parse::<u64>().ok()?.checked_mul(1024);
        if let (Some(used), Some(free)) = (kib(used), kib(free))
            && out.iter().all(|disk| disk.path != path)
        {
            out.push(Disk {
                path: field(path),
                free_bytes: free,
                total_bytes: used.saturating_add(free),
            });
        }
    }
    out
}

/// The first who holds a lock and is not ourselves.
pub fn holder(text: &str) -> Option<Lock> {
    let (pid, process) = lines(text).find_map(|line| line.split_once(' '))?;
    Some(Lock {
        pid: pid.parse().ok(),
        process: some(process),
        stale: false,
    })
}

/// A file with the number of a process that has ended, which the manager waits for:
/// `PID FILE NAME`.
fn left_behind(manager: Manager, text: &str) -> Option<Repair> {
    if !manager.backend().repairs().contains(&"stale_lock") {
        return None;
    }
    let mut words = lines(text).next()?.splitn(3, ' ');
    let (pid, file, name) = (words.next()?, words.next()?, words.next()?);
    let detail = format!(
        "{} was left behind: it names process {}, which is {} by now and no package manager.",
        field(file),
        field(pid),
        field(name)
    );
    let title = "Remove the lock that a crash has left";
    Some(Repair::new("stale_lock", title, detail).blocking())
}

struct Kernels {
    need_bytes: u64,
    running: String,
    newest: Option<String>,
    known: bool,
    gone: bool,
}

impl Kernels {
    fn read(text: &str) -> Self {
        let one = |name: &str| {
            lines(text)
                .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
                .last()
                .map(field)
        };
        let running = one("running").unwrap_or_default();
        let known = lines(text)
            .filter_map(|line| line.strip_prefix("kernel "))
            .any(|kernel| kernel == running);
        Self {
            need_bytes: one("boot")
                .and_then(|bytes| bytes.parse().ok())
                .unwrap_or(0),
            newest: one("kernel"),
            known,
            gone: lines(text).any(|line| line == "gone"),
            running,
        }
    }

    /// In a container the kernel is another's: only one that is found in /boot, or
    /// whose modules were replaced, says something.
    fn reason(&self) -> Option<String> {
        match &self.newest {
            Some(newest) if self.known && *newest != self.running => Some(format!(
                "Kernel {newest} is installed, {} runs",
                self.running
            )),
            Some(newest) if self.gone => Some(format!(
                "Kernel {newest} is installed, {} runs and its modules are gone",
                self.running
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::golden::sample;

    fn common(sections: Sections) -> Sections {
        sections
            .and("disks", "1000 500 /\n10 20 /boot\n1000 500 /\n", 0)
            .and("end", "end", 0)
            .and("boot", "b00t\n", 0)
    }

    #[test]
    fn a_debian_with_updates() {
        let said = common(Sections::single("list", &sample("apt-list"), 0))
            .and("sim", &sample("apt-s-full"), 0)
            .and("held", "labheld\n", 0)
            .and("count", "280\n", 0)
            .and("audit", &sample("dpkg-audit"), 0)
            .and("check", "", 0)
            .and("marks", "required\nlinux-image-6.1.0-30-amd64\n", 0)
            .and("kernels", "boot 60000\nrunning 6.1.0-28-amd64\nkernel 6.1.0-28-amd64\nkernel 6.1.0-30-amd64\n", 0)
            .and("holders", "812 unattended-upgr\n", 0)
            .and("services", "nginx.service\n", 0);
        let facts = read(Manager::Apt, Some("2.6.1".into()), &said).unwrap();
        assert_eq!(facts.counts().upgradable, 11);
        assert_eq!(facts.counts().security, Some(1));
        assert_eq!(facts.counts().installed, Some(280));
        assert_eq!(facts.held, ["labheld"]);
        let lib = facts
            .upgradable
            .iter()
            .find(|u| u.name == "lablib")
            .unwrap();
        assert_eq!(lib.security, Some(true));
        assert_eq!(lib.repo.as_deref(), Some("Lab-Security:12/stable-security"));
        assert_eq!(lib.installed.as_deref(), Some("1.0-1"));
        assert_eq!(facts.repair[0].what, "dpkg_configure");
        assert!(facts.repair[0].detail.contains("labbroken"));
        assert_eq!(facts.reboot_required.required, Some(true));
        assert_eq!(
            facts.reboot_required.reasons,
            [
                "Kernel 6.1.0-30-amd64 is installed, 6.1.0-28-amd64 runs",
                "linux-image-6.1.0-30-amd64 was updated"
            ]
        );
        assert_eq!(facts.lock.as_ref().unwrap().pid, Some(812));
        assert_eq!(facts.space.len(), 2);
        assert_eq!(facts.disk("/var/cache").unwrap().path, "/");
        assert_eq!(facts.disk("/boot").unwrap().free_bytes, 20 << 10);
        let again: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
        assert_eq!(again, facts);
    }

    #[test]
    fn what_waits_is_one_line() {
        let of = |all: &[(Option<bool>, bool)]| {
            let upgradable = all.iter().map(|&(security, held)| Upgrade {
                security,
                held,
                ..Upgrade::default()
            });
            Facts {
                upgradable: upgradable.collect(),
                ..Facts::default()
            }
            .waiting()
        };
        let (plain, urgent) = ((Some(false), false), (Some(true), false));
        assert_eq!(of(&[]), "no upgrades");
        assert_eq!(of(&[plain]), "1 upgrade, none for security");
        let mut many = vec![plain; 41];
        many.extend([urgent, urgent]);
        assert_eq!(of(&many), "43 upgrades, 2 for security");
        many.push((Some(true), true));
        assert_eq!(of(&many), "43 upgrades, 2 for security, 1 held");
        assert_eq!(of(&[(None, false), (None, false)]), "2 upgrades");
    }

    #[test]
    fn half_an_answer_is_none() {
        let said = Sections::single("list", &sample("apt-list"), 0);
        assert_eq!(read(Manager::Apt, None, &said).unwrap_err().kind, "failed");
    }
}
